#include "separation.hpp"

namespace weft {

std::vector<u8> blanks_of(const Machine& m, const Lexer& lexer) {
    const Dfa& d = m.scan;
    std::vector<u8> out;
    for (int b = 0; b < 256 && !d.empty(); ++b) {
        u32 blank = d.step(d.start, u8(b));
        if (blank == DEAD || !d.accept[blank] || !lexer.only_ignored(d.label[blank])) continue;
        bool parts = true;
        for (int c = 0; c < 256 && parts; ++c)  // what continues it begins nothing but blanks
            if (d.step(blank, u8(c)) != DEAD) {
                u32 t = d.step(d.start, u8(c));
                if (t != DEAD) parts = d.accept[t] && lexer.only_ignored(d.label[t]) && d.hash[t] == d.hash[blank];
            }
        if (parts) out.push_back(u8(b));
    }
    return out;
}

Separation::Separation(const Machine& m, const Lexer& lexer) : terminals(lexer.terminals()) {
    std::vector<u8> blanks = blanks_of(m, lexer);
    u32 n = lexer.size();
    if (blanks.empty() || u64(n) * terminals > (1u << 24)) return;
    costs.assign(std::size_t(n) * terminals, FAR);
    std::vector<std::vector<u32>> back(n);
    for (u32 x = 0; x < n; ++x) {
        u32 last = DEAD;
        for (int b = 0; b < 256; ++b)
            if (u32 y = lexer.go(x, u8(b)); y != DEAD && y != last) back[y].push_back(x), last = y;
    }
    std::vector<u32> queue;
    for (u32 t = 0; t < terminals; ++t) {  // breadth first, backwards from where t can end before a blank
        queue.clear();
        for (u32 x = 0; x < n; ++x) {
            u32 label = lexer.label(x);
            if (!label) continue;
            const auto& win = lexer.winners(label);
            if (!std::binary_search(win.begin(), win.end(), t)) continue;
            bool parted = false;
            for (u8 b : blanks) parted = parted || (lexer.next(x, b) != DEAD && lexer.next(x, b) == lexer.go(Lexer::BEGIN, b));
            if (parted) costs[std::size_t(x) * terminals + t] = 1, queue.push_back(x);
        }
        for (std::size_t i = 0; i < queue.size(); ++i)
            for (u32 y : back[queue[i]])
                if (u32& c = costs[std::size_t(y) * terminals + t]; c == FAR) c = costs[std::size_t(queue[i]) * terminals + t] + 1, queue.push_back(y);
    }
}

std::vector<u32> Separation::lexemes() const {
    return {costs.begin() + long(Lexer::BEGIN) * terminals, costs.begin() + long(Lexer::BEGIN + 1) * terminals};
}

}  // namespace weft
