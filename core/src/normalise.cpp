// What is of no use, what may be empty, and left recursion.
#include <algorithm>
#include <unordered_map>

#include "net.hpp"

namespace weft {

std::vector<u32> components(const std::vector<std::vector<u32>>& graph, std::vector<std::vector<u32>>& members) {
    u32 n = u32(graph.size()), counter = 0;  // Tarjan 1972, without recursion; components come callees first
    std::vector<u32> index(n, NONE), low(n), comp(n, NONE), stack;
    std::vector<std::pair<u32, u32>> frames;
    for (u32 root = 0; root < n; ++root) {
        if (index[root] != NONE) continue;
        frames.emplace_back(root, 0);
        while (!frames.empty()) {
            auto [v, k] = frames.back();
            if (k == 0 && index[v] == NONE) index[v] = low[v] = counter++, stack.push_back(v);
            bool deeper = false;
            while (k < graph[v].size()) {
                u32 w = graph[v][k];
                if (index[w] == NONE) {
                    frames.back().second = k;
                    frames.emplace_back(w, 0);
                    deeper = true;
                    break;
                }
                if (comp[w] == NONE) low[v] = std::min(low[v], low[w]);
                ++k;
            }
            if (deeper) continue;
            frames.pop_back();
            if (!frames.empty()) low[frames.back().first] = std::min(low[frames.back().first], low[v]);
            if (low[v] == index[v]) {
                members.emplace_back();
                u32 w;
                do {
                    w = stack.back();
                    stack.pop_back();
                    comp[w] = u32(members.size()) - 1;
                    members.back().push_back(w);
                } while (w != v);
            }
        }
    }
    return comp;
}

namespace {

std::vector<u8> closure(const Net& n, u32 from) {
    std::vector<u8> in(n.out.size(), 0);
    std::vector<u32> stack{from};
    in[from] = 1;
    while (!stack.empty()) {
        u32 s = stack.back();
        stack.pop_back();
        for (auto& a : n.out[s])
            if (a.label == EPS && !in[a.to]) in[a.to] = 1, stack.push_back(a.to);
    }
    return in;
}

// Marks boxes whose end can be reached through arcs that `passes` lets through; least fixpoint over all boxes.
template <class Passes>
std::vector<u8> fixpoint(const std::vector<Net>& nets, const Passes& passes) {
    std::vector<u8> yes(nets.size(), 0);
    std::vector<std::vector<u32>> users(nets.size());
    for (u32 b = 0; b < nets.size(); ++b)
        for (auto& out : nets[b].out)
            for (auto& a : out)
                if (a.label != EPS && (a.label & BOX)) users[a.label & ~BOX].push_back(b);
    std::vector<u32> queue;
    std::vector<u8> queued(nets.size(), 1);
    for (u32 b = 0; b < nets.size(); ++b) queue.push_back(b);
    while (!queue.empty()) {
        u32 b = queue.back();
        queue.pop_back();
        queued[b] = 0;
        if (yes[b] || nets[b].out.empty()) continue;
        const Net& n = nets[b];
        std::vector<u8> in(n.out.size(), 0);
        std::vector<u32> stack{n.entry};
        in[n.entry] = 1;
        bool found = false;
        while (!stack.empty() && !found) {
            u32 s = stack.back();
            stack.pop_back();
            found = n.final[s];
            for (auto& a : n.out[s])
                if (!in[a.to] && (a.label == EPS || ((a.label & BOX) ? yes[a.label & ~BOX] != 0 : passes(a.label)))) in[a.to] = 1, stack.push_back(a.to);
        }
        if (!found) continue;
        yes[b] = 1;
        for (u32 u : users[b])
            if (!queued[u]) queued[u] = 1, queue.push_back(u);
    }
    return yes;
}

void remove_unproductive(std::vector<Net>& nets) {
    std::vector<u8> productive = fixpoint(nets, [](u32) { return true; });
    for (auto& n : nets)
        for (auto& out : n.out)
            out.erase(std::remove_if(out.begin(), out.end(),
                                     [&](const Arc& a) { return a.label != EPS && (a.label & BOX) && !productive[a.label & ~BOX]; }),
                      out.end());
}

std::vector<u8> add_nullable(std::vector<Net>& nets) {
    std::vector<u8> nullable = fixpoint(nets, [](u32) { return false; });
    for (auto& n : nets)
        for (auto& out : n.out) {
            std::size_t count = out.size();
            for (std::size_t k = 0; k < count; ++k)
                if (out[k].label != EPS && (out[k].label & BOX) && nullable[out[k].label & ~BOX]) out.push_back({EPS, out[k].to});
        }
    return nullable;
}

// One automaton for a left-recursive component: node done[X] means that an X which began at the start has just ended.
Net linear_system(const std::vector<Net>& nets, u32 target, const std::vector<u32>& ms, const std::vector<std::vector<u8>>& begin, const std::vector<u32>& comp, u32 c, Allowance& allowance) {
    Net net;
    net.entry = allowance.state(net);
    std::unordered_map<u32, u32> done;
    for (u32 m : ms) done[m] = allowance.state(net);
    for (u32 m : ms) {
        const Net& from = nets[m];
        u32 base = u32(net.out.size());
        for (u32 s = 0; s < from.out.size(); ++s) allowance.state(net);
        for (u32 s = 0; s < from.out.size(); ++s) {
            for (auto& a : from.out[s]) net.arc(base + s, a.label, base + a.to);
            if (from.final[s]) net.arc(base + s, EPS, done[m]);
            if (!begin[m][s]) continue;
            for (auto& a : from.out[s]) {
                if (a.label == EPS) continue;
                if ((a.label & BOX) && comp[a.label & ~BOX] == c) net.arc(done[a.label & ~BOX], EPS, base + a.to);
                else net.arc(net.entry, a.label, base + a.to);
            }
        }
    }
    net.final[done[target]] = 1;
    return net;
}

void remove_left_recursion(std::vector<Net>& nets, Allowance& allowance) {
    std::vector<std::vector<u32>> left(nets.size());
    std::vector<std::vector<u8>> begin(nets.size());
    for (u32 b = 0; b < nets.size(); ++b) {
        if (nets[b].out.empty()) continue;
        begin[b] = closure(nets[b], nets[b].entry);
        for (u32 s = 0; s < nets[b].out.size(); ++s)
            if (begin[b][s])
                for (auto& a : nets[b].out[s])
                    if (a.label != EPS && (a.label & BOX)) left[b].push_back(a.label & ~BOX);
    }
    std::vector<std::vector<u32>> members;
    std::vector<u32> comp = components(left, members);
    std::vector<std::pair<u32, Net>> replaced;
    for (u32 c = 0; c < members.size(); ++c) {
        auto& ms = members[c];
        bool cyclic = ms.size() > 1 || std::count(left[ms[0]].begin(), left[ms[0]].end(), ms[0]);
        if (!cyclic) continue;
        for (u32 a : ms) replaced.emplace_back(a, linear_system(nets, a, ms, begin, comp, c, allowance));
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
