// The automata of nonterminals on their way from productions to the machine's boxes.
//
//   a: "x" a? | b        net:  (0) -x-> (1) -a-> (2)    (1) -> (2)    (0) -b-> (2)
//
// normalise() is about the grammar (nothing useless, nothing empty, no left recursion), reduce() about each automaton (inlined,
// deterministic, and minimal but for copies of circles).
#pragma once

#include <algorithm>

#include "common.hpp"

namespace weft {

constexpr u32 EPS = NONE;
constexpr u32 BOX = 0x80000000u;  // labels with this bit are calls, the others terminals

struct Arc {
    u32 label, to;
    bool operator<(const Arc& o) const { return label != o.label ? label < o.label : to < o.to; }
};

struct Net {  // entry 0, one end
    std::vector<u32> at{0};  // arcs of state s: arcs[at[s]] .. arcs[at[s + 1]]
    std::vector<Arc> arcs;
    u32 end = 0;
    u32 size() const { return u32(at.size()) - 1; }  // 0: not needed, and so never built
    const Arc* begin(u32 s) const { return arcs.data() + at[s]; }
    const Arc* past(u32 s) const { return arcs.data() + at[s + 1]; }
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

  private:
    const Limits& limits;
    u64 made = 0, work = 0;
};

class Draft {  // a net while it is drawn, in any order; its entry is 0
  public:
    explicit Draft(Allowance& allowance) : allowance(allowance) { add(); }
    u32 add() { return allowance.spend(1), states++; }
    void arc(u32 from, u32 label, u32 to) {
        if (lines.size() >= states) allowance.spend(1);  // a state may have many
        lines.push_back({from, {label, to}});
    }
    Net finish(u32 end) const {
        Net n;
        n.end = end;
        n.at.assign(states + 1, 0);
        for (auto& l : lines) ++n.at[l.from + 1];
        for (u32 s = 0; s < states; ++s) n.at[s + 1] += n.at[s];
        n.arcs.resize(lines.size());
        std::vector<u32> next(n.at.begin(), n.at.end() - 1);
        for (auto& l : lines) n.arcs[next[l.from]++] = l.arc;
        return n;
    }

  private:
    struct Line {
        u32 from;
        Arc arc;
    };
    std::vector<Line> lines;
    u32 states = 0;
    Allowance& allowance;
};

struct Box {  // reduced; without empty arcs
    std::vector<u32> at{0};  // arcs of state s: arcs[at[s]] .. arcs[at[s + 1]]
    std::vector<Arc> arcs;
    std::vector<u8> final;
    u32 entry = 0;
    u32 size() const { return u32(final.size()); }
    void end_state(bool is_final) { at.push_back(u32(arcs.size())), final.push_back(is_final); }
};

struct Graph {
    std::vector<u32> at{0}, to;  // edges of node v: to[at[v]] .. to[at[v + 1]]
    u32 size() const { return u32(at.size()) - 1; }
    void end_node() { at.push_back(u32(to.size())); }
    bool has(u32 v, u32 w) const { return std::find(to.begin() + at[v], to.begin() + at[v + 1], w) != to.begin() + at[v + 1]; }
};

struct GraphComponents {  // strongly connected components (Tarjan 1972), those that nothing leaves first
    std::vector<u32> of;               // per node
    std::vector<u32> nodes, at{0};     // those of component c: nodes[at[c]] .. nodes[at[c + 1]]
    u32 count() const { return u32(at.size()) - 1; }
};
GraphComponents components_of(const Graph& graph, u32 root = NONE);  // of what the root leads to, or of all

// Which nets accept the empty text. Afterwards callers have an empty arc beside each call of those, none can only fail, and none calls
// itself before it has read something.
std::vector<u8> normalise(std::vector<Net>& nets, Allowance& allowance);

// Each net with the small boxes that it calls inlined, deterministic (but for the rare one whose subsets explode) and merged. None
// accepts the empty text: that is the callers' business.
std::vector<Box> reduce(const std::vector<Net>& nets, u32 start, Allowance& allowance);

}  // namespace weft
