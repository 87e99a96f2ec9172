#include "moves.hpp"

#include "frontier.hpp"
#include "loops.hpp"

namespace weft {

Moves::Moves(const Machine& machine, const Lexer* l, const WordSets& w, const Trie& trie, u64 max_bytes)
    : words(w), m(machine), lexer(l), limit(max_bytes), kind(trie.kind) {
    if (lexer) {
        first_special = lexer->size();
        auto add = [&](TermBits& bits, u32 t) {
            for (u32 k = t * lexer->boundaries; k < (t + 1) * lexer->boundaries; ++k) set_bit(bits, k);
        };
        TermBits ignored(lexer->words());
        for (u32 t = 0; t < lexer->terminals(); ++t)
            if (lexer->is_ignored(t)) add(ignored, t);
        wanted.assign(lexer->terminals() + 1, ignored);
        for (u32 t = 0; t < lexer->terminals(); ++t) add(wanted[t], t);
    }
    lex_sets.intern(nullptr, 0), push_lists.intern(nullptr, 0), open_sets.intern(nullptr, 0), rest_sets.intern(nullptr, 0), exit_sets.intern(nullptr, 0);
}

std::size_t Moves::bytes() const {
    return words.bytes() + lex_sets.bytes() + push_lists.bytes() + open_sets.bytes() + rest_sets.bytes() + exit_sets.bytes() + opens.bytes() + lex_ids.bytes() + reading_ids.bytes() +
           ahead_ids.bytes() + aheads.bytes() + read_ids.bytes() + open_ids.bytes() + summary_ids.bytes() + next_ids.bytes() + rests_united.bytes() + readings.size() * sizeof(Reading) + summary_bytes;
}

void Moves::check_size() {
    if (bytes() > limit) throw LimitFault("the tables for canvases have grown too large", limit, bytes(), "raise cache_bytes of Limits, or leave fewer slots open");
}

// -- lexical states ---------------------------------------------------------------------------------------------------

u32 Moves::lex(u32 term, u32 q) {
    if (lexer) return q;
    u64 key = u64(term) << 32 | q;
    u32 x = lex_ids.find(key);
    if (x == NONE) lex_ids.put(key, x = u32(lex_list.size())), lex_list.emplace_back(term, q);
    return x;
}

bool Moves::accepts(u32 x) const {
    auto [t, q] = lex_list[x];
    return m.terminals[t]->special != NONE ? q == 1 : m.terminals[t]->accepts(q);
}

bool Moves::alive(u32 x, u32 term) const {
    if (!lexer) return true;
    if (x >= first_special) return term != Frontiers::ACCEPT && term != END && m.terminals[term]->special == x - first_special;
    if (x == Lexer::BEGIN) return true;
    return meets(lexer->terms(lexer->live(x)), wanted[term == END ? lexer->terminals() : term]);
}

bool Moves::completes(u32 label, u32 term) const {
    if (term == END) return false;
    if (label == WHOLE) return true;
    if (label >= first_special) return m.terminals[term]->special == label - first_special;
    const auto& win = lexer->winners(label);
    return std::binary_search(win.begin(), win.end(), term);
}

// After one symbol: `go` if the lexeme goes on, and `next` if it has ended before the symbol as `label`; NONE for what cannot be.
// Without a lexer a lexeme ends behind the symbol: `next` is FRESH then.
void Moves::step(u32 x, u32 symbol, u32& go, u32& label, u32& next) {
    go = label = next = NONE;
    if (!lexer) {
        auto [t, q] = lex_list[x];
        const Terminal& terminal = *m.terminals[t];
        if (terminal.special != NONE) {
            if (q == 0 && symbol == WordSets::SPECIAL + terminal.special) go = lex(t, 1);
        } else if (symbol < 256) {
            if (u32 to = terminal.step(q, u8(symbol)); to != DEAD) go = lex(t, to);
        }
        if (go != NONE && accepts(go)) label = WHOLE, next = FRESH;
        return;
    }
    bool begins = x == Lexer::BEGIN, behind = x >= first_special;
    if (symbol >= WordSets::SPECIAL) {
        u32 to = first_special + symbol - WordSets::SPECIAL;
        if (begins) go = to;
        else if (behind) label = x, next = to;
        else if (lexer->label(x)) label = lexer->label(x), next = to;
        return;
    }
    if (behind) {
        if (u32 to = lexer->go(Lexer::BEGIN, u8(symbol)); to != DEAD) label = x, next = to;
        return;
    }
    if (u32 to = lexer->go(x, u8(symbol)); to != DEAD) go = to;
    if (begins || !lexer->label(x)) return;
    if (u32 to = lexer->next(x, u8(symbol)); to != DEAD) label = lexer->label(x), next = to;
}

bool Moves::stays(u32 x, u32 set) {
    u32 known = loop_ids.find(x);
    if (known == NONE) {
        auto go_on = [&](u32 from, u8 b) {
            const auto [to, ends] = inside(from, b);
            return ends ? DEAD : to;
        };
        const ByteSet characters = find_loops(x, go_on, [](u32) { return false; });
        u64 left = 0, cut = 0;  // kinds of bytes that leave the state; of those that begin a character that does
        for (u32 b = 0; b < 256; ++b) {
            if (go_on(x, u8(b)) != x) left |= u64(1) << kind[b];
            if (step_utf8(0, u8(b)) != NOT_UTF8 && !characters.has(u8(b))) cut |= u64(1) << kind[b];
        }
        loop_ids.put(x, known = u32(loops.size()));
        const u64 kinds = (u64(2) << kind[255]) - 1;  // not all bits: ALL holds more than any bytes
        loops.push_back({kinds & ~left, kinds & ~cut});
    }
    return !(words.kinds(set) & ~loops[known].bytes) || !(words.characters(set) & ~loops[known].characters);
}

u32 Moves::fan(u32 id) {
    if (!lexer && place(id).term == END) return 0;
    u32 most = 0;
    for (std::size_t k = 0; k < lex_sets.size(place(id).lexes); ++k) {
        u32 x = lex_sets.begin(place(id).lexes)[k], count = fans.find(x);
        if (count == NONE) {
            count = 0;
            for (u32 b = 0; b < 256; ++b) {
                u32 go, label, next;
                step(x, b, go, label, next);
                count += go != NONE || next != NONE;
            }
            fans.put(x, count);
        }
        most = std::max(most, count);
    }
    return most;
}

u32 Moves::open(u32 term, u32 ret, std::vector<u32> lexes) {
    sort_unique(lexes);
    Open o{term, ret, lex_sets.intern(lexes)};
    return opens.intern(&o, 1);
}

bool Moves::may_end(u32 id) const {
    Open o = place(id);
    for (std::size_t k = 0; k < lex_sets.size(o.lexes); ++k)
        if (may_end(o.term, lex_sets.begin(o.lexes)[k])) return true;
    return false;
}

bool Moves::may_end(u32 term, u32 x) const {
    if (!lexer) return term == END || accepts(x);
    if (x == Lexer::BEGIN) return term == END;
    u32 label = x >= first_special ? x : lexer->label(x);
    return label && (term == END ? ignorable(label) : completes(label, term));
}

// -- boxes ------------------------------------------------------------------------------------------------------------

// What words do to a terminal whose lexeme may be in several states, whatever stands behind it.
Moves::Read Moves::read_open(u32 term, u32 lexes, u32 set) {
    Open any{term, NONE, lexes};
    u64 key = u64(opens.intern(&any, 1)) << 32 | set;
    if (u32 known = open_ids.find(key); known != NONE) return reads[known];
    Read out{0, NOTHING};
    std::vector<std::pair<u32, u32>> counts;  // those that differ in their counts only are read together
    std::vector<u32> some;
    for (std::size_t k = 0; k < lex_sets.size(lexes); ++k) {
        if (!lexer && term == END) break;
        u32 x = lex_sets.begin(lexes)[k];
        if (auto [like, count] = counted(x); count != NONE) counts.emplace_back(like, count);
        else filter(Reading(readings[reading(set, x)]), term, out.inner, out.rests);
        if (!lexer && accepts(x)) out.rests = unite_rests(out.rests, rest(FRESH, set));
    }
    std::sort(counts.begin(), counts.end());
    for (std::size_t k = 0; k < counts.size();) {
        u32 like = counts[k].first;
        for (some.clear(); k < counts.size() && counts[k].first == like; ++k) some.push_back(counts[k].second);
        filter(read_counted(set, like, some), term, out.inner, out.rests);
    }
    open_ids.put(key, u32(reads.size()));
    reads.push_back(out);
    return out;
}

Moves::Next Moves::next(u32 id, u32 set) {
    u64 key = u64(id) << 32 | set;
    u32 known = next_ids.find(key);
    if (known != NONE) return nexts[known];
    Open o = place(id);
    Read read = read_open(o.term, o.lexes, set);
    Next n{NONE, NONE};
    if (read.inner) {
        Open to{o.term, o.ret, read.inner};
        n.inner = opens.intern(&to, 1);
    }
    if (read.rests != NOTHING) n.summary = summary(read.rests, o.ret);
    if (nexts.size() % 256 == 0) check_size();
    next_ids.put(key, u32(nexts.size()));
    nexts.push_back(n);
    return n;
}

// What a called box does, as pairs (what to push, open place) of its caller; ret NONE: a tail call, nothing is pushed.
void Moves::add(const Summary& from, u32 ret, std::vector<std::pair<u32, u32>>& outs) {
    std::vector<u32> pushes;
    for (const Out& out : from.outs) {
        u32 list = out.pushes;
        if (ret != NONE) {
            pushes.assign(1, ret);
            pushes.insert(pushes.end(), push_lists.begin(list), push_lists.begin(list) + push_lists.size(list));
            list = push_lists.intern(pushes);
        }
        for (std::size_t k = 0; k < open_sets.size(out.opens); ++k) outs.emplace_back(list, open_sets.begin(out.opens)[k]);
    }
}

// The open places of pairs as a set: the lexical states of one place together.
u32 Moves::gather(const std::pair<u32, u32>* from, const std::pair<u32, u32>* to) {
    std::vector<Open> all;
    for (auto* p = from; p != to; ++p) all.push_back(place(p->second));
    std::sort(all.begin(), all.end(), [](const Open& a, const Open& b) { return std::tie(a.term, a.ret, a.lexes) < std::tie(b.term, b.ret, b.lexes); });
    std::size_t n = 0;
    for (const Open& o : all)
        if (n && all[n - 1].term == o.term && all[n - 1].ret == o.ret) all[n - 1].lexes = unite_lexes(all[n - 1].lexes, o.lexes);
        else all[n++] = o;
    std::vector<u32> ids;
    for (std::size_t k = 0; k < n; ++k) ids.push_back(opens.intern(&all[k], 1));
    return open_sets.intern(ids);
}

u32 Moves::summary(u32 rests, u32 ret) {  // ends: a call reads less or calls boxes of higher rank
    if (rests == NOTHING) return NONE;
    u64 key = u64(rests) << 32 | ret;
    u32 known = summary_ids.find(key);
    if (known != NONE) return known == NONE - 1 ? NONE : known;
    Summary s;
    std::vector<std::pair<u32, u32>> outs;  // (what to push, open place)
    auto take = [&](u32 id, u32 below) {
        if (id == NONE) return;
        add(summaries[id], below, outs);
        if (below == NONE) s.up = unite_rests(s.up, summaries[id].up);
    };
    if (ret == Frontiers::ACCEPT) {
        if (lexer)
            if (Read r = read(rests, END); r.inner) {
                Open o{END, ret, r.inner};
                outs.emplace_back(0, opens.intern(&o, 1));
            }
    } else {
        for (u32 k = m.scan_at[ret]; k < m.scan_at[ret + 1]; ++k) {
            auto [term, after] = m.scans[k];
            Read r = read(rests, term);
            if (r.inner) {
                Open o{term, after, r.inner};
                outs.emplace_back(0, opens.intern(&o, 1));
            }
            take(summary(r.rests, after), NONE);
        }
        for (u32 k = m.call_at[ret]; k < m.call_at[ret + 1]; ++k) {
            auto [box, after] = m.calls[k];
            u32 id = summary(rests, m.entry[box]);
            if (id == NONE) continue;
            bool tail = m.only_final[after];
            take(id, tail ? NONE : after);
            if (!tail) take(summary(summaries[id].up, after), NONE);
        }
        if (m.is_final[ret]) s.up = unite_rests(s.up, rests);
    }
    std::sort(outs.begin(), outs.end());
    for (std::size_t k = 0, end; k < outs.size(); k = end) {
        for (end = k + 1; end < outs.size() && outs[end].first == outs[k].first;) ++end;
        s.outs.push_back({outs[k].first, gather(&outs[k], &outs[k] + (end - k))});
    }
    if (s.outs.empty() && s.up == NOTHING) {
        summary_ids.put(key, NONE - 1);
        return NONE;
    }
    summary_bytes += sizeof(Summary) + s.outs.size() * sizeof(Out);
    if (summaries.size() % 256 == 0) check_size();
    summary_ids.put(key, known = u32(summaries.size()));
    summaries.push_back(std::move(s));
    return known;
}

}  // namespace weft
