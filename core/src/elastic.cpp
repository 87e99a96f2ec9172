// Solver: elastic holes. What stands to the left of one is a state of the engine, what stands to its right a Suffix.
#include "sides.hpp"

namespace weft {

std::size_t Solver::open_hole(u32 element) const {
    std::size_t at = std::size_t(element) + 1;  // behind what is written into the first one
    if (element < hole || at >= elements.size() || elements[at].kind != Element::Hole) throw LimitFault("this is no open elastic hole", 0, 0);
    return at;
}

bool Solver::ends_before(std::size_t element) const {
    return std::any_of(elements.begin(), elements.begin() + long(element), [&](auto& e) { return is_end(e); });
}

// Where the text stands before the open part of an element, with all fillings of what is open to its left.
u32 Solver::left_of(std::size_t element) {
    if (element == stop && levels) return state_of(levels->front(pick_of[stop]));
    auto known = lefts.upper_bound(element);
    bool none = known == lefts.begin();
    std::size_t i = none ? first : std::prev(known)->first;
    u32 state = none ? fixed(i, states.back()) : states[states.size() - std::prev(known)->second];
    if (i == element) return state;
    for (; i < element; ++i) state = fixed(i + 1, opened(i, state));
    states.insert(states.begin(), state);
    lefts.emplace(element, states.size());
    return state;
}

Suffix& Solver::right_of(std::size_t element, bool when_open) {
    auto& right = rights[elements.size() - element][when_open];
    if (!right) right = constraint->suffix(chain_from(element, when_open, 1), max_items);
    return *right;
}

void Solver::take_rights(const Solver& before) {
    auto same = std::mismatch(elements.rbegin(), elements.rend(), before.elements.rbegin(), before.elements.rend()).first - elements.rbegin();
    for (auto& [count, right] : before.rights)
        if (count <= std::size_t(same) + 1 && count <= elements.size()) rights.emplace(count, right);
}

// Whether a canvas is open shows at any of its elastic holes. At the last element that has changed the text to the right is known, so if
// that is a hole, or was one, that is where to look; otherwise it is the first hole.
std::size_t Solver::changed_hole(const Solver* before) const {
    if (!before || before->elements.size() != elements.size()) return stop;
    std::size_t i = elements.size();
    while (--i > stop && elements[i] == before->elements[i]) continue;
    bool fits = i > stop && (elements[i].kind == Element::Hole || elements[i].kind == Element::Closed) && !ends_before(i);
    return fits ? i : stop;
}

// What stands to the right of what is written into the hole at `element`.
Chain Solver::chain_from(std::size_t element, bool with_hole, u8 price_of_others) const {
    Chain chain;
    if (with_hole) chain.add_hole();
    add_to(chain, element + 1, elements.size(), price_of_others);
    return chain;
}

// Elements from..to - 1; slots are holes, too.
void Solver::add_to(Chain& chain, std::size_t from, std::size_t to, u8 price_of_holes) const {
    for (std::size_t i = from; i < to; ++i) {
        const Element& e = elements[i];
        if (e.kind == Element::Token) {
            if (constraint->vocabulary->is_end(e.token)) break;  // what stands behind it is empty
            if (const auto& text = constraint->vocabulary->texts[e.token]) chain.add(*text);
        } else {
            chain.add(e.text);
        }
        if (e.kind == Element::Hole || e.kind == Element::Slot) chain.add_hole(price_of_holes);
    }
}

std::string Solver::witness() {
    std::lock_guard<std::mutex> guard(constraint->lock);
    Chain chain;
    add_to(chain, 0, elements.size(), 1);
    auto lexemes = make_lexemes(constraint->engine->base(), chain, constraint->engine->holes());
    Chart chart(constraint->engine->base(), *lexemes, max_items);
    return chart.completable() ? chart.witness().text : "";
}

u32 Solver::least_bytes(u32 element) {
    std::lock_guard<std::mutex> guard(constraint->lock);
    std::size_t at = open_hole(element);
    if (ends_before(at)) return 0;
    Chain chain;
    add_to(chain, 0, at, 0);
    chain.add(elements[at].text);
    u32 place = chain.places() - 1;
    if (chain.loop[place] || chain_from(at, false, 0).loop[0]) return 0;  // the hole beside it can hold everything
    Chain rest = chain_from(at, true, 0);
    chain.add_hole();
    for (std::size_t p = 0; p < rest.places(); ++p) {
        if (p) chain.add(std::string_view(rest.bytes).substr(p - 1, 1));
        if (p && rest.loop[p]) chain.add_hole(rest.price[p]);
    }
    auto lexemes = make_lexemes(constraint->engine->base(), chain, constraint->engine->holes());
    Chart chart(constraint->engine->base(), *lexemes, max_items);
    if (!chart.completable()) return NONE;
    Filled f = chart.witness();
    return u32(std::count(f.hole.begin(), f.hole.end(), place));
}

bool Solver::can_close(u32 element) {
    std::lock_guard<std::mutex> guard(constraint->lock);
    if (!is_open) return false;
    begin_call();
    if (std::size_t at = open_hole(element); at != stop || mixed)
        return may_have_ended(at) || (mixed ? lives_behind(at, left_of(at)) : constraint->engine->joins(left_of(at), right_of(at, false)));
    Suffix& closed = right_of(stop, false);
    if (!levels) return constraint->engine->joins(states.back(), closed);
    Side shut(*tables, rights[elements.size() - stop][0]);
    for (const Place& p : levels->front(pick_of[stop]))
        if (shut.part(p.open, p.stacks) != Stacks::NOTHING) return true;
    for (std::size_t i = 0; i < pick_of[stop]; ++i)  // an end token stands to the left
        if (levels->ends_before(i)) return true;
    return false;
}

}  // namespace weft
