#include "levels.hpp"

namespace weft {

constexpr u32 DEEP = 300;  // elements, or stacked states, that one question may run through at once

Levels::Levels(std::shared_ptr<Moves> mv, std::shared_ptr<Stacks> st, std::vector<Place> start, std::vector<Pick> p, Right r, u64 most)
    : moves(std::move(mv)), stacks(std::move(st)), picks(std::move(p)), side(std::move(r)), wide(picks.size() + 1), right(picks.size() + 1), max_places(most) {
    changed = picks.size() + 1;
    fronts.push_back(std::make_shared<Front>());
    fronts[0]->places = std::move(start);
    count = fronts[0]->places.size();
}

Levels::Levels(const Levels& before, std::vector<Pick> p, std::size_t tail)
    : moves(before.moves), stacks(before.stacks), picks(std::move(p)), side(before.side), wide(picks.size() + 1), right(picks.size() + 1), max_places(before.max_places) {
    side.tail = tail;
    std::size_t n = picks.size(), same = 0;
    changed = n + 1;
    while (same < std::min(n, before.picks.size()) && picks[same].words == before.picks[same].words) ++same;
    fronts.assign(before.fronts.begin(), before.fronts.begin() + long(std::min(same + 1, before.fronts.size())));
    for (std::size_t i = 0; i < fronts.size(); ++i) count += i && fronts[i] == fronts[i - 1] ? 0 : fronts[i]->places.size();
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

Levels::Levels(Levels& before, std::vector<Pick> p, std::size_t at, std::size_t to) : Levels(before, std::move(p), before.side.tail) {
    const bool free = at >= side.tail;
    nearby = std::make_shared<Front>();
    nearby->places = front(at);
    if (!free) nearby->places.insert(nearby->places.end(), before.front(to).begin(), before.front(to).end());
    nearby_to = free ? picks.size() + 1 : to;
    for (std::size_t i = at; i <= picks.size(); ++i) {
        if (i < nearby_to) right[i] = nullptr;
        else before.live_at(i), right[i] = before.right[i], wide[i] = before.wide[i];
    }
    changed = at;
}

const Levels::Front& Levels::reach(std::size_t i) {
    while (fronts.size() <= i) {
        std::size_t n = fronts.size();
        u32 words = picks[n - 1].words;
        std::shared_ptr<Front> last = fronts.back(), to = last;
        bool repeats = n > 1 && fronts[n - 2] == last && picks[n - 2].words == words;  // what changed nothing changes nothing again
        if (!repeats) {
            to = std::make_shared<Front>();
            if (words != WordSets::NOTHING) to->places = step(last->places, words);
            if (to->places == last->places) to = last;
            else count += to->places.size();
        }
        if (count > max_places) throw LimitFault("the canvas has too many different readings", max_places, count, "raise max_states, or leave fewer slots open");
        fronts.push_back(std::move(to));
    }
    return *fronts[i];
}

namespace {

// Calls visit(key, values) for the pairs of each key; uses them up.
template <class Key, class Visit>
void by_key(std::vector<std::pair<Key, u32>>& pairs, std::vector<u32>& values, const Visit& visit) {
    std::sort(pairs.begin(), pairs.end());
    for (std::size_t k = 0; k < pairs.size();) {
        Key key = pairs[k].first;
        for (values.clear(); k < pairs.size() && pairs[k].first == key; ++k)
            if (values.empty() || values.back() != pairs[k].second) values.push_back(pairs[k].second);
        visit(key, values);
    }
    pairs.clear();
}

}  // namespace

// What the words of an element make of a front. All that comes to the same place in the grammar is brought together before it goes on,
// so the work grows with what is different, not with the ways that lead there.
std::vector<Place> Levels::step(const std::vector<Place>& from, u32 words) {
    std::vector<std::pair<u32, u32>> opened, ended, below;  // (open place, stacks), (summary, stacks), the same one box further down
    std::vector<std::pair<u64, u32>> pushing;               // ((open places, what to push), stacks)
    std::vector<u32> sets;
    for (const Place& p : from) {
        Moves::Next n = moves->next(p.open, words);
        if (n.inner != NONE) opened.emplace_back(n.inner, p.stacks);
        if (n.summary != NONE) ended.emplace_back(n.summary, p.stacks);
    }
    FlatMap seen;
    for (; !ended.empty(); ended.swap(below))
        by_key(ended, sets, [&](u32 id, std::vector<u32>& many) {
            u32 all = stacks->unite(many);
            for (auto out : moves->at(id).outs) pushing.emplace_back(u64(out.opens) << 32 | out.pushes, all);
            u32 up = moves->at(id).up;
            if (up == Moves::NOTHING) return;
            for (std::size_t k = 0; k < stacks->size(all); ++k) {
                Below b = stacks->at(all, k);
                u32 next = moves->summary(up, b.ret);
                if (next == NONE || seen.find(u64(next) << 32 | b.node) != NONE) continue;
                seen.put(u64(next) << 32 | b.node, 1);
                below.emplace_back(next, b.node);
            }
        });
    std::vector<std::pair<u32, u32>> pushed;                // (open places, stacks)
    by_key(pushing, sets, [&](u64 key, std::vector<u32>& many) {
        u32 top = stacks->unite(many), list = u32(key);
        for (std::size_t d = 0; d < moves->pushed().size(list); ++d) top = stacks->push(moves->pushed().begin(list)[d], top);
        pushed.emplace_back(u32(key >> 32), top);
    });
    by_key(pushed, sets, [&](u32 opens, std::vector<u32>& many) {
        u32 all = stacks->unite(many);
        for (std::size_t k = 0; k < moves->opened().size(opens); ++k) opened.emplace_back(moves->opened().begin(opens)[k], all);
    });
    std::vector<Place> found;
    by_key(opened, sets, [&](u32 open, std::vector<u32>& many) { found.push_back({open, stacks->unite(many)}); });
    return tell_apart(std::move(found));
}

// Places that differ in their lexemes only and share some: each lexical state once, those with equal stacks together.
std::vector<Place> Levels::tell_apart(std::vector<Place> places) {
    auto key = [&](const Place& p) { return u64(moves->place(p.open).term) << 32 | moves->place(p.open).ret; };
    std::sort(places.begin(), places.end(), [&](const Place& a, const Place& b) { return std::make_pair(key(a), a.open) < std::make_pair(key(b), b.open); });
    std::vector<Place> out;
    std::vector<std::pair<u32, u32>> states, groups;  // (lexical state, stacks), (stacks, lexical state)
    std::vector<u32> sets;
    for (std::size_t i = 0; i < places.size();) {
        std::size_t end = i + 1;
        while (end < places.size() && key(places[end]) == key(places[i])) ++end;
        if (end == i + 1) {
            out.push_back(places[i++]);
            continue;
        }
        Moves::Open first = moves->place(places[i].open);
        for (; i < end; ++i) {
            u32 set = moves->place(places[i].open).lexes;
            for (std::size_t k = 0; k < moves->states().size(set); ++k) states.emplace_back(moves->states().begin(set)[k], places[i].stacks);
        }
        by_key(states, sets, [&](u32 x, std::vector<u32>& many) { groups.emplace_back(stacks->unite(many), x); });
        by_key(groups, sets, [&](u32 node, std::vector<u32>& lexes) { out.push_back({moves->open(first.term, first.ret, lexes), node}); });
    }
    return out;
}

std::size_t Levels::dies() const {
    auto empty = std::find_if(fronts.begin(), fronts.end(), [](auto& f) { return f->places.empty(); });
    return empty == fronts.end() ? std::size_t(NONE) : std::size_t(empty - fronts.begin());
}

bool Levels::ends_before(std::size_t i) {
    if (i == picks.size() ? bool(side.joins) : !picks[i].may_end) return false;
    for (const Place& p : front(i))
        if (finished(p.open, p.stacks) != Stacks::NOTHING) return true;
    return false;
}

bool Levels::open() {
    std::size_t n = picks.size();
    // where the live parts are known, the pass from the left may end; it has to go past all that has changed
    std::size_t to = changed <= n && when_asked(changed) ? changed : n;
    for (std::size_t i = 0; i < to; ++i)
        if (ends_before(i)) return true;
    for (const Place& p : front(to))
        if (kept(to, p.open, p.stacks) != Stacks::NOTHING) return true;
    return false;
}

// Finds the live parts from the right end on, so that no question has to run far. In the tail most need not run at all.
void Levels::look_right(std::size_t i) {
    depth = 0;  // a question before may have met a limit
    if (changed <= i && when_asked(i)) return;
    std::size_t from = picks.size();
    if (side.tail < from) {
        const auto& places = front(side.tail);
        auto ends = [&](const Place& p) { return side.surely(p.open, p.stacks, picks.size() - side.tail); };
        surely_only = side.suffices && std::any_of(places.begin(), places.end(), [&](const Place& p) { return ends(p) != Stacks::NOTHING; });
        if (surely_only || std::all_of(places.begin(), places.end(), [&](const Place& p) { return ends(p) == p.stacks; })) from = std::max(i, side.tail);
    }
    for (std::size_t k = from + 1; k-- > i;) {
        if (when_asked(k)) continue;
        live_at(k);
        for (std::size_t p = 0; p < fronts[k]->places.size(); ++p) live(k, fronts[k]->places[p].open);
    }
    changed = std::min(changed, i);
}

Levels::Live& Levels::live_at(std::size_t i) {
    if (!right[i]) {
        if (i >= nearby_to) reach(i);
        right[i] = std::make_shared<Live>(), wide[i] = i < nearby_to ? nearby : fronts[i];
    }
    return *right[i];
}

std::vector<Place> Levels::living(std::size_t i) {
    look_right(i);
    std::vector<Place> out;
    for (const Place& p : front(i))
        if (u32 part = kept(i, p.open, p.stacks); part != Stacks::NOTHING) out.push_back({p.open, part});
    return out;
}

void Levels::too_deep() {
    depth = 0;
    throw LimitFault("the canvas is nested too deeply", DEEP, DEEP + 1, "leave fewer slots open");
}

u32 Levels::live(std::size_t i, u32 open) {
    if (u32 known = live_at(i).open.find(open); known != NONE) return known;
    Front& w = *wide[i];
    auto key = [&](u32 id) { return u64(moves->place(id).term) << 32 | moves->place(id).ret; };
    if (w.places.size() && w.together.find(key(w.places[0].open)) == NONE) {
        FlatMap together;  // whole or not at all: a union may meet a limit
        for (const Place& p : w.places) {
            u32 all = together.find(key(p.open));
            if (all == NONE) together.put(key(p.open), p.stacks);
            else together.set(key(p.open), stacks->unite(all, p.stacks));
        }
        w.together = std::move(together);
    }
    u32 all = w.together.find(key(open));
    if (++depth > DEEP) too_deep();
    u32 part = all == NONE ? u32(Stacks::NOTHING) : kept(i, open, all);
    --depth;
    right[i]->open.put(open, part);
    return part;
}

u32 Levels::live_some(std::size_t i, u32 opens) {
    if (u32 known = live_at(i).some.find(opens); known != NONE) return known;
    std::vector<u32> parts;
    for (std::size_t k = 0; k < moves->opened().size(opens); ++k) parts.push_back(live(i, moves->opened().begin(opens)[k]));
    u32 part = stacks->unite(parts);
    right[i]->some.put(opens, part);
    return part;
}

u32 Levels::kept(std::size_t i, u32 open, u32 node) {
    if (i == picks.size()) return side.joins ? side.joins(open, node) : finished(open, node);
    if (i >= side.tail)
        if (const u32 part = side.surely(open, node, picks.size() - i); part == node || surely_only) return part;
    u32 out = picks[i].may_end ? finished(open, node) : u32(Stacks::NOTHING);
    return stacks->unite(out, kept(i, open, node, picks[i].words));
}

u32 Levels::kept(std::size_t i, u32 open, u32 node, u32 words) {
    u32 out = Stacks::NOTHING;
    if (words == WordSets::NOTHING) return out;
    Moves::Next n = moves->next(open, words);
    if (n.inner != NONE) out = stacks->unite(out, stacks->meet(node, live(i + 1, n.inner)));
    if (n.summary != NONE) out = stacks->unite(out, kept_by(i, n.summary, node));
    return out;
}

u32 Levels::kept_by(std::size_t i, u32 id, u32 node) {
    u64 key = u64(id) << 32 | node;
    if (u32 known = live_at(i).by.find(key); known != NONE) return known;
    u32 base = right[i]->base.find(id);
    if (base == NONE) {
        std::vector<u32> bases;
        for (std::size_t k = 0; k < moves->at(id).outs.size(); ++k) {
            auto [list, opens] = moves->at(id).outs[k];
            u32 part = live_some(i + 1, opens);
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
