#include "lexer.hpp"

#include <algorithm>

namespace weft {

namespace {

bool merge(TermBits& into, const TermBits& from) {  // whether that added anything
    u64 fresh = 0;
    for (std::size_t k = 0; k < into.size(); ++k) fresh |= from[k] & ~into[k], into[k] |= from[k];
    return fresh != 0;
}

constexpr u32 NO_OBLIGATIONS = 0;  // the set
constexpr u32 MANY_BITS = 1u << 29;  // 64 MiB: what the boundaries of one lexer may cost when they matter

constexpr std::size_t MANY_PAIRS = 10'000;  // before we stop to look whether a terminal is a trap

// Whether no other lexeme can stand right after t: by every text it grows, or nothing fits. Only the end of the text can follow.
bool only_at_end(const Machine& m, u32 t) {
    const Dfa& scan = m.scan;
    std::vector<std::pair<u32, u32>> open;  // (state of the lexeme after, state of t run on)
    for (u32 q = 0; q < scan.size(); ++q) {
        if (!scan.label[q]) continue;
        const auto& win = m.winners[scan.label[q] - 1];
        if (std::binary_search(win.begin(), win.end(), t)) open.emplace_back(scan.start, q);
    }
    FlatMap seen;
    for (std::size_t i = 0; i < open.size() && i < MANY_PAIRS; ++i)
        for (int b = 0; b < 256; ++b) {
            if (b && scan.class_of[b] == scan.class_of[b - 1]) continue;
            u32 to = scan.step(open[i].first, u8(b)), on = scan.step(open[i].second, u8(b));
            if (to == DEAD || (on != DEAD && scan.accept[on])) continue;
            if (on == DEAD || scan.accept[to]) return false;
            u64 key = u64(to) << 32 | on;
            if (seen.find(key) == NONE) seen.put(key, 1), open.emplace_back(to, on);
        }
    return open.size() < MANY_PAIRS;
}

// Terminals that no sentence has: those that always lose to another one, and traps. Grammars set traps for texts that must not be cut
// apart, such as OPEN_COMMENT OPEN_RAW for an unclosed comment: only possible at the end of the text, and yet not at the end.
std::vector<u8> useless_terminals(const Machine& m) {
    std::vector<u8> useless(m.terminals.size(), 1);
    for (auto& w : m.winners)
        for (u32 t : w) useless[t] = 0;
    std::vector<u8> inside(m.terminals.size(), 1);
    for (auto& s : m.scans)
        if (m.is_final[s.state]) inside[s.symbol] = 0;
    for (u32 t = 0; t < useless.size(); ++t) {
        if (m.terminals[t]->special != NONE) useless[t] = 0;
        else if (!useless[t] && inside[t] && !m.ignored[t]) useless[t] = only_at_end(m, t);
    }
    return useless;
}

}  // namespace

Hash128 Lexer::key(const Machine& m) {
    Hash128 h;
    h.add(0x1E8);
    h.add(m.terminals.size());
    if (!m.scan.empty()) h.add(m.scan.hash[m.scan.start].a), h.add(m.scan.hash[m.scan.start].b);
    for (auto& w : m.winners) {
        h.add(w.size());
        for (u32 t : w) h.add(t);
    }
    for (u8 i : m.ignored) h.add(i);
    std::vector<u8> used(m.terminals.size(), 0);
    for (auto& s : m.scans) used[s.symbol] = u8(1 + (m.terminals[s.symbol]->special != NONE));
    for (u8 u : used) h.add(u);
    return h;
}

Lexer::Lexer(const Machine& m, const Limits& limits)
    : scan(m.scan), ignored(m.ignored), read(m.terminals.size(), 0), term_count(u32(m.terminals.size())), state_limit(limits.dfa_states) {
    for (int b = 255; b >= 0; --b) sample[scan.class_of[b]] = u8(b);
    ignored.resize(term_count, 0);
    lists.emplace_back();
    for (auto& w : m.winners) lists.push_back(w);
    for (auto& s : m.scans) read[s.symbol] = m.terminals[s.symbol]->special == NONE;
    for (auto& w : lists) {
        w.erase(std::remove_if(w.begin(), w.end(), [&](u32 t) { return !read[t] && !ignored[t]; }), w.end());
        TermBits bits(words(), 0);
        bool all = true, some = false;
        for (u32 t : w) all = all && !read[t], some = some || ignored[t], set_bit(bits, t);
        list_bits.push_back(bits), ignored_only.push_back(all && some), ignored_some.push_back(some);
    }
    sets.intern(nullptr, 0);  // NO_OBLIGATIONS
    states.push_back({NONE, NO_OBLIGATIONS, 0});
    for (u32 q = 0; q < scan.size(); ++q) states.push_back({q, NO_OBLIGATIONS, label_of(q)});
}

Machine useful_part(const Machine& m) {
    std::vector<u8> useless = useless_terminals(m), done(m.is_final);  // done: the end of the box can be reached
    auto scan_fits = [&](const Machine::Target& t) { return !useless[t.symbol] && done[t.state]; };
    auto call_fits = [&](const Machine::Target& t) { return done[m.entry[t.symbol]] && done[t.state]; };
    for (bool changed = true; changed;) {
        changed = false;
        for (u32 s = m.states(); s-- > 0;) {
            if (done[s]) continue;
            done[s] = std::any_of(m.scans.begin() + m.scan_at[s], m.scans.begin() + m.scan_at[s + 1], scan_fits) ||
                      std::any_of(m.calls.begin() + m.call_at[s], m.calls.begin() + m.call_at[s + 1], call_fits);
            changed = changed || done[s];
        }
    }
    Machine out = m;
    out.scans.clear(), out.calls.clear();
    if (m.start_box != NONE && !done[m.entry[m.start_box]]) out.start_box = NONE;
    std::vector<u8> reached(m.states(), 0);
    std::vector<u32> stack;
    auto visit = [&](u32 s) {
        if (!reached[s]) reached[s] = 1, stack.push_back(s);
    };
    if (out.start_box != NONE) visit(m.entry[m.start_box]);
    while (!stack.empty()) {
        u32 s = stack.back();
        stack.pop_back();
        for (u32 k = m.scan_at[s]; k < m.scan_at[s + 1]; ++k)
            if (scan_fits(m.scans[k])) visit(m.scans[k].state);
        for (u32 k = m.call_at[s]; k < m.call_at[s + 1]; ++k)
            if (call_fits(m.calls[k])) visit(m.entry[m.calls[k].symbol]), visit(m.calls[k].state);
    }
    for (u32 s = 0; s < m.states(); ++s) {
        out.scan_at[s] = u32(out.scans.size()), out.call_at[s] = u32(out.calls.size());
        if (!reached[s]) continue;
        std::copy_if(m.scans.begin() + m.scan_at[s], m.scans.begin() + m.scan_at[s + 1], std::back_inserter(out.scans), scan_fits);
        std::copy_if(m.calls.begin() + m.call_at[s], m.calls.begin() + m.call_at[s + 1], std::back_inserter(out.calls), call_fits);
        out.only_final[s] = m.is_final[s] && out.scans.size() == out.scan_at[s] && out.calls.size() == out.call_at[s];
    }
    out.scan_at[m.states()] = u32(out.scans.size()), out.call_at[m.states()] = u32(out.calls.size());
    return out;
}

u32 Lexer::state(u32 q, u32 obligations) {
    if (sets.size(obligations) == 0) return 1 + q;
    u64 k = u64(q) << 32 | obligations;
    u32 x = ids.find(k);
    if (x != NONE) return x;
    x = size();
    if (x > scan.size() + state_limit)
        throw LimitFault("longest-match lexing needs too many states", state_limit, x - scan.size(),
                         "let no terminal begin like a longer one, or raise Limits.dfa_states");
    states.push_back({q, obligations, label_of(q)});
    ids.put(k, x);
    return x;
}

u32 Lexer::oblige(u32 set, u8 b) {
    if (sets.size(set) == 0) return set;
    if (sets.size(set) == 1) {  // nearly always
        u32 q = scan.step(*sets.begin(set), b);
        return q == DEAD ? NO_OBLIGATIONS : scan.accept[q] ? DEAD : sets.intern(&q, 1);
    }
    std::vector<u32> out;
    for (std::size_t k = 0; k < sets.size(set); ++k) {
        u32 q = scan.step(sets.begin(set)[k], b);
        if (q == DEAD) continue;
        if (scan.accept[q]) return DEAD;
        out.push_back(q);
    }
    sort_unique(out);
    return sets.intern(out);
}

u32 Lexer::with(u32 set, u32 q) {
    if (sets.size(set) == 0) return sets.intern(&q, 1);
    std::vector<u32> out(sets.begin(set), sets.begin(set) + sets.size(set));
    auto at = std::lower_bound(out.begin(), out.end(), q);
    if (at == out.end() || *at != q) out.insert(at, q);
    return sets.intern(out);
}

void Lexer::fill(u32 x) {
    u32 q = states[x].q, set = states[x].obligations, lab = states[x].label;
    std::vector<u32> go(scan.classes, DEAD), next(scan.classes, DEAD);
    for (u32 c = 0; c < scan.classes && !scan.empty(); ++c) {
        u8 b = sample[c];
        u32 rest = oblige(set, b);
        if (rest == DEAD) continue;
        u32 on = scan.step(q == NONE ? scan.start : q, b);
        if (on != DEAD) go[c] = state(on, rest);
        if (!lab || (on != DEAD && scan.accept[on])) continue;  // the lexeme has not ended, or a longer one has just been found
        u32 fresh = scan.step(scan.start, b);
        if (fresh != DEAD) next[c] = state(fresh, on == DEAD ? rest : with(rest, on));
    }
    states[x].go = parts.intern(go), states[x].next = parts.intern(next);
}

void Lexer::explore() {
    for (u32 x = 0; x < size(); ++x)
        if (states[x].go == NONE) fill(x);
    std::vector<TermBits> live = find_live(nullptr);
    drop_hopeless(live);
    number_boundaries();
    u32 count = u32(boundary_part.size());
    if (!(separable = is_separable(live))) {
        if (u64(count) * term_count * (states.size() + count) > MANY_BITS)
            throw LimitFault("lexemes that run into one another need too many states", MANY_BITS, u64(count) * term_count * (states.size() + count),
                             "let ignored text (%ignore) stand between lexemes");
        boundaries = count;
        live = find_live(nullptr);
    }
    keep_live(live);
}

// Makes no way lead to states that can become nothing: after `caf` the first byte of `é` belongs to the name, for it cannot end there.
void Lexer::drop_hopeless(const std::vector<TermBits>& live) {
    std::vector<u8> hopeless(size(), 0);
    for (u32 x = 1; x < size(); ++x) hopeless[x] = std::all_of(live[x].begin(), live[x].end(), [](u64 w) { return w == 0; });
    std::vector<u32> renamed(parts.size(), NONE), row;
    auto rename = [&](u32 p) {
        if (renamed[p] != NONE) return renamed[p];
        row.assign(part(p), part(p) + scan.classes);
        for (u32& to : row)
            if (to != DEAD && hopeless[to]) to = DEAD;
        return renamed[p] = parts.intern(row);
    };
    for (State& s : states) s.go = rename(s.go), s.next = rename(s.next);
}

void Lexer::number_boundaries() {
    number.assign(parts.size(), NONE);
    for (u32 x = 0; x < size(); ++x) {
        if (x != BEGIN && !states[x].label) continue;
        u32 p = x == BEGIN ? states[x].go : states[x].next;
        if (number[p] == NONE) number[p] = u32(boundary_part.size()), boundary_part.push_back(p);
    }
}

// What each state can still become, ending at boundaries that are allowed: least fixpoint along `go`.
std::vector<TermBits> Lexer::find_live(const std::vector<u8>* allowed) const {
    std::vector<TermBits> live(size(), TermBits(words(), 0));
    std::vector<std::pair<u32, u32>> edges;  // (source, target)
    std::vector<u32> at(size() + 1, 0), last(size(), NONE);
    for (u32 x = 0; x < size(); ++x) {
        if (!allowed || (*allowed)[states[x].next])
            for (u32 t : lists[states[x].label]) set_bit(live[x], separable ? t : t * boundaries + boundary(x));
        for (u32 c = 0; c < scan.classes; ++c)
            if (u32 to = part(states[x].go)[c]; to != DEAD && to != x && last[to] != x) edges.emplace_back(last[to] = x, to), ++at[to + 1];
    }
    for (u32 x = 0; x < size(); ++x) at[x + 1] += at[x];
    std::vector<u32> sources(edges.size()), next(at.begin(), at.end() - 1);
    for (auto [from, to] : edges) sources[next[to]++] = from;
    std::vector<u32> stack;
    std::vector<u8> waiting(size(), 1);
    for (u32 x = 0; x < size(); ++x) stack.push_back(x);
    while (!stack.empty()) {
        u32 x = stack.back();
        stack.pop_back();
        waiting[x] = 0;
        for (u32 k = at[x]; k < at[x + 1]; ++k) {
            u32 from = sources[k];
            if (merge(live[from], live[x]) && !waiting[from]) waiting[from] = 1, stack.push_back(from);
        }
    }
    return live;
}

// Boundaries at which every terminal may begin and be completed, and those from which ignored text leads there. `live` is what states
// can become ending at allowed boundaries; ignored text, too, ends at allowed ones.
std::vector<u8> Lexer::good_boundaries(const std::vector<u8>& allowed, const std::vector<TermBits>& live) const {
    TermBits wanted(words(), 0);
    for (u32 t = 0; t < term_count; ++t)
        if (read[t]) set_bit(wanted, t);
    std::vector<u8> good(parts.size(), 0), escapes(size(), 0);
    for (u32 p : boundary_part) {
        TermBits all(words(), 0);
        for (u32 c = 0; c < scan.classes; ++c)
            if (part(p)[c] != DEAD) merge(all, live[part(p)[c]]);
        good[p] = !merge(all, wanted);
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (u32 x = size(); x-- > 1;) {  // states come after those that lead to them, mostly
            if (escapes[x]) continue;
            u32 next = states[x].next;
            bool now = ignored_some[states[x].label] && allowed[next] && good[next];
            for (u32 c = 0; c < scan.classes && !now; ++c) now = part(states[x].go)[c] != DEAD && escapes[part(states[x].go)[c]];
            if (now) escapes[x] = 1, changed = true;
        }
        for (u32 p : boundary_part)
            for (u32 c = 0; c < scan.classes && !good[p]; ++c)
                if (part(p)[c] != DEAD && escapes[part(p)[c]]) good[p] = 1, changed = true;
    }
    for (u32 p = 0; p < good.size(); ++p) good[p] = good[p] && allowed[p];
    return good;
}

// The largest set of boundaries that are good while nothing ends at any other; then whether those are enough.
bool Lexer::is_separable(const std::vector<TermBits>& live) const {
    std::vector<u8> allowed(parts.size(), 1), good;
    std::vector<TermBits> can = live;
    while ((good = good_boundaries(allowed, can)) != allowed) {
        bool same = true;  // parts that are no boundaries do not matter
        for (u32 p : boundary_part) same = same && good[p] == allowed[p];
        allowed = good;
        if (same) break;
        can = find_live(&allowed);
    }
    return allowed[states[BEGIN].go] && can == live;
}

void Lexer::keep_live(const std::vector<TermBits>& live) {
    std::unordered_map<u64, std::vector<u32>> by_hash;
    for (u32 x = 0; x < size(); ++x) {
        auto& same = by_hash[hash_span(live[x].data(), live[x].size())];
        auto it = std::find_if(same.begin(), same.end(), [&](u32 k) { return classes[k] == live[x]; });
        if (it == same.end()) it = same.insert(same.end(), u32(classes.size())), classes.push_back(live[x]);
        states[x].live = *it;
    }
    if (separable) return;
    for (u32 p : boundary_part) {
        follows.emplace_back(words(), 0);
        for (u32 c = 0; c < scan.classes; ++c)
            if (part(p)[c] != DEAD) merge(follows.back(), live[part(p)[c]]);
    }
}

std::size_t Lexer::bytes() const {
    return states.size() * sizeof(State) + parts.bytes() + sets.bytes() + ids.bytes() +
           (classes.size() + list_bits.size() + follows.size()) * (24 + words() * 8);
}

}  // namespace weft
