// Lists of words: put into an automaton, or taken out of it, as a tree over it.
//
//   any string but "ab", "ac":      (0) --a--> (1) --b, c--> (2)        every other byte leads where the automaton alone would go
//
// Only the bytes of the words are looked at, so a list costs what it is long, not its states times the classes of bytes. The tree is
// built from its leaves: equal subtrees over one state are one node (Daciuk et al. 2000), and each is named as it is made.
#pragma once

#include "dfa.hpp"

namespace weft {

// The automaton of `base`, which has names, with these words accepted or not; it has names too.
Dfa set_words(const Dfa& base, std::vector<std::string> words, bool accepted, const Limits& limits);

}  // namespace weft
