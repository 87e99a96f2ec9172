// The shortest way to fill a canvas: items (box state, origin, spot), settled in the order of what they cost in bytes of holes,
// counted from the left end of the canvas.
//
// An origin is a box and the spot at which it was called: Earley's sets, with boxes in place of productions, so everything that may
// follow a call is written down once. The cost that an item keeps counts from its origin. The number of items is at most
// states x origins x spots, and in fixed text it is linear in practice.
// References: Earley 1970; Lang 1974 (incomplete input); Knuth 1977 (a generalization of Dijkstra's algorithm).
#pragma once

#include "lexemes.hpp"

namespace weft {

class Chart {
  public:
    Chart(const Machine& m, Lexemes& lexemes, u64 max_items);
    // Whether the holes can be filled. Throws LimitFault when `max_items` is reached first.
    bool completable();
    // The whole text, its holes filled with as few bytes as possible. Needs completable().
    Filled witness();
    // The spots at which the rest of a box may end, when it is in `state` at `spot`.
    std::vector<u32> ends(u32 state, u32 spot);
    u64 size() const { return items.size(); }

  private:
    struct ItemKey {
        u32 state, origin, spot;
    };
    struct Cell {
        ItemKey key;
        u32 cost = NONE;
        bool done = false;
        // how it was reached at this cost: from an item by a lexeme (or nothing), or by a box that ended as item `inner`
        u32 from = NONE, term = NONE, inner = NONE;
    };
    struct Origin {
        u32 entry = NONE, spot = NONE, before = 0;  // before: the least cost of what stands to the left of the box
        std::vector<std::pair<u32, u32>> callers;  // items that wait for the box, with the state after it
        std::vector<u32> ends;                     // items at which the box ended
    };
    u32 origin(u32 box, u32 spot);
    void reach(ItemKey key, u32 cost, u32 from, u32 term, u32 inner);
    void settle(u32 item);
    bool settle_next();                   // false when nothing is left
    u32 blank(u32 from);

    const Machine& m;
    Lexemes& lexemes;
    u64 max_items;
    std::vector<Cell> items;
    std::vector<Origin> origins;
    FlatMap origin_ids;
    struct KeyHash {
        std::size_t operator()(const ItemKey& k) const { return std::size_t(mix64(u64(k.state) << 32 ^ mix64(u64(k.origin) << 32 | k.spot))); }
    };
    struct KeySame {
        bool operator()(const ItemKey& a, const ItemKey& b) const { return a.state == b.state && a.origin == b.origin && a.spot == b.spot; }
    };
    std::unordered_map<ItemKey, u32, KeyHash, KeySame> ids;
    std::vector<std::vector<u32>> queue;  // by cost from the left end of the canvas: Dial's buckets, for costs are small integers
    u32 lowest = 0, goal = NONE;
    bool only_blank = false;              // the witness is nothing but ignored lexemes:
    Filled blanks;
};

}  // namespace weft
