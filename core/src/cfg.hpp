// A grammar as it comes from Python: an arena of expressions, named productions and terminals.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

#include "terminal.hpp"

namespace weft {

struct Expr {
    enum Kind : u8 { Literal, Pattern, Ref, Seq, Alt, Repeat, And, Not, Spelled, Special } kind;
    std::string_view text;      // Literal: bytes; Pattern: regex; Ref: name; Special: token name
    std::string_view flags;     // Pattern
    u32 first = 0, count = 0;   // children in GrammarSpec::children; Spelled: item, then the spellings
    u32 points = 0;             // Spelled: where its code points begin in GrammarSpec::points
    u32 min = 0, max = NONE;    // Repeat
    u32 token = NONE;           // Special, when it is given by id
};

struct GrammarSpec {
    std::vector<Expr> exprs;
    std::vector<u32> children, points;
    struct Named {
        std::string_view name;
        u32 expr;
        int priority = 0;
    };
    std::vector<Named> productions, terminals;
    std::vector<std::string_view> ignore;
    std::string_view start;
    bool lexer = false;
};

// An expression as a Lark file would have it, for messages; what is long ends in "...".
std::string shown(const GrammarSpec& g, u32 expr);

// Compiled terminals by expression, shared by all grammars on a vocabulary. Bounded: it starts anew when it is full.
class TerminalCache {
  public:
    explicit TerminalCache(u64 limit_bytes) : limit(limit_bytes) {}
    std::shared_ptr<const Terminal> find(const Hash128& key);
    void put(const Hash128& key, const std::shared_ptr<const Terminal>& t);
    RxPtr find_tree(const Hash128& key);
    void put_tree(const Hash128& key, const RxPtr& rx, u64 size);
    u64 size_bytes();

  private:
    void make_room(u64 size);
    std::mutex lock;
    std::unordered_map<Hash128, std::shared_ptr<const Terminal>, HashOf> map;
    std::unordered_map<Hash128, RxPtr, HashOf> trees;  // of patterns and what is made of them
    u64 limit, used = 0;
};

// Turns regular expressions of a GrammarSpec into trees and terminals.
class Regular {
  public:
    Regular(const GrammarSpec& g, const Limits& limits, TerminalCache* cache = nullptr);
    bool is_regular(u32 expr) const { return regular[expr]; }
    // Of a regular expression, by its structure: what a terminal is known by, in this grammar and in others.
    const Hash128& name(u32 expr);
    RxPtr to_rx(u32 expr);
    u32 terminal_named(std::string_view name) const;  // index into g.terminals, or NONE

  private:
    const GrammarSpec& g;
    const Limits& limits;
    std::vector<u8> regular;  // no nonterminal and no special token below
    struct Name {
        Hash128 hash;
        u64 size = 0;  // bytes when it is written out; 0: not named yet
    };
    std::vector<Name> known;
    std::unordered_map<std::string_view, u32> names;
    void check_circles() const;
    RxPtr make_rx(u32 expr);
    TerminalCache* cache;
};

}  // namespace weft
