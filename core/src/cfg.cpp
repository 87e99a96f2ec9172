#include "cfg.hpp"

namespace weft {

std::shared_ptr<const Terminal> TerminalCache::find(const Hash128& key) {
    std::lock_guard<std::mutex> guard(lock);
    auto it = map.find(key);
    return it == map.end() ? nullptr : it->second;
}

void TerminalCache::put(const Hash128& key, const std::shared_ptr<const Terminal>& t) {
    u64 size = 200;
    for (auto& p : t->parts) size += p.dfa->next.size() * 4 + p.dfa->size() * 24;
    std::lock_guard<std::mutex> guard(lock);
    make_room(size);
    if (size <= limit && map.emplace(key, t).second) used += size;
}

void TerminalCache::make_room(u64 size) {
    if (used + size > limit) map.clear(), trees.clear(), used = 0;
}

RxPtr TerminalCache::find_tree(const Hash128& key) {
    std::lock_guard<std::mutex> guard(lock);
    auto it = trees.find(key);
    return it == trees.end() ? nullptr : it->second;
}

void TerminalCache::put_tree(const Hash128& key, const RxPtr& rx, u64 size) {
    size = size * 16 + 4096;  // the tree, and the automaton that may be kept with it
    std::lock_guard<std::mutex> guard(lock);
    make_room(size);
    if (size <= limit && trees.emplace(key, rx).second) used += size;
}

u64 TerminalCache::size_bytes() {
    std::lock_guard<std::mutex> guard(lock);
    return used;
}

Regular::Regular(const GrammarSpec& grammar, const Limits& l, TerminalCache* c) : g(grammar), limits(l), regular(grammar.exprs.size()), cache(c) {
    for (u32 i = 0; i < g.terminals.size(); ++i) names.emplace(g.terminals[i].name, i);
    for (u32 i = 0; i < g.exprs.size(); ++i) {  // children come before their parents
        const Expr& e = g.exprs[i];
        bool r = e.kind != Expr::Special && (e.kind != Expr::Ref || names.count(e.text));
        for (u32 k = 0; k < e.count; ++k) r = r && regular[g.children[e.first + k]];
        regular[i] = r;
    }
    check_circles();
}

// Terminals that refer to themselves, and towers of expressions too high for the recursive walks below.
void Regular::check_circles() const {
    std::vector<u32> height(g.exprs.size(), 0), done(g.terminals.size(), 0);
    auto measure = [&](u32 i, auto& self, u32 depth) -> u32 {
        if (depth > limits.depth) throw LimitFault("terminals are nested too deeply", limits.depth, depth, "raise Limits.depth");
        if (height[i]) return height[i];
        const Expr& e = g.exprs[i];
        u32 h = 1;
        if (e.kind == Expr::Special) throw GrammarFault("a special token in a terminal: it is a token, never text", "a regular expression", "name it in a nonterminal");
        if (e.kind == Expr::Ref) {
            u32 t = terminal_named(e.text);
            if (t == NONE) throw GrammarFault("'" + std::string(e.text) + "' is used in a terminal and is none", "a terminal", "what refers to nonterminals is a nonterminal");
            if (done[t] == 1)
                throw GrammarFault("terminal '" + std::string(e.text) + "' is defined by itself", "terminals without a circle", "make it a nonterminal");
            if (!done[t]) done[t] = 1, self(g.terminals[t].expr, self, depth + 1), done[t] = 2;
            h += height[g.terminals[t].expr];
        }
        for (u32 k = 0; k < e.count; ++k) h = std::max(h, 1 + self(g.children[e.first + k], self, depth + 1));
        if (h > limits.depth) throw LimitFault("an expression is nested too deeply", limits.depth, h, "raise Limits.depth");
        return height[i] = h;
    };
    for (u32 t = 0; t < g.terminals.size(); ++t)
        if (!done[t]) done[t] = 1, measure(g.terminals[t].expr, measure, 0), done[t] = 2;
}

u32 Regular::terminal_named(std::string_view name) const {
    auto it = names.find(name);
    return it == names.end() ? NONE : it->second;
}

constexpr u64 LONGEST = u64(16) << 20;  // bytes

const Hash128& Regular::name(u32 i) {
    if (known.empty()) known.resize(g.exprs.size());
    if (known[i].size) return known[i].hash;
    const Expr& e = g.exprs[i];
    Name n;
    if (e.kind == Expr::Ref) {  // what it stands for, not what it is called
        u32 t = g.terminals[names.at(e.text)].expr;
        name(t);
        n = known[t];
    } else {
        n.size = 5 + e.text.size();
        n.hash.add(e.kind), n.hash.add(e.text);
        if (e.kind == Expr::Pattern) n.hash.add(e.flags);
        if (e.kind == Expr::Repeat) n.hash.add(e.min), n.hash.add(e.max);
        n.hash.add(e.count);
        for (u32 k = 0; k < e.count; ++k) {
            u32 child = g.children[e.first + k];
            n.hash.add(name(child).a), n.hash.add(name(child).b);
            n.size += known[child].size;
        }
        if (e.kind == Expr::Spelled)
            for (u32 k = 0; k + 1 < e.count; ++k) n.hash.add(g.points[e.points + k]);
    }
    // expressions and terminals that use each other twice grow by doubling
    if (n.size > LONGEST) throw LimitFault("a regular expression is too large when it is written out", LONGEST, n.size, "use its parts less often");
    known[i] = n;
    return known[i].hash;
}

RxPtr Regular::to_rx(u32 i) {
    Expr::Kind kind = g.exprs[i].kind;
    if (!cache || (kind != Expr::Pattern && kind != Expr::Spelled)) return make_rx(i);
    const Hash128& key = name(i);
    RxPtr r = cache->find_tree(key);
    if (!r) cache->put_tree(key, r = make_rx(i), known[i].size);
    return r;
}

RxPtr Regular::make_rx(u32 i) {
    const Expr& e = g.exprs[i];
    auto child = [&](u32 k) { return to_rx(g.children[e.first + k]); };
    auto all = [&] {
        std::vector<RxPtr> out;
        for (u32 k = 0; k < e.count; ++k) out.push_back(child(k));
        return out;
    };
    switch (e.kind) {
        case Expr::Literal: return rx_bytes(std::string(e.text));
        case Expr::Pattern: return parse_regex(e.text, e.flags, limits);
        case Expr::Ref: {
            u32 t = terminal_named(e.text);
            if (t == NONE) throw GrammarFault("'" + std::string(e.text) + "' is not a terminal", "a regular expression");
            return to_rx(g.terminals[t].expr);
        }
        case Expr::Seq: return rx_cat(all());
        case Expr::Alt: return rx_or(all());
        case Expr::Repeat: return rx_rep(child(0), e.min, e.max);
        case Expr::And: case Expr::Not: {
            auto r = std::make_shared<Rx>();
            r->kind = e.kind == Expr::And ? Rx::And : Rx::Not;
            r->items = all();
            if (r->items.empty()) throw GrammarFault("And of nothing", "at least one expression");
            return r;
        }
        case Expr::Spelled: {
            std::vector<std::pair<u32, RxPtr>> spellings;
            for (u32 k = 0; k + 1 < e.count; ++k) spellings.emplace_back(g.points[e.points + k], child(k + 1));
            return respell(child(0), spellings);
        }
        case Expr::Special: throw GrammarFault("a special token is not text", "a regular expression");
    }
    return rx_empty();
}

namespace {

constexpr std::size_t LONG = 60;
constexpr int DEEP = 20;

void show_text(std::string_view text, std::string& out) {
    out += '"';
    for (std::size_t i = 0; i < text.size();) {
        std::size_t start = i;
        u32 c = 0;
        if (!decode_utf8(text, i, c)) c = u8(text[i = start]), ++i;
        const bool is_character = i - start > 1 || c < 0x80;
        if (c == '"' || c == '\\') out += '\\', out += char(c);
        else if (c == '\n') out += "\\n";
        else if (c == '\t') out += "\\t";
        else if (c == '\r') out += "\\r";
        else if (is_character && c >= 0x20 && c != 0x7F) out += text.substr(start, i - start);
        else out += "\\x", out += "0123456789abcdef"[c >> 4], out += "0123456789abcdef"[c & 15];
    }
    out += '"';
}

// True when all of it was shown.
bool show(const GrammarSpec& g, u32 expr, int depth, std::string& out) {
    const Expr& e = g.exprs[expr];
    if (out.size() > LONG || depth > DEEP) return out += "...", false;
    auto parts = [&](const char* between) {
        for (u32 k = 0; k < e.count; ++k) {
            if (k) out += between;
            if (!show(g, g.children[e.first + k], depth + 1, out)) return false;
        }
        return true;
    };
    auto item = [&] {
        const u32 inner = g.children[e.first];
        const bool wrap = g.exprs[inner].kind == Expr::Seq || g.exprs[inner].kind == Expr::Repeat;
        if (wrap) out += '(';
        if (!show(g, inner, depth + 1, out)) return false;
        if (wrap) out += ')';
        return true;
    };
    switch (e.kind) {
        case Expr::Literal: return show_text(e.text, out), true;
        case Expr::Pattern: return out.append("/").append(e.text).append("/").append(e.flags), true;
        case Expr::Ref: case Expr::Special: return out += e.text, true;
        case Expr::Seq: return parts(" ");
        case Expr::Alt: case Expr::And: {
            out += '(';
            if (!parts(e.kind == Expr::Alt ? " | " : " & ")) return false;
            out += ')';
            return true;
        }
        case Expr::Not: out += '~'; return item();
        case Expr::Spelled: return show(g, g.children[e.first], depth + 1, out);
        case Expr::Repeat: {
            if (!item()) return false;
            if (e.max == NONE && e.min < 2) out += e.min ? "+" : "*";
            else if (e.min == 0 && e.max == 1) out += '?';
            else out += "{" + std::to_string(e.min) + (e.max == e.min ? "" : "," + (e.max == NONE ? "" : std::to_string(e.max))) + "}";
            return true;
        }
    }
    return true;
}

}  // namespace

std::string shown(const GrammarSpec& g, u32 expr) {
    std::string out;
    show(g, expr, 0, out);
    return out;
}

}  // namespace weft
