// The automata of nonterminals on their way from productions to the machine's boxes.
//
//   a: "x" a? | b        net:  (0) -x-> (1) -a-> (2)    (1) -> (2)    (0) -b-> (2)
//
// normalise() is about the grammar (nothing useless, nothing empty, no left recursion), reduce() about each automaton (inlined,
// deterministic, minimal).
#pragma once

#include "common.hpp"

namespace weft {

constexpr u32 EPS = NONE;
constexpr u32 BOX = 0x80000000u;  // labels with this bit are calls, the others terminals

struct Arc {
    u32 label, to;
    bool operator<(const Arc& o) const { return label != o.label ? label < o.label : to < o.to; }
};

struct Net {
    std::vector<std::vector<Arc>> out;
    std::vector<u8> final;
    u32 entry = 0;
    u32 add() {
        out.emplace_back();
        final.push_back(0);
        return u32(out.size()) - 1;
    }
    void arc(u32 from, u32 label, u32 to) { out[from].push_back({label, to}); }
};

struct Box {  // reduced; without empty arcs
    std::vector<u32> at{0};  // arcs of state s: arcs[at[s]] .. arcs[at[s + 1]]
    std::vector<Arc> arcs;
    std::vector<u8> final;
    u32 entry = 0;
    u32 size() const { return u32(final.size()); }
    void end_state(bool is_final) { at.push_back(u32(arcs.size())), final.push_back(is_final); }
};

// What one grammar may cost.
class Allowance {
  public:
    explicit Allowance(const Limits& limits) : limits(limits) {}
    void spend(u64 states) {
        if ((made += states) > limits.box_states)
            throw LimitFault("the grammar needs too many states", limits.box_states, made, "lower the repeat counts, or raise Limits.box_states");
    }
    void toil(u64 members) {  // of sets of states: few sets may still be large ones
        if ((work += members) > limits.box_states * u64(100))
            throw LimitFault("the grammar needs too large sets of states", limits.box_states * u64(100), work, "lower the repeat counts of what may be empty, or raise Limits.box_states");
    }
    u32 state(Net& n) {
        spend(1);
        return n.add();
    }

  private:
    const Limits& limits;
    u64 made = 0, work = 0;
};

// Strongly connected components (Tarjan 1972): callees first in `members`; returns the component of each node.
std::vector<u32> components(const std::vector<std::vector<u32>>& graph, std::vector<std::vector<u32>>& members);

// Which nets accept the empty text. Afterwards callers have an empty arc beside each call of those, none can only fail, and none calls
// itself before it has read something.
std::vector<u8> normalise(std::vector<Net>& nets, Allowance& allowance);

// Each net with the small boxes that it calls inlined, deterministic (but for the rare one whose subsets explode) and minimal. None
// accepts the empty text: that is the callers' business.
std::vector<Box> reduce(const std::vector<Net>& nets, u32 start, Allowance& allowance);

}  // namespace weft
