// How many tokens an output still needs, so that a limit on tokens never cuts it off.
//
// The proof that a state can be finished is a certificate: a shortest text that completes it (A* over the engine's states, guided
// by the engine's bound), cut into as few tokens as possible. A state counts as finishable within k tokens when its certificate is
// that short. Following certificates there is always a way out, so a budget cannot dead-end; a sentence that has more bytes but
// fewer tokens than the shortest one may be missed. Where some byte is no token, the search goes over tokens, and is exact.
#pragma once

#include "walk.hpp"

namespace weft {

class Budget {
  public:
    Budget(Engine& engine, const Vocabulary& vocabulary, const std::vector<u32>& special_ids, u64 cache_bytes);

    // A shortest completion as tokens; null when none was found within the search limit.
    const std::vector<u32>* certificate(u32 state);
    // Clears the bits of tokens after which the output could not be finished within `left` - 1 more tokens.
    void restrict(u32 state, u32 left, u32* mask);
    bool finishable(u32 state, u32 tokens);
    bool spells_all() const { return all_bytes; }         // without it, what is finishable takes a search over tokens
    bool surely(u32 state, u32 tokens) { return all_bytes && engine.within(state) <= tokens; }  // without a search
    template <class Visit>
    void successors(u32 state, const Visit& visit);       // visit(token, state after it), over the vocabulary's trie
    void forget();

  private:
    struct Plan {
        bool found = false;
        std::vector<u32> tokens;
    };
    const Plan& plan(u32 state);
    bool complete(u32 state, std::vector<u32>& symbols);  // bytes, or 256 + special index
    bool complete_by_tokens(u32 state, std::vector<u32>& tokens);
    bool cut(const std::vector<u32>& symbols, std::vector<u32>& tokens) const;

    Engine& engine;
    const Vocabulary& vocabulary;
    const std::vector<u32>& special_ids;
    u64 cache_bytes, used = 0;
    bool all_bytes = true;                     // every byte is a token, so n bytes are at most n tokens
    std::unordered_map<u32, Plan> plans;
    std::unordered_map<u32, u32> farthest;     // per state: the most bytes that any token leaves to be written
};

template <class Visit>
void Budget::successors(u32 state, const Visit& visit) {
    const Trie& trie = *vocabulary.trie;
    each_token(engine, trie, state, [&](u32 from, u32 end, u32 to) {
        for (u32 r = from; r < end; ++r) visit(trie.ranked[r], to);
    });
    std::vector<u32> specials;
    engine.specials(state, specials);
    for (u32 i : specials) visit(special_ids[i], engine.special(state, i));
}

}  // namespace weft
