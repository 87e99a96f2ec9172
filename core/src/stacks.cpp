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

void Stacks::step() {
    if (++taken > most_steps) throw LimitFault("the canvas has too many different readings", most_steps, taken, "raise max_states, or leave fewer slots open");
}

u32 Stacks::known(const FlatMap& done, bool meet, u32 a, u32 b) const {
    if (a == b) return a;
    if (a == NOTHING || b == NOTHING) return meet ? u32(NOTHING) : a + b - NOTHING;
    return done.find(key(a, b));
}

// Stacks may be deep: what is under way is kept in a list, not in calls.
u32 Stacks::combine(FlatMap& done, bool meet, u32 a, u32 b) {
    struct Frame {
        u32 a, b;
        std::size_t i, j, base;  // base: where its entries begin in `entries`
    };
    if (u32 out = known(done, meet, a, b); out != NONE) return out;
    std::vector<Frame> open{{a, b, 0, 0, 0}};
    entries.clear();
    while (!open.empty()) {
        Frame& f = open.back();
        std::size_t n = nodes.size(f.a), m = nodes.size(f.b);
        bool waits = false;
        while (!waits && (f.i < n || f.j < m)) {
            Below x = f.i < n ? nodes.begin(f.a)[f.i] : Below{NONE, NOTHING}, y = f.j < m ? nodes.begin(f.b)[f.j] : Below{NONE, NOTHING};
            if (x.ret != y.ret) {
                if (!meet) entries.push_back(std::min(x, y));
                x.ret < y.ret ? ++f.i : ++f.j;
                continue;
            }
            u32 below = known(done, meet, x.node, y.node);
            if (below == NONE) {
                open.push_back({x.node, y.node, 0, 0, entries.size()});
                waits = true;
            } else {
                if (below != NOTHING) entries.push_back({x.ret, below});
                ++f.i, ++f.j;
            }
        }
        if (waits) continue;
        step();
        done.put(key(f.a, f.b), intern(entries.data() + f.base, entries.size() - f.base));
        entries.resize(f.base);
        open.pop_back();
    }
    return known(done, meet, a, b);
}

// Whether all stacks of a set are in another one; false as well where that lies too deep.
bool Stacks::is_part(u32 a, u32 b, u32 depth) {
    constexpr u32 DEEP = 500;
    if (a == b || a == NOTHING) return true;
    std::size_t n = nodes.size(a), m = nodes.size(b);
    if (n > m || depth > DEEP) return false;
    u64 k = u64(a) << 32 | b;
    if (u32 known = parts.find(k); known != NONE) return known != 0;
    step();
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
    sort_unique(sets);
    if (sets.empty()) return NOTHING;
    // mostly one of them holds all others
    u32 all = *std::max_element(sets.begin(), sets.end(), [&](u32 a, u32 b) { return nodes.size(a) < nodes.size(b); });
    for (u32 set : sets)  // in ascending order: what many unions begin with is found once
        if (!is_part(set, all, 0)) all = unite(all, set);
    return all;
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
