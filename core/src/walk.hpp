// Where every token leads from a state of an engine: a walk over the vocabulary's trie that takes a subtree whole where all of its
// bytes leave the state as it is.
#pragma once

#include "engine.hpp"
#include "loops.hpp"

namespace weft {

// Calls visit(from, to, state) for ranges of ranks (see Trie) of the tokens that can follow, with the state after them. With `only`, a
// mask of tokens, others are passed over, but for those that stand between.
template <class Visit>
void each_token(Engine& engine, const Trie& trie, u32 start, const Visit& visit, const u32* only = nullptr) {
    constexpr u32 LARGE = 64;  // nodes of a subtree for which it pays to look at all bytes of a state
    FlatMap loop_at, text_at;
    std::vector<u64> loop_kinds;
    std::vector<ByteSet> loop_texts;
    auto loops = [&](u32 s) {  // kinds of bytes that leave s as it is
        u32 known = loop_at.find(s);
        if (known != NONE) return loop_kinds[known];
        u64 stay = 0, leave = 0;
        for (u32 b = 0; b < 256; ++b) (engine.step(s, u8(b)) == s ? stay : leave) |= u64(1) << trie.kind[b];
        loop_at.put(s, u32(loop_kinds.size()));
        loop_kinds.push_back(stay & ~leave);
        return stay & ~leave;
    };
    auto loops_on_text = [&](u32 s, const ByteSet& firsts) {  // whole characters
        u32 known = text_at.find(s);
        if (known == NONE) {
            auto step = [&](u32 from, u8 b) {
                u32 to = engine.step(from, b);
                return to ? to : DEAD;
            };
            text_at.put(s, known = u32(loop_texts.size()));
            loop_texts.push_back(find_loops(s, step, [](u32) { return false; }));
        }
        return loop_texts[known].holds(firsts);
    };
    auto unchanged = [&](u32 n, u32 s) {
        if (!(trie.below[n] & ~loops(s))) return true;
        u32 text = trie.text[n];
        return text != NONE && !trie.cuts[text] && loops_on_text(s, trie.texts[text]);
    };
    Wanted wanted(trie, only);
    std::vector<std::pair<u32, u32>> path{{trie.nodes(), start}};
    for (u32 n = 1; n < trie.nodes();) {
        while (n >= path.back().first) path.pop_back();
        u32 end = trie.end[n], to = wanted.any(n, end) ? engine.step(path.back().second, trie.byte[n]) : 0;
        if (to == 0) {
            n = end;
            continue;
        }
        bool whole = end - n > LARGE && unchanged(n, to);
        u32 last = whole ? end : n + 1;
        if (trie.rank[n] != trie.rank[last] && wanted.any(n, last)) visit(trie.rank[n], trie.rank[last], to);
        if (!whole) path.emplace_back(end, to);
        n = last;
    }
}

}  // namespace weft
