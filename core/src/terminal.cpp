#include "terminal.hpp"

#include <algorithm>

#include "algebra.hpp"
#include "automaton.hpp"

namespace weft {

namespace {

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
    while (i < parts.size() && can_skip_one(i)) ++i;
    return i == parts.size();
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
        if (t != DEAD) return entered(i, t);
        if (!can_skip_one(i)) return DEAD;
    }
    return DEAD;
}

u32 Terminal::entered(u32 i, u32 q) const {
    const Part& p = parts[i];
    if (!p.counted) return settle(i, p.base + q);
    return p.dfa->accept[q] ? settle(i, p.base + std::min(1u, p.counts() - 1) * p.dfa->size() + p.dfa->start) : p.base + q;
}

Counted Terminal::counted(u32 s) const {
    if (!literal.empty() || plain() || special != NONE) return {s};
    const Part& p = parts[part_of(s)];
    u32 n = p.dfa->size(), k = (s - p.base) / n;
    return {s - k * n, k, k};
}

u32 Terminal::recounted(u32 s, u32 count) const {
    u32 i = part_of(s);
    const Part& p = parts[i];
    bool at_start = s - p.base == p.dfa->start;
    if (p.max != NONE && (count > p.max || (count == p.max && !at_start))) return DEAD;
    s += std::min(count, p.counts() - 1) * p.dfa->size();
    return at_start ? settle(i, s) : s;
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

// step_chain for many counts at once. The parts that may follow begin with different bytes, see split_counted.
void Terminal::step_counted(const Counted& s, int byte, std::vector<Counted>& out) const {
    u32 i = part_of(s.state), q = s.state - parts[i].base;
    const Part& p = parts[i];
    const Dfa& d = *p.dfa;
    u32 top = p.counts() - 1, high = s.high;
    bool at_start = p.counted && q == d.start;
    if (at_start && p.max != NONE && high == top) --high;  // which can only end; NONE where it was 0
    if (!(at_start && p.max != NONE && s.low == top))
        each_step(d, q, byte, [&](u32 to) {
            if (!p.counted) return out.push_back(counted(settle(i, p.base + to)));
            if (!d.accept[to]) return out.push_back({p.base + to, s.low, high});
            u32 from = std::min(s.low + 1, top), end = byte == ANY ? top : std::min(high + 1, top);
            u32 last = p.base + top * d.size() + d.start, after = settle(i, last);
            if (end == top && after != last) {
                out.push_back(counted(after));
                if (from == end--) return;
            }
            out.push_back({p.base + d.start, from, end});
        });
    bool may_end = p.counted ? at_start && s.high >= p.min : d.accept[q] != 0;
    for (u32 k = i + 1; may_end && k < parts.size(); may_end = can_skip_one(k++))
        each_step(*parts[k].dfa, parts[k].dfa->start, byte, [&](u32 to) { out.push_back(counted(entered(k, to))); });
}

ByteSet Terminal::reads_chain(u32 s) const {
    u32 i = part_of(s);
    ByteSet out = parts[i].dfa->reads[(s - parts[i].base) % parts[i].dfa->size()];
    for (u32 j = i; ++j < parts.size();) {
        out |= parts[j].dfa->reads[parts[j].dfa->start];
        if (!can_skip_one(j)) break;
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
    if (rx->kind == Rx::Bytes) return literal_terminal(rx->bytes);
    auto t = std::make_shared<Terminal>();
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
            for (auto& bytes : p.dfa->reads) t->letters |= bytes;
        }
        t->begins = t->reads(t->start);
        return t;
    }
    auto d = std::make_shared<Dfa>(compile_plain(rx, limits));
    if (d->empty()) {
        t->never = true;
        return t;
    }
    if (d->hash.empty()) name_states(*d);
    t->nullable = d->accept[d->start];
    t->key = d->hash[d->start];
    t->states = d->size();
    t->start = d->start;
    t->begins = d->reads[d->start];
    for (auto& bytes : d->reads) t->letters |= bytes;
    t->parts.push_back({d, false, 1, 1, 0});
    return t;
}

std::shared_ptr<const Terminal> literal_terminal(std::string bytes) {
    auto t = std::make_shared<Terminal>();
    t->states = u32(bytes.size()) + 1;
    t->key.add(0x117E4A1), t->key.add(bytes);
    if (!bytes.empty()) t->begins.add(u8(bytes[0]));
    for (char b : bytes) t->letters.add(u8(b));
    t->literal = std::move(bytes);
    return t;
}

std::shared_ptr<const Terminal> special_terminal(u32 index) {
    auto t = std::make_shared<Terminal>();
    t->special = index;
    t->states = 1;
    t->key.add(0x5BEC1A1), t->key.add(index);
    return t;
}

}  // namespace weft
