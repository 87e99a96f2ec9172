// Sets of states, and lists of numbers, as runs along a text fill and empty them.
#pragma once

#include "terminal.hpp"

namespace weft {

// A set of states of an automaton, emptied at no cost.
class StateSet {
  public:
    void clear() {
        members.clear();
        if (++now == 0) std::fill(stamps.begin(), stamps.end(), 0), now = 1;
    }
    bool add(u32 s) {
        if (s >= stamps.size()) stamps.resize(s + 1 + s / 2, 0);
        if (stamps[s] == now) return false;
        stamps[s] = now;
        members.push_back(s);
        return true;
    }
    std::vector<u32> members;

  private:
    std::vector<u32> stamps;
    u32 now = 1;
};

// The same for states of a terminal whose counts may differ. Most sets are so small that they need no index.
class CountedSet {
  public:
    struct Member : Counted {
        u32 before;  // the member with other counts that was added before it, if there is an index
    };
    void clear() { members.clear(), latest.clear(); }
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

// Lists of numbers by key, one behind the other.
class Lists {
  public:
    const u32* begin(u32 list) const { return values.data() + at[list]; }
    const u32* end(u32 list) const { return values.data() + at[list + 1]; }
    u32 add(const std::vector<u32>& list) {
        values.insert(values.end(), list.begin(), list.end());
        at.push_back(values.size());
        return u32(at.size()) - 2;
    }

  private:
    std::vector<u32> values;
    std::vector<std::size_t> at{0};
};

}  // namespace weft
