#include "nfa.hpp"

#include <algorithm>
#include <unordered_map>

#include "automaton.hpp"
#include "intern.hpp"
#include "minimise.hpp"

namespace weft {

namespace {

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

}  // namespace

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
            if (is_words(*rx) && rx->items.size() >= 8) return embed(n, *automaton(rx, n.limits, 0), from);
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
        sort_unique(labels);
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
                    sort_unique(t);
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

}  // namespace weft
