// A canvas against a constraint, token by token.
//
// Levels: the states of the engine that can stand before each element of the canvas, all ways of filling the slots to the left
// taken together. A reading is deterministic in its tokens, so the levels are a graph in which every filling of the slots is exactly
// one path; a pass from the right keeps the states that lie on a path to the end. Then
//   * the mask of a slot: the tokens on an edge between kept states;
//   * the best filling, and exact samples: Viterbi, and sums from the right;
//   * elastic holes to the right of the levels: a Suffix, which the last state must join.
// Exact. Levels are as large as the grammar makes them: where tokens may open brackets without end they grow with every free slot,
// and `max_states` ends the analysis with a LimitFault, which callers report as UNKNOWN.
#pragma once

#include "chart.hpp"
#include "constraint.hpp"

namespace weft {

struct Element {
    enum Kind : u8 { Text, Token, Slot, Hole, Closed } kind = Text;
    std::string text;  // Text; Hole and Closed: what was written so far
    u32 token = NONE;
};

class Solver : private Reader {
  public:
    Solver(std::shared_ptr<Constraint> c, std::vector<Element> elements, u64 max_states, u64 max_items);

    bool open() const { return is_open; }
    // Tokens that may stand in the slot, or be appended to the first elastic hole.
    void mask(u32 element, u32* out);
    bool can_close();                     // the first elastic hole
    std::string witness();                // the whole text, with as little as possible in elastic holes
    u32 least_bytes();                    // fewest bytes in the first elastic hole
    // scores: one row of vocabulary size per element, read for slots only; the token of each slot, NONE elsewhere.
    std::vector<u32> best(const double* scores);
    std::vector<u32> sample(const double* scores, const std::vector<double>& uniform);
    u32 least_tokens();                   // open slots that the shortest filling leaves without an end token

  private:
    struct Level {
        std::size_t from, to;  // range in `states`
    };
    struct Edge {
        u32 token, to;  // index of the state in the next level
    };
    void forward();
    void backward();
    bool ends_at(std::size_t level, u32 state);  // the text may end here, end tokens filling the rest
    bool accepts(u32 state);
    void successors(u32 state, std::vector<u32>& out);
    template <class Visit>
    void edges(u32 state, const Visit& visit);   // visit(token, state)
    std::unordered_map<u32, u32> index(std::size_t level) const;
    Chain chain_from(std::size_t element, bool with_hole, u8 price_of_others) const;

    std::vector<Element> elements;
    u64 max_states, max_items;
    std::size_t stop;                            // first elastic hole, or the number of elements
    std::size_t hole;                            // the same in the caller's count of elements
    std::vector<Level> levels;                   // levels[i]: before element i; one more than elements up to `stop`
    std::vector<u8> useful;                      // parallel to states
    std::vector<u8> tail_free;                   // per level: only slots and end tokens follow
    std::shared_ptr<Suffix> suffix, closed;
    bool is_open = false;
};

}  // namespace weft
