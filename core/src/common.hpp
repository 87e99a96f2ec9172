// Shared small things: errors with a place, limits, hashing, a bounded budget.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

constexpr u32 NONE = 0xFFFFFFFFu;

template <class T>
void sort_unique(std::vector<T>& v) {
    if (v.size() < 2) return;
    std::sort(v.begin(), v.end());
    v.erase(std::unique(v.begin(), v.end()), v.end());
}

// Bits in words, anything that can be indexed.
template <class Row>
bool has_bit(const Row& row, std::size_t k) { return row[k >> 6] >> (k & 63) & 1; }
template <class Row>
void set_bit(Row&& row, std::size_t k) { row[k >> 6] |= u64(1) << (k & 63); }

// A mistake in what the user gave us. `offset` is a byte offset into `source`, the regex that is being read, or -1.
struct GrammarFault : std::runtime_error {
    std::string expected, hint, source;
    long offset;
    explicit GrammarFault(const std::string& what, std::string expected_ = "", std::string hint_ = "", long offset_ = -1)
        : std::runtime_error(what), expected(std::move(expected_)), hint(std::move(hint_)), offset(offset_) {}
};

// A limit was reached before the answer was known.
struct LimitFault : std::runtime_error {
    u64 limit, spent;
    std::string hint;
    LimitFault(const std::string& what, u64 limit_, u64 spent_, std::string hint_ = "")
        : std::runtime_error(what), limit(limit_), spent(spent_), hint(std::move(hint_)) {}
};

// Sizes that a grammar may reach while it is compiled; see weft.Limits for what each one means to a user.
struct Limits {
    u32 nfa_states = 200'000;
    u32 dfa_states = 50'000;
    u32 box_states = 200'000;
    u32 depth = 1'000;
    u64 cache_bytes = u64(64) << 20;
};

inline u64 mix64(u64 x) {  // the finaliser of splitmix64
    x += 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
}

// 128 bits that stand for a value: two languages with the same Hash128 are taken to be the same.
struct Hash128 {
    u64 a = 0, b = 0;
    bool operator==(const Hash128& o) const { return a == o.a && b == o.b; }
    void add(u64 x) {
        a = mix64(a ^ x);
        b = mix64((b + 0x632BE59BD9B4E019ull) ^ (x * 0xD6E8FEB86659FD93ull));
    }
    void add(std::string_view s) {
        add(s.size());
        std::size_t i = 0;
        for (; i + 8 <= s.size(); i += 8) {
            u64 w;
            std::memcpy(&w, s.data() + i, 8);
            add(w);
        }
        u64 w = 0;
        if (i < s.size()) {
            std::memcpy(&w, s.data() + i, s.size() - i);
            add(w);
        }
    }
};
struct HashOf {
    std::size_t operator()(const Hash128& h) const { return h.a ^ (h.b << 1); }
};

template <class T>
inline u64 hash_span(const T* p, std::size_t n) {
    u64 h = 0x51ED270B9F652295ull ^ n;
    const u32* w = reinterpret_cast<const u32*>(p);
    for (std::size_t i = 0; i < n * sizeof(T) / 4; ++i) h = (h ^ w[i]) * 0x9FB21C651E98DF25ull, h ^= h >> 29;
    return mix64(h);
}

}  // namespace weft
