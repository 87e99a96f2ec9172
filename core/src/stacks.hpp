// Sets of stacks, interned: a set is a node (return state -> set of what may lie below), one entry per return state, so equal sets
// have equal numbers however they came about, and unions of a great many stacks stay small.
//
//   {[a b], [a c], [d]}     5: a -> 3, d -> 0     3: b -> 0, c -> 0     0: the bottom
#pragma once

#include "frontier.hpp"

namespace weft {

class Stacks {
  public:
    static constexpr u32 BOTTOM = Frontiers::BOTTOM, NOTHING = 1;
    Stacks() {
        Below bottom{Frontiers::ACCEPT, BOTTOM};
        nodes.intern(&bottom, 1), nodes.intern(nullptr, 0);
    }
    // How many sets may be made from now on, and how large all of them may be.
    void allow(u64 more, u64 bytes) { limit = nodes.size() + more, max_bytes = bytes, most_steps = taken + more * STEPS_A_SET; }
    u64 steps() const { return taken; }
    u32 unite(u32 a, u32 b) { return combine(united, false, a, b); }
    u32 meet(u32 a, u32 b) { return combine(met, true, a, b); }  // the stacks in both
    u32 unite(std::vector<u32>& sets);      // uses them up
    u32 push(u32 ret, u32 below) {
        Below b{ret, below};
        return below == NOTHING ? u32(NOTHING) : intern(&b, 1);
    }
    u32 pop(u32 set, u32 ret) const {       // what may lie below `ret`
        auto end = nodes.begin(set) + nodes.size(set);
        auto it = std::lower_bound(nodes.begin(set), end, Below{ret, 0});
        return it != end && it->ret == ret ? it->node : u32(NOTHING);
    }
    u32 of(std::vector<Below>& entries);    // any entries; uses them up
    std::size_t size(u32 set) const { return nodes.size(set); }
    Below at(u32 set, std::size_t k) const { return nodes.begin(set)[k]; }
    std::size_t bytes() const { return nodes.bytes() + united.bytes() + met.bytes(); }

  private:
    u32 intern(const Below* p, std::size_t n);
    static u64 key(u32 a, u32 b) { return a < b ? u64(a) << 32 | b : u64(b) << 32 | a; }
    u32 known(const FlatMap& done, bool meet, u32 a, u32 b) const;
    u32 combine(FlatMap& done, bool meet, u32 a, u32 b);
    SpanPool<Below> nodes;
    bool is_part(u32 a, u32 b, u32 depth);
    FlatMap united, met, parts;
    std::vector<Below> entries;
    void check_size() const;
    static constexpr u64 STEPS_A_SET = 16;  // pairs of sets that may be looked at for each set that may be made
    void step();
    u64 limit = 0, max_bytes = 0, taken = 0, most_steps = 0;
};

}  // namespace weft
