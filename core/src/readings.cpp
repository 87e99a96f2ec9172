// Moves, as far as the lexer is concerned: what sets of words do to a lexeme, whatever the grammar is.
#include <functional>

#include "moves.hpp"

namespace weft {

// -- sets -------------------------------------------------------------------------------------------------------------

namespace {

u64 pair_key(u32 a, u32 b) { return a < b ? u64(a) << 32 | b : u64(b) << 32 | a; }

// Neighbours that are the same become one.
template <class T, class Same, class Join>
void join_same(std::vector<T>& all, const Same& same, const Join& join) {
    std::size_t n = 0;
    for (const T& x : all)
        if (n && same(all[n - 1], x)) join(all[n - 1], x);
        else all[n++] = x;
    all.resize(n);
}

// The union of two sets, in which `join` brings together what is the `same` in both.
template <class T, class Same, class Join>
u32 unite_sets(SpanPool<T>& sets, FlatMap& united, u32 a, u32 b, const Same& same, const Join& join) {
    if (a == b || b == 0) return a;
    if (a == 0) return b;
    u32 known = united.find(pair_key(a, b));
    if (known != NONE) return known;
    std::vector<T> all(sets.size(a) + sets.size(b));
    std::merge(sets.begin(a), sets.begin(a) + sets.size(a), sets.begin(b), sets.begin(b) + sets.size(b), all.begin());
    join_same(all, same, join);
    u32 out = sets.intern(all);
    united.put(pair_key(a, b), out);
    return out;
}

}  // namespace

u32 Moves::unite_lexes(u32 a, u32 b) {
    return unite_sets(lex_sets, lexes_united, a, b, std::equal_to<>(), [](u32, u32) {});
}

u32 Moves::unite_rests(u32 a, u32 b) {
    static_assert(NOTHING == 0);
    return unite_sets(rest_sets, rests_united, a, b, [](const Rest& x, const Rest& y) { return x.lex == y.lex; }, [&](Rest& x, const Rest& y) { x.set = words.unite(x.set, y.set); });
}

u32 Moves::unite_exits(u32 a, u32 b) {
    return unite_sets(exit_sets, exits_united, a, b, [](const Exit& x, const Exit& y) { return x.label == y.label; }, [&](Exit& x, const Exit& y) { x.rests = unite_rests(x.rests, y.rests); });
}

// -- reading words ----------------------------------------------------------------------------------------------------

// What words do in a counted part, whatever the count is: x has count 0, and what is found is told apart by how many more were counted.
// So the words are read once, and not once for each count.
u32 Moves::ahead(u32 set, u32 x) {  // calls itself as deep as the longest word
    u64 key = u64(set) << 32 | x;
    if (u32 known = ahead_ids.find(key); known != NONE) return known;
    const u32 t = lex_list[x].first, q = lex_list[x].second;
    const Terminal& terminal = *m.terminals[t];
    const Part& part = terminal.parts[terminal.part_of(q)];
    u32 start = part.base + part.dfa->start, full = lex(t, start + (part.counts() - 1) * part.dfa->size());
    std::vector<Ahead> all;
    if (words.ends(set)) all.push_back({0, lex_sets.intern(&x, 1), Reading{0, 0}});
    words.each(set, [&](u32 symbol, u32 rest) {
        u32 to = symbol < 256 ? part.dfa->step(q - part.base, u8(symbol)) : DEAD;
        if (to == DEAD) {
            if (q == start) all.push_back({0, 0, after(full, symbol, rest)});
            return;
        }
        bool once = part.dfa->accept[to] != 0;
        if (once && terminal.accepts(state_of(full))) all.push_back({1, 0, Reading{0, exit(WHOLE, FRESH, rest)}});
        u32 list = ahead(rest, lex(t, once ? start : part.base + to));
        for (std::size_t k = 0; k < aheads.size(list); ++k) {
            all.push_back(aheads.begin(list)[k]);
            all.back().count += once;
        }
    });
    std::stable_sort(all.begin(), all.end(), [](const Ahead& a, const Ahead& b) { return a.count < b.count; });
    join_same(all, [](const Ahead& a, const Ahead& b) { return a.count == b.count; }, [&](Ahead& a, const Ahead& b) { a.inside = unite_lexes(a.inside, b.inside), unite(a.behind, b.behind); });
    check_quota();
    u32 out = aheads.intern(all);
    ahead_ids.put(key, out);
    return out;
}

// The same from given counts, which are sorted.
Moves::Reading Moves::read_counted(u32 set, u32 x, const std::vector<u32>& counts) {
    auto [t, q] = lex_list[x];
    const Terminal& terminal = *m.terminals[t];
    const Part& part = terminal.parts[terminal.part_of(q)];
    u32 list = ahead(set, x);
    Reading out{0, 0};
    struct Run {
        u32 state;        // in the unit
        u64 from, last;   // counts
        bool operator<(const Run& o) const { return std::tie(state, from, last) < std::tie(o.state, o.from, o.last); }
    };
    std::vector<Run> runs;
    const u64 top = part.counts() - 1;
    for (std::size_t k = 0; k < aheads.size(list); ++k) {
        Ahead a = aheads.begin(list)[k];
        if (part.max != NONE && a.count > part.max) break;
        for (std::size_t i = 0; i < counts.size() && a.inside;) {
            u64 from = u64(counts[i]) + a.count;
            while (++i < counts.size() && counts[i] == counts[i - 1] + 1) continue;
            u64 last = u64(counts[i - 1]) + a.count;
            if (part.max != NONE && from > top) break;
            for (std::size_t j = 0; j < lex_sets.size(a.inside); ++j) runs.push_back({lex_list[lex_sets.begin(a.inside)[j]].second, std::min(from, top), std::min(last, top)});
        }
        auto enough = std::lower_bound(counts.begin(), counts.end(), part.min > a.count ? part.min - a.count : 0);
        if (enough != counts.end() && (part.max == NONE || *enough + a.count <= part.max)) unite(out, a.behind);
    }
    std::sort(runs.begin(), runs.end());
    std::vector<u32> states;
    u64 next = 0;
    for (std::size_t i = 0; i < runs.size(); ++i) {
        if (i == 0 || runs[i].state != runs[i - 1].state) next = 0;
        for (next = std::max(next, runs[i].from); next <= runs[i].last; ++next)
            if (u32 to = terminal.recounted(runs[i].state, u32(next)); to != DEAD) states.push_back(lex(t, to));
    }
    sort_unique(states);
    out.inner = unite_lexes(out.inner, lex_sets.intern(states));
    return out;
}

// Whether the lexeme is in a counted part: then the state with count 0 and the count, else the state itself and NONE.
std::pair<u32, u32> Moves::counted(u32 x) {
    if (lexer) return {x, NONE};
    auto [t, q] = lex_list[x];
    const Terminal& terminal = *m.terminals[t];
    if (!terminal.is_chain()) return {x, NONE};
    const Part& part = terminal.parts[terminal.part_of(q)];
    if (!part.counted) return {x, NONE};
    u32 n = part.dfa->size(), count = (q - part.base) / n;
    return {lex(t, q - count * n), count};
}

// What one symbol of a lexical state does, and the words that follow it.
Moves::Reading Moves::after(u32 x, u32 symbol, u32 rest) {
    u32 go, label, next;
    step(x, symbol, go, label, next);
    Reading out = go != NONE ? readings[reading(rest, go)] : Reading{0, 0};
    if (next != NONE) out.exits = unite_exits(out.exits, exit(label, next, rest));
    return out;
}

u32 Moves::exit(u32 label, u32 next, u32 left) {
    if (next == FRESH) left = words.without_end(left);
    if (left == WordSets::NOTHING) return 0;
    Exit e{label, rest(next, left)};
    return exit_sets.intern(&e, 1);
}

u32 Moves::rest(u32 lex, u32 set) {
    Rest left{lex, set};
    return rest_sets.intern(&left, 1);
}

void Moves::unite(Reading& a, const Reading& b) { a.inner = unite_lexes(a.inner, b.inner), a.exits = unite_exits(a.exits, b.exits); }

u32 Moves::reading(u32 set, u32 x) {  // calls itself as deep as the longest word
    u64 key = u64(set) << 32 | x;
    u32 known = reading_ids.find(key);
    if (known != NONE) return known;
    Reading r{0, 0};
    if (auto [like, count] = counted(x); count != NONE) {
        r = read_counted(set, like, {count});
    } else if (set != WordSets::NOTHING && stays(x, set)) {
        r.inner = lex_sets.intern(&x, 1);
    } else {
        if (words.ends(set)) r.inner = lex_sets.intern(&x, 1);
        std::vector<Reading> parts;  // by symbol
        words.each(set, [&](u32 symbol, u32 rest) { parts.push_back(after(x, symbol, rest)); });
        // In pairs, pairs of pairs and so on: a lexical state that differs from another one in a few symbols finds nearly all done.
        for (std::size_t n = parts.size(); n > 1; n = (n + 1) / 2)
            for (std::size_t k = 0; k < n; k += 2) {
                parts[k / 2] = parts[k];
                if (k + 1 < n) unite(parts[k / 2], parts[k + 1]);
            }
        if (!parts.empty()) unite(r, parts[0]);
    }
    check_quota();
    reading_ids.put(key, known = u32(readings.size()));
    readings.push_back(r);
    return known;
}

void Moves::check_quota() {
    if (++spent % 4096 == 0) check_size();
    if (spent > quota) throw LimitFault("reading the tokens takes too long", quota, spent, "leave fewer slots open");
}

// What of a reading there is for one terminal: ignored text may come first.
void Moves::filter(const Reading& r, u32 term, u32& inner, u32& rests) {
    if (!lexer) {
        inner = unite_lexes(inner, r.inner);
    } else {
        std::vector<u32> keep;
        for (std::size_t k = 0; k < lex_sets.size(r.inner); ++k)
            if (u32 x = lex_sets.begin(r.inner)[k]; alive(x, term)) keep.push_back(x);
        inner = unite_lexes(inner, lex_sets.intern(keep));
    }
    for (std::size_t k = 0; k < exit_sets.size(r.exits); ++k) {
        Exit e = exit_sets.begin(r.exits)[k];
        if (completes(e.label, term)) rests = unite_rests(rests, e.rests);
        if (!ignorable(e.label)) continue;
        Read after = read(e.rests, term);
        inner = unite_lexes(inner, after.inner);
        rests = unite_rests(rests, after.rests);
    }
}

Moves::Read Moves::read(u32 rests, u32 term) {
    u64 key = u64(rests) << 32 | term;
    u32 known = read_ids.find(key);
    if (known != NONE) return reads[known];
    Read out{0, NOTHING};
    for (std::size_t k = 0; k < rest_sets.size(rests); ++k) {
        Rest r = rest_sets.begin(rests)[k];
        u32 x = r.lex == FRESH ? lex(term, m.terminals[term]->special != NONE ? 0 : m.terminals[term]->start) : r.lex;
        if (alive(x, term)) filter(Reading(readings[reading(r.set, x)]), term, out.inner, out.rests);
    }
    read_ids.put(key, u32(reads.size()));
    reads.push_back(out);
    return out;
}

}  // namespace weft
