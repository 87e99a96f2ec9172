"""Shipped languages: whole texts that they must accept, broken ones that they must refuse."""

import json
import lzma
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import weft
from weft.grammar.recognizer import Recognizer

# `a < b` and `f(x)` are left open by the syntax; what is below is not.
CPP = [
    "",
    ";",
    "int x;",
    "int x = 5, *p = &x, a[3] = {1, 2, 3};",
    "unsigned long long int n = 18446744073709551615ull;",
    "int static inline f(int a) { return a; }",
    "#include <stdio.h>\n#define MAX(a, b) \\\n  ((a) > (b) ? (a) : (b))\nint main() { return MAX(1, 2); }\n",
    "#if A // one\nint a;\n#elif defined(B) && /* two\nlines */ C\nint b;\n#else//x\nint c;\n#endif",
    "#pragma once\nusing namespace std;",
    "// no line feed at the end",
    "/**/ /***/ /* * / */ int x; // a \\\n still a comment\n",
    "std::map<std::string, std::vector<std::pair<int, int>>> m;",
    "vector<vector<int> > v(3, vector<int>(4, 0));",
    "template <typename T = U::V<void>> class X {};",
    "template <class T, int N = 3, template <typename...> typename C, typename... Ts> T f(const T (&a)[N], Ts&&... ts);",
    "template <> struct hash<P> { size_t operator()(const P& p) const noexcept { return p.x ^ p.y; } };",
    "template <class... A> auto sum(A... a) { return (a + ... + 0); }",
    "template A<int, bool>::A(char *, size_t);",
    "template <class T> A(T) -> A<T>;",
    "template <typename T> requires Addable<T> && (sizeof(T) > 1) T add(T a, T b) { return a + b; }",
    "template <class T> concept C = requires(T a) { { *a } -> std::same_as<int>; typename T::x; requires true; a + a; };",
    "namespace a::b { inline namespace c { int x; } } namespace d = a::b;",
    'extern "C" { int puts(const char *); } extern "C" int x;',
    "enum class Color : unsigned char { red, green = 3, blue, };",
    "typedef struct node { int key : 3, : 0; struct node *left, *right; } node_t;",
    "union { int i; float f; } u;",
    "class A final : public B, private virtual C<int> { public: A() : B(1), c{2} {} explicit A(int); virtual ~A() = default; };",
    "struct S { int f() const override { return 1; } virtual void g() = 0; operator bool() const; S& operator=(S&&) = delete; };",
    "struct S { friend class T; friend std::ostream& operator<<(std::ostream& o, const S& s) { return o << s.x; } int x{1}; };",
    "A::A(int x) : x_(x), y_{x} {} A::~A() {} A::operator int() const { return x_; }",
    "auto operator<=>(A const &, A const &) = default;",
    "std::istream& operator>>(std::istream& i, S& s);",
    "constexpr int operator\"\"_km(unsigned long long n) { return n; } int x = 3_km;",
    "int (*handler)(int, void (*)(int)); void (*signal(int n, void (*f)(int)))(int);",
    "int add(a, b) int a, b; { return a + b; }",
    "int f(void), g(int, ...);",
    "auto f(int x) -> decltype(x + 1) try { return x; } catch (const E& e) { throw; } catch (...) {}",
    "[[nodiscard]] int f() __attribute__((const)); alignas(16) float v[4];",
    "struct point p = {.x = 1, .y[0] = 2, [3] = 4};",
    "double d[] = {1., .5, 1e-9, 0x1p-3, 0b101, 1'000'000, 1.5f, 10LL, 017};",
    "const char *s = \"a\\\"b\" L\"c\" u8\"d\\\n e\" R\"(a\"b)\" R\"x(a)\" )\"b)x\" \"\"s;",
    "const char *s = R\"(one)two)\" R\"--(x)--\";" .replace("--", "d"),
    "char c = '\\'', d = L'\\xff', e = '\"', f = '\\0';",
    "int µ = 1, año;",
    "TEST(Suite, name) { EXPECT_EQ(1, 1); }",
    "static_assert(sizeof(int) == 4, \"int\");",
    "using f = int (*)(double); using std::cout; using enum Color;",
    "__extension__ typedef long long int greg_t;",
    "module; export module m:part; import std;",
]

STATEMENTS = [
    "",
    "x;",
    "a * b; a * b = c; f(a)(b)[c].d->e++;",
    "if (a < b && c > d) x = y > > z; else if (!q) {} else return;",
    "if (auto it = m.find(k); it != m.end()) return it->second;",
    "if constexpr (std::is_same_v<T, int>) {}",
    "for (;;) {} for (int i = 0, j; i < n; i++, j--) ; for (const auto& [k, v] : m) f(k, v);",
    "for (auto x : {1, 2, 3}) std::cout << x << '\\n';",
    "while (int c = next()) do { c >>= 1; } while (c);",
    "switch (x) { case 1: case 'a' ... 'z': f(); break; default: ; }",
    "again: if (x) goto again; done:",
    "try { throw std::runtime_error(\"no\"); } catch (...) { throw; }",
    "auto f = [&, x = 1, this](auto a, int b = 2) mutable -> int { return a + b; }; [] {}();",
    "sort(v.begin(), v.end(), [](int a, int b) { return a > b; });",
    "int *p = new int[n], *q = new (buf) T{1}; delete[] p; ::delete q;",
    "x = (int)y + (T *)z - (unsigned char)*w; y = sizeof x + sizeof(int *);",
    "y = static_cast<const int&>(x) + int(x) + double{1} + std::string(3, 'x').size();",
    "z = a ? b, c : d ? e : f; a = b += c; p = &T::m; (o.*p)(1); (q->*p)();",
    "return {1, {2, 3}};",
    "vector<int> v{1, 2}, w = {3}, u(4); auto [a, b] = f(); f({1, 2}, {});",
    "T x(g.h); T y; T::U z; typename T::A *w; const char *s[] = {\"a\", \"b\"};",
    "this->template f<int>(); x.template g<T>(); p->~T(); A::b::c = 1;",
    "asm volatile (\"mov %0, %1\" : \"=r\" (a) : [b] \"r\" (b) : \"memory\");",
    "printf(\"%\" PRIu64 \"\\n\", n); va_arg(ap, int); offsetof(struct s, x);",
    "x = (struct P){1, .y = 2}; y = ({ int t = a; t; }); z = _Generic(x, int: 1, default: 2);",
    "co_await f(); co_yield x; co_return; if (not a and b or c) {}",
    "struct L { int a; } l; enum { A, B } e; static const int n = 3; extern int m;",
    "#ifdef DEBUG\n  log(\"x\");\n#endif",
    "[[maybe_unused]] int x; [[fallthrough]]; if (x) [[likely]] {} else {}",
]

BROKEN = [
    "int x",  # no semicolon
    "int int x;",  # two types
    "int float x;",
    "int;x",
    "int 2x;",
    "int x y;",
    "int x = ;",
    "int x = 1 2;",
    "int a[3;",
    "int a[3]] ;",
    "int class = 3;",  # a keyword as a name
    "int main() {",
    "int main() }",
    "int main() {}}",
    "int main( {}",
    "int main) {}",
    "int main() return 0;",
    "int main() { return 0; } return 1;",  # a statement outside a function
    "x = 5;",
    "for (;;) {}",
    "foo(int x) { }",  # no type
    "int f(int) int x; { }",
    "struct S { int x }",
    "struct S { int x; }",  # no semicolon after the class
    "struct S { int x; ;",
    "struct { int x; } }",
    "class A : { };",
    "class A { public int x; };",
    "enum E { a b };",
    "enum E { a; };",
    "enum E { , };",
    "namespace a { int x;",
    "using namespace;",
    "template <typename T",
    "template typename T> int f();",
    "std::vector<std::vector<int> x;",
    "std::vector<int>> x;",
    "std:: vector< int;",
    "int x = 'a;",
    "int x = '';",
    "char *s = \"a;",
    "char *s = \"a\nb\";",
    "char *s = R\"(a;",
    "char *s = R\"x(a)\";",
    "int x; /* never closed",
    "int x = a /* b;",
    "/*/ int x;",
    "int x; */",
    "# nonsense\nint x;",
    "int x = 1.2.3;",
    "int x = 0xg;",
    "int x = 1''0;",
    "int x @ y;",
    "int x = a \\ b;",
    "T x = new;",
    "else { }",
]

BROKEN_STATEMENTS = [
    "x",
    "x = 1",
    "x = 1 y = 2;",
    "else x;",
    "if (a) b else c;",
    "if (a) b; c; else d;",
    "if a { }",
    "if () { }",
    "if (a { }",
    "if (a)) { }",
    "for (int i = 0; i < n) { }",
    "for (int i = 0, i < n, i++) { }",
    "for (int i = 0; i < n; i++ { }",
    "for (;;;) { }",
    "for (int x : ) { }",
    "while x { }",
    "while () { }",
    "do { } while (x)",
    "do x while (y);",
    "switch (x) { case: break; }",
    "switch (x) { case 1 break; }",
    "return return;",
    "return 1 2;",
    "break 1;",
    "goto;",
    "f(1, );",
    "f(1 2);",
    "f(1;",
    "f 1);",
    "f(int x);",
    "a[];.b;",
    "a[1;",
    "a +;",
    "+ ;",
    "a * / b;",
    "a ? b;",
    "a ? b : ;",
    "a..b;",
    "a. 1;",
    "a -> ;",
    "(a;",
    "a);",
    "{ ;",
    "try { }",
    "catch (...) { }",
    "try { } catch { }",
    "int x = {1, 2;",
    "int x = {1 2};",
    "int f() { }",
    "[](int x { return x; };",
    "[ { return x; };",
    "auto f = [](int) -> { };",
    "new;",
    "delete;",
    "cout << ;",
    "cout << \"a\" x \"b\";",
    "cout < < x;",
    "case 1: x; y;}",
    "public: int x;",
    "namespace a { }",
    "template <class T> T x;",
    "static_cast<int> x;",
    "int x = = 1;",
    "x =+ ;",
    "int *;",
    "T *;;)",
    "sizeof;",
    "throw throw;;}",
    "using;",
]


@cache
def grammar(name: str) -> weft.Grammar:
    return weft.load(name)


def accepts(name: str, text: str) -> bool:
    recognizer = Recognizer(grammar(name))
    return recognizer.feed(text.encode()) == len(text.encode()) and bool(recognizer.is_complete)


def rows(path: Path) -> list[dict[str, Any]]:
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize("text", CPP)
def test_cpp_accepts(text: str) -> None:
    assert accepts("cpp", text)


@pytest.mark.parametrize("text", STATEMENTS)
def test_cpp_accepts_statements(text: str) -> None:
    assert accepts("cpp", "void f() {\n" + text + "\n}")


@pytest.mark.parametrize("text", BROKEN)
def test_cpp_refuses(text: str) -> None:
    assert not accepts("cpp", text)


@pytest.mark.parametrize("text", BROKEN_STATEMENTS)
def test_cpp_refuses_statements(text: str) -> None:
    assert not accepts("cpp", "void f() {\n" + text + "\n}")
