#include "holes.hpp"

namespace weft {

Holes::Holes(const Lexer& l) : lexer(l), boundary_of(l.size(), Lexer::BEGIN), seen(l.size(), 0) { find_boundaries(); }

void Holes::forget() { states.clear(), boundaries.clear(), used = 0; }

// A boundary is free if ignored text leads from it to one that is: least fixpoint, from the beginning of the text on.
void Holes::find_boundaries() {
    u32 n = lexer.size(), classes = lexer.scan.classes;
    u32 start = lexer.go_part(Lexer::BEGIN), parts = 0;
    auto part = [&](u32 x) { return x == Lexer::BEGIN ? start : lexer.next_part(x); };
    for (u32 x = 0; x < n; ++x) parts = std::max(parts, part(x) + 1);
    std::vector<u8> is_free(parts, 0), escapes(n, 0);
    is_free[start] = 1;
    auto leads_out = [&](u32 p) {
        const u32* row = lexer.part(p);
        return std::any_of(row, row + classes, [&](u32 y) { return y != DEAD && escapes[y]; });
    };
    for (bool changed = true; changed;) {
        changed = false;
        for (u32 x = n; x-- > 1;) {  // states come after those that lead to them, mostly
            if (!escapes[x] && ((lexer.may_ignore(lexer.label(x)) && is_free[part(x)]) || leads_out(lexer.go_part(x)))) escapes[x] = 1, changed = true;
        }
        for (u32 x = 1; x < n; ++x)
            if (lexer.label(x) && !is_free[part(x)] && leads_out(part(x))) is_free[part(x)] = 1, changed = true;
    }
    std::vector<u32> first(parts, NONE);
    for (u32 x = 1; x < n; ++x) {
        if (!lexer.label(x) || is_free[part(x)]) continue;
        if (first[part(x)] == NONE) first[part(x)] = x;
        boundary_of[x] = first[part(x)];
    }
}

Holes::Inside Holes::close(std::vector<u32> found) {
    Inside out;
    ++search;
    out.states.clear();
    auto add = [&](u32 x) {
        if (x != DEAD && seen[x] != search) seen[x] = search, out.states.push_back(x);
    };
    for (u32 x : found) add(x);
    for (std::size_t i = 0; i < out.states.size(); ++i) {
        const u32* row = lexer.part(lexer.go_part(out.states[i]));
        for (u32 c = 0; c < lexer.scan.classes; ++c) add(row[c]);
    }
    for (u32 x : out.states) {
        u32 label = lexer.label(x);
        if (!label) continue;
        auto it = std::find_if(out.ends.begin(), out.ends.end(), [&](const End& e) { return e.after == after(x); });
        if (it == out.ends.end()) it = out.ends.insert(it, {after(x), TermBits(lexer.winner_bits(label).size(), 0), false});
        for (std::size_t k = 0; k < it->terms.size(); ++k) it->terms[k] |= lexer.winner_bits(label)[k];
        it->ignored = it->ignored || lexer.may_ignore(label);
    }
    std::sort(out.states.begin(), out.states.end());
    used += 64 + out.states.size() * 4 + out.ends.size() * (64 + lexer.winner_bits(0).size() * 8);
    return out;
}

const Holes::Inside& Holes::of_state(u32 x) {
    auto it = states.find(x);
    if (it == states.end()) it = states.emplace(x, close({x})).first;
    return it->second;
}

const Holes::Inside& Holes::of_boundary(u32 x) {
    auto it = boundaries.find(x);
    if (it == boundaries.end()) {
        const u32* row = lexer.part(x == Lexer::BEGIN ? lexer.go_part(x) : lexer.next_part(x));
        it = boundaries.emplace(x, close({row, row + lexer.scan.classes})).first;
    }
    return it->second;
}

}  // namespace weft
