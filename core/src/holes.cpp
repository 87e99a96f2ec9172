#include "holes.hpp"

#include "separation.hpp"

namespace weft {

Holes::Holes(const Machine& machine, const Lexer& l) : m(machine), lexer(l), seen(l.size(), 0) {
    find_boundaries(blanks_of(m, l));
    find_first();
    find_passable();
}

void Holes::find_first() {
    const std::size_t words = lexer.winner_bits(0).size();
    first.assign(m.states() * words, 0);
    for (u32 s = 0; s < m.states(); ++s)
        for (u32 k = m.scan_at[s]; k < m.scan_at[s + 1]; ++k) first[s * words + (m.scans[k].symbol >> 6)] |= u64(1) << (m.scans[k].symbol & 63);
    for (bool changed = true; changed;) {  // as often as calls at the beginning of boxes are nested
        changed = false;
        for (u32 s = 0; s < m.states(); ++s)
            for (u32 k = m.call_at[s]; k < m.call_at[s + 1]; ++k)
                for (std::size_t w = 0; w < words; ++w) {
                    u64 more = first[m.entry[m.calls[k].symbol] * words + w] & ~first[s * words + w];
                    first[s * words + w] |= more, changed = changed || more;
                }
    }
}

void Holes::find_passable() {
    within.assign(lexer.winner_bits(0).size(), 0);
    for (auto& e : of_boundary(Lexer::BEGIN).ends)
        if (e.after == Lexer::BEGIN) within = e.terms;
    passages.resize(2 * m.states());
    passable.assign(m.entry.size(), 0);
    for (bool changed = true; changed;) {  // least fixpoint
        changed = false;
        for (u32 box = 0; box < passable.size(); ++box) {
            if (passable[box]) continue;
            auto states = reachable(m.entry[box]);
            if (std::any_of(states.begin(), states.end(), [&](u32 s) { return m.is_final[s]; })) passable[box] = 1, changed = true;
        }
    }
}

// States of its box to which lexemes in the hole lead from a state; the state itself stands first, and once more if they lead back to it.
std::vector<u32> Holes::reachable(u32 state) const {
    std::vector<u32> out{state};
    auto add = [&](u32 s) {
        if (std::find(out.begin() + 1, out.end(), s) == out.end()) out.push_back(s);
    };
    for (std::size_t i = 0; i < out.size(); ++i) {
        if (i && out[i] == state) continue;
        for (u32 k = m.scan_at[out[i]]; k < m.scan_at[out[i] + 1]; ++k)
            if (auto [term, to] = m.scans[k]; within[term >> 6] >> (term & 63) & 1) add(to);
        for (u32 k = m.call_at[out[i]]; k < m.call_at[out[i] + 1]; ++k)
            if (passable[m.calls[k].symbol]) add(m.calls[k].state);
    }
    return out;
}

const Holes::Passage& Holes::passage(u32 state, bool read) {
    auto& known = passages[2 * state + read];
    if (known) return *known;
    Passage p{reachable(state), TermBits(within.size(), 0), {}, {}, false};
    p.ends = std::any_of(p.states.begin() + 1, p.states.end(), [&](u32 s) { return m.is_final[s]; });
    if (read || std::find(p.states.begin() + 1, p.states.end(), state) != p.states.end()) p.states.erase(p.states.begin());
    for (u32 s : p.states) {
        for (std::size_t w = 0; w < within.size(); ++w) p.first[w] |= first[s * within.size() + w];
        for (u32 k = m.scan_at[s]; k < m.scan_at[s + 1]; ++k) {
            auto [term, to] = m.scans[k];
            auto at = std::find_if(p.scans.begin(), p.scans.end(), [to = to](auto& scan) { return scan.first == to; });
            if (at == p.scans.end()) at = p.scans.insert(at, {to, TermBits(within.size(), 0)});
            at->second[term >> 6] |= u64(1) << (term & 63);
        }
        for (u32 k = m.call_at[s]; k < m.call_at[s + 1]; ++k) p.calls.emplace_back(m.calls[k].symbol, m.calls[k].state);
    }
    sort_unique(p.calls);
    used += sizeof(Passage) + p.states.size() * 4 + p.scans.size() * (32 + within.size() * 8) + p.calls.size() * 8;
    known = std::make_unique<Passage>(std::move(p));
    return *known;
}

void Holes::forget() {
    states.clear(), boundaries.clear(), used = 0;
    for (auto& p : passages) p.reset();
}

// A boundary is free if a blank does there what it does at the beginning of a text, for behind a blank anything may begin, or if ignored
// text leads from it to one that is: least fixpoint.
void Holes::find_boundaries(const std::vector<u8>& blanks) {
    u32 n = lexer.size(), classes = lexer.scan.classes;
    for (u32 x = n; x-- > 0;) {
        if (x != Lexer::BEGIN && !lexer.label(x)) continue;
        if (part(x) >= first_with.size()) first_with.resize(part(x) + 1, NONE);
        first_with[part(x)] = x;
    }
    is_free.assign(first_with.size(), 0);
    is_free[part(Lexer::BEGIN)] = 1;
    for (u32 p = 0; p < is_free.size(); ++p)
        for (u8 b : blanks) is_free[p] = is_free[p] || (first_with[p] != NONE && lexer.part(p)[lexer.scan.class_of[b]] == lexer.go(Lexer::BEGIN, b));
    std::vector<u8> escapes(n, 0);  // the open lexeme may be ignored and end where nothing is owed
    auto leads_out = [&](u32 p) {
        const u32* row = lexer.part(p);
        return std::any_of(row, row + classes, [&](u32 y) { return y != DEAD && escapes[y]; });
    };
    for (bool changed = true; changed;) {
        changed = false;
        for (u32 x = n; x-- > 1;)  // states come after those that lead to them, mostly
            if (!escapes[x] && ((lexer.may_ignore(lexer.label(x)) && is_free[part(x)]) || leads_out(lexer.go_part(x)))) escapes[x] = 1, changed = true;
        for (u32 p = 0; p < is_free.size(); ++p)
            if (first_with[p] != NONE && !is_free[p] && leads_out(p)) is_free[p] = 1, changed = true;
    }
    behind.resize(lexer.terminals());
    owe.assign(lexer.winner_bits(0).size(), 0);
    auto add = [](std::vector<u32>& list, u32 y) {
        if (std::find(list.begin(), list.end(), y) == list.end()) list.push_back(y);
    };
    for (u32 x = 1; x < n; ++x) {
        u32 label = lexer.label(x);
        if (!label || lexer.owes(x)) continue;
        u32 y = after(x);
        for (u32 t : lexer.winners(label)) {
            add(behind[t], y);
            if (y != Lexer::BEGIN) owe[t >> 6] |= u64(1) << (t & 63);
        }
    }
}

Holes::Inside Holes::close(const std::vector<u32>& from, u32 bytes) {
    Inside out;
    ++search;
    auto add = [&](u32 x, u32 n) {
        if (x != DEAD && seen[x] != search) seen[x] = search, out.states.push_back(x), out.bytes.push_back(n);
    };
    for (u32 x : from) add(x, bytes);
    for (std::size_t i = 0; i < out.states.size(); ++i) {  // breadth first
        const u32* row = lexer.part(lexer.go_part(out.states[i]));
        for (u32 c = 0; c < lexer.scan.classes; ++c) add(row[c], out.bytes[i] + 1);
    }
    FlatMap known;
    for (std::size_t i = 0; i < out.states.size(); ++i) {
        u32 x = out.states[i], label = lexer.label(x);
        if (!label || known.find(u64(label) << 32 | part(x)) != NONE) continue;
        known.put(u64(label) << 32 | part(x), 1);
        out.lexemes.push_back({label, exactly_after(x), out.bytes[i]});
        auto it = std::find_if(out.ends.begin(), out.ends.end(), [&](const End& e) { return e.after == after(x); });
        if (it == out.ends.end()) it = out.ends.insert(it, {after(x), TermBits(lexer.winner_bits(label).size(), 0), false, false});
        it->ignored = it->ignored || lexer.may_ignore(label);
        if (lexer.only_ignored(label)) continue;
        it->read = true;
        for (std::size_t k = 0; k < it->terms.size(); ++k) it->terms[k] |= lexer.winner_bits(label)[k];
    }
    used += 200 + out.states.size() * 8 + out.lexemes.size() * sizeof(Lexeme) + out.ends.size() * (64 + lexer.winner_bits(0).size() * 8);
    return out;
}

const Holes::Inside& Holes::of_state(u32 x) {
    auto it = states.find(x);
    if (it == states.end()) it = states.emplace(x, close({x}, 0)).first;
    return it->second;
}

const Holes::Inside& Holes::of_boundary(u32 x) {
    auto it = boundaries.find(x);
    if (it == boundaries.end()) {
        const u32* row = lexer.part(part(x));
        it = boundaries.emplace(x, close({row, row + lexer.scan.classes}, 1)).first;
    }
    return it->second;
}

}  // namespace weft
