#include "budget.hpp"

#include <algorithm>
#include <queue>

namespace weft {

constexpr std::size_t SEARCH_STATES = 50'000;

Budget::Budget(Engine& e, const Vocabulary& v, const std::vector<u32>& ids, u64 bytes)
    : engine(e), vocabulary(v), special_ids(ids), cache_bytes(bytes) {
    for (u32 b = 0; b < 256; ++b) {
        u32 c = v.trie->root_child[b];
        all_bytes = all_bytes && c != NONE && v.trie->token[c] != NONE;
    }
}

void Budget::forget() { plans.clear(), farthest.clear(), used = 0; }

const std::vector<u32>* Budget::certificate(u32 state) {
    const Plan& p = plan(state);
    return p.found ? &p.tokens : nullptr;
}

const Budget::Plan& Budget::plan(u32 state) {
    auto it = plans.find(state);
    if (it != plans.end()) return it->second;
    Plan p;
    std::vector<u32> symbols;
    p.found = all_bytes ? complete(state, symbols) && cut(symbols, p.tokens) : complete_by_tokens(state, p.tokens);
    used += 64 + p.tokens.size() * 4;
    if (used > cache_bytes) forget();
    return plans.emplace(state, std::move(p)).first->second;
}

bool Budget::complete(u32 start, std::vector<u32>& symbols) {
    if (engine.complete(start)) return true;
    struct Seen {
        u32 cost, from, symbol;
    };
    std::unordered_map<u32, Seen> seen{{start, {0, start, 0}}};
    using Due = std::pair<u64, u32>;  // (cost + bound) << 32 | -cost, so that of equal sums the deeper comes first
    std::priority_queue<Due, std::vector<Due>, std::greater<Due>> queue;
    auto due = [](u32 cost, u32 bound) { return (u64(cost) + bound) << 32 | (0xFFFFFFFFu - cost); };
    queue.emplace(due(0, engine.bound(start)), start);
    std::vector<u32> specials;
    std::vector<u8> closed;
    while (!queue.empty() && seen.size() < SEARCH_STATES) {
        const u64 key = queue.top().first;
        const u32 s = queue.top().second;
        queue.pop();
        u32 cost = seen[s].cost;
        if (key != due(cost, engine.bound(s))) continue;  // found on a shorter way since
        if (engine.complete(s)) {
            for (u32 x = s; x != start; x = seen[x].from) symbols.push_back(seen[x].symbol);
            std::reverse(symbols.begin(), symbols.end());
            return true;
        }
        auto reach = [&](u32 to, u32 symbol) {
            if (to == 0) return;
            auto [it, fresh] = seen.try_emplace(to, Seen{cost + 1, s, symbol});
            if (!fresh) {
                if (it->second.cost <= cost + 1) return;
                it->second = {cost + 1, s, symbol};
            }
            queue.emplace(due(cost + 1, engine.bound(to)), to);
        };
        for (u32 b = 0; b < 256; ++b) reach(engine.step(s, u8(b)), b);
        specials.clear();
        engine.specials(s, specials);
        for (u32 i : specials) reach(engine.special(s, i), 256 + i);
    }
    return false;
}

// Breadth first over tokens: for vocabularies that cannot spell every text.
bool Budget::complete_by_tokens(u32 start, std::vector<u32>& tokens) {
    std::unordered_map<u32, std::pair<u32, u32>> seen{{start, {start, 0}}};  // state -> state before, token
    std::vector<u32> queue{start};
    for (std::size_t i = 0; i < queue.size() && seen.size() < SEARCH_STATES; ++i) {
        u32 s = queue[i];
        if (engine.complete(s)) {
            for (u32 x = s; x != start; x = seen[x].first) tokens.push_back(seen[x].second);
            std::reverse(tokens.begin(), tokens.end());
            return true;
        }
        successors(s, [&](u32 t, u32 to) {
            if (seen.try_emplace(to, s, t).second) queue.push_back(to);
        });
    }
    return false;
}

bool Budget::cut(const std::vector<u32>& symbols, std::vector<u32>& tokens) const {
    const Trie& trie = *vocabulary.trie;
    std::size_t n = symbols.size();
    std::vector<u32> least(n + 1, NONE), token(n), length(n);  // from the back: fewest tokens for the rest
    least[n] = 0;
    for (std::size_t i = n; i-- > 0;) {
        if (symbols[i] >= 256) {
            if (least[i + 1] != NONE) least[i] = least[i + 1] + 1, token[i] = special_ids[symbols[i] - 256], length[i] = 1;
            continue;
        }
        u32 node = 0;
        for (std::size_t k = i; k < n && symbols[k] < 256; ++k) {
            node = trie.child(node, u8(symbols[k]));
            if (node == NONE) break;
            if (trie.token[node] != NONE && least[k + 1] != NONE && least[k + 1] + 1 < least[i])
                least[i] = least[k + 1] + 1, token[i] = trie.token[node], length[i] = u32(k + 1 - i);
        }
    }
    if (least[0] == NONE) return false;
    for (std::size_t i = 0; i < n; i += length[i]) tokens.push_back(token[i]);
    return true;
}

bool Budget::finishable(u32 state, u32 tokens) {
    if (surely(state, tokens)) return true;
    if (u64(engine.bound(state)) > u64(tokens) * vocabulary.trie->longest + tokens) return false;
    const Plan& p = plan(state);
    return p.found && p.tokens.size() <= tokens;
}

void Budget::restrict(u32 state, u32 left, u32* mask) {
    auto known = farthest.find(state);
    if (all_bytes && known != farthest.end() && known->second < left) return;
    u32 far = 0;
    std::unordered_map<u32, bool> fits;
    auto clear = [&](u32 t) { mask[t >> 5] &= ~(1u << (t & 31)); };
    if (left == 0) {
        successors(state, [&](u32 t, u32) { clear(t); });
        return;
    }
    successors(state, [&](u32 t, u32 to) {
        auto [it, fresh] = fits.try_emplace(to, true);
        if (fresh) {
            far = std::max(far, engine.within(to));
            it->second = finishable(to, left - 1);
        }
        if (!it->second) clear(t);
    });
    farthest[state] = far;
    used += 16;
}

}  // namespace weft
