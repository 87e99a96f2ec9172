// What the levels of a canvas ask about its right side.
#pragma once

#include <map>

#include "distance.hpp"
#include "solver.hpp"

namespace weft {

// What stands to the right of all slots: the part of the stacks below an open place that it can follow.
class Side {
  public:
    Side(const CanvasTables& t, std::shared_ptr<Suffix> s) : moves(t.moves), stacks(t.stacks), suffix(std::move(s)) {}
    u32 part(u32 open, u32 node) {
        auto [term, ret, lexes] = moves->place(open);
        std::vector<u32> spots;
        for (std::size_t k = 0; k < moves->states().size(lexes); ++k) {
            u32 x = moves->states().begin(lexes)[k];
            if (term != END && moves->behind_special(x)) spots.push_back(suffix->begin());
            else if (term == END && !moves->lexer) suffix->behind(term, 0, true, spots);
            else suffix->behind(term, moves->state_of(x), moves->may_end(term, x), spots);
        }
        return part(ret, spots, node, 0);
    }

  private:
    static constexpr u32 DEEP = 1'000;
    u32 part(u32 ret, std::vector<u32>& spots, u32 node, u32 depth) {  // calls itself as deep as the stacks are
        if (depth > DEEP) throw LimitFault("the text before the hole is nested too deeply", DEEP, depth);
        sort_unique(spots);
        if (spots.empty()) return Stacks::NOTHING;
        if (ret == Frontiers::ACCEPT) return std::any_of(spots.begin(), spots.end(), [&](u32 v) { return suffix->at_end(v); }) ? node : u32(Stacks::NOTHING);
        auto [known, fresh] = parts[{sets.intern(spots), ret}].try_emplace(node, Stacks::NOTHING);
        if (!fresh) return known->second;
        std::vector<u32> ends;
        for (u32 v : spots) suffix->ends(ret, v, ends);
        std::vector<Below> kept;
        for (std::size_t k = 0; k < stacks->size(node); ++k) {
            Below b = stacks->at(node, k);
            kept.push_back({b.ret, part(b.ret, ends, b.node, depth + 1)});
        }
        return known->second = stacks->of(kept);
    }
    std::shared_ptr<Moves> moves;
    std::shared_ptr<Stacks> stacks;
    std::shared_ptr<Suffix> suffix;
    SpanPool<u32> sets;
    std::map<std::pair<u32, u32>, std::map<u32, u32>> parts;  // (set of spots, state) -> stacks -> part of them
};

// With which of some stacks the end of the text is surely near enough.
struct Ending {
    std::shared_ptr<CanvasTables> tables;
    std::shared_ptr<Constraint> constraint;
    static constexpr u32 FAR = Distance::FAR, DEEP = 1'000;

    u32 operator()(u32 open, u32 node, u64 tokens) const {
        if (!constraint->budget->spells_all()) return Stacks::NOTHING;
        auto [term, ret, lexes] = tables->moves->place(open);
        if (term == END) return tables->moves->may_end(open) ? node : u32(Stacks::NOTHING);
        u64 least = FAR;
        for (std::size_t k = 0; k < tables->moves->states().size(lexes); ++k) {
            u32 x = tables->moves->states().begin(lexes)[k];
            least = std::min<u64>(least, tables->moves->behind_special(x) ? 0 : constraint->engine->lexeme_within(term, tables->moves->state_of(x)));
        }
        least += box(ret);
        return least > tokens ? u32(Stacks::NOTHING) : near(node, u32(tokens - least), 0);
    }
    u32 near(u32 node, u32 tokens, u32 depth) const {
        if (farthest(node, depth) <= tokens) return node;
        if (depth > DEEP) return Stacks::NOTHING;
        const u64 key = u64(tokens) << 32 | node;
        if (u32 known = tables->near.find(key); known != NONE) return known;
        std::vector<Below> parts;
        for (std::size_t k = 0; k < tables->stacks->size(node); ++k) {
            const Below b = tables->stacks->at(node, k);
            if (box(b.ret) <= tokens) parts.push_back({b.ret, near(b.node, u32(tokens - box(b.ret)), depth + 1)});
        }
        const u32 part = tables->stacks->of(parts);
        tables->near.put(key, part);
        return part;
    }
    u64 box(u32 ret) const { return ret == Frontiers::ACCEPT ? 0 : constraint->engine->box_within(ret); }
    u32 farthest(u32 node, u32 depth) const {  // calls itself as deep as the stacks are
        if (node == Stacks::BOTTOM) return 0;
        if (depth > DEEP) return FAR;
        if (u32 known = tables->farthest.find(node); known != NONE) return known;
        u32 most = 0;
        for (std::size_t k = 0; k < tables->stacks->size(node); ++k) {
            Below b = tables->stacks->at(node, k);
            most = std::max(most, u32(std::min<u64>(box(b.ret) + farthest(b.node, depth + 1), FAR)));
        }
        tables->farthest.put(node, most);
        return most;
    }
};

}  // namespace weft
