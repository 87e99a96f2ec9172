#include "dfa.hpp"

#include <algorithm>

namespace weft {

PairClasses::PairClasses(const u8* of_a, const u8* of_b) {
    u32 wide = 1u + *std::max_element(of_b, of_b + 256);
    std::vector<u16> id(wide * (1u + *std::max_element(of_a, of_a + 256)), 0);
    for (u32 c = 0; c < 256; ++c) {
        u16& i = id[of_a[c] * wide + of_b[c]];
        if (!i) a.push_back(of_a[c]), b.push_back(of_b[c]), i = u16(a.size());
        class_of[c] = u8(i - 1);
    }
}

PairClasses::PairClasses(const u8* of_a, const ByteSet& letters) {
    u16 other[256] = {};
    for (u32 c = 0; c < 256; ++c) {
        u16 own = 0, &i = letters.has(u8(c)) ? own : other[of_a[c]];
        if (!i) a.push_back(of_a[c]), b.push_back(u8(c)), i = u16(a.size());
        class_of[c] = u8(i - 1);
    }
}

Components::Components(const Dfa& d, const std::vector<u32>& roots) : of(d.size(), NONE) {
    std::vector<u32> index(d.size(), NONE), low(d.size()), stack;
    struct Frame {
        u32 state, c;
    };
    std::vector<Frame> frames;
    u32 counter = 0;
    for (u32 root : roots) {
        if (index[root] != NONE) continue;
        index[root] = low[root] = counter++;
        stack.push_back(root), frames.push_back({root, 0});
        while (!frames.empty()) {
            u32 s = frames.back().state, c = frames.back().c, lowest = low[s];
            const u32* row = d.next.data() + std::size_t(s) * d.classes;
            u32 deeper = NONE, last = DEAD;
            for (; c < d.classes; ++c) {
                u32 t = row[c];
                if (t == last || t == DEAD || of[t] != NONE) continue;
                last = t;
                if (index[t] == NONE) {
                    deeper = t;
                    break;
                }
                lowest = std::min(lowest, index[t]);
            }
            low[s] = lowest;
            if (deeper != NONE) {
                frames.back().c = c + 1;
                index[deeper] = low[deeper] = counter++;
                stack.push_back(deeper), frames.push_back({deeper, 0});
                continue;
            }
            frames.pop_back();
            if (!frames.empty()) low[frames.back().state] = std::min(low[frames.back().state], lowest);
            if (lowest != index[s]) continue;
            u32 m;
            do {
                m = stack.back();
                stack.pop_back();
                of[m] = count();
                states.push_back(m);
            } while (m != s);
            at.push_back(u32(states.size()));
        }
    }
}

// Component by component, what is left first. A state without a circle is named by its row alone. In a component with circles one state
// is chosen by what can be read from it (rounds of hashing rows until one of them is the least, Weisfeiler & Leman 1968), and all are
// named by the component as a breadth first search from there sees it, and by their place in the search. Where the rounds leave a draw,
// the search with the least hash wins; where too many draw, the one with the least number: still exact, only shared less.
void name_states(Dfa& d) {
    u32 n = d.size();
    d.hash.assign(n, {});
    d.reads.assign(n, {});
    std::vector<ByteSet> of_class(d.classes);
    std::vector<RowName> weight(d.classes);  // of each class
    std::vector<u8> order;                   // classes by their first bytes
    for (u32 b = 0; b < 256; ++b) {
        u8 c = d.class_of[b];
        if (of_class[c].empty()) order.push_back(c);
        of_class[c].add(u8(b));
        weight[c].add(u8(b), {1, 1});
    }
    std::vector<u32> all(n);
    for (u32 i = 0; i < n; ++i) all[i] = i;
    Components parts(d, all);
    std::vector<u32> local(n, NONE), queue, roots;  // queue: the component in the order of the search
    std::vector<u64> keys, next_keys;
    for (u32 k = 0; k < parts.count(); ++k) {
        const u32 *begin = parts.states.data() + parts.at[k], *end = parts.states.data() + parts.at[k + 1];
        bool circle = false;
        for (const u32* s = begin; s < end; ++s) {
            const u32* row = d.next.data() + std::size_t(*s) * d.classes;
            RowName name;
            for (u32 c = 0; c < d.classes; ++c) {
                if (row[c] == DEAD) continue;
                d.reads[*s] |= of_class[c];
                if (parts.of[row[c]] == k) circle = true;
                else name.a += weight[c].a * d.hash[row[c]].a, name.b += weight[c].b * d.hash[row[c]].b;
            }
            name.add_to(d.hash[*s], d.accept[*s], d.label[*s]);  // of a component with circles: what leaves it
        }
        if (!circle) continue;
        auto inside = [&](u32 s, const auto& visit) {  // class and target of the edges that stay in the component
            const u32* row = d.next.data() + std::size_t(s) * d.classes;
            for (u8 c : order)
                if (row[c] != DEAD && parts.of[row[c]] == k) visit(c, row[c]);
        };
        u32 m = u32(end - begin);
        keys.resize(m), next_keys.resize(m);
        for (u32 i = 0; i < m; ++i) local[begin[i]] = i, keys[i] = d.hash[begin[i]].a;
        for (u32 round = 0;; ++round) {
            u64 least = *std::min_element(keys.begin(), keys.end());
            roots.clear();
            for (u32 i = 0; i < m; ++i)
                if (keys[i] == least) roots.push_back(begin[i]);
            if (roots.size() == 1 || round == 16) break;
            for (u32 i = 0; i < m; ++i) {
                u64 sum = keys[i];
                inside(begin[i], [&](u8 c, u32 to) { sum += weight[c].a * mix64(keys[local[to]]); });
                next_keys[i] = mix64(sum);
            }
            keys.swap(next_keys);
        }
        for (u32 i = 0; i < m; ++i) local[begin[i]] = NONE;
        auto search = [&](u32 root) {
            Hash128 h;
            for (u32 s : queue) local[s] = NONE;
            queue.assign(1, root);
            local[root] = 0;
            for (std::size_t i = 0; i < queue.size(); ++i) {
                Hash128 row = d.hash[queue[i]];
                inside(queue[i], [&](u8 c, u32 to) {
                    if (local[to] == NONE) local[to] = u32(queue.size()), queue.push_back(to);
                    row.a += weight[c].a * mix64(local[to]), row.b += weight[c].b * mix64(~u64(local[to]));
                });
                h.add(row.a), h.add(row.b);
            }
            return h;
        };
        u32 root = *std::min_element(roots.begin(), roots.end());
        if (roots.size() > 1 && roots.size() <= 64) {
            Hash128 least = search(root);
            for (u32 r : roots) {
                Hash128 h = search(r);
                if (std::pair(h.a, h.b) < std::pair(least.a, least.b)) least = h, root = r;
            }
        }
        Hash128 whole = search(root);
        for (std::size_t i = 0; i < queue.size(); ++i) {
            local[queue[i]] = NONE;
            d.hash[queue[i]] = whole;
            d.hash[queue[i]].add(i);
        }
        queue.clear();
    }
}

}  // namespace weft
