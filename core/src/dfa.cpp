#include "dfa.hpp"

#include <algorithm>
#include <unordered_map>

#include "intern.hpp"

namespace weft {

// ---------------------------------------------------------------------------------------------------------------------
// minimisation

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

// ---------------------------------------------------------------------------------------------------------------------
// expression -> NFA -> DFA

namespace {

struct Nfa {
    struct Read {
        u32 from, to;
        u8 lo, hi;
    };
    std::vector<Read> reads;
    std::vector<std::pair<u32, u32>> empties;
    std::vector<u32> label;  // per state
    const Limits& limits;
    explicit Nfa(const Limits& l) : limits(l) {}

    u32 size() const { return u32(label.size()); }
    u32 add() {
        if (label.size() >= limits.nfa_states)
            throw LimitFault("the regular expression needs too many states", limits.nfa_states, label.size() + 1,
                             "lower the repeat counts, or raise Limits.nfa_states");
        label.push_back(0);
        return size() - 1;
    }
    void read(u32 from, u8 lo, u8 hi, u32 to) { reads.push_back({from, to, lo, hi}); }
    void empty(u32 from, u32 to) { empties.emplace_back(from, to); }
};

Dfa determinise(const Nfa& nfa, u32 start, const Limits& limits, const std::function<u32(const std::vector<u32>&)>& winner);
Dfa product(const Dfa& a, const Dfa& b, const Limits& limits, bool minus, bool merge = true);  // a AND b, or a AND NOT b
// `depth`: automata that are being made around this one.
Dfa compile_plain(const RxPtr& rx, const Limits& limits, u32 depth = 0);
std::shared_ptr<const Dfa> automaton(const RxPtr& rx, const Limits& limits, u32 depth);
Dfa complement(const Dfa& d, const Limits& limits);
bool is_literals(const Rx& x);
bool prefix_free(const Dfa& d);
void set_start_apart(Dfa& d);
Dfa intersect(const Dfa& a, const Dfa& b, const Limits& limits);

struct Run {
    u8 lo, hi, cls;
};
std::vector<Run> runs_of(const Dfa& d) {  // the bytes as ranges of one class
    std::vector<Run> runs;
    for (u32 b = 0; b < 256; ++b)
        if (runs.empty() || runs.back().cls != d.class_of[b]) runs.push_back({u8(b), u8(b), d.class_of[b]});
        else runs.back().hi = u8(b);
    return runs;
}

u32 embed(Nfa& n, const Dfa& d, u32 from) {  // copies d behind `from`; returns the common end
    u32 end = n.add();
    if (d.empty()) return end;
    std::vector<u32> number(d.size(), NONE);
    std::vector<Run> runs = runs_of(d);
    for (u32 s = 0; s < d.size(); ++s) {
        const u32* row = d.next.data() + std::size_t(s) * d.classes;
        bool last = d.accept[s] && std::all_of(row, row + d.classes, [](u32 t) { return t == DEAD; });
        number[s] = last ? end : n.add();
    }
    for (u32 s = 0; s < d.size(); ++s) {
        if (number[s] == end) continue;
        const u32* row = d.next.data() + std::size_t(s) * d.classes;
        for (std::size_t i = 0; i < runs.size();) {
            u32 t = row[runs[i].cls];
            std::size_t e = i;
            while (e + 1 < runs.size() && row[runs[e + 1].cls] == t) ++e;
            if (t != DEAD) n.read(number[s], runs[i].lo, runs[e].hi, number[t]);
            i = e + 1;
        }
        if (d.accept[s]) n.empty(number[s], end);
    }
    n.empty(from, number[d.start]);
    return end;
}

// Thompson's construction; returns the end state. `depth` guards the recursion.
u32 build(Nfa& n, const RxPtr& rx, u32 from, u32 depth) {
    if (depth > n.limits.depth) throw LimitFault("the regular expression is nested too deeply", n.limits.depth, depth);
    switch (rx->kind) {
        case Rx::Empty: return from;
        case Rx::Bytes:
            for (char c : rx->bytes) {
                u32 to = n.add();
                n.read(from, u8(c), u8(c), to);
                from = to;
            }
            return from;
        case Rx::Class: {
            if (depth > 0 && rx->points.ranges.size() > 4) return embed(n, *automaton(rx, n.limits, 0), from);
            u32 end = n.add();
            std::unordered_map<u64, u32> shared;  // one state per distinct tail of continuation bytes
            auto tail = [&](const ByteRange* p, int k, auto& self) -> u32 {
                if (k == 0) return end;
                u64 key = u64(k);
                for (int i = 0; i < k; ++i) key = key << 16 | u64(p[i].lo) << 8 | p[i].hi;
                auto it = shared.find(key);
                if (it != shared.end()) return it->second;
                u32 to = self(p + 1, k - 1, self), s = n.add();
                n.read(s, p[0].lo, p[0].hi, to);
                return shared[key] = s;
            };
            for (auto [lo, hi] : rx->points.ranges)
                utf8_sequences(lo, hi, [&](const ByteRange* p, int k) {
                    u32 to = tail(p + 1, k - 1, tail);
                    n.read(from, p[0].lo, p[0].hi, to);
                });
            return end;
        }
        case Rx::Cat:
            for (auto& x : rx->items) from = build(n, x, from, depth + 1);
            return from;
        case Rx::Or: {
            if (is_literals(*rx) && rx->items.size() >= 8) return embed(n, *automaton(rx, n.limits, 0), from);
            u32 end = n.add();
            for (auto& x : rx->items) {
                u32 s = n.add();
                n.empty(from, s);
                u32 e = build(n, x, s, depth + 1);
                n.empty(e, end);
            }
            return end;
        }
        case Rx::Rep: {
            auto& x = rx->items[0];
            for (u32 k = 0; k < rx->min; ++k) {
                u32 before = n.size();
                u32 s = n.add();
                n.empty(from, s);
                from = build(n, x, s, depth + 1);
                // the copies alone would pass the limit: say so before they are made
                u64 need = u64(n.size() - before) * rx->min;
                if (need > n.limits.nfa_states)
                    throw LimitFault("a repeat in the regular expression needs too many states", n.limits.nfa_states, need,
                                     "lower the repeat counts, or raise Limits.nfa_states");
            }
            if (rx->max == NONE) {
                u32 loop = n.add(), end = n.add();
                n.empty(from, loop);
                u32 body = n.add();
                n.empty(loop, body);
                u32 e = build(n, x, body, depth + 1);
                n.empty(e, loop);
                n.empty(loop, end);
                return end;
            }
            u32 end = n.add();
            n.empty(from, end);
            for (u32 k = rx->min; k < rx->max; ++k) {
                u32 before = n.size();
                u32 s = n.add();
                n.empty(from, s);
                from = build(n, x, s, depth + 1);
                n.empty(from, end);
                u64 need = u64(n.size() - before) * (rx->max - rx->min);
                if (need > n.limits.nfa_states)
                    throw LimitFault("a repeat in the regular expression needs too many states", n.limits.nfa_states, need,
                                     "lower the repeat counts, or raise Limits.nfa_states");
            }
            return end;
        }
        case Rx::And: case Rx::Not: return embed(n, *automaton(rx, n.limits, depth / 4 + 1), from);
    }
    return from;
}

// Bytes that two automata do not tell apart, as classes of both.
struct PairClasses {
    u8 class_of[256];
    std::vector<u8> a, b;  // per class: the class in each automaton
    PairClasses(const u8* of_a, const u8* of_b) {
        std::vector<u16> id(256 * 256, 0);
        for (u32 c = 0; c < 256; ++c) {
            u16& i = id[std::size_t(of_a[c]) << 8 | of_b[c]];
            if (!i) a.push_back(of_a[c]), b.push_back(of_b[c]), i = u16(a.size());
            class_of[c] = u8(i - 1);
        }
    }
    u32 size() const { return u32(a.size()); }
};

// Strongly connected components (Tarjan 1972, without recursion), those that nothing leaves first.
struct Components {
    std::vector<u32> of;               // per state; NONE where the start does not lead
    std::vector<u32> states, at{0};    // those of component c: states[at[c]] .. states[at[c + 1]]
    u32 count() const { return u32(at.size()) - 1; }

    Components(const Dfa& d, const std::vector<u32>& roots) : of(d.size(), NONE) {
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
};

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
            std::sort(sorted.begin(), sorted.end());
            sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
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

// Removes states from which nothing is accepted, merges equivalent ones (unless `merge` is off), numbers the rest by breadth
// first search.
Dfa finish(Dfa d, bool merge = true) {
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

Dfa determinise(const Nfa& nfa, u32 start, const Limits& limits, const std::function<u32(const std::vector<u32>&)>& winner) {
    Dfa d;
    bool cut[257] = {};
    for (auto& e : nfa.reads) cut[e.lo] = true, cut[e.hi + 1] = true;
    u32 cls = 0, n = nfa.size();
    for (int b = 1; b < 256; ++b) {
        if (cut[b]) ++cls;
        d.class_of[b] = u8(cls);
    }
    d.classes = cls + 1;
    // the edges of each state side by side; bytes as classes
    std::vector<u32> read_at(n + 1, 0), empty_at(n + 1, 0), empties(nfa.empties.size());
    struct Read {
        u32 to;
        u8 lo, hi;
    };
    std::vector<Read> reads(nfa.reads.size());
    for (auto& e : nfa.reads) ++read_at[e.from + 1];
    for (auto& e : nfa.empties) ++empty_at[e.first + 1];
    for (u32 s = 0; s < n; ++s) read_at[s + 1] += read_at[s], empty_at[s + 1] += empty_at[s];
    {
        std::vector<u32> at(read_at.begin(), read_at.end() - 1);
        for (auto& e : nfa.reads) reads[at[e.from]++] = {e.to, d.class_of[e.lo], d.class_of[e.hi]};
        at.assign(empty_at.begin(), empty_at.end() - 1);
        for (auto& e : nfa.empties) empties[at[e.first]++] = e.second;
    }
    SpanPool<u32> sets;  // of states that read something or have a label
    std::vector<u32> core, mark(n, 0), single(n, NONE), labels;
    u32 round = 0;
    u64 work = 0, most = u64(limits.dfa_states) * 400;  // members of all sets: few sets may still be large ones
    auto intern = [&]() -> u32 {  // closes `core` under empty edges, then looks it up
        ++round;
        for (u32 s : core) mark[s] = round;
        std::size_t keep = 0, i = 0;
        for (; i < core.size(); ++i) {
            u32 s = core[i];
            for (u32 k = empty_at[s]; k < empty_at[s + 1]; ++k)
                if (mark[empties[k]] != round) mark[empties[k]] = round, core.push_back(empties[k]);
            if (read_at[s] < read_at[s + 1] || nfa.label[s]) core[keep++] = s;
        }
        if ((work += i) > most)
            throw LimitFault("the regular expression needs too large sets of states", most, work, "lower the repeat counts, or raise Limits.dfa_states");
        core.resize(keep);
        if (keep > 1) std::sort(core.begin(), core.end());
        u32 id = sets.intern(core);
        if (id < d.size()) return id;
        if (id >= limits.dfa_states)
            throw LimitFault("the regular expression needs too many states", limits.dfa_states, u64(id) + 1, "simplify the pattern, or raise Limits.dfa_states");
        labels.clear();
        for (u32 s : core)
            if (nfa.label[s]) labels.push_back(nfa.label[s]);
        std::sort(labels.begin(), labels.end());
        labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
        u32 w = labels.empty() ? 0 : winner(labels);
        d.accept.push_back(w != 0);
        d.label.push_back(w);
        return id;
    };
    auto state_of = [&](u32 s) {
        if (single[s] == NONE) core.assign(1, s), single[s] = intern();
        return single[s];
    };
    state_of(start);
    std::vector<u32> row(d.classes), last;
    std::vector<std::vector<u32>> targets(d.classes);
    for (u32 i = 0; i < sets.size(); ++i) {
        std::fill(row.begin(), row.end(), DEAD);
        bool simple = sets.size(i) == 1;  // one member, whose edges do not overlap
        if (simple) {
            u32 s = *sets.begin(i);
            for (u32 k = read_at[s]; k < read_at[s + 1] && simple; ++k) {
                u32 to = state_of(reads[k].to);
                for (u32 c = reads[k].lo; c <= reads[k].hi; ++c) simple = simple && (row[c] == DEAD || row[c] == to), row[c] = to;
            }
        }
        if (!simple) {
            for (auto& t : targets) t.clear();
            for (std::size_t m = 0; m < sets.size(i); ++m) {
                u32 s = sets.begin(i)[m];
                for (u32 k = read_at[s]; k < read_at[s + 1]; ++k)
                    for (u32 c = reads[k].lo; c <= reads[k].hi; ++c) targets[c].push_back(reads[k].to);
            }
            last.clear();
            u32 last_state = DEAD;
            for (u32 c = 0; c < d.classes; ++c) {
                auto& t = targets[c];
                if (t.size() > 1) {
                    std::sort(t.begin(), t.end());
                    t.erase(std::unique(t.begin(), t.end()), t.end());
                }
                if (t.empty()) row[c] = DEAD;
                else if (t.size() == 1) row[c] = state_of(t[0]);
                else {
                    if (t != last) last = t, core = t, last_state = intern();
                    row[c] = last_state;
                }
            }
        }
        d.next.insert(d.next.end(), row.begin(), row.end());
    }
    return finish(std::move(d));
}

u32 any_label(const std::vector<u32>& l) { return l[0]; }

bool is_text(const RxPtr& x) {  // only whole code points: all matches are valid UTF-8
    if (x->kind == Rx::Bytes) {
        std::size_t i = 0;
        u32 c;
        while (i < x->bytes.size())
            if (!decode_utf8(x->bytes, i, c)) return false;
        return true;
    }
    return std::all_of(x->items.begin(), x->items.end(), is_text);
}

bool is_literals(const Rx& x) {
    return x.kind == Rx::Or && x.items.size() > 1 &&
           std::all_of(x.items.begin(), x.items.end(), [](auto& i) { return i->kind == Rx::Bytes || i->kind == Rx::Empty; });
}

Dfa literal_tree(const Rx& x, const Limits& limits) {
    Dfa d;
    std::memset(d.class_of, 0, 256);
    d.classes = 1;
    for (auto& i : x.items)
        for (char c : i->bytes)
            if (!d.class_of[u8(c)]) {
                if (d.classes == 256) break;  // class 0 is then a byte like any other
                d.class_of[u8(c)] = u8(d.classes++);
            }
    auto add = [&] {
        if (d.size() >= limits.dfa_states)
            throw LimitFault("a list of literals needs too many states", limits.dfa_states, d.size() + 1, "raise Limits.dfa_states");
        d.accept.push_back(0), d.label.push_back(0);
        d.next.resize(d.next.size() + d.classes, DEAD);
        return d.size() - 1;
    };
    add();
    for (auto& i : x.items) {
        u32 s = 0;
        for (char c : i->bytes) {
            std::size_t slot = std::size_t(s) * d.classes + d.class_of[u8(c)];
            if (d.next[slot] == DEAD) {
                u32 t = add();
                d.next[slot] = t;
            }
            s = d.next[slot];
        }
        d.accept[s] = 1, d.label[s] = 1;
    }
    return d;
}

// a then b, when the text tells where a ends: what b begins with can never go on a match of a.
bool concatenate(const Dfa& a, const Dfa& b, Dfa& d) {
    if (a.empty() || b.empty()) return false;
    ByteSet begins;
    for (u32 c = 0; c < 256; ++c)
        if (b.step(b.start, u8(c)) != DEAD) begins.add(u8(c));
    for (u32 s = 0; s < a.size(); ++s) {
        bool clash = false;
        if (a.accept[s]) begins.each([&](u8 c) { clash = clash || a.step(s, c) != DEAD; });
        if (clash) return false;
    }
    PairClasses classes(a.class_of, b.class_of);
    std::memcpy(d.class_of, classes.class_of, 256);
    d.classes = classes.size();
    d.start = a.start;
    u32 in_a = a.size(), n = in_a + b.size();
    d.next.assign(std::size_t(n) * d.classes, DEAD);
    d.accept = a.accept;
    const u32* begin = b.next.data() + std::size_t(b.start) * b.classes;
    for (u32 s = 0; s < in_a; ++s) {
        const u32* row = a.next.data() + std::size_t(s) * a.classes;
        u32* out = d.next.data() + std::size_t(s) * d.classes;
        bool joint = a.accept[s];
        d.accept[s] = joint && b.accept[b.start];
        for (u32 c = 0; c < d.classes; ++c) {
            u32 t = row[classes.a[c]], u = joint ? begin[classes.b[c]] : DEAD;
            out[c] = t != DEAD ? t : u != DEAD ? u + in_a : DEAD;
        }
    }
    d.accept.insert(d.accept.end(), b.accept.begin(), b.accept.end());
    for (u32 s = in_a; s < n; ++s) {
        const u32* row = b.next.data() + std::size_t(s - in_a) * b.classes;
        u32* out = d.next.data() + std::size_t(s) * d.classes;
        for (u32 c = 0; c < d.classes; ++c) out[c] = row[classes.b[c]] == DEAD ? DEAD : row[classes.b[c]] + in_a;
    }
    d.label.assign(d.accept.begin(), d.accept.end());
    return true;
}

// The automaton of an expression; kept with it, because front ends share their expressions.
std::shared_ptr<const Dfa> automaton(const RxPtr& rx, const Limits& limits, u32 depth) {
    if (auto kept = std::atomic_load(&rx->automaton)) return kept;
    auto d = std::make_shared<const Dfa>(compile_plain(rx, limits, depth));
    std::atomic_store(&rx->automaton, d);
    return d;
}

Dfa compile_and(const RxPtr& rx, const Limits& limits, u32 depth) {
    std::shared_ptr<const Dfa> d;
    bool text = false;
    for (auto& x : rx->items)
        if (x->kind != Rx::Not) d = d ? std::make_shared<const Dfa>(intersect(*d, *automaton(x, limits, depth + 1), limits)) : automaton(x, limits, depth + 1), text = text || is_text(x);
    if (!d || !text) {  // what Not leaves must be valid UTF-8
        CodePoints all;
        all.add(0, MAX_CODE_POINT);
        auto utf8 = std::make_shared<const Dfa>(compile_plain(rx_rep(rx_class(all), 0, NONE), limits));
        bool negated = std::any_of(rx->items.begin(), rx->items.end(), [](auto& x) { return x->kind == Rx::Not; });
        if (!d) d = utf8;
        else if (negated) d = std::make_shared<const Dfa>(intersect(*d, *utf8, limits));
    }
    for (auto& x : rx->items) {
        if (x->kind != Rx::Not) continue;
        bool merge = !is_literals(*x->items[0]) && x->items[0]->kind != Rx::Bytes;  // taking words away makes no two states alike
        d = std::make_shared<const Dfa>(product(*d, *automaton(x->items[0], limits, depth + 1), limits, true, merge));
    }
    return *d;
}

// A unit min to max times, when the text tells where a unit ends: copies in a row.
bool repeat(Dfa unit, u32 min, u32 max, const Limits& limits, Dfa& d) {
    if (unit.empty() || unit.accept[unit.start] || !prefix_free(unit)) return false;
    u32 before = unit.size();
    set_start_apart(unit);
    std::vector<u32> number(unit.size(), NONE);
    u32 n = 1;  // the states of a copy: its start, then all but the accepting ones
    number[unit.start] = 0;
    for (u32 s = 0; s < unit.size(); ++s)
        if (s != unit.start && !unit.accept[s]) number[s] = n++;
    u32 copies = max == NONE ? min + 1 : max;
    u64 states = u64(copies) * n + 1;
    if (states > limits.dfa_states)
        throw LimitFault("a repeat in the regular expression needs too many states", limits.dfa_states, states, "lower the repeat counts, or raise Limits.dfa_states");
    std::memcpy(d.class_of, unit.class_of, 256);
    d.classes = unit.classes;
    u32 total = copies * n + (max != NONE);
    d.next.assign(std::size_t(total) * d.classes, DEAD);
    d.accept.assign(total, 0);
    for (u32 k = 0; k < copies; ++k) {
        u32 base = k * n, after = max == NONE && k == min ? base : base + n;
        d.accept[base] = k >= min;
        for (u32 s = 0; s < unit.size(); ++s) {
            if (number[s] == NONE) continue;
            const u32* row = unit.next.data() + std::size_t(s) * unit.classes;
            u32* out = d.next.data() + std::size_t(base + number[s]) * d.classes;
            for (u32 c = 0; c < d.classes; ++c)
                if (row[c] != DEAD) out[c] = unit.accept[row[c]] ? after : base + number[row[c]];
        }
    }
    if (max != NONE) d.accept[total - 1] = 1;
    d.label.assign(d.accept.begin(), d.accept.end());
    if (unit.size() > before) d = finish(std::move(d));  // below `min` there was no need
    return true;
}

Dfa compile_plain(const RxPtr& rx, const Limits& limits, u32 depth) {
    // each level takes some 2 KB of stack, and threads may have no more than 512
    if (depth > limits.depth / 4) throw LimitFault("And, Not and repeats are nested too deeply", limits.depth / 4, depth, "raise Limits.depth");
    if (rx->kind == Rx::And) return compile_and(rx, limits, depth);
    if (rx->kind == Rx::Not) return complement(*automaton(rx->items[0], limits, depth + 1), limits);
    if (is_literals(*rx)) {
        Dfa tree = literal_tree(*rx, limits);
        bool merge = tree.size() <= 256;
        return finish(std::move(tree), merge);
    }
    if (rx->kind == Rx::Rep && (rx->max == NONE ? rx->min : rx->max) >= 2 && (rx->max == NONE || rx->max >= rx->min)) {
        Dfa chain;
        if (repeat(*automaton(rx->items[0], limits, depth + 1), rx->min, rx->max, limits, chain)) return chain;
    }
    if (rx->kind == Rx::Cat && std::any_of(rx->items.begin(), rx->items.end(), [](auto& x) { return x->kind == Rx::And; })) {
        Dfa whole;
        bool ok = true;
        std::vector<RxPtr> run;
        bool begun = false;
        auto append = [&](const RxPtr& x) {
            auto d = automaton(x, limits, depth + 1);
            Dfa joined;
            if (!begun) joined = *d, begun = true;
            else ok = ok && concatenate(whole, *d, joined);
            whole = std::move(joined);
        };
        for (std::size_t i = 0; i < rx->items.size() && ok; ++i) {
            if (rx->items[i]->kind == Rx::And) {
                if (!run.empty()) append(rx_cat(run)), run.clear();
                if (ok) append(rx->items[i]);
            } else {
                run.push_back(rx->items[i]);
            }
        }
        if (ok && !run.empty()) append(rx_cat(run));
        if (ok && !whole.empty()) return whole;  // of two trimmed automata: trimmed
    }
    Nfa n(limits);
    u32 start = n.add(), end = build(n, rx, start, depth * 4);  // whose own levels are smaller
    n.label[end] = 1;
    return determinise(n, start, limits, any_label);
}

Dfa product(const Dfa& a, const Dfa& b, const Limits& limits, bool minus, bool merge) {
    Dfa d;
    if (a.empty() || (b.empty() && !minus)) return finish(d);
    PairClasses classes(a.class_of, b.class_of);
    std::memcpy(d.class_of, classes.class_of, 256);
    d.classes = classes.size();
    FlatMap ids;
    std::vector<u32> alone(a.size(), NONE);                                 // per state of a: the state where b is dead
    std::vector<std::pair<u32, u32>> first(b.size(), {NONE, NONE}), states;  // per state of b: the first state of a that met it, and the pair
    auto add = [&](u32 s, u32 t) {
        if (states.size() >= limits.dfa_states)
            throw LimitFault("an intersection needs too many states", limits.dfa_states, states.size() + 1, "simplify the patterns, or raise Limits.dfa_states");
        states.emplace_back(s, t);
        bool in_b = t != DEAD && b.accept[t];
        d.accept.push_back(a.accept[s] && (minus ? !in_b : in_b));
        return u32(states.size()) - 1;
    };
    auto intern = [&](u32 s, u32 t) {
        if (t == DEAD) return alone[s] != NONE ? alone[s] : alone[s] = add(s, t);
        auto& [met, pair] = first[t];
        if (met == s) return pair;
        if (met == NONE) return met = s, pair = add(s, t);
        u64 key = u64(s) << 32 | t;
        u32 id = ids.find(key);
        if (id == NONE) ids.put(key, id = add(s, t));
        return id;
    };
    intern(a.start, b.empty() ? DEAD : b.start);
    for (std::size_t i = 0; i < states.size(); ++i) {
        auto [s, t] = states[i];
        const u32 *from_a = a.next.data() + std::size_t(s) * a.classes, *from_b = t == DEAD ? nullptr : b.next.data() + std::size_t(t) * b.classes;
        d.next.resize((i + 1) * std::size_t(d.classes), DEAD);
        u32* row = d.next.data() + i * d.classes;
        u32 last_s = DEAD, last_t = DEAD, last = DEAD;
        for (u32 c = 0; c < d.classes; ++c) {
            u32 s2 = from_a[classes.a[c]], t2 = from_b ? from_b[classes.b[c]] : DEAD;
            if (s2 == DEAD || (t2 == DEAD && !minus)) continue;
            if (s2 != last_s || t2 != last_t) last_s = s2, last_t = t2, last = intern(s2, t2);
            row[c] = last;
        }
    }
    d.label.assign(d.accept.begin(), d.accept.end());
    return finish(std::move(d), merge);
}

Dfa intersect(const Dfa& a, const Dfa& b, const Limits& limits) { return product(a, b, limits, false); }

Dfa complement(const Dfa& d, const Limits& limits) {
    CodePoints all;
    all.add(0, MAX_CODE_POINT);
    return product(compile_plain(rx_rep(rx_class(all), 0, NONE), limits), d, limits, true);
}

// ---------------------------------------------------------------------------------------------------------------------
// a name for the language of every state

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

// ---------------------------------------------------------------------------------------------------------------------
// counted parts

bool prefix_free(const Dfa& d) {
    for (u32 s = 0; s < d.size(); ++s)
        if (d.accept[s])
            for (u32 c = 0; c < d.classes; ++c)
                if (d.next[std::size_t(s) * d.classes + c] != DEAD) return false;
    return true;
}

// A start to which nothing returns, so that being there means being between two units: of (a*b){9}, the state after an `a` is
// not the one before it.
void set_start_apart(Dfa& d) {
    if (std::find(d.next.begin(), d.next.end(), d.start) == d.next.end()) return;
    std::size_t from = std::size_t(d.start) * d.classes;
    for (u32 c = 0; c < d.classes; ++c) d.next.push_back(u32(d.next[from + c]));
    d.accept.push_back(u8(d.accept[d.start])), d.label.push_back(u32(d.label[d.start]));
    d.start = d.size() - 1;
}

constexpr u32 COUNT_FROM = 9;  // shorter repeats are written out

bool wants_counter(const RxPtr& x) {
    return x->kind == Rx::Rep && (x->max == NONE ? x->min : x->max) >= COUNT_FROM && x->max != 0;
}

// Cat items -> parts, or nothing when the counting would not be a function of the text.
bool split_counted(const RxPtr& rx, const Limits& limits, std::vector<Part>& parts) {
    std::vector<RxPtr> items = rx->kind == Rx::Cat ? rx->items : std::vector<RxPtr>{rx};
    if (std::none_of(items.begin(), items.end(), wants_counter)) return false;
    std::vector<RxPtr> run;
    auto flush = [&] {
        if (run.empty()) return;
        auto d = std::make_shared<Dfa>(compile_plain(rx_cat(run), limits));
        parts.push_back({d, false, 1, 1, 0});
        run.clear();
    };
    for (auto& x : items) {
        if (!wants_counter(x)) {
            run.push_back(x);
            continue;
        }
        flush();
        auto d = std::make_shared<Dfa>(compile_plain(x->items[0], limits));
        if (d->empty() || d->accept[d->start] || !prefix_free(*d)) return false;
        set_start_apart(*d);
        parts.push_back({d, true, x->min, x->max, 0});
    }
    flush();
    // where a part may end, the next bytes must tell whether it does
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
        bool follow[256] = {};
        for (std::size_t j = i + 1; j < parts.size(); ++j) {
            const Dfa& d = *parts[j].dfa;
            if (d.empty()) return false;
            for (int b = 0; b < 256; ++b)
                if (d.step(d.start, u8(b)) != DEAD) {
                    if (follow[b]) return false;
                    follow[b] = true;
                }
            bool skip = parts[j].counted ? parts[j].min == 0 : d.accept[d.start] != 0;
            if (!skip) break;
        }
        const Dfa& d = *parts[i].dfa;
        for (u32 s = 0; s < d.size(); ++s)
            if (parts[i].counted ? s == d.start : d.accept[s] != 0)
                for (int b = 0; b < 256; ++b)
                    if (follow[b] && d.step(s, u8(b)) != DEAD) return false;
    }
    u64 base = 0;
    for (auto& p : parts) {
        p.base = u32(base);
        base += u64(p.counts()) * p.dfa->size();
        if (base >= 0xFFFF0000u) throw LimitFault("repeat counts are too large together", 0xFFFF0000u, base, "lower the repeat counts");
    }
    return true;
}

}  // namespace

bool Terminal::can_skip(u32 i) const {
    for (; i < parts.size(); ++i)
        if (parts[i].counted ? parts[i].min != 0 : !parts[i].dfa->accept[parts[i].dfa->start]) return false;
    return true;
}

// Where a part can only end, the state is the begin of the next: one state for one language.
u32 Terminal::settle(u32 i, u32 s) const {
    for (; i + 1 < parts.size(); ++i) {
        const Part& p = parts[i];
        u32 n = p.dfa->size(), k = (s - p.base) / n, q = (s - p.base) % n;
        bool full = p.counted ? q == p.dfa->start && p.max != NONE && k == p.max : p.dfa->accept[q] && p.dfa->reads[q].empty();
        if (!full) break;
        s = parts[i + 1].base + parts[i + 1].dfa->start;
    }
    return s;
}

// The state after the first byte of parts i.., when part i - 1 has just ended.
u32 Terminal::enter(u32 i, u8 b) const {
    for (; i < parts.size(); ++i) {
        const Part& p = parts[i];
        u32 t = p.counted && p.max == 0 ? DEAD : p.dfa->step(p.dfa->start, b);
        if (t != DEAD) {
            if (!p.counted) return settle(i, p.base + t);
            u32 n = p.dfa->size();
            return p.dfa->accept[t] ? settle(i, p.base + std::min(1u, p.counts() - 1) * n + p.dfa->start) : p.base + t;
        }
        if (p.counted ? p.min != 0 : !p.dfa->accept[p.dfa->start]) return DEAD;
    }
    return DEAD;
}

u32 Terminal::step_chain(u32 s, u8 b) const {
    u32 i = part_of(s);
    const Part& p = parts[i];
    u32 n = p.dfa->size(), k = (s - p.base) / n, q = (s - p.base) % n;
    if (!p.counted) {
        u32 t = p.dfa->step(q, b);
        if (t != DEAD) return settle(i, p.base + t);
        return p.dfa->accept[q] ? enter(i + 1, b) : DEAD;
    }
    u32 top = p.counts() - 1;
    if (q == p.dfa->start && k == top && p.max != NONE) return enter(i + 1, b);
    u32 t = p.dfa->step(q, b);
    if (t != DEAD) return p.dfa->accept[t] ? settle(i, p.base + std::min(k + 1, top) * n + p.dfa->start) : p.base + k * n + t;
    return q == p.dfa->start && k >= p.min ? enter(i + 1, b) : DEAD;
}

ByteSet Terminal::reads_chain(u32 s) const {
    u32 i = part_of(s);
    ByteSet out = parts[i].dfa->reads[(s - parts[i].base) % parts[i].dfa->size()];
    for (u32 j = i; ++j < parts.size();) {
        out |= parts[j].dfa->reads[parts[j].dfa->start];
        if (parts[j].counted ? parts[j].min != 0 : !parts[j].dfa->accept[parts[j].dfa->start]) break;
    }
    return out;
}

bool Terminal::accepts_chain(u32 s) const {
    u32 i = part_of(s);
    const Part& p = parts[i];
    u32 n = p.dfa->size(), k = (s - p.base) / n, q = (s - p.base) % n;
    bool at_end = p.counted ? q == p.dfa->start && k >= p.min : p.dfa->accept[q] != 0;
    return at_end && can_skip(i + 1);
}

std::shared_ptr<const Terminal> compile_terminal(const RxPtr& rx, const Limits& limits) {
    auto t = std::make_shared<Terminal>();
    if (rx->kind == Rx::Bytes) {
        t->literal = rx->bytes;
        t->states = u32(rx->bytes.size()) + 1;
        t->key.add(0x117E4A1), t->key.add(rx->bytes);
        return t;
    }
    std::vector<Part> parts;
    if (split_counted(rx, limits, parts)) {
        for (auto& p : parts) {
            auto d = std::make_shared<Dfa>(*p.dfa);
            name_states(*d);
            p.dfa = d;
        }
        t->parts = std::move(parts);
        const Part& last = t->parts.back();
        t->states = last.base + last.counts() * last.dfa->size();
        t->start = t->parts[0].base + t->parts[0].dfa->start;
        t->nullable = true;
        for (auto& p : t->parts) {
            t->nullable = t->nullable && (p.counted ? p.min == 0 : p.dfa->accept[p.dfa->start] != 0);
            t->key.add(p.dfa->hash[p.dfa->start].a), t->key.add(p.dfa->hash[p.dfa->start].b);
            t->key.add(p.counted), t->key.add(p.min), t->key.add(p.max);
        }
        return t;
    }
    auto d = std::make_shared<Dfa>(compile_plain(rx, limits));
    if (d->empty()) {
        t->never = true;
        return t;
    }
    name_states(*d);
    t->nullable = d->accept[d->start];
    t->key = d->hash[d->start];
    t->states = d->size();
    t->start = d->start;
    t->parts.push_back({d, false, 1, 1, 0});
    return t;
}

std::shared_ptr<const Terminal> special_terminal(u32 index) {
    auto t = std::make_shared<Terminal>();
    t->special = index;
    t->states = 1;
    t->key.add(0x5BEC1A1), t->key.add(index);
    return t;
}

Dfa compile_labelled(const std::vector<Labelled>& items, const Limits& limits,
                     const std::function<u32(const std::vector<u32>&)>& winner) {
    Nfa n(limits);
    u32 start = n.add();
    for (auto& item : items) {
        u32 s = n.add();
        n.empty(start, s);
        u32 e = build(n, item.rx, s, 0);
        u32 end = n.add();
        n.empty(e, end);
        n.label[end] = item.label;
    }
    Dfa d = determinise(n, start, limits, winner);
    if (!d.empty()) name_states(d);
    return d;
}

}  // namespace weft
