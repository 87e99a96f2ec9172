#include "exits.hpp"

namespace weft {

constexpr std::size_t FEW = 64;  // states that are settled twice sooner than they are marked

u32 Exits::exits_of(u32 state, u32 spot) {
    u64 key = u64(FREE | state) << 32 | spot;
    u32 g = ids.find(key);
    if (g != NONE) return g;
    if (broken) throw LimitFault("the canvas needs too many chart items", max_items, settled, "raise max_items");
    broken = true;
    g = origin(FREE | state, NONE, spot);
    add(state, g, spot);
    pass();
    broken = false;
    return g;
}

u32 Exits::origin(u32 name, u32 entry, u32 spot) {
    ids.put(u64(name) << 32 | spot, u32(origins.size()));
    origins.push_back({entry, spot});
    return u32(origins.size()) - 1;
}

bool Exits::goes_on(u32 state, u32 spot) {
    const auto row = spots.row(spot);
    return state & PASSED ? row.reads(spots.passage(state & STATE, state & READ)) : row.reads(state & STATE);
}

void Exits::keep(u32 state, u32 g, u32 spot) {
    if (spot == here.spot) {
        if (fresh({state, g}, spot)) here.items.push_back({state, g});
        return;
    }
    if (spot >= due.size()) due.resize(spots.count(), NONE);
    if (due[spot] == NONE) agenda.push(u64(spots.place(spot)) << 32 | spot);
    u32 d = spare;
    if (d == NONE) d = u32(dues.size()), dues.emplace_back();
    else spare = dues[d].next;
    dues[d] = {{state, g}, due[spot]};
    due[spot] = d;
}

// Whether an item has not stood at a spot before.
bool Exits::fresh(Item item, u32 spot) {
    // One behind ignored text shares the slot of the one that is not, which does all that it would do and more.
    const u32 state = item.state & ~SKIPPED;
    Seen* s = seen.data() + (mix64((u64(state) << 32 | item.origin) + u64(spot) * 0x9E3779B97F4A7C15ull) & (seen.size() - 1));
    for (; s->time == time; s = s + 1 == seen.data() + seen.size() ? seen.data() : s + 1) {
        u32& known = s->item.state;
        if ((known & ~SKIPPED) != state || s->item.origin != item.origin || s->spot != spot) continue;
        bool more = known != state && item.state == state;
        if (more) known = state;
        return more;
    }
    *s = {item, spot, time};
    if (++seen_count * 2 > seen.size()) widen();
    return true;
}

void Exits::widen() {
    std::vector<Seen> old(seen.size() * 2, Seen{{0, 0}, 0, 0});
    old.swap(seen);
    seen_count = 0;
    for (auto& s : old)
        if (s.time == time) fresh(s.item, s.spot);
}

void Exits::pass() {
    u32 place = NONE;
    while (!agenda.empty()) {
        const u32 spot = u32(agenda.top());
        agenda.pop();
        if (spots.place(spot) != place) place = spots.place(spot), ++time, seen_count = 0;
        stand_at(spot);
        while (!here.items.empty()) {
            Item item = here.items.back();
            here.items.pop_back();
            settle(item);
        }
        if (settled > max_items) throw LimitFault("the canvas needs too many chart items", max_items, settled, "raise max_items");
    }
    here.spot = NONE;
    callers.clear();
    complete = u32(origins.size());
}

void Exits::stand_at(u32 spot) {
    here.spot = spot, here.free = spots.is_free(spot), here.reads = spots.reads(spot);
    here.skips.clear();
    spots.skip(spot, here.skips);
    here.skips.erase(std::remove(here.skips.begin(), here.skips.end(), spot), here.skips.end());
    for (u32 d; (d = due[spot]) != NONE;) {
        keep(dues[d].item.state, dues[d].item.origin, spot);
        due[spot] = dues[d].next;
        dues[d].next = spare, spare = d;
    }
    if (here.free && here.items.size() > FEW)  // the first one shall cover the rest: states that are reached later have lower numbers
        std::sort(here.items.begin(), here.items.end(), [](Item a, Item b) { return std::tie(a.origin, a.state) < std::tie(b.origin, b.state); });
}

void Exits::settle(Item item) {
    ++settled;
    const u32 s = item.state & STATE, g = item.origin;
    if (here.free && item.state == s && is_covered(s, g)) return;
    if (here.free || item.state & PASSED) return settle_all(spots.passage(s, item.state & READ), item);
    if (!here.skips.empty() && !begins(s, g))  // there the caller skips instead
        for (u32 to : here.skips) add(s | SKIPPED, g, to);
    if (here.reads) {
        hops.clear();
        spots.scan(here.spot, s, hops);
        for (auto hop : hops) add(hop.state, g, hop.spot);
        for (u32 k = m.call_at[s]; k < m.call_at[s + 1]; ++k) call(m.calls[k].symbol, m.calls[k].state, g);
    }
    if (m.is_final[s] && item.state == s) end(g);  // behind ignored text the caller has been here before
}

// All that an item can become in a hole: there, or behind ignored text.
void Exits::settle_all(const Holes::Passage& all, Item item) {
    const u32 s = item.state & STATE, g = item.origin;
    if (!here.free) {  // something is owed
        for (u32 one : all.states) add(one | SKIPPED, g, here.spot);
        return;
    }
    if (all.states.size() > FEW)
        for (u32 one : all.states) covered[one] = {g, here.spot};
    for (u32 to : here.skips) add(item.state & PASSED ? item.state : s | PASSED | (begins(s, g) ? READ : 0), g, to);
    hops.clear();
    spots.scan(here.spot, all, hops);
    for (auto hop : hops) add(hop.state, g, hop.spot);
    if (here.reads)
        for (auto [box, after] : all.calls) call(box, after, g);
    if (all.ends || (m.is_final[s] && item.state == s)) end(g);
}

void Exits::call(u32 box, u32 after, u32 g) {
    u32 h = box_at(box);
    if (h == NONE) return;
    for (u32 e = origins[h].ends; e != NONE; e = ends[e].next)
        if (ends[e].spot != here.spot || !passes(h)) add(after, g, ends[e].spot);
    if (h < complete) return;
    callers.push_back({g, after, origins[h].callers});
    origins[h].callers = u32(callers.size()) - 1;
}

// The origin of a box that is called here, or NONE if it can read nothing.
u32 Exits::box_at(u32 box) {
    Called& last = called[box];
    if (last.spot == here.spot) return last.origin;
    u32 h = ids.find(u64(box) << 32 | here.spot);
    last = {here.spot, h};
    spots.effort.spend(1);
    if (h == NONE && goes_on(m.entry[box], here.spot)) {
        last.origin = h = origin(box, m.entry[box], here.spot);
        keep(m.entry[box], h, here.spot);
    }
    return h;
}

void Exits::end(u32 g) {
    for (over.assign(1, g); !over.empty();) {
        g = over.back();
        over.pop_back();
        if (!ends_at(g) || passes(g)) continue;
        const auto row = spots.row(here.spot);
        for (u32 c = origins[g].callers; c != NONE; c = callers[c].next) {
            auto [caller, after, next] = callers[c];
            if (m.is_final[after]) over.push_back(caller);
            spots.effort.spend(1);
            if (row.reads(after)) keep(after, caller, here.spot);
        }
    }
}

// Notes that an origin ends here; false when that is known.
bool Exits::ends_at(u32 g) {
    for (u32 e = origins[g].ends; e != NONE; e = ends[e].next) {
        if (ends[e].spot == here.spot) return false;
        if (spots.place(ends[e].spot) != spots.place(here.spot)) break;
    }
    ends.push_back({here.spot, origins[g].ends});
    origins[g].ends = u32(ends.size()) - 1;
    return true;
}

}  // namespace weft
