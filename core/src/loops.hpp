// Which characters change nothing: a walk over the vocabulary takes a whole subtree where all of it is such text.
#pragma once

#include "dfa.hpp"

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

}  // namespace weft
