// The vocabulary as a flat byte trie, in preorder: the children of a node follow it, and `end` jumps over its subtree.
//
//   tokens a, ab, b:      node   0(root)  1:'a'  2:'b'  3:'b'
//                         end    4        3      3      4
//                         token  -        a      ab     b
//
// So a subtree is a range of nodes, and its tokens are a range of `ranked`. Most subtrees are plain text: `text` says of which
// characters, so that a walk can take such a subtree whole where every one of them leads back to the same state.
#pragma once

#include <optional>

#include "bytes.hpp"

namespace weft {

struct Trie {
    std::vector<u8> byte;
    std::vector<u32> end;
    std::vector<u32> token;   // NONE where no token ends
    std::vector<u32> twin;    // per token: the next token with the same bytes, or NONE
    std::vector<u32> ranked;  // tokens in the order of their nodes, twins side by side
    std::vector<u32> rank;    // per node: how many of `ranked` stand before it; one longer than the nodes
    std::vector<u64> below;   // per node: which kinds of bytes its subtree has, the node's own byte not counted
    u8 kind[256];             // of a byte: at most 64 kinds; signs have one each, letters that are treated alike share one
    std::vector<u8> utf8;     // per node: see step_utf8, if all below it goes on with well-formed UTF-8 that began with the token
    std::vector<u32> kid_at;  // per node: where its children begin in `kid` and `kid_byte`; one longer than the nodes
    std::vector<u32> kid;     // ascending by byte
    std::vector<u8> kid_byte;
    std::vector<u16> chars;   // per node: how many bytes from the root to it begin a character
    std::vector<u32> text;    // per node: index into `texts` or NONE: a small subtree, or not UTF-8 read from the node on
    std::vector<ByteSet> texts;  // the first bytes of all characters below
    std::vector<u8> cuts;        // parallel to `texts`: some token below ends inside a character
    std::vector<u32> all;        // bit mask of all tokens
    u32 root_child[256];         // NONE where no token begins with the byte
    u32 longest = 0;             // bytes of the longest token
    u32 vocab_size = 0;

    explicit Trie(const std::vector<std::optional<std::string_view>>& tokens);
    u32 nodes() const { return u32(byte.size()); }
    u32 words() const { return (vocab_size + 31) / 32; }
    u32 child(u32 node, u8 b) const {
        if (node == 0) return root_child[b];
        auto from = kid_byte.begin() + kid_at[node], to = kid_byte.begin() + kid_at[node + 1];
        auto it = std::lower_bound(from, to, b);
        return it != to && *it == b ? kid[std::size_t(it - kid_byte.begin())] : NONE;
    }
    void set(u32 node, u32* mask) const {
        for (u32 k = rank[node]; k < rank[node + 1]; ++k) mask[ranked[k] >> 5] |= 1u << (ranked[k] & 31);
    }
    // The tokens of the nodes from..to - 1.
    void set(u32 from, u32 to, u32* mask) const {
        for (u32 k = rank[from]; k < rank[to]; ++k) mask[ranked[k] >> 5] |= 1u << (ranked[k] & 31);
    }
    void clear(u32 from, u32 to, u32* mask) const {
        for (u32 k = rank[from]; k < rank[to]; ++k) mask[ranked[k] >> 5] &= ~(1u << (ranked[k] & 31));
    }

  private:
    static constexpr u32 SUMMED = 8;  // nodes; below this a summary saves nothing
    void index();
    void link();
    void summarise();
};

}  // namespace weft
