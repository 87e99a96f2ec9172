// The vocabulary as a flat byte trie, in preorder: the children of a node follow it, and `end` jumps over its subtree.
//
//   tokens a, ab, b:      node   0(root)  1:'a'  2:'b'  3:'b'
//                         end    4        3      3      4
//                         token  -        a      ab     b
#pragma once

#include <optional>

#include "common.hpp"

namespace weft {

struct Trie {
    std::vector<u8> byte;
    std::vector<u32> end;
    std::vector<u32> token;  // NONE where no token ends
    std::vector<u32> twin;   // per token: the next token with the same bytes, or NONE
    std::vector<u32> ranked, rank;  // tokens in order of their nodes; those below and at node n are ranked[rank[n]..rank[end[n]])
    std::vector<u64> below;  // per node: which kinds of bytes its subtree has, the node's own byte not counted
    u8 kind[256];            // of a byte: at most 64 kinds; signs have one each, letters that are treated alike share one
    u32 root_child[256];     // NONE where no token begins with the byte
    u32 longest = 0;         // bytes of the longest token
    u32 vocab_size = 0;

    explicit Trie(const std::vector<std::optional<std::string_view>>& tokens);
    u32 nodes() const { return u32(byte.size()); }
    u32 words() const { return (vocab_size + 31) / 32; }
    u32 child(u32 node, u8 b) const {
        if (node == 0) return root_child[b];
        for (u32 c = node + 1; c < end[node]; c = end[c])
            if (byte[c] == b) return c;
        return NONE;
    }
    void set(u32 node, u32* mask) const {
        for (u32 t = token[node]; t != NONE; t = twin[t]) mask[t >> 5] |= 1u << (t & 31);
    }

  private:
    void index();
};

}  // namespace weft
