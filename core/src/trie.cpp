#include "trie.hpp"

#include "bytes.hpp"

#include <algorithm>
#include <numeric>

namespace weft {

Trie::Trie(const std::vector<std::optional<std::string_view>>& tokens) : twin(tokens.size(), NONE), vocab_size(u32(tokens.size())) {
    std::vector<u32> order;
    for (u32 t = 0; t < tokens.size(); ++t)
        if (tokens[t] && !tokens[t]->empty()) order.push_back(t);  // an empty token changes nothing, so it is never offered
    std::sort(order.begin(), order.end(), [&](u32 a, u32 b) { return *tokens[a] != *tokens[b] ? *tokens[a] < *tokens[b] : a < b; });
    byte.push_back(0), end.push_back(0), token.push_back(NONE);
    std::vector<u32> path{0};
    std::string_view last;
    u32 last_token = NONE;
    for (u32 t : order) {
        std::string_view s = *tokens[t];
        longest = std::max(longest, u32(s.size()));
        if (last_token != NONE && s == last) {
            twin[last_token] = t;
            last_token = t;
            continue;
        }
        std::size_t common = 0;
        while (common < last.size() && common < s.size() && last[common] == s[common]) ++common;
        while (path.size() > common + 1) end[path.back()] = nodes(), path.pop_back();
        for (std::size_t i = common; i < s.size(); ++i) {
            path.push_back(nodes());
            byte.push_back(u8(s[i])), end.push_back(0), token.push_back(NONE);
        }
        token[path.back()] = t;
        last = s, last_token = t;
    }
    while (!path.empty()) end[path.back()] = nodes(), path.pop_back();
    std::fill(std::begin(root_child), std::end(root_child), NONE);
    for (u32 c = 1; c < nodes(); c = end[c]) root_child[byte[c]] = c;
    index();
    link();
    summarise();
}

void Trie::index() {
    constexpr std::string_view FIRST = "\t\n\v\r\x0E 08ABGabg\x80\xC0\xE0\xF0";  // of a kind with more than one byte, mostly
    auto is_sign = [](int b) { return (b > ' ' && b < '0') || (b > '9' && b < 'A') || (b > 'Z' && b < 'a') || (b > 'z' && b < 0x80); };
    kind[0] = 0;
    for (int b = 1; b < 256; ++b) kind[b] = u8(kind[b - 1] + (is_sign(b) || FIRST.find(char(b)) != FIRST.npos));
    rank.reserve(nodes() + 1);
    for (u32 n = 0; n < nodes(); ++n) {
        rank.push_back(u32(ranked.size()));
        for (u32 t = token[n]; t != NONE; t = twin[t]) ranked.push_back(t);
    }
    rank.push_back(u32(ranked.size()));
    rank_of.assign(vocab_size, NONE);
    for (u32 r = 0; r < ranked.size(); ++r) rank_of[ranked[r]] = r;
    below.assign(nodes(), 0), utf8.assign(nodes(), 0);
    std::vector<std::pair<u32, u8>> path{{0, 0}};  // (node, its state of UTF-8)
    for (u32 n = 1; n <= nodes(); ++n) {
        while (path.size() > 1 && (n == nodes() || n >= end[path.back().first])) {
            u32 done = path.back().first;
            path.pop_back();
            u32 parent = path.back().first;
            below[parent] |= below[done] | u64(1) << kind[byte[done]];
            if (utf8[done] == NOT_UTF8) utf8[parent] = NOT_UTF8;
        }
        if (n == nodes()) break;
        path.emplace_back(n, step_utf8(path.back().second, byte[n]));
        utf8[n] = path.back().second;
    }
}

void Trie::link() {
    u32 n = nodes();
    kid_at.reserve(n + 1);
    chars.assign(n, 0);
    all.assign(words(), 0);
    set_ranks(0, u32(ranked.size()), all.data());
    one_byte.assign(words(), 0);
    for (u32 c = 1; c < n; c = end[c]) set(c, one_byte.data());
    for (u32 v = 0; v < n; ++v) {
        kid_at.push_back(u32(kid.size()));
        for (u32 c = v + 1; c < end[v]; c = end[c]) {
            kid.push_back(c), kid_byte.push_back(byte[c]);
            chars[c] = u16(chars[v] + ((byte[c] & 0xC0) != 0x80));
        }
    }
    kid_at.push_back(u32(kid.size()));
}

void Trie::summarise() {
    u32 n = nodes();
    text.assign(n, NONE);
    // from the leaves up: nodes behind a node in preorder are done before it; the children of a node that is too small are read again
    std::vector<std::pair<u32, u8>> stack;  // (node, its state of UTF-8)
    for (u32 v = n; v-- > 1;) {
        if (end[v] - v <= SUMMED) continue;
        ByteSet firsts;
        bool whole = true, cut = false;
        stack.assign(1, {v, 0});
        while (!stack.empty() && whole) {
            auto [at, utf8] = stack.back();
            stack.pop_back();
            if (at != v && utf8 == 0 && end[at] - at > SUMMED) {
                if (text[at] == NONE) whole = false;
                else firsts |= texts[text[at]], cut = cut || cuts[text[at]];
                continue;
            }
            for (u32 k = kid_at[at]; k < kid_at[at + 1] && whole; ++k) {
                const u8 next = step_utf8(utf8, kid_byte[k]);
                if (utf8 == 0) firsts.add(kid_byte[k]);
                whole = next != NOT_UTF8;
                cut = cut || (next && rank[kid[k]] != rank[kid[k] + 1]);
                stack.emplace_back(kid[k], next);
            }
        }
        if (!whole) continue;
        text[v] = u32(texts.size());
        texts.push_back(firsts), cuts.push_back(cut);
    }
}

std::vector<u32> Trie::ranks_of(const u32* mask) const {
    std::vector<u32> out;
    const u32 count = count_tokens(mask, words());
    out.reserve(count);
    if (count > words()) {  // sooner than sorted
        for (u32 r = 0; r < ranked.size(); ++r)
            if (has_token(mask, ranked[r])) out.push_back(r);
        return out;
    }
    each_in(mask, words(), [&](u32 t) {
        if (rank_of[t] != NONE) out.push_back(rank_of[t]);
    });
    std::sort(out.begin(), out.end());
    return out;
}

TokenSet Trie::tokens_of(const std::vector<std::pair<u32, u32>>& ranges) const {
    TokenSet out;
    std::size_t count = 0;
    for (auto [from, to] : ranges) count += to - from;
    if (count <= words()) {  // a list is smaller
        out.list.reserve(count);
        for (auto [from, to] : ranges) out.list.insert(out.list.end(), ranked.begin() + from, ranked.begin() + to);
    } else {
        out.bits.assign(words(), 0);
        for (auto [from, to] : ranges) set_ranks(from, to, out.bits.data());
    }
    return out;
}

}  // namespace weft
