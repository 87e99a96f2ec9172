#include "regex.hpp"

namespace weft {

static RxPtr make(Rx::Kind kind, std::vector<RxPtr> items = {}) {
    auto r = std::make_shared<Rx>();
    r->kind = kind;
    r->items = std::move(items);
    return r;
}

RxPtr rx_empty() { return make(Rx::Empty); }
RxPtr rx_never() { return make(Rx::Or); }

RxPtr rx_bytes(std::string bytes) {
    if (bytes.empty()) return rx_empty();
    auto r = std::make_shared<Rx>();
    r->kind = Rx::Bytes;
    r->bytes = std::move(bytes);
    return r;
}

RxPtr rx_class(CodePoints points) {
    auto r = std::make_shared<Rx>();
    r->kind = Rx::Class;
    points.normalise();
    r->points = std::move(points);
    return r;
}

RxPtr rx_cat(std::vector<RxPtr> items) {
    std::vector<RxPtr> flat;
    for (auto& x : items) {
        if (x->kind == Rx::Empty) continue;
        if (x->kind == Rx::Cat) flat.insert(flat.end(), x->items.begin(), x->items.end());
        else flat.push_back(x);
    }
    if (flat.empty()) return rx_empty();
    if (flat.size() == 1) return flat[0];
    return make(Rx::Cat, std::move(flat));
}

RxPtr rx_or(std::vector<RxPtr> items) {
    if (items.size() == 1) return items[0];
    return make(Rx::Or, std::move(items));
}

RxPtr rx_rep(RxPtr item, u32 min, u32 max) {
    auto r = std::make_shared<Rx>();
    r->kind = Rx::Rep;
    r->items = {std::move(item)};
    r->min = min;
    r->max = max;
    return r;
}

namespace {

// All texts of an expression that has few; false when it may have many.
bool list_words(const RxPtr& rx, std::vector<std::string>& out) {
    constexpr std::size_t FEW = 32;
    switch (rx->kind) {
        case Rx::Empty: out.emplace_back(); return true;
        case Rx::Bytes: out.push_back(rx->bytes); return true;
        case Rx::Class:
            for (auto [lo, hi] : rx->points.ranges)
                for (u32 c = lo; c <= hi; ++c) {
                    if (c >= 0xD800 && c < 0xE000) continue;
                    if (out.size() >= FEW) return false;
                    u8 b[4];
                    int n = encode_utf8(c, b);
                    out.emplace_back(reinterpret_cast<char*>(b), n);
                }
            return true;
        case Rx::Or:
            for (auto& x : rx->items)
                if (!list_words(x, out) || out.size() > FEW) return false;
            return true;
        case Rx::Cat: {
            std::vector<std::string> heads{""}, tails, joined;
            for (auto& x : rx->items) {
                tails.clear(), joined.clear();
                if (!list_words(x, tails) || heads.size() * tails.size() > FEW) return false;
                for (auto& h : heads)
                    for (auto& t : tails) joined.push_back(h + t);
                heads.swap(joined);
            }
            out.insert(out.end(), heads.begin(), heads.end());
            return out.size() <= FEW;
        }
        default: return false;
    }
}

class Respeller {
  public:
    explicit Respeller(const std::vector<std::pair<u32, RxPtr>>& s) : spellings(s), words(s.size()) {
        for (std::size_t k = 0; k < s.size(); ++k)
            if (!list_words(s[k].second, words[k])) words[k].clear();
    }

    RxPtr apply(const RxPtr& item) {
        switch (item->kind) {
            case Rx::Empty: return item;
            case Rx::Bytes: {
                std::vector<RxPtr> out;
                std::size_t i = 0;
                u32 c;
                while (i < item->bytes.size()) {
                    if (!decode_utf8(item->bytes, i, c))
                        throw GrammarFault("a literal under Spelled is not valid UTF-8", "text that is made of code points");
                    out.push_back(point(c));
                }
                return rx_cat(std::move(out));
            }
            case Rx::Class: {
                CodePoints listed;
                std::vector<u32> which;
                for (u32 k = 0; k < spellings.size(); ++k)
                    if (item->points.contains(spellings[k].first)) listed.add(spellings[k].first, spellings[k].first), which.push_back(k);
                if (which.empty()) return item;
                listed.normalise();
                std::vector<RxPtr> out{spelled(which)};
                CodePoints plain = item->points.minus(listed);
                if (!plain.empty()) out.push_back(rx_class(plain));
                return rx_or(std::move(out));
            }
            case Rx::Not: case Rx::And:
                throw GrammarFault("Spelled cannot hold And or Not", "a pattern without them", "put And and Not around Spelled");
            default: break;
        }
        auto r = std::make_shared<Rx>(*item);
        r->automaton.reset(), r->quoted.reset();
        for (auto& x : r->items) x = apply(x);
        return r;
    }

  private:
    const std::vector<std::pair<u32, RxPtr>>& spellings;
    std::vector<std::vector<std::string>> words;              // per spelling, where it has few
    std::vector<std::pair<std::vector<u32>, RxPtr>> known;  // most classes hold the same of the listed points, and share one list

    RxPtr point(u32 c) const {
        for (auto& [p, e] : spellings)
            if (p == c) return e;
        u8 b[4];
        int n = encode_utf8(c, b);
        return rx_bytes(std::string(reinterpret_cast<char*>(b), n));
    }
    RxPtr spelled(const std::vector<u32>& which) {
        for (auto& [key, rx] : known)
            if (key == which) return rx;
        std::vector<RxPtr> out;
        for (u32 k : which)
            if (words[k].empty()) out.push_back(spellings[k].second);
            else
                for (auto& w : words[k]) out.push_back(rx_bytes(w));
        known.emplace_back(which, rx_or(std::move(out)));
        return known.back().second;
    }
};

}  // namespace

RxPtr respell(const RxPtr& item, const std::vector<std::pair<u32, RxPtr>>& spellings) { return Respeller(spellings).apply(item); }

namespace {

// ASCII and Latin-1/Greek/Cyrillic simple case pairs; enough for what (?i) is used for, and stated in the documentation.
CodePoints fold_case(const CodePoints& in) {
    CodePoints out = in;
    auto shift = [&](u32 lo, u32 hi, long by) {
        for (auto [a, b] : in.ranges) {
            u32 l = std::max(a, lo), h = std::min(b, hi);
            if (l <= h) out.add(u32(long(l) + by), u32(long(h) + by));
        }
    };
    shift('a', 'z', -32), shift('A', 'Z', 32);
    shift(0xE0, 0xF6, -32), shift(0xF8, 0xFE, -32), shift(0xC0, 0xD6, 32), shift(0xD8, 0xDE, 32);
    shift(0x3B1, 0x3C1, -32), shift(0x3C3, 0x3C9, -32), shift(0x391, 0x3A1, 32), shift(0x3A3, 0x3A9, 32);
    shift(0x430, 0x44F, -32), shift(0x410, 0x42F, 32), shift(0x450, 0x45F, -80), shift(0x400, 0x40F, 80);
    out.normalise();
    return out;
}

CodePoints digits() { return CodePoints{{{'0', '9'}}}; }
CodePoints word() { return CodePoints{{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}}; }
CodePoints space() { return CodePoints{{{9, 13}, {32, 32}}}; }

class PatternReader {
  public:
    PatternReader(std::string_view text, std::string_view flags, const Limits& l) : s(text), limits(l) {
        for (char f : flags) set_flag(f, 0);
    }

    RxPtr run() {
        RxPtr r = alternation(0);
        if (i < s.size()) fail("unbalanced ')'", "the end of the pattern", "write \\) for the character itself");
        return r;
    }

  private:
    std::string_view s;
    const Limits& limits;
    std::size_t i = 0;
    bool icase = false, dotall = false, extended = false;

    [[noreturn]] void fail(const std::string& what, const std::string& expected = "", const std::string& hint = "",
                           long at = -1) {
        throw GrammarFault(what, expected, hint, at < 0 ? long(i) : at);
    }
    void set_flag(char f, std::size_t at) {
        if (f == 'i') icase = true;
        else if (f == 's') dotall = true;
        else if (f == 'x') extended = true;
        else if (f == 'm' || f == 'u' || f == 'l' || f == 'a' || f == 'v') return;
        else fail(std::string("unknown regex flag '") + f + "'", "one of i, m, s, u, x", "", long(at));
    }
    bool more() const { return i < s.size(); }
    bool peek(char c) const { return i < s.size() && s[i] == c; }
    bool take(char c) { return peek(c) ? (++i, true) : false; }

    void skip_blanks() {
        if (!extended) return;
        while (more()) {
            if (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r') ++i;
            else if (s[i] == '#') while (more() && s[i] != '\n') ++i;
            else break;
        }
    }

    // Where the last anchor stood in what is being read.
    static constexpr std::size_t NOWHERE = std::size_t(-1);
    std::size_t begins = NOWHERE, ends = NOWHERE;
    [[noreturn]] void misplaced(char c, std::size_t at) {
        fail(std::string("'") + c + "' in the middle of a pattern", c == '^' ? "an anchor at the start only" : "an anchor at the end only",
             std::string("write \\") + c + " for the character itself", long(at));
    }

    RxPtr alternation(u32 depth) {
        if (depth > limits.depth / 4) fail("regex groups are nested too deeply", "at most " + std::to_string(limits.depth / 4) + " levels");
        std::vector<RxPtr> out{sequence(depth)};
        while (take('|')) out.push_back(sequence(depth));
        return rx_or(std::move(out));
    }

    RxPtr sequence(u32 depth) {
        std::vector<RxPtr> out;
        std::string run;
        auto flush = [&] {
            if (!run.empty()) out.push_back(rx_bytes(std::move(run))), run.clear();
        };
        for (;;) {
            skip_blanks();
            if (!more() || s[i] == '|' || s[i] == ')') break;
            bool at_start = out.empty() && run.empty();
            if (s[i] == '^') {
                if (!at_start) misplaced('^', i);
                begins = i++;
                continue;
            }
            if (s[i] == '$') {
                ends = i++;
                skip_blanks();
                if (more() && s[i] != '|' && s[i] != ')') misplaced('$', ends);
                continue;
            }
            std::size_t outer_begins = begins, outer_ends = ends;
            begins = ends = NOWHERE;
            RxPtr a = atom(depth);
            skip_blanks();
            bool repeats = more() && (s[i] == '*' || s[i] == '+' || s[i] == '?' || (s[i] == '{' && is_count()));
            // an anchor inside a group must be one of the whole pattern too
            if (begins != NOWHERE && (!at_start || repeats)) misplaced('^', begins);
            if (ends != NOWHERE && (repeats || (more() && s[i] != '|' && s[i] != ')'))) misplaced('$', ends);
            if (begins == NOWHERE) begins = outer_begins;
            if (ends == NOWHERE) ends = outer_ends;
            if (a->kind == Rx::Bytes && !repeats) {
                run += a->bytes;
                continue;
            }
            flush();
            for (u32 copies = 0; more() && (s[i] == '*' || s[i] == '+' || s[i] == '?' || (s[i] == '{' && is_count()));) {
                if (++copies > limits.depth / 4) fail("repeats are nested too deeply", "at most " + std::to_string(limits.depth / 4) + " repeats of one item");
                a = repeat(a);
                skip_blanks();
            }
            out.push_back(a);
        }
        flush();
        return rx_cat(std::move(out));
    }

    bool is_count() const {  // "{" digits ["," [digits]] "}" or "{," digits "}"; any other brace is a character
        std::size_t k = i + 1, first = k;
        while (k < s.size() && s[k] >= '0' && s[k] <= '9') ++k;
        bool some = k > first;
        if (k < s.size() && s[k] == ',') {
            ++k;
            std::size_t second = k;
            while (k < s.size() && s[k] >= '0' && s[k] <= '9') ++k;
            some = some || k > second;
        }
        return some && k < s.size() && s[k] == '}';
    }

    u32 number() {
        u64 n = 0;
        while (more() && s[i] >= '0' && s[i] <= '9') {
            n = n * 10 + u64(s[i++] - '0');
            if (n > 0x7FFFFFFF) fail("repeat count is too large", "at most 2147483647");
        }
        return u32(n);
    }

    RxPtr repeat(RxPtr item) {
        u32 lo = 0, hi = NONE;
        char c = s[i++];
        if (c == '+') lo = 1;
        else if (c == '?') hi = 1;
        else if (c == '{') {
            std::size_t at = i - 1;
            lo = peek(',') ? 0 : number();
            hi = lo;
            if (take(',')) hi = peek('}') ? NONE : number();
            take('}');
            if (hi < lo) fail("repeat counts are in the wrong order", "{low,high} with low <= high", "", long(at));
        }
        if (!take('?') && peek('+')) fail("possessive repeats are not supported", "a plain repeat", "leave out the second '+'");
        if (item->kind == Rx::Rep && (item->min <= 1) && item->max == NONE && hi == NONE && lo <= 1)
            return rx_rep(item->items[0], std::min(item->min, lo), NONE);
        return rx_rep(std::move(item), lo, hi);
    }

    RxPtr points(CodePoints p) {
        p.normalise();
        if (icase) p = fold_case(p);
        return rx_class(std::move(p));
    }
    RxPtr single(u32 c) {
        if (icase) {
            CodePoints p = fold_case(CodePoints{{{c, c}}});
            if (p.ranges.size() > 1) return rx_class(p);
        }
        u8 b[4];
        if (c >= 0xD800 && c < 0xE000) return rx_never();  // a lone surrogate is not text
        int n = encode_utf8(c, b);
        return rx_bytes(std::string(reinterpret_cast<char*>(b), n));
    }

    RxPtr atom(u32 depth) {
        char c = s[i];
        if (c == '(') return group(depth);
        if (c == '[') return points(bracket());
        if (c == '.') {
            ++i;
            CodePoints p;
            if (dotall) p.add(0, MAX_CODE_POINT);
            else p = CodePoints{{{'\n', '\n'}}}.complement();
            return rx_class(p);
        }
        if (c == '\\') {
            CodePoints p;
            u32 v = escape(p, false);
            return v == NONE ? points(std::move(p)) : single(v);
        }
        if (c == '*' || c == '+' || c == '?') fail(std::string("nothing to repeat before '") + c + "'", "an expression", "write \\" + std::string(1, c) + " for the character itself");
        u32 v;
        if (!decode_utf8(s, i, v)) fail("the pattern is not valid UTF-8");
        return single(v);
    }

    RxPtr group(u32 depth) {
        std::size_t at = i++;
        bool was_i = icase, was_s = dotall, was_x = extended;
        if (take('?')) {
            if (take(':') || take('>')) {
                if (s[i - 1] == '>') fail("atomic groups are not supported", "(?:...)", "", long(at));
            } else if (peek('=') || peek('!') || (peek('<') && i + 1 < s.size() && (s[i + 1] == '=' || s[i + 1] == '!'))) {
                fail("look-around is not supported", "a pattern without (?=...), (?!...), (?<=...), (?<!...)",
                     "say the same with & and ~ on terminals of a Lark grammar", long(at));
            } else if (take('P') ? (peek('<') || (peek('=') || peek('>'))) : peek('<')) {
                if (!peek('<')) fail("back-references are not supported", "a pattern without (?P=name)", "", long(at));
                while (more() && s[i] != '>') ++i;
                if (!take('>')) fail("group name does not end", "'>'", "", long(at));
            } else {
                bool on = true;
                std::size_t flags_at = i;
                while (more() && s[i] != ')' && s[i] != ':') {
                    char f = s[i];
                    if (f == '-') on = false;
                    else if (on) set_flag(f, i);
                    else if (f == 'i') icase = false;
                    else if (f == 's') dotall = false;
                    else if (f == 'x') extended = false;
                    else if (f != 'm') fail(std::string("unknown regex flag '") + f + "'", "one of i, m, s, u, x");
                    ++i;
                }
                if (take(')')) {  // (?i): for the rest of the enclosing group
                    if (flags_at == i - 1) fail("empty group '(?)'", "", "", long(at));
                    return rx_empty();
                }
                if (!take(':')) fail("group does not end", "')'", "", long(at));
            }
        }
        RxPtr r = alternation(depth + 1);
        if (!take(')')) fail("group does not end", "')'", "write \\( for the character itself", long(at));
        icase = was_i, dotall = was_s, extended = was_x;
        return r;
    }

    u32 hex(int n) {
        u32 v = 0;
        for (int k = 0; k < n; ++k) {
            char c = more() ? s[i] : ' ';
            int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
            if (d < 0) fail("escape needs " + std::to_string(n) + " hexadecimal digits", "0-9, a-f");
            v = v * 16 + u32(d);
            ++i;
        }
        return v;
    }

    // Reads an escape. Returns the code point, or NONE with a class in `p`.
    u32 escape(CodePoints& p, bool in_class) {
        std::size_t at = i++;
        if (!more()) fail("pattern ends in a backslash", "a character after it", "write \\\\ for the backslash itself", long(at));
        char c = s[i++];
        switch (c) {
            case 'd': p = digits(); return NONE;
            case 'D': p = digits().complement(); return NONE;
            case 'w': p = word(); return NONE;
            case 'W': p = word().complement(); return NONE;
            case 's': p = space(); return NONE;
            case 'S': p = space().complement(); return NONE;
            case 'n': return '\n';
            case 'r': return '\r';
            case 't': return '\t';
            case 'f': return '\f';
            case 'v': return '\v';
            case 'a': return 7;
            case '0': return 0;
            case 'x':
                if (take('{')) return braced(at);
                return hex(2);
            case 'u': {
                if (take('{')) return braced(at);
                u32 v = hex(4);
                if (v >= 0xD800 && v < 0xDC00 && i + 1 < s.size() && s[i] == '\\' && s[i + 1] == 'u') {
                    std::size_t back = i;
                    i += 2;
                    u32 w = hex(4);
                    if (w >= 0xDC00 && w < 0xE000) return 0x10000 + ((v - 0xD800) << 10) + (w - 0xDC00);
                    i = back;
                }
                return v;
            }
            case 'U': {
                u32 v = hex(8);
                if (v > MAX_CODE_POINT) fail("no such code point", "at most \\U0010FFFF", "", long(at));
                return v;
            }
            case 'c':
                if (more() && ((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z'))) return u32(s[i++] & 31);
                fail("'\\c' needs a letter", "\\cA to \\cZ", "", long(at));
            case 'b':
                if (in_class) return 8;
                [[fallthrough]];
            case 'B': fail("word boundaries are not supported", "a pattern without \\b and \\B", "", long(at));
            case 'A':
                if (at == 0) { p = CodePoints{}; return anchor(); }
                fail("'\\A' in the middle of a pattern", "an anchor at the start only", "", long(at));
            case 'z': case 'Z':
                if (!more()) return anchor();
                fail("'\\Z' in the middle of a pattern", "an anchor at the end only", "", long(at));
            case 'p': case 'P':
                fail("Unicode property classes are not supported here", "an explicit class such as [A-Za-z]",
                     "weft.grammar.regex expands \\p{...} before it calls the core", long(at));
            case 'k': fail("back-references are not supported", "a pattern without \\k", "", long(at));
            default: break;
        }
        if (c >= '1' && c <= '9') fail("back-references are not supported", "a pattern without \\1 to \\9", "", long(at));
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
            fail(std::string("unknown escape '\\") + c + "'", "a known escape or punctuation", std::string("write ") + c + " for the letter itself", long(at));
        i = at + 1;
        u32 v;
        if (!decode_utf8(s, i, v)) fail("the pattern is not valid UTF-8");
        return v;
    }
    u32 anchor() { fail("'\\A' and '\\Z' are not needed", "the pattern without them", "patterns are anchored at both ends"); }

    u32 braced(std::size_t at) {
        u32 v = 0;
        std::size_t from = i;
        while (more() && s[i] != '}') {
            v = v * 16 + hex(1);
            if (v > MAX_CODE_POINT) fail("no such code point", "at most 10FFFF", "", long(at));
        }
        if (from == i || !take('}')) fail("escape does not end", "'}'", "", long(at));
        return v;
    }

    CodePoints bracket() {
        std::size_t at = i++;
        bool negate = take('^');
        CodePoints out;
        bool first = true;
        while (more() && (s[i] != ']' || (first && !negate && has_later_bracket()))) {
            first = false;
            if (s[i] == '[' && i + 1 < s.size() && (s[i + 1] == ':' || s[i + 1] == '.' || s[i + 1] == '='))
                fail("POSIX classes such as [:alpha:] are not supported", "an explicit range", "");
            CodePoints p;
            u32 lo = class_point(p);
            if (lo == NONE) {
                out.add(p);
                continue;
            }
            if (peek('-') && i + 1 < s.size() && s[i + 1] != ']') {
                std::size_t dash = i++;
                u32 hi = class_point(p);
                if (hi == NONE) {  // [a-\d]: the dash is a character
                    out.add(lo, lo), out.add('-', '-'), out.add(p);
                    continue;
                }
                if (hi < lo) fail("range ends before it begins", "[low-high] with low <= high", "write \\- for the character itself", long(dash));
                out.add(lo, hi);
            } else {
                out.add(lo, lo);
            }
        }
        if (!take(']')) fail("character class does not end", "']'", "write \\[ for the character itself", long(at));
        out.normalise();
        if (icase) out = fold_case(out);
        return negate ? out.complement() : out;
    }
    // "[]" and "[]abc]": in ECMA-262 the first is the empty class, in Python "]" is then a member. Take the reading that ends.
    bool has_later_bracket() const {
        for (std::size_t k = i + 1; k < s.size(); ++k) {
            if (s[k] == '\\') ++k;
            else if (s[k] == ']') return true;
            else if (s[k] == '[') return false;
        }
        return false;
    }
    u32 class_point(CodePoints& p) {
        if (s[i] == '\\') return escape(p, true);
        u32 v;
        if (!decode_utf8(s, i, v)) fail("the pattern is not valid UTF-8");
        return v;
    }
};

}  // namespace

RxPtr parse_regex(std::string_view text, std::string_view flags, const Limits& limits) {
    try {
        return PatternReader(text, flags, limits).run();
    } catch (GrammarFault& fault) {
        fault.source = text;
        throw;
    }
}

}  // namespace weft
