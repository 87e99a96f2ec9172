#include "engine.hpp"

#include "chain.hpp"
#include "distance.hpp"
#include "knots.hpp"
#include "suffix.hpp"

namespace weft {

constexpr std::size_t LONGEST_TOKEN = 4000;  // bytes; the walks keep their path in fixed arrays of 4096

Vocabulary::Vocabulary(std::vector<std::optional<std::string>> tokens, std::vector<u32> ends,
                       std::vector<std::pair<std::string, u32>> named, u64 store_bytes)
    : texts(std::move(tokens)), eos(std::move(ends)) {
    for (u32 e : eos) {
        if (e >= texts.size()) throw GrammarFault("end token " + std::to_string(e) + " is not in the vocabulary", "an id below " + std::to_string(texts.size()));
        texts[e].reset();
    }
    for (auto& [name, id] : named) {
        if (id >= texts.size()) throw GrammarFault("special token '" + name + "' has id " + std::to_string(id), "an id below " + std::to_string(texts.size()));
        specials.emplace(name, id);
    }
    std::vector<std::optional<std::string_view>> views(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (!texts[i]) continue;
        if (texts[i]->size() > LONGEST_TOKEN)
            throw GrammarFault("token " + std::to_string(i) + " has " + std::to_string(texts[i]->size()) + " bytes", "at most " + std::to_string(LONGEST_TOKEN));
        views[i] = *texts[i];
    }
    trie = std::make_unique<Trie>(views);
    store = std::make_unique<Store>(*trie, store_bytes);
}

u32 Vocabulary::special_named(const std::string& name) const {
    auto it = specials.find(name);
    return it == specials.end() ? NONE : it->second;
}

Engine::~Engine() = default;

Holes& Engine::holes() {
    if (!in_holes) in_holes = std::make_unique<Holes>(base(), lexing());
    return *in_holes;
}

std::size_t Engine::hole_bytes() const { return behind_holes.bytes() + (in_holes ? in_holes->bytes() : 0); }

void Engine::forget_holes() {
    behind_holes.clear();
    if (in_holes) in_holes->forget();
}

void Engine::try_all(const Trie& trie, u32 state, Suffix& suffix, u32* mask, const u32* only) {
    Wanted wanted(trie, only);
    FlatMap known;  // where a state does not join, nothing that goes on from there does: the hole could have held it
    std::vector<std::pair<u32, u32>> path{{trie.nodes(), state}};
    for (u32 n = 1; n < trie.nodes();) {
        while (n >= path.back().first) path.pop_back();
        u32 to = wanted.any(n, trie.end[n]) ? step(path.back().second, trie.byte[n]) : 0, yes = to ? known.find(to) : 0;
        if (yes == NONE) known.put(to, yes = joins(to, suffix));
        if (!yes) {
            n = trie.end[n];
            continue;
        }
        trie.set(n, mask);
        path.emplace_back(trie.end[n], to);
        ++n;
    }
}

namespace {

class ScannerlessEngine : public Engine {
  public:
    ScannerlessEngine(const Machine& m, Store* s) : f(m), distance(f), store(s) {
        if (store) masker = std::make_unique<Masker>(f, *store);
    }
    u32 start() override { return f.start(); }
    u32 step(u32 s, u8 b) override { return f.step(s, b); }
    u32 special(u32 s, u32 i) override { return f.special(s, i); }
    bool complete(u32 s) override { return f.complete(s); }
    void add_mask(u32 s, u32* mask) override { masker->add(s, mask); }
    void specials(u32 s, std::vector<u32>& out) override {
        for (std::size_t k = 0; k < f.size(s); ++k) {
            const Item& it = f.begin(s)[k];
            if (it.term != END && f.m.terminals[it.term]->special != NONE) out.push_back(f.m.terminals[it.term]->special);
        }
    }
    void expected(u32 s, std::vector<u32>& out) override {
        for (std::size_t k = 0; k < f.size(s); ++k)
            if (f.begin(s)[k].term != END && (out.empty() || out.back() != f.begin(s)[k].term)) out.push_back(f.begin(s)[k].term);
    }
    u32 bound(u32 s) override { return distance.of(s); }
    u32 within(u32 s) override { return distance.of(s); }
    u32 lexeme_within(u32 term, u32 q) override { return distance.in_terminal(term, q); }
    u32 box_within(u32 s) override { return distance.of_state(s); }
    const Machine& base() const override { return f.m; }
    const Lexer* lexing() const override { return nullptr; }
    bool joins(u32 s, Suffix& suffix) override { return suffix.joins(f, s); }
    void places(u32 s, std::vector<Item>& out) override { out.assign(f.begin(s), f.begin(s) + f.size(s)); }
    u32 state_at(std::vector<Item>& places) override {
        std::vector<Item> open;
        std::vector<Below> done;
        for (const Item& it : places) {
            bool end = it.term == END, special = !end && f.m.terminals[it.term]->special != NONE;
            if (end || (special && it.q == 0) || (!special && f.m.terminals[it.term]->goes_on(it.q))) open.push_back(it);
            if (!end && (special ? it.q == 1 : f.m.terminals[it.term]->accepts(it.q))) done.push_back({it.ret, it.node});
        }
        sort_unique(open);
        return f.unite(f.of(open), f.closure(done));
    }
    u32 unite(std::vector<u32>& states) override { return f.unite(states); }
    Frontiers& frontiers() override { return f; }
    // The tokens that stay inside a lexeme are taken whole, where it may end in the hole or goes on behind it from wherever it stands.
    // All others are tried.
    void add_mask(u32 s, Suffix& suffix, u32* mask) override {
        u32 words = store->trie.words();
        std::vector<u32> doubtful(words, 0), sure(words, 0), ends(words, 0);
        masker->add(s, doubtful.data());
        std::vector<Item> items(f.begin(s), f.begin(s) + f.size(s));
        for (const Item& it : items) {
            if (it.term == END) continue;
            const Terminal& t = *f.m.terminals[it.term];
            if (t.special != NONE || t.fan(it.q) < MANY_BYTES) continue;
            ByteSet last;
            if (!suffix.goes_on(f, 0, it.ret, it.node)) {
                if (!suffix.crosses(f, it) || !returns(t, it.q, last)) continue;
                for (u32 n = 1; n < store->trie.nodes(); ++n)
                    if (last.has(store->trie.byte[n])) store->trie.set(n, ends.data());
            }
            store->entry(t, it.q, 0)->inner.or_into(sure.data(), words);
        }
        for (u32 i = 0; i < words; ++i) {
            sure[i] &= doubtful[i] & ~ends[i];
            doubtful[i] &= ~sure[i], mask[i] |= sure[i];
        }
        try_all(store->trie, s, suffix, mask, doubtful.data());
    }
    std::size_t bytes() override { return f.bytes() + distance.bytes() + hole_bytes() + inside_bytes; }
    void compact(std::vector<u32*>& live) override {
        f.compact(live);
        distance.forget();
        forget_holes();
        insides.clear(), inside_bytes = 0;
    }

  protected:
    u32 hole_slow(u32 s) override {
        std::vector<Holes::End> ways{{Lexer::BEGIN, TermBits(f.m.terminals.size() / 64 + 1, 0), true, false}};
        for (u32 t = 0; t < f.m.terminals.size(); ++t)
            if (f.m.terminals[t]->goes_on(f.m.terminals[t]->start)) set_bit(ways[0].terms, t);
        Knots knots(f, [&](u32) -> const std::vector<Holes::End>& { return ways; });
        const std::vector<Item> before(f.begin(s), f.begin(s) + f.size(s));
        for (const Item& it : before) {
            if (it.term == END) continue;
            knots.give(it);
            if (f.m.terminals[it.term]->goes_on(it.q)) knots.reach(it.ret, it.node, Lexer::BEGIN);
        }
        std::vector<Item> out;
        auto add = [&](const Item& it, bool spared) {
            out.push_back(it);
            if (it.term == END) return;
            const std::vector<u32>* less = spared && knots.covers(it) ? &inside(it.term, f.m.terminals[it.term]->start) : nullptr;
            if (less && std::binary_search(less->begin(), less->end(), it.q)) return out.pop_back();
            for (u32 q : inside(it.term, it.q)) out.push_back({it.term, q, it.ret, it.node});
            if (out.size() > CLOSURE_STATES)
                throw LimitFault("a hole can hold too many states of its terminals", CLOSURE_STATES, out.size(), "close the holes to its left first");
        };
        for (auto& [boundary, begun] : knots.items())
            for (const Item& it : begun) add(it, false);
        for (const Item& it : before) add(it, true);
        sort_unique(out);
        return f.of(out);
    }

  private:
    // The states of a terminal in which it is open after some bytes in a hole, sorted.
    const std::vector<u32>& inside(u32 term, u32 from) {
        auto [at, fresh] = insides.try_emplace(u64(term) << 32 | from);
        std::vector<u32>& in = at->second;
        const Terminal& t = *f.m.terminals[term];
        if (!fresh || t.special != NONE || t.never) return in;
        FlatMap seen;
        std::vector<u32> todo{from};
        for (std::size_t i = 0; i < todo.size(); ++i)
            for (u32 b = 0, last = DEAD; b < 256; ++b) {
                u32 to = t.step(todo[i], u8(b));
                if (to == DEAD || to == last || seen.find(last = to) != NONE) continue;
                seen.put(to, 1);
                if (t.goes_on(to)) in.push_back(to), todo.push_back(to);
                if (todo.size() > CLOSURE_STATES) {
                    insides.erase(at);
                    throw LimitFault("a hole can hold too many states of one terminal", CLOSURE_STATES, todo.size(), "close the holes to its left first");
                }
            }
        std::sort(in.begin(), in.end());
        inside_bytes += 64 + in.size() * 4;
        return in;
    }

    static constexpr u32 MANY_BYTES = 32, FEW_STATES = 64;

    // Whether state q can be reached again from all that it leads to, but for states that nothing leads out of; `last` gathers the bytes
    // that lead to those.
    static bool returns(const Terminal& t, u32 q, ByteSet& last) {
        std::vector<u32> states{q};
        std::vector<std::pair<u32, u32>> steps;  // (to, from), as indices
        for (u32 i = 0; i < states.size(); ++i)
            for (u32 b = 0; b < 256; ++b) {
                u32 to = t.step(states[i], u8(b));
                if (to == DEAD) continue;
                if (!t.goes_on(to)) {
                    last.add(u8(b));
                    continue;
                }
                auto at = std::find(states.begin(), states.end(), to);
                steps.emplace_back(u32(at - states.begin()), i);
                if (at != states.end()) continue;
                if (states.size() == FEW_STATES) return false;
                states.push_back(to);
            }
        sort_unique(steps);
        std::vector<u8> back(states.size(), 0);
        std::vector<u32> todo{0};
        back[0] = 1;
        for (std::size_t k = 0; k < todo.size(); ++k)
            for (auto it = std::lower_bound(steps.begin(), steps.end(), std::make_pair(todo[k], 0u)); it != steps.end() && it->first == todo[k]; ++it)
                if (!back[it->second]) back[it->second] = 1, todo.push_back(it->second);
        return todo.size() == states.size();
    }

    Frontiers f;
    Distance distance;
    Store* store;
    std::unique_ptr<Masker> masker;
    std::unordered_map<u64, std::vector<u32>> insides;
    std::size_t inside_bytes = 0;
};

}  // namespace

std::unique_ptr<Engine> make_lexer_engine(const Machine& m, Store* store, const Limits& limits);

std::unique_ptr<Engine> make_engine(const Machine& m, Store* store, const Limits& limits) {
    if (m.lexer) return make_lexer_engine(m, store, limits);
    return std::make_unique<ScannerlessEngine>(m, store);
}

}  // namespace weft
