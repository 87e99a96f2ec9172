// Solver: which tokens may stand in a slot, by the levels of its canvas. Exactly, or, where that would take long, between what a few
// fillings of the other slots let stand and what any bytes in place of them do.
#include "solver.hpp"
#include "walk.hpp"

namespace weft {

constexpr u64 STEPS_A_STATE = 10;  // that one mask may take where fillings are tried
constexpr u32 SHARE = 16;          // one in so many tokens are many
constexpr int FEW_SLOTS = 5;       // of which all fillings can be looked at, mostly
constexpr u32 FEW_TOKENS = 128;    // one in so many tokens, and a few more, are few: sooner tried one by one than in groups
constexpr u32 LEAST_FEW = 4;
constexpr int SOME_SLOTS = 32;     // mostly also, where the lexer is small
constexpr u64 SOON = 20;           // part of the limit, see `allow`, that they take there
constexpr std::size_t ENDING = 12;      // slots of a tail in which most sentences can end
constexpr std::size_t FEW_STATES = 16;  // lexical ones, for which groups of tokens are told apart

namespace {

u32 count_tokens(const u32* mask, std::size_t words) {
    u32 count = 0;
    for (std::size_t i = 0; i < words; ++i) count += u32(std::popcount(mask[i]));
    return count;
}

u32 count_tokens(const std::vector<u32>& mask) { return count_tokens(mask.data(), mask.size()); }

void unite(u32* mask, const std::vector<u32>& with) {
    for (std::size_t i = 0; i < with.size(); ++i) mask[i] |= with[i];
}

u32 first_token(const std::vector<u32>& mask) {
    const auto some = std::find_if(mask.begin(), mask.end(), [](u32 bits) { return bits != 0; });
    return some == mask.end() ? NONE : u32(some - mask.begin()) * 32 + u32(std::countr_zero(*some));
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

// What the nearest slots let stand, mostly all; else exactly where that takes little; else a few fillings of the other slots show what may
// stand here, any bytes in place of them what may not, and what is between is tried together. Once `enough` tokens are found, the others may
// be left out.
void Solver::slot_mask(std::size_t element, u32* out, u32 enough) {
    auto found_enough = [&] { return count_tokens(out, constraint->vocabulary->words()) >= enough; };
    if (ends_before(element)) {
        for (u32 e : constraint->vocabulary->eos) set_token(out, e);
    } else if (!ways.open || !constraint->special_ids.empty()) {  // special tokens are no bytes
        add_exactly(pick_of[element], out, nullptr);
        add_ends(*levels, pick_of[element], out);
    } else {
        try_now([&] { add_near(element, out); });
        const auto left = tokens_left(out, nullptr);
        if (!found_enough() && count_tokens(left) > 0) add_tokens_between(element, left, out, enough);
        if (!found_enough()) add_ends_between(element, out);
        allow_all();
    }
}

void Solver::add_exactly(std::size_t pick, u32* out, const u32* only) {
    add_tokens(*levels, pick < tail ? levels->living(pick) : levels->front(pick), pick, out, only);
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

// Of some tokens those that can stand in a slot: exactly where that takes little; else what a few fillings let stand, and what is left when
// any bytes in place of the other slots do not let it stand is tried together.
void Solver::add_tokens_between(std::size_t element, std::vector<u32> doubtful, u32* found, u32 enough) {
    const std::size_t pick = pick_of[element];
    auto settle = [&] {
        for (std::size_t i = 0; i < doubtful.size(); ++i) doubtful[i] &= ~found[i];
        return count_tokens(doubtful);
    };
    const auto& all = levels->all_picks();
    const auto open = std::count_if(all.begin(), all.end(), [&](const Pick& p) { return p.words == tables->tokens.any; });
    if (enough == NONE && open <= SOME_SLOTS && !has_many_states(constraint->engine->lexing()))
        if (try_now([&] { allow(SOON), add_exactly(pick, found, doubtful.data()); })) return;
    u32 state = NONE;  // with too many readings to look at
    try_now([&] { state = any_before(element); });
    bool joining = state == NONE || !are_many(doubtful) || lexical_states(state).size() <= FEW_STATES;
    if (joining && state != NONE) try_now([&] { keep_joining(element, state, doubtful); });
    settle();
    if (enough == NONE && !are_few(doubtful)) {
        if (try_now([&] { allow(open <= FEW_SLOTS ? 3 : BRIEF), add_exactly(pick, found, doubtful.data()); })) return;
        if (!joining) try_now([&] { keep_most(element, state, doubtful); });
        settle();
        try_now([&] { least_mask(element, found, doubtful.data()); });
    }
    const u64 most = steps() + max_states * STEPS_A_STATE;
    auto some = levels->all_picks();
    for (std::size_t k = 0; k <= pick; ++k) some[k].may_end = false;
    u64 part = BRIEF;
    while (const u32 left = settle()) {
        if (count_tokens(found, doubtful.size()) >= enough) return;
        if (!joining && !are_many(doubtful)) {
            try_now([&] { keep_joining(element, state, doubtful); });
            joining = true;
            continue;
        }
        some[pick].words = words_of(doubtful);
        if (!with_open_part(some, part, most, [&](Levels& open) { add_tokens(open, open.front(pick), pick, found, doubtful.data()); })) break;
        if (settle() == left) throw LimitFault("it is not known which tokens can stand here", max_states, max_states, "leave fewer slots open");
    }
}

void Solver::add_ends_between(std::size_t element, u32* found) {
    const auto& ends = constraint->vocabulary->eos;
    const std::size_t pick = pick_of[element];
    auto some = levels->all_picks();
    if (!some[pick].may_end || has_token(found, ends[0])) return;
    some[pick].words = WordSets::NOTHING;
    u64 part = BRIEF;
    if (with_open_part(some, part, steps() + max_states * STEPS_A_STATE, [](Levels&) {}))
        for (u32 e : ends) set_token(found, e);
}

// For what only saves work: whether it was done within its limits.
template <class Ask>
bool Solver::try_now(const Ask& ask) {
    bool done = true;
    try {
        ask();
    } catch (const LimitFault&) {
        done = false;
    }
    allow_all(), alive.clear();  // was about other fillings
    return done;
}

// Tokens of a slot that may stand there if only the slots nearest to it hold anything but what showed that the canvas is open, or blanks in
// the tail. Mostly they can open a comment, or else a string, to the left and end it to the right, and nearly all tokens can stand in one.
void Solver::add_near(std::size_t element, u32* out) {
    allow(1);
    for (u32 least : {hiding().blank, hiding().few}) {
        add_near(element, least, 0, out);
        if (are_few(tokens_left(out, nullptr))) return;
    }
    if (pick_of[element] >= tail && count_tokens(out, constraint->vocabulary->words()) == 0) add_near(element, hiding().few, ENDING, out);
}

// With at least some tokens in the nearest slots, and in so many of the tail, of which the others are blanks if the slot is one of them.
void Solver::add_near(std::size_t element, u32 least, std::size_t ending, u32* out) {
    constexpr std::size_t NEAR = 2;  // slots on each side
    constexpr std::size_t REST = 2;  // and so many that follow at once: the rest of a character comes before what ends its lexeme
    const std::size_t pick = pick_of[element];
    const auto& all = levels->all_picks();
    auto is_slot = [&](std::size_t k) { return all[k].words == tables->tokens.any; };
    std::size_t from = pick, to = pick + 1, slots = 0;
    for (; from > 0 && slots < NEAR; --from) slots += is_slot(from - 1);
    for (slots = 0; to < picks && slots < NEAR; ++to) slots += is_slot(to);
    for (; to < picks && slots < NEAR + REST && is_slot(to); ++to) ++slots;
    auto picked = ways.open->all_picks();
    const std::size_t blank = pick < tail ? picks : std::min(pick, tail + ending);
    for (std::size_t k = 0; k < picks; ++k) {
        if (k >= blank) picked[k].words = tables->tokens.blank;
        if (is_slot(k) && ((from <= k && k < to) || (pick >= tail && tail <= k && k < blank))) picked[k].words = hiding(picked[k].words, hiding().step_of(least));
    }
    picked[pick].words = tables->tokens.any;
    Levels near(*ways.open, picked, pick, to);
    const auto parts = parts_of(near.front(pick));
    auto left = tokens_left(out, nullptr);
    for (auto part = parts.begin(); part != parts.end() && !are_few(left); ++part) add_inner(near, *part, pick, out), left = tokens_left(out, nullptr);
    if (are_few(left))
        each_in(left.data(), u32(left.size()), [&](u32 t) {
            const u32 word = tables->moves->words.word(*constraint->vocabulary->texts[t]);
            if (std::any_of(parts.begin(), parts.end(), [&](auto& part) { return lives(near, pick, part.places, word); })) set_token(out, t);
        });
    if (all[pick].may_end) add_ends(near, pick, out);
}

// Of some tokens those after which, from an engine state, `goes_on` holds for the state that they lead to. Tokens that do the same to all
// open lexemes are taken together; of those that are not, at most `most` are looked at one by one. What was not looked at is left.
std::vector<u32> Solver::add_where(u32 state, const std::vector<u32>& tokens, u32* out, u32 most, const std::function<bool(u32)>& goes_on) {
    const Trie& trie = *constraint->vocabulary->trie;
    std::vector<u32> left = tokens;
    if (!are_few(tokens))
        for (auto& some : classes_of(state, tokens, left)) {
            const u32 first = first_token(some), to = first == NONE ? 0 : read_text(*constraint->vocabulary->texts[first], state);
            if (to && goes_on(to)) unite(out, some);
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
            if (take(some, groups.others)) unite(walked.data(), both);
            for (auto& group : groups.inner)
                if (take(some, group.tokens)) {
                    if (finer.size() < FEW_CLASSES) finer.push_back(both);
                    else unite(walked.data(), both);
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

// Calls visit(levels) with fillings of a canvas of which some are sentences. False if there are none. Each attempt has one in `part` of the
// limit, the next one more; with more than `most` steps it gives up.
bool Solver::with_open_part(const std::vector<Pick>& canvas, u64& part, u64 most, const std::function<void(Levels&)>& visit) {
    Levels all(*levels, canvas, tail_of(canvas));
    constexpr std::size_t BEST = 2;  // ways to choose few tokens; the others hardly ever answer first
    Ways few;
    for (;; part = std::max<u64>(part / 4, 1)) {
        if (is_open_with_few(hiding(), ways, canvas, part, BEST, few)) {
            allow_all(), alive.clear();
            visit(*few.open);
            return true;
        }
        try {
            allow(part), alive.clear();
            bool open = can_fill(all);
            if (open) visit(all);
            allow_all();
            return open;
        } catch (const LimitFault&) {
            if (part == 1 || steps() > most) throw;
        }
    }
}

const FewTokens& Solver::hiding() {
    auto& known = tables->hiding;
    if (!known) known = with_hiding(tables->tokens, tables->moves->words, constraint->engine->base(), constraint->engine->lexing(), *constraint->vocabulary->trie);
    return *known;
}

// The same step of the tokens that are tried, or a later one, with those that open and close lexemes.
u32 Solver::hiding(u32 words, std::size_t least) { return hiding().steps()[std::max(least, tables->tokens.step_of(words))]; }

u64 Solver::steps() const { return tables->moves->steps() + tables->stacks->steps(); }

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

// Whether a sentence can follow from one of the places before an element that is one of some words.
bool Solver::lives(Levels& some, std::size_t at, const std::vector<Place>& places, u32 words) {
    return std::any_of(places.begin(), places.end(), [&](const Place& p) { return some.lives(at, p.open, p.stacks, words); });
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
    std::size_t pick = pick_of[element];
    auto picked = ways.open->all_picks();
    const auto& all = levels->all_picks();
    for (std::size_t k = 0; k < picks; ++k)
        if (all[k].words == tables->tokens.any) picked[k].words = hiding(picked[k].words, 0);
    picked[pick].words = tables->tokens.any;
    Levels near(*ways.open, picked, tail);
    // Each part of the places by itself: the first one, inside of a comment mostly, allows nearly all tokens, and what few tokens are left
    // lead from the others to little.
    const std::vector<Place> places = near.front(pick);
    Levels::Right with = right;
    with.tail = std::max(tail, pick) - pick;
    std::vector<Pick> rest(picked.begin() + long(pick), picked.end());
    for (auto& part : parts_of(places)) {
        const auto left = tokens_left(out, only);
        if (count_tokens(left) == 0) break;
        if (!are_many(left)) rest[0].words = words_of(left);
        Levels from_here(tables->moves, tables->stacks, part.places, rest, with, max_states);
        alive.clear();
        add_tokens(from_here, part.places, pick, out, only);
    }
    alive.clear();
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

// The engine state before a slot if any bytes may stand in the others.
u32 Solver::any_before(std::size_t element) {
    std::size_t from = element;  // behind the last slot to the left; to the left of that are any bytes
    while (from > first && elements[from - 1].kind != Element::Slot) --from;
    u32 state = from > first ? constraint->engine->hole(states.back()) : states.back();
    for (std::size_t i = from; i < element; ++i) state = read(i, state);
    return state;
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
    unite(joining.data(), add_where(state, tokens, joining.data(), constraint->vocabulary->size() / SHARE, [&](u32 to) {
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

u32 Solver::forced(u32 element) {
    std::lock_guard<std::mutex> guard(constraint->lock);
    if (!is_open) return NONE;
    begin_call();
    std::vector<u32> found(constraint->vocabulary->words());
    if (mixed) mixed_mask(slot_at(element), found.data());
    else if (shows_two(slot_at(element))) return NONE;
    else slot_mask(slot_at(element), found.data(), 2);
    return count_tokens(found) == 1 ? first_token(found) : NONE;
}

// Whether a slot of the tail may hold an end token, or a blank behind the end. A no says nothing.
bool Solver::outlasts_text(std::size_t pick) {
    if (pick < tail || tables->tokens.blank == WordSets::NOTHING) return false;
    if (!ended) {
        auto picked = ways.open->all_picks();
        for (std::size_t k = std::min(tail + ENDING, picks); k < picks; ++k) picked[k].words = tables->tokens.blank;
        ended = std::make_shared<Levels>(*ways.open, picked, tail);
    }
    return ended->ends_before(pick) && lives(*ended, pick, ended->front(pick), tables->tokens.blank);
}

// Whether the fillings that showed that the canvas is open have two tokens in a slot. A no says nothing.
bool Solver::shows_two(std::size_t element) {
    const std::size_t pick = pick_of[element];
    if (!ways.open) return false;
    bool two = false;
    if (try_now([&] { allow(BRIEF), two = outlasts_text(pick); }) && two) return true;
    u32 one = NONE;  // rank of the first token that was found
    try_now([&] {
        allow(BRIEF);
        for (auto& part : parts_of(ways.open->front(pick))) {
            each_token(*constraint->engine, *constraint->vocabulary->trie, state_of(part.places), [&](u32 from_rank, u32 end, u32 to) {
                if (two || !lives(*ways.open, pick + 1, to)) return;
                two = end - from_rank > 1 || (one != NONE && one != from_rank);
                one = from_rank;
            }, constraint->vocabulary->trie->one_byte.data());
            if (two) return;
        }
    });
    return two;
}

}  // namespace weft
