// Longest-match lexing under a left-to-right reading.
//
// A lexeme may end only where no terminal could go on to a longer match over the text that follows. That is decided by the text
// alone, so a boundary leaves an *obligation*: the state of the all-terminals automaton, run on over the following bytes, which must
// die before it accepts. A lexer state is (state in the open lexeme, set of obligations); nearly always the set is empty.
//
//   terminals 1, 1e5, e     text 1e|     two readings are open: in the middle of 1e5, and after 1 in e with the obligation
//                                        that 1e.. shall not become 1e5
//
// A lexeme ends lazily, when the next byte comes, so that an identifier that may go on is one state and not two.
#pragma once

#include "frontier.hpp"
#include "store.hpp"

namespace weft {

// Sets of terminals.
using TermBits = std::vector<u64>;

class Lexer {
  public:
    Lexer(const Machine& m, const Limits& limits);

    struct Move {
        u32 go;    // the open lexeme goes on: lexer state, or DEAD
        u32 next;  // the lexeme has ended before this byte, which begins another: lexer state, or DEAD
    };
    static constexpr u32 BEGIN = 0;  // before the first byte
    const Move& move(u32 x, u8 b) {
        if (states[x].moves.empty()) fill(x);
        return states[x].moves[scan.class_of[b]];
    }
    u32 label(u32 x) const { return states[x].label; }  // what the lexeme is if it ends here; 0: it cannot
    u32 live(u32 x) {                                    // class of the terminals that the open lexeme can still become
        if (states[x].live == NONE) find_live(x);
        return states[x].live;
    }
    const TermBits& terms(u32 live_class) const { return classes[live_class]; }
    bool only_ignored(u32 lab) const { return ignored_only[lab]; }
    bool may_ignore(u32 lab) const { return ignored_some[lab]; }
    const TermBits& ignored() const { return ignored_bits; }
    u32 words() const { return u32((m.terminals.size() + 63) / 64); }
    Hash128 key(u32 x) const;  // of the state within its automaton: names entries in the store

    const Machine& m;
    const Dfa& scan;

  private:
    struct State {
        u32 q, obligations, label = 0, live = NONE;
        std::vector<Move> moves;
    };
    u32 state(u32 q, u32 obligations);
    u32 oblige(u32 set, u8 b);      // the obligations after a byte, or DEAD when one is broken
    u32 with(u32 set, u32 q);
    void fill(u32 x);
    void find_live(u32 x);
    u32 class_of(const TermBits& bits);
    std::vector<State> states;
    FlatMap ids;
    SpanPool<u32> sets;             // obligations
    std::vector<TermBits> classes;
    std::vector<u8> ignored_only, ignored_some;  // per label
    TermBits ignored_bits;
    u8 sample[256];                 // one byte of each class
    const Limits& limits;
};

}  // namespace weft
