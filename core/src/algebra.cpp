#include "algebra.hpp"

#include <algorithm>

#include "intern.hpp"
#include "minimise.hpp"

namespace weft {

bool prefix_free(const Dfa& d) {
    for (u32 s = 0; s < d.size(); ++s)
        if (d.accept[s])
            for (u32 c = 0; c < d.classes; ++c)
                if (d.next[std::size_t(s) * d.classes + c] != DEAD) return false;
    return true;
}

void set_start_apart(Dfa& d) {
    if (std::find(d.next.begin(), d.next.end(), d.start) == d.next.end()) return;
    std::size_t from = std::size_t(d.start) * d.classes;
    for (u32 c = 0; c < d.classes; ++c) d.next.push_back(u32(d.next[from + c]));
    d.accept.push_back(u8(d.accept[d.start])), d.label.push_back(u32(d.label[d.start]));
    d.start = d.size() - 1;
    d.hash.clear(), d.reads.clear();
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

bool surround(const Dfa& d, std::string_view before, std::string_view after, Dfa& out) {
    if (d.empty()) return false;
    for (u32 s = 0; s < d.size() && !after.empty(); ++s)
        if (d.accept[s] && d.step(s, u8(after[0])) != DEAD) return false;
    ByteSet letters;
    for (std::string_view text : {before, after})
        for (char c : text) letters.add(u8(c));
    PairClasses classes(d.class_of, letters);
    std::memcpy(out.class_of, classes.class_of, 256);
    out.classes = classes.size();
    u32 base = u32(before.size()), end = base + d.size();
    u32 states = end + u32(after.size());
    out.next.assign(std::size_t(states) * out.classes, DEAD);
    out.accept.assign(states, 0);
    auto slot = [&](u32 s, char c) -> u32& { return out.next[std::size_t(s) * out.classes + out.class_of[u8(c)]]; };
    for (u32 i = 0; i < before.size(); ++i) slot(i, before[i]) = i + 1 < before.size() ? i + 1 : base + d.start;
    for (u32 s = 0; s < d.size(); ++s) {
        const u32* row = d.next.data() + std::size_t(s) * d.classes;
        u32* to = out.next.data() + std::size_t(base + s) * out.classes;
        for (u32 c = 0; c < out.classes; ++c)
            if (row[classes.a[c]] != DEAD) to[c] = base + row[classes.a[c]];
        if (!d.accept[s]) continue;
        if (after.empty()) out.accept[base + s] = 1;
        else slot(base + s, after[0]) = end;
    }
    for (u32 i = 1; i < after.size(); ++i) slot(end + i - 1, after[i]) = end + i;
    if (!after.empty()) out.accept[states - 1] = 1;
    out.start = before.empty() ? d.start : 0;
    out.label.assign(out.accept.begin(), out.accept.end());
    return true;
}

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

}  // namespace weft
