// What can be read inside of an elastic hole, where every byte may stand. It depends on no canvas, so it is found once per grammar.
//
//   int HOLE x;      a lexeme that is open before the hole may end in it, and any others may follow;
//                    what is open at its end reads on in the text behind it
#pragma once

#include <array>
#include <deque>
#include <memory>

#include "lexer.hpp"
#include "sets.hpp"

namespace weft {

class Holes {
  public:
    Holes(const Machine& m, const Lexer* lexer);
    const Lexer* const lexer;      // or null

    // What a state of the machine can become in a hole, where lexemes that owe nothing may follow each other: a set of states of its box.
    struct Passage {
        std::vector<u32> states;
        std::vector<std::pair<u32, u32>> calls;           // what any of them can call: (box, what follows)
        std::vector<std::pair<u32, u32>> reads;           // without a lexer, what they can read: (terminal, what follows)
        std::vector<std::pair<u32, TermBits>> scans;      // with one: what follows after which terminals
        TermBits first;                                   // with one: terminals that may come next
        bool ends = false;                                // the box may end, behind one lexeme more
    };
    const Passage& passage(u32 state, bool read);         // read: at least one lexeme in the hole
    // What a state of the machine may read next: bits of terminals with a lexer, without one of bytes.
    const u64* first_of(u32 state) const { return first.data() + state * width; }
    std::size_t width_of_first() const { return width; }

    // Without a lexer: what states of a terminal can become in a hole. It is one Dfa. ANY: of a lexeme that begins there.
    static constexpr u32 ANY = NONE;
    struct Open {
        const Dfa* dfa;
        std::vector<u32> states;  // in which it may be open at the end of the hole; none stands for all
        bool ends;                // it may end in the hole
        std::vector<u32> behind;  // per class of bytes: a list of states after one, once it is asked for
    };
    Open& of_terminal(u32 term, const std::vector<u32>& from);  // it holds until the next one is asked for
    void step(Open& open, u8 byte, std::vector<u32>& out);      // sets `out`
    // Terminals that may begin with a byte, and those that may read it anywhere.
    const u64* beginning(u8 byte) { return bits_of(byte); }
    const u64* reading(u8 byte) { return bits_of(byte) + within.size(); }

    // With a lexer: where lexemes end.
    struct End {
        u32 after;       // where the lexeme ended: see `after`
        TermBits terms;  // what it can be, as none that is ignored
        bool read, ignored;  // whether there are such terms, and whether it may be ignored
    };
    struct Lexeme {
        u32 label, after, bytes;  // after: see `exactly_after`; bytes: the fewest
    };
    struct Inside {
        std::vector<u32> states, bytes;  // in which a lexeme may be open at the end of the hole, and how many bytes it takes at least
        std::vector<End> ends;           // of lexemes that end in the hole
        std::vector<Lexeme> lexemes;     // the same one by one
    };
    const Inside& of_state(u32 x);     // the lexeme that is open in state x, from there on; in the hole it may read nothing
    const Inside& of_boundary(u32 x);  // one that begins in the hole, after another one that ended in state x
    // Boundaries that allow the same in a hole are one. Where ignored text can pay what is owed, nothing is owed: that is BEGIN.
    u32 after(u32 x) const { return is_free[part(x)] ? u32(Lexer::BEGIN) : exactly_after(x); }
    u32 exactly_after(u32 x) const { return first_with[part(x)]; }
    // Where a lexeme of a terminal may end in a hole, if those before it forbid nothing; and the terminals for which that is not just
    // BEGIN.
    const std::vector<u32>& after_term(u32 t) const { return behind[t]; }
    const TermBits& owing() const { return owe; }
    std::size_t bytes() const { return used + (first.size() + bits.size() + passages.size() + 2 * reached.size()) * 8; }
    void forget();

  private:
    u32 part(u32 x) const { return x == Lexer::BEGIN ? lexer->go_part(x) : lexer->next_part(x); }
    void find_boundaries(const std::vector<u8>& blanks);
    template <class Change>
    void each_until_same(const Change& change) const;
    void find_first();
    void find_within();
    void find_passable();
    bool reads_within(u32 term) const { return has_bit(within, term); }
    bool passes(u32 box) const { return may_end[m.entry[box]]; }
    void group_reads(Passage& p) const;
    Inside close(const std::vector<u32>& states, u32 bytes);
    const u64* bits_of(u8 byte);
    void close(Open& open, const std::vector<u32>& from);

    const Machine& m;
    const std::size_t width;
    std::vector<u64> first;        // per state of the machine
    std::array<u16, 256> rows{};   // per byte: see `beginning` and `reading`; 0 until it is asked about
    TermBits bits;
    FlatMap open_ids;              // (terminal, state) -> index in `opened`
    std::deque<Open> opened;       // each from one state,
    Open several;                  // or from more than one, not kept
    Lists behind_bytes;
    StateSet marks;
    TermBits within;               // terminals that may begin and end in a hole, owing nothing
    std::vector<u8> may_end;       // per state of the machine: in the hole its box may end
    std::vector<std::unique_ptr<Passage>> passages;  // two per state of the machine, once asked for
    Passage scratch;               // the one that is being found
    std::vector<u32> reached;      // per state of the machine: the last search that came to it
    std::vector<std::pair<u32, u32>> listed;  // the same, and the symbol behind which it was listed
    std::vector<u8> is_free;       // per row of the lexer: a boundary at which nothing is owed, or it can be paid
    std::vector<u32> first_with;   // and the first state that ends there
    std::unordered_map<u32, Inside> states, boundaries;
    std::vector<u32> seen;         // per state of the lexer: the last search that came to it
    u32 search = 0;
    std::size_t used = 0;
    std::vector<std::vector<u32>> behind;
    TermBits owe;
};

}  // namespace weft
