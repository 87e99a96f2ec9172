#include "constraint.hpp"

#include <bit>

namespace weft {

Constraint::Constraint(std::shared_ptr<const Machine> m, std::shared_ptr<Vocabulary> v, const Limits& l)
    : machine(std::move(m)), vocabulary(std::move(v)), limits(l), threshold(std::size_t(l.cache_bytes)) {
    engine = make_engine(*machine, vocabulary ? vocabulary->store.get() : nullptr, limits);
    if (vocabulary) budget = std::make_unique<Budget>(*engine, *vocabulary, special_ids, limits.cache_bytes / 4);
    for (auto& [name, id] : machine->specials) {
        if (!vocabulary) {
            special_ids.push_back(NONE);
            continue;
        }
        u32 token = id != NONE ? id : vocabulary->special_named(name);
        if (token == NONE || token >= vocabulary->size())
            throw GrammarFault(id == NONE ? "the vocabulary has no special token '" + name + "'" : "the vocabulary has no token " + std::to_string(id),
                               "one of the vocabulary's special tokens", "pass specials={name: id} to Vocabulary");
        if (vocabulary->texts[token])
            throw GrammarFault("token " + std::to_string(token) + " is text, not a special token", "a token that is never text", "name its text, or pass specials={name: id} to Vocabulary");
        if (vocabulary->is_end(token))
            throw GrammarFault("special token '" + name + "' is an end token", "a token that does not end the output", "leave it out: the output may end where the grammar ends");
        special_ids.push_back(token);
    }
}

void Constraint::mask(u32 state, u32* out) {
    u32 words = vocabulary->words();
    auto it = masks.find(state);
    if (it != masks.end()) {
        std::copy(it->second.begin(), it->second.end(), out);
        return;
    }
    std::fill_n(out, words, 0u);
    engine->add_mask(state, out);
    auto set = [&](u32 t) { out[t >> 5] |= 1u << (t & 31); };
    std::vector<u32> found;
    if (!machine->specials.empty()) {
        engine->specials(state, found);
        for (u32 i : found) set(special_ids[i]);
    }
    if (engine->complete(state))
        for (u32 e : vocabulary->eos) set(e);
    std::size_t cost = std::size_t(words) * 4 + 64;
    if (masks_used + cost > limits.cache_bytes / 2) masks.clear(), masks_used = 0;
    masks.emplace(state, std::vector<u32>(out, out + words));
    masks_used += cost;
}

void Constraint::add_mask(u32 state, Suffix& suffix, u32* out) {
    engine->add_mask(state, suffix, out);
    std::vector<u32> found;
    if (!machine->specials.empty()) engine->specials(state, found);
    for (u32 i : found)
        if (u32 to = engine->special(state, i); to && engine->joins(to, suffix)) out[special_ids[i] >> 5] |= 1u << (special_ids[i] & 31);
}

u32 Constraint::commit(u32 state, u32 token) {
    const auto& text = vocabulary->texts[token];
    u32 to = 0;
    if (text && !text->empty()) {
        to = state;
        for (char c : *text)
            if ((to = engine->step(to, u8(c))) == 0) break;
    }
    for (u32 i = 0; to == 0 && i < special_ids.size(); ++i)
        if (special_ids[i] == token) to = engine->special(state, i);
    return to;
}

std::shared_ptr<Suffix> Constraint::suffix(Chain chain, u64 max_items) {
    suffixes.erase(std::remove_if(suffixes.begin(), suffixes.end(), [](auto& s) { return s.expired(); }), suffixes.end());
    for (auto& known : suffixes)
        if (auto s = known.lock(); s->max_items == max_items && s->chain == chain) return s;
    auto made = std::make_shared<Suffix>(engine->base(), std::move(chain), max_items, engine->holes());
    suffixes.push_back(made);
    return made;
}

void Constraint::tidy() {
    if (engine->bytes() <= threshold) return;
    std::vector<u32*> live;
    for (auto* history : readers)
        for (u32& s : *history) live.push_back(&s);
    masks.clear(), masks_used = 0;
    after_any.clear(), after_few.clear();
    engine->compact(live);
    if (budget) budget->forget();
    threshold = std::max(std::size_t(limits.cache_bytes), engine->bytes() * 2);
}

Reader::Reader(std::shared_ptr<Constraint> c) : constraint(std::move(c)) {
    std::lock_guard<std::mutex> guard(constraint->lock);
    states.push_back(constraint->engine->start());
    constraint->readers.insert(&states);
}

Reader::Reader(const Reader& o) : constraint(o.constraint) {
    std::lock_guard<std::mutex> guard(constraint->lock);
    states = o.states;
    constraint->readers.insert(&states);
}

Reader::~Reader() {
    std::lock_guard<std::mutex> guard(constraint->lock);
    constraint->readers.erase(&states);
}

Matcher::Matcher(std::shared_ptr<Constraint> c, u32 limit) : Reader(std::move(c)), max_tokens(limit) {
    if (max_tokens == NONE) return;
    std::lock_guard<std::mutex> guard(constraint->lock);
    if (constraint->budget->surely(states.back(), max_tokens)) {
        places.push_back({states.back(), max_tokens, nullptr, 0});
        return;
    }
    auto* plan = constraint->budget->certificate(states.back());
    if (!plan) throw LimitFault("no sentence was found that fits into " + std::to_string(max_tokens) + " tokens", max_tokens, 0, "raise max_tokens, or simplify the grammar");
    if (plan->size() > max_tokens)
        throw LimitFault("no sentence fits into " + std::to_string(max_tokens) + " tokens", max_tokens, plan->size(),
                         "the shortest one takes " + std::to_string(plan->size()) + " tokens");
    places.push_back({states.back(), max_tokens, std::make_shared<const std::vector<u32>>(*plan), 0});
}

Matcher::Place Matcher::here() const {
    if (max_tokens == NONE) return {states.back(), NONE, nullptr, 0};
    Place p = places.back();
    p.state = states.back();  // the numbers may have changed
    return p;
}

void Matcher::mask_at(const Place& p, u32* out) {
    constraint->mask(p.state, out);
    if (p.left == NONE) return;
    constraint->budget->restrict(p.state, p.left, out);
    if (p.plan && p.at < p.plan->size()) {
        u32 t = (*p.plan)[p.at];
        out[t >> 5] |= 1u << (t & 31);
    }
}

// One token on; false when it does not fit, and then `p` is as it was.
bool Matcher::advance(Place& p, u32 token) {
    u32 to = constraint->commit(p.state, token);
    if (to == 0) return false;
    if (p.left == NONE) {
        p.state = to;
        return true;
    }
    if (p.left == 0) return false;
    Budget& budget = *constraint->budget;
    if (budget.surely(to, p.left - 1)) {  // as many bytes are left as tokens: some byte always leads on
        p.plan = nullptr, p.at = 0;
    } else if (p.plan && p.at < p.plan->size() && (*p.plan)[p.at] == token) {
        ++p.at;
    } else if (budget.finishable(to, p.left - 1)) {  // its certificate fits; those of later states may not, so it is kept
        p.plan = std::make_shared<const std::vector<u32>>(*budget.certificate(to)), p.at = 0;
    } else {
        return false;
    }
    p.state = to, --p.left;
    return true;
}

void Matcher::mask(u32* out) {
    if (stopped) {
        std::fill_n(out, constraint->vocabulary->words(), 0u);
        return;
    }
    std::lock_guard<std::mutex> guard(constraint->lock);
    constraint->tidy();
    mask_at(here(), out);
}

std::size_t Matcher::run(const std::vector<u32>& ids, std::vector<Place>& out) {
    Place p = here();
    const Vocabulary& v = *constraint->vocabulary;
    for (std::size_t k = 0; k < ids.size(); ++k) {
        if (v.is_end(ids[k])) {  // nothing may follow it
            if (!constraint->engine->complete(p.state)) return k;
            out.push_back(p);
            return k + 1;
        }
        if (!advance(p, ids[k])) return k;
        out.push_back(p);
    }
    return ids.size();
}

std::size_t Matcher::commit(const std::vector<u32>& ids) {
    if (ids.empty()) return 0;
    if (stopped) return 0;
    std::lock_guard<std::mutex> guard(constraint->lock);
    constraint->tidy();
    std::vector<Place> next;
    std::size_t n = run(ids, next);
    if (n < ids.size()) return n;
    for (auto& p : next) {
        states.push_back(p.state);
        if (max_tokens != NONE) places.push_back(p);
    }
    tokens.insert(tokens.end(), ids.begin(), ids.end());
    stopped = constraint->vocabulary->is_end(ids.back());
    return n;
}

void Matcher::rollback(std::size_t n) {
    std::lock_guard<std::mutex> guard(constraint->lock);
    if (n > 0) stopped = false;
    states.resize(states.size() - n);
    tokens.resize(tokens.size() - n);
    if (max_tokens != NONE) places.resize(places.size() - n);
}

bool Matcher::is_complete() {
    std::lock_guard<std::mutex> guard(constraint->lock);
    return constraint->engine->complete(states.back());
}

std::size_t Matcher::count_legal(const std::vector<u32>& draft) {
    if (stopped) return 0;
    std::lock_guard<std::mutex> guard(constraint->lock);
    constraint->tidy();
    std::vector<Place> out;
    return run(draft, out);
}

void Matcher::masks(const std::vector<u32>& draft, u32* out) {
    std::size_t words = constraint->vocabulary->words();
    std::fill_n(out, words * (draft.size() + 1), 0u);
    if (stopped) return;
    std::lock_guard<std::mutex> guard(constraint->lock);
    constraint->tidy();
    std::vector<Place> along;
    run(draft, along);
    mask_at(here(), out);
    for (std::size_t k = 0; k < along.size(); ++k)
        if (!constraint->vocabulary->is_end(draft[k])) mask_at(along[k], out + (k + 1) * words);
}

std::vector<u32> Matcher::forced() {
    std::vector<u32> out;
    if (stopped) return out;
    std::lock_guard<std::mutex> guard(constraint->lock);
    constraint->tidy();
    Place p = here();
    std::vector<u32> bits(constraint->vocabulary->words());
    while (out.size() < 1024) {
        mask_at(p, bits.data());
        u32 only = NONE;
        for (u32 w = 0; w < bits.size(); ++w) {
            if (!bits[w]) continue;
            if (only != NONE || (bits[w] & (bits[w] - 1))) return out;
            only = w * 32 + u32(std::countr_zero(bits[w]));
        }
        if (only == NONE || constraint->vocabulary->is_end(only) || !advance(p, only)) return out;
        out.push_back(only);
    }
    return out;
}

std::size_t Recognizer::feed(std::string_view data) {
    std::lock_guard<std::mutex> guard(constraint->lock);
    for (std::size_t i = 0; i < data.size(); ++i) {
        u32 to = constraint->engine->step(states.back(), u8(data[i]));
        if (to == 0) return i;
        states.push_back(to);
        if (i % 4096 == 4095) constraint->tidy();
    }
    constraint->tidy();
    return data.size();
}

bool Recognizer::is_complete() {
    std::lock_guard<std::mutex> guard(constraint->lock);
    return constraint->engine->complete(states.back());
}

std::vector<u32> Recognizer::allowed_bytes() {
    std::lock_guard<std::mutex> guard(constraint->lock);
    std::vector<u32> out;
    for (u32 b = 0; b < 256; ++b)
        if (constraint->engine->step(states.back(), u8(b)) != 0) out.push_back(b);
    return out;
}

std::vector<std::string> Recognizer::expected() {
    std::lock_guard<std::mutex> guard(constraint->lock);
    std::vector<u32> terms;
    constraint->engine->expected(states.back(), terms);
    std::vector<std::string> out;
    for (u32 t : terms) out.push_back(constraint->machine->terminal_names[t]);
    return out;
}

void Recognizer::rollback(std::size_t n) {
    std::lock_guard<std::mutex> guard(constraint->lock);
    states.resize(states.size() - n);
}

}  // namespace weft
