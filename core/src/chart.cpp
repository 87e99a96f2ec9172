#include "chart.hpp"

#include <map>

namespace weft {

namespace {

constexpr u32 CLOSURE_STATES = 200'000;  // states of one terminal that a hole may have to visit

// A run of an automaton along the chain, with the cheapest cost per state; the same code for terminals and for the lexer.
// Step: (state, byte) -> state or DEAD.
struct Frame {
    std::map<u32, u32> cost;  // state -> bytes taken from holes so far
};

template <class Step>
void close_loop(Frame& f, const Step& step) {  // any bytes, one unit of cost each
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
                auto [it, fresh] = f.cost.try_emplace(t, c + 1);
                if (!fresh && it->second <= c + 1) continue;
                it->second = c + 1;
                if (f.cost.size() > CLOSURE_STATES) throw LimitFault("a hole can hold too many states of one terminal", CLOSURE_STATES, f.cost.size());
                add(c + 1, t);
            }
        }
}

// Cheapest bytes that lead from `from` at place `at` to `to` at place `end` (both after closing loops): Dijkstra with parents,
// over (place, state).
template <class Step>
std::string spell_run(const Chain& chain, u32 at, u32 from, u32 end, u32 to, const Step& step) {
    struct Seen {
        u32 cost, place, state;
        int byte;
    };
    std::map<std::pair<u32, u32>, Seen> seen{{{at, from}, {0, at, from, -1}}};
    std::vector<std::vector<std::pair<u32, u32>>> due(1);
    due[0].emplace_back(at, from);
    for (u32 c = 0; c < due.size(); ++c)
        for (std::size_t i = 0; i < due[c].size(); ++i) {
            auto [p, s] = due[c][i];
            if (seen[{p, s}].cost != c) continue;
            if (p == end && s == to) {
                std::string out;
                for (std::pair<u32, u32> x{p, s}; seen[x].byte >= 0; x = {seen[x].place, seen[x].state}) out.push_back(char(seen[x].byte));
                return {out.rbegin(), out.rend()};
            }
            auto go = [&](u32 q, u8 b, u32 cost) {
                u32 t = step(s, b);
                if (t == DEAD) return;
                auto [it, fresh] = seen.try_emplace({q, t}, Seen{cost, p, s, b});
                if (!fresh) {
                    if (it->second.cost <= cost) return;
                    it->second = {cost, p, s, b};
                }
                if (due.size() <= cost) due.resize(cost + 1);
                due[cost].emplace_back(q, t);
            };
            if (p < end && p + 1 < chain.places()) go(p + 1, u8(chain.bytes[p]), c);
            if (chain.loop[p])
                for (int b = 32; b < 32 + 256; ++b) go(p, u8(b), c + 1);  // printable characters first
        }
    return "";
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
        if (fresh) it->second = run(spot, *m.terminals[term]);
        return it->second;
    }
    std::string spell(u32 from, u32 term, u32 to) override {
        const Terminal& t = *m.terminals[term];
        // the cheapest accepting state at `to`: found by trying them all, which is rare and short
        Frame best;
        std::string out;
        bool found = false;
        for (u32 q : accepting(t, from, to)) {
            std::string s = spell_run(chain, from, t.start, to, q, [&](u32 x, u8 b) { return t.step(x, b); });
            if (!found || s.size() < out.size()) out = s, found = true;
        }
        return out;
    }

  private:
    template <class End>
    void simulate(u32 spot, const Terminal& t, const End& end) {
        if (t.special != NONE || t.never) return;
        auto step = [&](u32 s, u8 b) { return t.step(s, b); };
        Frame f;
        f.cost[t.start] = 0;
        bool moved = false;
        for (u32 p = spot;; ++p) {
            if (chain.loop[p]) {
                Frame start = f;
                close_loop(f, step);
                // a state that was there before any byte counts as read only if it is reached again
                if (!moved) end(p, f, &start);
                else end(p, f, nullptr);
            } else if (moved) {
                end(p, f, nullptr);
            }
            if (p + 1 >= chain.places()) return;
            Frame next;
            for (auto [s, c] : f.cost)
                if (u32 q = t.step(s, u8(chain.bytes[p])); q != DEAD) {
                    auto [it, fresh] = next.cost.try_emplace(q, c);
                    if (!fresh) it->second = std::min(it->second, c);
                }
            if (next.cost.empty()) return;
            f = std::move(next);
            moved = true;
        }
    }
    std::vector<Hop> run(u32 spot, const Terminal& t) {
        std::vector<Hop> out;
        simulate(spot, t, [&](u32 p, const Frame& f, const Frame* unread) {
            u32 best = NONE;
            for (auto [s, c] : f.cost) {
                if (!t.accepts(s)) continue;
                if (unread && c == 0) c = again(t);  // the start accepts: take the shortest non-empty lexeme
                best = std::min(best, c);
            }
            if (best != NONE) out.push_back({p, best});
        });
        return out;
    }
    std::vector<u32> accepting(const Terminal& t, u32 from, u32 to) {
        std::vector<u32> out;
        simulate(from, t, [&](u32 p, const Frame& f, const Frame*) {
            if (p != to) return;
            u32 best = NONE;
            for (auto [s, c] : f.cost)
                if (t.accepts(s) && c < best) best = c;
            for (auto [s, c] : f.cost)
                if (t.accepts(s) && c == best) out.push_back(s);
        });
        return out;
    }
    u32 again(const Terminal& t) {  // fewest bytes, at least one, from the start back to accepting
        u32 best = NONE;
        Frame f;
        for (int b = 0; b < 256; ++b)
            if (u32 q = t.step(t.start, u8(b)); q != DEAD) f.cost[q] = 1;
        close_loop(f, [&](u32 s, u8 b) { return t.step(s, b); });
        for (auto [s, c] : f.cost)
            if (t.accepts(s)) best = std::min(best, c);
        return best;
    }
    const Machine& m;
    const Chain& chain;
    std::unordered_map<u64, std::vector<Hop>> known;
    std::vector<Hop> none;
};

// With a lexer a spot is a place and the lexer state in which the lexeme before it ended: that one carries the obligations.
class LexedLexemes : public Lexemes {
  public:
    LexedLexemes(const Machine& machine, const Chain& c, Lexer& l) : m(machine), chain(c), lexer(l), blanks(find_blanks()) {
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
                const auto& win = m.winners[label - 1];
                if (std::binary_search(win.begin(), win.end(), term)) put(it->second, hop);
            }
        return it->second;
    }
    std::string spell(u32 from, u32 term, u32 to) override {
        std::string best;
        bool found = false;
        const Spot a = spots[from];
        // every lexer state in which the lexeme may have ended at that spot
        std::vector<std::pair<u32, u32>> targets;
        simulate(from, [&](u32 place, u32 x, u32) {
            u32 label = lexer.label(x);
            bool wanted = term == NONE ? lexer.may_ignore(label) : std::binary_search(m.winners[label - 1].begin(), m.winners[label - 1].end(), term);
            if (wanted && spot_after(place, x) == to) targets.emplace_back(place, x);
        });
        for (auto [place, x] : targets) {
            std::string s = spell_run(chain, a.place, AT_START, place, x, [&](u32 y, u8 b) { return y == AT_START ? first(a, b) : lexer.move(y, b).go; });
            if (!found || s.size() < best.size()) best = s, found = true;
        }
        return best;
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
        Lexer::Move mv = lexer.move(s.x, b);
        return s.x == Lexer::BEGIN ? mv.go : mv.next;
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
        u32 fresh = lexer.move(Lexer::BEGIN, b).go;
        return number(place, y == fresh ? u32(Lexer::BEGIN) : x);
    }
    template <class End>
    void simulate(u32 s, const End& end) {  // end(place, lexer state, cost) wherever the lexeme may end
        const Spot from = spots[s];
        auto go = [&](u32 x, u8 b) { return lexer.move(x, b).go; };
        Frame f;
        for (u32 p = from.place;; ++p) {
            Frame next;
            if (chain.loop[p]) {
                if (p == from.place)
                    for (int b = 0; b < 256; ++b)
                        if (u32 y = first(from, u8(b)); y != DEAD) f.cost[y] = 1;
                close_loop(f, go);
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
            if (p == from.place)
                if (u32 y = first(from, b); y != DEAD) next.cost[y] = 0;
            if (next.cost.empty()) return;
            f = std::move(next);
        }
    }
    Ends& ends(u32 s) {
        if (!found[s].known) {
            std::vector<std::pair<u32, Hop>> all;
            std::map<std::pair<u32, u32>, u32> best;  // (label, spot) -> cost
            simulate(s, [&](u32 place, u32 x, u32 cost) {
                u32 to = spot_after(place, x);
                if (to == NONE) return;
                auto [it, fresh] = best.try_emplace({lexer.label(x), to}, cost);
                if (!fresh) it->second = std::min(it->second, cost);
            });
            for (auto& [key, cost] : best) all.push_back({key.first, {key.second, cost}});
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
            for (u8 b : blanks) it->second = it->second || (lexer.move(x, b).next != DEAD && lexer.move(x, b).next == lexer.move(Lexer::BEGIN, b).go);
        return it->second;
    }
    std::vector<u8> find_blanks() {
        const Dfa& d = m.scan;
        std::vector<u8> out;
        for (int b = 0; b < 256 && !d.empty(); ++b) {
            u32 blank = d.step(d.start, u8(b));
            if (blank == DEAD || !d.accept[blank] || !lexer.only_ignored(d.label[blank])) continue;
            bool parts = true;
            for (int c = 0; c < 256 && parts; ++c)  // what continues it begins nothing but blanks
                if (d.step(blank, u8(c)) != DEAD) {
                    u32 t = d.step(d.start, u8(c));
                    if (t != DEAD) parts = d.accept[t] && lexer.only_ignored(d.label[t]) && d.hash[t] == d.hash[blank];
                }
            if (parts) out.push_back(u8(b));
        }
        return out;
    }
    const Machine& m;
    const Chain& chain;
    Lexer& lexer;
    std::vector<u8> blanks;
    std::unordered_map<u32, bool> paid;
    u32 start = 0;
    std::vector<Spot> spots;
    std::deque<Ends> found;
    std::unordered_map<u64, u32> ids;
};

}  // namespace

std::unique_ptr<Lexemes> make_lexemes(const Machine& m, const Chain& chain, Lexer* lexer) {
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
    if (m.nullable && blank(from)) return true;
    if (m.start_box == NONE) return false;
    origins.emplace_back();
    origins[0].entry = NONE;  // leading blanks are skipped here
    reach({m.entry[m.start_box], 0, from}, 0, NONE, NONE, NONE);
    while (goal == NONE) {
        while (lowest < queue.size() && queue[lowest].empty()) ++lowest;
        if (lowest >= queue.size()) return false;
        u32 i = queue[lowest].back();
        queue[lowest].pop_back();
        if (!items[i].done && items[i].cost == lowest) settle(i);
    }
    return true;
}

// Whether ignored lexemes alone fill the canvas; if so, a shortest filling is kept.
bool Chart::blank(u32 from) {
    std::map<u32, std::pair<u32, u32>> seen{{from, {0, NONE}}};  // spot -> cost, spot before
    std::vector<std::vector<u32>> due{{from}};
    for (u32 c = 0; c < due.size(); ++c)
        for (std::size_t i = 0; i < due[c].size(); ++i) {
            u32 v = due[c][i];
            if (seen[v].first != c) continue;
            if (lexemes.at_end(v)) {
                std::vector<u32> path;
                for (u32 x = v; x != NONE; x = seen[x].second) path.insert(path.begin(), x);
                for (std::size_t k = 0; k + 1 < path.size(); ++k) blanks += lexemes.spell(path[k], NONE, path[k + 1]);
                only_blank = true;
                return true;
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
    return false;
}

std::string Chart::witness() {
    if (only_blank) return blanks;
    // an explicit stack: derivations can be deep. Steps are gathered from the back.
    std::vector<std::string> parts;
    std::vector<u32> todo{goal};
    while (!todo.empty()) {
        u32 i = todo.back();
        todo.pop_back();
        const Cell& c = items[i];
        if (c.from == NONE) continue;
        if (c.inner != NONE) {
            todo.push_back(c.from);
            todo.push_back(c.inner);
        } else {
            parts.push_back(lexemes.spell(items[c.from].key.spot, c.term, c.key.spot));
            todo.push_back(c.from);
        }
    }
    std::string out;
    for (std::size_t k = parts.size(); k-- > 0;) out += parts[k];
    return out;
}

}  // namespace weft
