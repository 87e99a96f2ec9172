// A canvas against the machine: can the holes be filled so that the whole is a sentence?
//
// The canvas is a chain of places, one per byte of its fragments; a hole is a loop over all bytes at its place:
//
//   "ab" HOLE "c"     0 -a-> 1 -b-> 2 -c-> 3,  2 has a loop
//
// Lexemes are runs of a terminal along the chain; where one may end is a *spot*. The chart holds forward items
// (box state, origin, spot), where an origin is a box and the spot at which it was called: Earley's sets, with boxes in place of
// productions, so everything that may follow a call is written down once.
// The number of items is at most states x origins x spots, and in fixed text it is linear in practice.
// References: Earley 1970; Lang 1974 (incomplete input); Bar-Hillel, Perles & Shamir 1961.
#pragma once

#include <deque>
#include <memory>

#include "frontier.hpp"
#include "lexer.hpp"

namespace weft {

// The text of a canvas: fixed bytes, and places with an elastic hole.
struct Chain {
    std::string bytes;
    std::vector<u8> loop{0};  // per place, one more than bytes
    std::vector<u8> price{0};  // per place: what a byte in its hole costs, 0 or 1
    void add(std::string_view text) {
        bytes += text;
        loop.resize(bytes.size() + 1, 0);
        price.resize(bytes.size() + 1, 0);
    }
    void add_hole(u8 byte_price = 1) { loop.back() = 1, price.back() = std::max(price.back(), byte_price); }
    u32 places() const { return u32(loop.size()); }
};

// A filled canvas: its bytes, and for each the place of the hole it stands in, or NONE for a byte of a fragment.
struct Filled {
    std::string text;
    std::vector<u32> hole;
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
    // Where a lexeme may end that is open at place 0: in state q of a terminal, or (by label) in a lexer state.
    virtual const std::vector<Hop>& open(u32 term, u32 q) = 0;
    virtual const std::vector<std::pair<u32, Hop>>& open(u32 lexer_state) = 0;
    // Appends the bytes of a cheapest lexeme (or ignored lexeme, term NONE) between two spots, holes filled.
    virtual void spell(u32 from, u32 term, u32 to, Filled& out) = 0;
};

std::unique_ptr<Lexemes> make_lexemes(const Machine& m, const Chain& chain, const Lexer* lexer);

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
        u32 entry = NONE, spot = NONE;
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
    std::vector<std::vector<u32>> queue;  // by cost: Dial's buckets, for costs are small integers
    u32 lowest = 0, goal = NONE;
    bool only_blank = false;              // the witness is nothing but ignored lexemes:
    Filled blanks;
};

// What follows a reading: whether a left-to-right state and the canvas to its right can be one sentence.
class Suffix {
  public:
    Suffix(const Machine& m, Chain chain, const Lexer* lexer, u64 max_items)
        : chain(std::move(chain)), lexemes(make_lexemes(m, this->chain, lexer)), chart(m, *lexemes, max_items), max_items(max_items) {}
    bool joins(Frontiers& f, u32 frontier);                  // without a lexer: the frontier at place 0
    bool joins(Frontiers& f, const Lexer& lexer, u32 x, u32 frontier);  // with one: an open lexeme, and the machine before it

  private:
    bool accepts(Frontiers& f, u32 frontier, u32 spot);      // the machine before a lexeme that begins at `spot`
    bool at_end(u32 spot);
    bool can(Frontiers& f, u32 ret, u32 node, u32 spot);     // a box that goes on at `ret` above `node`, from `spot`
    u64 key(u32 ret, u32 node, u32 spot);
    u32 ends(u32 ret, u32 spot);
    void forget(const Frontiers& f);                         // what was found for stacks that have other numbers now
    Chain chain;
    std::unique_ptr<Lexemes> lexemes;
    Chart chart;
    u64 max_items, decided = 0;  // the most verdicts, and how many there are
    FlatMap places, verdicts, known_ends;
    std::vector<std::vector<u32>> end_lists;
    u32 place_count = 0, generation = 0;
};

}  // namespace weft
