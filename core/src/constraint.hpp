// A grammar bound to a vocabulary, and the readers that walk it: Matcher over tokens, Recognizer over bytes.
//
// A Constraint is shared by threads and requests. What it has learnt (frontiers, steps, masks) sits behind one lock per constraint;
// a reader holds only integers into it. When the tables outgrow their limit, what no live reader needs is forgotten.
#pragma once

#include <list>
#include <set>

#include "budget.hpp"
#include "suffix.hpp"

namespace weft {

class Constraint {
  public:
    Constraint(std::shared_ptr<const Machine> machine, std::shared_ptr<Vocabulary> vocabulary, const Limits& limits);
    void mask(u32 state, u32* out);         // needs the lock
    void add_mask(u32 state, Suffix& suffix, u32* out);  // needs the lock; ORs the tokens after which a hole and the rest can follow
    u32 commit(u32 state, u32 token);       // needs the lock; 0 when it does not fit
    std::shared_ptr<Suffix> suffix(Chain chain, u64 max_items);  // needs the lock; the same one as long as somebody holds it
    void tidy();                            // needs the lock: forget what no reader needs, when there is too much

    std::shared_ptr<const Machine> machine;
    std::shared_ptr<Vocabulary> vocabulary;  // may be null: bytes only
    std::unique_ptr<Engine> engine;
    std::vector<u32> special_ids;            // machine's special index -> token id
    std::unique_ptr<Budget> budget;          // with a vocabulary
    FlatMap after_any, after_few;            // state -> where any token, or any of one byte, leads from there; see mixed.cpp
    std::shared_ptr<struct CanvasTables> canvas_tables;  // see solver.hpp; made when a canvas is first asked about
    Limits limits;
    std::mutex lock;
    std::set<std::vector<u32>*> readers;     // the histories of live readers
    std::size_t bytes() const { return engine->bytes() + masks_used; }

  private:
    std::unordered_map<u32, std::vector<u32>> masks;
    std::size_t masks_used = 0, threshold;
    std::vector<std::weak_ptr<Suffix>> suffixes;
};

class Reader {  // a history of states, known to its constraint
  public:
    explicit Reader(std::shared_ptr<Constraint> c);
    Reader(const Reader& o);
    Reader& operator=(const Reader&) = delete;
    ~Reader();
    std::shared_ptr<Constraint> constraint;
    std::vector<u32> states;  // states[k]: after k commits; never empty
};

class Matcher : public Reader {
  public:
    // max_tokens: the text can always be finished within so many tokens, its end token not counted; NONE for no limit.
    // Throws LimitFault when no sentence was found that fits.
    explicit Matcher(std::shared_ptr<Constraint> c, u32 max_tokens = NONE);
    std::vector<u32> tokens;
    bool stopped = false;
    u32 max_tokens = NONE;

    void mask(u32* out);
    std::size_t commit(const std::vector<u32>& ids);  // how many fit; all or nothing: state changes only if all do
    void rollback(std::size_t n);
    bool is_complete();
    std::vector<u32> forced();
    std::size_t count_legal(const std::vector<u32>& draft);
    void masks(const std::vector<u32>& draft, u32* out);

  private:
    struct Place {  // where a reading stands, with what a budget must know
        u32 state, left;                               // tokens left; NONE: no limit
        std::shared_ptr<const std::vector<u32>> plan;  // a way to finish, when the state's own certificate may be longer
        std::size_t at = 0;                            // how much of it is done
    };
    Place here() const;
    void mask_at(const Place& p, u32* out);      // needs the lock, like the next two
    bool advance(Place& p, u32 token);
    std::size_t run(const std::vector<u32>& ids, std::vector<Place>& out);
    std::vector<Place> places;                   // with a budget: one per entry of `states`
};

class Recognizer : public Reader {
  public:
    explicit Recognizer(std::shared_ptr<Constraint> c) : Reader(std::move(c)) {}
    std::size_t feed(std::string_view data);  // bytes that fit
    bool is_complete();
    std::vector<u32> allowed_bytes();
    std::vector<std::string> expected();
    void rollback(std::size_t n);
};

}  // namespace weft
