#include "few.hpp"

#include <cctype>

#include "separation.hpp"

namespace weft {

FewTokens find_few(u32 any, WordSets& words, const Machine& m, const Lexer* lexer, const Vocabulary& vocabulary) {
    constexpr u32 MANY_STATES = 200;
    FewTokens out;
    out.any = any;
    if (lexer && lexer->size() < MANY_STATES) return out;
    auto add = [&](u32& set, const std::string& text) {
        u32 one = words.word(text);
        bool is_token = words.holds(any, one);
        if (is_token) set = words.unite(set, one);
        return is_token;
    };
    if (!lexer) {
        const Trie& trie = *vocabulary.trie;
        for (int b = 0x20; b < 0x7f; ++b) add(out.few, std::string(1, char(b)));
        for (auto& t : m.terminals)
            for (std::size_t i = 0; i < t->literal.size(); ++i) {
                u32 node = 0;
                for (std::size_t k = i; k < t->literal.size() && (node = trie.child(node, u8(t->literal[k]))) != NONE; ++k)
                    if (trie.token[node] != NONE) add(out.few, t->literal.substr(i, k + 1 - i));
            }
        out.many = out.few;
        return out;
    }
    for (u8 b : blanks_of(m, *lexer))
        if (add(out.blank, std::string(1, char(b)))) break;
    std::vector<u32> labels;
    for (u32 b = 0; b < 256; ++b) {  // in ASCII, signs come before digits and letters, which begin keywords
        u32 x = lexer->go(Lexer::BEGIN, u8(b)), label = x == DEAD ? 0 : lexer->label(x);
        if (label && std::find(labels.begin(), labels.end(), label) == labels.end() && add(out.few, std::string(1, char(b)))) labels.push_back(label);
    }
    out.many = out.few;
    auto is_sign = [](char c) { return u8(c) < 0x80 && !std::isalnum(u8(c)); };
    for (auto& text : vocabulary.texts)
        if (text && text->size() <= 2 && std::all_of(text->begin(), text->end(), is_sign)) add(out.many, *text);
    for (auto& t : m.terminals)
        if (!t->literal.empty()) add(out.many, t->literal), add(out.many, " " + t->literal);
    std::vector<u8> seen(256, 0);
    for (u32 b = 0x80; b < 256; ++b)
        if (u8& known = seen[lexer->scan.class_of[b]]; !known) known = 1, add(out.many, std::string(1, char(b)));
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
    int widened = 0;
    while (element-- > 0 && widened < 2) {
        u32& words = picks[element].words;
        if (is_slot[element] && words != tokens.any) words = words == tokens.many ? tokens.any : tokens.many, ++widened;
        else if (widened) break;
    }
    return widened != 0;
}

}  // namespace weft
