// Solver, where slots stand behind an open elastic hole: all fillings of what stands to the left are one state of the engine, for what
// lies on its stacks may have no end there, and Levels keep sets of whole stacks. A slot is the union of what all tokens make of a state.
#include "solver.hpp"
#include "walk.hpp"

namespace weft {

// After what is fixed in an element; of an end token nothing is left.
u32 Solver::fixed(std::size_t element, u32 state) { return elements[element].kind == Element::Slot ? state : read(element, state); }

// After what is open in it.
u32 Solver::opened(std::size_t element, u32 state, bool few) {
    if (state == 0) return 0;
    if (elements[element].kind == Element::Hole) return constraint->engine->hole(state);
    return elements[element].kind == Element::Slot ? any_token(state, few) : state;
}

u32 Solver::any_token(u32 state, bool few) {
    FlatMap& known = few ? constraint->after_few : constraint->after_any;
    if (u32 found = known.find(state); found != NONE) return found;
    const Trie& trie = *constraint->vocabulary->trie;
    effort += few ? 1'000 : trie.nodes();
    if (effort > max_items * Effort::PER_ITEM) throw LimitFault("slots behind an elastic hole leave too many readings", max_items, effort / Effort::PER_ITEM, "raise max_items, or close the hole");
    std::vector<u32> all;
    each_token(*constraint->engine, trie, state, [&](u32, u32, u32 to) { all.push_back(to); }, few ? trie.one_byte.data() : nullptr);
    for_each_special(state, [&](u32, u32 to) { all.push_back(to); });
    sort_unique(all);
    const u32 out = constraint->engine->unite(all);
    known.put(state, out);
    return out;
}

bool Solver::slots_after(std::size_t element) const {
    if (!mixed) return false;
    return std::any_of(elements.begin() + long(element) + 1, elements.end(), [&](auto& e) {
        return e.kind == Element::Slot || (e.kind == Element::Token && !is_end(e) && !constraint->vocabulary->texts[e.token]);
    });
}

bool Solver::is_open_mixed() {
    begin_call();
    for (std::size_t i = 0; i < first; ++i) states.back() = read(i, states.back());
    return lives_from(first, fixed_or_end(first, states.back()));
}

// Whether a sentence can follow from before the open part of an element. Few tokens may be enough to see it.
bool Solver::lives_from(std::size_t element, u32 state) {
    u64 key = u64(element) << 32 | state;
    if (u32 known = alive.find(key); known != NONE) return known != 0;
    bool yes = can_end(element, state, true) || can_end(element, state, false);
    alive.put(key, yes);
    return yes;
}

bool Solver::can_end(std::size_t i, u32 state, bool few) {
    for (; state != 0; ++i) {
        bool slot = elements[i].kind == Element::Slot, end = is_end(elements[i]);
        if ((slot || end) && tail_free[i] && constraint->engine->complete(state)) return true;
        if (end) return false;
        if (!slots_after(i)) {
            if (elements[i].kind == Element::Hole) return constraint->engine->joins(state, right_of(i, true));
            state = opened(i, state, few);
            return state != 0 && constraint->engine->joins(state, right_of(i, false));
        }
        state = fixed_or_end(i + 1, opened(i, state, few));
    }
    return false;
}

// An end token leaves the state as it is, for can_end to look at.
u32 Solver::fixed_or_end(std::size_t element, u32 state) { return is_end(elements[element]) ? state : fixed(element, state); }

bool Solver::lives_behind(std::size_t element, u32 state) {
    if (state == 0) return false;
    if (element + 1 == elements.size()) return constraint->engine->complete(state);
    u32 next = fixed_or_end(element + 1, state);
    return next != 0 && lives_from(element + 1, next);
}

void Solver::mixed_mask(std::size_t element, u32* out) {
    const Trie& trie = *constraint->vocabulary->trie;
    bool slot = elements[element].kind == Element::Slot;
    if (!ends_before(element)) {
        u32 state = left_of(element);
        for (const TokenGroup& g : groups(state)) {
            if (!slot && g.ranges.empty()) continue;  // special tokens are no text of a hole
            if (slot ? lives_behind(element, g.to) : lives_from(element, g.to)) g.each(trie, [&](u32 t) { set_token(out, t); });
        }
    }
    if (slot && may_have_ended(element + 1))
        for (u32 e : constraint->vocabulary->eos) set_token(out, e);
}

// Whether end tokens may stand in a slot to the left of an element, and nothing but end tokens from there on.
bool Solver::may_have_ended(std::size_t element) {
    if (ends_before(element)) return true;
    for (std::size_t i = first; i < element; ++i)
        if (elements[i].kind == Element::Slot && tail_free[i] && constraint->engine->complete(left_of(i))) return true;
    return false;
}

}  // namespace weft
