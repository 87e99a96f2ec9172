#include "lexemes.hpp"

#include <deque>
#include <map>

#include "separation.hpp"

namespace weft {

namespace {

// A run of an automaton along the chain, with the cheapest cost per state; the same code for terminals and for the lexer.
// Step: (state, byte) -> state or DEAD.
struct Frame {
    std::map<u32, u32> cost;  // state -> bytes taken from holes so far
};

template <class Step>
void close_loop(Frame& f, u32 price, const Step& step) {  // any bytes, each at this price
    std::vector<std::vector<u32>> due;
    auto add = [&](u32 c, u32 s) {
        if (due.size() <= c) due.resize(c + 1);
        due[c].push_back(s);
    };
    for (auto [s, c] : f.cost) add(c, s);
    for (u32 c = 0; c < due.size(); ++c)
        for (std::size_t i = 0; i < due[c].size(); ++i) {
            u32 s = due[c][i];
            if (f.cost[s] != c) continue;
            u32 last = DEAD;
            for (int b = 0; b < 256; ++b) {
                u32 t = step(s, u8(b));
                if (t == DEAD || t == last) continue;
                last = t;
                auto [it, fresh] = f.cost.try_emplace(t, c + price);
                if (!fresh && it->second <= c + price) continue;
                it->second = c + price;
                if (f.cost.size() > CLOSURE_STATES) throw LimitFault("a hole can hold too many states of one terminal", CLOSURE_STATES, f.cost.size());
                add(c + price, t);
            }
        }
}

// A lexeme that meets no hole is its own text.
bool copy_fixed(const Chain& chain, u32 from, u32 to, Filled& out) {
    if (std::any_of(chain.loop.begin() + from, chain.loop.begin() + to + 1, [](u8 l) { return l != 0; })) return false;
    out.text.append(chain.bytes, from, to - from);
    out.hole.resize(out.text.size(), NONE);
    return true;
}

// Appends the cheapest bytes that lead from state `from` at place `at` to a state at place `end` that `arrived` accepts: Dijkstra
// with parents, over (place, state).
template <class Step, class Arrived>
void spell_run(const Chain& chain, u32 at, u32 from, u32 end, Filled& out, const Step& step, const Arrived& arrived) {
    struct Seen {
        u32 cost, place, state;
        int byte;
        bool in_hole;
    };
    using At = std::pair<u32, u32>;
    std::map<At, Seen> seen{{{at, from}, {0, at, from, -1, false}}};
    std::vector<std::vector<At>> due(1);
    due[0].emplace_back(at, from);
    for (u32 c = 0; c < due.size(); ++c)
        for (std::size_t i = 0; i < due[c].size(); ++i) {
            const u32 p = due[c][i].first, s = due[c][i].second;
            if (seen[{p, s}].cost != c) continue;
            if (p == end && s != from && arrived(s)) {
                std::size_t begin = out.text.size();
                for (At x{p, s}; seen[x].byte >= 0; x = {seen[x].place, seen[x].state}) {
                    out.text.push_back(char(seen[x].byte));
                    out.hole.push_back(seen[x].in_hole ? x.first : NONE);
                }
                std::reverse(out.text.begin() + long(begin), out.text.end());
                std::reverse(out.hole.begin() + long(begin), out.hole.end());
                return;
            }
            u32 last = DEAD;
            auto go = [&](u32 q, u8 b, u32 cost, bool in_hole) {
                u32 t = step(s, b);
                if (t == DEAD || (in_hole && t == last)) return;
                if (in_hole) last = t;
                auto [it, fresh] = seen.try_emplace({q, t}, Seen{cost, p, s, b, in_hole});
                if (!fresh) {
                    if (it->second.cost <= cost) return;
                    it->second = {cost, p, s, b, in_hole};
                }
                if (due.size() <= cost) due.resize(cost + 1);
                due[cost].emplace_back(q, t);
            };
            if (p < end && p + 1 < chain.places()) go(p + 1, u8(chain.bytes[p]), c, false);
            if (chain.loop[p])
                for (int b = 32; b < 32 + 256; ++b) go(p, u8(b), c + chain.price[p], true);  // printable characters first
        }
}

// Without a lexer a spot is a place, and each terminal is run by itself.
class PlainLexemes : public Lexemes {
  public:
    PlainLexemes(const Machine& machine, const Chain& c) : m(machine), chain(c) {}
    u32 begin() override { return 0; }
    bool at_end(u32 spot) override { return spot + 1 == chain.places(); }
    u32 place(u32 spot) override { return spot; }
    const std::vector<Hop>& skips(u32) override { return none; }
    const std::vector<Hop>& hops(u32 spot, u32 term) override {
        auto [it, fresh] = known.try_emplace(u64(spot) << 32 | term);
        if (fresh) it->second = run(spot, *m.terminals[term], m.terminals[term]->start);
        return it->second;
    }
    const std::vector<Hop>& open(u32 term, u32 q) override {
        auto [it, fresh] = opened.try_emplace(u64(term) << 32 | q);
        if (fresh) it->second = run(0, *m.terminals[term], q);
        return it->second;
    }
    const std::vector<std::pair<u32, Hop>>& open(u32) override { return none_labelled; }
    void spell(u32 from, u32 term, u32 to, Filled& out) override {
        if (copy_fixed(chain, from, to, out)) return;
        const Terminal& t = *m.terminals[term];
        spell_run(chain, from, FRESH, to, out, [&](u32 x, u8 b) { return t.step(x == FRESH ? t.start : x, b); }, [&](u32 q) { return t.accepts(q); });
    }

  private:
    static constexpr u32 FRESH = NONE - 7;  // no byte read yet: the start state may be reached again later
    // Calls end(place, cost by state) wherever at least one byte has been read.
    template <class End>
    void simulate(u32 spot, const Terminal& t, u32 q, const End& end) {
        if (t.special != NONE || t.never) return;
        auto step = [&](u32 s, u8 b) { return t.step(s, b); };
        Frame f;  // states after at least one byte
        for (u32 p = spot;; ++p) {
            auto add = [](Frame& to, u32 s, u32 c) {
                auto [it, fresh] = to.cost.try_emplace(s, c);
                if (!fresh) it->second = std::min(it->second, c);
            };
            if (chain.loop[p]) {
                if (p == spot)
                    for (int b = 0; b < 256; ++b)
                        if (u32 s = step(q, u8(b)); s != DEAD) add(f, s, chain.price[p]);
                close_loop(f, chain.price[p], step);
            }
            if (!f.cost.empty()) end(p, f);
            if (p + 1 >= chain.places()) return;
            Frame next;
            for (auto [s, c] : f.cost)
                if (u32 to = step(s, u8(chain.bytes[p])); to != DEAD) add(next, to, c);
            if (p == spot)
                if (u32 to = step(q, u8(chain.bytes[p])); to != DEAD) add(next, to, 0);
            if (next.cost.empty()) return;
            f = std::move(next);
        }
    }
    static u32 cheapest(const Terminal& t, const Frame& f) {
        u32 best = NONE;
        for (auto [s, c] : f.cost)
            if (t.accepts(s)) best = std::min(best, c);
        return best;
    }
    std::vector<Hop> run(u32 spot, const Terminal& t, u32 q) {
        std::vector<Hop> out;
        simulate(spot, t, q, [&](u32 p, const Frame& f) {
            if (u32 c = cheapest(t, f); c != NONE) out.push_back({p, c});
        });
        return out;
    }
    const Machine& m;
    const Chain& chain;
    std::unordered_map<u64, std::vector<Hop>> known, opened;
    std::vector<Hop> none;
    std::vector<std::pair<u32, Hop>> none_labelled;
};

// With a lexer a spot is a place and the lexer state in which the lexeme before it ended: that one carries the obligations.
class LexedLexemes : public Lexemes {
  public:
    LexedLexemes(const Machine& machine, const Chain& c, const Lexer& l) : chain(c), lexer(l), blanks(blanks_of(machine, l)) {
        start = spot_after(0, Lexer::BEGIN);
    }
    u32 begin() override { return start; }
    bool at_end(u32 s) override { return spots[s].place + 1 == chain.places(); }
    u32 place(u32 s) override { return spots[s].place; }
    const std::vector<Hop>& skips(u32 s) override {
        Ends& e = ends(s);
        if (!e.skips_known) {
            e.skips_known = true;
            for (auto& [label, hop] : e.all)
                if (lexer.may_ignore(label)) put(e.skips, hop);
        }
        return e.skips;
    }
    const std::vector<Hop>& hops(u32 s, u32 term) override {
        Ends& e = ends(s);
        auto [it, fresh] = e.by_term.try_emplace(term);
        if (fresh)
            for (auto& [label, hop] : e.all) {
                const auto& win = lexer.winners(label);
                if (std::binary_search(win.begin(), win.end(), term)) put(it->second, hop);
            }
        return it->second;
    }
    const std::vector<Hop>& open(u32, u32) override { return none; }
    const std::vector<std::pair<u32, Hop>>& open(u32 x) override {
        auto [it, fresh] = opened.try_emplace(x);
        if (fresh) {
            Frame f;
            if (x != Lexer::BEGIN) f.cost[x] = 0;
            it->second = gather([&](const auto& end) { simulate({0, x}, std::move(f), end); });
        }
        return it->second;
    }
    void spell(u32 from, u32 term, u32 to, Filled& out) override {
        const Spot a = spots[from];
        if (copy_fixed(chain, a.place, spots[to].place, out)) return;
        u32 place = spots[to].place;
        spell_run(
            chain, a.place, AT_START, place, out, [&](u32 y, u8 b) { return y == AT_START ? first(a, b) : lexer.go(y, b); },
            [&](u32 x) {
                u32 label = lexer.label(x);
                if (!label || spot_after(place, x) != to) return false;
                const auto& win = lexer.winners(label);
                return term == NONE ? lexer.may_ignore(label) : std::binary_search(win.begin(), win.end(), term);
            });
    }

  private:
    static constexpr u32 AT_START = NONE - 7;  // as a state of spell_run: no byte read yet
    struct Spot {
        u32 place, x;  // x: state in which the last lexeme ended; BEGIN where nothing is owed
    };
    struct Ends {
        bool known = false, skips_known = false;
        std::vector<std::pair<u32, Hop>> all;  // by label
        std::vector<Hop> skips;
        std::unordered_map<u32, std::vector<Hop>> by_term;
    };
    u32 first(const Spot& s, u8 b) {
        return s.x == Lexer::BEGIN ? lexer.go(s.x, b) : lexer.next(s.x, b);
    }
    static void put(std::vector<Hop>& v, Hop hop) {
        for (auto& h : v)
            if (h.spot == hop.spot) {
                h.cost = std::min(h.cost, hop.cost);
                return;
            }
        v.push_back(hop);
    }
    u32 number(u32 place, u32 x) {
        auto [it, fresh] = ids.try_emplace(u64(place) << 32 | x, u32(spots.size()));
        if (fresh) spots.push_back({place, x}), found.emplace_back();
        return it->second;
    }
    // The spot after a lexeme that ended in state x at `place`, or NONE when the next byte says that it had not ended. States that
    // see the same next byte in the same way are one spot.
    u32 spot_after(u32 place, u32 x) {
        if (chain.loop[place]) return number(place, payable(x) ? u32(Lexer::BEGIN) : x);
        if (place + 1 == chain.places()) return number(place, Lexer::BEGIN);
        u8 b = u8(chain.bytes[place]);
        u32 y = first({place, x}, b);
        if (y == DEAD) return NONE;
        u32 fresh = lexer.go(Lexer::BEGIN, b);
        return number(place, y == fresh ? u32(Lexer::BEGIN) : x);
    }
    // Calls end(place, lexer state, cost) wherever the lexeme may end that begins at `from`; or, when `f` is not empty, the one that
    // is open in the states of f.
    template <class End>
    void simulate(const Spot from, Frame f, const End& end) {
        auto go = [&](u32 x, u8 b) { return lexer.go(x, b); };
        bool fresh_lexeme = f.cost.empty();
        for (u32 p = from.place;; ++p) {
            Frame next;
            if (chain.loop[p]) {
                if (p == from.place && fresh_lexeme)
                    for (int b = 0; b < 256; ++b)
                        if (u32 y = first(from, u8(b)); y != DEAD) f.cost[y] = chain.price[p];
                close_loop(f, chain.price[p], go);
            }
            for (auto [x, c] : f.cost)
                if (lexer.label(x)) end(p, x, c);
            if (p + 1 >= chain.places()) return;
            u8 b = u8(chain.bytes[p]);
            for (auto [x, c] : f.cost)
                if (u32 y = go(x, b); y != DEAD) {
                    auto [it, fresh] = next.cost.try_emplace(y, c);
                    if (!fresh) it->second = std::min(it->second, c);
                }
            if (p == from.place && fresh_lexeme)
                if (u32 y = first(from, b); y != DEAD) next.cost[y] = 0;
            if (next.cost.empty()) return;
            f = std::move(next);
        }
    }
    template <class Run>
    std::vector<std::pair<u32, Hop>> gather(const Run& run) {  // (label, spot) with the least cost
        std::map<std::pair<u32, u32>, u32> best;
        run([&](u32 at, u32 x, u32 cost) {
            u32 to = spot_after(at, x);
            if (to == NONE) return;
            auto [it, fresh] = best.try_emplace({lexer.label(x), to}, cost);
            if (!fresh) it->second = std::min(it->second, cost);
        });
        std::vector<std::pair<u32, Hop>> out;
        for (auto& [key, cost] : best) out.push_back({key.first, {key.second, cost}});
        return out;
    }
    Ends& ends(u32 s) {
        if (!found[s].known) {
            auto all = gather([&](const auto& end) { simulate(spots[s], {}, end); });
            found[s].all = std::move(all);
            found[s].known = true;
        }
        return found[s];
    }
    // Whether a hole can pay what is owed after a lexeme that ended in state x: by a blank, an ignored byte after which any other
    // lexeme may begin.
    bool payable(u32 x) {
        auto [it, fresh] = paid.try_emplace(x, x == Lexer::BEGIN);
        if (fresh)
            for (u8 b : blanks) it->second = it->second || (lexer.next(x, b) != DEAD && lexer.next(x, b) == lexer.go(Lexer::BEGIN, b));
        return it->second;
    }
    const Chain& chain;
    const Lexer& lexer;
    std::vector<u8> blanks;
    std::unordered_map<u32, bool> paid;
    u32 start = 0;
    std::vector<Spot> spots;
    std::deque<Ends> found;
    std::unordered_map<u32, std::vector<std::pair<u32, Hop>>> opened;
    std::vector<Hop> none;
    std::unordered_map<u64, u32> ids;
};

}  // namespace

std::unique_ptr<Lexemes> make_lexemes(const Machine& m, const Chain& chain, const Lexer* lexer) {
    if (m.lexer) return std::make_unique<LexedLexemes>(m, chain, *lexer);
    return std::make_unique<PlainLexemes>(m, chain);
}

}  // namespace weft
