#include "trie.hpp"

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
    below.assign(nodes(), 0);
    std::vector<u32> path{0};
    for (u32 n = 1; n <= nodes(); ++n) {
        while (path.size() > 1 && (n == nodes() || n >= end[path.back()])) {
            u32 done = path.back();
            path.pop_back();
            below[path.back()] |= below[done] | u64(1) << kind[byte[done]];
        }
        if (n < nodes()) path.push_back(n);
    }
}

}  // namespace weft
