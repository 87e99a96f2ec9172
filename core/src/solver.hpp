// A canvas against a constraint, token by token: Levels for its slots, a Suffix for what stands to the right of an elastic hole, and
// searches that choose fillings (see fillings.hpp).
#pragma once

#include <array>
#include <map>

#include "chart.hpp"
#include "constraint.hpp"
#include "few.hpp"
#include "inner.hpp"

namespace weft {

struct Element {
    enum Kind : u8 { Text, Token, Slot, Hole, Closed } kind = Text;
    std::string text;  // Text; Hole and Closed: what was written so far
    u32 token = NONE;
    bool operator==(const Element& o) const { return kind == o.kind && text == o.text && token == o.token; }
};

// What the canvases of one constraint share.
struct CanvasTables {
    std::shared_ptr<Moves> moves;
    std::shared_ptr<Stacks> stacks;
    FewTokens tokens;
    std::optional<FewTokens> hiding;  // for masks, once one is asked for
    std::unique_ptr<InnerTokens> inner;
    std::vector<u32> readable;        // a mask: tokens whose bytes all occur in the language; empty until a mask is asked for
    FlatMap farthest, near;  // of sets of stacks: see Ending
};

// Tokens of a slot that lead from one state of the engine to one other.
struct TokenGroup {
    u32 to;
    std::vector<std::pair<u32, u32>> ranges;  // of ranks, see Trie
    std::vector<u32> specials;
    template <class Visit>
    void each(const Trie& trie, const Visit& visit) const {
        for (auto [from, end] : ranges)
            for (u32 r = from; r < end; ++r) visit(trie.ranked[r]);
        for (u32 t : specials) visit(t);
    }
};

class Solver : private Reader {
  public:
    // before: a solver of the same canvas some orders ago, or null; what did not change is taken over.
    Solver(std::shared_ptr<Constraint> c, std::vector<Element> elements, u64 max_states, u64 max_items, const Solver* before);

    bool open() const { return is_open; }
    // Tokens that may stand in the slot, or be appended to the elastic hole.
    void mask(u32 element, u32* out);
    // How many of these tokens, from the first one on, can be put into their slots together.
    u32 admit(const std::vector<std::pair<u32, u32>>& proposals);  // (element, token)
    u32 forced(u32 element);              // the one token that may stand in the slot; NONE if there are others, or none
    bool can_close(u32 element);          // an elastic hole
    std::string witness();                // the whole text, with as little as possible in elastic holes
    u32 least_bytes(u32 element);         // fewest bytes in an elastic hole, from what is written there on
    // scores: one row of vocabulary size per element, read for slots only; the token of each slot, NONE elsewhere.
    // Empty where every filling has the score -inf.
    std::vector<u32> best(const double* scores);
    std::vector<u32> sample(const double* scores, u64 seed);
    u32 least_tokens();                   // open slots that the shortest filling leaves without an end token

  private:
    friend class Fillings;
    // The canvas where slots hold one of a few tokens; see few.hpp.
    struct Ways {
        std::vector<Narrowed> chosen;
        std::vector<std::shared_ptr<Levels>> all;      // of these, as far as they were tried
        std::shared_ptr<Levels> open;                  // the one of these that showed that the canvas is open, or null
    };
    struct Part {
        std::vector<Place> places;
        u32 fan = 0;                               // bytes with which its lexemes may go on
    };
    static constexpr u64 BRIEF = 50;               // see `allow`: for an answer that is hoped for, not owed
    static constexpr u32 SHARE = 16;               // one in so many tokens are many
    static constexpr std::size_t FEW_STATES = 16;  // lexical ones, for which groups of tokens are told apart

    // Verdicts, and what all questions need.
    bool find_open(const Solver* before);
    bool is_dead_with_more();
    void find_tables();
    std::vector<Pick> find_picks();
    std::shared_ptr<Levels> levels_with(std::vector<Pick> some, std::size_t tail, bool suffices);
    bool can_fill(Levels& some);
    std::size_t tail_of(const std::vector<Pick>& some) const;
    bool can_fill_widened(std::shared_ptr<Levels>& some, Narrowed& way);
    // Whether some of the fillings are sentences, found with what is known of another canvas.
    bool is_open_with_few(const FewTokens& tokens, const Ways& before, const std::vector<Pick>& picks, u64 part, std::size_t most, Ways& found);
    bool fits(const std::vector<std::pair<u32, u32>>& proposals) const;
    std::vector<Place> places_of(u32 state);       // of an engine state
    u32 state_of(const std::vector<Place>& places);
    template <class Size, class At, class Make>
    u32 copy_stack(u32 node, FlatMap& done, const Size& size, const At& at, const Make& make);
    u32 node_from(u32 node);                       // from the engine's stacks to those of the levels
    u32 node_to(u32 node);
    bool lives(Levels& some, std::size_t pick, u32 state);  // an engine state that some filling leads to: can the rest be completed?
    u32 read_text(std::string_view text, u32 state);
    u32 read(std::size_t element, u32 state);      // an engine state after text or a token that is no end token
    bool may_be_nothing(const Element& e) const;
    bool is_end(const Element& e) const { return e.kind == Element::Token && constraint->vocabulary->is_end(e.token); }
    bool ends_before(std::size_t element) const;   // an end token stands to the left
    std::size_t slot_at(u32 element) const { return std::size_t(element) + (element >= hole); }  // behind what is written into the first hole
    void begin_call();
    void allow_all();
    void allow(u64 part);                          // one in so many of the limit
    u64 room() const;                              // bytes for the tables of canvases

    // Masks of slots; see slots.cpp.
    template <class Ask>
    bool try_now(const Ask& ask);
    void slot_mask(std::size_t element, u32* out, u32 enough = NONE);
    void add_exactly(std::size_t pick, u32* out, const u32* only);
    void add_tokens_between(std::size_t element, std::vector<u32> doubtful, u32* found, u32 enough);
    void add_ends_between(std::size_t element, u32* found);
    bool with_open_part(const std::vector<Pick>& canvas, u64& part, u64 most, const std::function<void(Levels&)>& visit);
    void least_mask(std::size_t element, u32* out, const u32* only);
    void add_near(std::size_t element, u32* out);
    void add_near(std::size_t element, u32 least, std::size_t ending, u32* out);
    const FewTokens& hiding();
    u32 hiding(u32 words, std::size_t least);
    u64 steps() const;                             // that the tables of canvases have taken
    bool outlasts_text(std::size_t pick);
    bool shows_two(std::size_t element);

    // Tokens by where they lead; see tokens.cpp.
    std::vector<TokenGroup> groups(u32 state);
    template <class Visit>
    void for_each_special(u32 state, const Visit& visit) {  // visit(token, state after it)
        std::vector<u32> specials;
        constraint->engine->specials(state, specials);
        for (u32 k : specials) visit(constraint->special_ids[k], constraint->engine->special(state, k));
    }
    std::vector<Part> parts_of(std::vector<Place> places);
    const std::vector<u32>& readable();
    u32 words_of(const std::vector<u32>& tokens);  // of a mask
    std::vector<u32> tokens_left(const u32* out, const u32* only);
    bool are_few(const std::vector<u32>& tokens) const;
    bool are_many(const std::vector<u32>& tokens) const;
    std::size_t left_out(const Levels& some) const { return picks - some.all_picks().size(); }  // picks before its first element
    void add_tokens(Levels& some, const std::vector<Place>& places, std::size_t pick, u32* out, const u32* only);
    std::vector<u32> add_where(u32 state, const std::vector<u32>& tokens, u32* out, u32 most, const std::function<bool(u32)>& goes_on);
    std::vector<std::vector<u32>> classes_of(u32 state, const std::vector<u32>& tokens, std::vector<u32>& walked);
    std::vector<u32> lexical_states(u32 state);    // of an engine state
    void add_inner(Levels& some, const Part& part, std::size_t pick, u32* out);
    void add_ends(Levels& some, std::size_t pick, u32* out);
    bool lives(Levels& some, std::size_t at, const std::vector<Place>& places, u32 words);

    // What any bytes in place of the other slots let stand; see joining.cpp.
    u32 any_before(std::size_t element);
    Chain behind(std::size_t element, bool hole_first) const;
    void keep_most(std::size_t element, u32 state, std::vector<u32>& tokens);
    void keep_joining(std::size_t element, u32 state, std::vector<u32>& tokens);
    bool may_go_on(std::size_t element, u32 state, std::map<std::size_t, std::shared_ptr<Suffix>>& rest);

    // Elastic holes; see elastic.cpp.
    Chain chain_from(std::size_t element, bool with_hole, u8 price_of_others) const;
    void add_to(Chain& chain, std::size_t from, std::size_t to, u8 price_of_holes) const;
    std::size_t open_hole(u32 element) const;      // in the caller's count
    // Of an elastic hole in our count of elements: the engine state to the left of what may be appended, and what stands to the right of
    // it when it is open, or when it ends here.
    u32 left_of(std::size_t element);
    Suffix& right_of(std::size_t element, bool when_open);
    void take_rights(const Solver& before);
    std::size_t changed_hole(const Solver* before) const;

    // Slots behind an open elastic hole; see mixed.cpp.
    u32 fixed(std::size_t element, u32 state);
    u32 fixed_or_end(std::size_t element, u32 state);
    u32 opened(std::size_t element, u32 state, bool few = false);
    u32 any_token(u32 state, bool few);            // few: of those of one byte, with which all can be written
    bool slots_after(std::size_t element) const;
    bool is_open_mixed();
    bool lives_from(std::size_t element, u32 state);
    bool can_end(std::size_t element, u32 state, bool few);
    bool lives_behind(std::size_t element, u32 state);
    bool may_have_ended(std::size_t element);
    void mixed_mask(std::size_t element, u32* out);

    // states.back(), of the reader: where the fixed elements before `first` lead
    std::vector<Element> elements;
    u64 max_states, max_items;
    std::size_t stop;                              // first elastic hole, or the number of elements
    std::size_t hole;                              // the same in the caller's count of elements
    std::size_t first = 0;                         // elements before this one are fixed, and read by the engine
    std::vector<std::size_t> pick_of;              // per element from `first` to `stop`: its first pick
    std::vector<u8> tail_free;                     // per element up to `stop`: only slots and end tokens follow
    std::size_t picks = 0, tail = 0;               // how many picks there are; from `tail` on they are open slots that may stay empty
    std::shared_ptr<Suffix> suffix;                // right of the first hole when it is open
    std::map<std::size_t, std::array<std::shared_ptr<Suffix>, 2>> rights;  // of any hole: elements from it to the end -> (closed, open)
    std::shared_ptr<class Side> side;
    Levels::Right right{};                         // but for its tail
    std::shared_ptr<CanvasTables> tables;
    std::shared_ptr<Levels> levels;                // of the slots; null without any
    Ways ways;
    std::shared_ptr<Levels> ended;                 // what showed that the canvas is open, where the text ends soon; null until it is asked for
    u64 effort = 0;                                // trie nodes that slots behind a hole have cost in this call
    u64 asked = 0;                                 // states of which it was found whether they live
    FlatMap from, to, alive;                       // caches of one call: the engine's numbers may change between calls
    std::map<std::size_t, std::size_t> lefts;      // hole behind the first -> where `states` has what stands left of it, from the end
    bool is_open = false, mixed = false;           // mixed: slots stand behind an open elastic hole
};

}  // namespace weft
