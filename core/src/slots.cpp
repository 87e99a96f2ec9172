// Solver: which tokens may stand in a slot, by the levels of its canvas. Exactly, or, where that would take long, between what a few
// fillings of the other slots let stand and what any bytes in place of them do.
#include <bit>
#include <unordered_map>

#include "solver.hpp"
#include "walk.hpp"

namespace weft {

constexpr u64 STEPS_A_STATE = 10;
constexpr std::size_t MOST_DOUBTFUL = 100;  // kinds of tokens that may be tried one by one

namespace {

u32 count_tokens(const std::vector<u32>& mask) {
    u32 count = 0;
    for (u32 word : mask) count += u32(std::popcount(word));
    return count;
}

}  // namespace

std::vector<TokenGroup> Solver::groups(u32 state) {
    std::vector<TokenGroup> out;
    FlatMap at;
    auto group = [&](u32 to) -> TokenGroup& {
        u32 k = at.find(to);
        if (k == NONE) at.put(to, k = u32(out.size())), out.push_back({to, {}, {}});
        return out[k];
    };
    each_token(*constraint->engine, *constraint->vocabulary->trie, state, [&](u32 from_rank, u32 end, u32 to_state) {
        auto& ranges = group(to_state).ranges;
        if (!ranges.empty() && ranges.back().second == from_rank) ranges.back().second = end;
        else ranges.emplace_back(from_rank, end);
    });
    for_each_special(state, [&](u32 token, u32 to_state) { group(to_state).specials.push_back(token); });
    return out;
}

// Places as states of the engine, those with the same lexemes together: simple states, in which few tokens lead to different ones. Those
// that let the most tokens follow come first.
std::vector<Solver::Part> Solver::parts_of(std::vector<Place> places) {
    auto lexes = [&](const Place& p) { return std::make_pair(tables->moves->lexer ? 0 : tables->moves->place(p.open).term, tables->moves->place(p.open).lexes); };
    std::stable_sort(places.begin(), places.end(), [&](const Place& a, const Place& b) { return lexes(a) < lexes(b); });
    std::vector<Part> out;
    for (std::size_t i = 0, end; i < places.size(); i = end) {
        for (end = i + 1; end < places.size() && lexes(places[end]) == lexes(places[i]);) ++end;
        Part part{state_of({places.begin() + long(i), places.begin() + long(end)}), 0, std::vector<u32>(constraint->vocabulary->words())};
        constraint->engine->add_mask(part.state, part.follow.data());
        part.count = count_tokens(part.follow);
        out.push_back(std::move(part));
    }
    std::sort(out.begin(), out.end(), [](const Part& a, const Part& b) { return std::tie(b.count, a.state) < std::tie(a.count, b.state); });
    return out;
}

// Exactly where that takes little. Else a few fillings of the other slots show what may stand here, any bytes in place of them what may
// not; nearly always that is all. Returns the tokens about which the two do not agree, those together that do the same everywhere.
std::vector<std::vector<u32>> Solver::slot_mask(std::size_t element, u32* out) {
    if (ends_before(element)) {
        for (u32 e : constraint->vocabulary->eos) set_token(out, e);
        return {};
    }
    if (few && constraint->special_ids.empty()) {  // special tokens are no bytes
        try {
            allow(BRIEF);
            exact_mask(element, out);
            allow_all();
            return {};
        } catch (const LimitFault&) {
        }
        try {
            return between(element, out);
        } catch (const LimitFault&) {
        }
        alive.clear(), allow_all();
    }
    exact_mask(element, out);
    return {};
}

void Solver::exact_mask(std::size_t element, u32* out) {
    std::size_t pick = pick_of[element];
    std::vector<u32> exact(constraint->vocabulary->words());
    add_tokens(*levels, pick < tail ? levels->living(pick) : levels->front(pick), pick, exact.data(), nullptr);
    add_ends(*levels, pick, exact.data());
    std::copy(exact.begin(), exact.end(), out);
}

// Tries tokens one by one, as long as that takes less than the exact way may take.
void Solver::try_tokens(u32 element, const std::vector<std::vector<u32>>& doubtful, u32* out) const {
    const u64 most = steps() + max_states * STEPS_A_STATE;
    for (auto& tokens : doubtful) {
        if (steps() > most) throw LimitFault("tokens take long to be tried one by one", most, steps(), "leave fewer slots open");
        if (!fits({{element, tokens[0]}}, true)) continue;
        for (u32 token : tokens) set_token(out, token);
    }
}

u64 Solver::steps() const { return tables->moves->steps() + tables->stacks->steps(); }

// What a few fillings let stand, and the tokens about which any bytes in place of the other slots do not agree with them.
std::vector<std::vector<u32>> Solver::between(std::size_t element, u32* out) {
    const u32 words = constraint->vocabulary->words();
    std::vector<u32> more(words), least(words);
    allow_all();
    most_asked = max_states / BRIEF, tables->stacks->allow(max_states / 4, room());
    u32 state = most_mask(element, more.data());
    alive.clear();  // was about all tokens
    least_mask(element, least.data(), more.data());
    alive.clear();
    for (u32 i = 0; i < words; ++i) more[i] &= ~least[i];
    allow_all();
    keep_joining(element, state, more);
    auto doubtful = alike(state, more);
    if (doubtful.size() > MOST_DOUBTFUL) throw LimitFault("too many tokens would have to be tried one by one", MOST_DOUBTFUL, doubtful.size(), "leave fewer slots open");
    std::copy(least.begin(), least.end(), out);
    return doubtful;
}

// Tokens by what they do to each lexeme that may be open in a state.
std::vector<std::vector<u32>> Solver::alike(u32 state, const std::vector<u32>& tokens) {
    std::vector<Item> items;
    constraint->engine->places(state, items);
    std::vector<u32> lexes;
    for (const Item& it : items)
        if (it.term != END || tables->moves->lexer) lexes.push_back(tables->moves->lex(it.term, it.q));
    sort_unique(lexes);
    const u64 count = count_tokens(tokens);
    if (count * lexes.size() > max_states * STEPS_A_STATE) throw LimitFault("too many tokens would have to be told apart", max_states, count, "leave fewer slots open");
    std::unordered_map<Hash128, std::size_t, HashOf> at;
    std::vector<std::vector<u32>> out;
    for (u32 t = 0; t < constraint->vocabulary->size(); ++t) {
        if (!has_token(tokens.data(), t)) continue;
        auto [it, fresh] = at.try_emplace(tables->moves->effect(lexes, *constraint->vocabulary->texts[t]), out.size());
        if (fresh) out.emplace_back();
        out[it->second].push_back(t);
    }
    return out;
}

// Tokens that lead from one of the places before a slot to where a sentence can follow. Part by part: each part of the places is asked
// about the tokens only that no part before it allows.
void Solver::add_tokens(Levels& some, const std::vector<Place>& places, std::size_t pick, u32* out, const u32* only) {
    const Trie& trie = *constraint->vocabulary->trie;
    for (auto& [state, count, follow] : parts_of(places)) {
        u32 more = 0;
        for (u32 i = 0; i < follow.size(); ++i) more |= follow[i] &= ~out[i] & (only ? only[i] : ~0u);
        if (more)
            each_token(*constraint->engine, trie, state, [&](u32 from_rank, u32 end, u32 to_state) {
                if (!lives(some, pick + 1, to_state)) return;
                trie.set_ranks(from_rank, end, out);
            }, follow.data());
        for_each_special(state, [&](u32 token, u32 to_state) {
            if (lives(some, pick + 1, to_state)) set_token(out, token);
        });
    }
}

void Solver::add_ends(Levels& some, std::size_t pick, u32* out) {
    for (std::size_t i = 0; i <= pick; ++i)  // the text may have ended at any place before
        if (some.ends_before(i)) {
            for (u32 e : constraint->vocabulary->eos) set_token(out, e);
            return;
        }
}

// Tokens of a slot of which a few fillings of the other slots show that they may stand there.
void Solver::least_mask(std::size_t element, u32* out, const u32* only) {
    constexpr std::size_t NEAR = 2;
    std::size_t pick = pick_of[element];
    auto picked = few->all_picks();
    const auto& all = levels->all_picks();
    auto widen = [&](std::size_t k) {  // the next slots may open and close what a few tokens cannot: comments, strings, characters
        if (all[k].words != tables->tokens.any) return false;
        if (picked[k].words != tables->tokens.any) picked[k].words = tables->tokens.many;
        return true;
    };
    for (std::size_t k = pick, slots = 0; k-- > 0 && slots < NEAR;) slots += widen(k);
    for (std::size_t k = pick + 1, slots = 0; k < picks && slots < NEAR; ++k) slots += widen(k);
    Levels near(*few, picked, tail);
    add_tokens(near, near.front(pick), pick, out, only);
    add_ends(near, pick, out);
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

// Tokens that may stand in a slot if any bytes may stand in the others, and right behind it.
u32 Solver::most_mask(std::size_t element, u32* out) {
    Engine& engine = *constraint->engine;
    std::size_t from = element;  // behind the last slot to the left; to the left of that are any bytes
    while (from > first && elements[from - 1].kind != Element::Slot) --from;
    u32 state = from > first ? engine.hole(states.back()) : states.back();
    for (std::size_t i = from; i < element; ++i) state = read(i, state);
    Chain chain = behind(element, true);
    constraint->add_mask(state, *constraint->suffix(std::move(chain), max_items), out);
    return state;
}

// Of some tokens those after which, from a state, what stands behind the slot goes on at once.
void Solver::keep_joining(std::size_t element, u32 state, std::vector<u32>& tokens) {
    Chain chain = behind(element, false);
    if (chain.loop[0]) return;
    auto right = constraint->suffix(std::move(chain), max_items);
    const Trie& trie = *constraint->vocabulary->trie;
    std::vector<u32> joining(tokens.size());
    FlatMap known;
    u64 different = 0;
    each_token(*constraint->engine, trie, state, [&](u32 from_rank, u32 end, u32 to) {
        u32 yes = known.find(to);
        if (yes == NONE) {
            if (++different > max_states / BRIEF) throw LimitFault("tokens lead to too many different readings", max_states / BRIEF, different, "leave fewer slots open");
            known.put(to, yes = constraint->engine->joins(to, *right));
        }
        if (yes) trie.set_ranks(from_rank, end, joining.data());
    }, tokens.data());
    for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] &= joining[i];
}

// Whether a few fillings show two tokens that may stand in a slot. A no says nothing.
bool Solver::is_free(u32 element) {
    std::lock_guard<std::mutex> guard(constraint->lock);
    if (!is_open || mixed || element >= hole || elements[element].kind != Element::Slot || !few) return false;
    begin_call();
    std::size_t pick = pick_of[element];
    u32 one = NONE;  // rank of the first token that was found
    bool two = false;
    try {
        for (auto& part : parts_of(few->front(pick))) {
            each_token(*constraint->engine, *constraint->vocabulary->trie, part.state, [&](u32 from_rank, u32 end, u32 to) {
                if (two || !lives(*few, pick + 1, to)) return;
                two = end - from_rank > 1 || (one != NONE && one != from_rank);
                one = from_rank;
            }, constraint->vocabulary->trie->one_byte.data());
            if (two) return true;
        }
    } catch (const LimitFault&) {
    }
    return false;
}

}  // namespace weft
