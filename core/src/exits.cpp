#include "exits.hpp"

namespace weft {

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
    spots.effort.spend(1);
    const auto row = spots.row(spot);
    return state & PASSED ? row.reads(spots.passage(state & STATE, state & READ)) : row.reads(state & STATE);
}

void Exits::keep(u32 state, u32 g, u32 spot) {
    if (spot >= due.size()) due.resize(spots.count(), NONE);
    if (due[spot] == NONE && spot != current) agenda.push(u64(spots.place(spot)) << 32 | spot);
    u32 d = spare;
    if (d == NONE) d = u32(dues.size()), dues.emplace_back();
    else spare = dues[d].next;
    dues[d] = {{state, g}, due[spot]};
    due[spot] = d;
}

bool Exits::fresh(Item item, u32 spot) {
    if (++seen_count * 2 > seen.size()) {
        std::vector<Seen> old(seen.size() * 2, Seen{{0, 0}, 0, 0});
        old.swap(seen);
        seen_count = 1;
        for (auto& s : old)
            if (s.time == time) fresh(s.item, s.spot);
    }
    // An item behind ignored text shares the slot of the one that is not, which does all that it would do and more.
    const u32 state = item.state & ~SKIPPED;
    std::size_t mask = seen.size() - 1, i = mix64((u64(state) << 32 | item.origin) + u64(spot) * 0x9E3779B97F4A7C15ull) & mask;
    for (; seen[i].time == time; i = (i + 1) & mask) {
        u32& known = seen[i].item.state;
        if ((known & ~SKIPPED) != state || seen[i].item.origin != item.origin || seen[i].spot != spot) continue;
        bool more = known != state && item.state == state;
        if (more) known = state;
        return --seen_count, more;
    }
    seen[i] = {item, spot, time};
    return true;
}

void Exits::pass() {
    u32 place = NONE;
    while (!agenda.empty()) {
        u32 spot = current = u32(agenda.top());
        agenda.pop();
        if (spots.place(spot) != place) place = spots.place(spot), ++time, seen_count = 0;
        for (u32 d; (d = due[spot]) != NONE;) {
            Item item = dues[d].item;
            due[spot] = dues[d].next;
            dues[d].next = spare, spare = d;
            if (fresh(item, spot)) settle(item, spot);
        }
        if (settled > max_items) throw LimitFault("the canvas needs too many chart items", max_items, settled, "raise max_items");
    }
    current = NONE;
    callers.clear();
    complete = u32(origins.size());
}

void Exits::settle(Item item, u32 v) {
    ++settled;
    const u32 s = item.state & STATE, g = item.origin;
    const bool free = spots.is_free(v);
    if (free || item.state & PASSED) return settle_all(spots.passage(s, item.state & READ), item, v, free);
    if (!begins(s, g, v)) {  // there the caller skips instead
        skips.clear();
        spots.skip(v, skips);
        for (u32 to : skips)
            if (to != v) add(s | SKIPPED, g, to);
    }
    if (spots.reads(v)) {
        hops.clear();
        spots.scan(v, s, hops);
        for (auto hop : hops) add(hop.state, g, hop.spot);
        for (u32 k = m.call_at[s]; k < m.call_at[s + 1]; ++k) call(m.calls[k].symbol, m.calls[k].state, g, v);
    }
    if (m.is_final[s] && item.state == s) end(g, v);  // behind ignored text the caller has been here before
}

// All that an item can become in a hole: there, or behind ignored text.
void Exits::settle_all(const Holes::Passage& all, Item item, u32 v, bool free) {
    const u32 s = item.state & STATE, g = item.origin;
    if (!free) {  // something is owed
        for (u32 one : all.states) add(one | SKIPPED, g, v);
        return;
    }
    skips.clear();
    spots.skip(v, skips);
    for (u32 to : skips)
        if (to != v) add(item.state & PASSED ? item.state : s | PASSED | (begins(s, g, v) ? READ : 0), g, to);
    hops.clear();
    spots.scan(v, all, hops);
    for (auto hop : hops) add(hop.state, g, hop.spot);
    if (spots.reads(v))
        for (auto [box, after] : all.calls) call(box, after, g, v);
    if (all.ends || (m.is_final[s] && item.state == s)) end(g, v);
}

// The origin, or NONE if the box can read nothing there.
u32 Exits::box_at(u32 box, u32 v) {
    Called& here = called[box];
    if (here.spot == v) return here.origin;
    u32 h = ids.find(u64(box) << 32 | v);
    here = {v, h};
    if (h == NONE && goes_on(m.entry[box], v)) {
        here.origin = h = origin(box, m.entry[box], v);
        keep(m.entry[box], h, v);
    }
    return h;
}

void Exits::call(u32 box, u32 after, u32 g, u32 v) {
    u32 h = box_at(box, v);
    if (h == NONE) return;
    for (u32 e = origins[h].ends; e != NONE; e = ends[e].next)
        if (ends[e].spot != v || !passes(h, v)) add(after, g, ends[e].spot);
    if (h < complete) return;
    callers.push_back({g, after, origins[h].callers});
    origins[h].callers = u32(callers.size()) - 1;
}

void Exits::end(u32 g, u32 v) {
    for (over.assign(1, g); !over.empty();) {
        g = over.back();
        over.pop_back();
        if (!ends_at(g, v) || passes(g, v)) continue;
        const auto row = spots.row(v);
        for (u32 c = origins[g].callers; c != NONE; c = callers[c].next) {
            auto [caller, after, next] = callers[c];
            if (m.is_final[after]) over.push_back(caller);
            spots.effort.spend(1);
            if (row.reads(after)) keep(after, caller, v);
        }
    }
}

// Notes it; false when that is known.
bool Exits::ends_at(u32 g, u32 v) {
    for (u32 e = origins[g].ends; e != NONE; e = ends[e].next) {
        if (ends[e].spot == v) return false;
        if (spots.place(ends[e].spot) != spots.place(v)) break;
    }
    ends.push_back({v, origins[g].ends});
    origins[g].ends = u32(ends.size()) - 1;
    return true;
}

}  // namespace weft
