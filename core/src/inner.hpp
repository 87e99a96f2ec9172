// Tokens by what they do to an open lexeme: those that stay inside of it, by the lexical state to which they lead, and those with which it
// may end.
//
//   in a comment   "x"  "ab "  "\n"  ...  -> in a comment      "*"  "a*"  "**"  ...  -> behind its star      "*/"  " */\n"  ...  others
//
// Where a lexeme goes on with nearly any byte, a few groups hold nearly all tokens, and what can follow is asked once for each.
#pragma once

#include "moves.hpp"
#include "trie.hpp"

namespace weft {

class InnerTokens {
  public:
    InnerTokens(Moves& m, const Trie& t) : moves(m), trie(t), ungrouped{{}, {t.all, {}}} {}

    struct Group {
        u32 to;            // lexical state, see Moves
        TokenSet tokens;
    };
    struct Groups {
        std::vector<Group> inner;  // the largest ones first
        TokenSet others;           // with which the lexeme may end, and of small groups; tokens that are nowhere cannot stand here
    };
    // Found once for each state: a walk over the trie. All tokens are others where a count is kept, so that each leads somewhere else, and
    // once the tables are full.
    const Groups& of(u32 x);
    std::size_t bytes() const { return used; }

  private:
    static constexpr std::size_t MOST = 64;    // groups of one state
    static constexpr std::size_t MOST_BYTES = std::size_t(64) << 20;
    Groups find(u32 x);

    Moves& moves;
    const Trie& trie;
    FlatMap at;
    std::deque<Groups> found;
    const Groups ungrouped;
    std::size_t used = 0;
};

}  // namespace weft
