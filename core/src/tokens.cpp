// Solver: tokens by where they lead from the places before a slot. Those that do the same are taken together.
#include "solver.hpp"
#include "walk.hpp"

namespace weft {

constexpr u32 FEW_TOKENS = 128;    // one in so many tokens, and a few more, are few: sooner tried one by one than in groups
constexpr u32 LEAST_FEW = 4;

std::vector<TokenGroup> Solver::groups(u32 state) {
    std::vector<TokenGroup> out;
    FlatMap at;
    auto group = [&](u32 to) -> TokenGroup& {
        u32 k = at.find(to);
        if (k == NONE) at.put(to, k = u32(out.size())), out.push_back({to, {}, {}});
        return out[k];
    };
    each_token(*constraint->engine, *constraint->vocabulary->trie, state, [&](u32 from_rank, u32 end, u32 to_state) {
        add_range(group(to_state).ranges, from_rank, end);
    });
    for_each_special(state, [&](u32 token, u32 to_state) { group(to_state).specials.push_back(token); });
    return out;
}

// Places by their lexemes: simple parts, from which few tokens lead to different states. Those with which the most bytes go on come first.
std::vector<Solver::Part> Solver::parts_of(std::vector<Place> places) {
    Moves& moves = *tables->moves;
    auto lexes = [&](const Place& p) { return std::make_pair(moves.lexer ? 0 : moves.place(p.open).term, moves.place(p.open).lexes); };
    std::stable_sort(places.begin(), places.end(), [&](const Place& a, const Place& b) { return lexes(a) < lexes(b); });
    std::vector<Part> out;
    for (const Place& p : places) {
        if (out.empty() || lexes(out.back().places[0]) != lexes(p)) out.push_back({{}, moves.fan(p.open)});
        out.back().places.push_back(p);
    }
    std::stable_sort(out.begin(), out.end(), [](const Part& a, const Part& b) { return a.fan > b.fan; });
    return out;
}

const std::vector<u32>& Solver::readable() {
    std::vector<u32>& known = tables->readable;
    if (!known.empty()) return known;
    ByteSet letters;
    for (auto& t : constraint->engine->base().terminals) letters |= t->letters;
    const Trie& trie = *constraint->vocabulary->trie;
    known.assign(trie.words(), 0);
    for (u32 n = 1; n < trie.nodes();) {
        const bool read = letters.has(trie.byte[n]);
        if (read) trie.set(n, known.data());
        n = read ? n + 1 : trie.end[n];
    }
    return known;
}

u32 Solver::words_of(const std::vector<u32>& tokens) { return tables->moves->words.of(*constraint->vocabulary->trie, tokens.data()); }

// Of some tokens (null: of all) those that are not in `out`.
std::vector<u32> Solver::tokens_left(const u32* out, const u32* only) {
    std::vector<u32> left = readable();
    for (u32 i = 0; i < left.size(); ++i) left[i] &= ~out[i] & (only ? only[i] : ~0u);
    return left;
}

// Whether nothing is saved when they are read as a set of their own.
bool Solver::are_many(const std::vector<u32>& tokens) const { return count_tokens(tokens) >= constraint->vocabulary->size() / SHARE; }

bool Solver::are_few(const std::vector<u32>& tokens) const { return count_tokens(tokens) < constraint->vocabulary->size() / FEW_TOKENS + LEAST_FEW; }

// Of some tokens (null: of all) those that lead from one of the places before a slot to where a sentence can follow. Part by part: each
// part of the places is asked about the tokens only that no part before it allows, if it allows any of them at all.
void Solver::add_tokens(Levels& some, const std::vector<Place>& places, std::size_t pick, u32* out, const u32* only) {
    const std::size_t at = pick - left_out(some);
    const bool ends_soon = pick >= tail && constraint->budget->spells_all();  // nearly every state is near enough to the end: see `lives`
    std::vector<u32> left;
    u32 words = NONE;
    for (auto& part : parts_of(places)) {
        if (words == NONE) left = tokens_left(out, only), words = are_many(left) ? some.all_picks()[at].words : words_of(left);
        u32 state = state_of(part.places);
        if (ends_soon || lives(some, at, part.places, words)) {
            add_where(state, left, out, NONE, [&](u32 to) { return lives(some, pick + 1, to); });
            words = NONE;
        }
        for_each_special(state, [&](u32 token, u32 to_state) {
            if (lives(some, pick + 1, to_state)) set_token(out, token);
        });
    }
}

// Of some tokens those after which, from an engine state, `goes_on` holds for the state that they lead to. Tokens that do the same to all
// open lexemes are taken together; of those that are not, at most `most` are looked at one by one. What was not looked at is left.
std::vector<u32> Solver::add_where(u32 state, const std::vector<u32>& tokens, u32* out, u32 most, const std::function<bool(u32)>& goes_on) {
    const Trie& trie = *constraint->vocabulary->trie;
    std::vector<u32> left = tokens;
    if (!are_few(tokens))
        for (auto& some : classes_of(state, tokens, left)) {
            const u32 first = first_token(some), to = first == NONE ? 0 : read_text(*constraint->vocabulary->texts[first], state);
            if (to && goes_on(to)) set_tokens(out, some);
        }
    if (count_tokens(left) > most) return left;
    each_token(*constraint->engine, trie, state, [&](u32 from_rank, u32 end, u32 to) {
        if (goes_on(to)) trie.set_ranks(from_rank, end, out);
    }, left.data());
    return {};
}

// Tokens in classes of those that lead from an engine state to the same one; in `walked` what is in none.
std::vector<std::vector<u32>> Solver::classes_of(u32 state, const std::vector<u32>& tokens, std::vector<u32>& walked) {
    constexpr std::size_t FEW_CLASSES = 64;
    std::vector<std::vector<u32>> classes, finer;
    const std::vector<u32> states = lexical_states(state);
    walked = tokens;
    if (states.size() > FEW_STATES) return classes;
    std::fill(walked.begin(), walked.end(), 0);
    classes.push_back(tokens);
    std::vector<u32> both(tokens.size());
    auto take = [&](std::vector<u32>& from, const TokenSet& set) {  // moves what is in the set to `both`
        std::fill(both.begin(), both.end(), 0);
        set.or_into(both.data(), u32(both.size()));
        u32 any = 0;
        for (std::size_t i = 0; i < both.size(); ++i) any |= both[i] &= from[i], from[i] &= ~both[i];
        return any != 0;
    };
    for (u32 x : states) {
        const auto& groups = tables->inner->of(x);
        for (auto& some : classes) {
            if (take(some, groups.others)) set_tokens(walked.data(), both);
            for (auto& group : groups.inner)
                if (take(some, group.tokens)) {
                    if (finer.size() < FEW_CLASSES) finer.push_back(both);
                    else set_tokens(walked.data(), both);
                }
            if (first_token(some) != NONE) finer.push_back(std::move(some));  // x reads none of them
        }
        classes.swap(finer), finer.clear();
    }
    return classes;
}

std::vector<u32> Solver::lexical_states(u32 state) {
    std::vector<Item> items;
    constraint->engine->places(state, items);
    std::vector<u32> out;
    for (const Item& it : items)
        if (it.term != END || tables->moves->lexer) out.push_back(tables->moves->lex(it.term, it.q));
    sort_unique(out);
    return out;
}

// Tokens that go on with an open lexeme so that a sentence can follow.
void Solver::add_inner(Levels& some, const Part& part, std::size_t pick, u32* out) {
    Moves& moves = *tables->moves;
    const std::size_t behind = pick + 1 - left_out(some);
    const auto [first, after, lexes] = moves.place(part.places[0].open);
    if (first == END && !moves.lexer) return;  // nothing is open there
    const u32 words = constraint->vocabulary->words();
    for (std::size_t k = 0; k < moves.states().size(lexes); ++k)
        for (auto& group : tables->inner->of(moves.states().begin(lexes)[k]).inner) {
            auto follows = [&](const Place& p) {
                const auto [term, ret, same] = moves.place(p.open);
                return moves.alive(group.to, term) && some.lives(behind, moves.open(term, ret, {group.to}), p.stacks);
            };
            if (!group.tokens.is_in(out, words) && std::any_of(part.places.begin(), part.places.end(), follows)) group.tokens.or_into(out, words);
        }
}

void Solver::add_ends(Levels& some, std::size_t pick, u32* out) {
    for (std::size_t i = 0; i <= pick; ++i)  // the text may have ended at any place before
        if (some.ends_before(i)) {
            for (u32 e : constraint->vocabulary->eos) set_token(out, e);
            return;
        }
}

// Whether a sentence can follow from one of the places before an element that is one of some words.
bool Solver::lives(Levels& some, std::size_t at, const std::vector<Place>& places, u32 words) {
    return std::any_of(places.begin(), places.end(), [&](const Place& p) { return some.lives(at, p.open, p.stacks, words); });
}

}  // namespace weft
