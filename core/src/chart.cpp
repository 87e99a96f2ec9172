#include "chart.hpp"

#include <map>

#include "separation.hpp"

namespace weft {

namespace {

constexpr u32 FREE = 0x80000000u;  // origins that are a state, not a box
constexpr u32 CLOSURE_STATES = 200'000;  // states of one terminal that a hole may have to visit

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

Chart::Chart(const Machine& machine, Lexemes& l, u64 most) : m(machine), lexemes(l), max_items(most) {}

u32 Chart::origin(u32 box, u32 spot) {
    u64 key = u64(box) << 32 | spot;
    u32 g = origin_ids.find(key);
    if (g == NONE) origin_ids.put(key, g = u32(origins.size())), origins.emplace_back();
    return g;
}

void Chart::reach(ItemKey key, u32 cost, u32 from, u32 term, u32 inner) {
    auto [it, fresh] = ids.try_emplace(key, u32(items.size()));
    if (fresh) {
        if (items.size() >= max_items) throw LimitFault("the canvas needs too many chart items", max_items, items.size(), "raise max_items");
        items.push_back({key});
    }
    Cell& c = items[it->second];
    if (c.done || c.cost <= cost) return;
    c.cost = cost, c.from = from, c.term = term, c.inner = inner;
    if (queue.size() <= cost) queue.resize(cost + 1);
    queue[cost].push_back(it->second);
    lowest = std::min(lowest, cost);
}

void Chart::settle(u32 i) {
    items[i].done = true;
    const Cell c = items[i];
    auto [s, g, v] = c.key;
    for (u32 k = m.scan_at[s]; k < m.scan_at[s + 1]; ++k)
        for (auto hop : lexemes.hops(v, m.scans[k].symbol)) reach({m.scans[k].state, g, hop.spot}, c.cost + hop.cost, i, m.scans[k].symbol, NONE);
    if (!(s == origins[g].entry && v == origins[g].spot))  // there the caller skips instead
        for (auto hop : lexemes.skips(v)) reach({s, g, hop.spot}, c.cost + hop.cost, i, NONE, NONE);
    for (u32 k = m.call_at[s]; k < m.call_at[s + 1]; ++k) {
        u32 box = m.calls[k].symbol, h = origin(box, v);
        origins[h].entry = m.entry[box], origins[h].spot = v;
        origins[h].callers.emplace_back(i, m.calls[k].state);
        reach({m.entry[box], h, v}, 0, NONE, NONE, NONE);
        for (std::size_t e = 0; e < origins[h].ends.size(); ++e) {
            u32 end = origins[h].ends[e];
            reach({m.calls[k].state, g, items[end].key.spot}, c.cost + items[end].cost, i, NONE, end);
        }
    }
    if (!m.is_final[s]) return;
    if (g == 0 && goal == NONE && lexemes.at_end(v)) goal = i;
    origins[g].ends.push_back(i);
    for (std::size_t k = 0; k < origins[g].callers.size(); ++k) {
        auto [caller, ret] = origins[g].callers[k];
        reach({ret, items[caller].key.origin, v}, items[caller].cost + c.cost, caller, NONE, i);
    }
}

bool Chart::completable() {
    u32 from = lexemes.begin();
    if (from == NONE) return false;  // the first byte begins no lexeme
    u32 blank_cost = m.nullable ? blank(from) : NONE;
    if (m.start_box != NONE && blank_cost != 0) {
        origins.emplace_back();
        origins[0].entry = NONE;  // leading blanks are skipped here
        reach({m.entry[m.start_box], 0, from}, 0, NONE, NONE, NONE);
        while (goal == NONE && lowest < blank_cost && settle_next()) {}
    }
    only_blank = blank_cost != NONE && (goal == NONE || blank_cost < items[goal].cost);
    return only_blank || goal != NONE;
}

bool Chart::settle_next() {
    while (lowest < queue.size() && queue[lowest].empty()) ++lowest;
    if (lowest >= queue.size()) return false;
    u32 i = queue[lowest].back();
    queue[lowest].pop_back();
    if (!items[i].done && items[i].cost == lowest) settle(i);
    return true;
}

std::vector<u32> Chart::ends(u32 state, u32 spot) {
    if (origins.empty()) origins.emplace_back();          // the sentence's own origin is not used here
    u32 g = origin(FREE | state, spot);                   // a box that is entered in the middle
    reach({state, g, spot}, 0, NONE, NONE, NONE);
    while (settle_next()) {}
    std::vector<u32> out;
    for (u32 i : origins[g].ends) out.push_back(items[i].key.spot);
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

u64 Suffix::key(u32 ret, u32 node, u32 spot) {
    u64 at = u64(ret) << 32 | node;
    u32 place = places.find(at);
    if (place == NONE) places.put(at, place = place_count++);
    return u64(place) << 32 | spot;
}

// Where the rest of a box may end, by its number in end_lists.
u32 Suffix::ends(u32 ret, u32 spot) {
    u64 at = u64(ret) << 32 | spot;
    u32 list = known_ends.find(at);
    if (list != NONE) return list;
    auto found = chart.ends(ret, spot);
    known_ends.put(at, list = u32(end_lists.size()));
    end_lists.push_back(std::move(found));
    return list;
}

bool Suffix::can(Frontiers& f, u32 ret, u32 node, u32 spot) {
    struct Frame {
        u64 key;
        u32 node, list;
        std::size_t end = 0, below = 0;  // what comes next
    };
    const auto& stacks = f.stacks();
    const u64 wanted = key(ret, node, spot);
    if (u32 known = verdicts.find(wanted); known != NONE) return known != 0;
    std::vector<Frame> open{{wanted, node, ends(ret, spot)}};  // deep stacks must not be a deep recursion
    while (!open.empty()) {
        Frame top = open.back();
        bool yes = false, waits = false;
        while (!yes && !waits && top.end < end_lists[top.list].size()) {
            u32 w = end_lists[top.list][top.end];
            Below b = stacks.begin(top.node)[top.below];
            u64 next = 0;
            u32 verdict = b.ret >= f.m.states() ? u32(at_end(w)) : verdicts.find(next = key(b.ret, b.node, w));
            if (verdict == NONE) {
                waits = true;
                open.back() = top;
                open.push_back({next, b.node, ends(b.ret, w)});
            } else {
                yes = verdict != 0;
                if (++top.below == stacks.size(top.node)) top.below = 0, ++top.end;
            }
        }
        if (waits) continue;
        if (++decided > max_items) throw LimitFault("the texts around a hole are nested too deeply", max_items, decided, "raise max_items");
        verdicts.put(top.key, yes);
        open.pop_back();
    }
    return verdicts.find(wanted) != 0;
}

// The end of the sentence, or nothing but ignored lexemes before it.
bool Suffix::at_end(u32 spot) {
    std::vector<u32> todo{spot}, seen{spot};
    while (!todo.empty()) {
        u32 v = todo.back();
        todo.pop_back();
        if (lexemes->at_end(v)) return true;
        for (auto hop : lexemes->skips(v))
            if (std::find(seen.begin(), seen.end(), hop.spot) == seen.end()) seen.push_back(hop.spot), todo.push_back(hop.spot);
    }
    return false;
}

void Suffix::forget(const Frontiers& f) {
    if (generation == f.generation()) return;
    generation = f.generation();
    places.clear(), verdicts.clear(), place_count = 0, decided = 0;
}

bool Suffix::joins(Frontiers& f, u32 frontier) {
    forget(f);
    std::vector<Item> items(f.begin(frontier), f.begin(frontier) + f.size(frontier));
    for (const Item& it : items) {
        if (it.term == END) {
            if (lexemes->at_end(0)) return true;
            continue;
        }
        for (auto hop : lexemes->open(it.term, it.q))
            if (can(f, it.ret, it.node, hop.spot)) return true;
    }
    return false;
}

bool Suffix::accepts(Frontiers& f, u32 frontier, u32 spot) {
    std::vector<Item> items(f.begin(frontier), f.begin(frontier) + f.size(frontier));
    std::vector<u32> todo{spot}, seen{spot};
    while (!todo.empty()) {
        u32 v = todo.back();
        todo.pop_back();
        for (const Item& it : items) {
            if (it.term == END) {
                if (lexemes->at_end(v)) return true;
                continue;
            }
            for (auto hop : lexemes->hops(v, it.term))
                if (can(f, it.ret, it.node, hop.spot)) return true;
        }
        for (auto hop : lexemes->skips(v))
            if (std::find(seen.begin(), seen.end(), hop.spot) == seen.end()) seen.push_back(hop.spot), todo.push_back(hop.spot);
    }
    return false;
}

bool Suffix::joins(Frontiers& f, const Lexer& lexer, u32 x, u32 frontier) {
    forget(f);
    if (x == Lexer::BEGIN) {
        u32 spot = lexemes->begin();
        return spot != NONE && accepts(f, frontier, spot);
    }
    auto found = lexemes->open(x);
    for (auto& [label, hop] : found) {
        if (lexer.may_ignore(label) && accepts(f, frontier, hop.spot)) return true;
        const auto& win = lexer.winners(label);
        std::vector<Item> items(f.begin(frontier), f.begin(frontier) + f.size(frontier));
        for (const Item& it : items)
            if (it.term != END && std::binary_search(win.begin(), win.end(), it.term) && can(f, it.ret, it.node, hop.spot)) return true;
    }
    return false;
}

// The fewest bytes with which ignored lexemes alone fill the canvas, or NONE; such a filling is kept.
u32 Chart::blank(u32 from) {
    std::map<u32, std::pair<u32, u32>> seen{{from, {0, NONE}}};  // spot -> cost, spot before
    std::vector<std::vector<u32>> due{{from}};
    for (u32 c = 0; c < due.size(); ++c)
        for (std::size_t i = 0; i < due[c].size(); ++i) {
            u32 v = due[c][i];
            if (seen[v].first != c) continue;
            if (lexemes.at_end(v)) {
                std::vector<u32> path;
                for (u32 x = v; x != NONE; x = seen[x].second) path.insert(path.begin(), x);
                for (std::size_t k = 0; k + 1 < path.size(); ++k) lexemes.spell(path[k], NONE, path[k + 1], blanks);
                return c;
            }
            for (auto hop : lexemes.skips(v)) {
                u32 cost = c + hop.cost;
                auto [it, fresh] = seen.try_emplace(hop.spot, std::make_pair(cost, v));
                if (!fresh && it->second.first <= cost) continue;
                it->second = {cost, v};
                if (due.size() <= cost) due.resize(cost + 1);
                due[cost].push_back(hop.spot);
            }
        }
    return NONE;
}

Filled Chart::witness() {
    if (only_blank) return blanks;
    // an explicit stack: derivations can be deep. Steps are gathered from the back.
    std::vector<Filled> parts;
    std::vector<u32> todo{goal};
    while (!todo.empty()) {
        u32 i = todo.back();
        todo.pop_back();
        const Cell& c = items[i];
        if (c.from == NONE) continue;
        todo.push_back(c.from);
        if (c.inner != NONE) {
            todo.push_back(c.inner);
        } else {
            parts.emplace_back();
            lexemes.spell(items[c.from].key.spot, c.term, c.key.spot, parts.back());
        }
    }
    Filled out;
    for (std::size_t k = parts.size(); k-- > 0;) {
        out.text += parts[k].text;
        out.hole.insert(out.hole.end(), parts[k].hole.begin(), parts[k].hole.end());
    }
    return out;
}

}  // namespace weft
