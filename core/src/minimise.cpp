#include "minimise.hpp"

#include <algorithm>

#include "intern.hpp"

namespace weft {

namespace {

// A refinable partition: elements in blocks, marked elements at the front of their block (Valmari & Lehtinen 2008).
struct Partition {
    std::vector<u32> elems, loc, block, first, past;
    std::vector<u32> marked, touched;

    Partition(u32 n, const std::vector<u32>& initial) : elems(n), loc(n), block(n) {
        std::vector<u32> order = sorted_by(initial, n);
        for (u32 i = 0; i < n; ++i) {
            if (i == 0 || initial[order[i]] != initial[order[i - 1]]) {
                if (!first.empty()) past.push_back(i);
                first.push_back(i);
            }
            elems[i] = order[i], loc[order[i]] = i, block[order[i]] = u32(first.size()) - 1;
        }
        if (n) past.push_back(n);
        marked.assign(first.size(), 0);
    }
    static std::vector<u32> sorted_by(const std::vector<u32>& key, u32 n) {
        std::vector<u32> order(n);
        u32 top = 0;
        for (u32 k : key) top = std::max(top, k);
        if (top < 4 * n + 1024) {  // labels are small numbers: count them
            std::vector<u32> at(std::size_t(top) + 2, 0);
            for (u32 k : key) ++at[k + 1];
            for (u32 k = 0; k <= top; ++k) at[k + 1] += at[k];
            for (u32 i = 0; i < n; ++i) order[at[key[i]]++] = i;
            return order;
        }
        for (u32 i = 0; i < n; ++i) order[i] = i;
        std::stable_sort(order.begin(), order.end(), [&](u32 a, u32 b) { return key[a] < key[b]; });
        return order;
    }
    u32 count() const { return u32(first.size()); }
    void mark(u32 e) {
        u32 s = block[e], i = loc[e], j = first[s] + marked[s];
        if (i < j) return;
        elems[i] = elems[j], loc[elems[i]] = i;
        elems[j] = e, loc[e] = j;
        if (!marked[s]++) touched.push_back(s);
    }
    void split() {
        while (!touched.empty()) {
            u32 s = touched.back();
            touched.pop_back();
            u32 j = first[s] + marked[s];
            if (j == past[s]) {
                marked[s] = 0;
                continue;
            }
            u32 z = count();
            if (marked[s] <= past[s] - j) {  // the smaller part becomes the new block
                first.push_back(first[s]), past.push_back(j), first[s] = j;
            } else {
                first.push_back(j), past.push_back(past[s]), past[s] = j;
            }
            for (u32 i = first[z]; i < past[z]; ++i) block[elems[i]] = z;
            marked[s] = 0;
            marked.push_back(0);
        }
    }
};

}  // namespace

u32 minimise(u32 states, const std::vector<Edge>& edges, std::vector<u32>& result) {
    if (states == 0) return 0;
    Partition blocks(states, result);
    std::vector<u32> labels(edges.size());
    for (std::size_t i = 0; i < edges.size(); ++i) labels[i] = edges[i].label;
    Partition cords(u32(edges.size()), labels);
    std::vector<u32> head(states + 1, 0), in(edges.size());
    for (auto& e : edges) ++head[e.to + 1];
    for (u32 i = 0; i < states; ++i) head[i + 1] += head[i];
    {
        std::vector<u32> at(head.begin(), head.end() - 1);
        for (u32 i = 0; i < edges.size(); ++i) in[at[edges[i].to]++] = i;
    }
    u32 b = 1, c = 0;
    while (c < cords.count()) {
        for (u32 i = cords.first[c]; i < cords.past[c]; ++i) blocks.mark(edges[cords.elems[i]].from);
        blocks.split();
        ++c;
        while (b < blocks.count()) {
            for (u32 i = blocks.first[b]; i < blocks.past[b]; ++i) {
                u32 e = blocks.elems[i];
                for (u32 k = head[e]; k < head[e + 1]; ++k) cords.mark(in[k]);
            }
            cords.split();
            ++b;
        }
    }
    std::vector<u32> rename(blocks.count(), NONE);
    u32 n = 0;
    result.resize(states);
    for (u32 s = 0; s < states; ++s) {
        u32& r = rename[blocks.block[s]];
        if (r == NONE) r = n++;
        result[s] = r;
    }
    return n;
}

namespace {

// Equivalent states get one number: `block`, NONE for dead and unreached ones. Returns how many there are.
//
// Component by component, what is left first: a state without a circle is known by its row of numbers. A component with circles is
// minimised in itself (Valmari); then it is either new, or a copy of one that is there, or runs alongside of one that it leads to.
// Both are found by walking the two side by side from one pair of states.
u32 merge_states(const Dfa& d, const std::vector<u8>& live, std::vector<u32>& block) {
    u32 n = d.size(), classes = d.classes;
    block.assign(n, NONE);
    Components parts(d, {d.start});
    constexpr u32 INSIDE = NONE - 1;
    std::vector<u32> rows, labels;           // of the numbers given so far
    std::vector<u32> circle;                 // per number: its component with circles, or NONE
    std::vector<std::pair<u32, u32>> ranges;  // of numbers, of each of those
    auto label_of = [&](u32 s) { return d.accept[s] ? 1 + d.label[s] : 0; };
    struct Table {  // hash -> chain of numbers
        FlatMap head;
        std::vector<u32> next;
        u32 find(u64 h) const { return head.find(h >> 1); }
        void put(u64 h, u32 number) {
            if (next.size() <= number) next.resize(std::size_t(number) + 1, NONE);
            next[number] = head.find(h >> 1);
            if (next[number] == NONE) head.put(h >> 1, number);
            else head.set(h >> 1, number);
        }
    } by_row, by_view;
    auto hash = [&](u32 label, const u32* row) { return hash_span(row, classes) ^ mix64(label); };
    std::vector<u32> row(classes), local(n, NONE), inner, reps, pairing, queue;
    std::vector<Edge> edges;
    auto number = [&](u32 label, const u32* values, u32 in_circle) {
        u32 id = u32(labels.size());
        labels.push_back(label), circle.push_back(in_circle);
        rows.insert(rows.end(), values, values + classes);
        return id;
    };
    for (u32 k = 0; k < parts.count(); ++k) {
        const u32 *begin = parts.states.data() + parts.at[k], *end = parts.states.data() + parts.at[k + 1];
        if (!live[*begin]) continue;
        auto read = [&](u32 s) {  // the row of s in numbers; successors in the component as INSIDE
            bool inside = false;
            for (u32 c = 0; c < classes; ++c) {
                u32 t = d.next[std::size_t(s) * classes + c];
                if (t != DEAD && parts.of[t] == k) row[c] = INSIDE, inside = true;
                else row[c] = t == DEAD ? DEAD : block[t];
            }
            return inside;
        };
        if (!read(*begin)) {  // one state, no circle
            u32 s = *begin, label = label_of(s), same;
            u64 h = hash(label, row.data());
            for (same = by_row.find(h); same != NONE; same = by_row.next[same])
                if (labels[same] == label && std::equal(row.begin(), row.end(), rows.begin() + long(std::size_t(same) * classes))) break;
            if (same == NONE) by_row.put(h, same = number(label, row.data(), NONE));
            block[s] = same;
            continue;
        }
        u32 m = u32(end - begin), blocks = 1;
        inner.assign(m, 0);
        if (m > 1) {
            std::vector<u64> views(m);
            edges.clear();
            for (u32 i = 0; i < m; ++i) local[begin[i]] = i;
            for (u32 i = 0; i < m; ++i) {
                read(begin[i]);
                views[i] = hash(label_of(begin[i]), row.data());
                for (u32 c = 0; c < classes; ++c)
                    if (row[c] == INSIDE) edges.push_back({i, c, local[d.next[std::size_t(begin[i]) * classes + c]]});
            }
            std::vector<u64> sorted(views);
            sort_unique(sorted);
            for (u32 i = 0; i < m; ++i) inner[i] = u32(std::lower_bound(sorted.begin(), sorted.end(), views[i]) - sorted.begin());
            blocks = minimise(m, edges, inner);
        } else {
            local[*begin] = 0;
        }
        reps.assign(blocks, NONE);
        for (u32 i = m; i-- > 0;) reps[inner[i]] = begin[i];
        auto matches = [&](u32 y) {  // does reps[0] behave as number y does? fills `pairing`
            pairing.assign(blocks, NONE);
            pairing[0] = y;
            queue.assign(1, 0);
            for (std::size_t i = 0; i < queue.size(); ++i) {
                u32 s = reps[queue[i]], z = pairing[queue[i]];
                if (labels[z] != label_of(s)) return false;
                for (u32 c = 0; c < classes; ++c) {
                    u32 t = d.next[std::size_t(s) * classes + c], u = rows[std::size_t(z) * classes + c];
                    if (t == DEAD || parts.of[t] != k) {
                        if ((t == DEAD ? DEAD : block[t]) != u) return false;
                        continue;
                    }
                    if (u == DEAD) return false;
                    u32& p = pairing[inner[local[t]]];
                    if (p == NONE) p = u, queue.push_back(inner[local[t]]);
                    else if (p != u) return false;
                }
            }
            return true;
        };
        bool found = false;
        constexpr u32 PATIENCE = 256;  // candidates that are tried: a copy that is kept costs memory only
        u32 tries = 0;
        read(reps[0]);
        for (u32 y = by_view.find(hash(label_of(reps[0]), row.data())); y != NONE && !found && tries++ < PATIENCE; y = by_view.next[y]) found = matches(y);
        u32 tried = NONE;
        for (u32 b = 0; b < blocks && !found; ++b)
            for (u32 c = 0; c < classes && !found; ++c) {
                u32 t = d.next[std::size_t(reps[b]) * classes + c];
                if (t == DEAD || block[t] == NONE) continue;
                u32 other = circle[block[t]];
                if (other == NONE || other == tried) continue;
                tried = other;
                for (u32 y = ranges[other].first; y < ranges[other].second && !found && tries++ < 2 * PATIENCE; ++y) found = matches(y);
            }
        if (!found) {
            u32 base = u32(labels.size()), me = u32(ranges.size());
            ranges.emplace_back(base, base + blocks);
            pairing.resize(blocks);
            for (u32 b = 0; b < blocks; ++b) pairing[b] = base + b;
            for (u32 b = 0; b < blocks; ++b) {
                read(reps[b]);
                u64 view = hash(label_of(reps[b]), row.data());
                for (u32 c = 0; c < classes; ++c)
                    if (row[c] == INSIDE) row[c] = pairing[inner[local[d.next[std::size_t(reps[b]) * classes + c]]]];
                u32 id = number(label_of(reps[b]), row.data(), me);
                by_view.put(view, id);
                by_row.put(hash(labels[id], row.data()), id);
            }
        }
        for (u32 i = 0; i < m; ++i) block[begin[i]] = pairing[inner[i]];
    }
    return u32(labels.size());
}

// The states from which something is accepted.
std::vector<u8> find_live(const Dfa& d) {
    u32 n = d.size(), classes = d.classes;
    std::vector<u8> live(n, 0);
    bool more = true;
    for (u32 pass = 0; more && pass < 4; ++pass) {  // backwards: successors mostly have larger numbers
        more = false;
        for (u32 s = n; s-- > 0;) {
            if (live[s]) continue;
            bool yes = d.accept[s];
            for (std::size_t k = std::size_t(s) * classes, end = k + classes; k < end && !yes; ++k) yes = d.next[k] != DEAD && live[d.next[k]];
            live[s] = yes, more = more || yes;
        }
    }
    if (!more) return live;
    std::vector<u32> head(n + 1, 0), back;
    for (u32 t : d.next)
        if (t != DEAD) ++head[t + 1];
    for (u32 s = 0; s < n; ++s) head[s + 1] += head[s];
    back.resize(head[n]);
    std::vector<u32> at(head.begin(), head.end() - 1), stack;
    for (std::size_t i = 0; i < d.next.size(); ++i)
        if (d.next[i] != DEAD) back[at[d.next[i]]++] = u32(i / classes);
    for (u32 s = 0; s < n; ++s)
        if (live[s]) stack.push_back(s);
    while (!stack.empty()) {
        u32 s = stack.back();
        stack.pop_back();
        for (u32 k = head[s]; k < head[s + 1]; ++k)
            if (!live[back[k]]) live[back[k]] = 1, stack.push_back(back[k]);
    }
    return live;
}

// Classes of bytes that no state tells apart become one.
void merge_classes(Dfa& d) {
    u32 n = d.size();
    std::vector<u64> h(d.classes, 0);
    for (std::size_t i = 0; i < d.next.size(); i += d.classes)
        for (u32 c = 0; c < d.classes; ++c) h[c] = (h[c] ^ d.next[i + c]) * 0x9FB21C651E98DF25ull, h[c] ^= h[c] >> 29;
    std::vector<u32> keep, to(d.classes);
    for (u32 c = 0; c < d.classes; ++c) {
        auto same = [&](u32 k) {
            for (std::size_t i = 0; i < d.next.size(); i += d.classes)
                if (d.next[i + c] != d.next[i + k]) return false;
            return true;
        };
        to[c] = u32(keep.size());
        for (u32 k = 0; k < keep.size() && to[c] == keep.size(); ++k)
            if (h[keep[k]] == h[c] && same(keep[k])) to[c] = k;
        if (to[c] == keep.size()) keep.push_back(c);
    }
    if (keep.size() == d.classes) return;
    u32 classes = u32(keep.size());
    for (u32 s = 0; s < n; ++s)
        for (u32 k = 0; k < classes; ++k) d.next[std::size_t(s) * classes + k] = d.next[std::size_t(s) * d.classes + keep[k]];
    d.next.resize(std::size_t(n) * classes);
    for (u8& c : d.class_of) c = u8(to[c]);
    d.classes = classes;
}

}  // namespace

Dfa finish(Dfa d, bool merge) {
    u32 n = d.size();
    std::vector<u8> live = find_live(d);
    if (n == 0 || !live[d.start]) {
        Dfa none;
        none.classes = 1;
        return none;
    }
    if (!merge && d.start == 0 && std::all_of(live.begin(), live.end(), [](u8 x) { return x != 0; })) return d;
    if (merge) merge_classes(d);
    Dfa out;
    std::memcpy(out.class_of, d.class_of, 256);
    out.classes = d.classes;
    std::vector<u32> block(n);
    u32 blocks = n;
    if (merge) blocks = merge_states(d, live, block);
    else
        for (u32 s = 0; s < n; ++s) block[s] = s;
    std::vector<u32> rep(blocks, NONE), order, number(blocks, NONE);
    for (u32 s = 0; s < n; ++s)
        if (live[s] && block[s] != NONE && rep[block[s]] == NONE) rep[block[s]] = s;
    number[block[d.start]] = 0;
    order.push_back(block[d.start]);
    for (std::size_t i = 0; i < order.size(); ++i) {
        const u32* row = d.next.data() + std::size_t(rep[order[i]]) * d.classes;
        for (u32 c = 0; c < d.classes; ++c) {
            u32 t = row[c];
            if (t == DEAD || !live[t]) continue;
            if (number[block[t]] == NONE) number[block[t]] = u32(order.size()), order.push_back(block[t]);
        }
    }
    out.start = 0;
    out.accept.resize(order.size());
    out.label.resize(order.size());
    out.next.assign(order.size() * std::size_t(d.classes), DEAD);
    for (std::size_t i = 0; i < order.size(); ++i) {
        u32 s = rep[order[i]];
        out.accept[i] = d.accept[s];
        out.label[i] = d.label[s];
        for (u32 c = 0; c < d.classes; ++c) {
            u32 t = d.next[std::size_t(s) * d.classes + c];
            if (t != DEAD && live[t]) out.next[i * d.classes + c] = number[block[t]];
        }
    }
    return out;
}

}  // namespace weft
