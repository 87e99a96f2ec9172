// Minimisation: states from which the same can be read become one.
//
// References: Valmari 2012 (in O(m log n)), Valmari & Lehtinen 2008 (refinable partitions), Tarjan 1972 (components).
#pragma once

#include "dfa.hpp"

namespace weft {

struct Edge {
    u32 from, label, to;
};
// The coarsest partition of a partial deterministic automaton: `block` holds the initial one (any numbers) and returns the final
// one, numbered 0.. by first member. Returns how many blocks there are.
u32 minimise(u32 states, const std::vector<Edge>& edges, std::vector<u32>& block);

// The automaton without states from which nothing is accepted, equivalent ones merged (unless `merge` is off), numbered by breadth
// first search.
Dfa finish(Dfa d, bool merge = true);

}  // namespace weft
