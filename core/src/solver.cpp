#include "solver.hpp"

#include "fillings.hpp"
#include "sides.hpp"

namespace weft {

constexpr std::size_t CHUNK = Moves::LONGEST_TEXT;
constexpr u64 READINGS_A_STATE = 10;  // sets of words that may be read for each place, where little is allowed
constexpr u64 SETS_A_STATE = 8;    // sets of stacks for each place of the limit
constexpr std::size_t ALL_WAYS = NONE;
constexpr u64 LEAST_TABLES = u64(16) << 20;  // bytes; with less, hardly any canvas could be looked at

Solver::Solver(std::shared_ptr<Constraint> c, std::vector<Element> es, u64 states_limit, u64 items_limit, const Solver* before)
    : Reader(std::move(c)), elements(std::move(es)), max_states(states_limit), max_items(items_limit) {
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
    picks = found.size(), tail = tail_of(found);
    if (suffix) {
        side = before ? before->side : std::make_shared<Side>(*tables, suffix);
        right.joins = [part = side](u32 open, u32 node) { return part->part(open, node); };
    }
    right.surely = Ending{tables, constraint};
    levels = before ? std::make_shared<Levels>(*before->levels, found, tail) : levels_with(found, tail, false);
    if (tables->tokens.few != WordSets::NOTHING) {
        const Ways none, &known = before ? before->ways : none;
        for (u64 part : {BRIEF, u64(3)})
            if (is_open_with_few(tables->tokens, known, found, part, ALL_WAYS, ways)) return true;
        if (is_dead_with_more()) return false;
        if (is_open_with_few(tables->tokens, known, found, 1, ALL_WAYS, ways)) return true;
    }
    return can_fill(*levels);
}

std::shared_ptr<Levels> Solver::levels_with(std::vector<Pick> some, std::size_t from, bool suffices) {
    Levels::Right with = right;
    with.tail = from, with.suffices = suffices;
    return std::make_shared<Levels>(tables->moves, tables->stacks, levels ? levels->front(0) : places_of(states.back()), std::move(some), std::move(with), max_states);
}

std::size_t Solver::tail_of(const std::vector<Pick>& some) const {
    std::size_t tail = some.size();
    while (tail > 0 && some[tail - 1] == Pick{tables->tokens.any, true}) --tail;
    return tail;
}

// The slots of the tail need not be looked at where a sentence is near enough.
bool Solver::can_fill(Levels& some) {
    const std::size_t tail = some.tail();
    return (tail < picks && constraint->budget->surely(state_of(some.front(tail)), u32(picks - tail))) || some.open();
}

u64 Solver::room() const { return std::max(constraint->limits.cache_bytes, LEAST_TABLES) * 4; }

// Whether some of the fillings are sentences; see few.hpp. The first `most` ways to choose them are tried, each as long as one in `part` of
// the limit; what was tried is kept in `found` for the next time.
bool Solver::is_open_with_few(const FewTokens& t, const Ways& before, const std::vector<Pick>& all, u64 part, std::size_t most, Ways& found) {
    const std::size_t from = tail_of(all);
    const std::pair<u32, std::size_t> choices[] = {{t.few, 0}, {t.few, 2}, {t.many, 2}, {t.many, 4}};
    for (std::size_t k = 0; k < std::min(most, std::size(choices)); ++k) {
        if (k == found.all.size()) {  // made when it is their turn: mostly the first one answers
            found.chosen.emplace_back(t, all, from, choices[k].first, choices[k].second);
            const auto& some = found.chosen[k].picks;
            found.all.push_back(k < before.all.size() ? std::make_shared<Levels>(*before.all[k], some, from) : levels_with(some, from, true));
        }
        allow(part);
        try {
            if (can_fill_widened(found.all[k], found.chosen[k])) return found.open = found.all[k], true;
        } catch (const LimitFault&) {
        }
    }
    allow_all();
    return false;
}

// The slots hold more and more tokens; begins where it stopped before.
bool Solver::can_fill_widened(std::shared_ptr<Levels>& some, Narrowed& way) {
    while (way.tries_left > 0) {
        if (can_fill(*some)) return true;
        const std::size_t dead = std::min(some->dies(), picks);  // all elements can be read, but more must follow: the last slots are widened
        if (--way.tries_left == 0 || !way.widen(dead)) break;
        some = std::make_shared<Levels>(*some, way.picks, some->tail());
    }
    way.tries_left = 0;
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
    if (shared && shared->moves->bytes() + shared->stacks->bytes() + shared->inner->bytes() + shared->near.bytes() > room() / 2) shared = nullptr;  // begin anew; who holds the old ones keeps them
    if (!shared) {
        const Trie& trie = *constraint->vocabulary->trie;
        shared = std::make_shared<CanvasTables>();
        auto all = std::static_pointer_cast<WordSets>(constraint->vocabulary->store->shared(WordSets::key(), [&]() -> std::shared_ptr<void> { return std::make_shared<WordSets>(trie); }));
        shared->moves = std::make_shared<Moves>(constraint->engine->base(), constraint->engine->lexing(), *all, trie, room());
        shared->stacks = std::make_shared<Stacks>();
        shared->inner = std::make_unique<InnerTokens>(*shared->moves, trie);
        WordSets& words = shared->moves->words;
        shared->tokens = find_few(words.vocabulary(u32(constraint->special_ids.size())), words, constraint->engine->base(), constraint->engine->lexing(), trie);
    }
    tables = shared;
}

u32 Solver::read_text(std::string_view text, u32 state) {
    for (std::size_t i = 0; i < text.size() && state; ++i) state = constraint->engine->step(state, u8(text[i]));
    return state;
}

u32 Solver::read(std::size_t element, u32 state) {
    const Element& e = elements[element];
    if (e.kind != Element::Token) return read_text(e.text, state);
    return state == 0 || is_end(e) ? 0 : constraint->commit(state, e.token);
}

// -- places -----------------------------------------------------------------------------------------------------------

void Solver::begin_call() {
    from = to = alive = FlatMap();
    allow_all();
}

void Solver::allow_all() {
    effort = asked = 0;
    if (tables) tables->stacks->allow(max_states * SETS_A_STATE, room()), tables->moves->allow(~u64(0));
}

void Solver::allow(u64 part) {
    tables->stacks->allow(max_states / part, room()), tables->moves->allow(max_states / part * READINGS_A_STATE);
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
    if (++asked > max_states) throw LimitFault("tokens lead to too many different readings", max_states, asked, "leave fewer slots open");
    bool yes = pick >= tail && constraint->budget->spells_all() && constraint->budget->finishable(state, u32(picks - pick));
    std::vector<Place> places = yes ? std::vector<Place>() : places_of(state);
    for (std::size_t k = 0; k < places.size() && !yes; ++k) yes = some.lives(pick - left_out(some), places[k].open, places[k].stacks);
    alive.put(key, yes);
    return yes;
}

// -- questions --------------------------------------------------------------------------------------------------------

void Solver::mask(u32 element, u32* out) {
    std::lock_guard<std::mutex> guard(constraint->lock);
    std::fill_n(out, constraint->vocabulary->words(), 0u);
    if (!is_open) return;
    begin_call();
    const std::size_t inner = slot_at(element);
    if (elements[inner].kind == Element::Slot) {
        if (mixed) return mixed_mask(inner, out);
        return slot_mask(inner, out);
    }
    std::size_t at = open_hole(element);
    if (slots_after(at)) return mixed_mask(at, out);
    if (!ends_before(at)) constraint->add_mask(left_of(at), right_of(at, true), out);
}

// Whether proposals can be put into their slots together.
bool Solver::fits(const std::vector<std::pair<u32, u32>>& proposals) const {
    std::vector<Element> with = elements;
    if (stop < elements.size()) {  // as the caller wrote it
        with[stop].text = with[stop - 1].text;
        with.erase(with.begin() + long(stop) - 1);
    }
    for (auto [element, token] : proposals) {
        if (with[element].kind == Element::Token && with[element].token != token) return false;
        with[element].kind = Element::Token, with[element].token = token;
    }
    return Solver(constraint, std::move(with), max_states, max_items, this).open();
}

u32 Solver::admit(const std::vector<std::pair<u32, u32>>& proposals) {
    if (!is_open) return 0;
    std::size_t low = 0, high = proposals.size();  // `low` of them fit
    for (std::size_t count = high; low < high; count = low + (high - low + 1) / 2) {
        if (fits({proposals.begin(), proposals.begin() + long(count)})) low = count;
        else high = count - 1;
    }
    return u32(low);
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

}  // namespace weft
