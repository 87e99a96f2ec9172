#include "spots.hpp"

namespace weft {

namespace {

class PlainSpots : public Spots {
  public:
    PlainSpots(const Machine& machine, const Chain& c, Holes& h) : Spots(c, h), m(machine) {}
    u32 begin() override { return 0; }
    u32 count() const override { return chain.places(); }
    bool reads(u32 spot) override { return !at_end(spot) || chain.loop[spot]; }
    void scan(u32 spot, u32 state, std::vector<Hop>& out) override {
        const u64* begin = chain.loop[spot] ? nullptr : holes.beginning(u8(chain.bytes[spot]));
        const Machine::Target *scan = m.scans.data() + m.scan_at[state], *last = m.scans.data() + m.scan_at[state + 1];
        for (; scan != last; ++scan) {
            const auto [term, after] = *scan;
            if (begin && !has_bit(begin, term)) continue;  // most of them
            u32 list = ends(spot, term, m.terminals[term]->start, true);
            for (const u32 *p = known.begin(list), *end = known.end(list); p != end; ++p) out.push_back({after, *p});
        }
    }
    void scan(u32 spot, const Holes::Passage& p, std::vector<Hop>& out) override {
        if (at_end(spot)) return;
        const u64* reading = holes.reading(u8(chain.bytes[spot]));
        for (auto [term, after] : p.reads) {
            if (!has_bit(reading, term)) continue;  // most of them
            u32 list = ends(spot, term, m.terminals[term]->start, true);
            for (const u32 *to = known.begin(list), *end = known.end(list); to != end; ++to)
                if (*to != spot) out.push_back({after, *to});
        }
    }
    void read(u32 spot, u32 term, std::vector<u32>& out) override {
        u32 list = ends(spot, term, m.terminals[term]->start, true);
        out.insert(out.end(), known.begin(list), known.end(list));
    }
    void skip(u32, std::vector<u32>&) override {}
    void open(u32 term, u32 q, std::vector<u32>& out) override {
        u32 list = ends(0, term, q, false);
        out.insert(out.end(), known.begin(list), known.end(list));
    }
    void open(u32, std::vector<Edge>&, std::vector<u32>&) override {}
    u32 in_first_hole(u32) override { return 0; }
    TermBits across() override { return {}; }
    bool may_be(const Edge& e, u32 term) const override { return e.terms == term; }

  private:
    bool owes_nothing(u32) const override { return true; }
    const u64* look(u32 spot) override {
        if (chain.loop[spot]) return nullptr;
        next_byte = {};
        if (!at_end(spot)) next_byte.add(u8(chain.bytes[spot]));
        return next_byte.w;
    }
    // Where terminal t may end that is in state q at `spot`; a fresh one reads at least one byte.
    u32 ends(u32 spot, u32 term, u32 q, bool fresh) {
        if (fresh && latest[term].first == spot) return latest[term].second;
        FlatMap& ids = fresh ? by_spot : by_state;
        u64 key = fresh ? u64(spot) << 32 | term : u64(term) << 32 | q;
        u32 list = ids.find(key);
        if (list == NONE) {
            found.clear();
            run(spot, term, q, fresh);
            ids.put(key, list = known.add(found));
        }
        if (fresh) latest[term] = {spot, list};
        return list;
    }
    void run(u32 p, u32 term, u32 q, bool fresh) {
        const Terminal& t = *m.terminals[term];
        if (t.special != NONE || t.never || (fresh && !t.goes_on(q))) return;
        if (!chain.loop[p]) {
            if (!fresh && t.accepts(q)) found.push_back(p);
            if ((q = run_text(p, t, q)) == DEAD) return;
            fresh = false;
        }
        if (t.is_chain()) run_counted(p, t, q, fresh);
        else run_on(p, term, q, fresh);
    }
    // One state, as long as no hole comes: the one in which it comes to one, or DEAD.
    u32 run_text(u32& p, const Terminal& t, u32 q) {
        return t.with_steps([&](auto step, auto accepts) {
            while (p + 1 < chain.places() && (q = step(q, u8(chain.bytes[p]))) != DEAD) {
                ++p, effort.spend(1);
                if (chain.loop[p]) return q;
                if (accepts(q)) found.push_back(p);
            }
            return DEAD;
        });
    }
    // From a hole on, where nothing is counted. A lexeme that begins there may be in any state at its end.
    void run_on(u32 p, u32 term, u32 q, bool fresh) {
        const Terminal& t = *m.terminals[term];
        for (now.assign(1, fresh ? Holes::ANY : q);;) {
            if (!t.literal.empty()) {
                found.push_back(p);
                if (p + 1 >= chain.places()) return;
                const u32 from = now[0] == Holes::ANY ? 0 : *std::min_element(now.begin(), now.end());
                effort.spend(t.literal.size());
                now.clear();
                for (std::size_t s = from; s < t.literal.size(); ++s)
                    if (t.literal[s] == chain.bytes[p]) now.push_back(u32(s) + 1);
                ++p;
            } else {
                Holes::Open& open = holes.of_terminal(term, now);
                effort.spend(open.dfa->classes + (now[0] == Holes::ANY ? t.states : 16 * open.states.size()));
                if (open.ends) found.push_back(p);
                if (p + 1 >= chain.places()) return;
                holes.step(open, u8(chain.bytes[p++]), now);
            }
            while (!chain.loop[p]) {
                if (now.empty()) return;
                if (now.size() == 1) {
                    if (t.accepts(now[0])) found.push_back(p);
                    if ((now[0] = run_text(p, t, now[0])) == DEAD) return;
                    break;
                }
                if (std::any_of(now.begin(), now.end(), [&](u32 s) { return t.accepts(s); })) found.push_back(p);
                if (p + 1 >= chain.places()) return;
                u8 b = u8(chain.bytes[p++]);
                effort.spend(now.size());
                next.clear();
                for (u32 s : now)
                    if (u32 to = t.step(s, b); to != DEAD) next.add(to);
                now.swap(next.members);
            }
            if (now.empty()) return;
        }
    }
    void run_counted(u32 p, const Terminal& t, u32 q, bool fresh) {
        const Counted first = t.counted(q);
        auto step = [&](const Counted& s, int byte, CountedSet& to) {
            stepped.clear();
            t.step(s, byte, stepped);
            for (const Counted& x : stepped) to.add(x);
        };
        CountedSet now, next;
        if (fresh) step(first, Terminal::ANY, now);
        else now.add(first);
        for (;; fresh = false) {
            if (chain.loop[p])
                for (std::size_t i = 0; i < now.members.size(); ++i) {
                    effort.spend(16);
                    step(now.members[i], Terminal::ANY, now);
                    if (now.members.size() > CLOSURE_STATES)
                        throw LimitFault("a hole can hold too many states of one terminal", CLOSURE_STATES, now.members.size());
                }
            if (std::any_of(now.members.begin(), now.members.end(), [&](const Counted& s) { return t.accepts(s); })) found.push_back(p);
            if (p + 1 >= chain.places()) return;
            u8 b = u8(chain.bytes[p++]);
            effort.spend(now.members.size());
            next.clear();
            for (const Counted& s : now.members) step(s, b, next);
            if (fresh) step(first, b, next);
            if (next.members.empty()) return;
            std::swap(now, next);
        }
    }
    const Machine& m;
    FlatMap by_spot, by_state;
    std::vector<std::pair<u32, u32>> latest = std::vector<std::pair<u32, u32>>(m.terminals.size(), {NONE, 0});  // per terminal: the spot it was run from last, and the list
    Lists known;
    std::vector<u32> found;
    ByteSet next_byte;
    std::vector<u32> now;
    StateSet next;
    std::vector<Counted> stepped;
};

class LexedSpots : public Spots {
  public:
    LexedSpots(const Machine& machine, const Chain& c, Holes& h) : Spots(c, h), m(machine), lexer(*h.lexer) {
        labels = u32(machine.winners.size()) + 1;
        start = after(0, Lexer::BEGIN);
    }
    u32 begin() override { return start; }
    u32 count() const override { return u32(demands.size()); }
    bool reads(u32 spot) override { return closed(spot).reads; }
    void scan(u32 spot, u32 state, std::vector<Hop>& out) override {
        const Ends e = closed(spot);
        for (u32 k = m.scan_at[state]; k < m.scan_at[state + 1]; ++k)
            for (u32 i = e.from; i < e.to; ++i)
                if (may_be(edges[i], m.scans[k].symbol))
                    if (u32 to = ahead(edges[i].spot); to != NONE) out.push_back({m.scans[k].state, to});
    }
    void scan(u32 spot, const Holes::Passage& p, std::vector<Hop>& out) override {
        const Ends e = closed(spot);
        for (u32 i = e.from; i < e.to; ++i) {
            u32 to = edges[i].spot == spot ? u32(NONE) : ahead(edges[i].spot);
            if (to == NONE) continue;
            const TermBits& may = terms(edges[i]);
            for (auto& [after, some] : p.scans)
                if (meets(may, some)) out.push_back({after, to});
        }
    }
    void read(u32 spot, u32 term, std::vector<u32>& out) override {
        const Ends e = closed(spot);
        for (u32 i = e.from; i < e.to; ++i)
            if (may_be(edges[i], term))
                if (u32 to = ahead(edges[i].spot); to != NONE) out.push_back(to);
    }
    void skip(u32 spot, std::vector<u32>& out) override { add_skips(closed(spot), out); }
    void open(u32, u32, std::vector<u32>&) override {}
    void open(u32 x, std::vector<Edge>& out, std::vector<u32>& ignored) override {
        u32 k = opened.find(x);
        if (k == NONE) {
            opened.put(x, k = u32(open_ends.size()));
            open_ends.push_back(gather([&] { run_open(x); }));
        }
        for (u32 i = open_ends[k].from; i < open_ends[k].to; ++i)
            if (u32 to = ahead(edges[i].spot); to != NONE) out.push_back({to, edges[i].terms});
        add_skips(open_ends[k], ignored);
    }
    u32 in_first_hole(u32 boundary) override { return number(0, boundary); }
    TermBits across() override {
        const Ends& e = of(start);
        TermBits out(lexer.winner_bits(0).size(), 0);
        for (u32 i = e.from; i < e.to; ++i)
            if (place(edges[i].spot) > 0)
                for (std::size_t k = 0; k < out.size(); ++k) out[k] |= terms(edges[i])[k];
        if (std::any_of(skips.begin() + e.skips_from, skips.begin() + e.skips_to, [&](u32 s) { return place(s) > 0; }))
            for (u32 t = 0; t < lexer.terminals(); ++t)
                if (lexer.is_ignored(t)) set_bit(out, t);
        return out;
    }
    bool may_be(const Edge& e, u32 term) const override { return has_bit(terms(e), term); }

  private:
    bool owes_nothing(u32 spot) const override { return demands[spot] == Lexer::BEGIN; }
    const u64* look(u32 spot) override {
        const Ends e = closed(spot);
        if (looked.size() < count()) looked.resize(count(), 0), nexts.resize(count() * words, 0);
        looked[spot] = 1;
        const bool any = is_free(spot) || e.skips_from != e.skips_to;
        for (std::size_t w = 0; w < words; ++w) {
            u64& row = nexts[spot * words + w] = any ? ~u64(0) : 0;
            for (u32 i = e.from; i < e.to; ++i) row |= terms(edges[i])[w];
        }
        return nexts.data() + spot * words;
    }
    const TermBits& terms(const Edge& e) const { return e.terms < labels ? lexer.winner_bits(e.terms) : sets[e.terms - labels]; }
    struct Ends {
        u32 from = NONE, to = 0, skips_from = 0, skips_to = 0;  // ranges of `edges` and `skips`
        bool reads = false;
        u32 ahead = UNKNOWN;
    };
    static constexpr u32 UNKNOWN = NONE - 1;
    u32 number(u32 place, u32 x) {
        u64 key = u64(place) << 32 | x;
        u32 spot = ids.find(key);
        if (spot == NONE) ids.put(key, spot = count()), demands.push_back(x), places.push_back(place), found.emplace_back(), all.emplace_back();
        return spot;
    }
    u32 after(u32 place, u32 x) {  // a lexeme that ended in state x; NONE when the next byte says that it had not ended
        if (chain.loop[place]) return number(place, holes.after(x));
        if (place + 1 == chain.places()) return number(place, Lexer::BEGIN);
        u8 b = u8(chain.bytes[place]);
        u32 y = x == Lexer::BEGIN ? lexer.go(x, b) : lexer.next(x, b);
        return y == DEAD ? NONE : number(place, y);
    }
    const Ends& of(u32 spot) {
        if (found[spot].from == NONE) {
            Ends e = gather([&] { run_from(place(spot), demands[spot]); });
            e.ahead = found[spot].ahead;
            found[spot] = e;
        }
        return found[spot];
    }
    // With what may be read behind ignored text that ends in fixed text; what is skipped then leads into a hole, or to the end.
    const Ends& closed(u32 spot) {
        if (all[spot].from != NONE) return all[spot];
        if (const Ends e = of(spot); e.skips_from == e.skips_to) return all[spot] = e;
        behind.clear();
        behind.add(spot);
        std::vector<u32> far;
        for (std::size_t i = 0; i < behind.members.size(); ++i) {
            const Ends e = of(behind.members[i]);
            for (u32 k = e.skips_from; k < e.skips_to; ++k) {
                u32 to = ahead(skips[k]);
                if (to == NONE) continue;
                if (in_hole(to) || at_end(to)) far.push_back(to);
                else behind.add(to);
            }
        }
        effort.spend(behind.members.size());
        Ends e = gather([&] {
            for (u32 v : behind.members) fresh_edges.insert(fresh_edges.end(), edges.begin() + found[v].from, edges.begin() + found[v].to);
            fresh_skips = far;
        });
        return all[spot] = e;
    }
    // The spot itself, or where it leads if nothing but ignored text can follow; NONE where nothing can. Half of all spots in a
    // program stand before a blank: whatever ends there need not be looked at twice.
    u32 ahead(u32 spot) {
        u32 v = spot;
        while (found[v].ahead == UNKNOWN && !is_free(v) && !at_end(v)) {
            const Ends e = of(v);
            if (e.reads || e.skips_to - e.skips_from > 1) break;
            if ((v = e.skips_from == e.skips_to ? NONE : skips[e.skips_from]) == NONE) break;
        }
        if (v != NONE && found[v].ahead != UNKNOWN) v = found[v].ahead;
        return found[spot].ahead = v;
    }
    void add_skips(const Ends e, std::vector<u32>& out) {
        for (u32 i = e.skips_from; i < e.skips_to; ++i)
            if (u32 to = ahead(skips[i]); to != NONE) out.push_back(to);
    }
    template <class Run>
    Ends gather(const Run& run) {
        fresh_edges.clear(), fresh_skips.clear();
        const u32 own = labels + u32(sets.size());
        run();
        if (fresh_edges.size() > 2) unite_edges(own);
        Ends e{u32(edges.size()), 0, u32(skips.size()), 0, !fresh_edges.empty()};
        edges.insert(edges.end(), fresh_edges.begin(), fresh_edges.end());
        sort_unique(fresh_skips);
        skips.insert(skips.end(), fresh_skips.begin(), fresh_skips.end());
        e.to = u32(edges.size()), e.skips_to = u32(skips.size());
        return e;
    }
    void unite_edges(u32 own) {  // one for each spot; `terms` from `own` on are no other's
        std::sort(fresh_edges.begin(), fresh_edges.end(), [](const Edge& a, const Edge& b) { return std::tie(a.spot, a.terms) < std::tie(b.spot, b.terms); });
        std::size_t n = 0;
        for (const Edge& e : fresh_edges) {
            if (n == 0 || fresh_edges[n - 1].spot != e.spot) {
                fresh_edges[n++] = e;
                continue;
            }
            Edge& to = fresh_edges[n - 1];
            if (to.terms < own) sets.push_back(terms(to)), to.terms = labels + u32(sets.size()) - 1;
            for (std::size_t w = 0; w < words; ++w) sets[to.terms - labels][w] |= terms(e)[w];
        }
        fresh_edges.resize(n);
    }
    void end(u32 place, u32 x) {  // in text
        u32 label = lexer.label(x);
        if (!label) return;
        u32 spot = after(place, x);
        if (spot == NONE) return;
        if (lexer.may_ignore(label)) fresh_skips.push_back(spot);
        if (lexer.only_ignored(label)) return;
        for (std::size_t k = fresh_edges.size(); k-- > 0 && places[fresh_edges[k].spot] == place;)
            if (fresh_edges[k].spot == spot && fresh_edges[k].terms == label) return;
        fresh_edges.push_back({spot, label});
    }
    void end_inside(u32 place, const Holes::Inside& inside, bool skips_help = true) {
        for (auto& e : inside.ends) {
            if (!e.read && !skips_help) continue;
            u32 spot = number(place, e.after);
            if (e.ignored && skips_help) fresh_skips.push_back(spot);
            if (!e.read) continue;
            auto same = std::find_if(fresh_edges.begin(), fresh_edges.end(), [&](const Edge& f) { return f.spot == spot; });
            if (same == fresh_edges.end()) {
                fresh_edges.push_back({spot, labels + u32(sets.size())});
                sets.push_back(e.terms);
            } else {
                for (std::size_t k = 0; k < e.terms.size(); ++k) sets[same->terms - labels][k] |= e.terms[k];
            }
        }
    }
    void run_from(u32 p, u32 x) {
        if (!chain.loop[p]) {
            if (p + 1 == chain.places()) return;
            run_one(p + 1, x);
            return;
        }
        const Holes::Inside& inside = holes.of_boundary(x);
        end_inside(p, inside, x != Lexer::BEGIN);  // where nothing is owed, ignored text in the hole changes nothing
        now = inside.states;
        u32 first = DEAD;
        if (p + 1 < chain.places()) {
            u8 b = u8(chain.bytes[p]);
            first = x == Lexer::BEGIN ? lexer.go(x, b) : lexer.next(x, b);
        }
        run(p, first);
    }
    void run_open(u32 x) {
        if (!chain.loop[0]) {
            end(0, x);
            if (chain.places() == 1) return;
            u32 y = lexer.go(x, u8(chain.bytes[0]));
            if (y != DEAD) run_one(1, y);
            return;
        }
        const Holes::Inside& inside = holes.of_state(x);
        end_inside(0, inside);
        now = inside.states;
        run(0, DEAD);
    }
    void run_one(u32 p, u32 x) {  // a lexeme that is in state x at place p
        for (;; ++p) {
            if (chain.loop[p]) {
                const Holes::Inside& inside = holes.of_state(x);
                end_inside(p, inside);
                now = inside.states;
                return run(p, DEAD);
            }
            end(p, x);
            if (p + 1 == chain.places()) return;
            effort.spend(1);
            if ((x = lexer.go(x, u8(chain.bytes[p]))) == DEAD) return;
        }
    }
    // Those that are in the states `now` at place p, and one that is in state `first` after the next byte. Ends at p are known.
    void run(u32 p, u32 first) {
        while (p + 1 < chain.places()) {
            u8 b = u8(chain.bytes[p++]);
            effort.spend(now.size() + 1);
            next.clear();
            for (u32 x : now)
                if (u32 y = lexer.go(x, b); y != DEAD) next.add(y);
            if (first != DEAD) next.add(first), first = DEAD;
            if (next.members.empty()) return;
            if (!chain.loop[p]) {
                for (u32 x : next.members) end(p, x);
                now.swap(next.members);
                continue;
            }
            auto arrived = next.members;
            next.clear();
            for (u32 x : arrived) {
                if (!next.add(x)) continue;  // all that it leads to is there
                const Holes::Inside& inside = holes.of_state(x);
                effort.spend(inside.states.size());
                end_inside(p, inside);
                for (u32 y : inside.states) next.add(y);
            }
            now.swap(next.members);
        }
    }
    const Machine& m;
    const Lexer& lexer;
    u32 labels = 0, start = 0;
    std::vector<u32> demands;  // per spot: in a hole a boundary, in text the state after the next byte, BEGIN at the end
    std::vector<Ends> found, all, open_ends;  // found: of lexemes that begin at a spot; all: see `closed`
    FlatMap ids, opened;
    std::vector<Edge> edges, fresh_edges;
    std::vector<u32> skips, fresh_skips, now;
    std::vector<TermBits> sets;  // edges with `terms` from `labels` on
    StateSet next, behind;
};

}  // namespace

std::unique_ptr<Spots> make_spots(const Machine& m, const Chain& chain, Holes& holes) {
    if (m.lexer) return std::make_unique<LexedSpots>(m, chain, holes);
    return std::make_unique<PlainSpots>(m, chain, holes);
}

}  // namespace weft
