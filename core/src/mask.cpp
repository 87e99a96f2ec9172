#include "mask.hpp"

namespace weft {

void Masker::visit(u32 node, u32 frontier, u32* mask, u32 depth) {
    if (trie.end[node] - node <= Store::WIDE || depth > DEEP) return descend(node, frontier, mask);
    if (depth > 0) {  // lexemes that may end anywhere come to a place in many ways
        u64 key = u64(node) << 32 | frontier;
        if (visited.find(key) != NONE) return;
        visited.put(key, 1);
    }
    std::vector<Item> items(f.begin(frontier), f.begin(frontier) + f.size(frontier)), few;
    std::vector<Below> after;
    ByteSet bytes;
    for (std::size_t i = 0; i < items.size();) {
        const Item& it = items[i];
        if (it.term == END) break;
        const Terminal& t = *f.m.terminals[it.term];
        if (t.fan(it.q) <= FEW) {
            few.push_back(it);
            bytes |= t.reads(it.q);
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
        for (u32 x : e->wide) visit(x, next, mask, depth + 1);
    }
    if (few.empty()) return;
    u32 part = few.size() == items.size() ? frontier : f.of(few);
    bytes.each([&](u8 b) {
        u32 c = trie.child(node, b);
        if (c == NONE) return;
        u32 to = f.step(part, b);
        if (to == Frontiers::EMPTY) return;
        ++nodes;
        trie.set(c, mask);
        if (trie.end[c] > c + 1) visit(c, to, mask, depth + 1);
    });
}

// Walks the whole subtree of `node`.
void Masker::descend(u32 node, u32 frontier, u32* mask) {
    std::size_t bottom = stack.size();
    stack.push_back({trie.kid_at[node], trie.kid_at[node + 1], frontier, f.reads(frontier)});
    while (stack.size() > bottom) {
        Frame& top = stack.back();
        // SAFETY: at < end <= kid.size(), as kid_at says.
        const u8* byte = trie.kid_byte.data();
        u32 k = top.at;
        while (k < top.end && !top.reads.has(byte[k])) ++k;
        if (k == top.end) {
            stack.pop_back();
            continue;
        }
        top.at = k + 1;
        ++nodes;
        u32 to = f.step(top.frontier, byte[k]);
        if (to == Frontiers::EMPTY) continue;
        u32 n = trie.kid[k];
        trie.set(n, mask);
        if (trie.end[n] > n + 1) stack.push_back({trie.kid_at[n], trie.kid_at[n + 1], to, f.reads(to)});
    }
}

void Masker::rests(const Entry& e, u32 frontier, u32* mask) {
    u32 n = 1, end = u32(e.rest_byte.size());
    if (end <= 1) return;
    std::size_t bottom = stack.size();
    stack.push_back({0, end, frontier, f.reads(frontier)});
    while (n < end) {
        while (n >= stack.back().end) stack.pop_back();
        u8 b = e.rest_byte[n];
        u32 to = Frontiers::EMPTY;
        if (stack.back().reads.has(b)) ++nodes, to = f.step(stack.back().frontier, b);
        if (to == Frontiers::EMPTY) {
            n = e.rest_end[n];
            continue;
        }
        for (u32 k = e.rest_at[n]; k < e.rest_at[n + 1]; ++k) mask[e.rest_tokens[k] >> 5] |= 1u << (e.rest_tokens[k] & 31);
        if (e.rest_end[n] > n + 1) stack.push_back({0, e.rest_end[n], to, f.reads(to)});
        ++n;
    }
    stack.resize(bottom);
}

}  // namespace weft
