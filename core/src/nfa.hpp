// Nondeterministic automata over bytes: from expressions to subsets.
//
// References: Thompson 1968 (construction), Rabin & Scott 1959 (subsets).
#pragma once

#include "dfa.hpp"
#include "regex.hpp"

namespace weft {

struct Nfa {
    struct Read {
        u32 from, to;
        u8 lo, hi;
    };
    std::vector<Read> reads;
    std::vector<std::pair<u32, u32>> empties;
    std::vector<u32> label;  // per state
    const Limits& limits;
    explicit Nfa(const Limits& l) : limits(l) {}

    u32 size() const { return u32(label.size()); }
    u32 add() {
        if (label.size() >= limits.nfa_states)
            throw LimitFault("the regular expression needs too many states", limits.nfa_states, label.size() + 1,
                             "lower the repeat counts, or raise Limits.nfa_states");
        label.push_back(0);
        return size() - 1;
    }
    void read(u32 from, u8 lo, u8 hi, u32 to) { reads.push_back({from, to, lo, hi}); }
    void empty(u32 from, u32 to) { empties.emplace_back(from, to); }
};

// Adds what reads `rx` behind the state `from`; returns the end state. `depth` guards the recursion.
u32 build(Nfa& n, const RxPtr& rx, u32 from, u32 depth);

// `winner` maps the sorted labels that meet in an accepting state to one label > 0.
Dfa determinise(const Nfa& nfa, u32 start, const Limits& limits, const std::function<u32(const std::vector<u32>&)>& winner);

}  // namespace weft
