"""Slow, obvious truth about Grammar values: which texts are sentences, by trying every way to cut them.

`accepts(grammar, text)` follows the definitions word by word and shares no code with what it checks; patterns go to
Python's `re`.
`sentences(grammar, alphabet, max_len)` tries every text. Both are for tiny inputs.
"""

import itertools
import re
from collections.abc import Iterable

from weft.grammar.grammar import (
    Alt,
    And,
    Expression,
    Grammar,
    Literal,
    Not,
    Pattern,
    Ref,
    Repeat,
    Seq,
    Special,
    Spelled,
)

Spans = frozenset[tuple[int, int]]


def texts(alphabet: Iterable[bytes | str], max_len: int) -> list[bytes]:
    """Every concatenation of at most `max_len` letters of the alphabet."""
    letters = [a.encode() if isinstance(a, str) else a for a in alphabet]
    return [b"".join(word) for n in range(max_len + 1) for word in itertools.product(letters, repeat=n)]


def sentences(grammar: Grammar, alphabet: Iterable[bytes | str], max_len: int) -> set[bytes]:
    """All sentences that are made of at most `max_len` letters of the alphabet."""
    return {text for text in texts(alphabet, max_len) if accepts(grammar, text)}


def accepts(grammar: Grammar, text: bytes | str) -> bool:
    """Whether a text is a sentence. A special token is no text, so nothing here matches it."""
    data = text.encode() if isinstance(text, str) else text
    if grammar.lexer:
        return any((0, len(lexemes)) in spans for lexemes, spans in _lexed(grammar, data))
    leaves = {leaf: regular_spans(leaf, data, grammar) for leaf in terminals_of(grammar)}
    return (0, len(data)) in _spans(grammar, leaves, len(data))


# Regular expressions


def matches(expression: Expression, text: bytes, grammar: Grammar | None = None) -> bool:
    """Whether a regular expression matches a whole text."""
    return (0, len(text)) in regular_spans(expression, text, grammar or Grammar("start", {}))


def regular_spans(expression: Expression, text: bytes, grammar: Grammar) -> Spans:
    """All (i, j) such that text[i:j] matches."""
    everything = [(i, j) for i in range(len(text) + 1) for j in range(i, len(text) + 1)]
    match expression:
        case Literal(literal):
            return frozenset((i, j) for i, j in everything if text[i:j] == literal)
        case Pattern(regex, flags):
            ascii_classes = re.ASCII
            kind = sum(getattr(re, f.upper()) for f in flags)
            if "i" in flags or "(?i" in regex:
                ascii_classes = 0  # with re.ASCII, Python folds the case of ASCII only
            found = re.compile(regex.replace("(?<", "(?P<"), kind | ascii_classes)
            return frozenset(
                (i, j) for i, j in everything if (t := _decoded(text[i:j])) is not None and found.fullmatch(t)
            )
        case Ref(name):
            return regular_spans(grammar.terminals[name].expression, text, grammar)
        case And(items):
            parts = [regular_spans(item, text, grammar) for item in items]
            return frozenset(s for s in everything if all(s in part for part in parts))
        case Not(item):
            inside = regular_spans(item, text, grammar)
            return frozenset(s for s in everything if s not in inside and _decoded(text[s[0] : s[1]]) is not None)
        case Spelled(item, spellings):
            listed = {code: regular_spans(e, text, grammar) for code, e in spellings}
            return frozenset(
                (i, j)
                for i, j in everything
                if any(matches(item, original.encode(), grammar) for original in _readings(text, i, j, listed))
            )
        case Special():
            return frozenset()
        case _:
            return _combine(expression, lambda inner: regular_spans(inner, text, grammar), len(text))


def _decoded(text: bytes) -> str | None:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return None


def _readings(text: bytes, i: int, j: int, listed: dict[int, Spans]) -> set[str]:
    """Every text that is written as text[i:j] if the listed code points are spelled their way."""
    if i == j:
        return {""}
    out = set()
    for k in range(i + 1, j + 1):
        char = _decoded(text[i:k])
        if char is not None and len(char) == 1 and ord(char) not in listed:
            out |= {char + rest for rest in _readings(text, k, j, listed)}
        for code, spans in listed.items():
            if (i, k) in spans:
                out |= {chr(code) + rest for rest in _readings(text, k, j, listed)}
    return out


def _combine(expression, spans_of, n: int) -> Spans:
    """Seq, Alt and Repeat over places 0..n, given the spans of what is inside."""
    match expression:
        case Seq(items):
            result = frozenset((i, i) for i in range(n + 1))
            for item in items:
                result = _join(result, spans_of(item))
            return result
        case Alt(items):
            return frozenset().union(*(spans_of(item) for item in items))
        case Repeat(item, low, high):
            once, here = spans_of(item), frozenset((i, i) for i in range(n + 1))
            total = here if low == 0 else frozenset()
            seen = set()
            count = 0
            while high is None or count < high:
                here, count = _join(here, once), count + 1
                if count >= low:
                    total |= here
                if (here, count >= low) in seen:
                    break
                seen.add((here, count >= low))
            return total
        case _:
            raise AssertionError(expression)


def _join(a: Spans, b: Spans) -> Spans:
    return frozenset((i, k) for i, j in a for j2, k in b if j == j2)


# Context-free grammars


def terminals_of(grammar: Grammar) -> list[Expression]:
    """The terminals that the start symbol can reach: names of terminals, and regular expressions without a name."""
    out: dict[Expression, None] = {}
    reached = [grammar.start]

    def visit(expression: Expression) -> None:
        match expression:
            case Literal() | Pattern() | And() | Not() | Spelled() | Special():
                out[expression] = None
            case Ref(name):
                if name in grammar.terminals:
                    out[expression] = None
                elif name not in reached:
                    reached.append(name)
            case Seq(items) | Alt(items):
                for item in items:
                    visit(item)
            case Repeat(item):
                visit(item)

    for name in reached:
        visit(grammar.productions[name])
    return list(out)


def _spans(grammar: Grammar, leaves: dict[Expression, Spans], n: int) -> Spans:
    """The spans of the start symbol over places 0..n, given those of every terminal: least fixpoint."""
    known: dict[str, Spans] = {name: frozenset() for name in grammar.productions}

    def spans_of(expression: Expression) -> Spans:
        if isinstance(expression, Ref) and expression.name in known:
            return known[expression.name]
        if expression in leaves:
            return leaves[expression]
        if not isinstance(expression, Seq | Alt | Repeat):
            return frozenset()  # in a production that the start symbol cannot reach
        return _combine(expression, spans_of, n)

    while True:
        new = {name: spans_of(body) for name, body in grammar.productions.items()}
        if new == known:
            return known[grammar.start]
        known = new


# Longest match


def lexemes_of(grammar: Grammar, text: bytes) -> list[tuple[bytes, list[Expression]]] | None:
    """The way to cut a text by longest match: each lexeme with the terminals that it may be. None if there is none."""
    used = [*terminals_of(grammar), *(Ref(name) for name in grammar.ignore)]
    terminals = [t for t in dict.fromkeys(used) if not isinstance(t, Special)]
    spans = {t: regular_spans(t, text, grammar) for t in terminals}
    out, i = [], 0
    while i < len(text):
        ends = [j for t in terminals for a, j in spans[t] if a == i and j > i]
        if not ends:
            return None
        j = max(ends)
        found = [t for t in terminals if (i, j) in spans[t]]
        best = max(_class(t, grammar) for t in found)
        out.append((text[i:j], [t for t in found if _class(t, grammar) == best]))
        i = j
    return out


def _class(terminal: Expression, grammar: Grammar) -> tuple[int, bool]:
    if isinstance(terminal, Ref):
        named = grammar.terminals[terminal.name]
        return named.priority, is_string(named.expression)
    return 0, is_string(terminal)


def is_string(expression: Expression) -> bool:
    """Whether a terminal is a string literal, with or without case."""
    match expression:
        case Literal():
            return True
        case Pattern(regex, "i"):  # what "select"i is read as
            return re.fullmatch(r"([^\\.^$*+?()\[\]{}|]|\\[^A-Za-z0-9])+", regex) is not None
    return False


def _lexed(grammar: Grammar, text: bytes):
    lexemes = lexemes_of(grammar, text)
    if lexemes is None:
        return
    ignored = [Ref(name) for name in grammar.ignore]
    blank = [any(t in ignored for t in found) for _, found in lexemes]
    n = len(lexemes)
    # a terminal stands for its lexeme with any ignored lexemes before it; those at the end belong to no terminal
    leaves: dict[Expression, set[tuple[int, int]]] = {t: set() for t in terminals_of(grammar)}
    for j in range(n):
        i = j
        while True:
            for t in lexemes[j][1]:
                if t in leaves:
                    leaves[t].add((i, j + 1))
            if i == 0 or not blank[i - 1]:
                break
            i -= 1
    spans = _spans(grammar, {t: frozenset(s) for t, s in leaves.items()}, n)
    end = n
    while True:
        if (0, end) in spans:
            yield lexemes, {(0, n)}
            return
        if end == 0 or not blank[end - 1]:
            return
        end -= 1


# Suite


def suite(*names: str) -> list[dict]:
    """The cases of tests/suite/<name>.toml, all files if none is named."""
    import tomllib
    from pathlib import Path

    folder = Path(__file__).parent / "suite"
    paths = [folder / f"{name}.toml" for name in names] or sorted(folder.glob("*.toml"))
    return [{"file": p.stem, **case} for p in paths for case in tomllib.loads(p.read_text("utf-8"))["case"]]


def grammar_of(case: dict) -> Grammar:
    """The grammar of a suite case."""
    from weft.grammar.gbnf import from_gbnf
    from weft.grammar.lark import from_lark
    from weft.grammar.regex import from_regex

    if "lark" in case:
        return from_lark(case["lark"].lstrip("\n"), start=case.get("start", "start"))
    if "gbnf" in case:
        return from_gbnf(case["gbnf"])
    return from_regex(case["regex"], case.get("flags", ""))


# Random grammars


def random_grammar(rng, *, lexer: bool = False, operators: bool = True) -> Grammar:
    """A small grammar over the letters a and b: recursion of every kind, empty rules; with `operators`, & and ~ too."""
    from weft.grammar.grammar import Terminal

    def regular(depth: int) -> Expression:
        kind = rng.randrange(9 if operators and depth else 6 if depth else 2)
        match kind:
            case 0:
                return Literal(rng.choice([b"a", b"b", b"ab"]))
            case 1:
                return Pattern(rng.choice(["[ab]", "a+", "b|ab", "[^a]", "ab?a"]))
            case 2 | 3:
                return Seq(tuple(regular(depth - 1) for _ in range(rng.randint(1, 2))))
            case 4:
                return Alt(tuple(regular(depth - 1) for _ in range(rng.randint(1, 2))))
            case 5:
                low = rng.randint(0, 2)
                return Repeat(regular(depth - 1), low, rng.choice([None, max(1, low + rng.randint(0, 1))]))
            case 6:
                return And((regular(depth - 1), regular(depth - 1)))
            case 7:
                return And((Pattern("[ab]{1,3}"), Not(regular(depth - 1))))
            case _:
                return Spelled(Pattern("[ab]+"), ((97, Literal(b"bb")), (98, regular(0))))

    names = ["start", "x", "y"]
    tokens = {f"T{i}": Terminal(regular(2), rng.randint(0, 1) if lexer else 0) for i in range(2)}
    if lexer:  # no lexeme is empty
        tokens = {n: Terminal(And((Pattern("[ab]+"), t.expression)), t.priority) for n, t in tokens.items()}

    def body(depth: int) -> Expression:
        kind = rng.randrange(8 if depth else 3)
        match kind:
            case 0:
                return Ref(rng.choice(names))
            case 1:
                return Ref(rng.choice(list(tokens)))
            case 2:
                return regular(1) if not lexer else Literal(rng.choice([b"a", b"b", b"ab"]))
            case 3 | 4 | 5:
                return Seq(tuple(body(depth - 1) for _ in range(rng.randint(0, 3))))
            case 6:
                return Alt(tuple(body(depth - 1) for _ in range(rng.randint(1, 3))))
            case _:
                return Repeat(body(depth - 1), rng.randint(0, 1), rng.choice([None, 2]))

    productions = {name: Alt(tuple(body(2) for _ in range(rng.randint(1, 2)))) for name in names}
    if lexer and rng.random() < 0.3:
        return Grammar("start", productions, {**tokens, "BLANK": Terminal(Pattern("b+"))}, ("BLANK",), lexer=True)
    return Grammar("start", productions, tokens, lexer=lexer)
