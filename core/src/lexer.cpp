#include "lexer.hpp"

#include <deque>
#include <map>

#include "engine.hpp"

namespace weft {

Lexer::Lexer(const Machine& machine, const Limits& l) : m(machine), scan(machine.scan), limits(l) {
    u32 empty = sets.intern(nullptr, 0);
    states.push_back({NONE, empty, 0, NONE, {}});
    for (int b = 255; b >= 0; --b) sample[scan.class_of[b]] = u8(b);
    ignored_bits.assign(words(), 0);
    for (u32 t = 0; t < m.terminals.size(); ++t)
        if (m.ignored[t]) ignored_bits[t >> 6] |= u64(1) << (t & 63);
    ignored_only.assign(m.winners.size() + 1, 0);
    ignored_some.assign(m.winners.size() + 1, 0);
    for (u32 w = 0; w < m.winners.size(); ++w) {
        bool all = true, some = false;
        for (u32 t : m.winners[w]) all = all && m.ignored[t], some = some || m.ignored[t];
        ignored_only[w + 1] = all, ignored_some[w + 1] = some;
    }
}

Hash128 Lexer::key(u32 x) const {
    Hash128 h;
    h.add(0x1E8);
    if (!scan.empty()) h.add(scan.hash[scan.start].a), h.add(scan.hash[scan.start].b);
    for (u32 w = 1; w < ignored_only.size(); ++w) h.add(ignored_only[w]);  // they vanish from effects
    for (auto& w : m.winners) {
        h.add(w.size());
        for (u32 t : w) h.add(t);
    }
    const State& s = states[x];
    h.add(s.q);
    for (std::size_t k = 0; k < sets.size(s.obligations); ++k) h.add(sets.begin(s.obligations)[k]);
    return h;
}

u32 Lexer::state(u32 q, u32 obligations) {
    u64 k = u64(q) << 32 | obligations;
    u32 x = ids.find(k);
    if (x != NONE) return x;
    x = u32(states.size());
    if (x > limits.dfa_states * 4u) throw LimitFault("longest-match lexing needs too many states", limits.dfa_states * 4u, x, "simplify the terminals");
    states.push_back({q, obligations, scan.label[q], NONE, {}});
    ids.put(k, x);
    return x;
}

u32 Lexer::oblige(u32 set, u8 b) {
    std::vector<u32> out;
    for (std::size_t k = 0; k < sets.size(set); ++k) {
        u32 q = scan.step(sets.begin(set)[k], b);
        if (q == DEAD) continue;
        if (scan.accept[q]) return DEAD;
        out.push_back(q);
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return sets.intern(out);
}

u32 Lexer::with(u32 set, u32 q) {
    std::vector<u32> out(sets.begin(set), sets.begin(set) + sets.size(set));
    auto at = std::lower_bound(out.begin(), out.end(), q);
    if (at == out.end() || *at != q) out.insert(at, q);
    return sets.intern(out);
}

void Lexer::fill(u32 x) {
    u32 q = states[x].q, set = states[x].obligations, lab = states[x].label;
    std::vector<Move> moves(scan.classes, {DEAD, DEAD});
    if (!scan.empty())
        for (u32 c = 0; c < scan.classes; ++c) {
            u8 b = sample[c];
            u32 rest = oblige(set, b);
            if (rest == DEAD) continue;
            u32 on = q == NONE ? scan.step(scan.start, b) : scan.step(q, b);
            if (on != DEAD) moves[c].go = state(on, rest);
            if (!lab || (on != DEAD && scan.accept[on])) continue;  // the lexeme has not ended, or a longer one has just been found
            u32 fresh = scan.step(scan.start, b);
            if (fresh != DEAD) moves[c].next = state(fresh, on == DEAD ? rest : with(rest, on));
        }
    states[x].moves = std::move(moves);
}

void Lexer::find_live(u32 x) {
    TermBits bits(words(), 0);
    std::vector<u32> queue{x};
    std::vector<u8> seen;
    auto visit = [&](u32 y) {
        if (y >= seen.size()) seen.resize(std::max<std::size_t>(states.size(), y + 1), 0);
        if (!seen[y]) seen[y] = 1, queue.push_back(y);
    };
    seen.resize(states.size(), 0);
    seen[x] = 1;
    for (std::size_t i = 0; i < queue.size(); ++i) {
        u32 y = queue[i];
        if (u32 lab = states[y].label)
            for (u32 t : m.winners[lab - 1]) bits[t >> 6] |= u64(1) << (t & 63);
        if (states[y].moves.empty()) fill(y);
        for (std::size_t c = 0; c < states[y].moves.size(); ++c)
            if (u32 to = states[y].moves[c].go; to != DEAD) visit(to);
    }
    states[x].live = class_of(bits);
}

u32 Lexer::class_of(const TermBits& bits) {
    for (u32 k = 0; k < classes.size(); ++k)
        if (classes[k] == bits) return k;
    classes.push_back(bits);
    return u32(classes.size()) - 1;
}

// ---------------------------------------------------------------------------------------------------------------------

namespace {

struct Config {
    u32 x, p;  // lexer state, frontier of the machine over terminals
    bool operator<(const Config& o) const { return std::tie(x, p) < std::tie(o.x, o.p); }
};

// What the tokens do to a lexer state: which lexemes they complete, in order, and what the open one can still become.
struct Effects {
    struct Group {
        u32 live;
        TokenSet tokens;
    };
    struct Node {
        std::vector<std::pair<u32, u32>> next;  // label -> node
        std::vector<Group> groups;
    };
    std::vector<Node> nodes;
};

class LexerEngine : public Engine {
  public:
    LexerEngine(const Machine& m, Store* s, const Limits& limits) : f(m), lexer(m, limits), store(s) {
        pool.intern(nullptr, 0);
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
            if (u32 p = f.special(ended(c), index); p != Frontiers::EMPTY) out.push_back({Lexer::BEGIN, p});
        return intern(out);
    }
    void specials(u32 state, std::vector<u32>& out) override {
        for (auto& c : configs(state)) {
            u32 p = ended(c);
            for (std::size_t k = 0; k < f.size(p); ++k)
                if (u32 t = f.begin(p)[k].term; t != END && f.m.terminals[t]->special != NONE) out.push_back(f.m.terminals[t]->special);
        }
    }
    void expected(u32 state, std::vector<u32>& out) override {
        TermBits bits(lexer.words(), 0);
        for (auto& c : configs(state)) {
            if (c.x == Lexer::BEGIN) merge(bits, acceptable(c.p), nullptr);
            else {
                merge(bits, acceptable(c.p), &lexer.terms(lexer.live(c.x)));
                if (u32 p = ended(c); p != Frontiers::EMPTY) merge(bits, acceptable(p), nullptr);
            }
        }
        for (u32 t = 0; t < f.m.terminals.size(); ++t)
            if (bits[t >> 6] >> (t & 63) & 1) out.push_back(t);
    }
    void add_mask(u32 state, u32* mask) override {
        for (auto& c : configs(state)) walk(*effects(c.x), 0, c.p, mask);
    }
    u32 bound(u32) override { return 0; }
    u32 within(u32) override { return NONE; }
    std::size_t bytes() override { return f.bytes() + pool.bytes() + steps.bytes() + accept.size() * (24 + 8 * lexer.words()) + moved.bytes(); }
    void compact(std::vector<u32*>& live) override {
        std::map<u32, std::vector<Config>> kept;
        for (u32* s : live) kept.try_emplace(*s, configs(*s));
        std::vector<u32*> parts;
        for (auto& [s, cs] : kept)
            for (auto& c : cs) parts.push_back(&c.p);
        f.compact(parts);
        pool.clear(), steps.clear(), accept.clear(), moved.clear();
        pool.intern(nullptr, 0);
        begin();
        std::map<u32, u32> number;
        for (auto& [s, cs] : kept) number[s] = intern(cs);
        for (u32* s : live) *s = number[*s];
    }

  private:
    void begin() {
        std::vector<Config> c;
        if (f.start() != Frontiers::EMPTY) c.push_back({Lexer::BEGIN, f.start()});
        first = intern(c);
    }
    std::vector<Config> configs(u32 state) const { return {pool.begin(state), pool.begin(state) + pool.size(state)}; }

    u32 intern(std::vector<Config>& c) {  // one config per lexer state
        std::sort(c.begin(), c.end());
        std::size_t n = 0;
        for (auto& x : c)
            if (n && c[n - 1].x == x.x) c[n - 1].p = f.unite(c[n - 1].p, x.p);
            else c[n++] = x;
        c.resize(n);
        return pool.intern(c);
    }

    // The machine after a lexeme that is any of the terminals of the label.
    u32 advance(u32 p, u32 label) {
        if (lexer.only_ignored(label)) return p;
        u64 key = u64(p) << 32 | label;
        u32 to = moved.find(key);
        if (to != NONE) return to;
        std::vector<Below> after;
        const auto& win = f.m.winners[label - 1];
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

    const TermBits& acceptable(u32 p) {
        while (accept.size() <= p) accept.emplace_back();
        TermBits& bits = accept[p];
        if (bits.empty()) {
            bits = lexer.ignored();
            if (bits.empty()) bits.resize(1);
            for (std::size_t k = 0; k < f.size(p); ++k)
                if (u32 t = f.begin(p)[k].term; t != END) bits[t >> 6] |= u64(1) << (t & 63);
        }
        return bits;
    }
    bool viable(u32 p, u32 live_class) {
        const TermBits &a = acceptable(p), &b = lexer.terms(live_class);
        for (std::size_t k = 0; k < b.size(); ++k)
            if (a[k] & b[k]) return true;
        return false;
    }
    static void merge(TermBits& into, const TermBits& a, const TermBits* b) {
        for (std::size_t k = 0; k < into.size(); ++k) into[k] |= b ? a[k] & (*b)[k] : a[k];
    }

    u32 step_slow(u32 state, u8 b) {
        std::vector<Config> out;
        for (auto& c : configs(state)) {
            Lexer::Move mv = lexer.move(c.x, b);
            if (mv.go != DEAD && viable(c.p, lexer.live(mv.go))) out.push_back({mv.go, c.p});
            if (mv.next == DEAD) continue;
            u32 p = ended(c);
            if (p != Frontiers::EMPTY && viable(p, lexer.live(mv.next))) out.push_back({mv.next, p});
        }
        return intern(out);
    }

    const Effects* effects(u32 x) {
        auto it = known.find(x);
        if (it != known.end()) return it->second.get();
        return known.emplace(x, build(x)).first->second.get();
    }

    std::unique_ptr<Effects> build(u32 x) {
        const Trie& trie = store->trie;
        auto e = std::make_unique<Effects>();
        e->nodes.emplace_back();
        struct Run {
            u32 node, x;
            bool operator<(const Run& o) const { return std::tie(node, x) < std::tie(o.node, o.x); }
            bool operator==(const Run& o) const { return node == o.node && x == o.x; }
        };
        std::vector<std::vector<Run>> runs(1);
        runs[0] = {{0, x}};
        std::vector<u32> ends{trie.nodes()};
        auto child = [&](u32 node, u32 label) {
            if (lexer.only_ignored(label)) return node;
            for (auto& [l, v] : e->nodes[node].next)
                if (l == label) return v;
            u32 v = u32(e->nodes.size());
            e->nodes[node].next.emplace_back(label, v);
            e->nodes.emplace_back();
            return v;
        };
        std::size_t depth = 0;
        std::vector<std::pair<u32, u32>> put;
        for (u32 n = 1; n < trie.nodes();) {
            while (n >= ends[depth]) --depth;
            if (runs.size() <= depth + 1) runs.emplace_back(), ends.push_back(0);
            auto& to = runs[depth + 1];
            to.clear();
            u8 b = trie.byte[n];
            for (auto& r : runs[depth]) {
                Lexer::Move mv = lexer.move(r.x, b);
                if (mv.go != DEAD) to.push_back({r.node, mv.go});
                if (mv.next != DEAD) to.push_back({child(r.node, lexer.label(r.x)), mv.next});
            }
            if (to.empty()) {
                n = trie.end[n];
                continue;
            }
            if (to.size() > 1) {
                std::sort(to.begin(), to.end());
                to.erase(std::unique(to.begin(), to.end()), to.end());
            }
            if (trie.token[n] != NONE) {
                put.clear();
                for (auto& r : to) put.emplace_back(r.node, lexer.live(r.x));
                std::sort(put.begin(), put.end());
                put.erase(std::unique(put.begin(), put.end()), put.end());
                for (auto& [node, live] : put) {
                    auto& groups = e->nodes[node].groups;
                    auto g = std::find_if(groups.begin(), groups.end(), [&](auto& y) { return y.live == live; });
                    if (g == groups.end()) groups.push_back({live, {}}), g = groups.end() - 1;
                    for (u32 t = trie.token[n]; t != NONE; t = trie.twin[t]) g->tokens.list.push_back(t);
                }
            }
            ++depth;
            ends[depth] = trie.end[n];
            ++n;
        }
        for (auto& node : e->nodes)
            for (auto& g : node.groups)
                if (g.tokens.list.size() > trie.words()) {
                    g.tokens.bits.assign(trie.words(), 0);
                    for (u32 t : g.tokens.list) g.tokens.bits[t >> 5] |= 1u << (t & 31);
                    g.tokens.list.clear();
                }
        return e;
    }

    void walk(const Effects& e, u32 node, u32 p, u32* mask) {
        const auto& n = e.nodes[node];
        for (auto& g : n.groups)
            if (viable(p, g.live)) g.tokens.or_into(mask, store->trie.words());
        for (auto [label, v] : n.next)
            if (u32 to = advance(p, label); to != Frontiers::EMPTY) walk(e, v, to, mask);
    }

    Frontiers f;
    Lexer lexer;
    Store* store;
    SpanPool<Config> pool;
    FlatMap steps, moved;
    std::deque<TermBits> accept;
    std::unordered_map<u32, std::unique_ptr<Effects>> known;
    u32 first = 0;
};

}  // namespace

std::unique_ptr<Engine> make_lexer_engine(const Machine& m, Store* store, const Limits& limits) {
    return std::make_unique<LexerEngine>(m, store, limits);
}

}  // namespace weft
