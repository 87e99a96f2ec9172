// Regular expressions as trees over code points, and the reader of their text form.
//
// The dialect is what Python, ECMA-262 and Rust have in common: classes, groups, alternation, greedy and lazy repeats (which accept
// the same texts), \d \w \s, \xNN \uNNNN \u{N..}, flags (?i) (?s) (?x), anchors at the ends. Look-around, back-references and word
// boundaries are not regular in this sense, or change meaning with their context: they are refused by name.
#pragma once

#include <memory>

#include "bytes.hpp"

namespace weft {

struct Dfa;
struct Quoted;
struct Rx;
using RxPtr = std::shared_ptr<const Rx>;

struct Rx {
    enum Kind : u8 { Empty, Bytes, Class, Cat, Or, Rep, And, Not } kind = Empty;
    std::string bytes;         // Bytes
    CodePoints points;         // Class
    std::vector<RxPtr> items;  // Cat, Or, And; Rep and Not: one
    u32 min = 0, max = NONE;   // Rep; NONE: without end
    mutable std::shared_ptr<const Dfa> automaton;  // once it was needed; read and written atomically
    mutable std::shared_ptr<const Quoted> quoted;  // likewise
};

RxPtr rx_empty();
RxPtr rx_never();
RxPtr rx_bytes(std::string bytes);
RxPtr rx_class(CodePoints points);
RxPtr rx_cat(std::vector<RxPtr> items);
RxPtr rx_or(std::vector<RxPtr> items);
RxPtr rx_rep(RxPtr item, u32 min, u32 max);

// Reads a pattern. Throws GrammarFault with the byte offset of the mistake.
RxPtr parse_regex(std::string_view text, std::string_view flags, const Limits& limits);

// The same texts with some code points spelled another way (see weft.grammar.grammar.Spelled).
RxPtr respell(const RxPtr& item, const std::vector<std::pair<u32, RxPtr>>& spellings);

}  // namespace weft
