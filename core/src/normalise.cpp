// What is of no use, what may be empty, and left recursion.
#include <algorithm>
#include <unordered_map>

#include "net.hpp"

namespace weft {

GraphComponents components_of(const Graph& graph, u32 only) {
    u32 n = graph.size(), counter = 0;  // without recursion
    GraphComponents out;
    out.of.assign(n, NONE);
    std::vector<u32> index(n, NONE), low(n), stack;
    std::vector<std::pair<u32, u32>> frames;
    for (u32 root = only == NONE ? 0 : only; root < (only == NONE ? n : only + 1); ++root) {
        if (index[root] != NONE) continue;
        frames.emplace_back(root, graph.at[root]);
        while (!frames.empty()) {
            auto [v, k] = frames.back();
            if (index[v] == NONE) index[v] = low[v] = counter++, stack.push_back(v);
            bool deeper = false;
            for (; k < graph.at[v + 1]; ++k) {
                u32 w = graph.to[k];
                if (index[w] == NONE) {
                    frames.back().second = k;
                    frames.emplace_back(w, graph.at[w]);
                    deeper = true;
                    break;
                }
                if (out.of[w] == NONE) low[v] = std::min(low[v], low[w]);
            }
            if (deeper) continue;
            frames.pop_back();
            if (!frames.empty()) low[frames.back().first] = std::min(low[frames.back().first], low[v]);
            if (low[v] != index[v]) continue;
            u32 w;
            do {
                w = stack.back();
                stack.pop_back();
                out.of[w] = out.count();
                out.nodes.push_back(w);
            } while (w != v);
            out.at.push_back(u32(out.nodes.size()));
        }
    }
    return out;
}

namespace {

bool is_call(const Arc& a) { return a.label != EPS && (a.label & BOX); }

// Marks boxes whose end can be reached through arcs that `passes` lets through; least fixpoint over all boxes.
template <class Passes>
std::vector<u8> fixpoint(const std::vector<Net>& nets, const Passes& passes) {
    std::vector<u8> yes(nets.size(), 0), queued(nets.size(), 1), in;
    std::vector<u32> user_at(nets.size() + 1, 0), users, queue, stack;
    for (auto& n : nets)
        for (auto& a : n.arcs)
            if (is_call(a)) ++user_at[(a.label & ~BOX) + 1];
    for (u32 b = 0; b < nets.size(); ++b) user_at[b + 1] += user_at[b];
    users.resize(user_at.back());
    std::vector<u32> next(user_at.begin(), user_at.end() - 1);
    for (u32 b = 0; b < nets.size(); ++b) {
        for (auto& a : nets[b].arcs)
            if (is_call(a)) users[next[a.label & ~BOX]++] = b;
        queue.push_back(b);
    }
    while (!queue.empty()) {
        u32 b = queue.back();
        queue.pop_back();
        queued[b] = 0;
        const Net& n = nets[b];
        if (yes[b] || n.size() == 0) continue;
        in.assign(n.size(), 0);
        stack.assign(1, 0);
        in[0] = 1;
        while (!stack.empty() && !in[n.end]) {
            u32 s = stack.back();
            stack.pop_back();
            for (const Arc* a = n.begin(s); a != n.past(s); ++a)
                if (!in[a->to] && (is_call(*a) ? yes[a->label & ~BOX] != 0 : a->label == EPS || passes(a->label))) in[a->to] = 1, stack.push_back(a->to);
        }
        if (!in[n.end]) continue;
        yes[b] = 1;
        for (u32 k = user_at[b]; k < user_at[b + 1]; ++k)
            if (!queued[users[k]]) queued[users[k]] = 1, queue.push_back(users[k]);
    }
    return yes;
}

// Replaces each arc by what `copy` pushes for it.
template <class Copy>
void rewrite(Net& n, const Copy& copy) {
    std::vector<Arc> arcs;
    arcs.reserve(n.arcs.size());
    u32 from = 0;
    for (u32 s = 0; s < n.size(); ++s) {
        for (u32 k = from; k < n.at[s + 1]; ++k) copy(n.arcs[k], arcs);
        from = n.at[s + 1];
        n.at[s + 1] = u32(arcs.size());
    }
    n.arcs = std::move(arcs);
}

void remove_unproductive(std::vector<Net>& nets) {
    std::vector<u8> productive = fixpoint(nets, [](u32) { return true; });
    auto fails = [&](const Arc& a) { return is_call(a) && !productive[a.label & ~BOX]; };
    for (auto& n : nets)
        if (std::any_of(n.arcs.begin(), n.arcs.end(), fails))
            rewrite(n, [&](const Arc& a, std::vector<Arc>& out) {
                if (!fails(a)) out.push_back(a);
            });
}

std::vector<u8> add_nullable(std::vector<Net>& nets) {
    std::vector<u8> nullable = fixpoint(nets, [](u32) { return false; });
    auto may_be_empty = [&](const Arc& a) { return is_call(a) && nullable[a.label & ~BOX]; };
    for (auto& n : nets)
        if (std::any_of(n.arcs.begin(), n.arcs.end(), may_be_empty))
            rewrite(n, [&](const Arc& a, std::vector<Arc>& out) {
                out.push_back(a);
                if (may_be_empty(a)) out.push_back({EPS, a.to});
            });
    return nullable;
}

// The states that the entry leads to through empty arcs.
std::vector<u32> begin_of(const Net& n) {
    std::vector<u32> found{0};
    std::vector<u8> in(n.size(), 0);
    in[0] = 1;
    for (std::size_t i = 0; i < found.size(); ++i)
        for (const Arc *a = n.begin(found[i]), *past = n.past(found[i]); a != past; ++a)
            if (a->label == EPS && !in[a->to]) in[a->to] = 1, found.push_back(a->to);
    return found;
}

// One automaton for a left-recursive component: node done[X] means that an X which began at the start has just ended.
Net linear_system(const std::vector<Net>& nets, u32 target, const GraphComponents& components, u32 c, Allowance& allowance) {
    Draft draft(allowance);
    std::unordered_map<u32, u32> done;
    const u32 *begin = components.nodes.data() + components.at[c], *end = components.nodes.data() + components.at[c + 1];
    for (const u32* m = begin; m != end; ++m) done[*m] = draft.add();
    for (const u32* m = begin; m != end; ++m) {
        const Net& from = nets[*m];
        u32 base = draft.add();
        for (u32 s = 1; s < from.size(); ++s) draft.add();
        for (u32 s = 0; s < from.size(); ++s)
            for (const Arc* a = from.begin(s); a != from.past(s); ++a) draft.arc(base + s, a->label, base + a->to);
        draft.arc(base + from.end, EPS, done[*m]);
        for (u32 s : begin_of(from))
            for (const Arc* a = from.begin(s); a != from.past(s); ++a) {
                if (a->label == EPS) continue;
                if (is_call(*a) && components.of[a->label & ~BOX] == c) draft.arc(done[a->label & ~BOX], EPS, base + a->to);
                else draft.arc(0, a->label, base + a->to);
            }
    }
    return draft.finish(done[target]);
}

void remove_left_recursion(std::vector<Net>& nets, Allowance& allowance) {
    Graph left;
    for (auto& n : nets) {
        if (n.size())
            for (u32 s : begin_of(n))
                for (const Arc* a = n.begin(s); a != n.past(s); ++a)
                    if (is_call(*a)) left.to.push_back(a->label & ~BOX);
        left.end_node();
    }
    GraphComponents components = components_of(left);
    std::vector<std::pair<u32, Net>> replaced;
    for (u32 c = 0; c < components.count(); ++c) {
        u32 first = components.nodes[components.at[c]];
        if (components.at[c + 1] - components.at[c] == 1 && !left.has(first, first)) continue;
        for (u32 k = components.at[c]; k < components.at[c + 1]; ++k) replaced.emplace_back(components.nodes[k], linear_system(nets, components.nodes[k], components, c, allowance));
    }
    for (auto& [b, net] : replaced) nets[b] = std::move(net);
}

}  // namespace

std::vector<u8> normalise(std::vector<Net>& nets, Allowance& allowance) {
    remove_unproductive(nets);
    std::vector<u8> nullable = add_nullable(nets);
    remove_left_recursion(nets, allowance);
    return nullable;
}

}  // namespace weft
