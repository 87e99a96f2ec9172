// Tokens that stay inside of an open lexeme, by the lexical state to which they lead:
//
//   in a comment   "x"  "ab "  "\n"  ...  -> in a comment      "*"  "a*"  "**"  ...  -> behind its star
//
// Where a lexeme goes on with nearly any byte, a few groups hold nearly all tokens, and what can follow is asked once for each.
#pragma once

#include "moves.hpp"
#include "store.hpp"

namespace weft {

class InnerTokens {
  public:
    InnerTokens(Moves& m, const Trie& t) : moves(m), trie(t) {}

    struct Group {
        u32 to;            // lexical state, see Moves
        u32 count;
        TokenSet tokens;
    };
    // Groups of a lexical state that goes on with many bytes, the largest ones first; none of others. Found once: a walk over the trie.
    const std::vector<Group>& of(u32 x);
    std::size_t bytes() const { return used; }

  private:
    static constexpr u32 MANY_BYTES = 64;      // characters of several bytes go on with so many
    static constexpr std::size_t MOST = 64;    // groups of one state
    std::vector<Group> find(u32 x);

    Moves& moves;
    const Trie& trie;
    FlatMap at;
    std::deque<std::vector<Group>> found;
    std::size_t used = 0;
};

}  // namespace weft
