#include "machine.hpp"

#include <algorithm>
#include <cctype>
#include <map>

#include "automaton.hpp"
#include "net.hpp"

namespace weft {

namespace {

constexpr u32 COUNT_STATES = 4096;  // longer repeats of nonterminals are built by doubling

class Builder {
  public:
    Builder(const GrammarSpec& g, const Limits& limits, TerminalCache& cache)
        : g(g), limits(limits), cache(cache), regular(g, limits, &cache), machine(std::make_shared<Machine>()), allowance(limits) {}

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
            nets[queue[i]] = net_of(g.productions[queue[i]].expr);
            for (u32 b : called) {
                if (b >= wanted.size()) wanted.resize(nets.size(), 0);
                if (!wanted[b]) wanted[b] = 1, queue.push_back(b);
            }
            called.clear();
        }
        wanted.resize(nets.size(), 0);
        nullable = normalise(nets, allowance);
        reduced = reduce(nets, start->second, allowance);
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
    Allowance allowance;
    std::unordered_map<std::string_view, u32> boxes;
    std::vector<Net> nets;
    std::vector<Box> reduced;
    std::vector<u8> wanted, nullable;
    std::vector<u32> called;
    std::unordered_map<Hash128, u32, HashOf> terminal_ids;
    std::unordered_map<u64, u32> special_ids;
    std::vector<u32> named_ids;          // lexer: terminal index of g.terminals[i], NONE until used
    std::vector<int> priority;           // lexer: per terminal
    std::vector<u8> is_literal;          // lexer: per terminal
    std::vector<RxPtr> rxs;              // lexer: per terminal

    std::string names_near() const {
        std::string s = "one of";
        u32 n = 0;
        for (auto& p : g.productions) {
            if (n++ == 8) break;
            s += (n > 1 ? ", " : " ") + std::string(p.name);
        }
        return s;
    }

    // -- terminals ----------------------------------------------------------------------------------------------------

    std::shared_ptr<const Terminal> literal_of(std::string text) const {
        return text.empty() ? compile_terminal(rx_empty(), limits) : literal_terminal(std::move(text));
    }

    u32 terminal(u32 expr) {
        const Hash128& key = regular.name(expr);
        auto [it, fresh] = terminal_ids.try_emplace(key, u32(machine->terminals.size()));
        if (!fresh) return it->second;
        std::shared_ptr<const Terminal> t;
        if (g.exprs[expr].kind == Expr::Literal) t = literal_of(std::string(g.exprs[expr].text));
        else if (!(t = cache.find(key))) cache.put(key, t = compile_terminal(regular.to_rx(expr), limits));
        add_terminal(t, shown(g, expr));
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

    void name_terminals() {  // literals in productions are the terminal that is declared with the same text, if there is one
        named_ids.assign(g.terminals.size(), NONE);
        for (u32 i = 0; i < g.terminals.size(); ++i)
            literal_names.try_emplace(regular.name(g.terminals[i].expr), i);
    }
    std::unordered_map<Hash128, u32, HashOf> literal_names;

    u32 named_terminal(u32 i) {
        if (named_ids[i] != NONE) return named_ids[i];
        u32 e = g.terminals[i].expr;
        const Hash128& key = regular.name(e);
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
    //
    // What reads an expression from one state to another adds arcs that leave the first, arcs that enter the second, and states of its
    // own between them; so alternatives may share both ends.

    Net net_of(u32 expr) {
        Draft n(allowance);
        u32 end = n.add();
        expression(n, expr, 0, end, 0);
        return n.finish(end);
    }

    void scan(Draft& n, u32 t, u32 from, u32 to) {
        if (machine->terminals[t]->never) return;
        n.arc(from, t, to);
        if (machine->terminals[t]->nullable) n.arc(from, EPS, to);
    }

    void call(Draft& n, u32 box, u32 from, u32 to) {
        n.arc(from, BOX | box, to);
        called.push_back(box);
    }

    bool is_leaf(u32 i) const {  // becomes one terminal
        const Expr& e = g.exprs[i];
        if (!g.lexer) return regular.is_regular(i);
        return e.kind == Expr::Literal || e.kind == Expr::Pattern || e.kind == Expr::And || e.kind == Expr::Not || e.kind == Expr::Spelled;
    }

    void leaf(Draft& n, u32 i, u32 from, u32 to) {
        const Expr& e = g.exprs[i];
        if (e.kind == Expr::Literal && e.text.empty()) return n.arc(from, EPS, to);
        if (g.lexer) {
            if (!regular.is_regular(i)) throw GrammarFault("And, Not and Spelled need regular parts", "terminals, literals and patterns", "move the nonterminal out of it");
            auto it = literal_names.find(regular.name(i));
            if (it != literal_names.end()) return scan(n, named_terminal(it->second), from, to);
        }
        scan(n, terminal(i), from, to);
    }

    void expression(Draft& n, u32 i, u32 from, u32 to, u32 depth) {
        if (depth > limits.depth) throw LimitFault("an expression is nested too deeply", limits.depth, depth, "raise Limits.depth");
        const Expr& e = g.exprs[i];
        if (e.kind == Expr::Ref) {
            auto it = boxes.find(e.text);
            if (it != boxes.end()) return call(n, it->second, from, to);
            u32 t = regular.terminal_named(e.text);
            if (t == NONE) throw GrammarFault("nonterminal '" + std::string(e.text) + "' is never defined", names_near());
            return scan(n, g.lexer ? named_terminal(t) : terminal(g.terminals[t].expr), from, to);
        }
        if (e.kind == Expr::Special) return n.arc(from, special(e), to);
        if (is_leaf(i) && !(e.kind == Expr::Seq && e.count == 0)) return leaf(n, i, from, to);
        switch (e.kind) {
            case Expr::Seq: return sequence(n, e, from, to, depth);
            case Expr::Alt:
                for (u32 k = 0; k < e.count; ++k) expression(n, g.children[e.first + k], from, to, depth + 1);
                return;
            case Expr::Repeat: return repeat(n, e, from, to, depth);
            default: throw GrammarFault("And, Not and Spelled need regular parts", "terminals, literals and patterns", "move the nonterminal out of it");
        }
    }

    void sequence(Draft& n, const Expr& e, u32 from, u32 to, u32 depth) {
        if (e.count == 0) return n.arc(from, EPS, to);
        for (u32 k = 0; k < e.count;) {
            u32 run = k;
            if (!g.lexer)
                while (run < e.count && mergeable(g.children[e.first + run])) ++run;
            u32 past = std::max(run, k + 1), next = past == e.count ? to : n.add();
            if (past > k + 1) scan(n, merged(e, k, past), from, next);  // neighbours that are regular become one terminal
            else expression(n, g.children[e.first + k], from, next, depth + 1);
            from = next, k = past;
        }
    }

    bool mergeable(u32 i) const { return regular.is_regular(i) && g.exprs[i].kind != Expr::Ref; }

    u32 merged(const Expr& e, u32 from, u32 to) {
        Hash128 key;
        key.add(0x5E0);
        for (u32 k = from; k < to; ++k) key.add(regular.name(g.children[e.first + k]).a), key.add(regular.name(g.children[e.first + k]).b);
        auto [it, fresh] = terminal_ids.try_emplace(key, u32(machine->terminals.size()));
        if (!fresh) return it->second;
        std::string all;
        bool literal = true;
        for (u32 k = from; k < to && literal; ++k) {
            const Expr& c = g.exprs[g.children[e.first + k]];
            literal = c.kind == Expr::Literal;
            all += c.text;
        }
        std::shared_ptr<const Terminal> t;
        if (literal) {
            t = literal_of(std::move(all));
        } else if (!(t = cache.find(key))) {
            std::vector<RxPtr> items;
            for (u32 k = from; k < to; ++k) items.push_back(regular.to_rx(g.children[e.first + k]));
            cache.put(key, t = compile_terminal(rx_cat(std::move(items)), limits));
        }
        add_terminal(t, "");
        return it->second;
    }

    // x{min,max}: a chain of calls. Very long ones are built by doubling: E_k = x^(2^k), and "at most n" as optional blocks of
    // falling size, so that every count is spelled in one way.
    void repeat(Draft& n, const Expr& e, u32 from, u32 to, u32 depth) {
        u32 child = g.children[e.first];
        if (e.max != NONE && e.max < e.min) throw GrammarFault("repeat counts are in the wrong order", "min <= max");
        bool few = (e.max == NONE ? e.min : e.max) <= 2;
        u32 unit = few ? NONE : outline(child);
        auto copy = [&](u32 s, u32 t) {
            if (few) expression(n, child, s, t, depth + 1);
            else call(n, unit, s, t);
        };
        auto step = [&] {
            u32 next = n.add();
            copy(from, next);
            from = next;
        };
        if (!few && e.min > COUNT_STATES) from = exactly(n, unit, e.min, from);
        else
            for (u32 k = 0; k < e.min; ++k) step();
        if (e.max == NONE) {
            u32 head = n.add();
            n.arc(from, EPS, head);
            copy(head, head);
            return n.arc(head, EPS, to);
        }
        u32 rest = e.max - e.min;
        if (!few && rest > COUNT_STATES) return at_most(n, unit, rest, from, to);
        n.arc(from, EPS, to);
        for (u32 k = 0; k < rest; ++k)
            if (k + 1 < rest) step(), n.arc(from, EPS, to);
            else copy(from, to);
    }

    u32 helper(Net net) {
        u32 b = u32(nets.size());
        nets.push_back(std::move(net));
        wanted.resize(nets.size(), 0);
        wanted[b] = 1;
        return b;
    }
    std::unordered_map<u32, u32> outlined;
    std::map<std::pair<u32, u32>, u32> doubled;

    u32 outline(u32 expr) {  // the expression as a nonterminal of its own
        const Expr& e = g.exprs[expr];
        if (e.kind == Expr::Ref) {
            auto it = boxes.find(e.text);
            if (it != boxes.end()) return it->second;
        }
        auto it = outlined.find(expr);
        if (it != outlined.end()) return it->second;
        Net net = net_of(expr);
        return outlined[expr] = helper(std::move(net));
    }

    u32 power(u32 unit, u32 k) {  // unit repeated 2^k times
        if (k == 0) return unit;
        auto key = std::make_pair(unit, k);
        auto it = doubled.find(key);
        if (it != doubled.end()) return it->second;
        u32 half = power(unit, k - 1);
        Draft n(allowance);
        u32 middle = n.add(), end = n.add();
        call(n, half, 0, middle), call(n, half, middle, end);
        return doubled[key] = helper(n.finish(end));
    }

    u32 exactly(Draft& n, u32 unit, u32 count, u32 from) {
        for (u32 k = 31; k != NONE; --k) {
            if (!(count >> k & 1)) continue;
            u32 next = n.add();
            call(n, power(unit, k), from, next);
            from = next;
        }
        return from;
    }

    // 0..count copies: for each 1 bit of count + 1, either the block is full and all smaller ones free, or we go on.
    void at_most(Draft& n, u32 unit, u32 count, u32 from, u32 to) {
        u32 total = count + 1;  // how many different counts there are
        for (u32 k = 31; k != NONE; --k) {
            if (!(total >> k & 1)) continue;
            u32 s = from;  // counts 0 .. 2^k - 1 from here, in binary
            for (u32 j = k; j-- > 0;) {
                u32 next = n.add();
                n.arc(s, EPS, next);
                call(n, power(unit, j), s, next);
                s = next;
            }
            n.arc(s, EPS, to);
            if (!(total & ((1u << k) - 1))) continue;
            u32 next = n.add();
            call(n, power(unit, k), from, next);
            from = next;
        }
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
                    const Arc& a = n.arcs[k];
                    if (a.label & BOX) m.calls.push_back({reach(a.label & ~BOX), base + a.to});
                    else m.scans.push_back({a.label, base + a.to});
                }
            }
        }
        m.scan_at.push_back(u32(m.scans.size()));
        m.call_at.push_back(u32(m.calls.size()));
        // rank: callers before callees, along the calls made before anything is read
        Graph left;
        for (u32 b = 0; b < order.size(); ++b) {
            for (u32 k = m.call_at[m.entry[b]]; k < m.call_at[m.entry[b] + 1]; ++k) left.to.push_back(m.calls[k].symbol);
            left.end_node();
        }
        GraphComponents single = components_of(left);
        m.rank.assign(order.size(), 0);
        for (u32 b = 0; b < order.size(); ++b) m.rank[b] = single.count() - 1 - single.of[b];
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
