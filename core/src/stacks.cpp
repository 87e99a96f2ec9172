#include "stacks.hpp"

namespace weft {

u32 Stacks::intern(const Below* p, std::size_t n) {
    u32 set = nodes.intern(p, n);
    if (nodes.size() > limit) throw LimitFault("the canvas has too many different readings", limit, nodes.size(), "raise max_states, or leave fewer slots open");
    if (set % 256 == 0) check_size();
    return set;
}

void Stacks::check_size() const {
    if (bytes() > max_bytes) throw LimitFault("the readings of the canvas take too much memory", max_bytes, bytes(), "raise cache_bytes of Limits, or leave fewer slots open");
}

u32 Stacks::known_meet(u32 a, u32 b) const {
    if (a == b) return a;
    return a == NOTHING || b == NOTHING ? u32(NOTHING) : met.find(key(a, b));
}

// Stacks may be deep: what is under way is kept in a list, not in calls. So it is with unions.
u32 Stacks::meet(u32 a, u32 b) {
    struct Frame {
        u32 a, b;
        std::size_t i, j, base;  // base: where its entries begin in `entries`
    };
    if (u32 out = known_meet(a, b); out != NONE) return out;
    std::vector<Frame> open{{a, b, 0, 0, 0}};
    entries.clear();
    while (!open.empty()) {
        Frame& f = open.back();
        std::size_t n = nodes.size(f.a), m = nodes.size(f.b);
        bool waits = false;
        while (!waits && f.i < n && f.j < m) {
            Below x = nodes.begin(f.a)[f.i], y = nodes.begin(f.b)[f.j];
            if (x.ret != y.ret) {
                x.ret < y.ret ? ++f.i : ++f.j;
                continue;
            }
            u32 below = known_meet(x.node, y.node);
            if (below == NONE) {
                open.push_back({x.node, y.node, 0, 0, entries.size()});
                waits = true;
            } else {
                if (below != NOTHING) entries.push_back({x.ret, below});
                ++f.i, ++f.j;
            }
        }
        if (waits) continue;
        met.put(key(f.a, f.b), intern(entries.data() + f.base, entries.size() - f.base));
        entries.resize(f.base);
        open.pop_back();
    }
    return known_meet(a, b);
}

// NONE where the union of the list is not known.
u32 Stacks::known_union(std::vector<u32>& sets, u32& list) {
    std::sort(sets.begin(), sets.end());
    sets.erase(std::unique(sets.begin(), sets.end()), sets.end());
    sets.erase(std::remove(sets.begin(), sets.end(), u32(NOTHING)), sets.end());
    if (sets.size() > 1) {  // mostly one of them holds all others
        u32 largest = *std::max_element(sets.begin(), sets.end(), [&](u32 a, u32 b) { return nodes.size(a) < nodes.size(b); });
        sets.erase(std::remove_if(sets.begin(), sets.end(), [&](u32 s) { return s != largest && is_part(s, largest, 0); }), sets.end());
    }
    if (sets.size() < 2) return sets.empty() ? u32(NOTHING) : sets[0];
    list = lists.intern(sets);
    if (list == unions.size()) unions.push_back(NONE);
    return unions[list];
}

// Whether all stacks of a set are in another one; false as well where that lies too deep.
bool Stacks::is_part(u32 a, u32 b, u32 depth) {
    constexpr u32 DEEP = 500;
    if (a == b || a == NOTHING) return true;
    std::size_t n = nodes.size(a), m = nodes.size(b);
    if (n > m || depth > DEEP) return false;
    u64 k = u64(a) << 32 | b;
    if (u32 known = parts.find(k); known != NONE) return known != 0;
    bool yes = true;
    for (std::size_t i = 0, j = 0; i < n && yes; ++i, ++j) {
        u32 ret = nodes.begin(a)[i].ret;
        while (j < m && nodes.begin(b)[j].ret < ret) ++j;
        yes = j < m && nodes.begin(b)[j].ret == ret && is_part(nodes.begin(a)[i].node, nodes.begin(b)[j].node, depth + 1);
    }
    parts.put(k, yes);
    return yes;
}

u32 Stacks::unite(std::vector<u32>& sets) {
    struct Frame {
        u32 list;
        std::size_t from, next, base;  // its part of `gathered`, and where its entries begin in `entries`
    };
    std::vector<Frame> open;
    auto begin = [&](u32 list) {
        std::size_t from = gathered.size();
        for (std::size_t k = 0; k < lists.size(list); ++k) {
            u32 set = lists.begin(list)[k];
            gathered.insert(gathered.end(), nodes.begin(set), nodes.begin(set) + nodes.size(set));
        }
        std::sort(gathered.begin() + long(from), gathered.end());
        open.push_back({list, from, from, entries.size()});
    };
    u32 list = NONE, out = known_union(sets, list);
    if (out != NONE) return out;
    gathered.clear(), entries.clear();
    begin(list);
    while (!open.empty()) {
        Frame f = open.back();
        u32 below = NONE;
        while (f.next < gathered.size()) {
            std::size_t end = f.next;
            for (same.clear(); end < gathered.size() && gathered[end].ret == gathered[f.next].ret; ++end) same.push_back(gathered[end].node);
            if ((below = known_union(same, list)) == NONE) break;
            entries.push_back({gathered[f.next].ret, below});
            f.next = end;
        }
        open.back().next = f.next;
        if (f.next < gathered.size()) {
            begin(list);
            continue;
        }
        out = unions[f.list] = intern(entries.data() + f.base, entries.size() - f.base);
        entries.resize(f.base), gathered.resize(f.from);
        open.pop_back();
    }
    return out;
}

u32 Stacks::of(std::vector<Below>& entries) {
    std::sort(entries.begin(), entries.end());
    std::size_t n = 0;
    for (auto& e : entries) {
        if (e.node == NOTHING) continue;
        if (n && entries[n - 1].ret == e.ret) entries[n - 1].node = unite(entries[n - 1].node, e.node);
        else entries[n++] = e;
    }
    return intern(entries.data(), n);
}

}  // namespace weft
