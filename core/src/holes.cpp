#include "holes.hpp"

#include "chain.hpp"
#include "net.hpp"
#include "separation.hpp"

namespace weft {

constexpr std::size_t BYTE_WORDS = 256 / 64;

Holes::Holes(const Machine& machine, const Lexer* l)
    : lexer(l), m(machine), width(l ? l->winner_bits(0).size() : BYTE_WORDS), passages(2 * machine.states()), reached(machine.states(), 0), listed(machine.states()) {
    if (lexer) {
        seen.assign(lexer->size(), 0);
        find_boundaries(blanks_of(m, *lexer));
    }
    find_first();
    find_within();
    find_passable();
}

// Calls change(state), which says whether anything has changed, until nothing does; up and down in turns, for boxes may be numbered
// either way.
template <class Change>
void Holes::each_until_same(const Change& change) const {
    bool up = true;
    for (bool changed = true; changed; up = !up) {
        changed = false;
        for (u32 k = 0; k < m.states(); ++k) changed |= change(up ? k : m.states() - 1 - k);
    }
}

void Holes::find_first() {
    first.assign(m.states() * width, 0);
    auto add = [&](u32 s, const u64* more) {
        u64 *row = first.data() + s * width, fresh = 0;
        for (std::size_t w = 0; w < width; ++w) fresh |= more[w] & ~row[w], row[w] |= more[w];
        return fresh != 0;
    };
    const Machine::Target *scan = m.scans.data(), *call = m.calls.data();
    for (u32 s = 0; s < m.states(); ++s)
        for (auto *t = scan + m.scan_at[s], *end = scan + m.scan_at[s + 1]; t != end; ++t)
            if (lexer) set_bit(first.data() + s * width, t->symbol);
            else add(s, m.terminals[t->symbol]->begins.w);
    each_until_same([&](u32 s) {  // as often as calls at the beginning of boxes are nested
        bool fresh = false;
        for (auto *t = call + m.call_at[s], *end = call + m.call_at[s + 1]; t != end; ++t) fresh |= add(s, first.data() + m.entry[t->symbol] * width);
        return fresh;
    });
}

void Holes::find_within() {
    within.assign(m.terminals.size() / 64 + 1, 0);
    if (lexer) {
        for (auto& e : of_boundary(Lexer::BEGIN).ends)
            if (e.after == Lexer::BEGIN) within = e.terms;
        return;
    }
    for (u32 term = 0; term < m.terminals.size(); ++term) {
        const Terminal& t = *m.terminals[term];
        if (!t.begins.empty()) set_bit(within, term);
    }
}

void Holes::find_passable() {
    may_end = m.is_final;
    const Machine::Target *scan = m.scans.data(), *call = m.calls.data();
    auto ends = [&](u32 s) {
        return std::any_of(scan + m.scan_at[s], scan + m.scan_at[s + 1], [&](auto& t) { return may_end[t.state] && reads_within(t.symbol); }) ||
               std::any_of(call + m.call_at[s], call + m.call_at[s + 1], [&](auto& t) { return may_end[t.state] && passes(t.symbol); });
    };
    each_until_same([&](u32 s) { return !may_end[s] && (may_end[s] = ends(s)); });
}

const Holes::Passage& Holes::passage(u32 state, bool read) {
    auto& known = passages[2 * state + read];
    if (known) return *known;
    Passage& p = scratch;
    p.states.clear(), p.calls.clear(), p.reads.clear(), p.scans.clear(), p.ends = false;
    ++search;
    std::vector<u32>& states = p.states;  // those to which lexemes in the hole lead, behind the state itself
    states.push_back(state);
    auto list = [&](const Machine::Target& t, u32 kind, std::vector<std::pair<u32, u32>>& out) {  // most of what leads to one state is the same
        if (auto now = std::make_pair(search, t.symbol | kind); std::exchange(listed[t.state], now) != now) out.emplace_back(t.symbol, t.state);
    };
    auto list_all = [&](u32 s) {
        for (u32 k = m.scan_at[s]; k < m.scan_at[s + 1]; ++k) list(m.scans[k], 0, p.reads);
        for (u32 k = m.call_at[s]; k < m.call_at[s + 1]; ++k) list(m.calls[k], BOX, p.calls);
    };
    auto reach = [&](u32 s) {
        if (std::exchange(reached[s], search) != search) states.push_back(s);
    };
    if (!read) list_all(state);
    for (std::size_t i = 0; i < states.size(); ++i) {
        const u32 s = states[i];
        if (i) list_all(s), p.ends = p.ends || m.is_final[s];
        if (i && s == state) continue;
        for (u32 k = m.scan_at[s]; k < m.scan_at[s + 1]; ++k)
            if (reads_within(m.scans[k].symbol)) reach(m.scans[k].state);
        for (u32 k = m.call_at[s]; k < m.call_at[s + 1]; ++k)
            if (passes(m.calls[k].symbol)) reach(m.calls[k].state);
    }
    if (read || reached[state] == search) states.erase(states.begin());  // it is there once more if they lead back to it
    if (lexer) group_reads(p);
    used += sizeof(Passage) + p.states.size() * 4 + (p.calls.size() + p.reads.size()) * 8 + p.scans.size() * (32 + width * 8);
    known = std::make_unique<Passage>(p);
    return *known;
}

// By what follows, as bits of terminals: many lexemes are asked about at once.
void Holes::group_reads(Passage& p) const {
    sort_unique(p.calls);
    p.first.assign(width, 0);
    for (u32 s : p.states)
        for (std::size_t w = 0; w < width; ++w) p.first[w] |= first_of(s)[w];
    std::sort(p.reads.begin(), p.reads.end(), [](auto& a, auto& b) { return a.second < b.second; });
    for (auto [term, to] : p.reads) {
        if (p.scans.empty() || p.scans.back().first != to) p.scans.emplace_back(to, TermBits(width, 0));
        set_bit(p.scans.back().second, term);
    }
    p.reads.clear();
}

const u64* Holes::bits_of(u8 byte) {
    const std::size_t words = within.size(), width = 2 * words;
    if (!rows[byte]) {
        bits.resize(bits.size() + width, 0);
        rows[byte] = u16(bits.size() / width);
        u64* row = &bits[bits.size() - width];
        for (u32 term = 0; term < m.terminals.size(); ++term) {
            const Terminal& t = *m.terminals[term];
            if (t.begins.has(byte)) set_bit(row, term);
            if (t.letters.has(byte)) set_bit(row + words, term);
        }
    }
    return bits.data() + (rows[byte] - 1) * width;
}

Holes::Open& Holes::of_terminal(u32 term, const std::vector<u32>& from) {
    const Dfa* dfa = m.terminals[term]->parts[0].dfa.get();
    const bool one = from.size() == 1;
    const u64 key = u64(term) << 32 | from[0];
    if (u32 known = one ? open_ids.find(key) : NONE; known != NONE) return opened[known];
    Open open{dfa, {}, true, std::vector<u32>(dfa->classes, NONE)};
    if (from[0] != ANY) close(open, from);
    if (!one) return several = std::move(open);
    used += sizeof(Open) + 16 + open.states.size() * 4 + open.behind.size() * 4;
    open_ids.put(key, u32(opened.size()));
    return opened.emplace_back(std::move(open));
}

void Holes::close(Open& open, const std::vector<u32>& from) {
    const Dfa& d = *open.dfa;
    marks.clear();
    for (u32 s : from) marks.add(s);
    open.ends = false;
    for (std::size_t i = 0; i < marks.members.size(); ++i) {
        const u32 s = marks.members[i], *row = d.next.data() + std::size_t(s) * d.classes;
        open.ends = open.ends || d.accept[s];
        for (u32 c = 0, last = DEAD; c < d.classes; ++c)
            if (row[c] != DEAD && row[c] != last) marks.add(last = row[c]);
        if (marks.members.size() > CLOSURE_STATES)
            throw LimitFault("a hole can hold too many states of one terminal", CLOSURE_STATES, marks.members.size());
    }
    open.states = marks.members;
}

void Holes::step(Open& open, u8 byte, std::vector<u32>& out) {
    const Dfa& d = *open.dfa;
    const u8 c = d.class_of[byte];
    if (open.behind[c] == NONE) {
        marks.clear();
        auto add = [&](u32 s) {
            if (u32 to = d.next[std::size_t(s) * d.classes + c]; to != DEAD) marks.add(to);
        };
        if (open.states.empty())
            for (u32 s = 0; s < d.size(); ++s) add(s);
        else std::for_each(open.states.begin(), open.states.end(), add);
        open.behind[c] = behind_bytes.add(marks.members);
        used += marks.members.size() * 4 + 8;
    }
    out.assign(behind_bytes.begin(open.behind[c]), behind_bytes.end(open.behind[c]));
}

void Holes::forget() {
    states.clear(), boundaries.clear(), open_ids.clear(), opened.clear(), behind_bytes = {}, used = 0;
    for (auto& p : passages) p.reset();
}

// A boundary is free if a blank does there what it does at the beginning of a text, for behind a blank anything may begin, or if ignored
// text leads from it to one that is: least fixpoint.
void Holes::find_boundaries(const std::vector<u8>& blanks) {
    u32 n = lexer->size(), classes = lexer->scan.classes;
    for (u32 x = n; x-- > 0;) {
        if (x != Lexer::BEGIN && !lexer->label(x)) continue;
        if (part(x) >= first_with.size()) first_with.resize(part(x) + 1, NONE);
        first_with[part(x)] = x;
    }
    is_free.assign(first_with.size(), 0);
    is_free[part(Lexer::BEGIN)] = 1;
    for (u32 p = 0; p < is_free.size(); ++p)
        for (u8 b : blanks) is_free[p] = is_free[p] || (first_with[p] != NONE && lexer->part(p)[lexer->scan.class_of[b]] == lexer->go(Lexer::BEGIN, b));
    std::vector<u8> escapes(n, 0);  // the open lexeme may be ignored and end where nothing is owed
    auto leads_out = [&](u32 p) {
        const u32* row = lexer->part(p);
        return std::any_of(row, row + classes, [&](u32 y) { return y != DEAD && escapes[y]; });
    };
    for (bool changed = true; changed;) {
        changed = false;
        for (u32 x = n; x-- > 1;)  // states come after those that lead to them, mostly
            if (!escapes[x] && ((lexer->may_ignore(lexer->label(x)) && is_free[part(x)]) || leads_out(lexer->go_part(x)))) escapes[x] = 1, changed = true;
        for (u32 p = 0; p < is_free.size(); ++p)
            if (first_with[p] != NONE && !is_free[p] && leads_out(p)) is_free[p] = 1, changed = true;
    }
    behind.resize(lexer->terminals());
    owe.assign(lexer->winner_bits(0).size(), 0);
    auto add = [](std::vector<u32>& list, u32 y) {
        if (std::find(list.begin(), list.end(), y) == list.end()) list.push_back(y);
    };
    for (u32 x = 1; x < n; ++x) {
        u32 label = lexer->label(x);
        if (!label || lexer->owes(x)) continue;
        u32 y = after(x);
        for (u32 t : lexer->winners(label)) {
            add(behind[t], y);
            if (y != Lexer::BEGIN) set_bit(owe, t);
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
        const u32* row = lexer->part(lexer->go_part(out.states[i]));
        for (u32 c = 0; c < lexer->scan.classes; ++c) add(row[c], out.bytes[i] + 1);
    }
    FlatMap known;
    for (std::size_t i = 0; i < out.states.size(); ++i) {
        u32 x = out.states[i], label = lexer->label(x);
        if (!label || known.find(u64(label) << 32 | part(x)) != NONE) continue;
        known.put(u64(label) << 32 | part(x), 1);
        out.lexemes.push_back({label, exactly_after(x), out.bytes[i]});
        auto it = std::find_if(out.ends.begin(), out.ends.end(), [&](const End& e) { return e.after == after(x); });
        if (it == out.ends.end()) it = out.ends.insert(it, {after(x), TermBits(lexer->winner_bits(label).size(), 0), false, false});
        it->ignored = it->ignored || lexer->may_ignore(label);
        if (lexer->only_ignored(label)) continue;
        it->read = true;
        for (std::size_t k = 0; k < it->terms.size(); ++k) it->terms[k] |= lexer->winner_bits(label)[k];
    }
    used += 200 + out.states.size() * 8 + out.lexemes.size() * sizeof(Lexeme) + out.ends.size() * (64 + lexer->winner_bits(0).size() * 8);
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
        const u32* row = lexer->part(part(x));
        it = boundaries.emplace(x, close({row, row + lexer->scan.classes}, 1)).first;
    }
    return it->second;
}

}  // namespace weft
