#include "chart.hpp"

#include <map>

namespace weft {

constexpr u32 FREE = 0x80000000u;  // origins that are a state, not a box

Chart::Chart(const Machine& machine, Lexemes& l, u64 most) : m(machine), lexemes(l), max_items(most) { lexemes.effort.most = most * Effort::PER_ITEM; }

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
    u32 whole = origins[key.origin].before + cost;
    if (queue.size() <= whole) queue.resize(whole + 1);
    queue[whole].push_back(it->second);
    lowest = std::min(lowest, whole);
}

void Chart::settle(u32 i) {
    items[i].done = true;
    const Cell c = items[i];
    auto [s, g, v] = c.key;
    if (u32 better = lexemes.better(v); better != NONE)
        if (auto it = ids.find({s, g, better}); it != ids.end() && items[it->second].cost <= c.cost) return;
    for (u32 k = m.scan_at[s]; k < m.scan_at[s + 1]; ++k)
        for (auto hop : lexemes.hops(v, m.scans[k].symbol)) reach({m.scans[k].state, g, hop.spot}, c.cost + hop.cost, i, m.scans[k].symbol, NONE);
    if (!(s == origins[g].entry && v == origins[g].spot))  // there the caller skips instead
        for (auto hop : lexemes.skips(v)) reach({s, g, hop.spot}, c.cost + hop.cost, i, NONE, NONE);
    for (u32 k = m.call_at[s]; k < m.call_at[s + 1]; ++k) {
        u32 box = m.calls[k].symbol, h = origin(box, v);
        if (origins[h].entry == NONE) origins[h].entry = m.entry[box], origins[h].spot = v, origins[h].before = origins[g].before + c.cost;
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
    if (!items[i].done && origins[items[i].key.origin].before + items[i].cost == lowest) settle(i);
    return true;
}

std::vector<u32> Chart::ends(u32 state, u32 spot) {
    if (origins.empty()) origins.emplace_back();          // the sentence's own origin is not used here
    u32 g = origin(FREE | state, spot);                   // a box that is entered in the middle
    reach({state, g, spot}, 0, NONE, NONE, NONE);
    while (settle_next()) {}
    std::vector<u32> out;
    for (u32 i : origins[g].ends) out.push_back(items[i].key.spot);
    sort_unique(out);
    return out;
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
