// Sets of code points, and code points as UTF-8 byte sequences.
//
//   U+00E9..U+0800  ->  [C3][A9-BF] | [C4-DF][80-BF] | [E0][A0][80]
//
// The split follows the usual construction: cut the range where the number of bytes changes, then where a trailing byte would
// not run over all of 80..BF (Thompson; Cox, "Regular Expression Matching in the Wild").
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <functional>

#include "common.hpp"

namespace weft {

struct ByteSet {
    u64 w[4] = {0, 0, 0, 0};
    void add(u8 b) { w[b >> 6] |= u64(1) << (b & 63); }
    void remove(u8 b) { w[b >> 6] &= ~(u64(1) << (b & 63)); }
    bool has(u8 b) const { return w[b >> 6] >> (b & 63) & 1; }
    void operator|=(const ByteSet& o) {
        for (int i = 0; i < 4; ++i) w[i] |= o.w[i];
    }
    bool empty() const { return !(w[0] | w[1] | w[2] | w[3]); }
    bool holds(const ByteSet& o) const {
        return !((o.w[0] & ~w[0]) | (o.w[1] & ~w[1]) | (o.w[2] & ~w[2]) | (o.w[3] & ~w[3]));
    }
    u32 size() const {
        return u32(std::popcount(w[0]) + std::popcount(w[1]) + std::popcount(w[2]) + std::popcount(w[3]));
    }
    template <class Do>
    void each(const Do& visit) const {  // ascending
        for (u32 i = 0; i < 4; ++i)
            for (u64 x = w[i]; x; x &= x - 1) visit(u8(i * 64 + u32(std::countr_zero(x))));
    }
};

constexpr u32 MAX_CODE_POINT = 0x10FFFF;

struct CodePoints {  // sorted, disjoint, non-adjacent ranges
    std::vector<std::pair<u32, u32>> ranges;

    void add(u32 lo, u32 hi) { ranges.emplace_back(lo, hi); }
    void add(const CodePoints& o) { ranges.insert(ranges.end(), o.ranges.begin(), o.ranges.end()); }
    void normalise() {
        std::sort(ranges.begin(), ranges.end());
        std::vector<std::pair<u32, u32>> out;
        for (auto [lo, hi] : ranges) {
            if (lo > hi) continue;
            if (!out.empty() && lo <= out.back().second + 1) out.back().second = std::max(out.back().second, hi);
            else out.emplace_back(lo, hi);
        }
        ranges = std::move(out);
    }
    CodePoints complement() const {
        CodePoints out;
        u32 next = 0;
        for (auto [lo, hi] : ranges) {
            if (lo > next) out.add(next, lo - 1);
            next = hi + 1;
        }
        if (next <= MAX_CODE_POINT) out.add(next, MAX_CODE_POINT);
        return out;
    }
    CodePoints minus(const CodePoints& o) const { return intersect(o.complement()); }
    CodePoints intersect(const CodePoints& o) const {
        CodePoints out;
        std::size_t i = 0, j = 0;
        while (i < ranges.size() && j < o.ranges.size()) {
            u32 lo = std::max(ranges[i].first, o.ranges[j].first), hi = std::min(ranges[i].second, o.ranges[j].second);
            if (lo <= hi) out.add(lo, hi);
            if (ranges[i].second < o.ranges[j].second) ++i;
            else ++j;
        }
        return out;
    }
    bool contains(u32 c) const {
        auto it = std::upper_bound(ranges.begin(), ranges.end(), std::make_pair(c, 0xFFFFFFFFu));
        return it != ranges.begin() && std::prev(it)->second >= c;
    }
    bool empty() const { return ranges.empty(); }
};

struct ByteRange {
    u8 lo, hi;
};

inline int encode_utf8(u32 c, u8* out) {
    if (c < 0x80) return out[0] = u8(c), 1;
    if (c < 0x800) return out[0] = u8(0xC0 | (c >> 6)), out[1] = u8(0x80 | (c & 63)), 2;
    if (c < 0x10000)
        return out[0] = u8(0xE0 | (c >> 12)), out[1] = u8(0x80 | ((c >> 6) & 63)), out[2] = u8(0x80 | (c & 63)), 3;
    return out[0] = u8(0xF0 | (c >> 18)), out[1] = u8(0x80 | ((c >> 12) & 63)), out[2] = u8(0x80 | ((c >> 6) & 63)),
           out[3] = u8(0x80 | (c & 63)), 4;
}

// Reads one code point at `i`; false when the bytes are not valid UTF-8 there.
inline bool decode_utf8(std::string_view s, std::size_t& i, u32& c) {
    u8 b = u8(s[i]);
    int n = b < 0x80 ? 1 : b >= 0xC2 && b < 0xE0 ? 2 : (b & 0xF0) == 0xE0 ? 3 : b >= 0xF0 && b < 0xF5 ? 4 : 0;
    if (n == 0 || i + n > s.size()) return false;
    c = n == 1 ? b : n == 2 ? b & 31 : n == 3 ? b & 15 : b & 7;
    for (int k = 1; k < n; ++k) {
        u8 t = u8(s[i + k]);
        if ((t & 0xC0) != 0x80) return false;
        c = (c << 6) | (t & 63);
    }
    if ((n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || (c >= 0xD800 && c < 0xE000) || c > MAX_CODE_POINT) return false;
    i += n;
    return true;
}

// Well-formed UTF-8, byte by byte: 0 between characters, 1 to 3 bytes that are due, 4 to 7 after a lead byte that narrows the next one.
constexpr u8 NOT_UTF8 = 0xFF;
inline u8 step_utf8(u8 state, u8 b) {
    if (state == 0) {
        if (b < 0x80) return 0;
        if (b < 0xC2 || b > 0xF4) return NOT_UTF8;
        if (b < 0xE0) return 1;
        if (b < 0xF0) return b == 0xE0 ? 4 : b == 0xED ? 5 : 2;
        return b == 0xF0 ? 6 : b == 0xF4 ? 7 : 3;
    }
    if (state == NOT_UTF8 || (b & 0xC0) != 0x80) return NOT_UTF8;
    if (state <= 3) return u8(state - 1);
    if (state == 4) return b >= 0xA0 ? 1 : NOT_UTF8;
    if (state == 5) return b < 0xA0 ? 1 : NOT_UTF8;
    if (state == 6) return b >= 0x90 ? 2 : NOT_UTF8;
    return b < 0x90 ? 2 : NOT_UTF8;
}

// Calls emit(parts, n) for byte-range sequences that together spell exactly the code points lo..hi (surrogates left out).
template <class Emit>
void utf8_sequences(u32 lo, u32 hi, const Emit& emit) {
    if (lo > hi) return;
    if (lo < 0xE000 && hi >= 0xD800) {
        if (lo < 0xD800) utf8_sequences(lo, 0xD7FF, emit);
        if (hi >= 0xE000) utf8_sequences(0xE000, hi, emit);
        return;
    }
    for (u32 edge : {0x7Fu, 0x7FFu, 0xFFFFu})
        if (lo <= edge && hi > edge) {
            utf8_sequences(lo, edge, emit);
            utf8_sequences(edge + 1, hi, emit);
            return;
        }
    if (hi >= 0x80)
        for (int k = 1; k < 4; ++k) {
            u32 m = (1u << (6 * k)) - 1;
            if ((lo & ~m) == (hi & ~m)) break;
            if (lo & m) {
                utf8_sequences(lo, lo | m, emit);
                utf8_sequences((lo | m) + 1, hi, emit);
                return;
            }
            if ((hi & m) != m) {
                utf8_sequences(lo, (hi & ~m) - 1, emit);
                utf8_sequences(hi & ~m, hi, emit);
                return;
            }
        }
    u8 a[4], b[4];
    int n = encode_utf8(lo, a);
    encode_utf8(hi, b);
    ByteRange parts[4];
    for (int k = 0; k < n; ++k) parts[k] = {a[k], b[k]};
    emit(parts, n);
}

}  // namespace weft
