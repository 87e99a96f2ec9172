#include "suffix.hpp"

namespace weft {

namespace {

enum Answer : u32 { NO, YES, ASKED, OPEN };

}  // namespace

Suffix::Suffix(const Machine& m, Chain c, u64 most, Holes& holes)
    : chain(std::move(c)), max_items(most), m(m), spots(make_spots(m, chain, holes)), exits(m, *spots, most) {}

bool Suffix::joins(Frontiers& f, u32 frontier) {
    renew(f);
    std::vector<Item> items(f.begin(frontier), f.begin(frontier) + f.size(frontier));
    std::vector<u32> ends;
    for (const Item& it : items) {
        if (it.term == END) {
            if (spots->at_end(0)) return true;
            continue;
        }
        ends.clear();
        spots->open(it.term, it.q, ends);
        for (u32 v : ends)
            if (can(f, it.ret, it.node, v)) return true;
    }
    return false;
}

bool Suffix::joins(Frontiers& f, const Lexer&, u32 x, u32 frontier) {
    renew(f);
    if (x == Lexer::BEGIN) return spots->begin() != NONE && accepts(f, frontier, spots->begin());
    std::vector<Spots::Edge> edges;
    std::vector<u32> ignored;
    spots->open(x, edges, ignored);
    std::vector<Item> items(f.begin(frontier), f.begin(frontier) + f.size(frontier));
    for (auto& e : edges)
        for (const Item& it : items)
            if (it.term != END && spots->may_be(e, it.term) && can(f, it.ret, it.node, e.spot)) return true;
    return std::any_of(ignored.begin(), ignored.end(), [&](u32 v) { return accepts(f, frontier, v); });
}

void Suffix::renew(const Frontiers& f) {
    if (f.generation() == generation && decided <= max_items / 2) return;
    generation = f.generation();
    numbers.clear(), answers.clear(), count = decided = 0;
}

bool Suffix::crosses(Frontiers& f, const Item& it) {
    std::vector<u32> ends;
    spots->open(it.term, it.q, ends);
    return std::any_of(ends.begin(), ends.end(), [&](u32 v) { return v > 0 && can(f, it.ret, it.node, v); });
}

const TermBits& Suffix::across() {
    if (crossing.empty()) crossing = spots->across();
    return crossing;
}

// The spots to which ignored text leads from this one.
std::vector<u32> Suffix::behind_ignored(u32 spot) {
    std::vector<u32> out{spot};
    for (std::size_t i = 0; i < out.size(); ++i) {
        std::vector<u32> next;
        spots->skip(out[i], next);
        for (u32 v : next)
            if (std::find(out.begin(), out.end(), v) == out.end()) out.push_back(v);
    }
    return out;
}

void Suffix::behind(u32 term, u32 q, bool complete, std::vector<u32>& out) {
    auto before = [&](u32 spot) {  // the lexeme begins there, or after ignored text
        for (u32 v : behind_ignored(spot))
            if (term == END) out.push_back(v);
            else spots->read(v, term, out);
    };
    if (!m.lexer) {
        if (complete) out.push_back(0);
        if (term != END) spots->open(term, q, out);
        return;
    }
    if (q == Lexer::BEGIN) {
        if (spots->begin() != NONE) before(spots->begin());
        return;
    }
    std::vector<Spots::Edge> edges;
    std::vector<u32> ignored;
    spots->open(q, edges, ignored);
    for (auto& e : edges)
        if (term != END && spots->may_be(e, term)) out.push_back(e.spot);
    for (u32 v : ignored) before(v);
}

void Suffix::ends(u32 state, u32 spot, std::vector<u32>& out) {
    exits.any(state, spot, [&](u32 end) {
        out.push_back(end);
        return false;
    });
}

bool Suffix::at_end(u32 spot) {
    if (spots->at_end(spot)) return true;
    auto reached = behind_ignored(spot);
    return std::any_of(reached.begin(), reached.end(), [&](u32 v) { return spots->at_end(v); });
}

bool Suffix::accepts(Frontiers& f, u32 frontier, u32 spot) {
    std::vector<Item> items(f.begin(frontier), f.begin(frontier) + f.size(frontier));
    std::vector<u32> ends;
    for (u32 v : behind_ignored(spot))
        for (const Item& it : items) {
            if (it.term == END) {
                if (spots->at_end(v)) return true;
                continue;
            }
            ends.clear();
            spots->read(v, it.term, ends);
            for (u32 w : ends)
                if (can(f, it.ret, it.node, w)) return true;
        }
    return false;
}

bool Suffix::can(Frontiers& f, u32 state, u32 node, u32 spot) {
    struct Place {
        u64 key;
        u32 state, node, spot, above;  // above: on the stack, as an index into `asked`
    };
    const auto& stacks = f.stacks();
    std::vector<Place> asked;
    std::vector<u32> todo;
    auto known = [&](u32 s, u32 n, u32 v, u32 above) {  // the answer; asks if there is none
        u32 number = numbers.find(u64(s) << 32 | n);
        if (number == NONE) numbers.put(u64(s) << 32 | n, number = count++);
        u64 key = u64(number) << 32 | v;
        u32 answer = answers.find(key);
        if (answer == NONE) {
            if (++decided > max_items) throw LimitFault("the texts around a hole are nested too deeply", max_items, decided, "raise max_items");
            answers.put(key, ASKED);
        }
        else if (answer == OPEN) answers.set(key, ASKED);
        else return answer;
        todo.push_back(u32(asked.size()));
        asked.push_back({key, s, n, v, above});
        return u32(OPEN);
    };
    u32 answer = known(state, node, spot, NONE);
    if (answer != OPEN) return answer == YES;
    u32 proof = NONE;
    try {
        while (!todo.empty() && proof == NONE) {
            u32 i = todo.back();
            todo.pop_back();
            const Place p = asked[i];
            bool yes = exits.any(p.state, p.spot, [&](u32 w) {
                for (std::size_t k = 0; k < stacks.size(p.node); ++k) {
                    Below b = stacks.begin(p.node)[k];
                    if (b.ret >= f.m.states() ? at_end(w) : known(b.ret, b.node, w, i) == YES) return true;
                }
                return false;
            });
            if (yes) proof = i;
        }
    } catch (const LimitFault&) {
        for (auto& p : asked) answers.set(p.key, OPEN);
        throw;
    }
    for (auto& p : asked) answers.set(p.key, proof == NONE ? NO : OPEN);
    for (u32 i = proof; i != NONE; i = asked[i].above) answers.set(asked[i].key, YES);
    return proof != NONE;
}

}  // namespace weft
