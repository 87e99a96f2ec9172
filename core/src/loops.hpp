// Which characters change nothing: a walk over the vocabulary takes a whole subtree where all of it is such text.
#pragma once

#include "dfa.hpp"
#include "intern.hpp"
#include "trie.hpp"

namespace weft {

// For a state of an automaton: the first bytes of characters of which each, however it goes on, leads back to the state, and the
// automaton does not `stop` on the way.
template <class Step, class Stop>
ByteSet find_loops(u32 s, const Step& step, const Stop& stops) {
    ByteSet out;
    for (u32 b = 0; b < 0x80; ++b)
        if (step(s, u8(b)) == s) out.add(u8(b));
    struct Known {
        u32 state, left;
        bool yes;
    };
    std::vector<Known> known;
    auto back = [&](u32 t, u32 left, u32 lo, u32 hi, const auto& self) -> bool {
        if (t == DEAD || stops(t)) return false;
        bool usual = lo == 0x80 && hi == 0xBF;
        if (usual)
            for (auto& k : known)
                if (k.state == t && k.left == left) return k.yes;
        bool yes = true;
        u32 last = NONE;
        for (u32 b = lo; b <= hi && yes; ++b) {
            u32 u = step(t, u8(b));
            if (b > lo && u == last) continue;
            last = u;
            yes = left == 1 ? u == s : self(u, left - 1, 0x80u, 0xBFu, self);
        }
        if (usual) known.push_back({t, left, yes});
        return yes;
    };
    for (u32 b = 0xC2; b < 0xF5; ++b) {
        u32 t = step(s, u8(b)), left = b < 0xE0 ? 1 : b < 0xF0 ? 2 : 3;
        u32 lo = b == 0xE0 ? 0xA0 : b == 0xF0 ? 0x90 : 0x80, hi = b == 0xED ? 0x9F : b == 0xF4 ? 0x8F : 0xBF;
        if (back(t, left, lo, hi, back)) out.add(u8(b));
    }
    return out;
}

// The same about the subtrees of a trie, for a walk over it: step(state, byte) leads to a state or DEAD.
template <class Step>
class Loops {
  public:
    Loops(const Trie& t, Step s) : trie(t), step(std::move(s)) {}
    // Whether all tokens below a node lead from a state back to it.
    bool hold(u32 node, u32 state) {
        if (!(trie.below[node] & ~kinds(state))) return true;
        const u32 text = trie.text[node];
        return text != NONE && !trie.cuts[text] && characters(state).holds(trie.texts[text]);
    }

  private:
    u64 kinds(u32 s) {  // of bytes that leave s as it is
        if (u32 known = kinds_at.find(s); known != NONE) return kind_sets[known];
        u64 stay = 0, leave = 0;
        for (u32 b = 0; b < 256; ++b) (step(s, u8(b)) == s ? stay : leave) |= u64(1) << trie.kind[b];
        kinds_at.put(s, u32(kind_sets.size()));
        kind_sets.push_back(stay & ~leave);
        return kind_sets.back();
    }
    const ByteSet& characters(u32 s) {
        u32 known = texts_at.find(s);
        if (known == NONE) {
            texts_at.put(s, known = u32(text_sets.size()));
            text_sets.push_back(find_loops(s, step, [](u32) { return false; }));
        }
        return text_sets[known];
    }
    const Trie& trie;
    Step step;
    FlatMap kinds_at, texts_at;
    std::vector<u64> kind_sets;
    std::vector<ByteSet> text_sets;
};

}  // namespace weft
