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
        std::vector<std::vector<u32>> calls(nets.size());
        std::vector<u32> uses(nets.size(), 0);
        for (u32 b = 0; b < nets.size(); ++b)
            for (auto& out : nets[b].out)
                for (auto& a : out)
                    if (a.label != EPS && (a.label & BOX)) calls[b].push_back(a.label & ~BOX), ++uses[a.label & ~BOX];
        std::vector<std::vector<u32>> members;
        components(calls, members);
        inlined.assign(nets.size(), 0);
        reduced.resize(nets.size());
        for (auto& ms : members)
            for (u32 b : ms) {
                if (nets[b].out.empty()) continue;
                reduced[b] = reduce(nets[b]);
                bool recursive = ms.size() > 1 || std::count(calls[b].begin(), calls[b].end(), b);
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
        u32 entry = 0;
        u32 size() const { return u32(final.size()); }
        void end_state(bool is_final) { scan_at.push_back(u32(scans.size())), eps_at.push_back(u32(eps.size())), final.push_back(is_final); }
    };

    Box reduce(const Net& net) {
        Flat flat;
        flat.entry = net.entry;
        struct Splice {
            u32 box, to;
        };
        std::vector<Splice> splices;
        u32 n = u32(net.out.size()), base = n;
        for (u32 s = 0; s < n; ++s) {
            for (auto& a : net.out[s])
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
            if (flat.scans.size() - flat.scan_at.back() > 1) std::sort(flat.scans.begin() + flat.scan_at.back(), flat.scans.end());
            flat.end_state(net.final[s]);
        }
        allowance.spend(base - n);
        for (auto& splice : splices) {
            const Box& box = reduced[splice.box];
            base = flat.size();
            for (u32 q = 0; q < box.size(); ++q) {
                for (u32 k = box.at[q]; k < box.at[q + 1]; ++k) flat.scans.push_back({box.arcs[k].label, base + box.arcs[k].to});
                if (box.final[q]) flat.eps.push_back(splice.to);
                std::sort(flat.scans.begin() + flat.scan_at.back(), flat.scans.end());
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
        SpanPool<u32> sets;  // of states with arcs that read, or final ones
        std::vector<u32> single(n, NONE), core, mark(n, 0);
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
        state_of(net.entry);
        std::vector<Arc> moves;
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
        d.entry = net.entry;
        std::vector<u32> reached, mark(net.size(), NONE);
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

    static Box nothing() {
        Box out;
        out.end_state(false);
        return out;
    }

    Box merge_states(const Box& d, bool deterministic) {
        u32 n = d.size();
        std::vector<u32> order;  // what is reached, targets before sources where there is no circle
        std::vector<u8> seen(n, 0);
        std::vector<std::pair<u32, u32>> path{{d.entry, d.at[d.entry]}};
        bool circle = false;
        seen[d.entry] = 1;
        while (!path.empty()) {
            auto& [s, k] = path.back();
            if (k == d.at[s + 1]) {
                seen[s] = 2;
                order.push_back(s);
                path.pop_back();
                continue;
            }
            u32 to = d.arcs[k++].to;
            circle = circle || seen[to] == 1;
            if (!seen[to]) seen[to] = 1, path.emplace_back(to, d.at[to]);
        }
        return deterministic && !circle ? merge_straight(d, order) : merge_circles(d, deterministic, order);
    }

    // Without a circle: a state is what its arcs are.
    Box merge_straight(const Box& d, const std::vector<u32>& order) {
        SpanPool<u32> rows;
        std::vector<u32> number(d.size(), NONE), row;
        for (u32 s : order) {
            row.assign(1, d.final[s]);
            for (u32 k = d.at[s]; k < d.at[s + 1]; ++k)
                if (number[d.arcs[k].to] != NONE) row.push_back(d.arcs[k].label), row.push_back(number[d.arcs[k].to]);
            if (d.final[s] || row.size() > 1) number[s] = rows.intern(row);
        }
        if (number[d.entry] == NONE) return nothing();
        Box out;
        out.entry = number[d.entry];
        for (u32 s = 0; s < rows.size(); ++s) {
            const u32* r = rows.begin(s);
            for (std::size_t k = 1; k < rows.size(s); k += 2) out.arcs.push_back({r[k], r[k + 1]});
            out.end_state(r[0]);
        }
        return out;
    }

    Box merge_circles(const Box& d, bool deterministic, const std::vector<u32>& order) {
        u32 n = d.size();
        std::vector<u8> live(n, 0);
        for (bool more = true; more;) {  // in few rounds: targets come before most of their sources
            more = false;
            allowance.toil(n);
            for (u32 s : order) {
                if (live[s]) continue;
                bool yes = d.final[s];
                for (u32 k = d.at[s]; k < d.at[s + 1] && !yes; ++k) yes = live[d.arcs[k].to];
                live[s] = yes, more = more || yes;
            }
        }
        if (!live[d.entry]) return nothing();
        std::vector<u32> keep, number(n, NONE), labels;
        for (u32 s : order)
            if (live[s]) number[s] = u32(keep.size()), keep.push_back(s);
        std::vector<u32> block(keep.size());
        u32 blocks = u32(keep.size());
        for (u32 i = 0; i < blocks; ++i) block[i] = deterministic ? d.final[keep[i]] : i;
        if (deterministic) {
            std::vector<Edge> edges;
            for (u32 i = 0; i < blocks; ++i)
                for (u32 k = d.at[keep[i]]; k < d.at[keep[i] + 1]; ++k)
                    if (number[d.arcs[k].to] != NONE) edges.push_back({i, d.arcs[k].label, number[d.arcs[k].to]}), labels.push_back(d.arcs[k].label);
            std::sort(labels.begin(), labels.end());
            labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
            for (auto& e : edges) e.label = u32(std::lower_bound(labels.begin(), labels.end(), e.label) - labels.begin());
            blocks = minimise(blocks, edges, block);
        }
        std::vector<u32> first(blocks, NONE);
        for (u32 i = 0; i < keep.size(); ++i)
            if (first[block[i]] == NONE) first[block[i]] = keep[i];
        Box out;
        out.entry = block[number[d.entry]];
        for (u32 s : first) {
            for (u32 k = d.at[s]; k < d.at[s + 1]; ++k)
                if (number[d.arcs[k].to] != NONE) out.arcs.push_back({d.arcs[k].label, block[number[d.arcs[k].to]]});
            out.end_state(d.final[s]);
        }
        return out;
    }
};

}  // namespace

std::vector<Box> reduce(const std::vector<Net>& nets, u32 start, Allowance& allowance) {
    return Reducer(nets, allowance).run(start);
}

}  // namespace weft
