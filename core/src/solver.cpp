#include "solver.hpp"

#include <cmath>
#include <limits>

namespace weft {

Solver::Solver(std::shared_ptr<Constraint> c, std::vector<Element> es, u64 states_limit, u64 items_limit)
    : Reader(std::move(c)), elements(std::move(es)), max_states(states_limit), max_items(items_limit) {
    std::lock_guard<std::mutex> guard(constraint->lock);
    constraint->tidy();
    stop = elements.size();
    for (std::size_t i = elements.size(); i-- > 0;)
        if (elements[i].kind == Element::Hole) stop = i;
    for (std::size_t i = stop; i < elements.size(); ++i)
        if (elements[i].kind == Element::Slot)
            throw LimitFault("a slot to the right of an elastic hole cannot be analysed", 0, 1, "give every hole a number of slots, or none");
    hole = stop;
    if (stop < elements.size()) {  // what is written into the hole is text before it
        Element written;
        written.text = std::move(elements[stop].text);
        elements[stop].text.clear();
        elements.insert(elements.begin() + long(stop++), std::move(written));
    }
    const Vocabulary& v = *constraint->vocabulary;
    auto is_end = [&](const Element& e) { return e.kind == Element::Token && v.is_end(e.token); };
    auto may_be_nothing = [&](const Element& e) { return e.kind == Element::Slot ? !v.eos.empty() : e.kind == Element::Token ? is_end(e) : e.text.empty(); };
    tail_free.assign(stop + 1, std::all_of(elements.begin() + long(stop), elements.end(), may_be_nothing));
    for (std::size_t i = stop; i-- > 0;) tail_free[i] = tail_free[i + 1] && may_be_nothing(elements[i]);
    bool ended = false, dead = false;
    for (std::size_t i = 0; i < elements.size(); ++i) {
        const Element& e = elements[i];
        dead = dead || (ended && !may_be_nothing(e));
        ended = ended || is_end(e);
        if (i < stop || e.kind != Element::Token || is_end(e) || v.texts[e.token]) continue;
        const auto& named = constraint->special_ids;
        if (std::find(named.begin(), named.end(), e.token) == named.end()) dead = true;
        else throw LimitFault("a special token to the right of an elastic hole cannot be analysed", 0, 1, "give every hole a number of slots");
    }
    if (dead) {
        levels.assign(stop + 1, Level{0, 0});
        return;
    }
    if (stop < elements.size()) {
        suffix = constraint->suffix(chain_from(stop, true, 1), max_items);
        closed = constraint->suffix(chain_from(stop, false, 1), max_items);
    }
    forward();
    backward();
}

// What stands to the right of what is written into the hole at `element`.
Chain Solver::chain_from(std::size_t element, bool with_hole, u8 price_of_others) const {
    Chain chain;
    if (with_hole) chain.add_hole();
    for (std::size_t i = element + 1; i < elements.size(); ++i) {
        const Element& e = elements[i];
        if (e.kind == Element::Token) {
            if (constraint->vocabulary->is_end(e.token)) break;  // what stands behind it is empty
            if (const auto& text = constraint->vocabulary->texts[e.token]) chain.add(*text);
        } else {
            chain.add(e.text);
        }
        if (e.kind == Element::Hole) chain.add_hole(price_of_others);
    }
    return chain;
}

bool Solver::ends_at(std::size_t level, u32 state) { return tail_free[level] && constraint->engine->complete(state); }

bool Solver::accepts(u32 state) {
    return suffix ? constraint->engine->joins(state, *suffix) : constraint->engine->complete(state);
}

template <class Visit>
void Solver::edges(u32 state, const Visit& visit) {
    constraint->budget->successors(state, visit);
}

void Solver::successors(u32 state, std::vector<u32>& out) {
    const auto& known = constraint->budget->next_states(state);
    out.insert(out.end(), known.begin(), known.end());
}

void Solver::forward() {
    Engine& engine = *constraint->engine;
    const Vocabulary& v = *constraint->vocabulary;
    // how many bytes can still be written from each level on: a state that needs more is dead
    std::vector<u64> room(stop + 1, 0);
    for (std::size_t i = stop; i-- > 0;) {
        const Element& e = elements[i];
        u64 here = e.kind == Element::Slot ? std::max(v.trie->longest, 1u) : e.kind == Element::Token ? (v.texts[e.token] ? v.texts[e.token]->size() : 1) : e.text.size();
        room[i] = room[i + 1] + here;
    }
    std::vector<u32> now{engine.start()}, next;
    states.clear();
    auto add_level = [&](std::vector<u32>& level, std::size_t i) {
        std::sort(level.begin(), level.end());
        level.erase(std::unique(level.begin(), level.end()), level.end());
        level.erase(std::remove_if(level.begin(), level.end(), [&](u32 s) { return s == 0 || (!suffix && engine.bound(s) > room[i]); }), level.end());
        if (states.size() + level.size() > max_states)
            throw LimitFault("the canvas has too many different readings", max_states, states.size() + level.size(), "raise max_states, or leave fewer slots open");
        levels.push_back({states.size(), states.size() + level.size()});
        states.insert(states.end(), level.begin(), level.end());
    };
    add_level(now, 0);
    for (std::size_t i = 0; i < stop; ++i) {
        const Element& e = elements[i];
        now.assign(states.begin() + long(levels[i].from), states.begin() + long(levels[i].to));
        next.clear();
        for (u32 s : now) {
            if (e.kind == Element::Slot) {
                successors(s, next);
            } else if (e.kind == Element::Token) {
                if (!v.is_end(e.token)) next.push_back(constraint->commit(s, e.token));
            } else {
                for (char c : e.text)
                    if (s) s = engine.step(s, u8(c));
                next.push_back(s);
            }
        }
        add_level(next, i + 1);
    }
}

void Solver::backward() {
    Engine& engine = *constraint->engine;
    const Vocabulary& v = *constraint->vocabulary;
    useful.assign(states.size(), 0);
    for (std::size_t k = levels[stop].from; k < levels[stop].to; ++k) useful[k] = accepts(states[k]);
    std::vector<u32> out;
    for (std::size_t i = stop; i-- > 0;) {
        const Element& e = elements[i];
        auto at = index(i + 1);
        auto kept = [&](u32 s) {
            auto it = at.find(s);
            return it != at.end() && useful[it->second];
        };
        for (std::size_t k = levels[i].from; k < levels[i].to; ++k) {
            u32 s = states[k];
            bool yes = ends_at(i, s);
            if (e.kind == Element::Slot) {
                out.clear();
                if (!yes) successors(s, out);
                for (u32 t : out) yes = yes || kept(t);
            } else if (e.kind == Element::Token) {
                if (!yes && !v.is_end(e.token)) yes = kept(constraint->commit(s, e.token));
            } else {
                for (char c : e.text)
                    if (s) s = engine.step(s, u8(c));
                yes = yes || kept(s);
            }
            useful[k] = yes;
        }
    }
    is_open = levels[0].to > levels[0].from && useful[levels[0].from];
}

std::unordered_map<u32, u32> Solver::index(std::size_t level) const {
    std::unordered_map<u32, u32> out;
    for (std::size_t k = levels[level].from; k < levels[level].to; ++k) out.emplace(states[k], u32(k));
    return out;
}

void Solver::mask(u32 element, u32* out) {
    std::lock_guard<std::mutex> guard(constraint->lock);
    std::fill_n(out, constraint->vocabulary->words(), 0u);
    auto set = [&](u32 t) { out[t >> 5] |= 1u << (t & 31); };
    std::unordered_map<u32, bool> verdict;
    if (element >= hole) {
        if (element != hole) throw LimitFault("only the first elastic hole that is open can be written", 0, 0, "close the holes to its left first");
        for (std::size_t k = levels[stop].from; k < levels[stop].to; ++k)
            edges(states[k], [&](u32 t, u32 to) {
                auto [it, fresh] = verdict.try_emplace(to, false);
                if (fresh) it->second = constraint->engine->joins(to, *suffix);
                if (it->second) set(t);
            });
        return;
    }
    auto at = index(element + 1);
    for (std::size_t k = levels[element].from; k < levels[element].to; ++k) {
        if (!useful[k]) continue;
        edges(states[k], [&](u32 t, u32 to) {
            auto it = at.find(to);
            if (it != at.end() && useful[it->second]) set(t);
        });
    }
    for (std::size_t i = 0; i <= element; ++i)  // the text may have ended at any level before
        for (std::size_t k = levels[i].from; k < levels[i].to; ++k)
            if (ends_at(i, states[k])) {
                for (u32 e : constraint->vocabulary->eos) set(e);
                return;
            }
}

bool Solver::can_close() {
    std::lock_guard<std::mutex> guard(constraint->lock);
    for (std::size_t k = levels[stop].from; k < levels[stop].to; ++k)
        if (constraint->engine->joins(states[k], *closed)) return true;
    for (std::size_t i = 0; i < stop; ++i)  // an end token stands to the left
        for (std::size_t k = levels[i].from; k < levels[i].to; ++k)
            if (ends_at(i, states[k])) return true;
    return false;
}

std::string Solver::witness() {
    std::lock_guard<std::mutex> guard(constraint->lock);
    Chain chain;
    for (auto& e : elements) {
        if (e.kind == Element::Token) {
            if (const auto& text = constraint->vocabulary->texts[e.token]) chain.add(*text);
        } else {
            chain.add(e.text);
        }
        if (e.kind == Element::Hole) chain.add_hole();
    }
    auto lexemes = make_lexemes(constraint->engine->base(), chain, constraint->engine->lexing(), constraint->engine->holes());
    Chart chart(constraint->engine->base(), *lexemes, max_items);
    return chart.completable() ? chart.witness().text : "";
}

u32 Solver::least_bytes() {
    std::lock_guard<std::mutex> guard(constraint->lock);
    Chain chain;
    for (std::size_t i = 0; i < stop; ++i)
        if (elements[i].kind != Element::Token) chain.add(elements[i].text);
        else if (constraint->vocabulary->is_end(elements[i].token)) return 0;
        else if (const auto& text = constraint->vocabulary->texts[elements[i].token]) chain.add(*text);
    u32 place = chain.places() - 1;
    Chain rest = chain_from(stop, true, 0);
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

std::vector<u32> Solver::best(const double* scores) {
    std::lock_guard<std::mutex> guard(constraint->lock);
    const double low = -std::numeric_limits<double>::infinity();
    u32 size = constraint->vocabulary->size(), eos = constraint->vocabulary->eos.empty() ? NONE : constraint->vocabulary->eos[0];
    std::vector<double> value(states.size(), low);
    std::vector<u32> choice(states.size(), NONE), target(states.size(), NONE);
    for (std::size_t k = levels[stop].from; k < levels[stop].to; ++k)
        if (useful[k]) value[k] = 0;
    // an end token costs its own score in every slot that it fills
    std::vector<double> rest(stop + 1, 0);
    std::vector<u32> end_token(stop, eos);
    for (std::size_t i = stop; i-- > 0;) {
        double top = 0;
        if (elements[i].kind == Element::Slot) {
            top = low;
            for (u32 e : constraint->vocabulary->eos)
                if (scores[i * size + e] > top) top = scores[i * size + e], end_token[i] = e;
        }
        rest[i] = rest[i + 1] + top;
    }
    for (std::size_t i = stop; i-- > 0;) {
        auto at = index(i + 1);
        for (std::size_t k = levels[i].from; k < levels[i].to; ++k) {
            if (!useful[k]) continue;
            if (elements[i].kind == Element::Slot) {
                edges(states[k], [&](u32 t, u32 to) {
                    auto it = at.find(to);
                    if (it == at.end() || !useful[it->second]) return;
                    double x = scores[i * size + t] + value[it->second];
                    if (x > value[k] || (choice[k] == NONE && x == value[k])) value[k] = x, choice[k] = t, target[k] = it->second;
                });
            } else {
                u32 s = states[k];
                if (elements[i].kind == Element::Token) s = constraint->vocabulary->is_end(elements[i].token) ? 0 : constraint->commit(s, elements[i].token);
                else
                    for (char c : elements[i].text)
                        if (s) s = constraint->engine->step(s, u8(c));
                auto it = at.find(s);
                if (s && it != at.end() && useful[it->second]) value[k] = value[it->second], target[k] = it->second;
            }
            if (ends_at(i, states[k]) && (target[k] == NONE || rest[i] > value[k])) value[k] = rest[i], choice[k] = NONE, target[k] = NONE;
        }
    }
    std::vector<u32> out(elements.size(), NONE);
    u32 k = u32(levels[0].from);
    for (std::size_t i = 0; i < stop; ++i) {
        if (target[k] == NONE) {
            for (; i < stop; ++i)
                if (elements[i].kind == Element::Slot) out[i] = end_token[i];
            break;
        }
        if (elements[i].kind == Element::Slot) out[i] = choice[k];
        k = target[k];
    }
    return out;
}

// Sums of exp(score) from the right, then one draw per slot from the left: every filling is one path, so the draw is exact.
std::vector<u32> Solver::sample(const double* scores, const std::vector<double>& uniform) {
    std::lock_guard<std::mutex> guard(constraint->lock);
    const double low = -std::numeric_limits<double>::infinity();
    u32 size = constraint->vocabulary->size();
    auto plus = [&](double a, double b) { return a == low ? b : b == low ? a : std::max(a, b) + std::log1p(std::exp(-std::abs(a - b))); };
    std::vector<double> value(states.size(), low), rest(stop + 1, 0);
    for (std::size_t k = levels[stop].from; k < levels[stop].to; ++k)
        if (useful[k]) value[k] = 0;
    for (std::size_t i = stop; i-- > 0;) {
        double sum = 0;
        if (elements[i].kind == Element::Slot) {
            sum = low;
            for (u32 e : constraint->vocabulary->eos) sum = plus(sum, scores[i * size + e]);
        }
        rest[i] = rest[i + 1] + sum;
    }
    auto fixed = [&](std::size_t i, u32 s) {
        if (elements[i].kind == Element::Token) return constraint->vocabulary->is_end(elements[i].token) ? 0u : constraint->commit(s, elements[i].token);
        for (char c : elements[i].text)
            if (s) s = constraint->engine->step(s, u8(c));
        return s;
    };
    for (std::size_t i = stop; i-- > 0;) {
        auto at = index(i + 1);
        for (std::size_t k = levels[i].from; k < levels[i].to; ++k) {
            if (!useful[k]) continue;
            if (ends_at(i, states[k])) value[k] = rest[i];
            if (elements[i].kind == Element::Slot) {
                edges(states[k], [&](u32 t, u32 to) {
                    auto it = at.find(to);
                    if (it != at.end() && useful[it->second]) value[k] = plus(value[k], scores[i * size + t] + value[it->second]);
                });
            } else if (u32 s = fixed(i, states[k])) {
                auto it = at.find(s);
                if (it != at.end() && useful[it->second]) value[k] = plus(value[k], value[it->second]);
            }
        }
    }
    std::vector<u32> out(elements.size(), NONE);
    u32 k = u32(levels[0].from);
    if (value[k] == low) throw std::invalid_argument("no filling has a probability above 0: the scores rule all of them out");
    bool ended = false;
    for (std::size_t i = 0; i < stop; ++i) {
        bool slot = elements[i].kind == Element::Slot;
        if (!slot && !ended) {
            auto at = index(i + 1);
            u32 s = fixed(i, states[k]);
            if (s == 0 || !at.count(s)) ended = true;  // an end token: nothing follows
            else k = at[s];
            continue;
        }
        if (!slot) continue;
        double goal = ended ? low : std::log(std::max(uniform[i], 1e-300)) + value[k], sum = low;
        auto take = [&](u32 t, double x) {  // the first whose running sum passes the goal; the last one against rounding
            if (x == low || (out[i] != NONE && sum > goal)) return false;
            sum = plus(sum, x);
            out[i] = t;
            return true;
        };
        if (ended) {
            double all = low, aim;
            for (u32 e : constraint->vocabulary->eos) all = plus(all, scores[i * size + e]);
            aim = std::log(std::max(uniform[i], 1e-300)) + all;
            for (u32 e : constraint->vocabulary->eos) {
                if (out[i] != NONE && sum > aim) break;
                sum = plus(sum, scores[i * size + e]), out[i] = e;
            }
            continue;
        }
        auto at = index(i + 1);
        u32 next = NONE;
        bool ends = false;
        if (ends_at(i, states[k]))
            for (u32 e : constraint->vocabulary->eos)
                if (take(e, scores[i * size + e] + rest[i + 1])) ends = true;
        edges(states[k], [&](u32 t, u32 to) {
            auto it = at.find(to);
            if (it == at.end() || !useful[it->second]) return;
            if (take(t, scores[i * size + t] + value[it->second])) next = it->second, ends = false;
        });
        if (ends) ended = true;
        else k = next;
    }
    return out;
}

u32 Solver::least_tokens() {
    std::lock_guard<std::mutex> guard(constraint->lock);
    std::vector<u32> least(states.size(), NONE), out;
    for (std::size_t k = levels[stop].from; k < levels[stop].to; ++k)
        if (useful[k]) least[k] = 0;
    for (std::size_t i = stop; i-- > 0;) {
        auto at = index(i + 1);
        for (std::size_t k = levels[i].from; k < levels[i].to; ++k) {
            if (!useful[k]) continue;
            if (ends_at(i, states[k])) {
                least[k] = 0;
                continue;
            }
            out.clear();
            u32 s = states[k], price = 0;
            if (elements[i].kind == Element::Slot) successors(s, out), price = 1;
            else if (elements[i].kind == Element::Token) out.push_back(constraint->commit(s, elements[i].token));
            else {
                for (char c : elements[i].text)
                    if (s) s = constraint->engine->step(s, u8(c));
                out.push_back(s);
            }
            for (u32 t : out)
                if (auto it = at.find(t); it != at.end() && least[it->second] != NONE) least[k] = std::min(least[k], least[it->second] + price);
        }
    }
    return is_open ? least[levels[0].from] : NONE;
}

}  // namespace weft
