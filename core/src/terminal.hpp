// Terminals: chains of automata, some of them counted.
//
// A Terminal is a chain of parts. Most have one part. A counted part repeats a prefix-free unit between `min` and `max` times and
// keeps a counter instead of copies of the unit, so a state of the terminal is (part, count, state of the unit) in one integer:
//
//   " CHAR{0,1000} "     part 0: the quote   part 1: CHAR, counted   part 2: the quote
#pragma once

#include "dfa.hpp"
#include "regex.hpp"

namespace weft {

struct Part {
    std::shared_ptr<const Dfa> dfa;
    bool counted = false;
    u32 min = 1, max = 1;  // of a counted part; max NONE: without end
    u32 base = 0;          // first state id of this part
    u32 counts() const { return counted ? (max == NONE ? min : max) + 1 : 1; }
};

// States of a counted part that differ in their counts alone: `state` is the one with count 0. Elsewhere both counts are 0.
struct Counted {
    u32 state, low = 0, high = 0;
};

struct Terminal {
    std::string literal;      // not empty: exactly these bytes, states 0..size
    std::vector<Part> parts;  // otherwise
    u32 states = 0;
    u32 start = 0;
    bool nullable = false;
    bool never = false;    // the empty language
    u32 special = NONE;    // not NONE: a special token, never bytes
    Hash128 key;           // of the whole
    // The bytes that can be read first, and anywhere; in a chain perhaps some more.
    ByteSet begins, letters;

    bool plain() const { return parts.size() == 1 && !parts[0].counted; }
    bool is_chain() const { return !parts.empty() && !plain(); }
    bool is_counted(u32 s) const { return is_chain() && parts[part_of(s)].counted; }
    // Calls use(step, accepts) with the two functions below, for many steps at once.
    template <class Use>
    auto with_steps(const Use& use) const {
        if (!literal.empty()) {
            const char* bytes = literal.data();
            const u32 n = u32(literal.size());
            return use([=](u32 s, u8 b) { return s < n && u8(bytes[s]) == b ? s + 1 : DEAD; }, [=](u32 s) { return s == n; });
        }
        if (plain()) {
            const Dfa* d = parts[0].dfa.get();
            return use([=](u32 s, u8 b) { return d->step(s, b); }, [=](u32 s) { return d->accept[s] != 0; });
        }
        return use([this](u32 s, u8 b) { return special != NONE ? DEAD : step_chain(s, b); }, [this](u32 s) { return special == NONE && accepts_chain(s); });
    }
    u32 step(u32 s, u8 b) const {
        return with_steps([=](auto step, auto) { return step(s, b); });
    }
    bool accepts(u32 s) const {
        return with_steps([=](auto, auto accepts) { return accepts(s); });
    }
    // The bytes that can follow; in a chain perhaps some more.
    ByteSet reads(u32 s) const {
        if (plain()) return parts[0].dfa->reads[s];
        ByteSet out;
        if (!literal.empty() && s < literal.size()) out.add(u8(literal[s]));
        else if (!parts.empty()) out = reads_chain(s);
        return out;
    }
    // How many different bytes can follow; 256 stands for "many" in a chain.
    u32 fan(u32 s) const {
        if (!literal.empty()) return s < literal.size() ? 1 : 0;
        if (plain()) return parts[0].dfa->reads[s].size();
        return special != NONE ? 0 : 256;
    }
    // The same for states that differ in their counts. Where a set of states is wanted, it need be no larger than if nothing was counted.
    Counted counted(u32 s) const;
    bool accepts(const Counted& s) const { return is_chain() ? accepts_chain(s.state + s.high * parts[part_of(s.state)].dfa->size()) : accepts(s.state); }
    // Adds where the byte leads. ANY: what any bytes lead to are these and what follows from them; of the counts, all of them.
    static constexpr int ANY = -1;
    void step(const Counted& s, int byte, std::vector<Counted>& out) const {
        if (is_chain()) return step_counted(s, byte, out);
        if (byte != ANY) {
            if (u32 to = step(s.state, u8(byte)); to != DEAD) out.push_back({to});
        } else if (!literal.empty()) {
            if (s.state < literal.size()) out.push_back({s.state + 1});
        } else {
            each_step(*parts[0].dfa, s.state, byte, [&](u32 to) { out.push_back({to}); });
        }
    }
    // A state of a counted part with count 0, after so many units instead; DEAD where the part does not go on so far.
    u32 recounted(u32 s, u32 count) const;
    bool goes_on(u32 s) const {  // false only where nothing can follow
        if (!literal.empty()) return s < literal.size();
        return plain() ? !parts[0].dfa->reads[s].empty() : !reads(s).empty();
    }
    u32 part_of(u32 s) const {
        u32 p = u32(parts.size()) - 1;
        while (parts[p].base > s) --p;
        return p;
    }

  private:
    u32 step_chain(u32 s, u8 b) const;
    ByteSet reads_chain(u32 s) const;
    bool accepts_chain(u32 s) const;
    u32 settle(u32 part, u32 s) const;
    u32 enter(u32 part, u8 b) const;       // the first byte of the parts from `part` on
    u32 entered(u32 part, u32 q) const;    // it led from the start of this part to its state q
    bool can_skip(u32 part) const;         // the parts from `part` on accept the empty text
    bool can_skip_one(u32 part) const {
        return parts[part].counted ? parts[part].min == 0 : parts[part].dfa->accept[parts[part].dfa->start] != 0;
    }
    template <class Visit>
    static void each_step(const Dfa& d, u32 s, int byte, const Visit& visit) {
        const u32 *row = d.next.data() + std::size_t(s) * d.classes, *end = row + d.classes;
        if (byte != ANY) row += d.class_of[byte], end = row + 1;
        for (u32 last = DEAD; row != end; ++row)
            if (*row != DEAD && *row != last) visit(last = *row);
    }
    void step_counted(const Counted& s, int byte, std::vector<Counted>& out) const;
};

std::shared_ptr<const Terminal> compile_terminal(const RxPtr& rx, const Limits& limits);
std::shared_ptr<const Terminal> literal_terminal(std::string bytes);
std::shared_ptr<const Terminal> special_terminal(u32 index);

}  // namespace weft
