#include "inner.hpp"

#include "walk.hpp"

namespace weft {

const InnerTokens::Groups& InnerTokens::of(u32 x) {
    if (u32 known = at.find(x); known != NONE) return found[known];
    if (moves.counts(x) || used > MOST_BYTES) return ungrouped;
    at.put(x, u32(found.size()));
    found.push_back(find(x));
    used += found.back().others.bytes();
    for (auto& g : found.back().inner) used += sizeof(g) + g.tokens.bytes();
    return found.back();
}

InnerTokens::Groups InnerTokens::find(u32 x) {
    constexpr u32 MAY_END = NONE - 1;  // the state after bytes with which the lexeme may end, whatever follows
    struct Ranges {
        u32 to, count = 0;
        std::vector<std::pair<u32, u32>> ranks{};
    };
    std::vector<Ranges> inner;
    Ranges others{MAY_END};
    FlatMap numbers;
    auto step = [&](u32 from, u8 b) {
        if (from == MAY_END) return MAY_END;
        const auto [to, ends] = moves.inside(from, b);
        return ends ? MAY_END : to;
    };
    auto group = [&](u32 to) -> Ranges& {
        if (to == MAY_END) return others;
        u32 k = numbers.find(to);
        if (k == NONE) numbers.put(to, k = u32(inner.size())), inner.push_back({to});
        return inner[k];
    };
    each_token(trie, x, step, [&](u32 from, u32 end, u32 to) {
        Ranges& r = group(to);
        r.count += end - from;
        add_range(r.ranks, from, end);
    });
    std::sort(inner.begin(), inner.end(), [](const Ranges& a, const Ranges& b) { return a.count > b.count; });
    Groups out;
    for (std::size_t k = 0; k < inner.size(); ++k)
        if (k < MOST) out.inner.push_back({inner[k].to, trie.tokens_of(inner[k].ranks)});
        else others.ranks.insert(others.ranks.end(), inner[k].ranks.begin(), inner[k].ranks.end());
    out.others = trie.tokens_of(others.ranks);
    return out;
}

}  // namespace weft
