#include "store.hpp"

#include <algorithm>

#include "loops.hpp"

namespace weft {

// Tokens of a counted unit repeated without end, by how many units they finish (a unit that is open at the end counts too).
struct Store::Unlimited {
    static constexpr u32 LEVELS = 24;
    std::vector<std::vector<u32>> upto;            // upto[k]: bit mask of tokens that need at most k units
    std::vector<std::pair<u32, u32>> longer;       // (units, token) beyond LEVELS, ascending
    struct Leave {
        u32 node, count;  // the unit loop is left with the byte of this node, after `count` units
    };
    std::vector<Leave> leaves;
    std::size_t bytes() const { return 100 + upto.size() * (upto.empty() ? 0 : upto[0].size() * 4) + longer.size() * 8 + leaves.size() * 8; }
};

u64 Store::size_bytes() {
    std::lock_guard<std::mutex> guard(lock);
    return used + terminals.size_bytes();
}

Store::Key Store::key_of(const Terminal& t, u32 q, u32 node, bool unlimited) const {
    Hash128 h;
    if (!t.literal.empty()) {
        h.add(1), h.add(std::string_view(t.literal).substr(q));
        return {h, node};
    }
    u32 i = t.part_of(q);
    const Part& p = t.parts[i];
    u32 n = p.dfa->size(), k = (q - p.base) / n, s = (q - p.base) % n;
    h.add(p.dfa->hash[s].a), h.add(p.dfa->hash[s].b);
    if (t.plain()) return {h, node};
    if (p.counted) {
        // the counters matter only as far as one token can reach
        u32 reach = trie.longest + 1;
        u32 low = k < p.min ? p.min - k : 0, high = p.max == NONE ? NONE : p.max - k;
        h.add((unlimited ? 2 : 3) + (s == p.dfa->start ? 2 : 0));  // between two units, or inside one that reads like a whole one
        h.add(p.dfa->hash[p.dfa->start].a), h.add(s == p.dfa->start);  // another state may read the same and be inside a unit
        if (!unlimited) h.add(std::min(low, reach)), h.add(std::min(high, reach));
    }
    for (u32 j = i + 1; j < t.parts.size(); ++j) {
        const Part& r = t.parts[j];
        h.add(r.dfa->hash[r.dfa->start].a), h.add(r.dfa->hash[r.dfa->start].b), h.add(r.counted), h.add(r.min), h.add(r.max);
    }
    return {h, node};
}

std::shared_ptr<const void> Store::find(const Key& k) {
    std::lock_guard<std::mutex> guard(lock);
    auto it = map.find(k);
    if (it == map.end()) return nullptr;
    recent.splice(recent.begin(), recent, it->second);
    return it->second->value;
}

void Store::put(const Key& k, std::shared_ptr<const void> value, std::size_t bytes) {
    std::lock_guard<std::mutex> guard(lock);
    if (map.count(k)) return;
    recent.push_front({k, std::move(value), bytes});
    map[k] = recent.begin();
    used += bytes;
    while (used > limit && recent.size() > 1) {
        used -= recent.back().bytes;
        map.erase(recent.back().key);
        recent.pop_back();
    }
}

std::shared_ptr<const Entry> Store::entry(const Terminal& t, u32 q, u32 node, bool may_mend) {
    Key k = key_of(t, q, node, false);
    if (auto found = find(k)) return std::static_pointer_cast<const Entry>(found);
    auto e = std::make_shared<const Entry>(build(t, q, node, may_mend));
    put(k, e, e->bytes());
    return e;
}

std::shared_ptr<void> Store::shared(const Hash128& name, const std::function<std::shared_ptr<void>()>& make) {
    std::lock_guard<std::mutex> guard(shared_lock);
    auto it = std::find_if(shared_values.begin(), shared_values.end(), [&](auto& v) { return v.first == name; });
    if (it != shared_values.end()) shared_values.splice(shared_values.begin(), shared_values, it);
    else shared_values.emplace_front(name, make());
    if (shared_values.size() > SHARED) shared_values.pop_back();
    return shared_values.front().second;
}

namespace {

// Runs an automaton over the subtree of `node`: calls alive(n, s) at each node n that it can read, with the state s there, and
// whole(n, s) instead where all that is below n is text of characters that begin with loops(s).
template <class Step, class Loops, class Alive, class Whole>
void walk(const Trie& trie, u32 node, u32 q, const Step& step, const Loops& loops, const Alive& alive, const Whole& whole) {
    struct Frame {
        u32 at, end, state;
    };
    Frame frames[4096];  // by depth; tokens are shorter than this, see Vocabulary
    // SAFETY: `kid_at` has one entry more than there are nodes, its values index `kid` and `kid_byte`, and `kid` holds nodes.
    const u32 *kid_at = trie.kid_at.data(), *kid = trie.kid.data(), *text = trie.text.data();
    const u8* kid_byte = trie.kid_byte.data();
    Frame* top = frames;
    *top = {kid_at[node], kid_at[node + 1], q};
    for (;;) {
        if (top->at == top->end) {
            if (top == frames) return;
            --top;
            continue;
        }
        u32 k = top->at++, s = step(top->state, kid_byte[k]);
        if (s == DEAD) continue;
        u32 n = kid[k];
        if (text[n] != NONE && loops(s).holds(trie.texts[text[n]])) {
            whole(n, s);
            continue;
        }
        alive(n, s);
        if (kid_at[n] < kid_at[n + 1]) *++top = {kid_at[n], kid_at[n + 1], s};
    }
}

}  // namespace

// What a walk finds: nodes in ascending order.
struct Store::Found {
    std::vector<std::pair<u32, u32>> inner;  // ranges
    std::vector<u32> exits;
};

template <class Step, class Accept>
void Store::explore(u32 node, u32 q, const Step& step, const Accept& accepts, Found& found) {
    FlatMap known;
    std::vector<ByteSet> sets;
    auto loops = [&](u32 s) -> const ByteSet& {
        u32 at = known.find(s);
        if (at == NONE) {
            known.put(s, at = u32(sets.size()));
            sets.push_back(accepts(s) ? ByteSet{} : find_loops(s, step, accepts));
        }
        return sets[at];
    };
    walk(
        trie, node, q, step, loops,
        [&](u32 n, u32 s) {
            add_range(found.inner, n, n + 1);
            if (accepts(s) && trie.end[n] > n + 1) found.exits.push_back(n);
        },
        [&](u32 n, u32) { add_range(found.inner, n, trie.end[n]); });
}

Entry Store::build(const Terminal& t, u32 q, u32 node, bool may_mend) {
    Entry e;
    if (t.plain() ? may_mend && build_from_twin(t, q, node, e) : build_counted(t, q, node, e)) return e;
    Found found;
    if (t.plain()) {
        const Dfa& d = *t.parts[0].dfa;
        // SAFETY: states are below d.size() and class_of below d.classes.
        const u32* next = d.next.data();
        explore(node, q, [&](u32 s, u8 b) { return next[std::size_t(s) * d.classes + d.class_of[b]]; }, [&](u32 s) { return d.accept[s] != 0; }, found);
    } else {
        explore(node, q, [&](u32 s, u8 b) { return t.step(s, b); }, [&](u32 s) { return t.accepts(s); }, found);
    }
    fill(e, node, found);
    return e;
}

// Lists or bits, whichever is smaller; then the rests.
void Store::fill(Entry& e, u32 node, Found& found) {
    std::size_t count = 0, most = trie.rank[trie.end[node]] - trie.rank[node];
    for (auto [from, to] : found.inner) count += trie.rank[to] - trie.rank[from];
    if (count <= trie.words()) {
        for (auto [from, to] : found.inner)
            e.inner.list.insert(e.inner.list.end(), trie.ranked.begin() + trie.rank[from], trie.ranked.begin() + trie.rank[to]);
    } else if (node == 0 && count > most / 2) {  // nearly all: take the others away
        e.inner.bits = trie.all;
        u32 at = 0;
        for (auto [from, to] : found.inner) trie.clear(at, from, e.inner.bits.data()), at = to;
        trie.clear(at, trie.nodes(), e.inner.bits.data());
    } else {
        e.inner.bits.assign(trie.words(), 0);
        for (auto [from, to] : found.inner) trie.set(from, to, e.inner.bits.data());
    }
    e.exits = std::move(found.exits);
    gather_rests(e);
}

// The subtrees of the exits as one trie.
void Store::gather_rests(Entry& e) {
    std::vector<u64> pool;  // byte << 32 | node: the children of the nodes that were merged, by byte
    auto children = [&](u32 n) {
        for (u32 k = trie.kid_at[n]; k < trie.kid_at[n + 1]; ++k) pool.push_back(u64(trie.kid_byte[k]) << 32 | trie.kid[k]);
    };
    struct Frame {
        std::size_t from, at, to;  // in `pool`
        u32 flat;
    };
    std::vector<Frame> stack;
    auto open = [&](std::size_t from, u32 flat) {
        std::sort(pool.begin() + long(from), pool.end());
        stack.push_back({from, from, pool.size(), flat});
    };
    for (u32 x : e.exits)
        if (trie.end[x] - x > WIDE) e.wide.push_back(x);
        else children(x);
    e.rest_byte.push_back(0), e.rest_end.push_back(0), e.rest_at.push_back(0);
    open(0, 0);
    while (!stack.empty()) {
        Frame& f = stack.back();
        if (f.at == f.to) {
            e.rest_end[f.flat] = u32(e.rest_byte.size());
            pool.resize(f.from);
            stack.pop_back();
            continue;
        }
        u64 byte = pool[f.at] >> 32;
        std::size_t from = pool.size(), end = f.to;
        u32 flat = u32(e.rest_byte.size());
        e.rest_byte.push_back(u8(byte)), e.rest_end.push_back(0), e.rest_at.push_back(u32(e.rest_tokens.size()));
        for (; f.at < end && pool[f.at] >> 32 == byte; ++f.at) {
            u32 n = u32(pool[f.at]);
            e.rest_tokens.insert(e.rest_tokens.end(), trie.ranked.begin() + trie.rank[n], trie.ranked.begin() + trie.rank[n + 1]);
            children(n);
        }
        open(from, flat);
    }
    e.rest_at.push_back(u32(e.rest_tokens.size()));
}

// A state that reads at least half of all bytes exactly as its most frequent successor does.
bool Store::build_from_twin(const Terminal& t, u32 q, u32 node, Entry& e) {
    const Dfa& d = *t.parts[0].dfa;
    if (trie.end[node] - node < 4 * WIDE || d.reads[q].size() < 64) return false;
    std::vector<std::pair<u32, u32>> targets;  // (state, how many bytes lead there)
    for (int b = 0; b < 256; ++b) {
        u32 s = d.step(q, u8(b));
        if (s == DEAD || s == q) continue;
        auto it = std::find_if(targets.begin(), targets.end(), [&](auto& x) { return x.first == s; });
        if (it == targets.end()) targets.emplace_back(s, 1);
        else ++it->second;
    }
    if (targets.empty()) return false;
    u32 twin = std::max_element(targets.begin(), targets.end(), [](auto& a, auto& b) { return a.second < b.second; })->first;
    auto same = [&](u32 a, u32 b) { return a == b || (a != DEAD && b != DEAD && d.hash[a] == d.hash[b]); };
    u32 alike = 0;
    for (int b = 0; b < 256; ++b) alike += same(d.step(q, u8(b)), d.step(twin, u8(b)));
    if (alike < 192 || same(q, twin)) return false;
    std::shared_ptr<const Entry> base = entry(t, twin, node, false);  // states can be each other's twins
    e.inner.bits.assign(trie.words(), 0);
    base->inner.or_into(e.inner.bits.data(), trie.words());
    std::vector<std::pair<u32, u32>> gone;  // node ranges whose exits are not ours, ascending
    std::vector<u32> added;
    struct Frame {
        u32 n, end, q, twin;
    };
    std::vector<Frame> stack{{node + 1, trie.end[node], q, twin}};
    while (!stack.empty()) {
        Frame& f = stack.back();
        if (f.n >= f.end) {
            stack.pop_back();
            continue;
        }
        u32 n = f.n;
        f.n = trie.end[n];
        u32 a = f.q == DEAD ? DEAD : d.step(f.q, trie.byte[n]), b = f.twin == DEAD ? DEAD : d.step(f.twin, trie.byte[n]);
        if (same(a, b)) continue;
        if (a == DEAD) {  // b is alive: nothing below is ours
            gone.emplace_back(n, trie.end[n]);
            trie.clear(n, trie.end[n], e.inner.bits.data());
            continue;
        }
        gone.emplace_back(n, n + 1);
        trie.set(n, e.inner.bits.data());
        if (d.accept[a] && trie.end[n] > n + 1) added.push_back(n);
        stack.push_back({n + 1, trie.end[n], a, b});
    }
    std::size_t g = 0;
    for (u32 x : base->exits) {
        while (g < gone.size() && gone[g].second <= x) ++g;
        if (g == gone.size() || x < gone[g].first) e.exits.push_back(x);
    }
    std::size_t middle = e.exits.size();
    e.exits.insert(e.exits.end(), added.begin(), added.end());
    std::inplace_merge(e.exits.begin(), e.exits.begin() + long(middle), e.exits.end());
    gather_rests(e);
    return true;
}

std::shared_ptr<const Store::Unlimited> Store::unlimited(const Terminal& t, u32 part, u32 unit_state, u32 node) {
    const Part& p = t.parts[part];
    const Dfa& d = *p.dfa;
    Key k = key_of(t, p.base + unit_state, node, true);
    if (auto found = find(k)) return std::static_pointer_cast<const Unlimited>(found);
    auto u = std::make_shared<Unlimited>();
    // a state here is count * units + state of the unit; leaving is decided by the caller, who knows the limits
    u32 n_units = d.size();
    std::vector<std::vector<u32>> by_need(Unlimited::LEVELS + 1);
    auto add = [&](u32 n, u32 need) {
        for (u32 k = trie.rank[n]; k < trie.rank[n + 1]; ++k)
            if (need <= Unlimited::LEVELS) by_need[need].push_back(trie.ranked[k]);
            else u->longer.emplace_back(need, trie.ranked[k]);
    };
    auto leave = [&](u32 n, u32 count) {
        for (u32 k2 = trie.kid_at[n]; k2 < trie.kid_at[n + 1]; ++k2)
            if (d.step(d.start, trie.kid_byte[k2]) == DEAD) u->leaves.push_back({trie.kid[k2], count});
    };
    auto unit = [&](u32 s, u8 b) {
        u32 to = d.step(s, b);
        return to != DEAD && d.accept[to] ? d.start : to;
    };
    const ByteSet none, loops = find_loops(d.start, unit, [&](u32 s) { return s == d.start; });
    walk(
        trie, node, unit_state,
        [&](u32 s, u8 b) {
            u32 count = s / n_units, to = d.step(s % n_units, b);
            if (to == DEAD) return DEAD;
            return d.accept[to] ? (count + 1) * n_units + d.start : count * n_units + to;
        },
        [&](u32 s) -> const ByteSet& { return s % n_units == d.start ? loops : none; },
        [&](u32 n, u32 s) {
            add(n, s / n_units + (s % n_units != d.start));
            if (s % n_units == d.start) leave(n, s / n_units);
        },
        [&](u32 n, u32 s) {  // a unit is a character here
            u32 before = s / n_units - trie.chars[n];
            for (u32 x = n; x < trie.end[n]; ++x) add(x, before + trie.chars[x]);
        });
    if (unit_state == d.start) leave(node, 0);
    // only bytes that some later part can read are worth keeping
    bool follow[256] = {};
    for (u32 j = part + 1; j < t.parts.size(); ++j) {
        const Dfa& r = *t.parts[j].dfa;
        for (int b = 0; b < 256; ++b) follow[b] = follow[b] || r.step(r.start, u8(b)) != DEAD;
        if (t.parts[j].counted ? t.parts[j].min != 0 : !r.accept[r.start]) break;
    }
    u->leaves.erase(std::remove_if(u->leaves.begin(), u->leaves.end(), [&](auto& l) { return !follow[trie.byte[l.node]]; }), u->leaves.end());
    std::sort(u->leaves.begin(), u->leaves.end(), [](auto& a, auto& b) { return a.node < b.node; });
    std::sort(u->longer.begin(), u->longer.end());
    u32 top = Unlimited::LEVELS;
    while (top > 0 && by_need[top].empty()) --top;
    std::vector<u32> bits(trie.words(), 0);
    for (u32 k2 = 0; k2 <= top; ++k2) {
        for (u32 x : by_need[k2]) bits[x >> 5] |= 1u << (x & 31);
        u->upto.push_back(bits);
    }
    put(k, u, u->bytes());
    return u;
}

bool Store::build_counted(const Terminal& t, u32 q, u32 node, Entry& e) {
    if (t.parts.empty() || trie.end[node] - node < 4 * WIDE) return false;
    u32 i = t.part_of(q);
    const Part& p = t.parts[i];
    if (!p.counted || i + 1 == t.parts.size()) return false;
    for (u32 j = i + 1; j < t.parts.size(); ++j) {  // the lexeme must not end inside the loop: that would make every token an exit
        if (t.parts[j].counted ? t.parts[j].min != 0 : !t.parts[j].dfa->accept[t.parts[j].dfa->start]) break;
        if (j + 1 == t.parts.size()) return false;
    }
    u32 n = p.dfa->size(), k = (q - p.base) / n, s = (q - p.base) % n;
    u32 low = k < p.min ? p.min - k : 0, high = p.max == NONE ? NONE : p.max - k;
    auto u = unlimited(t, i, s, node);
    e.inner.bits = u->upto[std::min<std::size_t>(high, u->upto.size() - 1)];
    for (auto [need, token] : u->longer) {
        if (need > high) break;
        e.inner.bits[token >> 5] |= 1u << (token & 31);
    }
    Found found;
    u32 top = p.counts() - 1;
    for (auto [x, count] : u->leaves) {
        if (count < low || (high != NONE && count > high)) continue;
        u32 at = p.base + std::min(k + count, top) * n + p.dfa->start;
        u32 to = t.step(at, trie.byte[x]);
        if (to == DEAD) continue;
        add_range(found.inner, x, x + 1);
        if (t.accepts(to) && trie.end[x] > x + 1) found.exits.push_back(x);
        explore(x, to, [&](u32 a, u8 b) { return t.step(a, b); }, [&](u32 a) { return t.accepts(a); }, found);
    }
    for (auto [from, to] : found.inner) trie.set(from, to, e.inner.bits.data());
    e.exits = std::move(found.exits);
    gather_rests(e);
    return true;
}

}  // namespace weft
