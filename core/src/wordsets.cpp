#include "wordsets.hpp"

namespace weft {

WordSets::WordSets(const Trie& trie) : kind(trie.kind) {
    intern(nullptr, 0);
    u64 ends = ENDS;
    intern(&ends, 1);
    std::vector<u32> set(trie.nodes());
    std::vector<u64> edges;
    for (u32 n = trie.nodes(); n-- > 0;) {  // children stand behind their parents
        edges.clear();
        if (n && trie.rank[n] != trie.rank[n + 1]) edges.push_back(ENDS);
        for (u32 k = trie.kid_at[n]; k < trie.kid_at[n + 1]; ++k) edges.push_back((u64(trie.kid_byte[k]) + 1) << 32 | set[trie.kid[k]]);
        set[n] = intern(edges.data(), edges.size());
    }
    tokens = trie.nodes() ? set[0] : NOTHING;
}

u32 WordSets::vocabulary(u32 specials) {
    u32 all = tokens;
    for (u32 k = 0; k < specials; ++k) all = unite(all, special(k));
    return all;
}

u32 WordSets::behind(std::string_view bytes, u32 set) {
    for (std::size_t i = bytes.size(); i-- > 0;) set = edge(u8(bytes[i]), set);
    return set;
}

u32 WordSets::of(std::vector<std::string>& all) {
    std::sort(all.begin(), all.end());
    return of(all.data(), all.data() + all.size(), 0);
}

// What follows the first `at` bytes, in which all of the words agree; calls itself as deep as the longest word.
u32 WordSets::of(const std::string* from, const std::string* to, std::size_t at) {
    std::vector<u64> edges;
    for (; from != to && from->size() == at; ++from)
        if (edges.empty()) edges.push_back(ENDS);
    while (from != to) {
        char first = (*from)[at];
        const std::string* end = std::find_if(from, to, [&](auto& w) { return w[at] != first; });
        edges.push_back(u64(u8(first) + 1) << 32 | of(from, end, at + 1));
        from = end;
    }
    return intern(edges.data(), edges.size());
}

u32 WordSets::of(const Trie& trie, const u32* mask) {
    const std::vector<u32> ranks = trie.ranks_of(mask);
    return ranks.empty() ? NOTHING : of(trie, ranks.data(), ranks.data() + ranks.size(), 0, tokens);
}

// Tokens by their ranks, all below a node, where the vocabulary has `set`; calls itself as deep as the longest word.
u32 WordSets::of(const Trie& trie, const u32* from, const u32* to, u32 node, u32 set) {
    if (u32(to - from) == trie.rank[trie.end[node]] - trie.rank[node]) return set;
    std::vector<u64> edges;
    if (*from < trie.rank[node + 1]) edges.push_back(ENDS);
    while (from != to && *from < trie.rank[node + 1]) ++from;
    for (u32 k = trie.kid_at[node], edge = ends(set); from != to; ++k, ++edge) {
        const u32 kid = trie.kid[k], past = trie.rank[trie.end[kid]];
        if (*from >= past) continue;
        const u32* end = std::lower_bound(from, to, past);
        edges.push_back((u64(trie.kid_byte[k]) + 1) << 32 | of(trie, from, end, kid, u32(sets.begin(set)[edge])));
        from = end;
    }
    return intern(edges.data(), edges.size());
}

u32 WordSets::tokens_of(const Trie& trie, bool (*allowed)(char), u32 longest, u32 node) {
    std::vector<u64> edges;
    if (node && trie.token[node] != NONE) edges.push_back(ENDS);
    for (u32 k = trie.kid_at[node]; longest && k < trie.kid_at[node + 1]; ++k) {
        if (!allowed(char(trie.kid_byte[k]))) continue;
        u32 rest = tokens_of(trie, allowed, longest - 1, trie.kid[k]);
        if (rest != NOTHING) edges.push_back((u64(trie.kid_byte[k]) + 1) << 32 | rest);
    }
    return intern(edges.data(), edges.size());
}

u32 WordSets::intern(const u64* edges, std::size_t n) {
    u32 set = sets.intern(edges, n);
    if (set < below.size()) return set;
    u64 kinds = 0, firsts = 0;
    for (std::size_t k = 0; k < n; ++k) {
        if (edges[k] == ENDS) continue;
        const u32 symbol = u32(edges[k] >> 32) - 1, rest = u32(edges[k]);
        kinds |= symbol >= SPECIAL ? ALL : u64(1) << kind[symbol] | below[rest];
        firsts |= symbol < SPECIAL ? u64(1) << kind[symbol] | rest_of_character(rest, step_utf8(0, u8(symbol))) : ALL;
    }
    below.push_back(kinds), begins.push_back(firsts);
    return set;
}

// Of what follows in the words after a part of a character, the kinds of bytes that begin other ones; ALL if it is no UTF-8.
u64 WordSets::rest_of_character(u32 set, u8 utf8) const {
    if (utf8 == 0) return begins[set];
    u64 firsts = utf8 == NOT_UTF8 ? ALL : 0;
    for (std::size_t k = 0; k < sets.size(set) && firsts != ALL; ++k) {
        const u64 edge = sets.begin(set)[k];
        const u32 symbol = u32(edge >> 32) - 1;  // no byte if the words end here
        firsts |= symbol < SPECIAL ? rest_of_character(u32(edge), step_utf8(utf8, u8(symbol))) : ALL;
    }
    return firsts;
}

u32 WordSets::without_end(u32 set) {
    if (!ends(set)) return set;
    std::vector<u64> edges(sets.begin(set) + 1, sets.begin(set) + sets.size(set));
    return intern(edges.data(), edges.size());
}

u32 WordSets::unite(u32 a, u32 b) {
    if (a == b || b == NOTHING) return a;
    if (a == NOTHING) return b;
    if (a > b) std::swap(a, b);
    u64 key = u64(a) << 32 | b;
    if (u32 known = united.find(key); known != NONE) return known;
    std::size_t base = scratch.size(), i = 0, j = 0, n = sets.size(a), m = sets.size(b);
    while (i < n || j < m) {
        u64 x = i < n ? sets.begin(a)[i] : ~u64(0), y = j < m ? sets.begin(b)[j] : ~u64(0);
        u64 e = std::min(x, y);
        if (x >> 32 == y >> 32 && x != y) {
            u32 to = unite(u32(x), u32(y));  // as deep as the longest word
            e = (x >> 32) << 32 | to, ++i, ++j;
        } else {
            i += x == e, j += y == e;
        }
        scratch.push_back(e);
    }
    u32 set = intern(scratch.data() + base, scratch.size() - base);
    scratch.resize(base);
    united.put(key, set);
    return set;
}

}  // namespace weft
