#include "fillings.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <queue>
#include <random>

namespace weft {

namespace {

constexpr double LOW = -std::numeric_limits<double>::infinity();

// The logarithm of a sum of exponentials, one by one.
struct LogSum {
    double top = LOW, sum = 0;  // of exp(x - top)
    void add(double x) {
        if (x == LOW) return;
        if (x > top) sum = sum * std::exp(top - x) + 1, top = x;
        else sum += std::exp(x - top);
    }
    double value() const { return top == LOW ? LOW : top + std::log(sum); }
};

}  // namespace

Fillings::Fillings(Solver& solver, const double* given) : s(solver), scores(given), vocab_size(solver.constraint->vocabulary->size()), masks(solver.stop) {
    for (std::size_t i = s.first; i < s.stop; ++i)
        if (s.elements[i].kind == Element::Slot) {
            masks[i].assign(s.constraint->vocabulary->words(), 0);
            s.slot_mask(i, masks[i].data());
        }
}

double Fillings::at(std::size_t element, u32 token) const { return scores[element * vocab_size + token]; }

u32 Fillings::push(Node n) {
    if (nodes.size() >= s.max_states)
        throw LimitFault("too many fillings were tried", s.max_states, nodes.size(), "raise max_states, or commit some tokens first");
    nodes.push_back(n);
    return u32(nodes.size()) - 1;
}

// To the next slot, or to the end.
bool Fillings::advance(Node& n) {
    for (; n.element < s.stop && s.elements[n.element].kind != Element::Slot; ++n.element) {
        const Element& e = s.elements[n.element];
        if (n.state == ENDED) continue;  // only what may be nothing follows
        if (s.is_end(e)) {
            if (!ends(n)) return false;
            n.state = ENDED;
        } else if ((n.state = s.read(n.element, n.state)) == 0) {
            return false;
        }
    }
    return true;
}

bool Fillings::ends(const Node& n) { return n.state == ENDED || (s.tail_free[n.element] && s.constraint->engine->complete(n.state)); }

std::vector<u32> Fillings::filling(u32 k) const {
    std::vector<u32> out(s.elements.size(), NONE);
    for (; nodes[k].parent != NONE; k = nodes[k].parent) {
        std::size_t slot = nodes[nodes[k].parent].element;
        out[slot] = nodes[k].token;
    }
    return out;
}

std::vector<u32> Fillings::best() {
    std::vector<double> ahead(s.stop + 1, 0);  // the most that the slots from here on can add
    auto each_bit = [&](std::size_t i, const auto& visit) {
        for (u32 t = 0; t < vocab_size; ++t)
            if (masks[i][t >> 5] >> (t & 31) & 1) visit(t);
    };
    for (std::size_t i = s.stop; i-- > 0;) {
        double top = masks[i].empty() ? 0 : LOW;
        if (!masks[i].empty()) each_bit(i, [&](u32 t) { top = std::max(top, at(i, t)); });
        ahead[i] = ahead[i + 1] + top;
    }
    using Due = std::pair<double, u32>;
    std::priority_queue<Due> queue;
    std::unordered_map<u64, double> seen;  // (element, state) -> best score so far
    auto reach = [&](Node n) {
        if (!advance(n)) return;
        u64 key = u64(n.element) << 32 | n.state;
        auto [it, fresh] = seen.try_emplace(key, n.score);
        if (!fresh && it->second >= n.score) return;
        it->second = n.score;
        double bound = n.score + ahead[n.element];
        queue.emplace(bound, push(n));
    };
    reach({s.first, s.state_of(s.levels->front(0)), NONE, NONE, 0});
    while (!queue.empty()) {
        u32 k = queue.top().second;
        queue.pop();
        Node n = nodes[k];
        if (n.element == s.stop) return filling(k);
        if (seen[u64(n.element) << 32 | n.state] > n.score) continue;  // found on a better way since
        if (ends(n)) {
            u32 end = NONE;
            for (u32 e : s.constraint->vocabulary->eos)
                if (end == NONE || at(n.element, e) > at(n.element, end)) end = e;
            if (end != NONE) reach({n.element + 1, ENDED, k, end, n.score + at(n.element, end)});
        }
        if (n.state == ENDED) continue;
        for (const TokenGroup& g : s.groups(n.state)) {
            if (!s.lives(*s.levels, s.pick_of[n.element] + 1, g.to)) continue;
            u32 token = NONE;
            g.each(*s.constraint->vocabulary->trie, [&](u32 t) {
                if (token == NONE || at(n.element, t) > at(n.element, token)) token = t;
            });
            reach({n.element + 1, g.to, k, token, n.score + at(n.element, token)});
        }
    }
    return {};
}

std::vector<u32> Fillings::sample(u64 seed) {
    std::mt19937_64 random(seed);
    auto uniform = [&] { return (double(random() >> 11) + 0.5) * 0x1p-53; };  // never 0 or 1
    auto gumbel = [&] { return -std::log(-std::log(uniform())); };
    std::vector<double> total(s.stop + 1, 0), ahead(s.stop + 1, 0);  // log of the weight of a slot; of all slots from here on
    for (std::size_t i = s.stop; i-- > 0;) {
        if (!masks[i].empty()) {
            LogSum sum;
            for (u32 t = 0; t < vocab_size; ++t)
                if (masks[i][t >> 5] >> (t & 31) & 1) sum.add(at(i, t));
            total[i] = sum.value();
        }
        ahead[i] = ahead[i + 1] + total[i];
    }
    if (ahead[0] == LOW) return {};
    using Due = std::pair<double, u32>;  // the greatest value among the fillings below a node
    std::priority_queue<Due> queue;
    auto reach = [&](Node n, double value) {
        if (advance(n)) queue.emplace(value, push(n));
    };
    reach({s.first, s.state_of(s.levels->front(0)), NONE, NONE, 0}, ahead[0] + gumbel());
    std::vector<Child> children;
    while (!queue.empty()) {
        auto [value, k] = queue.top();
        queue.pop();
        Node n = nodes[k];
        if (n.element == s.stop) return filling(k);
        children.clear();
        LogSum known;
        auto child = [&](u32 to, const auto& each) {  // one for the group, with one of its tokens
            LogSum sum;
            u32 token = NONE;
            double top = LOW;
            each([&](u32 t) {
                double x = at(n.element, t);
                if (x == LOW) return;
                sum.add(x);
                if (double noisy = x + gumbel(); token == NONE || noisy > top) top = noisy, token = t;
            });
            if (token == NONE) return;
            known.add(sum.value());
            children.push_back({to, token, sum.value()});
        };
        if (ends(n)) child(ENDED, [&](const auto& visit) { for (u32 e : s.constraint->vocabulary->eos) visit(e); });
        if (n.state != ENDED)
            for (const TokenGroup& g : s.groups(n.state))
                if (s.lives(*s.levels, s.pick_of[n.element] + 1, g.to)) child(g.to, [&](const auto& visit) { g.each(*s.constraint->vocabulary->trie, visit); });
        // what the masks allow, but not after this prefix, takes part in the draw and is dropped
        double dead = total[n.element] > known.value() ? total[n.element] + std::log1p(-std::exp(known.value() - total[n.element])) : LOW;
        double rest = n.score + ahead[n.element + 1], greatest = dead == LOW ? LOW : dead + rest + gumbel();
        std::vector<double> drawn;
        for (const Child& c : children) drawn.push_back(c.score + rest + gumbel()), greatest = std::max(greatest, drawn.back());
        for (std::size_t c = 0; c < children.size(); ++c) {
            // given that the greatest of all is `value`
            double below = drawn[c] == greatest ? LOW : std::log1p(-std::exp(drawn[c] - greatest));
            double v = below == LOW ? LOW : value - drawn[c] + below;
            double x = v == LOW ? value : value - std::max(0.0, v) - std::log1p(std::exp(-std::abs(v)));
            double score = n.score + children[c].score;
            reach({n.element + 1, children[c].to, k, children[c].token, score}, x);
        }
    }
    return {};
}

}  // namespace weft
