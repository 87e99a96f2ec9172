// What one element of a canvas (any token, one token, a piece of text) does to a place in the grammar, whatever lies below it on the
// stack. That depends on no position and no stack, so it is found once per constraint.
//
// A place is *open*: a terminal that is being read, the states that its lexeme may be in, and the box state after it. An element
// carries an open place on by
//
//   inner     it stays inside the lexeme: other states of the same place
//   outs      it ends the lexeme and opens another one, perhaps some calls further up: (what to push, open places)
//   up        it ends the box itself; what is left of the words is read below, wherever that is: one set of rests for all ways
//
//   in `[1, 2|`   "3" is inner;   ", [" and ", \"" are outs;   "],"  "]}"  "]" are up with the rests  ","  "}"  (and, lazily, "")
//
// A lexeme ends when the next byte says so, as in Lexer; a token that ends where a lexeme may end leaves it open.
#pragma once

#include <deque>

#include "frontier.hpp"
#include "lexer.hpp"
#include "wordsets.hpp"

namespace weft {

class Moves {
  public:
    Moves(const Machine& m, const Lexer* lexer, const WordSets& words, const Trie& trie, u64 max_bytes);

    struct Open {
        u32 term, ret, lexes;  // lexes: a set of lexical states, see `states`
    };
    struct Out {
        u32 pushes, opens;     // pushes: return states from the bottom to the top, see `pushed`; opens: see `opened`
    };
    struct Summary {
        std::vector<Out> outs; // one for each way to push
        u32 up = NOTHING;      // rests that are left when the box has ended
    };
    struct Next {
        u32 inner;             // an open place, or NONE
        u32 summary;           // of the box state after the lexeme, or NONE
    };
    static constexpr u32 NOTHING = 0;  // no rests
    static constexpr u32 LONGEST_TEXT = 16;  // bytes of text that are read as one element

    void allow(u64 more) { quota = more == ~u64(0) ? more : spent + more; }  // how many sets of words may be read from now on
    u64 steps() const { return spent; }
    Next next(u32 open, u32 words);                 // `words`: what the element can be
    u32 summary(u32 rests, u32 ret);                // the box state `ret` before the rests; NONE where nothing fits
    const Summary& at(u32 summary) const { return summaries[summary]; }
    const SpanPool<u32>& pushed() const { return push_lists; }
    const SpanPool<u32>& opened() const { return open_sets; }  // sets of open places, one for each terminal and box state

    u32 open(u32 term, u32 ret, std::vector<u32> lexes);  // lexical states, as `lex` numbers them
    const Open& place(u32 open) const { return *opens.begin(open); }
    const SpanPool<u32>& states() const { return lex_sets; }
    u32 lex(u32 term, u32 q);                       // q: a state of the terminal, or with a lexer one of the lexer
    u32 state_of(u32 lex) const { return lexer ? lex : lex_list[lex].second; }
    bool behind_special(u32 lex) const {            // a special token has just ended
        return lexer ? lex >= first_special : m.terminals[lex_list[lex].first]->special != NONE && lex_list[lex].second == 1;
    }
    bool alive(u32 x, u32 term) const;              // the lexeme of x can become `term`, or ignored text before it
    bool counts(u32 x) const {                      // it keeps a count, so that each token leads to another state
        return !lexer && m.terminals[lex_list[x].first]->is_counted(lex_list[x].second);
    }
    struct Inside {
        u32 to;                                     // the lexical state if the lexeme goes on, or NONE
        bool ends;                                  // it may end before the byte
    };
    Inside inside(u32 x, u8 b) {
        u32 go, label, next;
        step(x, b, go, label, next);
        return {go, lexer ? next != NONE : accepts(x)};
    }
    u32 fan(u32 open);                              // with how many bytes its lexemes may go on or end, at most
    bool may_end(u32 open) const;                   // some lexeme may end here, as this terminal
    bool may_end(u32 term, u32 lex) const;
    std::size_t bytes() const;

    WordSets words;
    const Machine& m;
    const Lexer* lexer;

  private:
    struct Rest {
        u32 lex, set;  // words that are left, and the lexical state before them: FRESH where any lexeme begins
        bool operator<(const Rest& o) const { return std::tie(lex, set) < std::tie(o.lex, o.set); }
    };
    struct Exit {
        u32 label, rests;
        bool operator<(const Exit& o) const { return std::tie(label, rests) < std::tie(o.label, o.rests); }
    };
    struct Reading {  // a set of words, read from a lexical state
        u32 inner, exits;
    };
    struct Ahead {  // what words read from a counted part
        u32 count;       // so many units more
        u32 inside;      // the states in the unit where they end, with count 0
        Reading behind;  // what they do behind the part, which ends here if the count is enough
    };
    struct Read {
        u32 inner, rests;
    };
    struct Loop {  // what leaves a lexical state as it is and ends nothing
        u64 bytes, characters;  // kinds of bytes; of first bytes of characters
    };
    static constexpr u32 FRESH = NONE - 1, WHOLE = NONE - 2;  // WHOLE: the label of a terminal that is read alone
    u32 reading(u32 set, u32 x);
    std::pair<u32, u32> counted(u32 x);
    u32 ahead(u32 set, u32 x);
    Reading read_counted(u32 set, u32 x, const std::vector<u32>& counts);
    Reading after(u32 x, u32 symbol, u32 rest);
    u32 exit(u32 label, u32 next, u32 left);
    u32 rest(u32 lex, u32 set);
    void unite(Reading& a, const Reading& b);
    void step(u32 x, u32 symbol, u32& go, u32& label, u32& next);
    bool stays(u32 x, u32 set);                     // all words leave the state as it is and end nothing
    Read read(u32 rests, u32 term);
    Read read_open(u32 term, u32 lexes, u32 set);
    void filter(const Reading& r, u32 term, u32& inner, u32& rests);
    bool completes(u32 label, u32 term) const;
    bool ignorable(u32 label) const { return lexer && label < first_special && label != WHOLE && lexer->may_ignore(label); }
    bool accepts(u32 x) const;                      // without a lexer
    u32 unite_lexes(u32 a, u32 b);
    u32 unite_rests(u32 a, u32 b);
    u32 unite_exits(u32 a, u32 b);
    void add(const Summary& from, u32 ret, std::vector<std::pair<u32, u32>>& outs);
    u32 gather(const std::pair<u32, u32>* from, const std::pair<u32, u32>* to);
    void check_size();
    void check_quota();

    u64 limit, quota = ~u64(0), spent = 0;
    u32 first_special = 0;                          // lexical state right behind special token k, and its label: this + k
    const u8* kind;
    std::vector<TermBits> wanted;                   // per terminal, and for END: its bits and those of ignored text
    FlatMap lex_ids, loop_ids, fans, reading_ids, ahead_ids, read_ids, open_ids, summary_ids, next_ids, lexes_united, rests_united, exits_united;
    std::vector<std::pair<u32, u32>> lex_list;      // without a lexer: (terminal, state)
    std::vector<Loop> loops;
    SpanPool<u32> lex_sets, push_lists, open_sets;
    SpanPool<Rest> rest_sets;
    SpanPool<Exit> exit_sets;
    SpanPool<Ahead> aheads;
    SpanPool<Open> opens;
    std::vector<Reading> readings;
    std::vector<Read> reads;
    std::vector<Next> nexts;
    std::deque<Summary> summaries;
    std::size_t summary_bytes = 0;
};

}  // namespace weft
