#include "automaton.hpp"

#include <algorithm>
#include <atomic>

#include "algebra.hpp"
#include "minimise.hpp"
#include "nfa.hpp"

namespace weft {

namespace {

u32 any_label(const std::vector<u32>& l) { return l[0]; }

bool is_text(const RxPtr& x) {  // only whole code points: all matches are valid UTF-8
    if (x->kind == Rx::Bytes) {
        std::size_t i = 0;
        u32 c;
        while (i < x->bytes.size())
            if (!decode_utf8(x->bytes, i, c)) return false;
        return true;
    }
    return std::all_of(x->items.begin(), x->items.end(), is_text);
}

Dfa literal_tree(const Rx& x, const Limits& limits) {
    Dfa d;
    std::memset(d.class_of, 0, 256);
    d.classes = 1;
    for (auto& i : x.items)
        for (char c : i->bytes)
            if (!d.class_of[u8(c)]) {
                if (d.classes == 256) break;  // class 0 is then a byte like any other
                d.class_of[u8(c)] = u8(d.classes++);
            }
    auto add = [&] {
        if (d.size() >= limits.dfa_states)
            throw LimitFault("a list of literals needs too many states", limits.dfa_states, d.size() + 1, "raise Limits.dfa_states");
        d.accept.push_back(0), d.label.push_back(0);
        d.next.resize(d.next.size() + d.classes, DEAD);
        return d.size() - 1;
    };
    add();
    for (auto& i : x.items) {
        u32 s = 0;
        for (char c : i->bytes) {
            std::size_t slot = std::size_t(s) * d.classes + d.class_of[u8(c)];
            if (d.next[slot] == DEAD) {
                u32 t = add();
                d.next[slot] = t;
            }
            s = d.next[slot];
        }
        d.accept[s] = 1, d.label[s] = 1;
    }
    return d;
}

Dfa complement(const Dfa& d, const Limits& limits) {
    CodePoints all;
    all.add(0, MAX_CODE_POINT);
    return product(compile_plain(rx_rep(rx_class(all), 0, NONE), limits), d, limits, true);
}

Dfa compile_and(const RxPtr& rx, const Limits& limits, u32 depth) {
    std::shared_ptr<const Dfa> d;
    bool text = false;
    for (auto& x : rx->items)
        if (x->kind != Rx::Not) d = d ? std::make_shared<const Dfa>(intersect(*d, *automaton(x, limits, depth + 1), limits)) : automaton(x, limits, depth + 1), text = text || is_text(x);
    if (!d || !text) {  // what Not leaves must be valid UTF-8
        CodePoints all;
        all.add(0, MAX_CODE_POINT);
        auto utf8 = std::make_shared<const Dfa>(compile_plain(rx_rep(rx_class(all), 0, NONE), limits));
        bool negated = std::any_of(rx->items.begin(), rx->items.end(), [](auto& x) { return x->kind == Rx::Not; });
        if (!d) d = utf8;
        else if (negated) d = std::make_shared<const Dfa>(intersect(*d, *utf8, limits));
    }
    for (auto& x : rx->items) {
        if (x->kind != Rx::Not) continue;
        bool merge = !is_literals(*x->items[0]) && x->items[0]->kind != Rx::Bytes;  // taking words away makes no two states alike
        d = std::make_shared<const Dfa>(product(*d, *automaton(x->items[0], limits, depth + 1), limits, true, merge));
    }
    return *d;
}

}  // namespace

bool is_literals(const Rx& x) {
    return x.kind == Rx::Or && x.items.size() > 1 &&
           std::all_of(x.items.begin(), x.items.end(), [](auto& i) { return i->kind == Rx::Bytes || i->kind == Rx::Empty; });
}

std::shared_ptr<const Dfa> automaton(const RxPtr& rx, const Limits& limits, u32 depth) {
    if (auto kept = std::atomic_load(&rx->automaton)) return kept;
    auto d = std::make_shared<const Dfa>(compile_plain(rx, limits, depth));
    std::atomic_store(&rx->automaton, d);
    return d;
}

Dfa compile_plain(const RxPtr& rx, const Limits& limits, u32 depth) {
    // each level takes some 2 KB of stack, and threads may have no more than 512
    if (depth > limits.depth / 4) throw LimitFault("And, Not and repeats are nested too deeply", limits.depth / 4, depth, "raise Limits.depth");
    if (rx->kind == Rx::And) return compile_and(rx, limits, depth);
    if (rx->kind == Rx::Not) return complement(*automaton(rx->items[0], limits, depth + 1), limits);
    if (is_literals(*rx)) {
        Dfa tree = literal_tree(*rx, limits);
        bool merge = tree.size() <= 256;
        return finish(std::move(tree), merge);
    }
    if (rx->kind == Rx::Rep && (rx->max == NONE ? rx->min : rx->max) >= 2 && (rx->max == NONE || rx->max >= rx->min)) {
        Dfa chain;
        if (repeat(*automaton(rx->items[0], limits, depth + 1), rx->min, rx->max, limits, chain)) return chain;
    }
    if (rx->kind == Rx::Cat && std::any_of(rx->items.begin(), rx->items.end(), [](auto& x) { return x->kind == Rx::And; })) {
        Dfa whole;
        bool ok = true;
        std::vector<RxPtr> run;
        bool begun = false;
        auto append = [&](const RxPtr& x) {
            auto d = automaton(x, limits, depth + 1);
            Dfa joined;
            if (!begun) joined = *d, begun = true;
            else ok = ok && concatenate(whole, *d, joined);
            whole = std::move(joined);
        };
        for (std::size_t i = 0; i < rx->items.size() && ok; ++i) {
            if (rx->items[i]->kind == Rx::And) {
                if (!run.empty()) append(rx_cat(run)), run.clear();
                if (ok) append(rx->items[i]);
            } else {
                run.push_back(rx->items[i]);
            }
        }
        if (ok && !run.empty()) append(rx_cat(run));
        if (ok && !whole.empty()) return whole;  // of two trimmed automata: trimmed
    }
    Nfa n(limits);
    u32 start = n.add(), end = build(n, rx, start, depth * 4);  // whose own levels are smaller
    n.label[end] = 1;
    return determinise(n, start, limits, any_label);
}

Dfa compile_labelled(const std::vector<Labelled>& items, const Limits& limits,
                     const std::function<u32(const std::vector<u32>&)>& winner) {
    Nfa n(limits);
    u32 start = n.add();
    for (auto& item : items) {
        u32 s = n.add();
        n.empty(start, s);
        u32 e = build(n, item.rx, s, 0);
        u32 end = n.add();
        n.empty(e, end);
        n.label[end] = item.label;
    }
    Dfa d = determinise(n, start, limits, winner);
    if (!d.empty()) name_states(d);
    return d;
}

}  // namespace weft
