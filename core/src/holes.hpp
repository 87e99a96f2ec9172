// What a lexer can do inside of an elastic hole, where every byte may stand. It depends on no canvas, so it is found once per lexer.
//
//   int HOLE x;      a lexeme that is open before the hole may end in it, and any others may follow;
//                    what is open at its end reads on in the text behind it
#pragma once

#include "lexer.hpp"

namespace weft {

class Holes {
  public:
    explicit Holes(const Lexer& lexer);

    struct End {
        u32 after;       // where the lexeme ended: see `after`
        TermBits terms;  // what it can be
        bool ignored;    // or an ignored one
    };
    struct Inside {
        std::vector<u32> states;  // in which a lexeme may be open at the end of the hole
        std::vector<End> ends;    // of lexemes that end in the hole
    };
    const Inside& of_state(u32 x);     // the lexeme that is open in state x, from there on; in the hole it may read nothing
    const Inside& of_boundary(u32 x);  // one that begins in the hole, after another one that ended in state x
    // Boundaries that allow the same in a hole are one. Where ignored text can pay what is owed, nothing is owed: that is BEGIN.
    u32 after(u32 x) const { return boundary_of[x]; }
    std::size_t bytes() const { return used; }
    void forget();

  private:
    void find_boundaries();
    Inside close(std::vector<u32> states);

    const Lexer& lexer;
    std::vector<u32> boundary_of;  // per state
    std::unordered_map<u32, Inside> states, boundaries;
    std::vector<u32> seen;         // per state: the last search that came to it
    u32 search = 0;
    std::size_t used = 0;
};

}  // namespace weft
