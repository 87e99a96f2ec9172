// Whether a text can still become a sentence where what follows a lexeme decides about it (Lexer::separable is false).
//
//   start: A B     A: /a+/   B: /a/     after `a` the parser could take a B, but every further `a` makes the A longer: no sentence
//
// The parser's places are joined with the lexer's boundaries, relations between boundaries are matrices of bits:
//   steps[t]   from the boundary before terminal t to those after it, ignored lexemes before it included
//   exits[s]   from a boundary at state s of a box to those at which the box can end: least fixpoint over the machine
//   rest[n]    boundaries at which what stack node n returns to can be completed; all of them where the sentence may end, because
//              at the end of the text nothing can make a lexeme longer
#pragma once

#include "frontier.hpp"
#include "lexer.hpp"

namespace weft {

class Completion {
  public:
    Completion(const Frontiers& f, const Lexer& lexer);

    // The pairs (terminal, boundary it ended at) after which a reading at frontier `p` can be completed.
    TermBits acceptable(u32 p);
    // Whether a reading at frontier `p` can be completed when a lexeme has ended at boundary k.
    bool completes(u32 p, u32 k) { return has_bit(at_boundary(p), k); }
    void forget() { rest.clear(); }  // the numbers of stack nodes are void
    std::size_t bytes() const { return rest.size() * width * 8; }

  private:
    using Row = std::vector<u64>;  // a set of boundaries
    using Relation = std::vector<Row>;
    Row at_boundary(u32 p);
    void find_steps();
    void find_exits();
    bool grow(u32 s);
    const Row& rest_of(u32 node);
    Row before(const Relation& r, const Row& after) const;  // what r relates to some member of `after`
    Row place(u32 ret, u32 node) { return ret == Frontiers::ACCEPT ? Row(width, ~u64(0)) : before(exits[ret], rest_of(node)); }

    const Frontiers& f;
    const Machine& m;
    const Lexer& lexer;
    u32 count, width;
    std::vector<Relation> steps, exits;  // per terminal; per state of a box
    std::vector<u32> step_of;            // terminal -> index into steps
    std::vector<Row> rest;
};

}  // namespace weft
