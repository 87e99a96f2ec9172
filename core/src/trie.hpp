// The vocabulary as a flat byte trie, in preorder: the children of a node follow it, and `end` jumps over its subtree.
//
//   tokens a, ab, b:      node   0(root)  1:'a'  2:'b'  3:'b'
//                         end    4        3      3      4
//                         token  -        a      ab     b
//
// So a subtree is a range of nodes, and its tokens are a range of `ranked`. Most subtrees are plain text: `text` says of which
// characters, so that a walk can take such a subtree whole where every one of them leads back to the same state.
#pragma once

#include <bit>
#include <optional>

#include "bytes.hpp"

namespace weft {

inline void set_token(u32* mask, u32 token) { mask[token >> 5] |= 1u << (token & 31); }
inline bool has_token(const u32* mask, u32 token) { return mask[token >> 5] >> (token & 31) & 1; }
// Calls visit(token).
template <class Visit>
void each_in(const u32* mask, u32 words, const Visit& visit) {
    for (u32 i = 0; i < words; ++i)
        for (u32 bits = mask[i]; bits; bits &= bits - 1) visit(i * 32 + u32(std::countr_zero(bits)));
}

inline u32 count_tokens(const u32* mask, std::size_t words) {
    u32 count = 0;
    for (std::size_t i = 0; i < words; ++i) count += u32(std::popcount(mask[i]));
    return count;
}
inline u32 count_tokens(const std::vector<u32>& mask) { return count_tokens(mask.data(), mask.size()); }
inline u32 first_token(const std::vector<u32>& mask) {  // NONE in an empty one
    const auto some = std::find_if(mask.begin(), mask.end(), [](u32 bits) { return bits != 0; });
    return some == mask.end() ? NONE : u32(some - mask.begin()) * 32 + u32(std::countr_zero(*some));
}
inline void set_tokens(u32* mask, const std::vector<u32>& with) {
    for (std::size_t i = 0; i < with.size(); ++i) mask[i] |= with[i];
}

// Adds from..to - 1 to ascending ranges.
inline void add_range(std::vector<std::pair<u32, u32>>& ranges, u32 from, u32 to) {
    if (!ranges.empty() && ranges.back().second == from) ranges.back().second = to;
    else ranges.emplace_back(from, to);
}

struct TokenSet {  // a bit mask where large, a list where small
    std::vector<u32> bits, list;
    void or_into(u32* mask, u32 words) const {
        if (!bits.empty())
            for (u32 i = 0; i < words; ++i) mask[i] |= bits[i];
        for (u32 t : list) set_token(mask, t);
    }
    bool is_in(const u32* mask, u32 words) const {
        for (u32 i = 0; i < words && !bits.empty(); ++i)
            if (bits[i] & ~mask[i]) return false;
        return std::all_of(list.begin(), list.end(), [&](u32 t) { return has_token(mask, t); });
    }
    std::size_t bytes() const { return (bits.size() + list.size()) * 4; }
};

struct Trie {
    std::vector<u8> byte;
    std::vector<u32> end;
    std::vector<u32> token;   // NONE where no token ends
    std::vector<u32> twin;    // per token: the next token with the same bytes, or NONE
    std::vector<u32> ranked;  // tokens in the order of their nodes, twins side by side
    std::vector<u32> rank;    // per node: how many of `ranked` stand before it; one longer than the nodes
    std::vector<u32> rank_of; // per token: where it stands in `ranked`; NONE if it is not there
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
    std::vector<u32> all, one_byte;  // bit masks: of all tokens, and of those of one byte
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
    void set(u32 node, u32* mask) const { set(node, node + 1, mask); }
    // The tokens of the nodes from..to - 1.
    void set(u32 from, u32 to, u32* mask) const { set_ranks(rank[from], rank[to], mask); }
    void set_ranks(u32 from, u32 to, u32* mask) const {
        for (u32 k = from; k < to; ++k) set_token(mask, ranked[k]);
    }
    std::vector<u32> ranks_of(const u32* mask) const;  // ascending
    TokenSet tokens_of(const std::vector<std::pair<u32, u32>>& ranges) const;  // of ranks
    void clear(u32 from, u32 to, u32* mask) const {
        for (u32 k = rank[from]; k < rank[to]; ++k) mask[ranked[k] >> 5] &= ~(1u << (ranked[k] & 31));
    }

  private:
    static constexpr u32 SUMMED = 8;  // nodes; below this a summary saves nothing
    void index();
    void link();
    void summarise();
};

// The tokens of a mask along a walk over the trie.
class Wanted {
  public:
    Wanted(const Trie& t, const u32* only) : trie(t), all(!only) {  // without `only` all are wanted
        if (only) ranks = t.ranks_of(only);
    }
    // Whether one of them ends at the nodes n..end - 1. What is asked about never lies before what was asked about.
    bool any(u32 n, u32 end) {
        while (next < ranks.size() && ranks[next] < trie.rank[n]) ++next;
        return all || (next < ranks.size() && ranks[next] < trie.rank[end]);
    }

  private:
    const Trie& trie;
    bool all;
    std::vector<u32> ranks;
    std::size_t next = 0;
};

}  // namespace weft
