// A canvas against the machine: can the holes be filled so that the whole is a sentence?
//
// The canvas is a chain of places, one per byte of its fragments; a hole is a loop over all bytes at its place:
//
//   "ab" HOLE "c"     0 -a-> 1 -b-> 2 -c-> 3,  2 has a loop
//
// Lexemes are runs of a terminal along the chain; where one may end is a *spot*. The chart holds forward items
// (box state, origin, spot), where an origin is a box and the spot at which it was called: Earley's sets, with boxes in place of
// productions, so everything that may follow a call is written down once. Useful items are those that lie on a way to the end.
// The number of items is at most states x origins x spots, and in fixed text it is linear in practice.
// References: Earley 1970; Lang 1974 (incomplete input); Bar-Hillel, Perles & Shamir 1961.
#pragma once

#include <deque>
#include <memory>

#include "lexer.hpp"

namespace weft {

// The text of a canvas: fixed bytes, and places with an elastic hole.
struct Chain {
    std::string bytes;
    std::vector<u8> loop{0};  // per place, one more than bytes
    void add(std::string_view text) {
        bytes += text;
        loop.resize(bytes.size() + 1, 0);
    }
    void add_hole() { loop.back() = 1; }
    u32 places() const { return u32(loop.size()); }
};

// Where lexemes begin and end on a chain. Spots are numbered as they are found.
class Lexemes {
  public:
    struct Hop {
        u32 spot;
        u32 cost;  // fewest bytes that the lexeme takes from holes
    };
    virtual ~Lexemes() = default;
    virtual u32 begin() = 0;
    virtual bool at_end(u32 spot) = 0;
    virtual u32 place(u32 spot) = 0;
    virtual const std::vector<Hop>& hops(u32 spot, u32 term) = 0;  // where a lexeme of `term` that begins at `spot` may end
    virtual const std::vector<Hop>& skips(u32 spot) = 0;           // where an ignored lexeme may end
    // The bytes of a cheapest lexeme (or ignored lexeme, term NONE) between two spots, holes filled.
    virtual std::string spell(u32 from, u32 term, u32 to) = 0;
};
std::unique_ptr<Lexemes> make_lexemes(const Machine& m, const Chain& chain, Lexer* lexer);

class Chart {
  public:
    Chart(const Machine& m, Lexemes& lexemes, u64 max_items);
    // Whether the holes can be filled. Throws LimitFault when `max_items` is reached first.
    bool completable();
    // The whole text, its holes filled with as few bytes as possible. Needs completable().
    std::string witness();
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
        u32 entry = NONE, spot = NONE;
        std::vector<std::pair<u32, u32>> callers;  // items that wait for the box, with the state after it
        std::vector<u32> ends;                     // items at which the box ended
    };
    u32 origin(u32 box, u32 spot);
    void reach(ItemKey key, u32 cost, u32 from, u32 term, u32 inner);
    void settle(u32 item);
    bool blank(u32 from);

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
    std::vector<std::vector<u32>> queue;  // by cost: Dial's buckets, for costs are small integers
    u32 lowest = 0, goal = NONE;
    bool only_blank = false;              // the witness is nothing but ignored lexemes:
    std::string blanks;
};

}  // namespace weft
