// Interning: a value is stored once and known by an integer, so that equal values have equal numbers.
#pragma once

#include <algorithm>

#include "common.hpp"

namespace weft {

// Spans of trivially copyable T, in one block of memory.
template <class T>
class SpanPool {
  public:
    SpanPool() { clear(); }
    void clear() {
        data.clear(), at.assign(1, 0), hashes.clear();
        table.assign(64, NONE);
    }
    u32 intern(const T* p, std::size_t n) {
        u64 h = hash_span(p, n);
        std::size_t mask = table.size() - 1, i = h & mask;
        for (; table[i] != NONE; i = (i + 1) & mask) {
            u32 id = table[i];
            if (hashes[id] == h && at[id + 1] - at[id] == n && (n == 0 || std::memcmp(data.data() + at[id], p, n * sizeof(T)) == 0)) return id;
        }
        return put(i, h, p, n);
    }
    u32 intern(const std::vector<T>& v) { return intern(v.data(), v.size()); }
    u32 add(const std::vector<T>& v) {  // a span of its own, whether an equal one is there or not
        u64 h = hash_span(v.data(), v.size());
        std::size_t mask = table.size() - 1, i = h & mask;
        while (table[i] != NONE) i = (i + 1) & mask;
        return put(i, h, v.data(), v.size());
    }
    const T* begin(u32 id) const { return data.data() + at[id]; }
    std::size_t size(u32 id) const { return at[id + 1] - at[id]; }
    u32 size() const { return u32(at.size()) - 1; }
    std::size_t bytes() const { return data.size() * sizeof(T) + at.size() * 16 + table.size() * 4; }

  private:
    u32 put(std::size_t i, u64 h, const T* p, std::size_t n) {
        u32 id = size();
        table[i] = id;
        data.insert(data.end(), p, p + n);
        at.push_back(data.size());
        hashes.push_back(h);
        if (std::size_t(id) * 2 > table.size()) grow();
        return id;
    }
    void grow() {
        table.assign(table.size() * 2, NONE);
        for (u32 id = 0; id < size(); ++id) {
            std::size_t i = hashes[id] & (table.size() - 1);
            while (table[i] != NONE) i = (i + 1) & (table.size() - 1);
            table[i] = id;
        }
    }
    std::vector<T> data;
    std::vector<std::size_t> at;
    std::vector<u64> hashes;
    std::vector<u32> table;
};

// u64 -> u32, open addressing; the key ~0 is not used. While it is empty it takes no memory.
class FlatMap {
  public:
    void clear() { slots.clear(), count = 0; }
    u32 find(u64 key) const {
        if (count == 0) return NONE;
        std::size_t mask = slots.size() - 1;
        for (std::size_t i = mix64(key) & mask;; i = (i + 1) & mask) {
            if (slots[i].key == key) return slots[i].value;
            if (slots[i].key == ~u64(0)) return NONE;
        }
    }
    void put(u64 key, u32 value) {
        if (++count * 3 > slots.size() * 2) {
            std::vector<Slot> old(slots.empty() ? 256 : slots.size() * 2, {~u64(0), 0});
            old.swap(slots);
            for (auto& s : old)
                if (s.key != ~u64(0)) insert(s.key, s.value);
        }
        insert(key, value);
    }
    void set(u64 key, u32 value) { insert(key, value); }  // of a key that is there
    std::size_t bytes() const { return slots.size() * sizeof(Slot); }

  private:
    struct Slot {
        u64 key;
        u32 value;
    };
    void insert(u64 key, u32 value) {
        std::size_t mask = slots.size() - 1, i = mix64(key) & mask;
        while (slots[i].key != ~u64(0) && slots[i].key != key) i = (i + 1) & mask;
        slots[i] = {key, value};
    }
    std::vector<Slot> slots;
    std::size_t count = 0;
};

}  // namespace weft
