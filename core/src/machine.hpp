// The recursive automaton: one box per nonterminal, each a small automaton over terminals and calls of other boxes.
//
//   value: STRING | "[" (value ("," value)*)? "]"
//
//        STRING                                          A call pushes the state to return to; a box that reaches a final
//   (0) --------> ((1))                                  state pops it. Boxes never accept the empty text, and no box calls
//    | "["          ^ "]"                                itself before it has read something, so the calls that can be open
//   (2) --value--> (3) --","--> (4) --value--> (3)       at one place form no circle.
//
// How: empty productions are removed, a left-recursive component of the grammar becomes one automaton with a node per member
// ("an X has just ended here"), small boxes are inlined, each box is determinised and minimised over its symbols.
// References: Woods 1970 (recursive networks), Rosenkrantz 1967 (left recursion as a left-linear system).
#pragma once

#include "cfg.hpp"

namespace weft {

struct Machine {
    struct Target {
        u32 symbol, state;  // a terminal or a box, and where to go on after it
    };
    std::vector<std::shared_ptr<const Terminal>> terminals;
    std::vector<std::string> terminal_names;  // for messages
    // states of all boxes together
    std::vector<u32> scan_at, call_at;  // ranges in scans and calls; one longer than the states
    std::vector<Target> scans, calls;
    std::vector<u8> is_final;   // the box may end here
    std::vector<u8> only_final; // and nothing else is possible
    std::vector<u32> entry;     // of each box
    std::vector<u32> rank;      // a box is ranked above those that call it before reading anything
    std::vector<std::string> box_names;
    u32 start_box = NONE;       // NONE: no sentence at all, or only the empty one
    bool nullable = false;      // the empty text is a sentence
    std::vector<std::pair<std::string, u32>> specials;  // special tokens by name or id, as terminals' `special` counts them
    // with a lexer
    bool lexer = false;
    Dfa scan;                                 // all terminals at once; label: the set of terminals that win
    std::vector<std::vector<u32>> winners;    // label - 1 -> terminals
    std::vector<u8> ignored;                  // per terminal

    u32 states() const { return u32(is_final.size()); }
};

std::shared_ptr<const Machine> build_machine(const GrammarSpec& g, const Limits& limits, TerminalCache& cache);

}  // namespace weft
