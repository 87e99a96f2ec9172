// Automata made of automata, without a detour through subsets.
#pragma once

#include "dfa.hpp"

namespace weft {

bool prefix_free(const Dfa& d);  // no match goes on to another
// A start to which nothing returns, so that being there means being between two units: of (a*b){9}, the state after an `a` is
// not the one before it.
void set_start_apart(Dfa& d);

Dfa product(const Dfa& a, const Dfa& b, const Limits& limits, bool minus, bool merge = true);  // a AND b, or a AND NOT b
inline Dfa intersect(const Dfa& a, const Dfa& b, const Limits& limits) { return product(a, b, limits, false); }

// a then b, when the text tells where a ends: what b begins with can never go on a match of a. Otherwise false.
bool concatenate(const Dfa& a, const Dfa& b, Dfa& d);

// A literal, d, a literal, when d can never go on with what the second begins with. Otherwise false.
bool surround(const Dfa& d, std::string_view before, std::string_view after, Dfa& out);

// A unit min to max times, when the text tells where a unit ends: copies in a row. Otherwise false.
bool repeat(Dfa unit, u32 min, u32 max, const Limits& limits, Dfa& d);

}  // namespace weft
