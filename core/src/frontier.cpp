#include "frontier.hpp"

namespace weft {

void Frontiers::reset() {
    items.clear(), nodes.clear(), places_.clear(), closures.clear(), lists.clear(), unions.clear(), steps.clear(), has_reads.clear(), read_sets.clear();
    groups.clear(), group_at.clear();
    items.intern(nullptr, 0);  // EMPTY
    Below bottom{ACCEPT, 0};
    u32 base = nodes.intern(&bottom, 1);
    std::vector<Item> begin;
    if (m.start_box != NONE) {
        std::vector<Below> place{{m.entry[m.start_box], base}};
        u32 f = closure(place);
        begin.assign(items.begin(f), items.begin(f) + items.size(f));
    }
    if (m.nullable && (begin.empty() || begin.back().term != END)) begin.push_back({END, 0, 0, 0});
    first = items.intern(begin);
}

u32 Frontiers::closure(std::vector<Below>& places) {
    if (places.empty()) return EMPTY;
    sort_unique(places);
    u32 id = places_.intern(places);
    if (id < closures.size() && closures[id] != NONE) return closures[id];
    closures.resize(places_.size(), NONE);
    return closures[id] = close(places.data(), places.size());
}

// Returns first, then calls by rank: when a box is entered, all its callers at this place are known.
u32 Frontiers::close(const Below* p, std::size_t n) {
    work.assign(p, p + n);
    out.clear(), calls.clear();
    bool end = false;
    auto expand = [&](Below at) {
        for (u32 k = m.scan_at[at.ret]; k < m.scan_at[at.ret + 1]; ++k)
            out.push_back({m.scans[k].symbol, m.terminals[m.scans[k].symbol]->start, m.scans[k].state, at.node});
        for (u32 k = m.call_at[at.ret]; k < m.call_at[at.ret + 1]; ++k)
            calls.push_back({m.calls[k].symbol, {m.calls[k].state, at.node}});
    };
    // few places are looked through; an ambiguous grammar has one per byte of the text, and those are looked up
    constexpr std::size_t FEW = 16;
    auto key = [](const Below& b) { return u64(b.ret) << 32 | b.node; };
    bool listed = false;
    auto is_new = [&](const Below& b) {
        if (work.size() < FEW) return std::find(work.begin(), work.end(), b) == work.end();
        if (!listed) {
            listed = true;
            found.clear();
            for (auto& w : work) found.put(key(w), 1);
        }
        if (found.find(key(b)) != NONE) return false;
        found.put(key(b), 1);
        return true;
    };
    for (std::size_t i = 0; i < work.size(); ++i) {
        Below at = work[i];
        if (at.ret == ACCEPT) {
            end = true;
            continue;
        }
        if (m.is_final[at.ret])
            for (std::size_t k = 0, c = nodes.size(at.node); k < c; ++k) {
                Below b = nodes.begin(at.node)[k];
                if (is_new(b)) work.push_back(b);
            }
        if (!m.only_final[at.ret]) expand(at);
    }
    while (!calls.empty()) {
        u32 box = calls[0].first;
        for (auto& c : calls)
            if (m.rank[c.first] < m.rank[box]) box = c.first;
        pairs.clear();
        std::size_t keep = 0;
        for (auto& c : calls) {
            if (c.first != box) calls[keep++] = c;
            else if (!m.only_final[c.second.ret]) pairs.push_back(c.second);
            else  // a tail call: what the box returns to is what we would have returned to
                pairs.insert(pairs.end(), nodes.begin(c.second.node), nodes.begin(c.second.node) + nodes.size(c.second.node));
        }
        calls.resize(keep);
        sort_unique(pairs);
        expand({m.entry[box], nodes.intern(pairs)});
    }
    if (end) out.push_back({END, 0, 0, 0});
    sort_unique(out);
    return items.intern(out);
}

u32 Frontiers::step_slow(u32 f, u8 b) {
    next.clear(), done.clear();
    for (std::size_t k = 0, n = items.size(f); k < n; ++k) {
        const Item it = items.begin(f)[k];
        if (it.term == END) break;
        const Terminal& t = *m.terminals[it.term];
        u32 q = t.step(it.q, b);
        if (q == DEAD) continue;
        if (t.accepts(q)) done.push_back({it.ret, it.node});
        if (t.goes_on(q)) next.push_back({it.term, q, it.ret, it.node});
    }
    if (!done.empty()) {
        u32 c = closure(done);
        if (next.empty()) return c;
        next.insert(next.end(), items.begin(c), items.begin(c) + items.size(c));
    }
    sort_unique(next);
    return items.intern(next);
}

void Frontiers::find_reads(u32 f) {
    ByteSet all;
    for (std::size_t k = 0, n = items.size(f); k < n; ++k) {
        const Item& it = items.begin(f)[k];
        if (it.term == END) break;
        all |= m.terminals[it.term]->reads(it.q);
    }
    has_reads[f] = 1, read_sets[f] = all;
}

u32 Frontiers::special(u32 f, u32 index) {
    done.clear();
    for (std::size_t k = 0, n = items.size(f); k < n; ++k) {
        const Item& it = items.begin(f)[k];
        if (it.term != END && m.terminals[it.term]->special == index) done.push_back({it.ret, it.node});
    }
    return closure(done);
}

u32 Frontiers::unite(u32 a, u32 b) {
    if (a == b || b == EMPTY) return a;
    if (a == EMPTY) return b;
    std::vector<Item> all;
    all.reserve(items.size(a) + items.size(b));
    std::set_union(items.begin(a), items.begin(a) + items.size(a), items.begin(b), items.begin(b) + items.size(b), std::back_inserter(all));
    return items.intern(all);
}

u32 Frontiers::unite(std::vector<u32>& frontiers) {
    sort_unique(frontiers);
    if (frontiers.size() < 3) return frontiers.empty() ? u32(EMPTY) : unite(frontiers.front(), frontiers.back());
    u32 list = lists.intern(frontiers);
    if (list < unions.size()) return unions[list];
    // in pairs, so that each item moves as often as the list can be halved
    for (std::size_t n = frontiers.size(); n > 1; n = (n + 1) / 2)
        for (std::size_t k = 0; k < n; k += 2) frontiers[k / 2] = k + 1 < n ? unite(frontiers[k], frontiers[k + 1]) : frontiers[k];
    unions.push_back(frontiers[0]);
    return frontiers[0];
}

u32 Frontiers::knots(const std::vector<std::vector<Below>>& group) {
    pairs.clear();
    for (auto& entries : group) {
        pairs.push_back({NONE, u32(entries.size())});
        pairs.insert(pairs.end(), entries.begin(), entries.end());
    }
    if (group.empty()) return BOTTOM;
    u32 id = groups.intern(pairs), first_node = nodes.size();
    if (id < group_at.size()) return group_at[id].first;
    group_at.emplace_back(first_node, u32(group.size()));
    for (auto& entries : group) {
        pairs = entries;
        for (auto& b : pairs)
            if (b.node >= KNOT) b.node += first_node - KNOT;
        sort_unique(pairs);
        nodes.add(pairs);
    }
    return first_node;
}

void Frontiers::compact(std::vector<u32*>& live) {
    SpanPool<Item> old_items;
    SpanPool<Below> old_nodes;
    std::swap(old_items, items);
    std::swap(old_nodes, nodes);
    auto old_groups = group_at;
    ++compactions;
    reset();
    auto group_of = [&](u32 n) {  // the last one that begins at n or before
        return std::upper_bound(old_groups.begin(), old_groups.end(), std::make_pair(n, NONE)) - old_groups.begin() - 1;
    };
    std::vector<u8> wanted(old_nodes.size(), 0);
    std::vector<u32> stack;
    auto want = [&](u32 n) {
        if (!wanted[n]) wanted[n] = 1, stack.push_back(n);
    };
    for (u32* f : live)
        for (std::size_t k = 0; k < old_items.size(*f); ++k)
            if (old_items.begin(*f)[k].term != END) want(old_items.begin(*f)[k].node);
    while (!stack.empty()) {
        u32 n = stack.back();
        stack.pop_back();
        for (std::size_t k = 0; k < old_nodes.size(n); ++k) want(old_nodes.begin(n)[k].node);
        if (auto g = group_of(n); g >= 0 && n - old_groups[std::size_t(g)].first < old_groups[std::size_t(g)].second)
            for (u32 k = 0; k < old_groups[std::size_t(g)].second; ++k) want(old_groups[std::size_t(g)].first + k);
    }
    std::vector<u32> node_map(old_nodes.size(), NONE);
    std::vector<Below> span;
    std::size_t group = 0;
    for (u32 n = 0; n < old_nodes.size(); ++n) {  // but for knots, nodes lie on nodes with smaller numbers
        if (group < old_groups.size() && old_groups[group].first == n) {
            auto [from, count] = old_groups[group++];
            if (wanted[from]) {
                std::vector<std::vector<Below>> moved;
                for (u32 k = from; k < from + count; ++k) {
                    auto& entries = moved.emplace_back(old_nodes.begin(k), old_nodes.begin(k) + old_nodes.size(k));
                    for (auto& b : entries) b.node = b.node >= from ? KNOT + b.node - from : node_map[b.node];
                    sort_unique(entries);
                }
                u32 to = knots(moved);
                for (u32 k = 0; k < count; ++k) node_map[from + k] = to + k;
            }
            n = from + count - 1;
            continue;
        }
        if (!wanted[n]) continue;
        span.assign(old_nodes.begin(n), old_nodes.begin(n) + old_nodes.size(n));
        for (auto& b : span)
            if (b.ret != ACCEPT) b.node = node_map[b.node];
        sort_unique(span);
        node_map[n] = nodes.intern(span);
    }
    std::vector<u32> item_map(old_items.size(), NONE);
    for (u32* f : live) {
        if (item_map[*f] == NONE) {
            std::vector<Item> moved(old_items.begin(*f), old_items.begin(*f) + old_items.size(*f));
            for (auto& it : moved)
                if (it.term != END) it.node = node_map[it.node];
            sort_unique(moved);
            item_map[*f] = items.intern(moved);
        }
        *f = item_map[*f];
    }
}

}  // namespace weft
