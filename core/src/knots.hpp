// Where a reading may stand behind an elastic hole: after any text at all.
//
//   s: "(" s ")" | "x"     behind `(` HOLE the bracket may be closed, and others opened. All calls of s in the hole happen at one
//                          place, so they are one stack node, a knot, that lies on itself: K = {(before ")", K), (before ")", the node
//                          that was there)}
//
// What can be reached is a least fixpoint over (state of the machine, stack node, boundary), where a boundary is what the lexeme before
// demands of the next one (see holes.hpp); without a lexer there is just one. Every box can end, so nothing waits for anything.
// Stacks that the hole could have built itself are left out of what was there before: in most nests the hole makes of every state the
// same one, and what was found for it holds.
// References: Earley 1970 (the hole is the origin), Tomita 1985 (stacks with cycles), Bouajjani, Esparza & Maler 1997 (post*).
#pragma once

#include <array>
#include <functional>
#include <map>

#include "frontier.hpp"
#include "holes.hpp"

namespace weft {

class Knots {
  public:
    // ways(boundary): where lexemes that begin there in the hole may end in it.
    using Ways = std::function<const std::vector<Holes::End>&(u32 boundary)>;
    Knots(Frontiers& f, Ways ways) : f(f), m(f.m), ways(std::move(ways)) {}

    // What was there: the machine in a state, or before a lexeme; and items that may stay as they are.
    void reach(u32 state, u32 node, u32 boundary);
    void begin(u32 frontier, u32 boundary);
    void give(const Item& item);
    // Then, once: the items before a lexeme that begins in the hole, per boundary.
    const std::map<u32, std::vector<Item>>& items();
    // Whether an item that was given is among those at the boundary where nothing is owed, by what it is and what lies below it.
    bool covers(const Item& item) { return is_spare(item, Lexer::BEGIN); }

  private:
    static constexpr u32 KNOT = Frontiers::KNOT;
    static constexpr std::size_t MOST_PLACES = 2'000'000;
    struct Place {
        u32 state, node, boundary;
    };
    struct Knot {
        u32 box, boundary;
        std::vector<Below> entries;
        std::vector<u32> popped;  // boundaries at which the box may end
    };
    u32 pair(u32 a, u32 b);  // numbers them
    void settle(const Place& p);
    void pop(u32 node, u32 boundary);
    void add(u32 knot, Below b);
    void skip_tails();
    u32 asks(u32 node, u32 knot);  // whether stacks of a node are stacks of a knot: the number of the question
    void compare();
    bool is_below(u32 node, u32 knot) const { return includes[asked.find(u64(node) << 32 | knot)]; }
    bool is_spare(const Item& item, u32 boundary);

    Frontiers& f;
    const Machine& m;
    Ways ways;
    FlatMap pairs, places, frontiers, knot_of, entries, popped;
    u32 pair_count = 0;
    std::vector<Place> todo;
    std::size_t reached = 0;
    std::vector<Knot> knots;
    std::map<u32, std::vector<Item>> found;
    std::vector<Item> given;
    FlatMap asked;
    std::vector<std::pair<u32, u32>> questions;  // (node, knot)
    std::vector<u8> includes;                    // the answers
    std::map<std::array<u32, 3>, std::vector<u32>> scanned;  // boundary, terminal, state after -> knots below
};

}  // namespace weft
