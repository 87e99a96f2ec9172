// A grammar bound to a vocabulary, and the readers that walk it: Matcher over tokens, Recognizer over bytes.
//
// A Constraint is shared by threads and requests. What it has learnt (frontiers, steps, masks) sits behind one lock per constraint;
// a reader holds only integers into it. When the tables outgrow their limit, what no live reader needs is forgotten.
#pragma once

#include <list>
#include <set>

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
    virtual ~Engine() = default;
    virtual u32 start() = 0;
    virtual u32 step(u32 state, u8 byte) = 0;
    virtual u32 special(u32 state, u32 index) = 0;
    virtual bool complete(u32 state) = 0;
    virtual void add_mask(u32 state, u32* mask) = 0;          // byte tokens only
    virtual void specials(u32 state, std::vector<u32>& out) = 0;  // machine indices of special tokens that fit
    virtual void expected(u32 state, std::vector<u32>& out) = 0;  // terminals that may stand or go on here
    virtual std::size_t bytes() = 0;
    virtual void compact(std::vector<u32*>& live) = 0;
};
std::unique_ptr<Engine> make_engine(const Machine& m, Store* store, const Limits& limits);

class Constraint {
  public:
    Constraint(std::shared_ptr<const Machine> machine, std::shared_ptr<Vocabulary> vocabulary, const Limits& limits);
    void mask(u32 state, u32* out);         // needs the lock
    u32 commit(u32 state, u32 token);       // needs the lock; 0 when it does not fit
    void tidy();                            // needs the lock: forget what no reader needs, when there is too much

    std::shared_ptr<const Machine> machine;
    std::shared_ptr<Vocabulary> vocabulary;  // may be null: bytes only
    std::unique_ptr<Engine> engine;
    std::vector<u32> special_ids;            // machine's special index -> token id
    Limits limits;
    std::mutex lock;
    std::set<std::vector<u32>*> readers;     // the histories of live readers
    std::size_t bytes() const { return engine->bytes() + masks_used; }

  private:
    std::unordered_map<u32, std::vector<u32>> masks;
    std::size_t masks_used = 0, threshold;
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
    explicit Matcher(std::shared_ptr<Constraint> c) : Reader(std::move(c)) {}
    std::vector<u32> tokens;
    bool stopped = false;

    void mask(u32* out);
    std::size_t commit(const std::vector<u32>& ids);  // how many fit; all or nothing: state changes only if all do
    void rollback(std::size_t n);
    bool is_complete();
    std::vector<u32> forced();
    std::size_t count_legal(const std::vector<u32>& draft);
    void masks(const std::vector<u32>& draft, u32* out);

  private:
    std::size_t run(const std::vector<u32>& ids, std::vector<u32>& out);  // needs the lock
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
