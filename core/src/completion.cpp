#include "completion.hpp"

#include <bit>

namespace weft {

namespace {

constexpr u64 MOST_BITS = u64(1) << 30;  // of exits

template <class Row>
bool merge(Row& into, const Row& from) {
    u64 fresh = 0;
    for (std::size_t k = 0; k < into.size(); ++k) fresh |= from[k] & ~into[k], into[k] |= from[k];
    return fresh != 0;
}

template <class Row>
bool meets(const Row& a, const Row& b) {
    for (std::size_t k = 0; k < a.size(); ++k)
        if (a[k] & b[k]) return true;
    return false;
}

template <class Row, class Do>
void each(const Row& row, const Do& act) {
    for (std::size_t k = 0; k < row.size(); ++k)
        for (u64 w = row[k]; w; w &= w - 1) act(u32(k * 64 + u32(std::countr_zero(w))));
}

}  // namespace

Completion::Completion(const Frontiers& frontiers, const Lexer& l)
    : f(frontiers), m(frontiers.m), lexer(l), count(l.boundaries), width((count + 63) / 64) {
    u64 bits = u64(m.states() + lexer.terminals()) * count * width * 64;
    if (bits > MOST_BITS)
        throw LimitFault("lexemes that run into one another need too many states", MOST_BITS, bits, "let ignored text (%ignore) stand between lexemes");
    find_steps();
    find_exits();
}

void Completion::find_steps() {
    steps.assign(lexer.terminals(), Relation(count, Row(width, 0)));
    Relation ignored(count, Row(width, 0));
    u32 start = lexer.boundary(Lexer::BEGIN);
    for (u32 k = 0; k < count; ++k) {
        each(lexer.from_boundary(k), [&](u32 bit) { set_bit(steps[bit / count][k], bit % count); });
        for (u32 t = 0; t < lexer.terminals(); ++t) {
            if (m.terminals[t]->special != NONE) set_bit(steps[t][k], start);
            if (lexer.is_ignored(t)) merge(ignored[k], steps[t][k]);
        }
    }
    for (bool changed = true; changed;) {  // any number of ignored lexemes
        changed = false;
        for (u32 k = 0; k < count; ++k) {
            Row now = ignored[k];
            each(now, [&](u32 j) { changed = merge(ignored[k], ignored[j]) || changed; });
        }
    }
    for (auto& step : steps) {
        Relation once = step;
        for (u32 k = 0; k < count; ++k) each(ignored[k], [&](u32 j) { merge(step[k], once[j]); });
    }
}

// One more round at state s; whether anything was new.
bool Completion::grow(u32 s) {
    bool fresh = false;
    auto through = [&](const Relation& first, const Relation& then) {
        for (u32 k = 0; k < count; ++k) each(first[k], [&](u32 j) { fresh = merge(exits[s][k], then[j]) || fresh; });
    };
    for (u32 i = m.scan_at[s]; i < m.scan_at[s + 1]; ++i) through(steps[m.scans[i].symbol], exits[m.scans[i].state]);
    for (u32 i = m.call_at[s]; i < m.call_at[s + 1]; ++i) through(exits[m.entry[m.calls[i].symbol]], exits[m.calls[i].state]);
    return fresh;
}

void Completion::find_exits() {
    exits.assign(m.states(), Relation(count, Row(width, 0)));
    for (u32 s = 0; s < m.states(); ++s)
        for (u32 k = 0; k < count; ++k)
            if (m.is_final[s]) set_bit(exits[s][k], k);
    for (bool changed = true; changed;) {
        changed = false;
        for (u32 s = m.states(); s-- > 0;) changed = grow(s) || changed;
    }
}

Completion::Row Completion::before(const Relation& r, const Row& after) const {
    Row out(width, 0);
    for (u32 k = 0; k < count; ++k)
        if (meets(r[k], after)) set_bit(out, k);
    return out;
}

const Completion::Row& Completion::rest_of(u32 node) {
    u32 from = u32(rest.size());
    if (node < from) return rest[node];
    rest.resize(f.stacks().size(), Row(width, 0));
    for (bool changed = true, again = false; changed; again = true) {  // but for knots, nodes lie on nodes with smaller numbers: one round is enough
        changed = false;
        for (u32 n = from; n < rest.size(); ++n)
            for (std::size_t i = 0; i < f.stacks().size(n); ++i) {
                Below b = f.stacks().begin(n)[i];
                bool fresh = merge(rest[n], b.ret == Frontiers::ACCEPT ? Row(width, ~u64(0)) : before(exits[b.ret], rest[b.node]));
                changed = changed || (again ? fresh : b.ret != Frontiers::ACCEPT && b.node >= n);
            }
    }
    return rest[node];
}

Completion::Row Completion::at_boundary(u32 p) {
    if (f.complete(p)) return Row(width, ~u64(0));
    Row all(width, 0);
    for (std::size_t i = 0; i < f.size(p); ++i) {
        Item it = f.begin(p)[i];
        merge(all, before(steps[it.term], place(it.ret, it.node)));
    }
    return all;
}

TermBits Completion::acceptable(u32 p) {
    TermBits bits(lexer.words(), 0);
    for (std::size_t i = 0; i < f.size(p); ++i) {
        Item it = f.begin(p)[i];
        if (it.term == END) continue;
        each(place(it.ret, it.node), [&](u32 k) {
            if (k < count) set_bit(bits, it.term * count + k);
        });
    }
    Row here = at_boundary(p);
    for (u32 t = 0; t < lexer.terminals(); ++t)
        for (u32 k = 0; k < count && lexer.is_ignored(t); ++k)
            if (has_bit(here, k)) set_bit(bits, t * count + k);
    return bits;
}

}  // namespace weft
