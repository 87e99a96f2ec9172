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
//
// A *part* is a row of lexer states, one per class of bytes: where the next byte leads if the lexeme goes on (`go`), and where if it
// has ended (`next`). Rows are interned: all identifiers end alike. What a boundary forbids is just its `next` row, so these rows
// are the *boundaries*. States are made as they are met, or all at once by explore(): after that a lexer does not change.
#pragma once

#include "intern.hpp"
#include "machine.hpp"

namespace weft {

// Sets of pairs (terminal, boundary), or of terminals where boundaries do not matter.
using TermBits = std::vector<u64>;
inline bool meets(const u64* a, const u64* b, std::size_t words) {  // whether two rows of bits have one in common
    for (std::size_t k = 0; k < words; ++k)
        if (a[k] & b[k]) return true;
    return false;
}
inline bool meets(const u64* a, const TermBits& b) { return meets(a, b.data(), b.size()); }
inline bool meets(const TermBits& a, const TermBits& b) { return meets(a.data(), b); }

// The machine without terminals that no text can have by longest match, and without what needs them. `start: A B` with A: "a" and
// B.1: "a" has no sentence, for each "a" is a B: the start box is NONE then.
Machine useful_part(const Machine& m);

class Lexer {
  public:
    Lexer(const Machine& m, const Limits& limits);
    static Hash128 key(const Machine& m);  // equal keys: equal lexers, down to the numbers of their states

    struct Move {
        u32 go;    // the open lexeme goes on: lexer state, or DEAD
        u32 next;  // the lexeme has ended before this byte, which begins another: lexer state, or DEAD
    };
    static constexpr u32 BEGIN = 0;  // before the first byte
    Move move(u32 x, u8 b) {
        if (states[x].go == NONE) fill(x);
        return {go(x, b), next(x, b)};
    }
    u32 label(u32 x) const { return states[x].label; }  // what the lexeme is if it ends here; 0: it cannot
    bool only_ignored(u32 lab) const { return ignored_only[lab]; }
    bool may_ignore(u32 lab) const { return ignored_some[lab]; }
    const std::vector<u32>& winners(u32 lab) const { return lists[lab]; }
    const TermBits& winner_bits(u32 lab) const { return list_bits[lab]; }  // of terminals alone

    // Finds all states and what they can become. Throws LimitFault when they are too many. What follows needs it.
    void explore();
    bool owes(u32 x) const { return sets.size(states[x].obligations) != 0; }  // a lexeme before forbids something still
    u32 go_part(u32 x) const { return states[x].go; }
    u32 next_part(u32 x) const { return states[x].next; }
    u32 go(u32 x, u8 b) const { return parts.begin(states[x].go)[scan.class_of[b]]; }
    u32 next(u32 x, u8 b) const { return parts.begin(states[x].next)[scan.class_of[b]]; }
    const u32* part(u32 id) const { return parts.begin(id); }
    u32 size() const { return u32(states.size()); }
    u32 live(u32 x) const { return states[x].live; }  // class of what the open lexeme can still become
    const TermBits& terms(u32 live_class) const { return classes[live_class]; }
    bool is_ignored(u32 t) const { return ignored[t] != 0; }

    // Whether each lexeme can end so that ignored text can follow after which every terminal may stand. If so, what is open can be
    // completed exactly if some terminal that it can become is acceptable, and bits of TermBits are terminals (boundaries == 1).
    // If not, what follows a lexeme decides about it, and bit t * boundaries + k is: terminal t, ended at boundary k.
    bool separable = true;
    u32 boundaries = 1;
    u32 boundary(u32 x) const { return number[x == BEGIN ? states[x].go : states[x].next]; }  // of a lexeme that ends in x
    const TermBits& from_boundary(u32 k) const { return follows[k]; }  // what one lexeme that begins at boundary k can be
    u32 terminals() const { return term_count; }
    u32 words() const { return std::max(1u, (term_count * boundaries + 63) / 64); }

    const Dfa& scan;
    std::size_t bytes() const;

  private:
    struct State {
        u32 q, obligations, label, live = 0, go = NONE, next = NONE;  // go and next: parts, NONE until needed
    };
    u32 state(u32 q, u32 obligations);
    u32 label_of(u32 q) const { return lists[scan.label[q]].empty() ? 0 : scan.label[q]; }
    u32 oblige(u32 set, u8 b);  // the obligations after a byte, or DEAD when one is broken
    u32 with(u32 set, u32 q);
    void fill(u32 x);
    void drop_hopeless(const std::vector<TermBits>& live);
    void number_boundaries();
    std::vector<u8> good_boundaries(const std::vector<u8>& allowed, const std::vector<TermBits>& live) const;
    bool is_separable(const std::vector<TermBits>& live) const;
    std::vector<TermBits> find_live(const std::vector<u8>* allowed) const;
    void keep_live(const std::vector<TermBits>& live);

    std::vector<State> states;  // 0: BEGIN; 1 + q: state q of the automaton without obligations; then those with
    SpanPool<u32> parts;
    std::vector<u32> number;       // per part: which boundary it is, or NONE
    std::vector<u32> boundary_part;
    std::vector<TermBits> classes, follows, list_bits;
    std::vector<std::vector<u32>> lists;  // per label: its terminals that are read or ignored
    std::vector<u8> ignored_only, ignored_some;  // per label
    std::vector<u8> ignored, read;               // per terminal; read: by the machine. A terminal may be both.
    u32 term_count, state_limit;
    u8 sample[256];          // one byte of each class
    SpanPool<u32> sets;      // obligations
    FlatMap ids;             // states with obligations
};

}  // namespace weft
