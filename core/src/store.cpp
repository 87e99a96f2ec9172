#include "store.hpp"

#include <algorithm>

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
        h.add(p.dfa->hash[p.dfa->start].a);
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

// Runs a terminal over the subtree of `node`: calls inner(x) where the lexeme is alive and exit(x) where it may end.
template <class Step, class Accept, class Inner, class Exit>
void walk(const Trie& trie, u32 node, u32 q, const Step& step, const Accept& accepts, const Inner& inner, const Exit& exit) {
    u32 states[4096];  // by depth; tokens are shorter than this, see Vocabulary
    u32 ends[4096];
    u32 depth = 0, n = node + 1, end = trie.end[node];
    states[0] = q, ends[0] = end;
    while (n < end) {
        while (n >= ends[depth]) --depth;
        u32 s = step(states[depth], trie.byte[n]);
        if (s == DEAD) {
            n = trie.end[n];
            continue;
        }
        inner(n);
        if (accepts(s)) exit(n);
        ++depth;
        states[depth] = s, ends[depth] = trie.end[n];
        ++n;
    }
}

}  // namespace

Entry Store::build(const Terminal& t, u32 q, u32 node, bool may_mend) {
    Entry e;
    if (t.plain() ? may_mend && build_from_twin(t, q, node, e) : build_counted(t, q, node, e)) return e;
    std::vector<u32> tokens;
    auto inner = [&](u32 n) {
        if (trie.token[n] != NONE) tokens.push_back(trie.token[n]);
    };
    auto exit = [&](u32 n) {
        if (trie.end[n] > n + 1) e.exits.push_back(n);
    };
    if (t.plain()) {
        const Dfa& d = *t.parts[0].dfa;
        walk(trie, node, q, [&](u32 s, u8 b) { return d.step(s, b); }, [&](u32 s) { return d.accept[s] != 0; }, inner, exit);
    } else {
        walk(trie, node, q, [&](u32 s, u8 b) { return t.step(s, b); }, [&](u32 s) { return t.accepts(s); }, inner, exit);
    }
    finish(e, tokens);
    return e;
}

// Lists or bits, whichever is smaller, twins included; then the rests.
void Store::finish(Entry& e, std::vector<u32>& tokens) {
    if (tokens.size() > trie.words()) {
        e.inner.bits.assign(trie.words(), 0);
        for (u32 first : tokens)
            for (u32 t = first; t != NONE; t = trie.twin[t]) e.inner.bits[t >> 5] |= 1u << (t & 31);
    } else {
        for (u32 first : tokens)
            for (u32 t = first; t != NONE; t = trie.twin[t]) e.inner.list.push_back(t);
    }
    gather_rests(e);
}

void Store::gather_rests(Entry& e) {
    struct Node {
        std::vector<std::pair<u8, u32>> next;
        std::vector<u32> tokens;
    };
    std::vector<Node> nodes(1);
    std::vector<std::pair<u32, u32>> path;  // (end of the subtree, node of the merged trie)
    for (u32 x : e.exits) {
        if (trie.end[x] - x > WIDE) {
            e.wide.push_back(x);
            continue;
        }
        path.assign(1, {trie.end[x], 0});
        for (u32 n = x + 1; n < trie.end[x]; ++n) {
            while (n >= path.back().first) path.pop_back();
            u32 at = path.back().second, to = NONE;
            for (auto& [b, v] : nodes[at].next)
                if (b == trie.byte[n]) to = v;
            if (to == NONE) {
                to = u32(nodes.size());
                nodes.emplace_back();
                nodes[at].next.emplace_back(trie.byte[n], to);
            }
            for (u32 t = trie.token[n]; t != NONE; t = trie.twin[t]) nodes[to].tokens.push_back(t);
            path.emplace_back(trie.end[n], to);
        }
    }
    e.rest_byte.clear(), e.rest_end.clear(), e.rest_at.clear(), e.rest_tokens.clear();
    struct Frame {
        u32 node, child, flat;
    };
    std::vector<Frame> stack;
    auto open = [&](u32 node, u8 byte) {
        stack.push_back({node, 0, u32(e.rest_byte.size())});
        e.rest_byte.push_back(byte), e.rest_end.push_back(0), e.rest_at.push_back(u32(e.rest_tokens.size()));
        e.rest_tokens.insert(e.rest_tokens.end(), nodes[node].tokens.begin(), nodes[node].tokens.end());
    };
    open(0, 0);
    while (!stack.empty()) {
        Frame& f = stack.back();
        if (f.child < nodes[f.node].next.size()) {
            auto [b, v] = nodes[f.node].next[f.child++];
            open(v, b);
        } else {
            e.rest_end[f.flat] = u32(e.rest_byte.size());
            stack.pop_back();
        }
    }
    e.rest_at.push_back(u32(e.rest_tokens.size()));
}

// A state that reads at least half of all bytes exactly as its most frequent successor does.
bool Store::build_from_twin(const Terminal& t, u32 q, u32 node, Entry& e) {
    const Dfa& d = *t.parts[0].dfa;
    if (trie.end[node] - node < 4 * WIDE || d.fan[q] < 64) return false;
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
    auto set = [&](u32 n, bool on) {
        for (u32 k = trie.token[n]; k != NONE; k = trie.twin[k])
            if (on) e.inner.bits[k >> 5] |= 1u << (k & 31);
            else e.inner.bits[k >> 5] &= ~(1u << (k & 31));
    };
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
            for (u32 x = n; x < trie.end[n]; ++x) set(x, false);
            continue;
        }
        gone.emplace_back(n, n + 1);
        set(n, true);
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
    u32 now = 0;
    walk(
        trie, node, unit_state,
        [&](u32 s, u8 b) {
            u32 count = s / n_units, q = d.step(s % n_units, b);
            if (q == DEAD) return DEAD;
            return now = d.accept[q] ? (count + 1) * n_units + d.start : count * n_units + q;
        },
        [&](u32) { return true; },
        [&](u32 n) {
            if (trie.token[n] == NONE) return;
            u32 need = now / n_units + (now % n_units != d.start);
            if (need <= Unlimited::LEVELS) by_need[need].push_back(trie.token[n]);
            else u->longer.emplace_back(need, trie.token[n]);
        },
        [&](u32 n) {  // children by which the loop is left
            if (now % n_units != d.start) return;
            for (u32 c = n + 1; c < trie.end[n]; c = trie.end[c])
                if (d.step(d.start, trie.byte[c]) == DEAD) u->leaves.push_back({c, now / n_units});
        });
    if (unit_state == d.start)
        for (u32 c = node + 1; c < trie.end[node]; c = trie.end[c])
            if (d.step(d.start, trie.byte[c]) == DEAD) u->leaves.push_back({c, 0});
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
        for (u32 first : by_need[k2])
            for (u32 x = first; x != NONE; x = trie.twin[x]) bits[x >> 5] |= 1u << (x & 31);
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
        for (u32 x = token; x != NONE; x = trie.twin[x]) e.inner.bits[x >> 5] |= 1u << (x & 31);
    }
    auto set = [&](u32 x) {
        for (u32 y = trie.token[x]; y != NONE; y = trie.twin[y]) e.inner.bits[y >> 5] |= 1u << (y & 31);
    };
    auto add_exit = [&](u32 x) {
        if (trie.end[x] > x + 1) e.exits.push_back(x);
    };
    u32 top = p.counts() - 1;
    for (auto [x, count] : u->leaves) {
        if (count < low || (high != NONE && count > high)) continue;
        u32 at = p.base + std::min(k + count, top) * n + p.dfa->start;
        u32 to = t.step(at, trie.byte[x]);
        if (to == DEAD) continue;
        set(x);
        if (t.accepts(to)) add_exit(x);
        walk(trie, x, to, [&](u32 a, u8 b) { return t.step(a, b); }, [&](u32 a) { return t.accepts(a); }, set, add_exit);
    }
    gather_rests(e);
    return true;
}

}  // namespace weft
