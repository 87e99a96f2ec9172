// Sets of words, shared and interned: a minimal acyclic automaton (Daciuk 2000), so that equal sets have equal numbers.
//
//   {ab, b, ""}    node 5: ends; 'a' -> 3, 'b' -> 1        3 = {b}: 'b' -> 1        1 = {""}: ends
//
// A word is a token's bytes, or one special token. What is left of the vocabulary after a few bytes is such a set, and so is one
// token or one piece of text: to a canvas, all its elements are sets of words.
#pragma once

#include "intern.hpp"
#include "trie.hpp"

namespace weft {

class WordSets {
  public:
    static constexpr u32 NOTHING = 0, EMPTY_WORD = 1;
    static constexpr u32 SPECIAL = 256;  // symbols from here on are special tokens

    // Tokens of a vocabulary; `specials` holds special tokens by the machine's count. Cost: linear in the nodes of the trie.
    explicit WordSets(const Trie& trie);
    static Hash128 key() {               // of those of a vocabulary, which all its constraints copy
        Hash128 h;
        h.add(0x30D5);
        return h;
    }
    u32 vocabulary(u32 specials);        // all tokens, and the first `specials` special ones
    u32 word(std::string_view bytes) { return behind(bytes, EMPTY_WORD); }
    u32 behind(std::string_view bytes, u32 set);  // the words of a set, with these bytes before each
    u32 of(std::vector<std::string>& words);  // sorts them
    u32 of(const Trie& trie, const u32* mask);  // tokens of the vocabulary; what it holds whole below a node costs nothing
    // Tokens of at most `longest` bytes, all of which are `allowed`.
    u32 tokens_of(const Trie& trie, bool (*allowed)(char), u32 longest, u32 node = 0);
    u32 special(u32 index) { return edge(SPECIAL + index, EMPTY_WORD); }

    bool ends(u32 set) const { return sets.size(set) && sets.begin(set)[0] == ENDS; }
    u32 without_end(u32 set);
    u32 unite(u32 a, u32 b);
    template <class Visit>
    void each(u32 set, const Visit& visit) const {  // visit(symbol, rest); the pool may grow meanwhile
        for (std::size_t k = ends(set); k < sets.size(set); ++k) {
            u64 e = sets.begin(set)[k];
            visit(u32(e >> 32) - 1, u32(e));
        }
    }
    bool holds(u32 set, u32 part) { return unite(set, part) == set; }
    u64 kinds(u32 set) const { return below[set]; }  // see Trie: which kinds of bytes the words have; ALL with special tokens
    u64 characters(u32 set) const { return begins[set]; }  // which kinds of bytes begin their characters; ALL if some are no UTF-8
    static constexpr u64 ALL = ~u64(0);
    std::size_t bytes() const { return sets.bytes() + (below.size() + begins.size()) * 8 + united.bytes(); }

  private:
    static constexpr u64 ENDS = 0;  // sorts before all edges, which are (symbol + 1) << 32 | set
    u32 edge(u32 symbol, u32 to) {
        u64 e = u64(symbol + 1) << 32 | to;
        return intern(&e, 1);
    }
    u32 intern(const u64* edges, std::size_t n);
    u64 rest_of_character(u32 set, u8 utf8) const;  // utf8: see step_utf8
    u32 of(const std::string* from, const std::string* to, std::size_t at);
    u32 of(const Trie& trie, const u32* from, const u32* to, u32 node, u32 set);

    const u8* kind;
    SpanPool<u64> sets;
    std::vector<u64> below, begins;
    FlatMap united;
    u32 tokens = NOTHING;
    std::vector<u64> scratch;
};

}  // namespace weft
