#include "few.hpp"

#include <cctype>

#include "separation.hpp"

namespace weft {

namespace {

bool is_sign(char c) { return u8(c) < 0x80 && !std::isalnum(u8(c)); }

class Finder {
  public:
    Finder(u32 any, WordSets& w, const Vocabulary& v) : words(w), vocabulary(v) { out.any = any; }
    bool add(u32& set, const std::string& text) {
        u32 one = words.word(text);
        bool is_token = words.holds(out.any, one);
        if (is_token) set = words.unite(set, one);
        return is_token;
    }
    void add_signs(std::size_t longest) {
        for (auto& text : vocabulary.texts)
            if (text && text->size() <= longest && std::all_of(text->begin(), text->end(), is_sign)) add(out.many, *text);
    }
    FewTokens out;

  private:
    WordSets& words;
    const Vocabulary& vocabulary;
};

// Bytes, and all pieces of what the grammar spells out.
FewTokens without_lexer(Finder f, const Machine& m, const Trie& trie) {
    for (char c = 0x20; c < 0x7f; ++c) f.add(f.out.few, std::string(1, c));
    for (auto& t : m.terminals)
        for (std::size_t i = 0; i < t->literal.size(); ++i) {
            u32 node = 0;
            for (std::size_t k = i; k < t->literal.size() && (node = trie.child(node, u8(t->literal[k]))) != NONE; ++k)
                if (trie.token[node] != NONE) f.add(f.out.few, t->literal.substr(i, k + 1 - i));
        }
    f.out.many = f.out.few;
    f.add_signs(6);
    return f.out;
}

// A byte for each kind of lexeme.
FewTokens with_lexer(Finder f, const Machine& m, const Lexer& lexer) {
    for (u8 b : blanks_of(m, lexer))
        if (f.add(f.out.blank, std::string(1, char(b)))) break;
    std::vector<u32> labels;
    for (u32 b = 0; b < 256; ++b) {  // in ASCII, signs come before digits and letters, which begin keywords
        u32 x = lexer.go(Lexer::BEGIN, u8(b)), label = x == DEAD ? 0 : lexer.label(x);
        if (label && std::find(labels.begin(), labels.end(), label) == labels.end() && f.add(f.out.few, std::string(1, char(b)))) labels.push_back(label);
    }
    f.out.many = f.out.few;
    f.add_signs(2);
    for (auto& t : m.terminals)
        if (!t->literal.empty()) f.add(f.out.many, t->literal), f.add(f.out.many, " " + t->literal);
    std::vector<u8> seen(256, 0);
    for (u32 b = 0x80; b < 256; ++b)
        if (u8& known = seen[lexer.scan.class_of[b]]; !known) known = 1, f.add(f.out.many, std::string(1, char(b)));
    return f.out;
}

}  // namespace

FewTokens find_few(u32 any, WordSets& words, const Machine& m, const Lexer* lexer, const Vocabulary& vocabulary) {
    constexpr u32 MANY_STATES = 200;
    Finder f(any, words, vocabulary);
    if (!lexer) return without_lexer(f, m, *vocabulary.trie);
    return lexer->size() < MANY_STATES ? f.out : with_lexer(f, m, *lexer);
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
    int widened = 0;
    while (element-- > 0 && widened < 2) {
        u32& words = picks[element].words;
        if (is_slot[element] && words != tokens.any) words = words == tokens.many ? tokens.any : tokens.many, ++widened;
        else if (widened) break;
    }
    return widened != 0;
}

}  // namespace weft
