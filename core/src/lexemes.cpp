#include "lexemes.hpp"

#include <deque>
#include <map>

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
    u32 better(u32) override { return NONE; }
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
            effort.spend(f.cost.size() + 1);
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

// With a lexer a spot is a place and what the lexeme before it demands of the next one: in fixed text the state after the next byte,
// in a hole a boundary.
class LexedLexemes : public Lexemes {
  public:
    LexedLexemes(const Machine& m, const Chain& c, Holes& h) : chain(c), lexer(*h.lexer), holes(h) {
        terminals = u32(m.terminals.size());
        start = spot_after(0, Lexer::BEGIN);
    }
    u32 begin() override { return start; }
    bool at_end(u32 s) override { return spots[s].place + 1 == chain.places(); }
    u32 place(u32 s) override { return spots[s].place; }
    u32 better(u32 s) override {
        auto [place, x] = spots[s];
        return chain.loop[place] && x != Lexer::BEGIN ? number(place, Lexer::BEGIN) : NONE;
    }
    const std::vector<Hop>& skips(u32 s) override { return ends(s).skips; }
    const std::vector<Hop>& hops(u32 s, u32 term) override {
        const Ends& e = ends(s);
        return e.by_term.empty() ? none : e.by_term[term];
    }
    const std::vector<Hop>& open(u32, u32) override { return none; }
    const std::vector<std::pair<u32, Hop>>& open(u32 x) override {
        auto [it, fresh] = opened.try_emplace(x);
        if (fresh) {
            arrive(0, {{x, 0}});
            it->second = finish();
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
        u32 place, x;
    };
    struct Ends {
        bool known = false;
        std::vector<Hop> skips;
        std::vector<std::vector<Hop>> by_term;  // none where no lexeme ends that is not ignored
    };
    using Costs = std::vector<std::pair<u32, u32>>;  // (state, bytes taken from holes)
    u32 first(const Spot& s, u8 b) {  // the state after the first byte of a lexeme
        if (!chain.loop[s.place]) return s.x;
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
        u64 key = u64(place) << 32 | x;
        u32 s = ids.find(key);
        if (s == NONE) ids.put(key, s = u32(spots.size())), spots.push_back({place, x}), found.emplace_back();
        return s;
    }
    u32 spot_after(u32 place, u32 x) {  // a lexeme that ended in state x; NONE when the next byte says that it had not ended
        if (chain.loop[place]) return number(place, holes.exactly_after(x));
        if (place + 1 == chain.places()) return number(place, Lexer::BEGIN);
        u8 b = u8(chain.bytes[place]);
        u32 y = x == Lexer::BEGIN ? lexer.go(x, b) : lexer.next(x, b);
        return y == DEAD ? NONE : number(place, y);
    }
    void end(u32 label, u32 spot, u32 cost) {
        u64 key = u64(label) << 32 | spot;
        if (u32 known = end_at.find(key); known != NONE) {
            fresh[known].second.cost = std::min(fresh[known].second.cost, cost);
        } else {
            end_at.put(key, u32(fresh.size()));
            fresh.push_back({label, {spot, cost}});
        }
    }
    void inside(u32 p, const Holes::Inside& in, u32 cost, Costs& now) {  // a lexeme that goes on in the hole at p
        u32 price = chain.price[p];
        for (auto& e : in.lexemes) end(e.label, number(p, e.after), cost + e.bytes * price);
        for (std::size_t i = 0; i < in.states.size(); ++i) now.emplace_back(in.states[i], cost + in.bytes[i] * price);
    }
    static void cheapest(Costs& costs) {  // one entry per state
        std::sort(costs.begin(), costs.end());
        costs.erase(std::unique(costs.begin(), costs.end(), [](auto& a, auto& b) { return a.first == b.first; }), costs.end());
    }
    void arrive(u32 p, const Costs& open) {  // lexemes that are open at place p
        Costs now;
        if (!chain.loop[p]) {
            for (auto [x, c] : open)
                if (u32 label = lexer.label(x))
                    if (u32 spot = spot_after(p, x); spot != NONE) end(label, spot, c);
            return run(p, open, DEAD);
        }
        for (auto [x, c] : open) {
            const Holes::Inside& in = holes.of_state(x);
            effort.spend(in.states.size());
            inside(p, in, c, now);
            if (now.size() > 4 * lexer.size()) cheapest(now);
        }
        cheapest(now);
        run(p, now, DEAD);
    }
    void run(u32 p, Costs now, u32 begun) {  // on from place p, where ends are known; `begun`: state after the next byte of one more
        while (p + 1 < chain.places()) {
            u8 b = u8(chain.bytes[p++]);
            effort.spend(now.size() + 1);
            Costs next;
            for (auto [x, c] : now)
                if (u32 y = lexer.go(x, b); y != DEAD) next.emplace_back(y, c);
            if (begun != DEAD) next.emplace_back(begun, 0), begun = DEAD;
            if (next.empty()) return;
            cheapest(next);
            if (chain.loop[p]) return arrive(p, next);
            for (auto [x, c] : next)
                if (u32 label = lexer.label(x))
                    if (u32 spot = spot_after(p, x); spot != NONE) end(label, spot, c);
            now.swap(next);
        }
    }
    std::vector<std::pair<u32, Hop>> finish() {
        std::vector<std::pair<u32, Hop>> out;
        out.swap(fresh);
        end_at.clear();
        return out;
    }
    const Ends& ends(u32 s) {
        if (found[s].known) return found[s];
        auto [p, x] = spots[s];
        if (chain.loop[p]) {
            Costs now;
            inside(p, holes.of_boundary(x), 0, now);
            run(p, now, p + 1 < chain.places() ? first(spots[s], u8(chain.bytes[p])) : u32(DEAD));
        } else if (p + 1 < chain.places()) {
            arrive(p + 1, {{x, 0}});
        }
        auto all = finish();
        Ends& e = found[s];
        e.known = true;
        for (auto& [label, hop] : all) {
            if (lexer.may_ignore(label)) put(e.skips, hop);
            if (lexer.only_ignored(label)) continue;
            e.by_term.resize(terminals);
            for (u32 t : lexer.winners(label)) put(e.by_term[t], hop);
        }
        return e;
    }
    const Chain& chain;
    const Lexer& lexer;
    Holes& holes;
    u32 terminals = 0, start = 0;
    std::vector<Spot> spots;
    std::deque<Ends> found;
    std::unordered_map<u32, std::vector<std::pair<u32, Hop>>> opened;
    std::vector<Hop> none;
    FlatMap ids, end_at;
    std::vector<std::pair<u32, Hop>> fresh;  // (label, hop) of the run that goes on
};

}  // namespace

std::unique_ptr<Lexemes> make_lexemes(const Machine& m, const Chain& chain, Holes& holes) {
    if (m.lexer) return std::make_unique<LexedLexemes>(m, chain, holes);
    return std::make_unique<PlainLexemes>(m, chain);
}

}  // namespace weft
