// Store x frontier -> bits: the tokens that may follow a frontier.
//
// At a node of the trie with a large subtree, an item that can read many bytes takes its entry from the store: the inner tokens are
// ORed in, the rests of the exits are walked with the frontier that follows the lexeme. An item that can read few bytes (a literal)
// goes down byte by byte. Below a node with a small subtree the whole frontier walks. Both ways see the same trie, so tokens may
// cross any number of lexemes.
#pragma once

#include "frontier.hpp"
#include "store.hpp"

namespace weft {

class Masker {
  public:
    Masker(Frontiers& f, Store& store) : f(f), store(store), trie(store.trie) {}
    // ORs the tokens that may follow `frontier` into mask[words].
    void add(u32 frontier, u32* mask) {
        visited.clear();
        visit(0, frontier, mask, 0);
    }
    u64 nodes = 0;  // trie nodes walked so far: the unit of work

  private:
    static constexpr u32 FEW = 6;  // bytes an item may read to be walked rather than looked up
    static constexpr u32 DEEP = 64;  // below it all is walked: `visit` calls itself, and tokens may be long
    void visit(u32 node, u32 frontier, u32* mask, u32 depth);
    void descend(u32 node, u32 frontier, u32* mask);
    void rests(const Entry& e, u32 frontier, u32* mask);

    Frontiers& f;
    Store& store;
    const Trie& trie;
    struct Frame {
        u32 at, end;  // children that are still to be visited; in the rests, where the subtree ends
        u32 frontier;
        ByteSet reads;
    };
    std::vector<Frame> stack;
    FlatMap visited;  // (node, frontier) of this call of add
};

}  // namespace weft
