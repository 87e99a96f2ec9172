// How far the end is: the fewest bytes that turn a frontier into a sentence.
//
// Exact without a lexer. With one it is a lower bound, for lexemes that run into each other may need white space between them; a
// search that is guided by it (A*, Hart, Nilsson & Raphael 1968) finds the true shortest completion.
#pragma once

#include "frontier.hpp"

namespace weft {

class Distance {
  public:
    // lexemes: what a whole lexeme of each terminal costs, instead of its fewest bytes.
    explicit Distance(Frontiers& frontiers, std::vector<u32> lexemes = {});
    static constexpr u32 FAR = 0x3FFFFFFF;  // nothing, or nothing of a reasonable length

    u32 of(u32 frontier);                       // fewest bytes to a sentence
    u32 after(u32 ret, u32 node) { return cap(u64(state[ret]) + below(node)); }
    u32 of_state(u32 s) const { return state[s]; }  // fewest bytes to the end of the box
    u32 in_terminal(u32 term, u32 q);           // fewest bytes to the end of the lexeme
    u32 worst(u32 term) { return terminal(term).worst; }
    void forget() { nodes.clear(); }            // stack nodes were renumbered
    std::size_t bytes() const { return nodes.size() * 4; }

  private:
    struct PerTerminal {
        bool known = false;
        u32 worst = 0;                          // the largest distance of any of its states
        std::vector<std::vector<u32>> parts;    // per part: distance within its automaton to an accepting state
        std::vector<u32> rest;                  // per part: fewest bytes of all later parts
    };
    static u32 cap(u64 n) { return n < FAR ? u32(n) : FAR; }
    const PerTerminal& terminal(u32 term);
    u32 below(u32 node);
    void solve_boxes();

    Frontiers& f;
    std::vector<u32> lexemes;
    std::vector<PerTerminal> terminals;
    std::vector<u32> state;                     // per box state: fewest bytes to the end of the box
    std::vector<u32> nodes;                     // per stack node: fewest bytes after the box returns; NONE: not known yet
};

}  // namespace weft
