#include "few.hpp"

#include <cctype>
#include <optional>
#include <utility>

#include "separation.hpp"

namespace weft {

namespace {

bool is_sign(char c) { return u8(c) < 0x80 && !std::isalnum(u8(c)); }
bool goes_on_in_utf8(char c) { return (u8(c) & 0xC0) == 0x80; }

// Tokens by their text; a text that is no token is left out.
class Finder {
  public:
    Finder(WordSets& w, const Trie& t) : words(w), trie(t) {}
    bool add(const std::string& text) {
        u32 node = 0;
        for (std::size_t i = 0; i < text.size() && node != NONE; ++i) node = trie.child(node, u8(text[i]));
        bool is_token = node != NONE && trie.token[node] != NONE;
        if (is_token) texts.push_back(text);
        return is_token;
    }
    void add_pieces(const std::string& text) {
        for (std::size_t i = 0; i < text.size(); ++i) {
            u32 node = 0;
            for (std::size_t k = i; k < text.size() && (node = trie.child(node, u8(text[k]))) != NONE; ++k)
                if (trie.token[node] != NONE) texts.push_back(text.substr(i, k + 1 - i));
        }
    }
    u32 found() { return words.of(texts); }  // all that were added up to now
    u32 signs(u32 longest) const { return words.tokens_of(trie, is_sign, longest); }
    u32 ends_of_characters() const { return words.tokens_of(trie, goes_on_in_utf8, 3); }

  private:
    WordSets& words;
    const Trie& trie;
    std::vector<std::string> texts;
};

// Bytes, and all pieces of what the grammar spells out.
void add_spelled(FewTokens& out, Finder& f, WordSets& words, const Machine& m) {
    for (char c = 0x20; c < 0x7f; ++c) f.add(std::string(1, c));
    for (auto& t : m.terminals) f.add_pieces(t->literal);
    out.few = f.found();
    out.some = out.many = words.unite(words.unite(out.few, f.signs(6)), f.ends_of_characters());
}

// Bytes of characters that have several.
void add_parts_of_characters(Finder& f, const Lexer* lexer) {
    std::vector<u8> seen(256, 0);
    for (u32 b = 0x80; b < 256; ++b)
        if (!lexer || !std::exchange(seen[lexer->scan.class_of[b]], 1)) f.add(std::string(1, char(b)));
}

// A byte for each kind of lexeme.
void add_kinds(FewTokens& out, Finder& f, WordSets& words, const Machine& m, const Lexer& lexer) {
    std::vector<u32> labels;
    for (u32 b = 0; b < 256; ++b) {  // in ASCII, signs come before digits and letters, which begin keywords
        u32 x = lexer.go(Lexer::BEGIN, u8(b)), label = x == DEAD ? 0 : lexer.label(x);
        if (label && std::find(labels.begin(), labels.end(), label) == labels.end() && f.add(std::string(1, char(b)))) labels.push_back(label);
    }
    add_parts_of_characters(f, &lexer);
    out.few = f.found();
    out.some = words.unite(words.unite(f.found(), f.signs(2)), f.ends_of_characters());
    for (auto& t : m.terminals)
        if (!t->literal.empty()) f.add(t->literal), f.add(" " + t->literal);
    out.many = words.unite(f.found(), out.some);
}

// Texts that open, and close, lexemes that go on with nearly any byte; `ignored`: whether those that may be ignored.
class Hiding {
  public:
    explicit Hiding(const Lexer& l) : lexer(l) {
        std::vector<Reached> opened;
        search(Lexer::BEGIN, [&](const Reached& r) {
            const bool opens = opened.size() < MOST && hides(r.state);
            if (opens) opened.push_back(r);
            return !opens;
        });
        for (auto& opener : opened) {
            Reached closer = opener;
            search(opener.state, [&](const Reached& r) {
                if (!lexer.label(closer.state)) closer = r;
                return !lexer.label(closer.state);
            });
            auto& texts = lexer.may_ignore(lexer.label(closer.state)) ? ignored : read;
            texts.push_back(opener.text), texts.push_back(closer.text);
        }
    }
    std::vector<std::string> ignored, read;

  private:
    static constexpr u32 MANY_BYTES = 128, LONGEST = 4, MOST = 32;
    struct Reached {
        u32 state;
        std::string text;  // a shortest one
    };
    bool hides(u32 x) const {
        u32 count = 0;
        for (u32 b = 0; b < 256; ++b) count += lexer.go(x, u8(b)) != DEAD;
        return count >= MANY_BYTES;
    }
    // Breadth first; visit(reached) says whether to go on from there.
    template <class Visit>
    void search(u32 from, const Visit& visit) const {
        std::vector<u8> seen(lexer.size(), 0);
        std::vector<Reached> reached{{from, ""}};
        seen[from] = 1;
        for (std::size_t i = 0; i < reached.size(); ++i) {
            const Reached r = reached[i];
            if ((i && !visit(r)) || r.text.size() == LONGEST) continue;
            for (u32 b = 0; b < 256; ++b)
                if (u32 to = lexer.go(r.state, u8(b)); to != DEAD && !seen[to]) seen[to] = 1, reached.push_back({to, r.text + char(b)});
        }
    }
    const Lexer& lexer;
};

}  // namespace

FewTokens with_hiding(const FewTokens& few, WordSets& words, const Machine& m, const Lexer* lexer, const Trie& trie) {
    FewTokens out = few;
    Finder f(words, trie);
    add_parts_of_characters(f, lexer);
    std::optional<Hiding> hiding;
    if (lexer) {
        hiding.emplace(*lexer);
        for (u8 b : blanks_of(m, *lexer)) f.add(std::string(1, char(b)));
        for (auto& text : hiding->ignored) f.add(text);
    }
    if (few.blank != WordSets::NOTHING) out.blank = words.unite(words.unite(few.blank, f.found()), f.ends_of_characters());
    if (hiding)
        for (auto& text : hiding->read)
            if (!f.add(text)) f.add_pieces(text);
    out.few = words.unite(words.unite(few.few, out.blank), f.found());
    out.some = words.unite(few.some, out.few);
    out.many = words.unite(few.many, out.some);
    return out;
}

FewTokens find_few(u32 any, WordSets& words, const Machine& m, const Lexer* lexer, const Trie& trie) {
    FewTokens out;
    out.any = any;
    Finder f(words, trie);
    std::vector<u8> blanks = lexer ? blanks_of(m, *lexer) : std::vector<u8>{'a'};  // nearly all texts have strings, which go on with it
    if (std::any_of(blanks.begin(), blanks.end(), [&](u8 b) { return f.add(std::string(1, char(b))); })) out.blank = f.found();
    if (has_many_states(lexer)) add_kinds(out, f, words, m, *lexer);
    else add_spelled(out, f, words, m);
    return out;
}

Narrowed::Narrowed(const FewTokens& t, std::vector<Pick> all, std::size_t tail, u32 words, std::size_t free) : picks(std::move(all)), tokens(t), is_slot(picks.size(), 0) {
    for (std::size_t i = 0, end; i < picks.size(); i = end + 1) {
        for (end = i; end < picks.size() && picks[end].words == tokens.any;) ++end;
        for (std::size_t k = i; k < end; ++k) {
            bool inside = tokens.blank != WordSets::NOTHING && k < tail && k - i >= (free + 1) / 2 && std::min(end, tail) - k > free / 2;
            picks[k].words = inside ? tokens.blank : words;
            is_slot[k] = 1;
        }
    }
}

bool Narrowed::widen(std::size_t element) {
    reach = element == dead ? reach * 2 : LEAST_REACH;
    dead = element;
    const auto steps = tokens.steps();
    for (bool wider = false, more = true; more; reach *= 2) {
        more = false;
        std::size_t slots = 0;
        for (std::size_t i = std::min(element, picks.size()); i-- > 0 && slots < reach;) {
            if (!is_slot[i]) continue;
            u32& words = picks[i].words;
            const std::size_t to = slots < reach / 128 ? 4 : slots < reach / 8 ? 3 : slots < reach / 2 ? 2 : 1;
            ++slots;
            if (tokens.step_of(words) < to) words = steps[to], wider = true;
            more = more || words != tokens.any;
        }
        if (wider) return true;
    }
    return false;
}

}  // namespace weft
