// Sets of states of a terminal, its counts apart.
#pragma once

#include "chain.hpp"
#include "terminal.hpp"

namespace weft {

// A set of states of a terminal that may differ in their counts alone. Most sets are so small that they need no index.
class CountedSet {
  public:
    struct Member : Counted {
        u32 before;  // the member with other counts that was added before it, if there is an index
    };
    void clear() { members.clear(), latest.clear(); }
    void assign(const std::vector<Counted>& states) {  // which are a set
        clear();
        for (const Counted& s : states) members.push_back({s, NONE});
    }
    void add(const Counted& s) {
        auto covers = [&](const Member& x) { return x.state == s.state && x.low <= s.low && s.high <= x.high; };
        if (latest.empty()) {
            if (std::any_of(members.begin(), members.end(), covers)) return;
        } else {
            for (u32 k = latest_of(s.state); k != NONE; k = members[k].before)
                if (covers(members[k])) return;
        }
        members.push_back({s, NONE});
        if (members.size() < FEW) return;
        if (members.size() * 2 <= latest.size()) return index(u32(members.size()) - 1);
        latest.assign(members.size() * 4, NONE);
        for (u32 k = 0; k < members.size(); ++k) index(k);
    }
    // Adds all that these states can become by any bytes.
    void close(const Terminal& t) {
        std::vector<Counted> stepped;
        for (std::size_t i = 0; i < members.size(); ++i) {
            stepped.clear();
            t.step(members[i], Terminal::ANY, stepped);
            for (const Counted& x : stepped) add(x);
            if (members.size() > CLOSURE_STATES)
                throw LimitFault("a hole can hold too many states of one terminal", CLOSURE_STATES, members.size());
        }
    }
    std::vector<Member> members;

  private:
    static constexpr std::size_t FEW = 24;
    u32& latest_of(u32 state) {
        std::size_t at = mix64(state) % latest.size();
        while (latest[at] != NONE && members[latest[at]].state != state) at = at + 1 == latest.size() ? 0 : at + 1;
        return latest[at];
    }
    void index(u32 k) { members[k].before = std::exchange(latest_of(members[k].state), k); }
    std::vector<u32> latest;  // hashed by state: the latest member
};

}  // namespace weft
