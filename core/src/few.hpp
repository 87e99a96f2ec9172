// Fewer fillings of a canvas: nearly every canvas that can be filled can be filled with signs, a name, a number and blanks.
//
//   slots:  _  _  _  _  _  ) { _ }        few tokens at both ends of a row of slots, blanks between:
//           f  b  b  b  f     f          b a blank; f one token for each kind of lexeme that is one byte long
//
// With fewer fillings there are fewer places in the grammar, so a yes is found in a fraction of the time. A no is none: where nothing
// can stand before some element, the slots to its left get more tokens (widen).
#pragma once

#include "engine.hpp"
#include "levels.hpp"

namespace weft {

struct FewTokens {
    u32 any = WordSets::NOTHING;                // all tokens, as words; these and the following
    u32 few = WordSets::NOTHING;                // nothing where there is no need for fewer
    u32 many = WordSets::NOTHING;               // few, signs in pairs, what the grammar spells out, parts of characters
    u32 blank = WordSets::NOTHING;              // one token that is ignored text; nothing if there is none
};
// Fewer tokens do not pay with a lexer that has few states.
FewTokens find_few(u32 any, WordSets& words, const Machine& m, const Lexer* lexer, const Trie& trie);

class Narrowed {
  public:
    // free: so many slots of a row are no blanks. From `tail` on the text may end.
    Narrowed(const FewTokens& tokens, std::vector<Pick> all, std::size_t tail, u32 words, std::size_t free);
    static constexpr int TRIES = 16;
    std::vector<Pick> picks;
    int tries = 0;
    // Lets slots before an element, where nothing can stand, hold more tokens: further and further back if that does not help. False if
    // all of them hold any token.
    bool widen(std::size_t element);

  private:
    static constexpr std::size_t LEAST_REACH = 2;  // slots
    std::size_t dead = NONE, reach = LEAST_REACH;
    const FewTokens& tokens;
    std::vector<u8> is_slot;
};

}  // namespace weft
