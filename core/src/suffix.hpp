// What follows a reading: whether a left-to-right state and the canvas to its right can be one sentence.
//
// A frontier is a set of states on top of stacks. Where the top may end in the canvas is an exit (see exits.hpp), there what is
// below goes on, and so down to the bottom of the stack and the end of the canvas. A canvas does not change, so every answer is kept
// and the next reading, one token on, finds nearly all of its own.
#pragma once

#include "exits.hpp"
#include "frontier.hpp"

namespace weft {

class Suffix {
  public:
    Suffix(const Machine& m, Chain chain, u64 max_items, Holes& holes);
    bool joins(Frontiers& f, u32 frontier);                             // without a lexer: the frontier at place 0
    bool joins(Frontiers& f, const Lexer& lexer, u32 x, u32 frontier);  // with one: an open lexeme, and the machine before it
    // The same in steps, for stacks of another kind. Spots behind the lexeme that is open at place 0 and becomes `term` (or END), q being
    // a state of the terminal or of the lexer:
    void behind(u32 term, u32 q, bool complete, std::vector<u32>& out);  // complete: it may be just this
    void ends(u32 state, u32 spot, std::vector<u32>& out);  // spots at which the rest of a box may end
    bool at_end(u32 spot);                                  // nothing but ignored text follows
    u32 begin() { return spots->begin(); }
    // For what stands at the beginning of the canvas, where that is a hole: a state of the machine on a stack, and the machine before
    // a lexeme; the lexeme before it has ended at a boundary (see holes.hpp).
    bool goes_on(Frontiers& f, u32 boundary, u32 state, u32 node) { return can(f, state, node, spots->in_first_hole(boundary)); }
    bool goes_on(Frontiers& f, u32 boundary, u32 frontier) { return accepts(f, frontier, spots->in_first_hole(boundary)); }
    bool crosses(Frontiers& f, const Item& item);  // it can be read on to an end behind that hole
    // Terminals, ignored ones too, of which one may begin in that hole and end behind it.
    const TermBits& across();

    const Chain chain;
    const u64 max_items;

  private:
    const Machine& m;
    void renew(const Frontiers& f);
    bool accepts(Frontiers& f, u32 frontier, u32 spot);  // the machine before a lexeme that begins at `spot`
    bool can(Frontiers& f, u32 state, u32 node, u32 spot);  // a state of the machine on a stack, at a spot
    std::vector<u32> behind_ignored(u32 spot);

    std::unique_ptr<Spots> spots;
    Exits exits;
    FlatMap numbers, answers;  // (state, node) -> number; (number, spot) -> Answer
    u32 count = 0, decided = 0;
    TermBits crossing;
    u32 generation = 0;        // of the frontiers that the numbers are about
};

}  // namespace weft
