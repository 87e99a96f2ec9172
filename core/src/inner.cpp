#include "inner.hpp"

namespace weft {

const std::vector<InnerTokens::Group>& InnerTokens::of(u32 x) {
    if (u32 known = at.find(x); known != NONE) return found[known];
    at.put(x, u32(found.size()));
    found.push_back(find(x));
    for (auto& g : found.back()) used += sizeof(g) + g.tokens.bytes();
    return found.back();
}

std::vector<InnerTokens::Group> InnerTokens::find(u32 x) {
    struct Ranges {
        u32 to, count;
        std::vector<std::pair<u32, u32>> ranks;
    };
    u32 goes_on = 0;
    for (u32 b = 0; b < 256; ++b) goes_on += moves.inside(x, u8(b)) != NONE;
    if (goes_on < MANY_BYTES) return {};
    std::vector<Ranges> by_end;
    FlatMap numbers;
    std::vector<std::pair<u32, u32>> path{{trie.nodes(), x}};  // (end of a subtree, state)
    for (u32 n = 1; n < trie.nodes();) {
        while (n >= path.back().first) path.pop_back();
        const u32 end = trie.end[n], to = moves.inside(path.back().second, trie.byte[n]);
        if (to == NONE) {
            n = end;
            continue;
        }
        const bool whole = end - n > 1 && !(trie.below[n] & ~moves.loops(to));
        const u32 last = whole ? end : n + 1;
        if (const u32 from = trie.rank[n], past = trie.rank[last]; from < past) {
            u32 k = numbers.find(to);
            if (k == NONE) numbers.put(to, k = u32(by_end.size())), by_end.push_back({to, 0, {}});
            by_end[k].count += past - from;
            by_end[k].ranks.emplace_back(from, past);
        }
        if (!whole) path.emplace_back(end, to);
        n = last;
    }
    std::sort(by_end.begin(), by_end.end(), [](const Ranges& a, const Ranges& b) { return a.count > b.count; });
    if (by_end.size() > MOST) by_end.resize(MOST);
    std::vector<Group> out;
    for (auto& r : by_end) out.push_back({r.to, r.count, trie.tokens_of(r.ranks)});
    return out;
}

}  // namespace weft
