// The only file that knows Python: reads Grammar values, turns faults into weft.errors, lends arrays.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <atomic>
#include <exception>
#include <system_error>
#include <thread>

#include "chart.hpp"
#include "constraint.hpp"
#include "solver.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace weft;

namespace {

using MaskArray = nb::ndarray<uint32_t, nb::c_contig, nb::device::cpu>;

// Reads the named tuples of weft.grammar.grammar into a GrammarSpec. Texts are views into Python's own strings, which the
// caller keeps alive; an expression object that occurs twice is read once.
class SpecReader {
  public:
    SpecReader(nb::tuple kinds, const Limits& limits_) : limits(limits_) {
        for (nb::handle k : kinds) types.push_back(k.ptr());
    }

    const GrammarSpec& read(nb::handle grammar) {
        if (!nb::hasattr(grammar, "productions")) throw nb::type_error("not a Grammar: weft.from_lark(text), for instance, makes one");
        g.start = text(grammar.attr("start"));
        g.lexer = nb::cast<bool>(grammar.attr("lexer"));
        for (auto [name, expr] : a<nb::dict>(grammar.attr("productions"), "productions must be a dict"))
            g.productions.push_back({text(name), expression(expr, 0), 0});
        for (auto [name, terminal] : a<nb::dict>(grammar.attr("terminals"), "terminals must be a dict"))
            g.terminals.push_back({text(name), expression(nb::object(terminal.attr("expression")), 0), int(number(terminal.attr("priority"), -0x7FFFFFFF, 0x7FFFFFFF, "priority"))});
        for (nb::handle name : a<nb::tuple>(grammar.attr("ignore"), "ignore must be a tuple")) g.ignore.push_back(text(name));
        return g;
    }

    u32 expression(nb::handle h, u32 depth) {
        if (depth > limits.depth) throw LimitFault("an expression is nested too deeply", limits.depth, depth, "raise Limits.depth");
        u64 self = u64(reinterpret_cast<std::uintptr_t>(h.ptr()));
        if (u32 known = seen.find(self); known != NONE) return known;
        auto type = std::find(types.begin(), types.end(), reinterpret_cast<PyObject*>(Py_TYPE(h.ptr())));
        if (type == types.end()) throw nb::type_error("not an expression of weft.grammar.grammar");
        Expr e{};
        e.kind = Expr::Kind(type - types.begin());
        std::size_t first_item = items.size(), first_point = code_points.size();
        switch (e.kind) {
            case Expr::Literal: e.text = bytes(field(h, 0)); break;
            case Expr::Pattern: e.text = text(field(h, 0)), e.flags = text(field(h, 1)); break;
            case Expr::Ref: e.text = text(field(h, 0)); break;
            case Expr::Special: {
                nb::handle token = field(h, 0);
                if (PyLong_Check(token.ptr())) e.token = u32(number(token, 0, NONE - 1, "token id"));
                else e.text = text(token);
                break;
            }
            case Expr::Not: items.push_back(expression(field(h, 0), depth + 1)); break;
            case Expr::Repeat: {
                items.push_back(expression(field(h, 0), depth + 1));
                e.min = u32(number(field(h, 1), 0, 0x7FFFFFFF, "repeat count"));
                nb::handle max = field(h, 2);
                e.max = max.is_none() ? NONE : u32(number(max, 0, 0x7FFFFFFF, "repeat count"));
                if (e.max < e.min) throw GrammarFault("repeat counts are in the wrong order: min " + std::to_string(e.min) + ", max " + std::to_string(e.max), "min <= max");
                break;
            }
            case Expr::Spelled: {
                items.push_back(expression(field(h, 0), depth + 1));
                for (nb::handle pair : a<nb::tuple>(field(h, 1), "spellings must be a tuple of pairs")) {
                    code_points.push_back(u32(number(field(pair, 0), 0, MAX_CODE_POINT, "code point")));
                    items.push_back(expression(field(pair, 1), depth + 1));
                }
                break;
            }
            default:
                for (nb::handle x : a<nb::tuple>(field(h, 0), "the parts of an expression must be a tuple")) items.push_back(expression(x, depth + 1));
        }
        e.first = u32(g.children.size()), e.count = u32(items.size() - first_item), e.points = u32(g.points.size());
        g.children.insert(g.children.end(), items.begin() + long(first_item), items.end());
        g.points.insert(g.points.end(), code_points.begin() + long(first_point), code_points.end());
        items.resize(first_item), code_points.resize(first_point);
        g.exprs.push_back(e);
        seen.put(self, u32(g.exprs.size()) - 1);
        return u32(g.exprs.size()) - 1;
    }

    GrammarSpec g;

  private:
    static nb::handle field(nb::handle h, Py_ssize_t i) {
        if (!PyTuple_Check(h.ptr())) throw nb::type_error("spellings must be a tuple of pairs");
        PyObject* o = PyTuple_GetItem(h.ptr(), i);
        if (!o) throw nb::python_error();
        return o;
    }
    static std::string_view text(nb::handle h) {
        Py_ssize_t n;
        if (!PyUnicode_Check(h.ptr())) throw nb::type_error("names and patterns must be str");
        const char* s = PyUnicode_AsUTF8AndSize(h.ptr(), &n);
        if (!s) {
            PyErr_Clear();
            throw GrammarFault("a name or a pattern holds half of a surrogate pair", "text that can be written as UTF-8");
        }
        return {s, std::size_t(n)};
    }
    static std::string_view bytes(nb::handle h) {
        char* s;
        Py_ssize_t n;
        if (PyBytes_AsStringAndSize(h.ptr(), &s, &n)) throw nb::python_error();
        return {s, std::size_t(n)};
    }
    template <class T>
    static T a(nb::handle h, const char* otherwise) {
        if (!nb::isinstance<T>(h)) throw nb::type_error(otherwise);
        return nb::borrow<T>(h);
    }
    static long long number(nb::handle h, long long low, long long high, const char* what) {
        if (!PyLong_Check(h.ptr())) throw nb::type_error((std::string(what) + " must be an int").c_str());
        int overflow;
        long long n = PyLong_AsLongLongAndOverflow(h.ptr(), &overflow);
        if (overflow || n < low || n > high)
            throw GrammarFault(std::string(what) + " " + nb::cast<std::string>(nb::str(h)) + " is out of range", std::to_string(low) + " to " + std::to_string(high));
        return n;
    }
    const Limits& limits;
    std::vector<PyObject*> types;
    FlatMap seen;                         // by address
    std::vector<u32> items, code_points;  // of the expressions that are being read, the innermost last
};

// One argument for a mask of `words` words: what the caller lends is checked, never resized.
uint32_t* lend(nb::handle lent, std::size_t rows, std::size_t words) {
    MaskArray out;  // never a converted copy: what is written there would be lost
    bool fits = nb::try_cast<MaskArray>(lent, out, false);
    fits = fits && (rows == 0 ? out.ndim() == 1 && out.shape(0) == words : out.ndim() == 2 && out.shape(0) >= rows && out.shape(1) == words);
    if (!fits)
        throw nb::value_error(("out must be a writable, contiguous uint32 array of shape [" + (rows ? std::to_string(rows) + ", " : std::string()) + std::to_string(words) + "]").c_str());
    return out.data();
}

nb::object new_array(const std::vector<std::size_t>& shape, uint32_t** data) {
    std::size_t n = 1;
    for (auto s : shape) n *= s;
    auto* block = new uint32_t[n]();
    nb::capsule owner(block, [](void* p) noexcept { delete[] static_cast<uint32_t*>(p); });
    *data = block;
    return nb::cast(nb::ndarray<nb::numpy, uint32_t>(block, shape.size(), shape.data(), owner));
}

std::vector<u32> token_ids(nb::handle h, const Vocabulary& v) {
    std::vector<u32> out;
    for (nb::handle x : h) {
        if (PyBool_Check(x.ptr())) throw nb::type_error("a token id is an int, not a bool");
        nb::object exact = nb::steal(PyNumber_Index(x.ptr()));  // no float, no str; NumPy's integers are welcome
        if (!exact.is_valid()) throw nb::python_error();
        int overflow;
        long long id = PyLong_AsLongLongAndOverflow(exact.ptr(), &overflow);
        if (overflow || id < 0 || id >= (long long)v.size()) {
            nb::object error = nb::module_::import_("weft.errors").attr("VocabularyError");
            PyErr_SetObject(error.ptr(), error(nb::str(("token id " + nb::cast<std::string>(nb::str(exact)) + " is not in the vocabulary").c_str()),
                                               "expected"_a = nb::str(("an id from 0 to " + std::to_string(v.size() - 1)).c_str())).ptr());
            throw nb::python_error();
        }
        out.push_back(u32(id));
    }
    return out;
}

// A message as Python's text: what quotes a byte of the user's may hold half of a character.
nb::object message(const std::string& s) {
    return nb::steal(PyUnicode_DecodeUTF8(s.data(), Py_ssize_t(s.size()), "replace"));
}

std::string caret(const std::string& source, long offset) {
    if (offset < 0 || source.empty()) return "";
    std::size_t from = 0, to = source.size(), at = std::min(std::size_t(offset), source.size());
    std::string head, tail;
    auto part_of_a_character = [&](std::size_t i) { return i < source.size() && (u8(source[i]) & 0xC0) == 0x80; };
    if (at > 60) from = at - 60, head = "...";
    if (to > at + 60) to = at + 60, tail = "...";
    while (part_of_a_character(from)) ++from;
    while (part_of_a_character(to)) ++to;
    std::string line = source.substr(from, to - from);
    for (char& c : line)
        if (u8(c) < 32) c = ' ';
    std::size_t columns = 0;
    for (std::size_t i = from; i < at; ++i) columns += !part_of_a_character(i);
    return "offset " + std::to_string(offset) + "\n  " + head + line + tail + "\n  " + std::string(head.size() + columns, ' ') + "^";
}

[[noreturn]] void dead_end(const Matcher& m, const std::vector<u32>& ids, std::size_t at) {
    nb::module_ errors = nb::module_::import_("weft.errors");
    nb::object kind = errors.attr("DeadEnd");
    const Vocabulary& v = *m.constraint->vocabulary;
    std::string text;
    for (u32 t : m.tokens)
        if (v.texts[t]) text += *v.texts[t];
    nb::bytes so_far(text.data(), text.size());
    std::string what, hint;
    if (m.stopped) what = "an end token was committed: nothing can follow";
    else if (v.is_end(ids[at])) what = "end token " + std::to_string(ids[at]) + " before the text is complete";
    else what = "token " + std::to_string(ids[at]) + " does not fit here";
    nb::object shown = v.texts[ids[at]] ? nb::object(nb::repr(nb::bytes(v.texts[ids[at]]->data(), v.texts[ids[at]]->size()))) : nb::object(nb::str("no text"));
    std::string where = std::string("token ") + std::to_string(m.tokens.size() + at) + " of the output (" + nb::cast<std::string>(shown) + ")";
    nb::object error = kind(nb::str(what.c_str()), "text"_a = so_far, "where"_a = nb::str(where.c_str()),
                            "expected"_a = nb::str("one of the tokens in mask()"), "hint"_a = nb::str("the matcher has not moved"));
    PyErr_SetObject(kind.ptr(), error.ptr());
    throw nb::python_error();
}

// A constraint without a vocabulary reads bytes only.
std::shared_ptr<Constraint> over_tokens(std::shared_ptr<Constraint> c) {
    if (!c->vocabulary) throw nb::value_error("this constraint has no vocabulary");
    return c;
}

void fill(const std::vector<Matcher*>& matchers, uint32_t* out, std::size_t words, unsigned threads) {
    constexpr std::size_t MOST_THREADS = 256;
    std::atomic<std::size_t> next{0};
    std::vector<std::exception_ptr> failed(matchers.size());
    auto work = [&] {
        for (std::size_t i; (i = next++) < matchers.size();) try {
            matchers[i]->mask(out + i * words);
        } catch (...) {
            failed[i] = std::current_exception();
        }
    };
    std::vector<std::thread> pool;
    std::size_t most = std::min<std::size_t>({threads, matchers.size(), MOST_THREADS});
    pool.reserve(most);
    try {
        while (pool.size() + 1 < most) pool.emplace_back(work);
    } catch (const std::system_error&) {  // the system has no more threads: fewer will do
    }
    work();
    for (auto& t : pool) t.join();
    for (auto& error : failed)
        if (error) std::rethrow_exception(error);
}

}  // namespace

NB_MODULE(_core, m) {
    m.doc() = "The native engine of weft: automata, frontiers, token masks. Use it through weft.grammar.";

    nb::register_exception_translator([](const std::exception_ptr& p, void*) {
        try {
            std::rethrow_exception(p);
        } catch (const GrammarFault& e) {
            nb::object kind = nb::module_::import_("weft.errors").attr("GrammarError");
            nb::object error = kind(message(e.what()), "where"_a = message(caret(e.source, e.offset)), "expected"_a = message(e.expected), "hint"_a = message(e.hint));
            if (e.offset >= 0) error.attr("offset") = e.offset;
            PyErr_SetObject(kind.ptr(), error.ptr());
        } catch (const LimitFault& e) {
            nb::object kind = nb::module_::import_("weft.errors").attr("BudgetExceeded");
            PyErr_SetObject(kind.ptr(), kind(message(e.what()), "limit"_a = e.limit, "spent"_a = e.spent, "hint"_a = message(e.hint),
                                             "expected"_a = message("at most " + std::to_string(e.limit))).ptr());
        }
    });

    nb::class_<Limits>(m, "Limits", "Sizes that a grammar may reach; see weft.Limits.")
        .def(nb::init<>())
        .def_rw("nfa_states", &Limits::nfa_states)
        .def_rw("dfa_states", &Limits::dfa_states)
        .def_rw("box_states", &Limits::box_states)
        .def_rw("depth", &Limits::depth)
        .def_rw("cache_bytes", &Limits::cache_bytes);

    nb::class_<weft::Vocabulary>(m, "Vocabulary", "Token bytes as a trie, and the store of masks that all its constraints share.")
        .def("__init__",
             [](weft::Vocabulary* self, nb::sequence tokens, std::vector<u32> eos, nb::dict specials, u64 store_bytes) {
                 std::vector<std::optional<std::string>> texts;
                 for (nb::handle t : tokens) {
                     if (t.is_none()) texts.emplace_back();
                     else {
                         nb::bytes b = nb::cast<nb::bytes>(t);
                         texts.emplace_back(std::string(b.c_str(), b.size()));
                     }
                 }
                 std::vector<std::pair<std::string, u32>> named;
                 for (auto [name, id] : specials) named.emplace_back(nb::cast<std::string>(name), nb::cast<u32>(id));
                 nb::gil_scoped_release release;
                 new (self) weft::Vocabulary(std::move(texts), std::move(eos), std::move(named), store_bytes);
             },
             "tokens"_a, "eos"_a, "specials"_a = nb::dict(), "store_bytes"_a = u64(256) << 20)
        .def_prop_ro("size", &weft::Vocabulary::size)
        .def_prop_ro("store_bytes", [](weft::Vocabulary& v) { return v.store->size_bytes(); });

    nb::class_<Machine>(m, "Machine", "The recursive automaton of a grammar.")
        .def_prop_ro("states", [](const Machine& x) { return x.states(); })
        .def_prop_ro("boxes", [](const Machine& x) { return x.entry.size(); })
        .def_prop_ro("terminals", [](const Machine& x) { return x.terminal_names; })
        .def_prop_ro("is_empty", [](const Machine& x) { return x.start_box == NONE && !x.nullable; });

    m.def(
        "build",
        [](nb::handle grammar, nb::tuple kinds, const Limits& limits, weft::Vocabulary* vocabulary) {
            SpecReader reader(kinds, limits);
            const GrammarSpec& g = reader.read(grammar);
            nb::gil_scoped_release release;
            TerminalCache own(u64(1) << 24);
            return std::const_pointer_cast<Machine>(build_machine(g, limits, vocabulary ? vocabulary->store->terminals : own));
        },
        "grammar"_a, "kinds"_a, "limits"_a, "vocabulary"_a.none() = nb::none());

    m.def(
        "check_pattern",
        [](const std::string& regex, const std::string& flags, const Limits& limits) {
            nb::gil_scoped_release release;
            compile_terminal(parse_regex(regex, flags, limits), limits);
        },
        "regex"_a, "flags"_a, "limits"_a, "Raises GrammarError or BudgetExceeded unless the pattern can be compiled.");

    m.def(
        "terminal_dfa",
        [](nb::handle expression, nb::handle grammar, nb::tuple kinds, const Limits& limits) {
            SpecReader reader(kinds, limits);
            if (!grammar.is_none()) reader.read(grammar);  // the expression may use its terminals
            u32 e = reader.expression(expression, 0);
            const GrammarSpec& g = reader.g;
            auto t = compile_terminal(Regular(g, limits).to_rx(e), limits);
            nb::list edges, accepting;
            u32 states = t->never ? 0 : t->states;
            if (states > limits.dfa_states) throw LimitFault("the terminal has too many states to be listed", limits.dfa_states, states);
            for (u32 s = 0; s < states; ++s) {
                if (t->accepts(s)) accepting.append(s);
                for (int b = 0; b < 256;) {
                    u32 to = t->step(s, u8(b));
                    int end = b;
                    while (end < 255 && t->step(s, u8(end + 1)) == to) ++end;
                    if (to != DEAD) edges.append(nb::make_tuple(s, b, end, to));
                    b = end + 1;
                }
            }
            return nb::make_tuple(states, t->start, accepting, edges);
        },
        "expression"_a, "grammar"_a.none(), "kinds"_a, "limits"_a,
        "(states, start, accepting, [(state, low byte, high byte, next state)]) of a regular expression's automaton.");

    nb::class_<Constraint>(m, "Constraint", "A machine bound to a vocabulary (or to bytes alone), with what it has learnt.")
        .def("__init__",
             [](Constraint* self, std::shared_ptr<Machine> machine, std::shared_ptr<weft::Vocabulary> vocabulary, const Limits& limits) {
                 new (self) Constraint(std::move(machine), std::move(vocabulary), limits);
             },
             "machine"_a, "vocabulary"_a.none(), "limits"_a)
        .def_prop_ro("size_bytes", [](Constraint& c) {
            std::lock_guard<std::mutex> guard(c.lock);
            return c.bytes();
        });

    m.def(
        "complete_canvas",
        [](Constraint& constraint, nb::sequence parts, u64 max_items) -> nb::object {
            Chain chain;
            for (nb::handle part : parts) {
                if (part.is_none()) chain.add_hole();
                else {
                    nb::bytes b = nb::cast<nb::bytes>(part);
                    chain.add(std::string_view(b.c_str(), b.size()));
                }
            }
            std::optional<std::string> found;
            {
                nb::gil_scoped_release release;
                std::lock_guard<std::mutex> guard(constraint.lock);
                const Machine& machine = constraint.engine->base();
                auto lexemes = make_lexemes(machine, chain, constraint.engine->holes());
                Chart chart(machine, *lexemes, max_items);
                if (chart.completable()) found = chart.witness().text;
            }
            if (!found) return nb::none();
            return nb::bytes(found->data(), found->size());
        },
        "constraint"_a, "parts"_a, "max_items"_a,
        "A sentence with the fragments in place and as few bytes as possible in the holes (None in parts), or None if there is none.");

    nb::class_<Solver>(m, "Solver")
        .def("__init__",
             [](Solver* self, std::shared_ptr<Constraint> c, nb::sequence elements, u64 max_states, u64 max_items, const Solver* before) {
                 std::vector<Element> list;
                 for (nb::handle h : elements) {  // (kind, text, token)
                     nb::tuple t = nb::cast<nb::tuple>(h);
                     Element e;
                     e.kind = Element::Kind(nb::cast<int>(t[0]));
                     nb::bytes b = nb::cast<nb::bytes>(t[1]);
                     e.text.assign(b.c_str(), b.size());
                     e.token = nb::cast<u32>(t[2]);
                     list.push_back(std::move(e));
                 }
                 nb::gil_scoped_release release;
                 new (self) Solver(over_tokens(std::move(c)), std::move(list), max_states, max_items, before);
             },
             "constraint"_a, "elements"_a, "max_states"_a, "max_items"_a, "before"_a.none())
        .def_prop_ro("is_open", &Solver::open)
        .def("mask", [](Solver& self, u32 element, std::size_t words) {
            uint32_t* data;
            nb::object out = new_array({words}, &data);
            nb::gil_scoped_release release;
            self.mask(element, data);
            return out;
        })
        .def("admit", &Solver::admit, nb::call_guard<nb::gil_scoped_release>())
        .def("forced", [](Solver& self, u32 element) -> std::optional<u32> {
            nb::gil_scoped_release release;
            const u32 token = self.forced(element);
            return token == NONE ? std::nullopt : std::optional(token);
        }, "element"_a)
        .def("can_close", &Solver::can_close, "element"_a, nb::call_guard<nb::gil_scoped_release>())
        .def("witness", [](Solver& self) {
            std::string s;
            {
                nb::gil_scoped_release release;
                s = self.witness();
            }
            return nb::bytes(s.data(), s.size());
        })
        .def("least_bytes", &Solver::least_bytes, "element"_a, nb::call_guard<nb::gil_scoped_release>())
        .def("least_tokens", &Solver::least_tokens, nb::call_guard<nb::gil_scoped_release>())
        .def("best", [](Solver& self, nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu> scores) {
            nb::gil_scoped_release release;
            return self.best(scores.data());
        })
        .def("sample", [](Solver& self, nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu> scores, u64 seed) {
            nb::gil_scoped_release release;
            return self.sample(scores.data(), seed);
        });

    nb::class_<Matcher>(m, "Matcher")
        .def("__init__",
             [](Matcher* self, std::shared_ptr<Constraint> c, std::optional<u32> max_tokens) {
                 nb::gil_scoped_release release;
                 new (self) Matcher(over_tokens(std::move(c)), max_tokens.value_or(NONE));
             },
             "constraint"_a, "max_tokens"_a.none() = nb::none())
        .def("__init__", [](Matcher* self, const Matcher& other) { new (self) Matcher(other); }, "other"_a)
        .def(
            "mask",
            [](Matcher& self, nb::object out) -> nb::object {
                std::size_t words = self.constraint->vocabulary->words();
                uint32_t* data;
                if (out.is_none()) out = new_array({words}, &data);
                else data = lend(out, 0, words);
                nb::gil_scoped_release release;
                self.mask(data);
                return out;
            },
            nb::kw_only(), "out"_a.none() = nb::none())
        .def("commit",
             [](Matcher& self, nb::args ids_) {
                 std::vector<u32> ids = token_ids(ids_, *self.constraint->vocabulary);
                 std::size_t n;
                 {
                     nb::gil_scoped_release release;
                     n = self.commit(ids);
                 }
                 if (n < ids.size()) dead_end(self, ids, n);
             })
        .def(
            "rollback",
            [](Matcher& self, long n) {
                if (n < 0 || std::size_t(n) > self.tokens.size())
                    throw nb::value_error(("cannot roll back " + std::to_string(n) + " tokens: " + std::to_string(self.tokens.size()) + " are committed").c_str());
                nb::gil_scoped_release release;
                self.rollback(std::size_t(n));
            },
            "n"_a = 1)
        .def("forced", [](Matcher& self) {
            nb::gil_scoped_release release;
            return self.forced();
        })
        .def("count_legal", [](Matcher& self, nb::iterable draft) {
            std::vector<u32> ids = token_ids(draft, *self.constraint->vocabulary);
            nb::gil_scoped_release release;
            return self.count_legal(ids);
        })
        .def("masks", [](Matcher& self, nb::iterable draft) {
            std::vector<u32> ids = token_ids(draft, *self.constraint->vocabulary);
            uint32_t* data;
            nb::object out = new_array({ids.size() + 1, self.constraint->vocabulary->words()}, &data);
            nb::gil_scoped_release release;
            self.masks(ids, data);
            return out;
        })
        .def_prop_ro("is_complete", [](Matcher& self) {
            nb::gil_scoped_release release;
            return self.is_complete();
        })
        .def_ro("is_stopped", &Matcher::stopped)
        .def_ro("tokens", &Matcher::tokens)
        .def_prop_ro("state", [](const Matcher& self) { return self.states.back(); })
        .def_prop_ro("text", [](const Matcher& self) {
            std::string s;
            for (u32 t : self.tokens)
                if (auto& x = self.constraint->vocabulary->texts[t]) s += *x;
            return nb::bytes(s.data(), s.size());
        });

    m.def(
        "fill_masks",
        [](nb::sequence matchers, nb::object out, unsigned threads) {
            std::vector<Matcher*> list;
            for (nb::handle h : matchers) {
                if (!nb::isinstance<Matcher>(h) || !nb::inst_ready(h)) throw nb::type_error("fill_masks takes matchers");
                list.push_back(nb::cast<Matcher*>(h));
            }
            if (list.empty()) return;
            std::size_t words = list[0]->constraint->vocabulary->words();
            for (auto* x : list)
                if (x->constraint->vocabulary->words() != words) throw nb::value_error("matchers of different vocabularies");
            uint32_t* data = lend(out, list.size(), words);
            nb::gil_scoped_release release;
            fill(list, data, words, threads);
        },
        "matchers"_a, "out"_a, "threads"_a = 1);

    nb::class_<Recognizer>(m, "Recognizer")
        .def("__init__",
             [](Recognizer* self, std::shared_ptr<Constraint> c) { new (self) Recognizer(std::move(c)); }, "constraint"_a)
        .def("__init__", [](Recognizer* self, const Recognizer& other) { new (self) Recognizer(other); }, "other"_a)
        .def("feed", [](Recognizer& self, nb::bytes data) {
            std::string_view view(data.c_str(), data.size());
            nb::gil_scoped_release release;
            return self.feed(view);
        })
        .def_prop_ro("is_complete", &Recognizer::is_complete)
        .def_prop_ro("is_dead", [](const Recognizer& self) { return self.states.back() == 0; })
        .def_prop_ro("state", [](const Recognizer& self) { return self.states.back(); })
        .def("allowed_bytes", &Recognizer::allowed_bytes)
        .def("expected", &Recognizer::expected)
        .def_prop_ro("offset", [](const Recognizer& self) { return self.states.size() - 1; })
        .def("rollback", [](Recognizer& self, long n) {
            if (n < 0 || std::size_t(n) >= self.states.size()) throw nb::value_error("cannot roll back further than the start");
            self.rollback(std::size_t(n));
        });
}
