// Lexemes on a chain with what they cost: how few bytes of holes they take, and which. For witnesses, where the shortest filling is
// wanted; a plain yes or no is the business of spots.hpp.
//
// Lexemes are runs of a terminal along the chain; where one may end is a *spot*.
#pragma once

#include <memory>

#include "chain.hpp"
#include "holes.hpp"

namespace weft {

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
    Effort effort;
    virtual u32 begin() = 0;
    virtual bool at_end(u32 spot) = 0;
    virtual u32 place(u32 spot) = 0;
    virtual u32 better(u32 spot) = 0;  // a spot from which everything goes on as cheaply as from this one; NONE: none is known
    virtual const std::vector<Hop>& hops(u32 spot, u32 term) = 0;  // where a lexeme of `term` that begins at `spot` may end
    virtual const std::vector<Hop>& skips(u32 spot) = 0;           // where an ignored lexeme may end
    // Where a lexeme may end that is open at place 0: in state q of a terminal, or (by label) in a lexer state.
    virtual const std::vector<Hop>& open(u32 term, u32 q) = 0;
    virtual const std::vector<std::pair<u32, Hop>>& open(u32 lexer_state) = 0;
    // Appends the bytes of a cheapest lexeme (or ignored lexeme, term NONE) between two spots, holes filled.
    virtual void spell(u32 from, u32 term, u32 to, Filled& out) = 0;
};

std::unique_ptr<Lexemes> make_lexemes(const Machine& m, const Chain& chain, Holes& holes);

}  // namespace weft
