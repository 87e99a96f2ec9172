// Solver: which tokens may stand in a slot, by the levels of its canvas. Exactly, or, where that would take long, between what a few
// fillings of the other slots let stand and what any bytes in place of them do.
#include "solver.hpp"
#include "walk.hpp"

namespace weft {

constexpr u64 STEPS_A_STATE = 10;  // that one mask may take where fillings are tried
constexpr int FEW_SLOTS = 5;       // of which all fillings can be looked at, mostly
constexpr int SOME_SLOTS = 32;     // mostly also, where the lexer is small
constexpr u64 SOON = 20;           // part of the limit, see `allow`, that they take there
constexpr std::size_t ENDING = 12; // slots of a tail in which most sentences can end

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

const FewTokens& Solver::hiding() {
    auto& known = tables->hiding;
    if (!known) known = with_hiding(tables->tokens, tables->moves->words, constraint->engine->base(), constraint->engine->lexing(), *constraint->vocabulary->trie);
    return *known;
}

// The same step of the tokens that are tried, or a later one, with those that open and close lexemes.
u32 Solver::hiding(u32 words, std::size_t least) { return hiding().steps()[std::max(least, tables->tokens.step_of(words))]; }

u64 Solver::steps() const { return tables->moves->steps() + tables->stacks->steps(); }

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
    try_now([&] { allow(BRIEF), two = outlasts_text(pick); });
    if (two) return true;
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
