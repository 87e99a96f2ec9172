// Where the rest of a box may end on a canvas: exits E[state][spot], found when they are asked for.
//
// Earley's items are (state, origin) at a spot, where an origin is a box and the spot at which it was called, or a state and a spot
// that were asked about. A *pass* settles what new origins need, place by place from left to right. Origins of earlier passes
// are complete: only where they end is kept.
// The number of items is at most states x origins x spots, and in fixed text it is linear in practice.
// References: Earley 1970; Lang 1974 (incomplete input); Bar-Hillel, Perles & Shamir 1961.
#pragma once

#include <queue>

#include "spots.hpp"

namespace weft {

class Exits {
  public:
    Exits(const Machine& machine, Spots& s, u64 most) : m(machine), spots(s), max_items(most) {
        spots.effort.most = most * Effort::PER_ITEM;
    }
    // Calls visit(spot) for each spot at which a box may end that is in `state` at `spot`, until one returns true.
    // Throws LimitFault when `max_items` is passed.
    template <class Visit>
    bool any(u32 state, u32 spot, const Visit& visit) {
        for (u32 e = origins[exits_of(state, spot)].ends; e != NONE; e = ends[e].next)
            if (visit(ends[e].spot)) return true;
        return false;
    }
    u64 size() const { return settled; }

  private:
    static constexpr u32 FREE = 0x80000000u;  // origins that are a state, not a box
    struct Origin {
        u32 entry, spot, ends = NONE, callers = NONE;  // entry: NONE for those that are a state
    };
    struct Caller {
        u32 origin, state, next;  // what goes on after the box
    };
    struct End {
        u32 spot, next;
    };
    struct Item {
        u32 state, origin;  // the state, and what it stands for
    };
    static constexpr u32 SKIPPED = 0x80000000u;  // it stands behind ignored text
    static constexpr u32 PASSED = 0x40000000u;   // all that it can become in a hole, now behind ignored text; with READ behind a lexeme at least
    static constexpr u32 READ = 0x20000000u, STATE = READ - 1;
    struct Due {
        Item item;
        u32 next;
    };
    struct Called {
        u32 spot = NONE, origin = NONE;
    };
    struct Covered {
        u32 origin = NONE, spot = NONE;
    };
    struct Seen {
        Item item;
        u32 spot, time;
    };
    struct Here {  // the spot that is being settled
        u32 spot = NONE;
        bool free = false, reads = false;
        std::vector<u32> skips;   // where else ignored text leads
        std::vector<Item> items;  // not settled yet
    };
    u32 exits_of(u32 state, u32 spot);
    u32 origin(u32 key, u32 entry, u32 spot);
    void add(u32 state, u32 origin, u32 spot) {
        spots.effort.spend(1);
        if ((state <= STATE && m.is_final[state]) || goes_on(state, spot)) keep(state, origin, spot);
    }
    bool goes_on(u32 state, u32 spot);  // as far as is seen at once
    void keep(u32 state, u32 origin, u32 spot);
    bool fresh(Item item, u32 spot);
    void widen();
    void pass();
    void stand_at(u32 spot);
    bool is_covered(u32 state, u32 origin) const { return covered[state].origin == origin && covered[state].spot == here.spot; }
    // What an item leads to from here; a box that is called here, or ends here.
    void settle(Item item);
    void settle_all(const Holes::Passage& all, Item item);
    bool begins(u32 state, u32 origin) const { return state == origins[origin].entry && here.spot == origins[origin].spot; }
    u32 box_at(u32 box);
    void call(u32 box, u32 after, u32 origin);
    // Whether an origin is a box that begins and ends at this very spot, so that what all callers can become goes past it.
    bool passes(u32 origin) { return here.free && origins[origin].spot == here.spot && origins[origin].entry != NONE && spots.passage(origins[origin].entry, true).ends; }
    void end(u32 origin);
    bool ends_at(u32 origin);

    const Machine& m;
    Spots& spots;
    u64 max_items, settled = 0;
    bool broken = false;                       // a pass was cut off
    FlatMap ids;
    std::vector<Origin> origins;
    std::vector<End> ends;
    u32 complete = 0;                          // origins of passes that are over
    // of a pass
    std::vector<Caller> callers;
    std::vector<Called> called = std::vector<Called>(m.entry.size());  // per box: where it was called last
    std::vector<Covered> covered = std::vector<Covered>(m.states());  // per state: where an item was settled last that can become this one
    std::vector<u32> due;                      // per spot: the first of its items in `dues`
    std::vector<Due> dues;
    u32 spare = NONE;                          // the first of them that is free
    Here here;
    std::priority_queue<u64, std::vector<u64>, std::greater<u64>> agenda;  // place << 32 | spot
    std::vector<Seen> seen = std::vector<Seen>(1024, Seen{{0, 0}, 0, 0});  // items of the place that is being settled
    u32 time = 0, seen_count = 0;
    std::vector<Spots::Hop> hops;
    std::vector<u32> over;                     // origins that have ended
};

}  // namespace weft
