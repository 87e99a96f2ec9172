// The store of token masks: for a state of a terminal and a node of the vocabulary's trie, the tokens below the node, split into
//
//   inner  those that stay inside the lexeme
//   exits  those that complete it: token = u v, where u ends the lexeme, gathered by the rest v in a small trie
//
// An entry depends on the language of the state and on the vocabulary, on no grammar. So the store belongs to the vocabulary, is
// shared by all its constraints, and the inside of a JSON string is computed once. It is bounded: least recently used entries go.
//
// Two shortcuts make cold entries cheap, both exact:
//   * a state that reads most bytes as another state does (`"` + any key but "name") is that state's entry, mended only at the nodes
//     where the two runs differ;
//   * a counted state (37 characters left of 1,000) is cut out of one entry of the unit without a limit, sorted by length.
#pragma once

#include <list>
#include <map>

#include "cfg.hpp"
#include "intern.hpp"
#include "trie.hpp"

namespace weft {

struct Entry {
    TokenSet inner;
    std::vector<u32> exits;  // trie nodes at which the lexeme may end; ascending
    std::vector<u32> wide;   // those with large subtrees: the walk goes on in the vocabulary's trie
    // the others, merged by what follows: preorder as in Trie
    std::vector<u8> rest_byte;
    std::vector<u32> rest_end, rest_at, rest_tokens;  // tokens of rest node i: rest_tokens[rest_at[i] .. rest_at[i + 1])
    std::size_t bytes() const {
        return 200 + inner.bytes() + exits.size() * 4 + wide.size() * 4 + rest_byte.size() * 9 + rest_tokens.size() * 4;
    }
};

class Store {
  public:
    Store(const Trie& trie, u64 limit_bytes) : trie(trie), terminals(limit_bytes / 4), limit(limit_bytes) {}

    // The entry for state q of t at `node`; computed if it is not there. Thread-safe.
    std::shared_ptr<const Entry> entry(const Terminal& t, u32 q, u32 node) { return entry(t, q, node, true); }

    // What the constraints of one grammar share beyond entries, by name; made if it is not there. The last few are kept. Thread-safe.
    std::shared_ptr<void> shared(const Hash128& name, const std::function<std::shared_ptr<void>()>& make);

    u64 size_bytes();
    const Trie& trie;
    TerminalCache terminals;
    static constexpr u32 WIDE = 256;  // nodes; subtrees up to this size are walked, larger ones have entries

  private:
    struct Key {
        Hash128 state;
        u32 node;
        bool operator==(const Key& o) const { return state == o.state && node == o.node; }
    };
    struct KeyHash {
        std::size_t operator()(const Key& k) const { return std::size_t(k.state.a ^ mix64(k.node)); }
    };
    struct Unlimited;  // the entry of a counted unit without its limits
    struct Slot {
        Key key;
        std::shared_ptr<const void> value;
        std::size_t bytes;
    };
    Key key_of(const Terminal& t, u32 q, u32 node, bool unlimited) const;
    std::shared_ptr<const void> find(const Key& k);
    void put(const Key& k, std::shared_ptr<const void> value, std::size_t bytes);
    std::shared_ptr<const Entry> entry(const Terminal& t, u32 q, u32 node, bool may_mend);
    Entry build(const Terminal& t, u32 q, u32 node, bool may_mend);
    bool build_from_twin(const Terminal& t, u32 q, u32 node, Entry& e);
    bool build_counted(const Terminal& t, u32 q, u32 node, Entry& e);
    std::shared_ptr<const Unlimited> unlimited(const Terminal& t, u32 part, u32 unit_state, u32 node);
    struct Found;
    template <class Step, class Accept>
    void explore(u32 node, u32 q, const Step& step, const Accept& accepts, Found& found);
    void fill(Entry& e, u32 node, Found& found);
    void gather_rests(Entry& e);

    std::mutex lock;
    std::list<Slot> recent;  // most recently used first
    std::unordered_map<Key, std::list<Slot>::iterator, KeyHash> map;
    u64 limit, used = 0;

    static constexpr u32 SHARED = 8;
    std::mutex shared_lock;
    std::list<std::pair<Hash128, std::shared_ptr<void>>> shared_values;  // most recently used first
};

}  // namespace weft
