#include "distance.hpp"

#include <queue>

namespace weft {

namespace {

std::vector<u32> to_accepting(const Dfa& d) {  // breadth first, backwards
    u32 n = d.size();
    std::vector<std::vector<u32>> back(n);
    for (std::size_t i = 0; i < d.next.size(); ++i)
        if (d.next[i] != DEAD) back[d.next[i]].push_back(u32(i / d.classes));
    std::vector<u32> dist(n, NONE), queue;
    for (u32 s = 0; s < n; ++s)
        if (d.accept[s]) dist[s] = 0, queue.push_back(s);
    for (std::size_t i = 0; i < queue.size(); ++i)
        for (u32 p : back[queue[i]])
            if (dist[p] == NONE) dist[p] = dist[queue[i]] + 1, queue.push_back(p);
    return dist;
}

}  // namespace

Distance::Distance(Frontiers& frontiers, std::vector<u32> costs)
    : f(frontiers), lexemes(std::move(costs)), terminals(f.m.terminals.size()) {
    solve_boxes();
}

const Distance::PerTerminal& Distance::terminal(u32 term) {
    PerTerminal& p = terminals[term];
    if (p.known) return p;
    p.known = true;
    const Terminal& t = *f.m.terminals[term];
    if (!t.literal.empty()) return p.worst = u32(t.literal.size()), p;
    if (t.special != NONE) return p.worst = 1, p;
    p.rest.assign(t.parts.size() + 1, 0);
    for (std::size_t i = t.parts.size(); i-- > 0;) {
        const Part& part = t.parts[i];
        p.parts.insert(p.parts.begin(), to_accepting(*part.dfa));
        u32 unit = p.parts[0][part.dfa->start];
        if (part.counted) unit = cap(u64(unit) * part.min);
        p.rest[i] = cap(u64(unit) + p.rest[i + 1]);
    }
    for (std::size_t i = 0; i < t.parts.size(); ++i) {
        u32 far = *std::max_element(p.parts[i].begin(), p.parts[i].end());
        if (t.parts[i].counted) far = cap(u64(far) + u64(p.parts[i][t.parts[i].dfa->start]) * t.parts[i].min);
        p.worst = std::max(p.worst, cap(u64(far) + p.rest[i + 1]));
    }
    return p;
}

u32 Distance::in_terminal(u32 term, u32 q) {
    if (!lexemes.empty()) return lexemes[term];
    const Terminal& t = *f.m.terminals[term];
    if (!t.literal.empty()) return u32(t.literal.size()) - q;
    if (t.special != NONE) return 1;
    const PerTerminal& p = terminal(term);
    u32 i = t.part_of(q);
    const Part& part = t.parts[i];
    u32 n = part.dfa->size(), k = (q - part.base) / n, s = (q - part.base) % n;
    u32 here = p.parts[i][s];
    if (part.counted) {  // an open unit is finished first; then as many as are still missing
        u32 done = k, unit = p.parts[i][part.dfa->start];
        if (s == part.dfa->start) here = 0;
        else ++done;
        here = cap(u64(here) + (done < part.min ? u64(part.min - done) * unit : 0));
    }
    return cap(u64(here) + p.rest[i + 1]);
}

// Knuth 1977: the least cost of every box, by relaxation until nothing changes.
void Distance::solve_boxes() {
    const Machine& m = f.m;
    state.assign(m.states(), FAR);
    std::vector<std::vector<std::pair<u32, u32>>> scanned(m.states());  // target <- (source, cost)
    std::vector<std::vector<u32>> returning(m.states());                // target <- sources with a call
    std::vector<std::vector<u32>> callers(m.entry.size());              // box <- sources with a call of it
    for (u32 s = 0; s < m.states(); ++s) {
        for (u32 k = m.scan_at[s]; k < m.scan_at[s + 1]; ++k) {
            u32 t = m.scans[k].symbol, cost = in_terminal(t, m.terminals[t]->start);
            scanned[m.scans[k].state].emplace_back(s, std::max(cost, 1u));
        }
        for (u32 k = m.call_at[s]; k < m.call_at[s + 1]; ++k) returning[m.calls[k].state].push_back(s), callers[m.calls[k].symbol].push_back(s);
    }
    std::vector<u32> box_of_entry(m.states(), NONE);
    for (u32 b = 0; b < m.entry.size(); ++b) box_of_entry[m.entry[b]] = b;
    using Due = std::pair<u32, u32>;
    std::priority_queue<Due, std::vector<Due>, std::greater<Due>> queue;
    auto lower = [&](u32 s, u64 d) {
        if (d < state[s]) state[s] = u32(d), queue.emplace(u32(d), s);
    };
    auto relax_calls = [&](u32 s) {
        for (u32 k = m.call_at[s]; k < m.call_at[s + 1]; ++k)
            lower(s, u64(state[m.entry[m.calls[k].symbol]]) + state[m.calls[k].state]);
    };
    for (u32 s = 0; s < m.states(); ++s)
        if (m.is_final[s]) lower(s, 0);
    while (!queue.empty()) {
        auto [d, s] = queue.top();
        queue.pop();
        if (d != state[s]) continue;
        for (auto [from, cost] : scanned[s]) lower(from, u64(d) + cost);
        for (u32 from : returning[s]) relax_calls(from);
        if (u32 b = box_of_entry[s]; b != NONE)
            for (u32 from : callers[b]) relax_calls(from);
    }
}

u32 Distance::below(u32 node) {
    const auto& stacks = f.stacks();
    if (node < nodes.size() && nodes[node] != NONE) return nodes[node];
    if (nodes.size() < stacks.size()) nodes.resize(stacks.size(), NONE);
    std::vector<u32> fresh{node};
    nodes[node] = FAR;
    for (std::size_t i = 0; i < fresh.size(); ++i)
        for (std::size_t k = 0; k < stacks.size(fresh[i]); ++k) {
            const Below& b = stacks.begin(fresh[i])[k];
            if (b.ret < f.m.states() && nodes[b.node] == NONE) nodes[b.node] = FAR, fresh.push_back(b.node);
        }
    std::sort(fresh.begin(), fresh.end());  // but for knots, nodes lie on nodes with smaller numbers: one round is enough
    for (bool changed = true, again = false; changed; again = true) {
        changed = false;
        for (u32 v : fresh) {
            u64 best = FAR;
            for (std::size_t k = 0; k < stacks.size(v); ++k) {
                const Below& b = stacks.begin(v)[k];
                best = std::min(best, b.ret >= f.m.states() ? 0 : u64(state[b.ret]) + nodes[b.node]);  // 0: the sentence may end
                changed = changed || (!again && b.ret < f.m.states() && b.node >= v);
            }
            if (cap(best) < nodes[v]) nodes[v] = cap(best), changed = changed || again;
        }
    }
    return nodes[node];
}

u32 Distance::of(u32 frontier) {
    u64 best = FAR;
    for (std::size_t k = 0; k < f.size(frontier); ++k) {
        const Item it = f.begin(frontier)[k];
        if (it.term == END) return 0;
        u64 lexeme = in_terminal(it.term, it.q);
        // an open lexeme that could end has already let its followers in; what is left of it costs at least one byte
        best = std::min(best, std::max<u64>(lexeme, 1) + after(it.ret, it.node));
    }
    return cap(best);
}

}  // namespace weft
