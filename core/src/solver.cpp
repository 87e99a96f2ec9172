#include "solver.hpp"

#include <bit>
#include <map>

#include "distance.hpp"
#include "fillings.hpp"
#include "walk.hpp"

namespace weft {

constexpr std::size_t CHUNK = Moves::LONGEST_TEXT;
constexpr u64 BRIEF = 50;          // one in so many of the limit may be spent where an answer is hoped for, not owed
constexpr u64 READINGS_A_STATE = 25;
constexpr std::size_t MOST_DOUBTFUL = 4096;  // tokens times elements: what one try costs grows with the canvas
constexpr u64 SETS_A_STATE = 8;    // sets of stacks for each place of the limit
constexpr u64 LEAST_TABLES = u64(16) << 20;  // bytes; with less, hardly any canvas could be looked at

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
        std::sort(spots.begin(), spots.end());
        spots.erase(std::unique(spots.begin(), spots.end()), spots.end());
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

// How near the end of the text surely is, whatever lies on the stack.
struct Ending {
    std::shared_ptr<CanvasTables> tables;
    std::shared_ptr<Constraint> constraint;
    static constexpr u32 FAR = Distance::FAR, DEEP = 1'000;

    bool operator()(u32 open, u32 node, u64 tokens) const {
        if (!constraint->budget->spells_all()) return false;
        auto [term, ret, lexes] = tables->moves->place(open);
        if (term == END) return tables->moves->may_end(open);
        u64 rest = box(ret) + farthest(node, 0);
        if (rest > tokens) return false;
        for (std::size_t k = 0; k < tables->moves->states().size(lexes); ++k) {
            u32 x = tables->moves->states().begin(lexes)[k];
            if ((tables->moves->behind_special(x) ? 0 : constraint->engine->lexeme_within(term, tables->moves->state_of(x))) + rest <= tokens) return true;
        }
        return false;
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

Solver::Solver(std::shared_ptr<Constraint> c, std::vector<Element> es, u64 states_limit, u64 items_limit, const Solver* before, bool brief_)
    : Reader(std::move(c)), elements(std::move(es)), max_states(states_limit), max_items(items_limit), brief(brief_) {
    std::lock_guard<std::mutex> guard(constraint->lock);
    constraint->tidy();
    stop = elements.size();
    for (std::size_t i = elements.size(); i-- > 0;)
        if (elements[i].kind == Element::Hole) stop = i;
    hole = stop;
    if (stop < elements.size()) {  // what is written into the hole is text before it
        Element written;
        written.text = std::move(elements[stop].text);
        elements[stop].text.clear();
        elements.insert(elements.begin() + long(stop++), std::move(written));
    }
    const Vocabulary& v = *constraint->vocabulary;
    tail_free.assign(elements.size() + 1, 1);
    for (std::size_t i = elements.size(); i-- > 0;) tail_free[i] = tail_free[i + 1] && may_be_nothing(elements[i]);
    bool ended = false, dead = false;
    for (std::size_t i = 0; i < elements.size(); ++i) {
        const Element& e = elements[i];
        dead = dead || (ended && !may_be_nothing(e));
        ended = ended || is_end(e);
        bool special = e.kind == Element::Token && !is_end(e) && !v.texts[e.token];
        const auto& named = constraint->special_ids;
        dead = dead || (special && std::find(named.begin(), named.end(), e.token) == named.end());
        mixed = mixed || (i > stop && (special || e.kind == Element::Slot));
    }
    while (first < stop && elements[first].kind != Element::Slot && !is_end(elements[first])) ++first;
    if (mixed && before) take_rights(*before);
    is_open = !dead && (mixed ? is_open_mixed() : find_open(before));
}

bool Solver::may_be_nothing(const Element& e) const {
    return e.kind == Element::Slot ? !constraint->vocabulary->eos.empty() : e.kind == Element::Token ? is_end(e) : e.text.empty();
}

// What the elements up to the first elastic hole can be.
std::vector<Pick> Solver::find_picks() {
    const Vocabulary& v = *constraint->vocabulary;
    WordSets& words = tables->moves->words;
    std::vector<Pick> out;
    pick_of.assign(stop + 1, 0);
    for (std::size_t i = first; i <= stop; ++i) {
        pick_of[i] = out.size();
        if (i == stop) break;
        const Element& e = elements[i];
        if (e.kind == Element::Slot) {
            out.push_back({tables->tokens.any, tail_free[i] != 0});
        } else if (e.kind == Element::Token) {
            u32 one = WordSets::NOTHING;
            if (const auto& text = v.texts[e.token]; text && !text->empty()) one = words.word(*text);
            for (u32 k = 0; k < constraint->special_ids.size(); ++k)
                if (constraint->special_ids[k] == e.token) one = words.unite(one, words.special(k));
            out.push_back({is_end(e) ? u32(WordSets::NOTHING) : one, tail_free[i] != 0});
        } else {
            for (std::size_t k = 0; k < e.text.size(); k += CHUNK) out.push_back({words.word(std::string_view(e.text).substr(k, CHUNK)), false});
        }
    }
    return out;
}

// Whether some filling is a sentence.
bool Solver::find_open(const Solver* before) {
    Engine& engine = *constraint->engine;
    bool same_right = before && before->suffix && before->elements.size() - before->stop == elements.size() - stop &&
                      std::equal(elements.begin() + long(stop), elements.end(), before->elements.begin() + long(before->stop));
    if (before) take_rights(*before);
    if (stop < elements.size()) {
        right_of(stop, true);
        suffix = rights[elements.size() - stop][1];
    }
    if (suffix && first == stop) {  // no slots
        for (std::size_t i = 0; i < first; ++i) states.back() = read(i, states.back());
        if (std::size_t at = changed_hole(before); at != stop) {
            try {
                return engine.joins(left_of(at), right_of(at, elements[at].kind == Element::Hole));
            } catch (const LimitFault&) {
            }
        }
        return engine.joins(states.back(), *suffix);
    }
    find_tables();
    if (before) {
        bool fits = before->levels && before->tables == tables && before->stop == stop && before->first <= first && bool(suffix) == same_right &&
                    std::equal(elements.begin(), elements.begin() + long(before->first), before->elements.begin());
        if (fits) first = before->first;
        else before = nullptr;
    }
    for (std::size_t i = 0; i < first; ++i) states.back() = read(i, states.back());
    begin_call();
    auto found = find_picks();
    picks = tail = found.size();
    while (tail > 0 && found[tail - 1] == Pick{tables->tokens.any, true}) --tail;
    if (suffix) {
        side = before ? before->side : std::make_shared<Side>(*tables, suffix);
        right.joins = [part = side](u32 open, u32 node) { return part->part(open, node); };
    }
    right.tail = tail;
    right.surely = Ending{tables, constraint};
    levels = before ? std::make_shared<Levels>(*before->levels, found, tail) : levels_with(found);
    if (tables->tokens.few != WordSets::NOTHING) {
        if (is_open_with_few(before, found)) return true;
        if (is_dead_with_more()) return false;
        if (brief) allow_little();
    }
    return can_fill(*levels);
}

std::shared_ptr<Levels> Solver::levels_with(std::vector<Pick> some) {
    return std::make_shared<Levels>(tables->moves, tables->stacks, levels ? levels->front(0) : places_of(states.back()), std::move(some), right, max_states);
}

// The slots of the tail need not be looked at where a sentence is near enough.
bool Solver::can_fill(Levels& some) {
    return (tail < picks && constraint->budget->surely(state_of(some.front(tail)), u32(picks - tail))) || some.open();
}

u64 Solver::room() const { return std::max(constraint->limits.cache_bytes, LEAST_TABLES) * 4; }

// Whether some of the fillings are sentences; see few.hpp.
bool Solver::is_open_with_few(const Solver* before, const std::vector<Pick>& all) {
    constexpr int TRIES = 16;
    const FewTokens& t = tables->tokens;
    for (auto [words, free] : {std::pair<u32, std::size_t>{t.few, 2}, {t.many, 2}, {t.many, 4}}) {
        std::size_t k = with_few.size();
        Narrowed narrowed(t, all, tail, words, free);
        with_few.push_back(before && k < before->with_few.size() ? std::make_shared<Levels>(*before->with_few[k], narrowed.picks, tail) : levels_with(narrowed.picks));
        try {
            for (int tries = 0; tries < TRIES; ++tries) {
                if (can_fill(*with_few[k])) return true;
                std::size_t dead = with_few[k]->dies();
                if (dead > all.size() || !narrowed.widen(dead)) break;
                with_few[k] = std::make_shared<Levels>(*with_few[k], narrowed.picks, tail);
            }
        } catch (const LimitFault&) {
        }
    }
    return false;
}

// Whether not even any bytes in place of the slots make a sentence: then no tokens do. That takes no count of the slots.
bool Solver::is_dead_with_more() {
    if (!constraint->special_ids.empty()) return false;  // those are no bytes
    Chain chain;
    add_to(chain, first, elements.size(), 1);
    return !constraint->engine->joins(states.back(), *constraint->suffix(std::move(chain), max_items));
}

void Solver::find_tables() {
    auto& shared = constraint->canvas_tables;
    if (shared && shared->moves->bytes() + shared->stacks->bytes() > room() / 2) shared = nullptr;  // begin anew; who holds the old ones keeps them
    if (!shared) {
        const Trie& trie = *constraint->vocabulary->trie;
        shared = std::make_shared<CanvasTables>();
        auto all = std::static_pointer_cast<WordSets>(constraint->vocabulary->store->shared(WordSets::key(), [&]() -> std::shared_ptr<void> { return std::make_shared<WordSets>(trie); }));
        shared->moves = std::make_shared<Moves>(constraint->engine->base(), constraint->engine->lexing(), *all, trie, room());
        shared->stacks = std::make_shared<Stacks>();
        WordSets& words = shared->moves->words;
        shared->tokens = find_few(words.vocabulary(u32(constraint->special_ids.size())), words, constraint->engine->base(), constraint->engine->lexing(), *constraint->vocabulary);
    }
    tables = shared;
}

u32 Solver::read(std::size_t element, u32 state) {
    const Element& e = elements[element];
    if (e.kind == Element::Token) return state == 0 || is_end(e) ? 0 : constraint->commit(state, e.token);
    for (char c : e.text)
        if (state) state = constraint->engine->step(state, u8(c));
    return state;
}

// -- places -----------------------------------------------------------------------------------------------------------

void Solver::begin_call() {
    from = to = alive = after_any = after_few = FlatMap();
    allow_all();
}

void Solver::allow_all() {
    effort = asked = 0, most_asked = ~u64(0);
    if (tables) tables->stacks->allow(max_states * SETS_A_STATE, room()), tables->moves->allow(~u64(0));
}

void Solver::allow_little() {
    tables->stacks->allow(max_states / BRIEF, room()), tables->moves->allow(max_states / BRIEF * READINGS_A_STATE);
}

// A stack of one pool in another one. Stacks may be deep, so what is under way is kept in a list.
template <class Size, class At, class Make>
u32 Solver::copy_stack(u32 node, FlatMap& done, const Size& size, const At& at, const Make& make) {
    static_assert(Frontiers::BOTTOM == Stacks::BOTTOM);
    if (node == Stacks::BOTTOM) return node;
    std::vector<u32> todo{node};
    std::vector<Below> entries;
    while (!todo.empty()) {
        u32 n = todo.back();
        bool ready = true;
        entries.clear();
        for (std::size_t k = 0; k < size(n); ++k) {
            Below b = at(n, k);
            u32 below = b.node == Stacks::BOTTOM ? b.node : done.find(b.node);
            if (below == NONE) todo.push_back(b.node), ready = false;
            else entries.push_back({b.ret, below});
        }
        if (!ready) continue;
        todo.pop_back();
        if (done.find(n) == NONE) done.put(n, make(entries));
    }
    return done.find(node);
}

u32 Solver::node_from(u32 node) {
    if (u32 known = from.find(node); known != NONE) return known;
    const auto& stacks = constraint->engine->frontiers().stacks();
    return copy_stack(
        node, from, [&](u32 n) { return stacks.size(n); }, [&](u32 n, std::size_t k) { return stacks.begin(n)[k]; },
        [&](std::vector<Below>& entries) { return tables->stacks->of(entries); });
}

u32 Solver::node_to(u32 node) {
    if (u32 known = to.find(node); known != NONE) return known;
    const Stacks& stacks = *tables->stacks;
    return copy_stack(
        node, to, [&](u32 n) { return stacks.size(n); }, [&](u32 n, std::size_t k) { return stacks.at(n, k); },
        [&](std::vector<Below>& entries) { return constraint->engine->frontiers().stack(entries); });
}

std::vector<Place> Solver::places_of(u32 state) {
    std::vector<Item> items;
    constraint->engine->places(state, items);
    for (Item& it : items) {
        if (it.term == END) it.ret = Frontiers::ACCEPT, it.node = Stacks::BOTTOM;
        else it.node = node_from(it.node);
    }
    std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return std::tie(a.term, a.ret, a.node, a.q) < std::tie(b.term, b.ret, b.node, b.q); });
    std::vector<Place> out;
    std::vector<u32> lexes;
    for (std::size_t i = 0; i < items.size();) {
        const Item& it = items[i];
        lexes.clear();
        for (; i < items.size() && items[i].term == it.term && items[i].ret == it.ret && items[i].node == it.node; ++i) {
            u32 x = it.term == END && !tables->moves->lexer ? 0 : tables->moves->lex(it.term, items[i].q);
            if (tables->moves->alive(x, it.term)) lexes.push_back(x);  // the engine keeps terminals that its lexeme cannot become
        }
        if (!lexes.empty()) out.push_back({tables->moves->open(it.term, it.ret, lexes), it.node});
    }
    return out;
}

u32 Solver::state_of(const std::vector<Place>& places) {
    std::vector<Item> items;
    const Moves& moves = *tables->moves;
    for (const Place& p : places) {
        auto [term, ret, lexes] = moves.place(p.open);
        u32 node = node_to(p.stacks);
        for (std::size_t k = 0; k < moves.states().size(lexes); ++k) {
            u32 x = moves.states().begin(lexes)[k];
            if (term == END) items.push_back({END, moves.lexer ? x : 0, 0, 0});
            else items.push_back({term, moves.state_of(x), ret, node});
        }
    }
    return constraint->engine->state_at(items);
}

bool Solver::lives(Levels& some, std::size_t pick, u32 state) {
    u64 key = u64(pick) << 32 | state;
    if (u32 known = alive.find(key); known != NONE) return known != 0;
    if (++asked > most_asked) throw LimitFault("tokens lead to too many different readings", most_asked, asked, "leave fewer slots open");
    bool yes = pick >= tail && constraint->budget->spells_all() && constraint->budget->finishable(state, u32(picks - pick));
    std::vector<Place> places = yes ? std::vector<Place>() : places_of(state);
    for (std::size_t k = 0; k < places.size() && !yes; ++k) yes = some.lives(pick, places[k].open, places[k].stacks);
    alive.put(key, yes);
    return yes;
}

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
        for (u32 word : part.follow) part.count += u32(std::popcount(word));
        out.push_back(std::move(part));
    }
    std::sort(out.begin(), out.end(), [](const Part& a, const Part& b) { return std::tie(b.count, a.state) < std::tie(a.count, b.state); });
    return out;
}

// -- questions --------------------------------------------------------------------------------------------------------

void Solver::mask(u32 element, u32* out) {
    std::unique_lock<std::mutex> guard(constraint->lock);
    std::fill_n(out, constraint->vocabulary->words(), 0u);
    if (!is_open) return;
    begin_call();
    std::size_t inner = std::size_t(element) + (element >= hole);  // behind what is written into the first hole
    if (elements[inner].kind == Element::Slot) {
        if (mixed) return mixed_mask(inner, out);
        auto doubtful = slot_mask(inner, out);
        guard.unlock();
        for (u32 token : doubtful)
            if (fits({{element, token}}, true)) set_token(out, token);
        return;
    }
    std::size_t at = open_hole(element);
    if (slots_after(at)) return mixed_mask(at, out);
    if (!ends_before(at)) constraint->add_mask(left_of(at), right_of(at, true), out);
}

// Exactly where that takes little. Else a few fillings of the other slots show what may stand here, any bytes in place of them what may
// not; nearly always that is all. Returns the tokens about which the two do not agree.
std::vector<u32> Solver::slot_mask(std::size_t element, u32* out) {
    std::size_t pick = pick_of[element];
    auto exactly = [&] {
        std::vector<u32> exact(constraint->vocabulary->words());
        add_tokens(*levels, pick < tail ? levels->living(pick) : levels->front(pick), pick, exact.data(), nullptr);
        add_ends(*levels, pick, exact.data());
        std::copy(exact.begin(), exact.end(), out);
        return std::vector<u32>();
    };
    if (with_few.empty() || !constraint->special_ids.empty()) return exactly();  // special tokens are no bytes
    try {
        allow_little();
        auto none = exactly();
        allow_all();
        return none;
    } catch (const LimitFault&) {
    }
    try {
        return between(element, out);
    } catch (const LimitFault&) {
    }
    alive.clear(), allow_all();
    return exactly();
}

// What a few fillings let stand, and the tokens about which any bytes in place of the other slots do not agree with them.
std::vector<u32> Solver::between(std::size_t element, u32* out) {
    const u32 words = constraint->vocabulary->words();
    const std::size_t most_doubtful = std::max<std::size_t>(8, MOST_DOUBTFUL / picks);
    std::vector<u32> more(words), least(words), doubtful;
    allow_all();
    most_asked = max_states / BRIEF, tables->stacks->allow(max_states / 4, room());
    u32 state = most_mask(element, more.data());
    alive.clear();  // was about all tokens
    least_mask(element, least.data(), more.data());
    alive.clear();
    for (u32 i = 0; i < words; ++i) more[i] &= ~least[i];
    allow_all();
    keep_joining(element, state, more);
    for (u32 t = 0; t < constraint->vocabulary->size(); ++t)
        if (has_token(more.data(), t)) doubtful.push_back(t);
    if (doubtful.size() > most_doubtful) throw LimitFault("too many tokens would have to be tried one by one", most_doubtful, doubtful.size(), "leave fewer slots open");
    std::copy(least.begin(), least.end(), out);
    return doubtful;
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
    auto picked = with_few.back()->all_picks();
    const auto& all = levels->all_picks();
    auto widen = [&](std::size_t k) {  // the next slots may open and close what a few tokens cannot: comments, strings, characters
        if (all[k].words != tables->tokens.any) return false;
        if (picked[k].words != tables->tokens.any) picked[k].words = tables->tokens.many;
        return true;
    };
    for (std::size_t k = pick, slots = 0; k-- > 0 && slots < NEAR;) slots += widen(k);
    for (std::size_t k = pick + 1, slots = 0; k < picks && slots < NEAR; ++k) slots += widen(k);
    Levels near(*with_few.back(), picked, tail);
    add_tokens(near, near.front(pick), pick, out, only);
    add_ends(near, pick, out);
}

// Tokens that may stand in a slot if any bytes may stand in the others, and right behind it.
u32 Solver::most_mask(std::size_t element, u32* out) {
    Engine& engine = *constraint->engine;
    std::size_t from = element;  // behind the last slot to the left; to the left of that are any bytes
    while (from > first && elements[from - 1].kind != Element::Slot) --from;
    u32 state = from > first ? engine.hole(states.back()) : states.back();
    for (std::size_t i = from; i < element; ++i) state = read(i, state);
    Chain chain;
    chain.add_hole();
    add_to(chain, element + 1, elements.size(), 1);
    constraint->add_mask(state, *constraint->suffix(std::move(chain), max_items), out);
    return state;
}

// Of some tokens those after which, from a state, what stands behind the slot goes on at once.
void Solver::keep_joining(std::size_t element, u32 state, std::vector<u32>& tokens) {
    Chain chain;
    add_to(chain, element + 1, elements.size(), 1);
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
    if (!is_open || mixed || element >= hole || elements[element].kind != Element::Slot || with_few.empty()) return false;
    begin_call();
    Levels& few = *with_few.back();
    std::size_t pick = pick_of[element];
    u32 found = 0;
    try {
        for (auto& part : parts_of(few.front(pick))) {
            each_token(*constraint->engine, *constraint->vocabulary->trie, part.state, [&](u32 from_rank, u32 end, u32 to) {
                if (found < 2 && lives(few, pick + 1, to)) found += end - from_rank;
            }, constraint->vocabulary->trie->one_byte.data());
            if (found > 1) return true;
        }
    } catch (const LimitFault&) {
    }
    return false;
}

// Whether proposals can be put into their slots together. brief: it is not known where that takes long.
bool Solver::fits(const std::vector<std::pair<u32, u32>>& proposals, bool brief_) const {
    std::vector<Element> with = elements;
    if (stop < elements.size()) {  // as the caller wrote it
        with[stop].text = with[stop - 1].text;
        with.erase(with.begin() + long(stop) - 1);
    }
    for (auto [element, token] : proposals) {
        if (with[element].kind == Element::Token && with[element].token != token) return false;
        with[element].kind = Element::Token, with[element].token = token;
    }
    return Solver(constraint, std::move(with), max_states, max_items, this, brief_).open();
}

u32 Solver::admit(const std::vector<std::pair<u32, u32>>& proposals) {
    if (!is_open) return 0;
    std::size_t low = 0, high = proposals.size();  // `low` of them fit
    for (std::size_t count = high; low < high; count = low + (high - low + 1) / 2) {
        if (fits({proposals.begin(), proposals.begin() + long(count)}, false)) low = count;
        else high = count - 1;
    }
    return u32(low);
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

u32 Solver::least_tokens() {
    std::lock_guard<std::mutex> guard(constraint->lock);
    if (!is_open) return NONE;
    begin_call();
    u32 slots = 0;
    for (std::size_t i = levels || mixed ? first : stop; i < (mixed ? elements.size() : stop); ++i) {
        if (mixed ? elements[i].kind == Element::Slot && may_have_ended(i + 1) : levels->ends_before(pick_of[i])) return slots;
        slots += elements[i].kind == Element::Slot;
    }
    return slots;
}

std::vector<u32> Solver::best(const double* scores) {
    std::lock_guard<std::mutex> guard(constraint->lock);
    begin_call();
    if (!levels) return std::vector<u32>(elements.size(), NONE);
    return Fillings(*this, scores).best();
}

std::vector<u32> Solver::sample(const double* scores, u64 seed) {
    std::lock_guard<std::mutex> guard(constraint->lock);
    begin_call();
    if (!levels) return std::vector<u32>(elements.size(), NONE);
    return Fillings(*this, scores).sample(seed);
}

// -- elastic holes ----------------------------------------------------------------------------------------------------

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
    auto lexemes = make_lexemes(constraint->engine->base(), chain, constraint->engine->lexing(), constraint->engine->holes());
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
    auto lexemes = make_lexemes(constraint->engine->base(), chain, constraint->engine->lexing(), constraint->engine->holes());
    Chart chart(constraint->engine->base(), *lexemes, max_items);
    if (!chart.completable()) return NONE;
    Filled f = chart.witness();
    return u32(std::count(f.hole.begin(), f.hole.end(), place));
}

}  // namespace weft
