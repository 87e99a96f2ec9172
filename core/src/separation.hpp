// Upper bounds where lexemes are cut by longest match: a blank between any two of them always parts them, so a sentence is at most
// its lexemes with a blank after each.
#pragma once

#include "lexer.hpp"

namespace weft {

// A blank is an ignored byte after which any other lexeme may begin.
std::vector<u8> blanks_of(const Machine& m, const Lexer& lexer);

class Separation {
  public:
    Separation(const Machine& m, const Lexer& lexer);
    static constexpr u32 FAR = 0x3FFFFFFF;
    bool possible() const { return !costs.empty(); }
    // Fewest bytes, with the blank, to end the open lexeme of state x as terminal t.
    u32 cost(u32 x, u32 t) const { return costs[std::size_t(x) * terminals + t]; }
    std::vector<u32> lexemes() const;  // per terminal, from the beginning

  private:
    u32 terminals;
    std::vector<u32> costs;
};

}  // namespace weft
