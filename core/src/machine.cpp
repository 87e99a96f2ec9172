#include "machine.hpp"

#include <algorithm>
#include <cctype>
#include <map>

#include "intern.hpp"

namespace weft {

namespace {

constexpr u32 EPS = NONE;
constexpr u32 BOX = 0x80000000u;  // labels with this bit are calls, the others terminals
constexpr u32 COUNT_STATES = 4096;  // longer repeats of nonterminals are built by doubling

struct Net {  // the automaton of one nonterminal while it is being built
    struct Arc {
        u32 label, to;
        bool operator<(const Arc& o) const { return label != o.label ? label < o.label : to < o.to; }
    };
    std::vector<std::vector<Arc>> out;
    std::vector<u8> final;
    u32 entry = 0;
    u32 add() {
        out.emplace_back();
        final.push_back(0);
        return u32(out.size()) - 1;
    }
    void arc(u32 from, u32 label, u32 to) { out[from].push_back({label, to}); }
};

struct Box {  // the same, deterministic and minimal, without empty arcs (but see without_empty_arcs)
    std::vector<u32> at{0};  // arcs of state s: arcs[at[s]] .. arcs[at[s + 1]]
    std::vector<Net::Arc> arcs;
    std::vector<u8> final;
    u32 entry = 0;
    u32 size() const { return u32(final.size()); }
    void end_state(bool is_final) { at.push_back(u32(arcs.size())), final.push_back(is_final); }
};

class Builder {
  public:
    Builder(const GrammarSpec& g, const Limits& limits, TerminalCache& cache)
        : g(g), limits(limits), cache(cache), regular(g, limits, &cache), machine(std::make_shared<Machine>()) {}

    std::shared_ptr<const Machine> run() {
        machine->lexer = g.lexer;
        for (u32 i = 0; i < g.productions.size(); ++i)
            if (!boxes.emplace(g.productions[i].name, i).second)
                throw GrammarFault("nonterminal '" + std::string(g.productions[i].name) + "' is defined twice");
        nets.resize(g.productions.size());
        for (auto& p : g.productions)
            if (regular.terminal_named(p.name) != NONE) throw GrammarFault("'" + std::string(p.name) + "' is a nonterminal and a terminal", "one meaning per name");
        auto start = boxes.find(g.start);
        if (start == boxes.end()) throw GrammarFault("start symbol '" + std::string(g.start) + "' is never defined", names_near());
        if (g.lexer) name_terminals();
        // only what the start symbol reaches is built, so unused productions cost nothing
        std::vector<u32> queue{start->second};
        wanted.assign(nets.size(), 0);
        wanted[start->second] = 1;
        for (std::size_t i = 0; i < queue.size(); ++i) {
            build(queue[i]);
            for (u32 b : called) {
                if (b >= wanted.size()) wanted.resize(nets.size(), 0);
                if (!wanted[b]) wanted[b] = 1, queue.push_back(b);
            }
            called.clear();
        }
        wanted.resize(nets.size(), 0);
        remove_unproductive();
        add_nullable();
        remove_left_recursion();
        reduce_all(start->second);
        flatten(start->second);
        if (g.lexer) build_lexer();
        return machine;
    }

  private:
    const GrammarSpec& g;
    const Limits& limits;
    TerminalCache& cache;
    Regular regular;
    std::shared_ptr<Machine> machine;
    std::unordered_map<std::string_view, u32> boxes;
    std::vector<Net> nets;
    std::vector<Box> reduced;
    std::vector<u8> wanted, nullable;
    std::vector<u32> called;
    std::unordered_map<std::string, u32> terminal_ids;
    std::unordered_map<u64, u32> special_ids;
    std::vector<u32> named_ids;          // lexer: terminal index of g.terminals[i], NONE until used
    std::vector<int> priority;           // lexer: per terminal
    std::vector<u8> is_literal;          // lexer: per terminal
    std::vector<RxPtr> rxs;              // lexer: per terminal
    u64 made = 0, work = 0;

    std::string names_near() const {
        std::string s = "one of";
        u32 n = 0;
        for (auto& p : g.productions) {
            if (n++ == 8) break;
            s += (n > 1 ? ", " : " ") + std::string(p.name);
        }
        return s;
    }

    void spend(u64 n) {
        if ((made += n) > limits.box_states)
            throw LimitFault("the grammar needs too many states", limits.box_states, made, "lower the repeat counts, or raise Limits.box_states");
    }
    void toil(u64 n) {  // members of sets of states: few sets may still be large ones
        if ((work += n) > limits.box_states * u64(100))
            throw LimitFault("the grammar needs too large sets of states", limits.box_states * u64(100), work, "lower the repeat counts of what may be empty, or raise Limits.box_states");
    }
    u32 state(Net& n) {
        spend(1);
        return n.add();
    }

    // -- terminals ----------------------------------------------------------------------------------------------------

    u32 terminal(u32 expr) {
        std::string key;
        regular.key(expr, key);
        auto [it, fresh] = terminal_ids.try_emplace(key, u32(machine->terminals.size()));
        if (!fresh) return it->second;
        std::shared_ptr<const Terminal> t;
        if (g.exprs[expr].kind == Expr::Literal) t = compile_terminal(regular.to_rx(expr), limits);
        else if (!(t = cache.find(key))) cache.put(key, t = compile_terminal(regular.to_rx(expr), limits));
        add_terminal(t, describe(expr));
        if (g.lexer) {
            priority.push_back(0);
            is_literal.push_back(is_string(g.exprs[expr]));
            rxs.push_back(regular.to_rx(expr));
        }
        return it->second;
    }

    // A string, in Lark's sense: "select", and "select"i, which comes to us as the pattern /select/i.
    static bool is_string(const Expr& e) {
        if (e.kind == Expr::Literal) return true;
        if (e.kind != Expr::Pattern || e.flags != "i") return false;
        for (std::size_t k = 0; k < e.text.size(); ++k) {
            char c = e.text[k];
            if (c == '\\') {
                if (++k == e.text.size() || std::isalnum(u8(e.text[k]))) return false;  // \d, \x41
            } else if (std::string_view(".^$*+?()[]{}|").find(c) != std::string_view::npos) {
                return false;
            }
        }
        return true;
    }

    void add_terminal(const std::shared_ptr<const Terminal>& t, std::string name) {
        machine->terminals.push_back(t);
        machine->terminal_names.push_back(std::move(name));
    }

    std::string describe(u32 expr) const {
        const Expr& e = g.exprs[expr];
        if (e.kind == Expr::Literal) return "\"" + std::string(e.text) + "\"";
        if (e.kind == Expr::Pattern) return "/" + std::string(e.text) + "/" + std::string(e.flags);
        if (e.kind == Expr::Ref) return std::string(e.text);
        return "";
    }

    void name_terminals() {  // literals in productions are the terminal that is declared with the same text, if there is one
        named_ids.assign(g.terminals.size(), NONE);
        for (u32 i = 0; i < g.terminals.size(); ++i) {
            std::string key;
            regular.key(g.terminals[i].expr, key);
            literal_names.try_emplace(key, i);
        }
    }
    std::unordered_map<std::string, u32> literal_names;

    u32 named_terminal(u32 i) {
        if (named_ids[i] != NONE) return named_ids[i];
        u32 e = g.terminals[i].expr;
        std::string key;
        regular.key(e, key);
        std::shared_ptr<const Terminal> t = cache.find(key);
        if (!t) cache.put(key, t = compile_terminal(regular.to_rx(e), limits));
        named_ids[i] = u32(machine->terminals.size());
        add_terminal(t, std::string(g.terminals[i].name));
        priority.push_back(g.terminals[i].priority);
        while (g.exprs[e].kind == Expr::Ref) e = g.terminals[regular.terminal_named(g.exprs[e].text)].expr;
        is_literal.push_back(is_string(g.exprs[e]));
        rxs.push_back(regular.to_rx(e));
        return named_ids[i];
    }

    u32 special(const Expr& e) {
        std::string name = e.token == NONE ? std::string(e.text) : std::string();
        for (u32 i = 0; i < machine->specials.size(); ++i)
            if (machine->specials[i] == std::make_pair(name, e.token)) return special_ids[i];
        u32 index = u32(machine->specials.size());
        machine->specials.emplace_back(name, e.token);
        special_ids[index] = u32(machine->terminals.size());
        add_terminal(special_terminal(index), e.token == NONE ? name : "<[" + std::to_string(e.token) + "]>");
        if (g.lexer) priority.push_back(0), is_literal.push_back(0), rxs.push_back(nullptr);
        return special_ids[index];
    }

    // -- productions -> nets ------------------------------------------------------------------------------------------

    void build(u32 b) {
        Net net;
        net.entry = state(net);
        u32 end = expression(net, g.productions[b].expr, net.entry, 0);
        net.final[end] = 1;
        nets[b] = std::move(net);
    }

    u32 scan(Net& n, u32 t, u32 from) {
        u32 to = state(n);
        if (machine->terminals[t]->never) return to;  // unreachable
        n.arc(from, t, to);
        if (machine->terminals[t]->nullable) n.arc(from, EPS, to);
        return to;
    }

    u32 call(Net& n, u32 box, u32 from) {
        u32 to = state(n);
        n.arc(from, BOX | box, to);
        called.push_back(box);
        return to;
    }

    bool is_leaf(u32 i) const {  // becomes one terminal
        const Expr& e = g.exprs[i];
        if (!g.lexer) return regular.is_regular(i);
        return e.kind == Expr::Literal || e.kind == Expr::Pattern || e.kind == Expr::And || e.kind == Expr::Not || e.kind == Expr::Spelled;
    }

    u32 leaf(Net& n, u32 i, u32 from) {
        const Expr& e = g.exprs[i];
        if (e.kind == Expr::Literal && e.text.empty()) return from;
        if (g.lexer) {
            if (!regular.is_regular(i)) throw GrammarFault("And, Not and Spelled need regular parts", "terminals, literals and patterns", "move the nonterminal out of it");
            std::string key;
            regular.key(i, key);
            auto it = literal_names.find(key);
            if (it != literal_names.end()) return scan(n, named_terminal(it->second), from);
        }
        return scan(n, terminal(i), from);
    }

    u32 expression(Net& n, u32 i, u32 from, u32 depth) {
        if (depth > limits.depth) throw LimitFault("an expression is nested too deeply", limits.depth, depth, "raise Limits.depth");
        const Expr& e = g.exprs[i];
        if (e.kind == Expr::Ref) {
            auto it = boxes.find(e.text);
            if (it != boxes.end()) return call(n, it->second, from);
            u32 t = regular.terminal_named(e.text);
            if (t == NONE) throw GrammarFault("nonterminal '" + std::string(e.text) + "' is never defined", names_near());
            return scan(n, g.lexer ? named_terminal(t) : terminal(g.terminals[t].expr), from);
        }
        if (e.kind == Expr::Special) {
            u32 to = state(n);
            n.arc(from, special(e), to);
            return to;
        }
        if (is_leaf(i) && !(e.kind == Expr::Seq && e.count == 0)) return leaf(n, i, from);
        switch (e.kind) {
            case Expr::Seq: return sequence(n, e, from, depth);
            case Expr::Alt: {
                u32 end = state(n);
                for (u32 k = 0; k < e.count; ++k) {
                    u32 s = state(n);
                    n.arc(from, EPS, s);
                    n.arc(expression(n, g.children[e.first + k], s, depth + 1), EPS, end);
                }
                return end;
            }
            case Expr::Repeat: return repeat(n, e, from, depth);
            default: throw GrammarFault("And, Not and Spelled need regular parts", "terminals, literals and patterns", "move the nonterminal out of it");
        }
    }

    u32 sequence(Net& n, const Expr& e, u32 from, u32 depth) {
        for (u32 k = 0; k < e.count;) {
            u32 child = g.children[e.first + k], run = k;
            if (!g.lexer)
                while (run < e.count && mergeable(g.children[e.first + run])) ++run;
            if (run > k + 1) {  // neighbours that are regular become one terminal
                from = scan(n, merged(e, k, run), from);
                k = run;
            } else {
                from = expression(n, child, from, depth + 1);
                ++k;
            }
        }
        return from;
    }

    bool mergeable(u32 i) const { return regular.is_regular(i) && g.exprs[i].kind != Expr::Ref; }

    u32 merged(const Expr& e, u32 from, u32 to) {
        std::string key = "+";
        for (u32 k = from; k < to; ++k) regular.key(g.children[e.first + k], key);
        auto [it, fresh] = terminal_ids.try_emplace(key, u32(machine->terminals.size()));
        if (!fresh) return it->second;
        std::shared_ptr<const Terminal> t = cache.find(key);
        if (!t) {
            std::vector<RxPtr> items;
            std::string all;
            bool literal = true;
            for (u32 k = from; k < to; ++k) {
                const Expr& c = g.exprs[g.children[e.first + k]];
                literal = literal && c.kind == Expr::Literal;
                if (literal) all += c.text;
                items.push_back(regular.to_rx(g.children[e.first + k]));
            }
            t = compile_terminal(literal ? rx_bytes(all) : rx_cat(std::move(items)), limits);
            if (!literal) cache.put(key, t);
        }
        add_terminal(t, "");
        return it->second;
    }

    // x{min,max}: a chain of calls. Very long ones are built by doubling: E_k = x^(2^k), and "at most n" as optional blocks of
    // falling size, so that every count is spelled in one way.
    u32 repeat(Net& n, const Expr& e, u32 from, u32 depth) {
        u32 child = g.children[e.first];
        if (e.max != NONE && e.max < e.min) throw GrammarFault("repeat counts are in the wrong order", "min <= max");
        u32 copies = e.max == NONE ? e.min : e.max;
        if (copies <= 2) {
            for (u32 k = 0; k < e.min; ++k) from = expression(n, child, from, depth + 1);
            if (e.max == NONE) return loop(n, from, [&](u32 s) { return expression(n, child, s, depth + 1); });
            u32 end = state(n);
            n.arc(from, EPS, end);
            for (u32 k = e.min; k < e.max; ++k) n.arc(from = expression(n, child, from, depth + 1), EPS, end);
            return end;
        }
        u32 unit = outline(child);
        if (e.min > COUNT_STATES) from = exactly(n, unit, e.min, from);
        else for (u32 k = 0; k < e.min; ++k) from = call(n, unit, from);
        if (e.max == NONE) return loop(n, from, [&](u32 s) { return call(n, unit, s); });
        u32 rest = e.max - e.min;
        if (rest > COUNT_STATES) return at_most(n, unit, rest, from);
        u32 end = state(n);
        n.arc(from, EPS, end);
        for (u32 k = 0; k < rest; ++k) n.arc(from = call(n, unit, from), EPS, end);
        return end;
    }

    template <class Body>
    u32 loop(Net& n, u32 from, const Body& body) {
        u32 head = state(n), end = state(n);
        n.arc(from, EPS, head);
        n.arc(body(head), EPS, head);
        n.arc(head, EPS, end);
        return end;
    }

    u32 helper(Net net) {
        u32 b = u32(nets.size());
        nets.push_back(std::move(net));
        wanted.resize(nets.size(), 0);
        wanted[b] = 1;
        return b;
    }
    std::unordered_map<u32, u32> outlined;
    std::map<std::pair<u32, u32>, u32> doubled, optional_blocks;

    u32 outline(u32 expr) {  // the expression as a nonterminal of its own
        const Expr& e = g.exprs[expr];
        if (e.kind == Expr::Ref) {
            auto it = boxes.find(e.text);
            if (it != boxes.end()) return it->second;
        }
        auto it = outlined.find(expr);
        if (it != outlined.end()) return it->second;
        Net net;
        net.entry = state(net);
        u32 end = expression(net, expr, net.entry, 0);
        net.final[end] = 1;
        return outlined[expr] = helper(std::move(net));
    }

    u32 power(u32 unit, u32 k) {  // unit repeated 2^k times
        if (k == 0) return unit;
        auto key = std::make_pair(unit, k);
        auto it = doubled.find(key);
        if (it != doubled.end()) return it->second;
        u32 half = power(unit, k - 1);
        Net net;
        net.entry = state(net);
        u32 end = call(net, half, call(net, half, net.entry));
        net.final[end] = 1;
        return doubled[key] = helper(std::move(net));
    }

    u32 exactly(Net& n, u32 unit, u32 count, u32 from) {
        for (u32 k = 31; k != NONE; --k)
            if (count >> k & 1) from = call(n, power(unit, k), from);
        return from;
    }

    // 0..count copies: for each 1 bit of count + 1, either the block is full and all smaller ones free, or we go on.
    u32 at_most(Net& n, u32 unit, u32 count, u32 from) {
        u32 end = state(n), total = count + 1;  // how many different counts there are
        for (u32 k = 31; k != NONE; --k) {
            if (!(total >> k & 1)) continue;
            u32 s = from;  // counts 0 .. 2^k - 1 from here, in binary
            for (u32 j = k; j-- > 0;) {
                u32 to = state(n);
                n.arc(s, EPS, to);
                n.arc(call(n, power(unit, j), s), EPS, to);
                s = to;
            }
            n.arc(s, EPS, end);
            if (total & ((1u << k) - 1)) from = call(n, power(unit, k), from);
        }
        return end;
    }

    // -- what is of no use, and what may be empty ---------------------------------------------------------------------

    std::vector<u8> closure(const Net& n, u32 from) const {
        std::vector<u8> in(n.out.size(), 0);
        std::vector<u32> stack{from};
        in[from] = 1;
        while (!stack.empty()) {
            u32 s = stack.back();
            stack.pop_back();
            for (auto& a : n.out[s])
                if (a.label == EPS && !in[a.to]) in[a.to] = 1, stack.push_back(a.to);
        }
        return in;
    }

    // Marks boxes whose end can be reached through arcs that `passes` lets through; least fixpoint over all boxes.
    template <class Passes>
    std::vector<u8> fixpoint(const Passes& passes) const {
        std::vector<u8> yes(nets.size(), 0);
        std::vector<std::vector<u32>> users(nets.size());
        for (u32 b = 0; b < nets.size(); ++b)
            for (auto& out : nets[b].out)
                for (auto& a : out)
                    if (a.label != EPS && (a.label & BOX)) users[a.label & ~BOX].push_back(b);
        std::vector<u32> queue;
        std::vector<u8> queued(nets.size(), 1);
        for (u32 b = 0; b < nets.size(); ++b) queue.push_back(b);
        while (!queue.empty()) {
            u32 b = queue.back();
            queue.pop_back();
            queued[b] = 0;
            if (yes[b] || nets[b].out.empty()) continue;
            const Net& n = nets[b];
            std::vector<u8> in(n.out.size(), 0);
            std::vector<u32> stack{n.entry};
            in[n.entry] = 1;
            bool found = false;
            while (!stack.empty() && !found) {
                u32 s = stack.back();
                stack.pop_back();
                found = n.final[s];
                for (auto& a : n.out[s])
                    if (!in[a.to] && (a.label == EPS || ((a.label & BOX) ? yes[a.label & ~BOX] != 0 : passes(a.label)))) in[a.to] = 1, stack.push_back(a.to);
            }
            if (!found) continue;
            yes[b] = 1;
            for (u32 u : users[b])
                if (!queued[u]) queued[u] = 1, queue.push_back(u);
        }
        return yes;
    }

    void remove_unproductive() {
        std::vector<u8> productive = fixpoint([](u32) { return true; });
        for (auto& n : nets)
            for (auto& out : n.out)
                out.erase(std::remove_if(out.begin(), out.end(),
                                         [&](const Net::Arc& a) { return a.label != EPS && (a.label & BOX) && !productive[a.label & ~BOX]; }),
                          out.end());
    }

    void add_nullable() {
        nullable = fixpoint([](u32) { return false; });
        for (auto& n : nets)
            for (auto& out : n.out) {
                std::size_t count = out.size();
                for (std::size_t k = 0; k < count; ++k)
                    if (out[k].label != EPS && (out[k].label & BOX) && nullable[out[k].label & ~BOX]) out.push_back({EPS, out[k].to});
            }
    }

    // -- left recursion -----------------------------------------------------------------------------------------------

    std::vector<u32> components(const std::vector<std::vector<u32>>& graph, std::vector<std::vector<u32>>& members) const {
        u32 n = u32(graph.size()), counter = 0;  // Tarjan 1972, without recursion; components come callees first
        std::vector<u32> index(n, NONE), low(n), comp(n, NONE), stack;
        std::vector<std::pair<u32, u32>> frames;
        for (u32 root = 0; root < n; ++root) {
            if (index[root] != NONE) continue;
            frames.emplace_back(root, 0);
            while (!frames.empty()) {
                auto [v, k] = frames.back();
                if (k == 0 && index[v] == NONE) index[v] = low[v] = counter++, stack.push_back(v);
                bool deeper = false;
                while (k < graph[v].size()) {
                    u32 w = graph[v][k];
                    if (index[w] == NONE) {
                        frames.back().second = k;
                        frames.emplace_back(w, 0);
                        deeper = true;
                        break;
                    }
                    if (comp[w] == NONE) low[v] = std::min(low[v], low[w]);
                    ++k;
                }
                if (deeper) continue;
                frames.pop_back();
                if (!frames.empty()) low[frames.back().first] = std::min(low[frames.back().first], low[v]);
                if (low[v] == index[v]) {
                    members.emplace_back();
                    u32 w;
                    do {
                        w = stack.back();
                        stack.pop_back();
                        comp[w] = u32(members.size()) - 1;
                        members.back().push_back(w);
                    } while (w != v);
                }
            }
        }
        return comp;
    }

    void remove_left_recursion() {
        std::vector<std::vector<u32>> left(nets.size());
        std::vector<std::vector<u8>> begin(nets.size());
        for (u32 b = 0; b < nets.size(); ++b) {
            if (nets[b].out.empty()) continue;
            begin[b] = closure(nets[b], nets[b].entry);
            for (u32 s = 0; s < nets[b].out.size(); ++s)
                if (begin[b][s])
                    for (auto& a : nets[b].out[s])
                        if (a.label != EPS && (a.label & BOX)) left[b].push_back(a.label & ~BOX);
        }
        std::vector<std::vector<u32>> members;
        std::vector<u32> comp = components(left, members);
        std::vector<std::pair<u32, Net>> replaced;
        for (u32 c = 0; c < members.size(); ++c) {
            auto& ms = members[c];
            bool cyclic = ms.size() > 1 || std::count(left[ms[0]].begin(), left[ms[0]].end(), ms[0]);
            if (!cyclic) continue;
            for (u32 a : ms) replaced.emplace_back(a, linear_system(a, ms, begin, comp, c));
        }
        for (auto& [b, net] : replaced) nets[b] = std::move(net);
    }

    // One automaton for a left-recursive component: node done[X] means that an X which began at the start has just ended.
    Net linear_system(u32 target, const std::vector<u32>& ms, const std::vector<std::vector<u8>>& begin, const std::vector<u32>& comp, u32 c) {
        Net net;
        net.entry = state(net);
        std::unordered_map<u32, u32> done;
        for (u32 m : ms) done[m] = state(net);
        for (u32 m : ms) {
            const Net& from = nets[m];
            u32 base = u32(net.out.size());
            for (u32 s = 0; s < from.out.size(); ++s) state(net);
            for (u32 s = 0; s < from.out.size(); ++s) {
                for (auto& a : from.out[s]) net.arc(base + s, a.label, base + a.to);
                if (from.final[s]) net.arc(base + s, EPS, done[m]);
                if (!begin[m][s]) continue;
                for (auto& a : from.out[s]) {
                    if (a.label == EPS) continue;
                    if ((a.label & BOX) && comp[a.label & ~BOX] == c) net.arc(done[a.label & ~BOX], EPS, base + a.to);
                    else net.arc(net.entry, a.label, base + a.to);
                }
            }
        }
        net.final[done[target]] = 1;
        return net;
    }

    // -- determinise, minimise, inline --------------------------------------------------------------------------------

    std::vector<u8> inlined;

    void reduce_all(u32 start) {
        std::vector<std::vector<u32>> calls(nets.size());
        std::vector<u32> uses(nets.size(), 0);
        for (u32 b = 0; b < nets.size(); ++b)
            for (auto& out : nets[b].out)
                for (auto& a : out)
                    if (a.label != EPS && (a.label & BOX)) calls[b].push_back(a.label & ~BOX), ++uses[a.label & ~BOX];
        std::vector<std::vector<u32>> members;
        components(calls, members);
        inlined.assign(nets.size(), 0);
        reduced.resize(nets.size());
        for (auto& ms : members)
            for (u32 b : ms) {
                if (nets[b].out.empty()) continue;
                reduced[b] = reduce(nets[b]);
                bool recursive = ms.size() > 1 || std::count(calls[b].begin(), calls[b].end(), b);
                std::size_t size = reduced[b].size(), arcs = reduced[b].arcs.size();
                inlined[b] = b != start && !recursive && ((size <= 8 && arcs <= 16) || (uses[b] == 1 && size <= 48));
            }
    }

    struct Flat {  // a net with the inlined boxes spliced in: arcs that read, and empty ones
        std::vector<u32> scan_at{0}, eps_at{0}, eps;
        std::vector<Net::Arc> scans;
        std::vector<u8> final;
        u32 entry = 0;
        u32 size() const { return u32(final.size()); }
        void end_state(bool is_final) { scan_at.push_back(u32(scans.size())), eps_at.push_back(u32(eps.size())), final.push_back(is_final); }
    };

    Box reduce(const Net& net) {
        Flat flat;
        flat.entry = net.entry;
        struct Splice {
            u32 box, to;
        };
        std::vector<Splice> splices;
        u32 n = u32(net.out.size()), base = n;
        for (u32 s = 0; s < n; ++s) {
            for (auto& a : net.out[s])
                if (a.label == EPS) {
                    flat.eps.push_back(a.to);
                } else if ((a.label & BOX) && inlined[a.label & ~BOX]) {
                    const Box& box = reduced[a.label & ~BOX];
                    flat.eps.push_back(base + box.entry);
                    base += box.size();
                    splices.push_back({a.label & ~BOX, a.to});
                } else {
                    flat.scans.push_back(a);
                }
            if (flat.scans.size() - flat.scan_at.back() > 1) std::sort(flat.scans.begin() + flat.scan_at.back(), flat.scans.end());
            flat.end_state(net.final[s]);
        }
        spend(base - n);
        for (auto& splice : splices) {
            const Box& box = reduced[splice.box];
            base = flat.size();
            for (u32 q = 0; q < box.size(); ++q) {
                for (u32 k = box.at[q]; k < box.at[q + 1]; ++k) flat.scans.push_back({box.arcs[k].label, base + box.arcs[k].to});
                if (box.final[q]) flat.eps.push_back(splice.to);
                std::sort(flat.scans.begin() + flat.scan_at.back(), flat.scans.end());
                flat.end_state(false);
            }
        }
        Box d;
        bool deterministic = subsets(flat, d);
        if (!deterministic) d = without_empty_arcs(flat);
        if (d.final[d.entry]) {  // the empty text is the callers' business
            for (u32 k = d.at[d.entry]; k < d.at[d.entry + 1]; ++k) d.arcs.push_back(Net::Arc(d.arcs[k]));
            d.end_state(false);
            d.entry = d.size() - 1;
        }
        return merge_states(d, deterministic);
    }

    bool subsets(const Flat& net, Box& d) {
        u32 n = net.size();
        SpanPool<u32> sets;  // of states with arcs that read, or final ones
        std::vector<u32> single(n, NONE), core, mark(n, 0);
        u32 round = 0;
        auto intern = [&] {  // `core`, closed under empty arcs
            ++round;
            for (u32 s : core) mark[s] = round;
            std::size_t keep = 0;
            for (std::size_t i = 0; i < core.size(); ++i) {
                u32 s = core[i];
                for (u32 k = net.eps_at[s]; k < net.eps_at[s + 1]; ++k)
                    if (mark[net.eps[k]] != round) mark[net.eps[k]] = round, core.push_back(net.eps[k]);
                if (net.scan_at[s] < net.scan_at[s + 1] || net.final[s]) core[keep++] = s;
            }
            toil(core.size());
            core.resize(keep);
            if (keep > 1) std::sort(core.begin(), core.end());
            u32 before = sets.size(), id = sets.intern(core);
            if (id == before) spend(1);
            return id;
        };
        auto state_of = [&](u32 s) {
            if (single[s] == NONE) core.assign(1, s), single[s] = intern();
            return single[s];
        };
        state_of(net.entry);
        std::vector<Net::Arc> moves;
        for (u32 i = 0; i < sets.size(); ++i) {
            if (sets.size() > 8 * n + 256) return false;
            moves.clear();
            bool final = false;
            u32 members = u32(sets.size(i));
            for (u32 k = 0; k < members; ++k) {
                u32 s = sets.begin(i)[k];
                final = final || net.final[s];
                moves.insert(moves.end(), net.scans.begin() + net.scan_at[s], net.scans.begin() + net.scan_at[s + 1]);
            }
            if (members > 1) std::sort(moves.begin(), moves.end());
            for (std::size_t k = 0, e; k < moves.size(); k = e) {
                u32 label = moves[k].label, last = moves[k].to;
                core.assign(1, last);
                for (e = k + 1; e < moves.size() && moves[e].label == label; ++e)
                    if (moves[e].to != last) core.push_back(last = moves[e].to);
                u32 to = core.size() == 1 ? state_of(last) : intern();
                d.arcs.push_back({label, to});
            }
            d.end_state(final);
        }
        return true;
    }

    // The rare box whose subsets explode keeps its choices; the frontier carries them.
    Box without_empty_arcs(const Flat& net) {
        Box d;
        d.entry = net.entry;
        std::vector<u32> reached, mark(net.size(), NONE);
        for (u32 s = 0; s < net.size(); ++s) {
            spend(1);
            bool final = false;
            reached.assign(1, s);
            mark[s] = s;
            for (std::size_t i = 0; i < reached.size(); ++i) {
                u32 q = reached[i];
                final = final || net.final[q];
                for (u32 k = net.eps_at[q]; k < net.eps_at[q + 1]; ++k)
                    if (mark[net.eps[k]] != s) mark[net.eps[k]] = s, reached.push_back(net.eps[k]);
                toil(1 + net.scan_at[q + 1] - net.scan_at[q]);
                d.arcs.insert(d.arcs.end(), net.scans.begin() + net.scan_at[q], net.scans.begin() + net.scan_at[q + 1]);
            }
            d.end_state(final);
        }
        return d;
    }

    static Box nothing() {
        Box out;
        out.end_state(false);
        return out;
    }

    Box merge_states(const Box& d, bool deterministic) {
        u32 n = d.size();
        std::vector<u32> order;  // what is reached, targets before sources where there is no circle
        std::vector<u8> seen(n, 0);
        std::vector<std::pair<u32, u32>> path{{d.entry, d.at[d.entry]}};
        bool circle = false;
        seen[d.entry] = 1;
        while (!path.empty()) {
            auto& [s, k] = path.back();
            if (k == d.at[s + 1]) {
                seen[s] = 2;
                order.push_back(s);
                path.pop_back();
                continue;
            }
            u32 to = d.arcs[k++].to;
            circle = circle || seen[to] == 1;
            if (!seen[to]) seen[to] = 1, path.emplace_back(to, d.at[to]);
        }
        return deterministic && !circle ? merge_straight(d, order) : merge_circles(d, deterministic, order);
    }

    // Without a circle: a state is what its arcs are.
    Box merge_straight(const Box& d, const std::vector<u32>& order) {
        SpanPool<u32> rows;
        std::vector<u32> number(d.size(), NONE), row;
        for (u32 s : order) {
            row.assign(1, d.final[s]);
            for (u32 k = d.at[s]; k < d.at[s + 1]; ++k)
                if (number[d.arcs[k].to] != NONE) row.push_back(d.arcs[k].label), row.push_back(number[d.arcs[k].to]);
            if (d.final[s] || row.size() > 1) number[s] = rows.intern(row);
        }
        if (number[d.entry] == NONE) return nothing();
        Box out;
        out.entry = number[d.entry];
        for (u32 s = 0; s < rows.size(); ++s) {
            const u32* r = rows.begin(s);
            for (std::size_t k = 1; k < rows.size(s); k += 2) out.arcs.push_back({r[k], r[k + 1]});
            out.end_state(r[0]);
        }
        return out;
    }

    Box merge_circles(const Box& d, bool deterministic, const std::vector<u32>& order) {
        u32 n = d.size();
        std::vector<u8> live(n, 0);
        for (bool more = true; more;) {  // in few rounds: targets come before most of their sources
            more = false;
            toil(n);
            for (u32 s : order) {
                if (live[s]) continue;
                bool yes = d.final[s];
                for (u32 k = d.at[s]; k < d.at[s + 1] && !yes; ++k) yes = live[d.arcs[k].to];
                live[s] = yes, more = more || yes;
            }
        }
        if (!live[d.entry]) return nothing();
        std::vector<u32> keep, number(n, NONE), labels;
        for (u32 s : order)
            if (live[s]) number[s] = u32(keep.size()), keep.push_back(s);
        std::vector<u32> block(keep.size());
        u32 blocks = u32(keep.size());
        for (u32 i = 0; i < blocks; ++i) block[i] = deterministic ? d.final[keep[i]] : i;
        if (deterministic) {
            std::vector<Edge> edges;
            for (u32 i = 0; i < blocks; ++i)
                for (u32 k = d.at[keep[i]]; k < d.at[keep[i] + 1]; ++k)
                    if (number[d.arcs[k].to] != NONE) edges.push_back({i, d.arcs[k].label, number[d.arcs[k].to]}), labels.push_back(d.arcs[k].label);
            std::sort(labels.begin(), labels.end());
            labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
            for (auto& e : edges) e.label = u32(std::lower_bound(labels.begin(), labels.end(), e.label) - labels.begin());
            blocks = minimise(blocks, edges, block);
        }
        std::vector<u32> first(blocks, NONE);
        for (u32 i = 0; i < keep.size(); ++i)
            if (first[block[i]] == NONE) first[block[i]] = keep[i];
        Box out;
        out.entry = block[number[d.entry]];
        for (u32 s : first) {
            for (u32 k = d.at[s]; k < d.at[s + 1]; ++k)
                if (number[d.arcs[k].to] != NONE) out.arcs.push_back({d.arcs[k].label, block[number[d.arcs[k].to]]});
            out.end_state(d.final[s]);
        }
        return out;
    }

    // -- one flat table -----------------------------------------------------------------------------------------------

    void flatten(u32 start) {
        Machine& m = *machine;
        m.nullable = nullable[start];
        std::vector<u32> number(nets.size(), NONE), order;
        auto reach = [&](u32 b) {
            if (number[b] == NONE) number[b] = u32(order.size()), order.push_back(b);
            return number[b];
        };
        if (reduced[start].arcs.empty()) {  // nothing but, perhaps, the empty sentence
            m.scan_at = m.call_at = {0};
            return;
        }
        m.start_box = reach(start);
        for (std::size_t i = 0; i < order.size(); ++i) {
            const Box& n = reduced[order[i]];
            u32 base = m.states();
            m.entry.push_back(base + n.entry);
            m.box_names.push_back(order[i] < g.productions.size() ? std::string(g.productions[order[i]].name) : "");
            for (u32 s = 0; s < n.size(); ++s) {
                m.scan_at.push_back(u32(m.scans.size()));
                m.call_at.push_back(u32(m.calls.size()));
                m.is_final.push_back(n.final[s]);
                m.only_final.push_back(n.final[s] && n.at[s] == n.at[s + 1]);
                for (u32 k = n.at[s]; k < n.at[s + 1]; ++k) {
                    const Net::Arc& a = n.arcs[k];
                    if (a.label & BOX) m.calls.push_back({reach(a.label & ~BOX), base + a.to});
                    else m.scans.push_back({a.label, base + a.to});
                }
            }
        }
        m.scan_at.push_back(u32(m.scans.size()));
        m.call_at.push_back(u32(m.calls.size()));
        // rank: callers before callees, along the calls made before anything is read
        std::vector<std::vector<u32>> left(order.size()), members;
        for (u32 b = 0; b < order.size(); ++b)
            for (u32 k = m.call_at[m.entry[b]]; k < m.call_at[m.entry[b] + 1]; ++k) left[b].push_back(m.calls[k].symbol);
        components(left, members);
        m.rank.assign(order.size(), 0);
        for (u32 k = 0; k < members.size(); ++k) m.rank[members[k][0]] = u32(members.size()) - 1 - k;
    }

    void build_lexer() {
        Machine& m = *machine;
        for (auto name : g.ignore) {
            u32 t = regular.terminal_named(name);
            if (t == NONE) throw GrammarFault("ignored terminal '" + std::string(name) + "' is never defined");
            u32 id = named_terminal(t);
            m.ignored.resize(m.terminals.size(), 0);
            m.ignored[id] = 1;
        }
        m.ignored.resize(m.terminals.size(), 0);
        std::vector<Labelled> items;
        for (u32 t = 0; t < m.terminals.size(); ++t)
            if (rxs[t]) items.push_back({rxs[t], t + 1});
        std::map<std::vector<u32>, u32> sets;
        m.scan = compile_labelled(items, limits, [&](const std::vector<u32>& labels) {
            std::pair<int, int> best{INT32_MIN, 0};
            for (u32 l : labels) best = std::max(best, std::make_pair(priority[l - 1], int(is_literal[l - 1])));
            std::vector<u32> win;
            for (u32 l : labels)
                if (std::make_pair(priority[l - 1], int(is_literal[l - 1])) == best) win.push_back(l - 1);
            auto [it, fresh] = sets.try_emplace(win, u32(sets.size()) + 1);
            if (fresh) m.winners.push_back(win);
            return it->second;
        });
    }
};

}  // namespace

std::shared_ptr<const Machine> build_machine(const GrammarSpec& g, const Limits& limits, TerminalCache& cache) {
    return Builder(g, limits, cache).run();
}

}  // namespace weft
