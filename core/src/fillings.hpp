// Searches that choose how to fill the slots of a canvas. Both walk the tree of readings, (element, engine state), from the left; a
// prefix that cannot be completed is cut off at once, so every leaf is a filling, and no filling is met twice.
//
//   best     A*: the bound of a prefix is its own score and the best allowed token of every slot to come
//   sample   A* sampling (Maddison, Tarlow & Minka 2014): Gumbel noise is drawn from the root down, each node's value being the maximum
//            over the fillings below it, so the filling that comes up first is an exact sample, however rare valid fillings are
#pragma once

#include "solver.hpp"

namespace weft {

class Fillings {
  public:
    Fillings(Solver& s, const double* scores);
    std::vector<u32> best();
    std::vector<u32> sample(u64 seed);

  private:
    static constexpr u32 ENDED = NONE;  // as a state: an end token stands to the left
    struct Node {
        std::size_t element;
        u32 state, parent, token;
        double score;                   // of the tokens so far
    };
    struct Child {
        u32 to, token;
        double score;                   // of the token; of a whole group when a sample is drawn
    };
    double at(std::size_t element, u32 token) const;
    bool advance(Node& n);              // over what is no slot; false: dead
    bool ends(const Node& n);           // an end token may stand here
    u32 push(Node n);
    std::vector<u32> filling(u32 node) const;

    Solver& s;
    const double* scores;
    u32 vocab_size;
    std::vector<std::vector<u32>> masks;  // per element
    std::vector<Node> nodes;
};

}  // namespace weft
