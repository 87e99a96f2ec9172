// Deterministic automata over bytes.
//
// A Dfa is trimmed: from every state an accepting one can be reached, so "the run is alive" already means "a match can follow".
#pragma once

#include "bytes.hpp"

namespace weft {

constexpr u32 DEAD = NONE;

struct Dfa {
    u32 start = 0;
    u32 classes = 0;
    u8 class_of[256] = {};
    std::vector<u32> next;  // next[state * classes + class_of[byte]], DEAD where no match can follow
    std::vector<u8> accept;
    std::vector<u32> label;      // lexers only: what an accepting state accepts (0: nothing)
    std::vector<Hash128> hash;   // of the language from each state on
    std::vector<ByteSet> reads;  // the bytes that each state can read

    u32 size() const { return u32(accept.size()); }
    bool empty() const { return accept.empty(); }
    u32 step(u32 s, u8 b) const { return next[std::size_t(s) * classes + class_of[b]]; }
};

// The classes of bytes that two divisions of them do not tell apart.
struct PairClasses {
    u8 class_of[256];
    std::vector<u8> a, b;  // per class: the class in each division
    PairClasses(const u8* of_a, const u8* of_b);
    PairClasses(const u8* of_a, const ByteSet& letters);  // each letter is a class of its own
    u32 size() const { return u32(a.size()); }
};

// Strongly connected components of what `roots` reach (Tarjan 1972), those that nothing leaves first.
struct Components {
    std::vector<u32> of;             // per state; NONE where the roots do not lead
    std::vector<u32> states, at{0};  // those of component c: states[at[c]] .. states[at[c + 1]]
    u32 count() const { return u32(at.size()) - 1; }
    Components(const Dfa& d, const std::vector<u32>& roots);
};

// Names a state by whether it accepts and by a sum over its bytes: of a weight of the byte times the name of where it leads. So the
// name does not depend on how bytes are put into classes, and changes with a row in as few steps.
struct RowName {
    u64 a = 0, b = 0;
    static u64 weight_a(u8 byte) { return mix64(2 * byte); }
    static u64 weight_b(u8 byte) { return mix64(2 * byte + 1); }
    void add(u8 byte, const Hash128& to) { a += weight_a(byte) * to.a, b += weight_b(byte) * to.b; }
    void remove(u8 byte, const Hash128& to) { a -= weight_a(byte) * to.a, b -= weight_b(byte) * to.b; }
    void add_to(Hash128& h, bool accept, u32 label) const { h.add(accept ? 1 + label : 0), h.add(a), h.add(b); }
};

// Fills `hash` and `reads`: a name for the language of every state.
void name_states(Dfa& d);

}  // namespace weft
