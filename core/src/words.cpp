#include "words.hpp"

#include <algorithm>

#include "intern.hpp"

namespace weft {

namespace {

class WordTree {
  public:
    WordTree(const Dfa& base, bool accepted, const Limits& limits) : base(base), accepted(accepted), limits(limits), plain(base.size()) {}

    Dfa build(std::vector<std::string> words) {
        std::sort(words.begin(), words.end());
        open.push_back({base.empty() ? DEAD : base.start, false, 0});
        std::string_view path;
        for (auto& word : words) {
            std::size_t common = 0;
            while (common < path.size() && common < word.size() && path[common] == word[common]) ++common;
            while (open.size() > common + 1) close(u8(path[open.size() - 2]));
            for (std::size_t i = common; i < word.size(); ++i)
                open.push_back({open.back().state == DEAD ? DEAD : base.step(open.back().state, u8(word[i])), false, edges.size()});
            open.back().changed = accepts(open.back().state) != accepted;
            path = word;
        }
        while (open.size() > 1) close(u8(path[open.size() - 2]));
        return write(finish_node());
    }

  private:
    struct Open {  // a node on the path to the last word
        u32 state;         // of the base
        bool changed;      // a word ends here, and the base does not treat it as it should be
        std::size_t from;  // its edges so far: edges[from..]
    };
    struct Node {
        u32 state;
        bool accept;
        Hash128 hash;
        ByteSet reads;
    };
    struct Plain {  // a state of the base below which words go on
        RowName name;
        std::size_t row = NONE;  // in `rows`
        bool known = false;
    };
    static constexpr u32 SAME = NONE - 1;  // a subtree in which nothing is changed
    const Dfa& base;
    bool accepted;
    const Limits& limits;
    std::vector<Open> open;
    std::vector<std::pair<u32, u32>> edges;  // byte, node
    std::vector<Node> nodes;
    SpanPool<u32> shapes;  // of nodes: state, changed, (byte, node)*
    std::vector<u32> shape, rows;
    std::vector<Plain> plain;

    bool accepts(u32 s) const { return s != DEAD && base.accept[s]; }

    void close(u8 byte) {  // the last open node; `byte` leads there
        u32 node = finish_node();
        if (node != SAME) edges.emplace_back(byte, node);
    }

    u32 finish_node() {
        Open node = open.back();
        open.pop_back();
        shape.assign({node.state, node.changed});
        bool accept = accepts(node.state) != node.changed, live = accept;
        ByteSet reads = node.state == DEAD ? ByteSet{} : base.reads[node.state];
        for (std::size_t k = node.from; k < edges.size(); ++k) {
            auto [byte, to] = edges[k];
            shape.push_back(byte), shape.push_back(to);
            reads.remove(u8(byte));
            live = live || to != DEAD;
        }
        edges.resize(node.from);
        if (shape.size() == 2 && !node.changed) return SAME;
        if (!live && reads.empty()) return DEAD;
        u32 id = shapes.intern(shape);
        if (id < nodes.size()) return id;
        if (id + base.size() >= limits.dfa_states)
            throw LimitFault("a list of literals needs too many states", limits.dfa_states, u64(id) + base.size() + 1, "raise Limits.dfa_states");
        RowName row = node.state == DEAD ? RowName{} : look(node.state).name;
        for (std::size_t k = 2; k < shape.size(); k += 2) {
            u8 byte = u8(shape[k]);
            u32 to = shape[k + 1], without = node.state == DEAD ? DEAD : base.step(node.state, byte);
            if (without != DEAD) row.remove(byte, base.hash[without]);
            if (to != DEAD) row.add(byte, nodes[to].hash), reads.add(byte);
        }
        Hash128 name;
        row.add_to(name, accept, 1);
        nodes.push_back({node.state, accept, name, reads});
        return id;
    }

    const Plain& look(u32 q) {
        Plain& p = plain[q];
        if (!p.known) {
            p.known = true;
            base.reads[q].each([&](u8 b) { p.name.add(b, base.hash[base.step(q, b)]); });
        }
        return p;
    }

    Dfa write(u32 root) {
        if (root == SAME) return base;
        Dfa d;
        d.classes = 1;
        if (root == DEAD) return d;
        ByteSet letters;
        for (u32 id = 0; id < shapes.size(); ++id)
            for (std::size_t k = 2; k < shapes.size(id); k += 2) letters.add(u8(shapes.begin(id)[k]));
        PairClasses classes(base.class_of, letters);
        std::memcpy(d.class_of, classes.class_of, 256);
        d.classes = classes.size();
        // the nodes, the root first, then what is reached of the base
        u32 count = u32(nodes.size());
        std::vector<u32> number(base.size(), NONE), reached;
        auto number_of = [&](u32 q) {
            if (q == DEAD) return DEAD;
            if (number[q] == NONE) number[q] = count + u32(reached.size()), reached.push_back(q);
            return number[q];
        };
        auto add = [&](bool accept, const Hash128& name, const ByteSet& reads) {
            d.accept.push_back(accept), d.label.push_back(accept), d.hash.push_back(name), d.reads.push_back(reads);
        };
        auto row_of = [&](u32 q, std::vector<u32>& out) {
            for (u8 c : classes.a) out.push_back(number_of(base.next[std::size_t(q) * base.classes + c]));
        };
        d.next.reserve((std::size_t(count) + base.size()) * d.classes);
        for (u32 id = count; id-- > 0;) {
            const Node& node = nodes[id];
            add(node.accept, node.hash, node.reads);
            std::size_t at = d.next.size();
            if (node.state == DEAD) {
                d.next.resize(at + d.classes, DEAD);
            } else {
                Plain& p = plain[node.state];
                if (p.row == NONE) p.row = rows.size(), row_of(node.state, rows);
                d.next.insert(d.next.end(), rows.begin() + long(p.row), rows.begin() + long(p.row + d.classes));
            }
            const u32* s = shapes.begin(id);
            for (std::size_t k = 2; k < shapes.size(id); k += 2) d.next[at + d.class_of[s[k]]] = s[k + 1] == DEAD ? DEAD : count - 1 - s[k + 1];
        }
        for (std::size_t i = 0; i < reached.size(); ++i) {
            u32 q = reached[i];
            add(base.accept[q], base.hash[q], base.reads[q]);
            row_of(q, d.next);
        }
        return d;
    }
};

}  // namespace

Dfa set_words(const Dfa& base, std::vector<std::string> words, bool accepted, const Limits& limits) {
    return WordTree(base, accepted, limits).build(std::move(words));
}

}  // namespace weft
