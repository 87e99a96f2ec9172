// Where every token leads from a state, of an engine or of another automaton: a walk over the vocabulary's trie that takes a subtree whole
// where all of its bytes leave the state as it is.
#pragma once

#include "engine.hpp"
#include "loops.hpp"

namespace weft {

// Calls visit(from, to, state) for ranges of ranks (see Trie) of the tokens that can follow, with the state after them; step(state, byte)
// leads to a state or DEAD. With `only`, a mask of tokens, others are passed over, but for those that stand between.
template <class Step, class Visit>
void each_token(const Trie& trie, u32 start, const Step& step, const Visit& visit, const u32* only = nullptr) {
    constexpr u32 LARGE = 64;  // nodes of a subtree for which it pays to look at all bytes of a state
    Loops loops(trie, step);
    Wanted wanted(trie, only);
    std::vector<std::pair<u32, u32>> path{{trie.nodes(), start}};
    for (u32 n = 1; n < trie.nodes();) {
        while (n >= path.back().first) path.pop_back();
        const u32 end = trie.end[n], to = wanted.any(n, end) ? step(path.back().second, trie.byte[n]) : DEAD;
        if (to == DEAD) {
            n = end;
            continue;
        }
        const bool whole = end - n > LARGE && loops.hold(n, to);
        const u32 last = whole ? end : n + 1;
        if (trie.rank[n] != trie.rank[last] && wanted.any(n, last)) visit(trie.rank[n], trie.rank[last], to);
        if (!whole) path.emplace_back(end, to);
        n = last;
    }
}

template <class Visit>
void each_token(Engine& engine, const Trie& trie, u32 start, const Visit& visit, const u32* only = nullptr) {
    auto step = [&](u32 from, u8 b) {
        const u32 to = engine.step(from, b);
        return to ? to : DEAD;
    };
    each_token(trie, start, step, visit, only);
}

}  // namespace weft
