// Where a left-to-right reading may stand: interned stacks and frontiers.
//
// A stack node is a set of (state to return to, node below): all the callers of one box at one place. A frontier is a set of
// items (terminal, its state, state after it, stack node), closed under calls and returns. Both are interned, so a reading of any
// length is one integer: fork and rollback copy nothing, and a step that was taken before is one look-up.
// This is a graph-structured stack (Tomita 1985). The machine has no left recursion, so reading makes no cycles: a node lies on nodes
// with smaller numbers. Only a hole, in which anything may be opened any number of times, makes nodes that lie on themselves or on each
// other: *knots*, added as a group (see knots.hpp).
#pragma once

#include "intern.hpp"
#include "machine.hpp"

namespace weft {

struct Item {
    u32 term, q, ret, node;
    bool operator<(const Item& o) const {
        return std::tie(term, q, ret, node) < std::tie(o.term, o.q, o.ret, o.node);
    }
    bool operator==(const Item& o) const { return term == o.term && q == o.q && ret == o.ret && node == o.node; }
};
constexpr u32 END = NONE - 1;  // as a terminal: the text may end here. Sorts behind all terminals.

struct Below {
    u32 ret, node;
    bool operator<(const Below& o) const { return std::tie(ret, node) < std::tie(o.ret, o.node); }
    bool operator==(const Below& o) const { return ret == o.ret && node == o.node; }
};

class Frontiers {
  public:
    explicit Frontiers(const Machine& m) : m(m) { reset(); }
    void reset();

    static constexpr u32 EMPTY = 0;          // the frontier from which nothing can follow
    static constexpr u32 BOTTOM = 0;         // the stack node below which the sentence ends
    static constexpr u32 ACCEPT = NONE - 2;  // as a return state: the sentence may end
    u32 start() const { return first; }
    u32 step(u32 frontier, u8 byte) {
        u64 key = u64(frontier) << 8 | byte;
        u32 to = steps.find(key);
        if (to != NONE) return to;
        to = step_slow(frontier, byte);
        steps.put(key, to);
        return to;
    }
    // Bytes after which a frontier is not EMPTY, and perhaps some more.
    const ByteSet& reads(u32 frontier) {
        if (frontier >= has_reads.size()) has_reads.resize(items.size(), 0), read_sets.resize(items.size());
        if (!has_reads[frontier]) find_reads(frontier);
        return read_sets[frontier];
    }
    u32 special(u32 frontier, u32 index);  // after the special token that the machine counts as `index`
    bool complete(u32 frontier) const {
        std::size_t n = items.size(frontier);
        return n && items.begin(frontier)[n - 1].term == END;
    }
    const Item* begin(u32 f) const { return items.begin(f); }
    std::size_t size(u32 f) const { return items.size(f); }
    u32 of(const std::vector<Item>& sorted) { return items.intern(sorted); }
    u32 closure(std::vector<Below>& places);  // the frontier after these (state, stack) places
    u32 unite(u32 a, u32 b);
    u32 unite(std::vector<u32>& frontiers);  // uses them up
    std::size_t bytes() const { return items.bytes() + nodes.bytes() + groups.bytes() + places_.bytes() + lists.bytes() + steps.bytes() + closures.size() * 4 + has_reads.size() * (1 + sizeof(ByteSet)); }
    // Forgets everything that `live` does not need and renumbers `live` in place.
    void compact(std::vector<u32*>& live);
    u32 generation() const { return compactions; }  // numbers of two generations mean different things
    const SpanPool<Below>& stacks() const { return nodes; }
    u32 stack(const std::vector<Below>& sorted) { return nodes.intern(sorted); }
    // Nodes that may lie on each other: in their entries KNOT + k stands for the k-th of them. The number of the first; equal groups
    // are one.
    static constexpr u32 KNOT = 0x80000000u;
    u32 knots(const std::vector<std::vector<Below>>& group);

    const Machine& m;

  private:
    u32 step_slow(u32 frontier, u8 byte);
    u32 close(const Below* p, std::size_t n);
    u32 first = 0, compactions = 0;
    SpanPool<Item> items;
    SpanPool<Below> nodes, places_;
    SpanPool<Below> groups;     // of knots: per knot (NONE, number of entries) and these
    std::vector<std::pair<u32, u32>> group_at;  // per group: the first of its nodes, and how many they are; ascending
    std::vector<u32> closures;  // per places_ id: the frontier, or NONE
    SpanPool<u32> lists;        // of frontiers that were united
    std::vector<u32> unions;    // per list
    void find_reads(u32 frontier);
    FlatMap steps;
    FlatMap found;  // the places of one closure, where they are many
    std::vector<u8> has_reads;
    std::vector<ByteSet> read_sets;
    std::vector<Item> out, next;      // these and the following: working space
    std::vector<Below> work, pairs, done;
    std::vector<std::pair<u32, Below>> calls;
};

}  // namespace weft
