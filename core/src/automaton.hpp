// Expression -> automaton: which way each kind of expression is made deterministic.
#pragma once

#include "dfa.hpp"
#include "regex.hpp"

namespace weft {

// `depth`: automata that are being made around this one.
Dfa compile_plain(const RxPtr& rx, const Limits& limits, u32 depth = 0);

// The automaton of an expression; kept with it, because front ends share their expressions.
std::shared_ptr<const Dfa> automaton(const RxPtr& rx, const Limits& limits, u32 depth);

struct Quoted {  // the automaton of an expression between two literals
    std::string before, after;
    Dfa dfa;  // with names; empty where the text does not tell its end
};

bool is_words(const Rx& x);  // several texts, nothing else

// One automaton for many labelled expressions. `winner` maps the sorted labels that accept at a state to one label > 0.
struct Labelled {
    RxPtr rx;
    u32 label;
};
Dfa compile_labelled(const std::vector<Labelled>& items, const Limits& limits,
                     const std::function<u32(const std::vector<u32>&)>& winner);

}  // namespace weft
