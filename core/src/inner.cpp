#include "inner.hpp"

#include "loops.hpp"

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
    constexpr u32 LARGE = 64;  // nodes of a subtree for which it pays to look at all bytes of a state
    struct Ranges {
        u32 to, count;
        std::vector<std::pair<u32, u32>> ranks;
    };
    std::vector<Ranges> by_end;
    Ranges others{NONE, 0, {}};
    FlatMap numbers;
    Loops loops(trie, [&](u32 from, u8 b) {
        const auto [to, ends] = moves.inside(from, b);
        return ends || to == NONE ? DEAD : to;
    });
    auto add = [](Ranges& r, u32 from, u32 to) {
        r.count += to - from;
        if (!r.ranks.empty() && r.ranks.back().second == from) r.ranks.back().second = to;
        else if (from < to) r.ranks.emplace_back(from, to);
    };
    std::vector<std::pair<u32, u32>> path{{trie.nodes(), x}};  // (end of a subtree, state)
    for (u32 n = 1; n < trie.nodes();) {
        while (n >= path.back().first) path.pop_back();
        const u32 end = trie.end[n];
        const auto [to, ends] = moves.inside(path.back().second, trie.byte[n]);
        if (ends || to == NONE) {
            if (ends) add(others, trie.rank[n], trie.rank[end]);
            n = end;
            continue;
        }
        const bool whole = end - n > LARGE && loops.hold(n, to);
        const u32 last = whole ? end : n + 1;
        if (trie.rank[n] < trie.rank[last]) {
            u32 k = numbers.find(to);
            if (k == NONE) numbers.put(to, k = u32(by_end.size())), by_end.push_back({to, 0, {}});
            add(by_end[k], trie.rank[n], trie.rank[last]);
        }
        if (!whole) path.emplace_back(end, to);
        n = last;
    }
    std::sort(by_end.begin(), by_end.end(), [](const Ranges& a, const Ranges& b) { return a.count > b.count; });
    Groups out;
    for (std::size_t k = 0; k < by_end.size(); ++k)
        if (k < MOST) out.inner.push_back({by_end[k].to, trie.tokens_of(by_end[k].ranks)});
        else others.ranks.insert(others.ranks.end(), by_end[k].ranks.begin(), by_end[k].ranks.end());
    out.others = trie.tokens_of(others.ranks);
    return out;
}

}  // namespace weft
