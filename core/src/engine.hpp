// What a vocabulary and a machine look like to everything that reads text: Vocabulary, and Engine with its two kinds.
#pragma once

#include "frontier.hpp"
#include "lexer.hpp"
#include "mask.hpp"

namespace weft {

class Vocabulary {
  public:
    Vocabulary(std::vector<std::optional<std::string>> tokens, std::vector<u32> eos,
               std::vector<std::pair<std::string, u32>> specials, u64 store_bytes);
    u32 size() const { return u32(texts.size()); }
    u32 words() const { return (size() + 31) / 32; }
    bool is_end(u32 id) const { return std::find(eos.begin(), eos.end(), id) != eos.end(); }
    u32 special_named(const std::string& name) const;

    std::vector<std::optional<std::string>> texts;  // end tokens are never text
    std::vector<u32> eos;
    std::unordered_map<std::string, u32> specials;
    std::unique_ptr<Trie> trie;
    std::unique_ptr<Store> store;
};

// What both kinds of grammar offer: states are integers, 0 is the dead one.
class Engine {
  public:
    virtual ~Engine();
    virtual u32 start() = 0;
    virtual u32 step(u32 state, u8 byte) = 0;
    virtual u32 special(u32 state, u32 index) = 0;
    // The state after any bytes at all, none among them: what an elastic hole may have left.
    u32 hole(u32 state) {
        u32 to = behind_holes.find(state);
        if (to == NONE) behind_holes.put(state, to = hole_slow(state));
        return to;
    }
    virtual bool complete(u32 state) = 0;
    virtual void add_mask(u32 state, u32* mask) = 0;          // byte tokens only
    virtual void specials(u32 state, std::vector<u32>& out) = 0;  // machine indices of special tokens that fit
    virtual void expected(u32 state, std::vector<u32>& out) = 0;  // terminals that may stand or go on here
    virtual u32 bound(u32 state) = 0;   // no sentence is nearer than this many bytes
    virtual u32 within(u32 state) = 0;  // some sentence is at most this many bytes away
    // The same in parts, FAR where it is not known: from a state of a terminal (or of the lexer) to the end of its lexeme, and from a
    // state of the machine to the end of its box.
    virtual u32 lexeme_within(u32 term, u32 q) = 0;
    virtual u32 box_within(u32 state) = 0;
    // For canvases: the machine that the engine runs on, its explored lexer (or null), and whether a state and what stands to the
    // right of it can be one sentence.
    virtual const Machine& base() const = 0;
    virtual const Lexer* lexing() const = 0;
    virtual bool joins(u32 state, class Suffix& suffix) = 0;
    // A state as places: items of its frontiers, where q is a state of the terminal, or with a lexer one of the lexer; and back.
    virtual void places(u32 state, std::vector<Item>& out) = 0;
    virtual u32 state_at(std::vector<Item>& places) = 0;
    virtual u32 unite(std::vector<u32>& states) = 0;  // where the text stands in one of them; uses them up
    virtual Frontiers& frontiers() = 0;
    // ORs the byte tokens after which a state still joins what begins with a hole.
    virtual void add_mask(u32 state, class Suffix& suffix, u32* mask) = 0;
    class Holes& holes();                // what can be read in a hole; made when it is asked for
    virtual std::size_t bytes() = 0;
    virtual void compact(std::vector<u32*>& live) = 0;

  protected:
    virtual u32 hole_slow(u32 state) = 0;
    std::size_t hole_bytes() const;
    void forget_holes();   // for compact()
    // add_mask, token by token; of the tokens in `only` if that is given.
    void try_all(const Trie& trie, u32 state, class Suffix& suffix, u32* mask, const u32* only = nullptr);

  private:
    FlatMap behind_holes;  // state -> state
    std::unique_ptr<class Holes> in_holes;
};
std::unique_ptr<Engine> make_engine(const Machine& m, Store* store, const Limits& limits);

}  // namespace weft
