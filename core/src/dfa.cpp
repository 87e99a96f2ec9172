#include "dfa.hpp"

#include <algorithm>

namespace weft {

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

// States are hashed by strongly connected component, in reverse topological order. Inside a component of m states each state's
// name is the component as a breadth first search from that state sees it: O(m^2), so for very large components the name
// is tied to the whole automaton instead (still exact, only shared less).
void name_states(Dfa& d) {
    u32 n = d.size();
    d.hash.assign(n, {});
    d.reads.assign(n, {});
    // A row is named by the sum, over all bytes, of a weight of the byte times the name of where it leads: this does not depend on how
    // bytes were put into classes. Classes come in the order of their first bytes.
    std::vector<ByteSet> of_class(d.classes);
    std::vector<u64> weight_a(d.classes, 0), weight_b(d.classes, 0);
    std::vector<u8> order;
    for (u32 b = 0; b < 256; ++b) {
        u8 c = d.class_of[b];
        if (of_class[c].empty()) order.push_back(c);
        of_class[c].add(u8(b));
        weight_a[c] += mix64(2 * b), weight_b[c] += mix64(2 * b + 1);
    }
    for (u32 s = 0; s < n; ++s)
        for (u32 c = 0; c < d.classes; ++c)
            if (d.next[std::size_t(s) * d.classes + c] != DEAD) d.reads[s] |= of_class[c];
    std::vector<u32> all(n);
    for (u32 i = 0; i < n; ++i) all[i] = i;
    Components parts(d, all);
    const std::vector<u32>& comp = parts.of;
    u32 comps = parts.count();
    std::vector<u32> local(n, NONE), queue;  // queue: the component in the order of the search
    for (u32 k = 0; k < comps; ++k) {
        auto from = [&](u32 root) {
            Hash128 h;
            queue.assign(1, root);
            local[root] = 0;
            for (std::size_t i = 0; i < queue.size(); ++i) {
                u32 s = queue[i];
                const u32* row = d.next.data() + std::size_t(s) * d.classes;
                u64 sum_a = 0, sum_b = 0;
                for (u8 c : order) {
                    u32 t = row[c];
                    if (t == DEAD) continue;
                    if (comp[t] == k) {
                        if (local[t] == NONE) local[t] = u32(queue.size()), queue.push_back(t);
                        sum_a += weight_a[c] * mix64(local[t]), sum_b += weight_b[c] * mix64(~u64(local[t]));
                    } else {
                        sum_a += weight_a[c] * d.hash[t].a, sum_b += weight_b[c] * d.hash[t].b;
                    }
                }
                h.add(d.accept[s] ? 1 + d.label[s] : 0), h.add(sum_a), h.add(sum_b);
            }
            for (u32 s : queue) local[s] = NONE;
            return h;
        };
        const u32 *begin = parts.states.data() + parts.at[k], *end = parts.states.data() + parts.at[k + 1];
        if (end - begin <= 256) {
            for (const u32* s = begin; s < end; ++s) d.hash[*s] = from(*s);
        } else {
            u32 root = *std::min_element(begin, end);
            Hash128 whole = from(root);
            for (std::size_t i = 0; i < queue.size(); ++i) {  // numbers of states mean nothing in another automaton
                d.hash[queue[i]] = whole;
                d.hash[queue[i]].add(0xC0FFEE), d.hash[queue[i]].add(i);
            }
        }
    }
}

}  // namespace weft
