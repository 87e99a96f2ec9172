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
        done.put(key(f.a, f.b), intern(entries.data() + f.base, entries.size() - f.base));
        entries.resize(f.base);
        open.pop_back();
    }
    return known(done, meet, a, b);
}

// The union if it is known, else NONE and the number of the list.
u32 Stacks::list_of(std::vector<u32>& sets, u32& list) {
    std::sort(sets.begin(), sets.end());
    sets.erase(std::unique(sets.begin(), sets.end()), sets.end());
    sets.erase(std::remove(sets.begin(), sets.end(), u32(NOTHING)), sets.end());
    if (sets.size() < 2) return sets.empty() ? u32(NOTHING) : sets[0];
    list = lists.intern(sets);
    if (list % 256 == 0) check_size();
    return many.find(list);
}

u32 Stacks::unite(std::vector<u32>& sets) {
    struct Frame {
        u32 list;
        std::size_t at;
        std::vector<Below> all, out;  // entries of all sets by return state; those that are united
    };
    u32 list = NONE;
    if (u32 known = list_of(sets, list); known != NONE) return known;
    const u32 wanted = list;
    std::vector<Frame> open;
    std::vector<u32> below;
    auto begin = [&](u32 of) {
        open.push_back({of, 0, {}, {}});
        for (std::size_t k = 0; k < lists.size(of); ++k) {
            u32 set = lists.begin(of)[k];
            open.back().all.insert(open.back().all.end(), nodes.begin(set), nodes.begin(set) + nodes.size(set));
        }
        std::sort(open.back().all.begin(), open.back().all.end());
    };
    begin(wanted);
    while (!open.empty()) {
        Frame& f = open.back();
        u32 waits = NONE;
        while (f.at < f.all.size()) {
            std::size_t end = f.at;
            below.clear();
            for (; end < f.all.size() && f.all[end].ret == f.all[f.at].ret; ++end) below.push_back(f.all[end].node);
            u32 known = list_of(below, list);
            if (known == NONE) {
                waits = list;
                break;
            }
            f.out.push_back({f.all[f.at].ret, known});
            f.at = end;
        }
        if (waits != NONE) {
            begin(waits);
            continue;
        }
        many.put(f.list, intern(f.out.data(), f.out.size()));
        open.pop_back();
    }
    return many.find(wanted);
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
