// Fewer fillings of a canvas: nearly every canvas that can be filled can be filled with signs, a name, a number and blanks.
//
//   slots:  _  _  _  _  _  ) { _ }        blanks in most slots of a row, few tokens in the others:
//           b  b  f  f  m     f          b a blank; f one token for each kind of lexeme that is one byte long; m more of them
//
// With fewer fillings there are fewer places in the grammar, so a yes is found in a fraction of the time. A no is none: where nothing
// can stand before some element, the slots to its left get more tokens (widen).
#pragma once

#include <array>

#include "engine.hpp"
#include "levels.hpp"

namespace weft {

struct FewTokens {                              // as words; each set holds those above it
    u32 blank = WordSets::NOTHING;              // one token: ignored text, or a letter that strings go on with; nothing if there is none
    u32 few = WordSets::NOTHING;                // one byte for each kind of lexeme; where a lexer has few states, what the grammar spells out
    u32 some = WordSets::NOTHING;               // signs in pairs, ends of characters
    u32 many = WordSets::NOTHING;               // what the grammar spells out
    u32 any = WordSets::NOTHING;                // all tokens
    std::array<u32, 5> steps() const { return {blank, few, some, many, any}; }
    std::size_t step_of(u32 words) const {
        const auto all = steps();
        return std::size_t(std::find(all.begin(), all.end(), words) - all.begin());
    }
};
// Then all that the grammar spells out is too much to begin with: programming languages, mostly.
inline bool has_many_states(const Lexer* lexer) { return lexer && lexer->size() >= 200; }
FewTokens find_few(u32 any, WordSets& words, const Machine& m, const Lexer* lexer, const Trie& trie);
// The same with parts of characters and what opens and closes comments in place of a blank, and strings among few tokens: nearly every
// token can stand in one.
FewTokens with_hiding(const FewTokens& few, WordSets& words, const Machine& m, const Lexer* lexer, const Trie& trie);

class Narrowed {
  public:
    // free: so many slots of a row are no blanks. From `tail` on the text may end.
    Narrowed(const FewTokens& tokens, std::vector<Pick> all, std::size_t tail, u32 words, std::size_t free);
    std::vector<Pick> picks;
    int tries_left = 24;
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
