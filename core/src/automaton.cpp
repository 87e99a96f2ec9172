#include "automaton.hpp"

#include <algorithm>
#include <atomic>

#include "algebra.hpp"
#include "minimise.hpp"
#include "nfa.hpp"
#include "words.hpp"

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

// Adds the texts of an expression that is a list of them.
bool list_words(const Rx& x, std::vector<std::string>& out) {
    if (x.kind == Rx::Bytes || x.kind == Rx::Empty) return out.push_back(x.bytes), true;
    if (!is_words(x)) return false;
    for (auto& i : x.items) out.push_back(i->bytes);
    return true;
}

Dfa nothing() {
    Dfa d;
    d.classes = 1;
    return d;
}

Dfa complement(const Dfa& d, const Limits& limits) {
    CodePoints all;
    all.add(0, MAX_CODE_POINT);
    return product(compile_plain(rx_rep(rx_class(all), 0, NONE), limits), d, limits, true);
}

// What an And leaves before its lists of words are taken away: those go to `words`.
std::shared_ptr<const Dfa> compile_and(const Rx& rx, const Limits& limits, u32 depth, std::vector<std::string>& words) {
    std::shared_ptr<const Dfa> d;
    bool text = false, negated = false;
    for (auto& x : rx.items) {
        negated = negated || x->kind == Rx::Not;
        if (x->kind != Rx::Not) d = d ? std::make_shared<const Dfa>(intersect(*d, *automaton(x, limits, depth + 1), limits)) : automaton(x, limits, depth + 1), text = text || is_text(x);
    }
    if (!d || (negated && !text)) {  // what Not leaves must be valid UTF-8
        CodePoints all;
        all.add(0, MAX_CODE_POINT);
        auto utf8 = std::make_shared<const Dfa>(compile_plain(rx_rep(rx_class(all), 0, NONE), limits));
        d = d ? std::make_shared<const Dfa>(intersect(*d, *utf8, limits)) : utf8;
    }
    for (auto& x : rx.items)
        if (x->kind == Rx::Not && !list_words(*x->items[0], words))
            d = std::make_shared<const Dfa>(product(*d, *automaton(x->items[0], limits, depth + 1), limits, true));
    return d;
}

// An expression of valid UTF-8 first, and then nothing but lists of words that it is not.
bool is_text_but_words(const Rx& rx) {
    std::vector<std::string> words;
    for (std::size_t i = 0; i < rx.items.size(); ++i)
        if (i == 0 ? rx.items[i]->kind == Rx::Not || !is_text(rx.items[i]) : rx.items[i]->kind != Rx::Not || !list_words(*rx.items[i]->items[0], words)) return false;
    return rx.items.size() > 1;
}

Dfa without(Dfa d, std::vector<std::string> words, const Limits& limits) {
    if (words.empty() || d.empty()) return d;
    if (d.hash.empty()) name_states(d);
    return set_words(d, std::move(words), false, limits);
}

// An And between literals: "any string but these keys", in quotes. Words are taken away last, written out with what is around them.
bool compile_quoted(const Rx& rx, const Limits& limits, u32 depth, Dfa& whole) {
    std::string before, after;
    const Rx* middle = nullptr;
    for (auto& x : rx.items) {
        if (x->kind == Rx::Bytes) (middle ? after : before) += x->bytes;
        else if (x->kind == Rx::And && !middle) middle = x.get();
        else return false;
    }
    // most are one expression without words, and that one is kept with all its automata
    const Rx* shared = is_text_but_words(*middle) ? middle->items[0].get() : nullptr;
    auto quoted = shared ? std::atomic_load(&shared->quoted) : nullptr;
    std::vector<std::string> words;
    if (quoted && quoted->before == before && quoted->after == after) {
        for (std::size_t i = 1; i < middle->items.size(); ++i) list_words(*middle->items[i]->items[0], words);
    } else {
        auto made = std::make_shared<Quoted>();
        bool ok = surround(*compile_and(*middle, limits, depth + 1, words), before, after, made->dfa);
        made->before = before, made->after = after;
        if (ok && !words.empty()) name_states(made->dfa);
        if (!ok || words.empty()) {
            whole = std::move(made->dfa);
            return ok;
        }
        if (shared) std::atomic_store(&shared->quoted, std::shared_ptr<const Quoted>(made));
        quoted = made;
    }
    for (auto& w : words) w = before + w + after;
    whole = set_words(quoted->dfa, std::move(words), false, limits);
    return true;
}

// A sequence with And in it, joined where the text tells the items apart.
bool compile_joined(const Rx& rx, const Limits& limits, u32 depth, Dfa& whole) {
    std::vector<RxPtr> run;
    bool begun = false;
    auto append = [&](const RxPtr& x) {
        auto d = automaton(x, limits, depth + 1);
        Dfa joined;
        bool ok = true;
        if (!begun) joined = *d, begun = true;
        else ok = concatenate(whole, *d, joined);
        whole = std::move(joined);
        return ok;
    };
    auto flush = [&] {
        bool ok = run.empty() || append(rx_cat(run));
        run.clear();
        return ok;
    };
    for (auto& x : rx.items)
        if (x->kind != Rx::And) run.push_back(x);
        else if (!flush() || !append(x)) return false;
    return flush() && !whole.empty();
}

}  // namespace

bool is_words(const Rx& x) {
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
    std::vector<std::string> words;
    if (list_words(*rx, words)) return set_words(nothing(), std::move(words), true, limits);
    if (rx->kind == Rx::And) {
        auto d = compile_and(*rx, limits, depth, words);
        return without(*d, std::move(words), limits);
    }
    if (rx->kind == Rx::Not) return complement(*automaton(rx->items[0], limits, depth + 1), limits);
    if (rx->kind == Rx::Rep && (rx->max == NONE ? rx->min : rx->max) >= 2 && (rx->max == NONE || rx->max >= rx->min)) {
        Dfa chain;
        if (repeat(*automaton(rx->items[0], limits, depth + 1), rx->min, rx->max, limits, chain)) return chain;
    }
    if (rx->kind == Rx::Cat && std::any_of(rx->items.begin(), rx->items.end(), [](auto& x) { return x->kind == Rx::And; })) {
        Dfa whole;
        if (compile_quoted(*rx, limits, depth, whole) || compile_joined(*rx, limits, depth, whole)) return whole;
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
