// What the tokens do to a lexer: which lexemes they complete, in order, and what the open one can still become.
//
//   after an identifier     )            [NAME, ")"]   the open lexeme may be ")"
//                           );\n         [NAME, ")", ";"]              white space
//                           ) {          [NAME, ")"]; then white space is dropped; [.. "{"]
//
// A *tree* has a node per sequence of labels and at each node groups of tokens by what is left open. The walk at mask time follows the
// labels with the parser; where no terminal of a label fits, all below is skipped. Trees belong to rows of lexer states (see lexer.hpp),
// and most rows are a little different from another one: inside `pri`, which may become `print`, all letters but `n` do what they do
// inside any name. So a row is *planned*: the tree of a base row, without the tokens that begin with some bytes, and an extra tree.
#pragma once

#include <deque>
#include <mutex>

#include "lexer.hpp"
#include "store.hpp"

namespace weft {

struct EffectTree {
    struct Node {  // in preorder
        u32 label, end, parent, groups;  // first group; they go on to the first of the next node
    };
    struct Group {
        u32 live;
        TokenSet tokens;
    };
    std::vector<Node> nodes;  // and one behind the last
    std::vector<Group> groups;
    TokenSet owing;  // tokens after which an earlier lexeme may still forbid something: see Lexer::owes
    u32 id = 0;  // of node 0: nodes of all trees are numbered together
    std::size_t bytes() const;
};

class Effects {
  public:
    Effects(const Lexer& lexer, const Trie& trie);

    struct Plan {
        const EffectTree *base = nullptr, *extra = nullptr;
        std::vector<std::pair<u32, u32>> removed;  // ranks (see Trie) of tokens that are not as in the base
        u32 kept = NONE;                           // if those are many: which mask of tokens to keep instead
    };
    const Plan& plan(u32 part) {
        while (plans.size() <= part) plans.emplace_back();
        if (!plans[part]) make_plan(part);
        return *plans[part];
    }
    const std::vector<u32>& kept_mask(u32 k) const { return kept[k].second; }
    void forget();  // frees the memory; trees, plans and node ids of before are void
    std::size_t bytes() const { return used; }

  private:
    struct Base {
        u32 part;
        const EffectTree* tree;
    };
    struct Run {
        u32 path, x;
        bool operator<(const Run& o) const { return std::tie(path, x) < std::tie(o.path, o.x); }
        bool operator==(const Run& o) const { return path == o.path && x == o.x; }
    };
    struct Gathered {  // tokens of one group, as ranges of ranks
        u32 path, live;
        std::vector<std::pair<u32, u32>> ranges;
    };
    void make_plan(u32 part);
    const EffectTree* build(const u32* row, const std::vector<u8>& wanted);
    void walk(u32 node, u32 x);
    void put(u32 path, u32 live, u32 from, u32 to);
    u32 path(u32 parent, u32 label);
    u64 loops(u32 x);
    u32 settles(u32 x, u8 utf8);
    bool unchanged(u32 node, u32 x);
    EffectTree grow();

    const Lexer& lexer;
    const Trie& trie;
    std::vector<u32> weight;       // per class of bytes: trie nodes below
    std::vector<u64> class_kinds;  // per class of bytes: kinds of its bytes, see Trie
    u32 all_nodes = 0;
    std::deque<EffectTree> trees;
    std::vector<Base> bases;
    std::vector<std::optional<Plan>> plans;
    std::vector<std::pair<std::vector<u8>, std::vector<u32>>> kept;  // (which classes are removed, mask)
    u32 next_id = 0;
    std::size_t used = 0;

    // of the tree that is being built
    FlatMap group_at, path_at;
    std::vector<Gathered> gathered;
    std::vector<std::pair<u32, u32>> owing;  // ranges of ranks
    std::vector<std::pair<u32, u32>> paths{{NONE, 0}};  // (parent, label)
    std::vector<std::vector<Run>> runs;
    std::vector<u32> ends;
    u64 last_key = ~u64(0);
    u32 last_group = 0;
    std::vector<u64> loop_kinds;  // per lexer state; all ones: not known yet
    FlatMap settled;              // lexer state, state of UTF-8 -> see settles()
    u64 high_kinds = 0;           // of bytes above ASCII
};

}  // namespace weft
