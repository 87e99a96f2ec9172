// Solver: which tokens can stand in a slot if any bytes may stand in the others. No other ones can, whatever the other slots hold.
#include "solver.hpp"

namespace weft {

// The engine state before a slot if any bytes may stand in the others.
u32 Solver::any_before(std::size_t element) {
    std::size_t from = element;  // behind the last slot to the left; to the left of that are any bytes
    while (from > first && elements[from - 1].kind != Element::Slot) --from;
    u32 state = from > first ? constraint->engine->hole(states.back()) : states.back();
    for (std::size_t i = from; i < element; ++i) state = read(i, state);
    return state;
}

// What stands to the right of a slot, with any bytes in place of slots, and of all that is far from it.
Chain Solver::behind(std::size_t element, bool hole_first) const {
    constexpr std::size_t NEAR = 8;  // slots
    Chain chain;
    if (hole_first) chain.add_hole();
    std::size_t end = element + 1;
    for (std::size_t slots = 0; end < elements.size() && slots < NEAR; ++end) slots += elements[end].kind == Element::Slot;
    add_to(chain, element + 1, end, 1);
    if (end < elements.size()) chain.add_hole();
    return chain;
}

// Of some tokens those that may stand in a slot, behind a state, if any bytes may stand in the others, and right behind it.
void Solver::keep_most(std::size_t element, u32 state, std::vector<u32>& tokens) {
    std::vector<u32> kept(tokens.size());
    constraint->add_mask(state, *constraint->suffix(behind(element, true), max_items), kept.data());
    for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] &= kept[i];
}

// Of some tokens those after which, from a state, what stands behind the slot goes on at once. Where they lead to too many readings to
// look at, all of them are kept.
void Solver::keep_joining(std::size_t element, u32 state, std::vector<u32>& tokens) {
    const u64 most = max_states / BRIEF;
    std::vector<u32> joining(tokens.size());
    std::map<std::size_t, std::shared_ptr<Suffix>> rest;  // the elements from one on
    FlatMap known;
    u64 different = 0;
    set_tokens(joining.data(), add_where(state, tokens, joining.data(), constraint->vocabulary->size() / SHARE, [&](u32 to) {
        u32 yes = known.find(to);
        if (yes == NONE) known.put(to, yes = different++ > most || may_go_on(element + 1, to, rest));
        return yes != 0;
    }));
    for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] &= joining[i];
}

// Whether any bytes in the slots from an element on can complete a state; those in which a character is to be completed hold tokens.
bool Solver::may_go_on(std::size_t element, u32 state, std::map<std::size_t, std::shared_ptr<Suffix>>& rest) {
    auto reads = [&](u32 from, u32 to) {
        for (u32 b = from; b < to; ++b)
            if (constraint->engine->step(state, u8(b))) return true;
        return false;
    };
    auto inside_character = [&] { return !reads(0, 0x80) && reads(0x80, 0x100); };
    while (element < stop && state != 0 && (elements[element].kind != Element::Slot || inside_character())) {
        if (is_end(elements[element])) return constraint->engine->complete(state);
        state = elements[element].kind == Element::Slot ? any_token(state, false) : read(element, state);
        ++element;
    }
    if (state == 0) return false;
    auto& suffix = rest[element];
    if (!suffix) suffix = constraint->suffix(behind(element - 1, false), max_items);
    return constraint->engine->joins(state, *suffix);
}

}  // namespace weft
