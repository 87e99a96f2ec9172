// Inlining, subsets, and states that read the same.
#include <algorithm>

#include "intern.hpp"
#include "minimise.hpp"
#include "net.hpp"

namespace weft {

namespace {

class Reducer {
  public:
    Reducer(const std::vector<Net>& nets, Allowance& allowance) : nets(nets), allowance(allowance) {}

    std::vector<Box> run(u32 start) {
        Graph calls;
        std::vector<u32> uses(nets.size(), 0);
        for (auto& n : nets) {
            for (auto& a : n.arcs)
                if (a.label != EPS && (a.label & BOX)) calls.to.push_back(a.label & ~BOX), ++uses[a.label & ~BOX];
            calls.end_node();
        }
        GraphComponents components = components_of(calls);
        inlined.assign(nets.size(), 0);
        reduced.resize(nets.size());
        for (u32 b : components.nodes) {
            if (nets[b].size() == 0) continue;
            reduced[b] = reduce(nets[b]);
            u32 c = components.of[b];
            bool recursive = components.at[c + 1] - components.at[c] > 1 || calls.has(b, b);
            std::size_t size = reduced[b].size(), arcs = reduced[b].arcs.size();
            inlined[b] = b != start && !recursive && ((size <= 8 && arcs <= 16) || (uses[b] == 1 && size <= 48));
        }
        return std::move(reduced);
    }

  private:
    const std::vector<Net>& nets;
    Allowance& allowance;
    std::vector<Box> reduced;
    std::vector<u8> inlined;
    struct Flat {  // a net with the inlined boxes spliced in: arcs that read, and empty ones
        std::vector<u32> scan_at{0}, eps_at{0}, eps;
        std::vector<Arc> scans;
        std::vector<u8> final;
        u32 size() const { return u32(final.size()); }
        void clear() { scan_at.assign(1, 0), eps_at.assign(1, 0), eps.clear(), scans.clear(), final.clear(); }
        void end_state(bool is_final) { scan_at.push_back(u32(scans.size())), eps_at.push_back(u32(eps.size())), final.push_back(is_final); }
    };

    struct Splice {
        u32 box, to;
    };

    // of the box at hand
    Flat flat;
    std::vector<Splice> splices;
    Graph graph;
    SpanPool<u32> sets, rows, views, circles;
    std::vector<u32> number, row, local, block, first, place, order, shape, circle_base;
    std::vector<u32> single, core, mark;
    std::vector<Arc> moves;
    std::vector<Edge> edges;

    Box reduce(const Net& net) {
        flat.clear(), splices.clear();
        u32 n = net.size(), base = n;
        for (u32 s = 0; s < n; ++s) {
            for (u32 k = net.at[s]; k < net.at[s + 1]; ++k) {
                const Arc& a = net.arcs[k];
                if (a.label == EPS) {
                    flat.eps.push_back(a.to);
                } else if ((a.label & BOX) && inlined[a.label & ~BOX]) {
                    const Box& box = reduced[a.label & ~BOX];
                    flat.eps.push_back(base + box.entry);
                    base += box.size();
                    splices.push_back({a.label & ~BOX, a.to});
                } else {
                    flat.scans.push_back(a);
                }
            }
            if (flat.scans.size() - flat.scan_at.back() > 1) std::sort(flat.scans.begin() + flat.scan_at.back(), flat.scans.end());
            flat.end_state(s == net.end);
        }
        allowance.spend(base - n);
        for (auto& splice : splices) {
            const Box& box = reduced[splice.box];
            base = flat.size();
            for (u32 q = 0; q < box.size(); ++q) {
                for (u32 k = box.at[q]; k < box.at[q + 1]; ++k) flat.scans.push_back({box.arcs[k].label, base + box.arcs[k].to});
                if (box.final[q]) flat.eps.push_back(splice.to);
                if (!std::is_sorted(flat.scans.begin() + flat.scan_at.back(), flat.scans.end())) std::sort(flat.scans.begin() + flat.scan_at.back(), flat.scans.end());
                flat.end_state(false);
            }
        }
        Box d;
        bool deterministic = subsets(flat, d);
        if (!deterministic) d = without_empty_arcs(flat);
        if (d.final[d.entry]) {  // the empty text is the callers' business
            for (u32 k = d.at[d.entry]; k < d.at[d.entry + 1]; ++k) d.arcs.push_back(Arc(d.arcs[k]));
            d.end_state(false);
            d.entry = d.size() - 1;
        }
        return merge_states(d, deterministic);
    }

    bool subsets(const Flat& net, Box& d) {
        u32 n = net.size();
        sets.clear();  // of states with arcs that read, or final ones
        single.assign(n, NONE), mark.assign(n, 0);
        u32 round = 0;
        auto intern = [&] {  // `core`, closed under empty arcs
            ++round;
            for (u32 s : core) mark[s] = round;
            std::size_t keep = 0;
            for (std::size_t i = 0; i < core.size(); ++i) {
                u32 s = core[i];
                for (u32 k = net.eps_at[s]; k < net.eps_at[s + 1]; ++k)
                    if (mark[net.eps[k]] != round) mark[net.eps[k]] = round, core.push_back(net.eps[k]);
                if (net.scan_at[s] < net.scan_at[s + 1] || net.final[s]) core[keep++] = s;
            }
            allowance.toil(core.size());
            core.resize(keep);
            if (keep > 1) std::sort(core.begin(), core.end());
            u32 before = sets.size(), id = sets.intern(core);
            if (id == before) allowance.spend(1);
            return id;
        };
        auto state_of = [&](u32 s) {
            if (single[s] == NONE) core.assign(1, s), single[s] = intern();
            return single[s];
        };
        state_of(0);
        for (u32 i = 0; i < sets.size(); ++i) {
            if (sets.size() > 8 * n + 256) return false;
            moves.clear();
            bool final = false;
            u32 members = u32(sets.size(i));
            for (u32 k = 0; k < members; ++k) {
                u32 s = sets.begin(i)[k];
                final = final || net.final[s];
                moves.insert(moves.end(), net.scans.begin() + net.scan_at[s], net.scans.begin() + net.scan_at[s + 1]);
            }
            if (members > 1) std::sort(moves.begin(), moves.end());
            for (std::size_t k = 0, e; k < moves.size(); k = e) {
                u32 label = moves[k].label, last = moves[k].to;
                core.assign(1, last);
                for (e = k + 1; e < moves.size() && moves[e].label == label; ++e)
                    if (moves[e].to != last) core.push_back(last = moves[e].to);
                u32 to = core.size() == 1 ? state_of(last) : intern();
                d.arcs.push_back({label, to});
            }
            d.end_state(final);
        }
        return true;
    }

    // The rare box whose subsets explode keeps its choices; the frontier carries them.
    Box without_empty_arcs(const Flat& net) {
        Box d;
        std::vector<u32> reached;
        mark.assign(net.size(), NONE);
        for (u32 s = 0; s < net.size(); ++s) {
            allowance.spend(1);
            bool final = false;
            reached.assign(1, s);
            mark[s] = s;
            for (std::size_t i = 0; i < reached.size(); ++i) {
                u32 q = reached[i];
                final = final || net.final[q];
                for (u32 k = net.eps_at[q]; k < net.eps_at[q + 1]; ++k)
                    if (mark[net.eps[k]] != s) mark[net.eps[k]] = s, reached.push_back(net.eps[k]);
                allowance.toil(1 + net.scan_at[q + 1] - net.scan_at[q]);
                d.arcs.insert(d.arcs.end(), net.scans.begin() + net.scan_at[q], net.scans.begin() + net.scan_at[q + 1]);
            }
            d.end_state(final);
        }
        return d;
    }

    // Equivalent states get one number, component by component, what is left first: a state that is on no circle of several is known by
    // its row of labels and numbers. A component of several is minimised in itself, and then known by what a search from one of its
    // states sees; where two states could be that one, a copy of the component may be kept.
    Box merge_states(const Box& d, bool deterministic) {
        graph.at = d.at;
        graph.to.clear();
        for (auto& a : d.arcs) graph.to.push_back(a.to);
        GraphComponents parts = components_of(graph, d.entry);
        rows.clear(), circles.clear(), order.clear();
        number.assign(d.size(), NONE);
        for (u32 c = 0; c < parts.count(); ++c) {
            const u32* states = parts.nodes.data() + parts.at[c];
            u32 m = parts.at[c + 1] - parts.at[c];
            bool live = false;
            for (u32 i = 0; i < m && !live; ++i) {
                live = d.final[states[i]];
                for (u32 k = d.at[states[i]]; k < d.at[states[i] + 1] && !live; ++k) live = number[d.arcs[k].to] != NONE;
            }
            if (!live) continue;
            if (!deterministic)
                for (u32 i = 0; i < m; ++i) number[states[i]] = u32(order.size()), order.push_back(states[i]);
            else if (m == 1) number[states[0]] = rows.intern(row_of(d, states[0], parts));
            else merge_circle(d, states, m, parts);
        }
        Box out;
        if (number[d.entry] == NONE) {
            out.end_state(false);
            return out;
        }
        out.entry = number[d.entry];
        out.arcs.reserve(d.arcs.size());
        if (!deterministic) {
            for (u32 s : order) {
                for (u32 k = d.at[s]; k < d.at[s + 1]; ++k)
                    if (number[d.arcs[k].to] != NONE) out.arcs.push_back({d.arcs[k].label, number[d.arcs[k].to]});
                out.end_state(d.final[s]);
            }
            return out;
        }
        for (u32 s = 0; s < rows.size(); ++s) {
            const u32* r = rows.begin(s);
            for (std::size_t k = 1; k < rows.size(s); k += 2) out.arcs.push_back({r[k], r[k + 1] == INSIDE ? s : r[k + 1]});
            out.end_state(r[0]);
        }
        return out;
    }

    static constexpr u32 INSIDE = NONE - 1;  // in a row: a state of the same component
    const std::vector<u32>& row_of(const Box& d, u32 s, const GraphComponents& parts) {
        row.assign(1, d.final[s]);
        for (u32 k = d.at[s]; k < d.at[s + 1]; ++k) {
            u32 to = d.arcs[k].to, n = parts.of[to] == parts.of[s] ? INSIDE : number[to];
            if (n != NONE) row.push_back(d.arcs[k].label), row.push_back(n);
        }
        return row;
    }

    void merge_circle(const Box& d, const u32* states, u32 m, const GraphComponents& parts) {
        views.clear();
        local.resize(d.size());
        block.resize(m);
        for (u32 i = 0; i < m; ++i) local[states[i]] = i, block[i] = views.intern(row_of(d, states[i], parts));
        auto inside = [&](u32 s, const auto& visit) {
            for (u32 k = d.at[s]; k < d.at[s + 1]; ++k)
                if (parts.of[d.arcs[k].to] == parts.of[s]) visit(d.arcs[k].label, local[d.arcs[k].to]);
        };
        u32 blocks = m;
        if (views.size() < m) {
            edges.clear();
            for (u32 i = 0; i < m; ++i) inside(states[i], [&](u32 label, u32 to) { edges.push_back({i, label, to}); });
            blocks = minimise(m, edges, block);
        }
        first.assign(blocks, NONE);
        for (u32 i = m; i-- > 0;) first[block[i]] = states[i];
        // search from the block whose row has the least hash
        u32 root = 0;
        u64 least = ~u64(0);
        for (u32 b = 0; b < blocks; ++b) {
            row_of(d, first[b], parts);
            u64 h = hash_span(row.data(), row.size());
            if (h < least) least = h, root = b;
        }
        place.assign(blocks, NONE);
        order.assign(1, root);
        place[root] = 0;
        shape.clear();
        for (std::size_t i = 0; i < order.size(); ++i) {
            u32 s = first[order[i]];
            row_of(d, s, parts);
            shape.push_back(u32(row.size()));
            shape.insert(shape.end(), row.begin(), row.end());
            inside(s, [&](u32, u32 to) {
                u32 b = block[to];
                if (place[b] == NONE) place[b] = u32(order.size()), order.push_back(b);
                shape.push_back(place[b]);
            });
        }
        u32 base = rows.size(), before = circles.size(), id = circles.intern(shape);
        if (id < before) {
            base = circle_base[id];
        } else {
            circle_base.resize(id), circle_base.push_back(base);
            for (u32 b : order) {
                row_of(d, first[b], parts);
                std::size_t at = 2;
                u32 s = first[b];
                for (u32 k = d.at[s]; k < d.at[s + 1]; ++k) {
                    bool here = parts.of[d.arcs[k].to] == parts.of[s];
                    if (!here && number[d.arcs[k].to] == NONE) continue;
                    if (here) row[at] = base + place[block[local[d.arcs[k].to]]];
                    at += 2;
                }
                rows.intern(row);  // new: its component is
            }
        }
        for (u32 i = 0; i < m; ++i) number[states[i]] = base + place[block[i]];
    }
};

}  // namespace

std::vector<Box> reduce(const std::vector<Net>& nets, u32 start, Allowance& allowance) {
    return Reducer(nets, allowance).run(start);
}

}  // namespace weft
