#include "effects.hpp"

#include <algorithm>

namespace weft {

namespace {

constexpr u32 BASE_COST = 256;  // trie nodes of extras that are as dear as using a base at all
constexpr u32 NO_STATE = NONE - 1;
constexpr u32 FEW_TOKENS = 4096;  // more than these are removed by a mask

}  // namespace

std::size_t EffectTree::bytes() const {
    std::size_t n = 100 + owing.bytes() + nodes.size() * sizeof(Node) + groups.size() * sizeof(Group);
    for (auto& g : groups) n += g.tokens.bytes();
    return n;
}

Effects::Effects(const Lexer& l, const Trie& t) : lexer(l), trie(t), weight(l.scan.classes, 0), class_kinds(l.scan.classes, 0) {
    for (int b = 0; b < 256; ++b) {
        u32 c = lexer.scan.class_of[b], n = trie.root_child[b];
        class_kinds[c] |= u64(1) << trie.kind[b];
        if (b >= 0x80) high_kinds |= u64(1) << trie.kind[b];
        if (n != NONE) weight[c] += trie.end[n] - n;
    }
    for (u32 w : weight) all_nodes += w;
    loop_kinds.assign(lexer.size(), ~u64(0));
}

void Effects::forget() {
    trees.clear(), bases.clear(), plans.clear(), kept.clear();
    used = next_id = 0;
}

// The cheapest base: the one that needs the fewest trie nodes to be walked again. Nothing at all is a base, too.
void Effects::make_plan(u32 part) {
    const u32* row = lexer.part(part);
    u32 classes = lexer.scan.classes, best = NONE;
    u64 alive = 0;
    for (u32 c = 0; c < classes; ++c)
        if (row[c] != DEAD) alive += weight[c];
    u64 cost = alive;
    for (u32 k = 0; k < bases.size(); ++k) {
        u64 differs = BASE_COST;
        for (u32 c = 0; c < classes; ++c)
            if (row[c] != DEAD && row[c] != lexer.part(bases[k].part)[c]) differs += weight[c];
        if (differs < cost) cost = differs, best = k;
    }
    if (cost > all_nodes / 4 && cost * 2 > alive) {
        bases.push_back({part, build(row, std::vector<u8>(classes, 1))});
        best = u32(bases.size()) - 1;
    }
    Plan p;
    std::vector<u8> wanted(classes, 1), gone(classes, 0);
    bool extra = false;
    const u32* base = best == NONE ? nullptr : lexer.part(bases[best].part);
    if (base) p.base = bases[best].tree;
    for (u32 c = 0; c < classes; ++c) {
        wanted[c] = weight[c] && row[c] != DEAD && !(base && row[c] == base[c]);
        gone[c] = base && weight[c] && base[c] != DEAD && row[c] != base[c];
        extra = extra || wanted[c];
    }
    if (extra) p.extra = build(row, wanted);
    u32 tokens = 0;
    for (int b = 0; b < 256; ++b) {
        u32 n = trie.root_child[b];
        if (n == NONE || !gone[lexer.scan.class_of[b]]) continue;
        u32 from = trie.rank[n], to = trie.rank[trie.end[n]];
        tokens += to - from;
        add_range(p.removed, from, to);
    }
    if (tokens > FEW_TOKENS) {
        auto same = std::find_if(kept.begin(), kept.end(), [&](auto& k) { return k.first == gone; });
        p.kept = u32(same - kept.begin());
        if (same == kept.end()) {
            std::vector<u32> mask(trie.words(), ~u32(0));
            for (auto [from, to] : p.removed)
                for (u32 r = from; r < to; ++r) mask[trie.ranked[r] >> 5] &= ~(1u << (trie.ranked[r] & 31));
            used += mask.size() * 4 + gone.size();
            kept.emplace_back(gone, std::move(mask));
        }
    }
    used += sizeof(Plan) + p.removed.size() * 8;
    plans[part] = std::move(p);
}

// Kinds of bytes that leave x as it is.
u64 Effects::loops(u32 x) {
    u64& known = loop_kinds[x];
    if (known != ~u64(0)) return known;
    const u32 *go = lexer.part(lexer.go_part(x)), *next = lexer.part(lexer.next_part(x));
    u64 leave = 0, all = 0;
    for (u32 c = 0; c < lexer.scan.classes; ++c) {
        all |= class_kinds[c];
        if (go[c] != x || next[c] != DEAD) leave |= class_kinds[c];
    }
    return known = all & ~leave;
}

// The state to which any well-formed text above ASCII takes x at the next end of a character, if that is always the same one, nothing
// ends on the way, and the same terminals are open all the way; between characters it must be x itself. NONE if not.
u32 Effects::settles(u32 x, u8 utf8) {
    u64 key = u64(x) << 8 | utf8;
    if (u32 known = settled.find(key); known != NONE) return known == NO_STATE ? NONE : known;
    u32 to = utf8 == 0 ? x : NONE;
    const u32 *go = lexer.part(lexer.go_part(x)), *next = lexer.part(lexer.next_part(x));
    bool same = true;
    for (int b = 0x80; b < 256 && same; ++b) {
        u8 then = step_utf8(utf8, u8(b));
        if (then == NOT_UTF8) continue;
        u32 c = lexer.scan.class_of[b], y = go[c];
        same = y != DEAD && next[c] == DEAD && lexer.live(y) == lexer.live(x);
        u32 end = !same || then == 0 ? y : settles(y, then);  // at most three deep
        same = same && end != NONE && (to == NONE || to == end);
        to = end;
    }
    settled.put(key, same ? to : NO_STATE);
    return same ? to : NONE;
}

// Whether all that stands below a node leaves the open lexeme as it is.
bool Effects::unchanged(u32 node, u32 x) {
    u64 leave = trie.below[node] & ~loops(x);
    if (!leave) return true;
    if (trie.utf8[node] == NOT_UTF8 || !(trie.below[node] & high_kinds)) return false;
    u32 to = settles(x, trie.utf8[node]);
    return to != NONE && settles(to, 0) == to && !(trie.below[node] & ~(loops(to) | high_kinds));
}

const EffectTree* Effects::build(const u32* row, const std::vector<u8>& wanted) {
    group_at.clear(), path_at.clear(), gathered.clear(), owing.clear();
    paths.assign(1, {NONE, 0});
    last_key = ~u64(0);
    for (int b = 0; b < 256; ++b) {
        u32 c = lexer.scan.class_of[b], n = trie.root_child[b];
        if (n != NONE && wanted[c] && row[c] != DEAD) walk(n, row[c]);
    }
    trees.push_back(grow());
    EffectTree& t = trees.back();
    t.id = next_id;
    next_id += u32(t.nodes.size());
    used += t.bytes();
    return &t;
}

u32 Effects::path(u32 parent, u32 label) {
    if (lexer.only_ignored(label)) return parent;
    u64 key = u64(parent) << 32 | label;
    u32 p = path_at.find(key);
    if (p != NONE) return p;
    path_at.put(key, p = u32(paths.size()));
    paths.emplace_back(parent, label);
    return p;
}

void Effects::put(u32 path, u32 live, u32 from, u32 to) {
    u64 key = u64(path) << 32 | live;
    if (key != last_key) {
        last_key = key;
        last_group = group_at.find(key);
        if (last_group == NONE) {
            group_at.put(key, last_group = u32(gathered.size()));
            gathered.push_back({path, live, {}});
        }
    }
    add_range(gathered[last_group].ranges, from, to);
}

// All tokens below the root's child `top`, whose byte led to x.
void Effects::walk(u32 top, u32 x) {
    if (runs.empty()) runs.resize(1), ends.resize(1);
    runs[0] = {{0, x}};
    ends[0] = trie.end[top];
    auto tokens_at = [&](u32 n, const std::vector<Run>& at) {
        u32 from = trie.rank[n], to = trie.rank[n + 1];
        if (from == to) return;
        if (std::any_of(at.begin(), at.end(), [&](const Run& r) { return lexer.owes(r.x); })) owing.emplace_back(from, to);
        for (std::size_t k = 0; k < at.size(); ++k) {
            bool again = false;  // two readings may differ only in what they can become no more
            for (std::size_t j = 0; j < k && !again; ++j) again = at[j].path == at[k].path && lexer.live(at[j].x) == lexer.live(at[k].x);
            if (!again) put(at[k].path, lexer.live(at[k].x), from, to);
        }
    };
    tokens_at(top, runs[0]);
    std::size_t depth = 0;
    auto whole = [&](u32 n, const std::vector<Run>& at) {  // puts the tokens below n at once, if that can be
        if (at.size() != 1 || !unchanged(n, at[0].x)) return false;
        u32 from = trie.rank[n + 1], to = trie.rank[trie.end[n]];
        if (from != to) put(at[0].path, lexer.live(at[0].x), from, to);
        if (from != to && lexer.owes(at[0].x)) owing.emplace_back(from, to);
        return true;
    };
    if (whole(top, runs[0])) return;
    for (u32 n = top + 1; n < trie.end[top];) {
        while (n >= ends[depth]) --depth;
        if (runs.size() <= depth + 1) runs.emplace_back(), ends.push_back(0);
        auto& to = runs[depth + 1];
        to.clear();
        u8 b = trie.byte[n];
        for (auto& r : runs[depth]) {
            u32 go = lexer.go(r.x, b), next = lexer.next(r.x, b);
            if (go != DEAD) to.push_back({r.path, go});
            if (next != DEAD) to.push_back({path(r.path, lexer.label(r.x)), next});
        }
        sort_unique(to);
        if (!to.empty()) tokens_at(n, to);
        if (to.empty() || whole(n, to)) {
            n = trie.end[n];
            continue;
        }
        ++depth;
        ends[depth] = trie.end[n];
        ++n;
    }
}

// Gathered groups -> tree.
EffectTree Effects::grow() {
    std::vector<u8> used_path(paths.size(), 0);
    used_path[0] = 1;
    for (auto& g : gathered)
        for (u32 p = g.path; !used_path[p]; p = paths[p].first) used_path[p] = 1;
    std::vector<std::pair<u32, u32>> children, order;  // (parent, path); (path, group)
    for (u32 p = 1; p < paths.size(); ++p)
        if (used_path[p]) children.emplace_back(paths[p].first, p);
    for (u32 g = 0; g < gathered.size(); ++g) order.emplace_back(gathered[g].path, g);
    std::sort(children.begin(), children.end());
    std::sort(order.begin(), order.end());
    EffectTree t;
    std::vector<std::pair<u32, u32>> stack{{0, NONE}};  // (path, parent node)
    while (!stack.empty()) {
        auto [p, parent] = stack.back();
        stack.pop_back();
        u32 n = u32(t.nodes.size());
        t.nodes.push_back({paths[p].second, 0, parent, u32(t.groups.size())});
        auto g = std::lower_bound(order.begin(), order.end(), std::make_pair(p, 0u));
        for (; g != order.end() && g->first == p; ++g) t.groups.push_back({gathered[g->second].live, trie.tokens_of(gathered[g->second].ranges)});
        auto c = std::lower_bound(children.begin(), children.end(), std::make_pair(p, 0u));
        for (; c != children.end() && c->first == p; ++c) stack.emplace_back(c->second, n);
    }
    t.owing = trie.tokens_of(owing);
    u32 count = u32(t.nodes.size());
    t.nodes.push_back({0, count, NONE, u32(t.groups.size())});
    for (u32 n = 0; n < count; ++n) t.nodes[n].end = n + 1;
    for (u32 n = count; n-- > 1;) t.nodes[t.nodes[n].parent].end = std::max(t.nodes[t.nodes[n].parent].end, t.nodes[n].end);
    return t;
}

}  // namespace weft
