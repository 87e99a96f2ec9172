#include "constraint.hpp"

#include <bit>

namespace weft {

constexpr std::size_t LONGEST_TOKEN = 4000;  // bytes; the walks keep their path in fixed arrays of 4096

Vocabulary::Vocabulary(std::vector<std::optional<std::string>> tokens, std::vector<u32> ends,
                       std::vector<std::pair<std::string, u32>> named, u64 store_bytes)
    : texts(std::move(tokens)), eos(std::move(ends)) {
    for (u32 e : eos) {
        if (e >= texts.size()) throw GrammarFault("end token " + std::to_string(e) + " is not in the vocabulary", "an id below " + std::to_string(texts.size()));
        texts[e].reset();
    }
    for (auto& [name, id] : named) {
        if (id >= texts.size()) throw GrammarFault("special token '" + name + "' has id " + std::to_string(id), "an id below " + std::to_string(texts.size()));
        specials.emplace(name, id);
    }
    std::vector<std::optional<std::string_view>> views(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (!texts[i]) continue;
        if (texts[i]->size() > LONGEST_TOKEN)
            throw GrammarFault("token " + std::to_string(i) + " has " + std::to_string(texts[i]->size()) + " bytes", "at most " + std::to_string(LONGEST_TOKEN));
        views[i] = *texts[i];
    }
    trie = std::make_unique<Trie>(views);
    store = std::make_unique<Store>(*trie, store_bytes);
}

u32 Vocabulary::special_named(const std::string& name) const {
    auto it = specials.find(name);
    return it == specials.end() ? NONE : it->second;
}

namespace {

class ScannerlessEngine : public Engine {
  public:
    ScannerlessEngine(const Machine& m, Store* store) : f(m) {
        if (store) masker = std::make_unique<Masker>(f, *store);
    }
    u32 start() override { return f.start(); }
    u32 step(u32 s, u8 b) override { return f.step(s, b); }
    u32 special(u32 s, u32 i) override { return f.special(s, i); }
    bool complete(u32 s) override { return f.complete(s); }
    void add_mask(u32 s, u32* mask) override { masker->add(s, mask); }
    void specials(u32 s, std::vector<u32>& out) override {
        for (std::size_t k = 0; k < f.size(s); ++k) {
            const Item& it = f.begin(s)[k];
            if (it.term != END && f.m.terminals[it.term]->special != NONE) out.push_back(f.m.terminals[it.term]->special);
        }
    }
    void expected(u32 s, std::vector<u32>& out) override {
        for (std::size_t k = 0; k < f.size(s); ++k)
            if (f.begin(s)[k].term != END && (out.empty() || out.back() != f.begin(s)[k].term)) out.push_back(f.begin(s)[k].term);
    }
    std::size_t bytes() override { return f.bytes(); }
    void compact(std::vector<u32*>& live) override { f.compact(live); }

  private:
    Frontiers f;
    std::unique_ptr<Masker> masker;
};

}  // namespace

std::unique_ptr<Engine> make_lexer_engine(const Machine& m, Store* store, const Limits& limits);

std::unique_ptr<Engine> make_engine(const Machine& m, Store* store, const Limits& limits) {
    if (m.lexer) return make_lexer_engine(m, store, limits);
    return std::make_unique<ScannerlessEngine>(m, store);
}

Constraint::Constraint(std::shared_ptr<const Machine> m, std::shared_ptr<Vocabulary> v, const Limits& l)
    : machine(std::move(m)), vocabulary(std::move(v)), limits(l), threshold(std::size_t(l.cache_bytes)) {
    engine = make_engine(*machine, vocabulary ? vocabulary->store.get() : nullptr, limits);
    for (auto& [name, id] : machine->specials) {
        if (!vocabulary) {
            special_ids.push_back(NONE);
            continue;
        }
        u32 token = id != NONE ? id : vocabulary->special_named(name);
        if (token == NONE || token >= vocabulary->size())
            throw GrammarFault(id == NONE ? "the vocabulary has no special token '" + name + "'" : "the vocabulary has no token " + std::to_string(id),
                               "one of the vocabulary's special tokens", "pass specials={name: id} to Vocabulary");
        if (vocabulary->is_end(token))
            throw GrammarFault("special token '" + name + "' is an end token", "a token that does not end the output", "leave it out: the output may end where the grammar ends");
        special_ids.push_back(token);
    }
}

void Constraint::mask(u32 state, u32* out) {
    u32 words = vocabulary->words();
    auto it = masks.find(state);
    if (it != masks.end()) {
        std::memcpy(out, it->second.data(), std::size_t(words) * 4);
        return;
    }
    std::memset(out, 0, std::size_t(words) * 4);
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

void Constraint::tidy() {
    if (engine->bytes() <= threshold) return;
    std::vector<u32*> live;
    for (auto* history : readers)
        for (u32& s : *history) live.push_back(&s);
    masks.clear(), masks_used = 0;
    engine->compact(live);
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

void Matcher::mask(u32* out) {
    if (stopped) {
        std::memset(out, 0, std::size_t(constraint->vocabulary->words()) * 4);
        return;
    }
    std::lock_guard<std::mutex> guard(constraint->lock);
    constraint->tidy();
    constraint->mask(states.back(), out);
}

std::size_t Matcher::run(const std::vector<u32>& ids, std::vector<u32>& out) {
    u32 s = states.back();
    const Vocabulary& v = *constraint->vocabulary;
    for (std::size_t k = 0; k < ids.size(); ++k) {
        if (v.is_end(ids[k])) {  // nothing may follow it
            if (!constraint->engine->complete(s)) return k;
            out.push_back(s);
            return k + 1;
        }
        if ((s = constraint->commit(s, ids[k])) == 0) return k;
        out.push_back(s);
    }
    return ids.size();
}

std::size_t Matcher::commit(const std::vector<u32>& ids) {
    if (ids.empty()) return 0;
    if (stopped) return 0;
    std::lock_guard<std::mutex> guard(constraint->lock);
    constraint->tidy();
    std::vector<u32> next;
    std::size_t n = run(ids, next);
    if (n < ids.size()) return n;
    states.insert(states.end(), next.begin(), next.end());
    tokens.insert(tokens.end(), ids.begin(), ids.end());
    stopped = constraint->vocabulary->is_end(ids.back());
    return n;
}

void Matcher::rollback(std::size_t n) {
    std::lock_guard<std::mutex> guard(constraint->lock);
    if (n > 0) stopped = false;
    states.resize(states.size() - n);
    tokens.resize(tokens.size() - n);
}

bool Matcher::is_complete() {
    std::lock_guard<std::mutex> guard(constraint->lock);
    return constraint->engine->complete(states.back());
}

std::size_t Matcher::count_legal(const std::vector<u32>& draft) {
    if (stopped) return 0;
    std::lock_guard<std::mutex> guard(constraint->lock);
    constraint->tidy();
    std::vector<u32> out;
    return run(draft, out);
}

void Matcher::masks(const std::vector<u32>& draft, u32* out) {
    std::size_t words = constraint->vocabulary->words();
    std::memset(out, 0, words * 4 * (draft.size() + 1));
    if (stopped) return;
    std::lock_guard<std::mutex> guard(constraint->lock);
    constraint->tidy();
    std::vector<u32> along;
    run(draft, along);
    constraint->mask(states.back(), out);
    for (std::size_t k = 0; k < along.size(); ++k)
        if (!constraint->vocabulary->is_end(draft[k])) constraint->mask(along[k], out + (k + 1) * words);
}

std::vector<u32> Matcher::forced() {
    std::vector<u32> out;
    if (stopped) return out;
    std::lock_guard<std::mutex> guard(constraint->lock);
    constraint->tidy();
    u32 s = states.back();
    std::vector<u32> bits(constraint->vocabulary->words());
    while (out.size() < 1024) {
        constraint->mask(s, bits.data());
        u32 only = NONE;
        for (u32 w = 0; w < bits.size(); ++w) {
            if (!bits[w]) continue;
            if (only != NONE || (bits[w] & (bits[w] - 1))) return out;
            only = w * 32 + u32(std::countr_zero(bits[w]));
        }
        if (only == NONE || constraint->vocabulary->is_end(only)) return out;
        out.push_back(only);
        s = constraint->commit(s, only);
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
