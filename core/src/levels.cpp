#include "levels.hpp"

namespace weft {

constexpr u32 DEEP = 300;  // elements, or stacked states, that one question may run through at once

Levels::Levels(std::shared_ptr<Moves> mv, std::shared_ptr<Stacks> st, std::vector<Place> start, std::vector<Pick> p, Joins j, u64 most)
    : moves(std::move(mv)), stacks(std::move(st)), picks(std::move(p)), joins(std::move(j)), wide(picks.size() + 1), right(picks.size() + 1), max_places(most) {
    changed = picks.size() + 1;
    fronts.push_back(std::make_shared<Front>());
    fronts[0]->places = std::move(start);
    count = fronts[0]->places.size();
}

Levels::Levels(const Levels& before, std::vector<Pick> p)
    : moves(before.moves), stacks(before.stacks), picks(std::move(p)), joins(before.joins), wide(picks.size() + 1), right(picks.size() + 1), max_places(before.max_places) {
    std::size_t n = picks.size(), same = 0;
    changed = n + 1;
    while (same < std::min(n, before.picks.size()) && picks[same].words == before.picks[same].words) ++same;
    fronts.assign(before.fronts.begin(), before.fronts.begin() + long(std::min(same + 1, before.fronts.size())));
    for (auto& f : fronts) count += f->places.size();
    // A live part is still right where nothing has changed to the right of it, and nothing new can come from the left.
    bool narrower = n == before.picks.size();
    for (std::size_t i = 0; i < n && narrower; ++i) {
        u32 now = picks[i].words, then = before.picks[i].words;
        narrower = now == then || now == WordSets::NOTHING || moves->words.holds(then, now);
    }
    if (!narrower) return;
    for (changed = n; changed > 0 && picks[changed - 1] == before.picks[changed - 1]; --changed) {}
    for (std::size_t i = changed; i <= n; ++i) right[i] = before.right[i], wide[i] = before.wide[i];
}

const Levels::Front& Levels::reach(std::size_t i) {
    while (fronts.size() <= i) {
        const Front& from = *fronts.back();
        u32 words = picks[fronts.size() - 1].words;
        auto to = std::make_shared<Front>();
        std::vector<Place>& found = to->places;
        auto add = [&](u32 open, u32 node) { found.push_back({open, node}); };
        FlatMap seen;
        auto apply = [&](u32 id, u32 node, const auto& self) -> void {  // calls itself as often as a word ends boxes
            u64 key = u64(id) << 32 | node;
            if (seen.find(key) != NONE) return;
            seen.put(key, 1);
            for (std::size_t k = 0; k < moves->at(id).outs.size(); ++k) {
                auto [list, open] = moves->at(id).outs[k];
                u32 top = node;
                for (std::size_t d = 0; d < moves->pushed().size(list); ++d) top = stacks->push(moves->pushed().begin(list)[d], top);
                add(open, top);
            }
            if (u32 up = moves->at(id).up; up != Moves::NOTHING)
                for (std::size_t k = 0; k < stacks->size(node); ++k) {
                    Below b = stacks->at(node, k);
                    if (u32 below = moves->summary(up, b.ret); below != NONE) self(below, b.node, self);
                }
        };
        if (words != WordSets::NOTHING)
            for (const Place& p : from.places) {
                Moves::Next n = moves->next(p.open, words);
                if (n.inner != NONE) add(n.inner, p.stacks);
                if (n.summary != NONE) apply(n.summary, p.stacks, apply);
            }
        tell_apart(found);
        count += to->places.size();
        if (count > max_places) throw LimitFault("the canvas has too many different readings", max_places, count, "raise max_states, or leave fewer slots open");
        fronts.push_back(std::move(to));
    }
    return *fronts[i];
}

// Places that differ in their lexemes only and share some: each lexical state once, those with equal stacks together.
void Levels::tell_apart(std::vector<Place>& places) {
    auto key = [&](const Place& p) { return u64(moves->place(p.open).term) << 32 | moves->place(p.open).ret; };
    std::sort(places.begin(), places.end(), [&](const Place& a, const Place& b) { return std::make_tuple(key(a), a.open, a.stacks) < std::make_tuple(key(b), b.open, b.stacks); });
    places.erase(std::unique(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.open == b.open && a.stacks == b.stacks; }), places.end());
    std::vector<Place> out;
    std::vector<std::pair<u32, u32>> states;  // (lexical state, stacks), then (stacks, lexical state)
    std::vector<u32> lexes, sets;
    for (std::size_t i = 0; i < places.size();) {
        std::size_t end = i + 1;
        while (end < places.size() && key(places[end]) == key(places[i])) ++end;
        if (end == i + 1) {
            out.push_back(places[i++]);
            continue;
        }
        states.clear();
        Moves::Open first = moves->place(places[i].open);
        for (; i < end; ++i) {
            u32 set = moves->place(places[i].open).lexes;
            for (std::size_t k = 0; k < moves->states().size(set); ++k) states.emplace_back(moves->states().begin(set)[k], places[i].stacks);
        }
        std::sort(states.begin(), states.end());
        states.erase(std::unique(states.begin(), states.end()), states.end());
        std::size_t n = 0;
        for (std::size_t k = 0; k < states.size();) {
            u32 x = states[k].first;
            for (sets.clear(); k < states.size() && states[k].first == x; ++k) sets.push_back(states[k].second);
            states[n++] = {stacks->unite(sets), x};
        }
        states.resize(n);
        std::sort(states.begin(), states.end());
        for (std::size_t k = 0; k < n;) {
            u32 node = states[k].first;
            for (lexes.clear(); k < n && states[k].first == node; ++k) lexes.push_back(states[k].second);
            out.push_back({moves->open(first.term, first.ret, lexes), node});
        }
    }
    places = std::move(out);
}

bool Levels::ends_before(std::size_t i) {
    if (i == picks.size() ? bool(joins) : !picks[i].may_end) return false;
    for (const Place& p : front(i))
        if (finished(p.open, p.stacks) != Stacks::NOTHING) return true;
    return false;
}

bool Levels::open() {
    std::size_t n = picks.size();
    // where the live parts are known, the pass from the left may end; it has to go past all that has changed
    std::size_t to = changed <= n && right[changed] ? changed : n;
    for (std::size_t i = 0; i < to; ++i)
        if (ends_before(i)) return true;
    for (const Place& p : front(to))
        if (kept(to, p.open, p.stacks) != Stacks::NOTHING) return true;
    return false;
}

// Finds the live parts from the right end on, so that no question has to run far.
void Levels::look_right(std::size_t i) {
    for (std::size_t k = picks.size() + 1; k-- > i;) {
        if (right[k]) continue;
        reach(picks.size());
        right[k] = std::make_shared<Live>(), wide[k] = fronts[k];
        for (std::size_t p = 0; p < fronts[k]->places.size(); ++p) live(k, fronts[k]->places[p].open);
    }
    changed = std::min(changed, i);
}

void Levels::too_deep() {
    depth = 0;
    throw LimitFault("the canvas is nested too deeply", DEEP, DEEP + 1, "leave fewer slots open");
}

u32 Levels::live(std::size_t i, u32 open) {
    if (u32 known = right[i]->open.find(open); known != NONE) return known;
    Front& w = *wide[i];
    auto key = [&](u32 id) { return u64(moves->place(id).term) << 32 | moves->place(id).ret; };
    if (w.places.size() && w.together.find(key(w.places[0].open)) == NONE)
        for (const Place& p : w.places) {
            u32 all = w.together.find(key(p.open));
            if (all == NONE) w.together.put(key(p.open), p.stacks);
            else w.together.set(key(p.open), stacks->unite(all, p.stacks));
        }
    u32 all = w.together.find(key(open));
    if (++depth > DEEP) too_deep();
    u32 part = all == NONE ? u32(Stacks::NOTHING) : kept(i, open, all);
    --depth;
    right[i]->open.put(open, part);
    return part;
}

u32 Levels::kept(std::size_t i, u32 open, u32 node) {
    if (i == picks.size()) return joins ? joins(open, node) : finished(open, node);
    u32 out = picks[i].may_end ? finished(open, node) : u32(Stacks::NOTHING);
    if (picks[i].words == WordSets::NOTHING) return out;
    Moves::Next n = moves->next(open, picks[i].words);
    if (n.inner != NONE) out = stacks->unite(out, stacks->meet(node, live(i + 1, n.inner)));
    if (n.summary != NONE) out = stacks->unite(out, kept_by(i, n.summary, node));
    return out;
}

u32 Levels::kept_by(std::size_t i, u32 id, u32 node) {
    u64 key = u64(id) << 32 | node;
    if (u32 known = right[i]->by.find(key); known != NONE) return known;
    u32 base = right[i]->base.find(id);
    if (base == NONE) {
        std::vector<u32> bases;
        for (std::size_t k = 0; k < moves->at(id).outs.size(); ++k) {
            auto [list, open] = moves->at(id).outs[k];
            u32 part = live(i + 1, open);
            for (std::size_t d = moves->pushed().size(list); d-- > 0;) part = stacks->pop(part, moves->pushed().begin(list)[d]);
            bases.push_back(part);
        }
        base = stacks->unite(bases);
        right[i]->base.put(id, base);
    }
    u32 out = stacks->meet(node, base);
    if (u32 up = moves->at(id).up; up != Moves::NOTHING) {
        std::vector<Below> parts;
        for (std::size_t k = 0; k < stacks->size(node); ++k) {
            Below b = stacks->at(node, k);
            if (u32 below = moves->summary(up, b.ret); below != NONE) parts.push_back({b.ret, kept_by(i, below, b.node)});
        }
        out = stacks->unite(out, stacks->of(parts));
    }
    right[i]->by.put(key, out);
    return out;
}

u32 Levels::finished(u32 open, u32 node) {
    if (!moves->may_end(open)) return Stacks::NOTHING;
    return moves->place(open).term == END ? node : finals(moves->place(open).ret, node);
}

u32 Levels::finals(u32 ret, u32 node) {
    if (ret == Frontiers::ACCEPT) return node;
    if (!moves->m.is_final[ret]) return Stacks::NOTHING;
    u64 key = u64(ret) << 32 | node;
    if (u32 known = final_parts.find(key); known != NONE) return known;
    if (++depth > DEEP) too_deep();
    std::vector<Below> parts;
    for (std::size_t k = 0; k < stacks->size(node); ++k) {
        Below b = stacks->at(node, k);
        parts.push_back({b.ret, finals(b.ret, b.node)});
    }
    --depth;
    u32 out = stacks->of(parts);
    final_parts.put(key, out);
    return out;
}

}  // namespace weft
