// Where lexemes may begin and end on a chain: *spots*, numbered as they are found.
//
//   "a" HOLE "+ b"    x = 0 at the start, h in the hole: NAME leads from x to h, anything from h to h, "+" from h to the blank behind
//                     it, and a comment that is open in the hole to wherever it may end
//
// Without a lexer a spot is a place, and each terminal is run by itself. With one it is a place and what the lexeme before it demands
// of the next one: in fixed text the lexer state after the next byte, in a hole a boundary (see holes.hpp).
#pragma once

#include <memory>

#include "chain.hpp"
#include "holes.hpp"

namespace weft {

class Spots {
  public:
    struct Hop {
        u32 state, spot;  // of the machine after a lexeme, and where it ended
    };
    struct Edge {
        u32 spot, terms;  // where a lexeme may end; and what it may be: see `may_be`
    };
    virtual ~Spots() = default;
    virtual u32 begin() = 0;  // NONE when the first byte begins no lexeme
    u32 place(u32 spot) const { return places.empty() ? spot : places[spot]; }
    bool at_end(u32 spot) const { return place(spot) + 1 == chain.places(); }
    bool in_hole(u32 spot) const { return chain.loop[place(spot)]; }
    virtual u32 count() const = 0;  // all spots are below that
    virtual bool reads(u32 spot) = 0;  // a lexeme that is not ignored may begin here
    // What may be read there, or after ignored text, as far as is seen at once. It holds until the next one is asked for.
    struct Row {
        const Holes& holes;
        const u64* bits;  // null: anything
        std::size_t words;
        bool reads(u32 state) const { return !bits || meets(holes.first_of(state), bits, words); }  // in a state of the machine
        bool reads(const Holes::Passage& p) const { return !bits || meets(bits, p.first); }         // in any of some
    };
    Row row(u32 spot) { return {holes, spot < looked.size() && looked[spot] ? nexts.data() + spot * words : look(spot), words}; }
    bool is_free(u32 spot) const { return in_hole(spot) && owes_nothing(spot); }  // in a hole, where nothing is owed
    const Holes::Passage& passage(u32 state, bool read) { return holes.passage(state, read); }
    virtual void scan(u32 spot, u32 state, std::vector<Hop>& out) = 0;  // what the machine can read, from a state
    virtual void scan(u32 spot, const Holes::Passage& p, std::vector<Hop>& out) = 0;  // what it can read that ends somewhere else
    virtual void read(u32 spot, u32 term, std::vector<u32>& out) = 0;    // where a terminal may end
    virtual void skip(u32 spot, std::vector<u32>& out) = 0;              // where ignored lexemes may end
    // Where a lexeme may end that is open at place 0: in state q of a terminal, or in a lexer state.
    virtual void open(u32 term, u32 q, std::vector<u32>& out) = 0;
    virtual void open(u32 lexer_state, std::vector<Edge>& out, std::vector<u32>& ignored) = 0;
    virtual u32 in_first_hole(u32 boundary) = 0;  // the spot
    virtual TermBits across() = 0;  // with a lexer: terminals of which one may begin in the hole at place 0 and end behind it
    virtual bool may_be(const Edge& e, u32 term) const = 0;
    Effort effort;

  protected:
    Spots(const Chain& c, Holes& h) : chain(c), holes(h), words(h.width_of_first()) {}
    virtual bool owes_nothing(u32 spot) const = 0;
    virtual const u64* look(u32 spot) = 0;  // what may be read there
    const Chain& chain;
    Holes& holes;
    const std::size_t words;           // of what may be read first
    std::vector<u32> places;           // of spots; empty where those are places
    std::vector<u64> nexts;            // per spot where that is kept: terminals that may be read there, or all where ignored text may come first
    std::vector<u8> looked;
};

std::unique_ptr<Spots> make_spots(const Machine& m, const Chain& chain, Holes& holes);

}  // namespace weft
