#include "holes.hpp"

#include "separation.hpp"

namespace weft {

Holes::Holes(const Machine& m, const Lexer& l) : lexer(l), seen(l.size(), 0) { find_boundaries(blanks_of(m, l)); }

void Holes::forget() { states.clear(), boundaries.clear(), used = 0; }

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
