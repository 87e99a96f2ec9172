// A grammar with a lexer as an Engine: states are sets of (lexer state, frontier of the machine over terminals).
//
// A mask is the union over those pairs: tokens by which the open lexeme goes on, walked with the frontier before it, and tokens by which
// it ends at once, walked with the frontier after it. A walk over effects looks at the top of the stack only: it runs on the frontier
// with its stacks cut off, is kept for that, and where a lexeme sequence returns into what was cut off, the walk goes on from there
// with the real frontier. So the same place at another depth is warm.
#include <map>

#include "completion.hpp"
#include "distance.hpp"
#include "effects.hpp"
#include "engine.hpp"
#include "knots.hpp"
#include "separation.hpp"
#include "suffix.hpp"

namespace weft {

namespace {

struct Config {
    u32 x, p;  // lexer state, frontier
    bool operator<(const Config& o) const { return std::tie(x, p) < std::tie(o.x, o.p); }
    bool operator==(const Config& o) const { return x == o.x && p == o.p; }
};

// What constraints of one grammar share: the lexer, which does not change, and effects, which do.
struct Tables {
    Tables(const Machine& m, const Trie* trie, const Limits& limits) : machine(m), lexer(machine, limits) {
        lexer.explore();
        if (trie) effects.emplace(lexer, *trie);
    }
    const Machine machine;
    Lexer lexer;
    std::mutex lock;  // of the rest
    std::optional<Effects> effects;
    u32 generation = 0;  // counts how often effects were forgotten
};

std::shared_ptr<Tables> tables_of(const Machine& m, Store* store, const Limits& limits) {
    if (!store) return std::make_shared<Tables>(m, nullptr, limits);
    auto make = [&]() -> std::shared_ptr<void> { return std::make_shared<Tables>(m, &store->trie, limits); };
    return std::static_pointer_cast<Tables>(store->shared(Lexer::key(m), make));
}

class LexerEngine : public Engine {
  public:
    LexerEngine(const Machine& m, Store* s, const Limits& limits)
        : machine(useful_part(m)), f(machine), distance(f), tables(tables_of(machine, s, limits)), lexer(tables->lexer), store(s), memory(std::size_t(limits.cache_bytes)) {
        if (!lexer.separable) completion.emplace(f, lexer);
        words = lexer.words();
        for (u32 t = 0; t < lexer.terminals(); ++t)
            if (lexer.is_ignored(t)) ignored.push_back(t);
        if (store) scratch.resize(store->trie.words());
        begin();
    }
    u32 start() override { return first; }
    u32 step(u32 state, u8 b) override {
        u64 key = u64(state) << 8 | b;
        u32 to = steps.find(key);
        if (to == NONE) steps.put(key, to = step_slow(state, b));
        return to;
    }
    bool complete(u32 state) override {
        for (auto& c : configs(state))
            if (f.complete(ended(c))) return true;
        return false;
    }
    u32 special(u32 state, u32 index) override {
        std::vector<Config> out;
        for (auto& c : configs(state))
            if (u32 p = f.special(ended(c), index); can_begin(p)) out.push_back({Lexer::BEGIN, p});
        return intern(out);
    }
    void specials(u32 state, std::vector<u32>& out) override {
        for (auto& c : configs(state)) {
            u32 p = ended(c);
            for (std::size_t k = 0; k < f.size(p); ++k) {
                u32 t = f.begin(p)[k].term, index = t == END ? NONE : f.m.terminals[t]->special;
                if (index != NONE && (lexer.separable || can_begin(f.special(p, index)))) out.push_back(index);
            }
        }
    }
    void expected(u32 state, std::vector<u32>& out) override {
        std::vector<u8> found(lexer.terminals(), 0);
        auto add = [&](const u64* a, const TermBits* b) {
            for (u32 t = 0; t < found.size(); ++t)
                for (u32 k = t * lexer.boundaries; k < (t + 1) * lexer.boundaries && !found[t]; ++k)
                    found[t] = has_bit(a, k) && (!b || has_bit(*b, k));
        };
        for (auto& c : configs(state)) {
            if (c.x != Lexer::BEGIN) add(acceptable(c.p), &lexer.terms(lexer.live(c.x)));
            if (u32 p = ended(c); p != Frontiers::EMPTY) add(acceptable(p), nullptr);
        }
        for (u32 t = 0; t < found.size(); ++t)
            if (found[t]) out.push_back(t);
    }
    u32 bound(u32 state) override {
        u32 least = Distance::FAR;
        for (auto& c : configs(state)) {
            if (c.x == Lexer::BEGIN) least = std::min(least, distance.of(c.p));
            else least = std::min(least, bound(c));
        }
        return least;
    }
    u32 within(u32 state) override {  // the lexemes that are still needed, a blank after each
        if (!spreads()) return NONE;
        u32 least = Distance::FAR;
        for (auto& c : configs(state)) {
            if (c.x == Lexer::BEGIN) {
                least = std::min(least, spread->of(c.p));
                continue;
            }
            for (u32 t = 0; t < lexer.terminals(); ++t)
                if (lexer.is_ignored(t) && separation->cost(c.x, t) < least) least = std::min(least, separation->cost(c.x, t) + spread->of(c.p));
            for (std::size_t k = 0; k < f.size(c.p); ++k) {
                Item it = f.begin(c.p)[k];
                if (it.term != END && separation->cost(c.x, it.term) < least) least = std::min(least, separation->cost(c.x, it.term) + spread->after(it.ret, it.node));
            }
        }
        return least;
    }
    u32 lexeme_within(u32 term, u32 x) override { return spreads() ? separation->cost(x, term) : Distance::FAR; }
    u32 box_within(u32 state) override { return spreads() ? spread->of_state(state) : Distance::FAR; }
    void add_mask(u32 state, u32* mask) override {
        std::lock_guard<std::mutex> guard(tables->lock);
        if (tables->effects->bytes() > memory / 2) tables->effects->forget(), ++tables->generation;
        if (generation != tables->generation || walk_bytes > memory / 4) forget_walks();
        generation = tables->generation;
        for (auto& c : configs(state)) {
            apply(tables->effects->plan(lexer.go_part(c.x)), c.p, mask);
            if (!lexer.label(c.x)) continue;
            if (u32 p = ended(c); p != Frontiers::EMPTY) apply(tables->effects->plan(lexer.next_part(c.x)), p, mask);
        }
    }
    const Machine& base() const override { return machine; }
    const Lexer* lexing() const override { return &lexer; }
    bool joins(u32 state, Suffix& suffix) override {
        for (auto& c : configs(state))
            if (suffix.joins(f, lexer, c.x, c.p)) return true;
        return false;
    }
    void places(u32 state, std::vector<Item>& out) override {
        out.clear();
        for (auto& c : configs(state))
            for (std::size_t k = 0; k < f.size(c.p); ++k) {
                Item it = f.begin(c.p)[k];
                out.push_back({it.term, c.x, it.ret, it.node});
            }
    }
    u32 state_at(std::vector<Item>& places) override {
        std::sort(places.begin(), places.end(), [](const Item& a, const Item& b) { return std::tie(a.q, a.term, a.ret, a.node) < std::tie(b.q, b.term, b.ret, b.node); });
        std::vector<Config> out;
        for (std::size_t i = 0; i < places.size();) {
            u32 x = places[i].q;
            std::vector<Item> items;
            std::vector<Below> done;
            for (; i < places.size() && places[i].q == x; ++i) {
                Item it = places[i];
                if (x >= lexer.size()) done.push_back({it.ret, it.node});  // right behind a special token
                else items.push_back({it.term, it.term == END ? 0 : machine.terminals[it.term]->start, it.ret, it.node});
            }
            items.erase(std::unique(items.begin(), items.end()), items.end());
            if (!items.empty()) out.push_back({x, f.of(items)});
            if (u32 p = f.closure(done); can_begin(p)) out.push_back({Lexer::BEGIN, p});
        }
        return intern(out);
    }
    u32 unite(std::vector<u32>& states) override {
        std::vector<Config> all;
        for (u32 s : states) all.insert(all.end(), pool.begin(s), pool.begin(s) + pool.size(s));
        return intern(all);
    }
    Frontiers& frontiers() override { return f; }
    // The same walk over effects, with another test: a terminal is good at a frontier when the canvas goes on after it. Tokens that must
    // end in the text behind the hole, or stand under an obligation, are doubtful: they are tried one by one.
    void add_mask(u32 state, Suffix& suffix, u32* mask) override {
        if (!lexer.separable) return try_all(store->trie, state, suffix, mask);
        std::lock_guard<std::mutex> guard(tables->lock);
        if (tables->effects->bytes() > memory / 2) tables->effects->forget(), ++tables->generation;
        Joint joint{suffix, {}, {}, {}};
        std::vector<u32> found(store->trie.words(), 0);
        std::vector<Config> readings = configs(state);
        bool all = readings.size() <= MANY_READINGS;
        if (!all) {
            std::partial_sort(readings.begin(), readings.begin() + FEW_READINGS, readings.end(), [&](auto& a, auto& b) { return fan(a.x) > fan(b.x); });
            readings.resize(FEW_READINGS);
        }
        for (auto& c : readings) {
            apply(tables->effects->plan(lexer.go_part(c.x)), c.p, found.data(), joint);
            if (!lexer.label(c.x)) continue;
            if (u32 p = ended(c); p != Frontiers::EMPTY) apply(tables->effects->plan(lexer.next_part(c.x)), p, found.data(), joint);
        }
        joint.doubtful.resize(found.size(), 0), joint.owing.resize(found.size(), 0);
        for (std::size_t r = 0; !all && r < store->trie.ranked.size(); ++r) joint.doubtful[store->trie.ranked[r] >> 5] |= 1u << (store->trie.ranked[r] & 31);
        const u32 *sure = found.data(), *owing = joint.owing.data();
        u32 *doubtful = joint.doubtful.data(), some = 0;
        for (std::size_t i = 0, n = found.size(); i < n; ++i) {
            u32 yes = sure[i] & ~owing[i];
            mask[i] |= yes;
            some |= doubtful[i] = (doubtful[i] | owing[i]) & ~yes;
        }
        if (some) try_all(store->trie, state, suffix, mask, doubtful);
    }
    std::size_t bytes() override {
        std::size_t shared = 0;
        if (tables->effects) {
            std::lock_guard<std::mutex> guard(tables->lock);
            shared = tables->effects->bytes();
        }
        return f.bytes() + pool.bytes() + steps.bytes() + hole_bytes() + moved.bytes() + accept.size() * 8 + cuts.size() * 4 + walk_bytes + walk_at.bytes() + shared +
               (completion ? completion->bytes() : 0) + distance.bytes();
    }
    void compact(std::vector<u32*>& live) override {
        std::map<u32, std::vector<Config>> kept;
        for (u32* s : live) kept.try_emplace(*s, configs(*s));
        std::vector<u32*> parts;
        for (auto& [s, cs] : kept)
            for (auto& c : cs) parts.push_back(&c.p);
        f.compact(parts);
        pool.clear(), steps.clear(), accept.clear(), accept_known.clear(), moved.clear(), cuts.clear();
        forget_walks();
        if (completion) completion->forget();
        distance.forget();
        forget_holes();
        if (spread) spread->forget();
        begin();
        std::map<u32, u32> number;
        for (auto& [s, cs] : kept) number[s] = intern(cs);
        for (u32* s : live) *s = number[*s];
    }

  protected:
    u32 hole_slow(u32 state) override {
        Knots knots(f, [&](u32 boundary) -> const std::vector<Holes::End>& { return holes().of_boundary(boundary).ends; });
        const std::vector<Config> before = configs(state);
        for (auto& c : before) {
            const std::vector<Item> items(f.begin(c.p), f.begin(c.p) + f.size(c.p));
            for (const Item& it : items) knots.give(it);
            for (auto& e : holes().of_state(c.x).ends) {
                if (e.ignored) knots.begin(c.p, e.after);
                for (const Item& it : items)
                    if (e.read && it.term != END && has_bit(e.terms, it.term)) knots.reach(it.ret, it.node, e.after);
            }
        }
        std::vector<Config> out;
        std::vector<u8> free(lexer.size(), 0);  // states of lexemes that may begin where nothing is owed
        for (auto& [boundary, items] : knots.items()) {
            u32 p = f.of(items);
            for (u32 x : holes().of_boundary(boundary).states) {
                free[x] = free[x] || boundary == Lexer::BEGIN;
                if (p != Frontiers::EMPTY && viable(p, lexer.live(x))) out.push_back({x, p});
            }
        }
        for (auto& c : before) {
            std::vector<Item> items(f.begin(c.p), f.begin(c.p) + f.size(c.p));
            items.erase(std::remove_if(items.begin(), items.end(), [&](const Item& it) { return knots.covers(it); }), items.end());
            u32 rest = f.of(items);
            for (u32 x : holes().of_state(c.x).states) {
                u32 p = free[x] ? rest : c.p;
                if (p != Frontiers::EMPTY && (x == Lexer::BEGIN ? can_begin(p) : viable(p, lexer.live(x)))) out.push_back({x, p});
            }
        }
        return intern(out);
    }

  private:
    // What a walk from a node of a tree found on a frontier whose stacks are cut off.
    struct Walk {
        TokenSet tokens;
        std::vector<u32> deeper;  // nodes where it returned into what was cut off
    };

    void begin() {
        pool.intern(nullptr, 0);
        std::vector<Config> c;
        if (can_begin(f.start())) c.push_back({Lexer::BEGIN, f.start()});
        first = intern(c);
    }
    bool can_begin(u32 p) {  // whether a text that begins here can become a sentence
        return p != Frontiers::EMPTY && (lexer.separable || completion->completes(p, lexer.boundary(Lexer::BEGIN)));
    }
    std::vector<Config> configs(u32 state) const { return {pool.begin(state), pool.begin(state) + pool.size(state)}; }

    u32 intern(std::vector<Config>& c) {  // one config per lexer state
        sort_unique(c);
        std::size_t n = 0;
        std::vector<u32> same;
        for (std::size_t k = 0; k < c.size();) {
            u32 x = c[k].x;
            for (same.clear(); k < c.size() && c[k].x == x; ++k) same.push_back(c[k].p);
            c[n++] = {x, f.unite(same)};
        }
        c.resize(n);
        return pool.intern(c);
    }

    // The machine after a lexeme that is any of the terminals of the label.
    u32 advance(u32 p, u32 label) {
        if (lexer.only_ignored(label)) return p;
        if (lexer.separable && !meets(acceptable(p), lexer.winner_bits(label))) return Frontiers::EMPTY;
        u64 key = u64(p) << 32 | label;
        u32 to = moved.find(key);
        if (to != NONE) return to;
        std::vector<Below> after;
        const auto& win = lexer.winners(label);
        for (std::size_t k = 0; k < f.size(p); ++k) {
            const Item& it = f.begin(p)[k];
            if (it.term != END && std::binary_search(win.begin(), win.end(), it.term)) after.push_back({it.ret, it.node});
        }
        to = f.closure(after);
        if (lexer.may_ignore(label)) to = f.unite(to, p);
        moved.put(key, to);
        return to;
    }
    u32 ended(const Config& c) {  // the machine if the open lexeme ends here
        if (c.x == Lexer::BEGIN) return c.p;
        u32 label = lexer.label(c.x);
        return label ? advance(c.p, label) : Frontiers::EMPTY;
    }

    const u64* acceptable(u32 p) {  // TermBits of what the machine can read at p, in a pool of rows
        if (accept_known.size() <= p) accept_known.resize(p + 1, 0), accept.resize(accept_known.size() * words, 0);
        u64* row = accept.data() + std::size_t(p) * words;
        if (accept_known[p]) return row;
        accept_known[p] = 1;
        if (!lexer.separable) {
            TermBits bits = completion->acceptable(p);
            std::copy(bits.begin(), bits.end(), row);
            return row;
        }
        for (u32 t = 0; t < lexer.terminals(); ++t)
            if (lexer.is_ignored(t)) set_bit(row, t);
        for (std::size_t k = 0; k < f.size(p); ++k)
            if (u32 t = f.begin(p)[k].term; t != END) set_bit(row, t);
        return row;
    }
    bool viable(u32 p, u32 live_class) { return meets(acceptable(p), lexer.terms(live_class)); }

    u32 step_slow(u32 state, u8 b) {
        std::vector<Config> out;
        for (auto& c : configs(state)) {
            u32 go = lexer.go(c.x, b), next = lexer.next(c.x, b);
            if (go != DEAD && viable(c.p, lexer.live(go))) out.push_back({go, c.p});
            if (next == DEAD) continue;
            u32 p = ended(c);
            if (p != Frontiers::EMPTY && viable(p, lexer.live(next))) out.push_back({next, p});
        }
        return intern(out);
    }

    u32 bound(const Config& c) {  // at least one byte more where the open lexeme cannot end yet
        u32 least = Distance::FAR, label = lexer.label(c.x);
        const auto &now = lexer.winner_bits(label), &live = lexer.terms(lexer.live(c.x));
        auto cost = [&](u32 t) -> u32 {
            if (has_bit(now, t)) return 0;
            for (u32 k = t * lexer.boundaries; k < (t + 1) * lexer.boundaries; ++k)
                if (has_bit(live, k)) return 1;
            return Distance::FAR;
        };
        for (u32 t = 0; t < lexer.terminals(); ++t)
            if (lexer.is_ignored(t) && cost(t) < least) least = std::min(least, cost(t) + distance.of(c.p));
        for (std::size_t k = 0; k < f.size(c.p); ++k) {
            Item it = f.begin(c.p)[k];
            if (it.term == END) continue;
            if (u32 first = cost(it.term); first < least) least = std::min(least, first + distance.after(it.ret, it.node));
        }
        return least;
    }

    // -- masks --------------------------------------------------------------------------------------------------------

    void apply(const Effects::Plan& plan, u32 p, u32* mask) {
        if (plan.base && plan.removed.empty()) walk(*plan.base, 0, p, mask);
        else if (plan.base) {
            std::fill(scratch.begin(), scratch.end(), 0);
            walk(*plan.base, 0, p, scratch.data());
            keep_planned(plan, mask);
        }
        if (plan.extra) walk(*plan.extra, 0, p, mask);
    }

    void keep_planned(const Effects::Plan& plan, u32* mask) {  // of the tokens in `scratch`
        if (plan.kept == NONE) {
            for (auto [from, to] : plan.removed)
                for (u32 r = from; r < to; ++r) scratch[store->trie.ranked[r] >> 5] &= ~(1u << (store->trie.ranked[r] & 31));
            set_tokens(mask, scratch);
        } else {
            const u32* keep = tables->effects->kept_mask(plan.kept).data();
            for (std::size_t i = 0; i < scratch.size(); ++i) mask[i] |= scratch[i] & keep[i];
        }
    }

    // ORs the tokens of node v's subtree that may follow p.
    void walk(const EffectTree& t, u32 v, u32 p, u32* mask) {
        u32 top = completion ? p : cut(p);  // what can be completed depends on the whole stack
        u64 key = u64(t.id + v) << 32 | top;
        u32 k = walk_at.find(key);
        if (k == NONE) {
            walk_at.put(key, k = u32(walks.size()));
            walks.push_back(find(t, v, top));
            walk_bytes += sizeof(Walk) + walks[k].tokens.bytes() + walks[k].deeper.size() * 4;
        }
        walks[k].tokens.or_into(mask, store->trie.words());
        for (std::size_t i = 0; i < walks[k].deeper.size(); ++i) {
            u32 n = walks[k].deeper[i];
            if (u32 q = follow(t, v, n, p); q != Frontiers::EMPTY) walk(t, n, q, mask);
        }
    }

    u32 follow(const EffectTree& t, u32 v, u32 n, u32 p) {  // the frontier at node n, when it is p at node v above
        if (n == v) return p;
        p = follow(t, v, t.nodes[n].parent, p);
        return p == Frontiers::EMPTY ? p : advance(p, t.nodes[n].label);
    }

    // A frontier whose stacks are cut off below the top: it can return, but not see where to.
    u32 cut(u32 p) {
        if (cuts.size() <= p) cuts.resize(p + 1, NONE);
        if (cuts[p] != NONE) return cuts[p];
        std::vector<Item> items;
        for (std::size_t k = 0; k < f.size(p); ++k) items.push_back({f.begin(p)[k].term, f.begin(p)[k].q, f.begin(p)[k].ret, Frontiers::BOTTOM});
        items.erase(std::unique(items.begin(), items.end()), items.end());
        u32 top = f.of(items);
        return cuts[p] = top;
    }

    Walk find(const EffectTree& t, u32 v, u32 p) {
        Walk out;
        std::vector<std::pair<u32, u32>> stack;  // (end of the subtree, frontier)
        std::vector<const TokenSet*> found;
        std::size_t in_lists = 0;
        bool large = false;
        for (u32 n = v, end = t.nodes[v].end; n < end;) {
            while (!stack.empty() && n >= stack.back().first) stack.pop_back();
            u32 q = n == v ? p : advance(stack.back().second, t.nodes[n].label);
            bool returned = n != v && !completion && f.complete(q);
            if (returned) out.deeper.push_back(n);
            if (returned || q == Frontiers::EMPTY) {
                n = t.nodes[n].end;
                continue;
            }
            for (u32 g = t.nodes[n].groups; g < t.nodes[n + 1].groups; ++g) {
                if (!viable(q, t.groups[g].live)) continue;
                found.push_back(&t.groups[g].tokens);
                large = large || !found.back()->bits.empty();
                in_lists += found.back()->list.size();
            }
            stack.emplace_back(t.nodes[n].end, q);
            ++n;
        }
        u32 size = store->trie.words();
        if (large || in_lists > size) {
            out.tokens.bits.assign(size, 0);
            for (auto* s : found) s->or_into(out.tokens.bits.data(), size);
        } else {
            for (auto* s : found) out.tokens.list.insert(out.tokens.list.end(), s->list.begin(), s->list.end());
        }
        return out;
    }

    // -- masks before a canvas ----------------------------------------------------------------------------------------

    // Right behind a hole hundreds of lexemes may be open. Those that can go on in the most ways let nearly all tokens stand that may; the
    // other tokens are tried.
    static constexpr std::size_t MANY_READINGS = 24, FEW_READINGS = 8;
    u32 fan(u32 x) {
        auto count = [&](u32 part) { return u32(std::count_if(lexer.part(part), lexer.part(part) + lexer.scan.classes, [](u32 y) { return y != DEAD; })); };
        if (fans.empty()) fans.assign(lexer.size(), NONE);
        if (fans[x] == NONE) fans[x] = count(lexer.go_part(x)) + (lexer.label(x) ? count(lexer.next_part(x)) : 0);
        return fans[x];
    }

    struct Joint {
        Suffix& suffix;
        FlatMap before;             // (boundary, frontier) -> whether the canvas goes on before a lexeme
        // Bit masks of tokens, empty for none: those that are to be tried if no other reading lets them stand, and those that are to be
        // tried anyway, for a lexeme before forbids something still.
        std::vector<u32> doubtful, owing;
    };

    void apply(const Effects::Plan& plan, u32 p, u32* mask, Joint& joint) {
        if (plan.base && plan.removed.empty()) walk(*plan.base, p, mask, joint);
        else if (plan.base) {
            std::fill(scratch.begin(), scratch.end(), 0);
            walk(*plan.base, p, scratch.data(), joint);
            keep_planned(plan, mask);
        }
        if (plan.extra) walk(*plan.extra, p, mask, joint);
    }

    void walk(const EffectTree& t, u32 p, u32* mask, Joint& joint) {
        std::vector<std::pair<u32, u32>> stack;  // (end of the subtree, frontier)
        if (!t.owing.bits.empty() || !t.owing.list.empty()) {
            joint.owing.resize(store->trie.words(), 0);
            t.owing.or_into(joint.owing.data(), store->trie.words());
        }
        const u64 *across = joint.suffix.across().data(), *owing = holes().owing().data();
        for (u32 n = 0, end = t.nodes[0].end; n < end;) {
            while (!stack.empty() && n >= stack.back().first) stack.pop_back();
            u32 q = p;
            if (const TermBits& bits = lexer.winner_bits(t.nodes[n].label); n > 0) q = good(stack.back().second, bits, joint) || meets(owing, bits) ? advance(stack.back().second, t.nodes[n].label) : u32(Frontiers::EMPTY);
            if (q == Frontiers::EMPTY) {
                n = t.nodes[n].end;
                continue;
            }
            for (u32 g = t.nodes[n].groups; g < t.nodes[n + 1].groups; ++g) {
                const TermBits& live = lexer.terms(t.groups[g].live);
                if (!viable(q, t.groups[g].live)) continue;
                if (good(q, live, joint)) {
                    t.groups[g].tokens.or_into(mask, store->trie.words());
                } else if (meets(across, live) || meets(owing, live)) {
                    joint.doubtful.resize(store->trie.words(), 0);
                    t.groups[g].tokens.or_into(joint.doubtful.data(), store->trie.words());
                }
            }
            stack.emplace_back(t.nodes[n].end, q);
            ++n;
        }
    }

    // Whether the canvas goes on after one of these terminals, read at frontier p and ended in the hole, however it ended there.
    bool good(u32 p, const TermBits& terms, Joint& joint) {
        for (std::size_t k = 0; k < f.size(p); ++k) {
            Item it = f.begin(p)[k];
            if (it.term == END || !has_bit(terms, it.term)) continue;
            const auto& after = holes().after_term(it.term);
            if (std::all_of(after.begin(), after.end(), [&](u32 x) { return joint.suffix.goes_on(f, x, it.ret, it.node); })) return true;
        }
        for (u32 t : ignored) {
            if (!has_bit(terms, t)) continue;
            const auto& after = holes().after_term(t);
            if (std::all_of(after.begin(), after.end(), [&](u32 x) { return goes_on(x, p, joint); })) return true;
        }
        return false;
    }
    bool goes_on(u32 boundary, u32 p, Joint& joint) {
        u64 key = u64(boundary) << 32 | p;
        u32 yes = joint.before.find(key);
        if (yes == NONE) joint.before.put(key, yes = joint.suffix.goes_on(f, boundary, p));
        return yes != 0;
    }

    bool spreads() {  // whether a blank parts any two lexemes
        if (!separation) {
            separation.emplace(machine, lexer);
            if (separation->possible()) spread.emplace(f, separation->lexemes());
        }
        return bool(spread);
    }

    void forget_walks() { walks.clear(), walk_at.clear(), walk_bytes = 0; }

    const Machine machine;
    Frontiers f;
    Distance distance;
    std::shared_ptr<Tables> tables;
    const Lexer& lexer;
    Store* store;
    std::optional<Separation> separation;  // once a budget asks
    std::optional<Distance> spread;        // in lexemes with a blank after each
    std::optional<Completion> completion;  // where acceptable terminals are not the whole truth
    SpanPool<Config> pool;
    FlatMap steps, moved, walk_at;
    u32 words;  // of TermBits
    std::vector<u32> ignored;  // terminals
    std::vector<u64> accept;
    std::vector<u8> accept_known;
    std::vector<u32> cuts, fans;
    std::deque<Walk> walks;
    std::size_t walk_bytes = 0, memory;
    std::vector<u32> scratch;
    u32 first = 0, generation = 0;
};

}  // namespace

std::unique_ptr<Engine> make_lexer_engine(const Machine& m, Store* store, const Limits& limits) {
    return std::make_unique<LexerEngine>(m, store, limits);
}

}  // namespace weft
