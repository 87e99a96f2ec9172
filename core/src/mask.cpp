#include "mask.hpp"

namespace weft {

void Masker::visit(u32 node, u32 frontier, u32* mask) {
    if (trie.end[node] - node <= Store::WIDE) return descend(node, frontier, mask);
    std::vector<Item> items(f.begin(frontier), f.begin(frontier) + f.size(frontier)), few;
    std::vector<Below> after;
    bool bytes[256] = {};
    for (std::size_t i = 0; i < items.size();) {
        const Item& it = items[i];
        if (it.term == END) break;
        const Terminal& t = *f.m.terminals[it.term];
        if (t.fan(it.q) <= FEW) {
            few.push_back(it);
            if (!t.literal.empty()) {
                if (it.q < t.literal.size()) bytes[u8(t.literal[it.q])] = true;
            } else if (t.special == NONE) {
                for (int b = 0; b < 256; ++b) bytes[b] = bytes[b] || t.step(it.q, u8(b)) != DEAD;
            }
            ++i;
            continue;
        }
        std::shared_ptr<const Entry> e = store.entry(t, it.q, node);
        e->inner.or_into(mask, trie.words());
        after.clear();  // items that differ only in what follows share the entry
        u32 term = it.term, q = it.q;
        for (; i < items.size() && items[i].term == term && items[i].q == q; ++i) after.push_back({items[i].ret, items[i].node});
        if (e->exits.empty()) continue;
        u32 next = f.closure(after);
        if (next == Frontiers::EMPTY) continue;
        rests(*e, next, mask);
        for (u32 x : e->wide) visit(x, next, mask);
    }
    if (few.empty()) return;
    u32 part = few.size() == items.size() ? frontier : f.of(few);
    for (int b = 0; b < 256; ++b) {
        if (!bytes[b]) continue;
        u32 c = trie.child(node, u8(b));
        if (c == NONE) continue;
        u32 to = f.step(part, u8(b));
        if (to == Frontiers::EMPTY) continue;
        ++nodes;
        trie.set(c, mask);
        if (trie.end[c] > c + 1) visit(c, to, mask);
    }
}

// Walks the whole subtree of `node`.
void Masker::descend(u32 node, u32 frontier, u32* mask) {
    std::size_t bottom = stack.size();
    u32 n = node + 1, end = trie.end[node];
    stack.emplace_back(end, frontier);
    while (n < end) {
        while (n >= stack.back().first) stack.pop_back();
        ++nodes;
        u32 to = f.step(stack.back().second, trie.byte[n]);
        if (to == Frontiers::EMPTY) {
            n = trie.end[n];
            continue;
        }
        trie.set(n, mask);
        if (trie.end[n] > n + 1) stack.emplace_back(trie.end[n], to);
        ++n;
    }
    stack.resize(bottom);
}

void Masker::rests(const Entry& e, u32 frontier, u32* mask) {
    u32 n = 1, end = u32(e.rest_byte.size());
    if (end <= 1) return;
    std::size_t bottom = stack.size();
    stack.emplace_back(end, frontier);
    while (n < end) {
        while (n >= stack.back().first) stack.pop_back();
        ++nodes;
        u32 to = f.step(stack.back().second, e.rest_byte[n]);
        if (to == Frontiers::EMPTY) {
            n = e.rest_end[n];
            continue;
        }
        for (u32 k = e.rest_at[n]; k < e.rest_at[n + 1]; ++k) mask[e.rest_tokens[k] >> 5] |= 1u << (e.rest_tokens[k] & 31);
        stack.emplace_back(e.rest_end[n], to);
        ++n;
    }
    stack.resize(bottom);
}

}  // namespace weft
