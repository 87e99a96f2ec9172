// The text of a canvas with elastic holes, as a chain of places, one per byte of its fragments; a hole is a loop over all bytes at
// its place:
//
//   "ab" HOLE "c"     0 -a-> 1 -b-> 2 -c-> 3,  2 has a loop
#pragma once

#include <algorithm>
#include <string>

#include "common.hpp"

namespace weft {

constexpr u32 CLOSURE_STATES = 200'000;  // states of one terminal that a hole may have to visit

// What running lexemes along a chain may cost.
class Effort {
  public:
    u64 steps = 0, most = ~u64(0);
    void spend(u64 n) {
        if ((steps += n) > most) throw LimitFault("the lexemes of the canvas can end in too many places", most / PER_ITEM, steps / PER_ITEM, "raise max_items");
    }
    static constexpr u64 PER_ITEM = 16;  // steps that are as dear as a chart item
};

struct Chain {
    std::string bytes;
    std::vector<u8> loop{0};  // per place, one more than bytes
    std::vector<u8> price{0};  // per place: what a byte in its hole costs, 0 or 1
    void add(std::string_view text) {
        bytes += text;
        loop.resize(bytes.size() + 1, 0);
        price.resize(bytes.size() + 1, 0);
    }
    void add_hole(u8 byte_price = 1) { loop.back() = 1, price.back() = std::max(price.back(), byte_price); }
    u32 places() const { return u32(loop.size()); }
    bool operator==(const Chain& o) const { return bytes == o.bytes && loop == o.loop && price == o.price; }
};

}  // namespace weft
