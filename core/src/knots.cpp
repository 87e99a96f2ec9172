#include "knots.hpp"

namespace weft {

namespace {

// Entries are sorted by what they return to.
template <class Visit>
void each_knot(const std::vector<Below>& entries, u32 ret, const Visit& visit) {
    for (auto b = std::lower_bound(entries.begin(), entries.end(), Below{ret, Frontiers::KNOT}); b != entries.end() && b->ret == ret; ++b)
        visit(b->node - Frontiers::KNOT);
}

}  // namespace

u32 Knots::pair(u32 a, u32 b) {
    u64 key = u64(a) << 32 | b;
    u32 id = pairs.find(key);
    if (id == NONE) pairs.put(key, id = pair_count++);
    return id;
}

void Knots::reach(u32 state, u32 node, u32 boundary) {
    u64 key = u64(pair(node, boundary)) << 32 | state;
    if (places.find(key) != NONE) return;
    if (++reached > MOST_PLACES) throw LimitFault("an elastic hole leaves too many places in the grammar open", MOST_PLACES, reached, "close the holes to its left first");
    places.put(key, 1);
    todo.push_back({state, node, boundary});
}

void Knots::begin(u32 frontier, u32 boundary) {
    u64 key = u64(frontier) << 32 | boundary;
    if (frontiers.find(key) != NONE) return;
    frontiers.put(key, 1);
    const auto& ends = ways(boundary);
    auto& here = found[boundary];
    for (std::size_t k = 0; k < f.size(frontier); ++k) {
        const Item it = f.begin(frontier)[k];
        here.push_back(it);
        if (it.term == END) continue;
        give(it);
        for (auto& e : ends)
            if (e.read && has_bit(e.terms, it.term)) reach(it.ret, it.node, e.after);
    }
    if (boundary == Lexer::BEGIN) return;  // where nothing is owed, ignored text changes nothing
    for (auto& e : ends)
        if (e.ignored) begin(frontier, e.after);
}

void Knots::give(const Item& item) {
    if (item.term != END) given.push_back(item);
}

void Knots::settle(const Place& p) {
    const auto& ends = ways(p.boundary);
    if (p.boundary != Lexer::BEGIN)
        for (auto& e : ends)
            if (e.ignored) reach(p.state, p.node, e.after);
    auto& here = found[p.boundary];
    if (p.state == Frontiers::ACCEPT) {
        here.push_back({END, 0, 0, 0});
        return;
    }
    for (u32 k = m.scan_at[p.state]; k < m.scan_at[p.state + 1]; ++k) {
        auto [term, to] = m.scans[k];
        here.push_back({term, m.terminals[term]->start, to, p.node});
        for (auto& e : ends)
            if (e.read && has_bit(e.terms, term)) reach(to, p.node, e.after);
    }
    for (u32 k = m.call_at[p.state]; k < m.call_at[p.state + 1]; ++k) {
        auto [box, to] = m.calls[k];
        u64 key = u64(box) << 32 | p.boundary;
        u32 knot = knot_of.find(key);
        if (knot == NONE) {
            knot_of.put(key, knot = u32(knots.size()));
            knots.push_back({box, p.boundary, {}, {}});
            reach(m.entry[box], KNOT + knot, p.boundary);
        }
        add(knot, {to, p.node});
    }
    if (m.is_final[p.state]) pop(p.node, p.boundary);
}

void Knots::pop(u32 node, u32 boundary) {
    u64 key = u64(node) << 32 | boundary;
    if (popped.find(key) != NONE) return;
    popped.put(key, 1);
    if (node < KNOT) {
        for (std::size_t k = 0; k < f.stacks().size(node); ++k) {
            Below b = f.stacks().begin(node)[k];
            reach(b.ret, b.node, boundary);
        }
        return;
    }
    knots[node - KNOT].popped.push_back(boundary);
    for (auto& b : knots[node - KNOT].entries) reach(b.ret, b.node, boundary);
}

void Knots::add(u32 knot, Below b) {
    u64 key = u64(knot) << 32 | pair(b.ret, b.node);
    if (entries.find(key) != NONE) return;
    entries.put(key, 1);
    knots[knot].entries.push_back(b);
    for (u32 boundary : knots[knot].popped) reach(b.ret, b.node, boundary);
}

// What a box that can only end returns to is what its caller would have returned to, as in Frontiers::close.
void Knots::skip_tails() {
    std::vector<std::vector<Below>> direct(knots.size());
    std::vector<u32> seen(knots.size(), NONE), stack;
    for (u32 k = 0; k < knots.size(); ++k) {
        stack.push_back(k), seen[k] = k;
        while (!stack.empty()) {
            u32 from = stack.back();
            stack.pop_back();
            for (auto& b : knots[from].entries)
                if (b.ret == Frontiers::ACCEPT || !m.only_final[b.ret]) direct[k].push_back(b);
                else if (b.node < KNOT) direct[k].insert(direct[k].end(), f.stacks().begin(b.node), f.stacks().begin(b.node) + f.stacks().size(b.node));
                else if (u32 to = b.node - KNOT; seen[to] != k) seen[to] = k, stack.push_back(to);
        }
        sort_unique(direct[k]);
    }
    for (u32 k = 0; k < knots.size(); ++k) knots[k].entries.swap(direct[k]);
}

u32 Knots::asks(u32 node, u32 knot) {
    u64 key = u64(node) << 32 | knot;
    u32 q = asked.find(key);
    if (q == NONE) asked.put(key, q = u32(questions.size())), questions.emplace_back(node, knot);
    return q;
}

// The greatest simulation of stack nodes that were there by knots: each entry of the node is one of the knot, or lies on what a knot includes.
void Knots::compare() {
    for (u32 k = 0; k < knots.size(); ++k)
        for (auto& b : knots[k].entries)
            if (b.node < KNOT) each_knot(knots[k].entries, b.ret, [&](u32 by) { asks(b.node, by); });
    for (auto& [boundary, here] : found)
        for (auto& it : here)
            if (it.term != END && it.node >= KNOT) scanned[{boundary, it.term, it.ret}].push_back(it.node - KNOT);
    auto ask = [&](const Item& it, u32 boundary) {
        if (auto by = scanned.find({boundary, it.term, it.ret}); it.node < KNOT && by != scanned.end())
            for (u32 knot : by->second) asks(it.node, knot);
    };
    for (auto& [boundary, here] : found)
        for (auto& it : here) ask(it, boundary);
    for (auto& it : given) ask(it, Lexer::BEGIN);
    for (std::size_t q = 0; q < questions.size(); ++q) {
        auto [node, knot] = questions[q];
        for (std::size_t k = 0; k < f.stacks().size(node); ++k) {
            Below b = f.stacks().begin(node)[k];
            if (b.ret != Frontiers::ACCEPT) each_knot(knots[knot].entries, b.ret, [&](u32 by) { asks(b.node, by); });
        }
    }
    includes.assign(questions.size(), 1);
    for (bool changed = true; changed;) {
        changed = false;
        for (std::size_t q = questions.size(); q-- > 0;) {  // what is asked about what lies below comes later
            if (!includes[q]) continue;
            auto [node, knot] = questions[q];
            const auto& in = knots[knot].entries;
            bool all = true;
            for (std::size_t k = 0; k < f.stacks().size(node) && all; ++k) {
                Below b = f.stacks().begin(node)[k];
                bool one = std::binary_search(in.begin(), in.end(), b);
                if (!one && b.ret != Frontiers::ACCEPT) each_knot(in, b.ret, [&](u32 by) { one = one || is_below(b.node, by); });
                all = one;
            }
            if (!all) includes[q] = 0, changed = true;
        }
    }
}

const std::map<u32, std::vector<Item>>& Knots::items() {
    while (!todo.empty()) {
        Place p = todo.back();
        todo.pop_back();
        settle(p);
    }
    for (auto& [boundary, here] : found) sort_unique(here);
    skip_tails();
    compare();
    // What a knot includes goes; a stack that it stood for is one of the knot's, and one entry shorter below it.
    for (auto& knot : knots) {
        std::vector<Below> kept;
        for (auto& b : knot.entries) {
            bool spare = false;
            if (b.node < KNOT) each_knot(knot.entries, b.ret, [&](u32 by) { spare = spare || is_below(b.node, by); });
            if (!spare) kept.push_back(b);
        }
        knot.entries.swap(kept);
    }
    for (auto& [boundary, here] : found)
        here.erase(std::remove_if(here.begin(), here.end(), [&, at = boundary](const Item& it) { return is_spare(it, at); }), here.end());
    // Those that are left get numbers, in an order that does not depend on how they were found.
    std::vector<u32> used, number(knots.size(), NONE);
    auto use = [&](u32 node) {
        if (node >= KNOT && number[node - KNOT] == NONE) number[node - KNOT] = 0, used.push_back(node - KNOT);
    };
    for (auto& [boundary, here] : found)
        for (auto& it : here)
            if (it.term != END) use(it.node);
    for (std::size_t i = 0; i < used.size(); ++i)
        for (auto& b : knots[used[i]].entries) use(b.node);
    std::sort(used.begin(), used.end(), [&](u32 a, u32 b) { return std::tie(knots[a].box, knots[a].boundary) < std::tie(knots[b].box, knots[b].boundary); });
    for (u32 k = 0; k < used.size(); ++k) number[used[k]] = k;
    std::vector<std::vector<Below>> group;
    for (u32 k : used) {
        auto& entries = group.emplace_back(knots[k].entries);
        for (auto& b : entries)
            if (b.node >= KNOT) b.node = KNOT + number[b.node - KNOT];
        std::sort(entries.begin(), entries.end());
    }
    u32 first = f.knots(group);
    for (auto& [boundary, here] : found) {
        for (auto& it : here)
            if (it.term != END && it.node >= KNOT) it.node = first + number[it.node - KNOT];
        sort_unique(here);
    }
    return found;
}

bool Knots::is_spare(const Item& it, u32 boundary) {
    if (it.term == END || it.node >= KNOT) return false;
    auto by = scanned.find({boundary, it.term, it.ret});
    return by != scanned.end() && std::any_of(by->second.begin(), by->second.end(), [&](u32 knot) { return is_below(it.node, knot); });
}

}  // namespace weft
