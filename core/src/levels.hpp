// A canvas of slots against a grammar: what may stand before each element.
//
// Front i: every open place that some filling of the elements to the left leads to, each with the set of all stacks below it.
// Live i:  the part of it from which the elements to the right can be filled so that the whole is a sentence.
//
//   slots:    0       1       2      ]
//   fronts: start   "["     "[1"    "[1]"      all fillings at once; sets of stacks are unions, so a front stays small
//             {}    {], 1}   ...               where brackets may open freely
//
// The canvas can be filled if the last front has a place where the text may end. Exact, and no search: one pass from the left, one from
// the right (post* and pre* of a pushdown system over finite sets of stacks: Bouajjani, Esparza & Maler 1997).
// An order changes a few elements of a canvas: what stands to their left keeps its fronts, what stands to their right its live parts.
#pragma once

#include <memory>

#include "moves.hpp"
#include "stacks.hpp"

namespace weft {

struct Place {  // an open place and a set of stacks below it
    u32 open, stacks;
    bool operator==(const Place& o) const { return open == o.open && stacks == o.stacks; }
};

struct Pick {      // what an element can be
    u32 words;     // see WordSets
    bool may_end;  // nothing but end tokens need follow from here on
    bool operator==(const Pick& o) const { return words == o.words && may_end == o.may_end; }
};

class Levels {
  public:
    // The part of the stacks below an open place with which the text and what stands to the right of all elements are a sentence.
    using Joins = std::function<u32(u32 open, u32 stacks)>;
    struct Right {
        Joins joins;       // empty where nothing stands to the right
        std::size_t tail;  // from this element on there are slots only, and end tokens may fill them
        std::function<u32(u32 open, u32 stacks, u64 tokens)> surely;  // the part of the stacks with which the text can end within so many tokens
        bool suffices = false;  // whether these are enough, if there are any before the tail: then a yes is soon found, and a no says nothing
    };
    // start: where the text stands before element 0. max_places: over all fronts.
    Levels(std::shared_ptr<Moves> moves, std::shared_ptr<Stacks> stacks, std::vector<Place> start, std::vector<Pick> picks, Right right, u64 max_places);
    Levels(const Levels& before, std::vector<Pick> picks, std::size_t tail);  // the same canvas after some orders: same start, same right side

    // The same canvas with other words in elements before `to`, to be asked about from `at` on. Only sentences are found of which the stacks
    // stand, from `to` on, in the fronts of `before`, and between `at` and `to` in those or in the front at `at`; in the tail, in the latter
    // alone. So a yes is right and soon found, and a no says nothing.
    Levels(Levels& before, std::vector<Pick> picks, std::size_t at, std::size_t to);

    bool open();                                   // some filling is a sentence
    const std::vector<Place>& front(std::size_t i) { return reach(i).places; }
    // The first of the known fronts that is empty; NONE where something stands before each element.
    std::size_t dies() const;
    const std::vector<Pick>& all_picks() const { return picks; }
    std::size_t tail() const { return side.tail; }
    // Whether a sentence can follow from a place before element i. It must be one that some filling leads to.
    bool lives(std::size_t i, u32 open, u32 stacks) {
        look_right(i);
        return kept(i, open, stacks) != Stacks::NOTHING;
    }
    // The same if element i is one of some words that it can be.
    bool lives(std::size_t i, u32 open, u32 stacks, u32 words) {
        look_right(i + 1);
        return kept(i, open, stacks, words) != Stacks::NOTHING;
    }
    std::vector<Place> living(std::size_t i);      // the part of front i from which a sentence can follow
    bool ends_before(std::size_t i);               // with some filling the text may end before element i

    const std::shared_ptr<Moves> moves;
    const std::shared_ptr<Stacks> stacks;

  private:
    struct Front {
        std::vector<Place> places;
        FlatMap together;  // (terminal, state after it) -> all stacks, whatever the lexeme is in
    };
    struct Live {
        FlatMap open, some, by, base;  // open place, open places, (summary, stacks), summary -> stacks
    };
    const Front& reach(std::size_t i);
    std::vector<Place> step(const std::vector<Place>& from, u32 words);
    std::vector<Place> tell_apart(std::vector<Place> places);
    void look_right(std::size_t i);
    Live& live_at(std::size_t i);
    bool when_asked(std::size_t i) const { return right[i] || i < nearby_to; }  // no live part of it is to be found beforehand
    u32 live(std::size_t i, u32 open);
    u32 live_some(std::size_t i, u32 opens);
    u32 kept(std::size_t i, u32 open, u32 stacks);
    u32 kept(std::size_t i, u32 open, u32 stacks, u32 words);
    u32 kept_by(std::size_t i, u32 summary, u32 stacks);
    u32 finished(u32 open, u32 stacks);            // the part of the stacks with which the text is a sentence
    u32 finals(u32 ret, u32 stacks);
    [[noreturn]] void too_deep();

    std::vector<Pick> picks;
    Right side;
    std::vector<std::shared_ptr<Front>> fronts;    // as far as they are known
    std::vector<std::shared_ptr<Front>> wide;      // of a canvas before that allowed more: the live parts are parts of these
    std::vector<std::shared_ptr<Live>> right;      // null where not known
    std::size_t changed = 0;                       // no live part of elements before this one is known
    bool surely_only = false;                      // see Right
    std::shared_ptr<Front> nearby;                 // see the third constructor: `wide` of elements before this one whose live parts are not known
    std::size_t nearby_to = 0;
    FlatMap final_parts;
    u64 max_places, count = 0;
    u32 depth = 0;
};

}  // namespace weft
