"""Canvases with several open elastic holes: each is asked about and written in any order, and answers as check() does.

The oracle knows nothing of masks: a token may be appended to a hole if and only if the canvas with the token written
there, all other holes left as they are, is not DEAD.
"""

import itertools
import os
import random
from collections.abc import Sequence
from functools import cache
from typing import Any

import oracles
import pytest
from reference import bits
from toy_solver import ToyConstraint, ToyVocabulary

import weft
from weft import _core
from weft.errors import DeadEnd
from weft.grammar.constraint import KINDS, Constraint
from weft.grammar.gbnf import from_gbnf
from weft.grammar.grammar import Grammar
from weft.grammar.lark import from_lark
from weft.grammar.verdict import Status
from weft.infill.canvas import HOLE, Canvas, Hole
from weft.infill.solver import Solver

EFFORT = float(os.environ.get("WEFT_TEST_EFFORT", "1"))

LARK = {  # pieces of text, grammar
    "names": (
        "a 1 + a1 +a",
        'start: item+\nitem: NAME | NUMBER | NAME "+" item\nNAME: /a[a1]*/\nNUMBER: /1+/\n%ignore " "',
    ),
    "keywords": ("i f ; if f;", 'start: (NAME | "if") ";" start?\nNAME: /[if]+/\n%ignore " "'),
    "keywords alone": ("i f ; if f;", 'start: (NAME | "if" NAME) ";" start?\nNAME: /[if]+/\n%ignore " "'),
    "many words": (
        "ab cd fgh ij m op qrs tu h",
        'start: ("abcdefgh" | "ijklmnop" | "qrstuvwx" | "(" start ")")+\n%ignore " "',
    ),
    "comments": (
        'a " \n # a" "# #\n',
        'start: ("a" | STRING)+\nSTRING: /"[^"\\n]*"/\n%ignore /#[^\\n]*/\n%ignore "\\n"',
    ),
    "numbers": ("1 e 5 1e e5 15", 'start: (INT | FLOAT | "e")+\nINT: /[15]+/\nFLOAT: /[15]+e[15]+/'),
    "numbers apart": ("1 e 5 1e e5", 'start: (INT | FLOAT | "e")+\nINT: /[15]+/\nFLOAT: /[15]+e[15]+/\n%ignore " "'),
    "owed across blanks": (
        "1 5 e 5; ; ! 1e",
        'start: INT "e" INT ";" | FLOAT "!"\nINT: /[15]/\nFLOAT: /1e *5/\n%ignore " "',
    ),
    "owed by one caller": (
        "1 e < > ( ) ] e1 1(",
        'start: "<" b ">" | INT b "]" | FLOAT\nb: "e" INT | "(" b ")"\nINT: /1+/\nFLOAT: /1+e1+/',
    ),
    "calls": ("a ( ) (a )) a(", 'start: call\ncall: "a" ("(" call* ")")?\n%ignore " "'),
    "two brackets": ("x ( ) [ ] x) [( ]] )]", 'start: "(" start ")" | "[" start "]" | "x"\n%ignore " "'),
    "blocks": ("{ } ; s {s ;} s; }}", 'start: stmt\nstmt: "s" ";" | "{" stmt* "}"\n%ignore " "'),
    "touching": ("a b ab aa ba", "start: A B? | B A start\nA: /a+/\nB: /b|ab/"),
    "run into one another": ("a b ab aa ba", "start: (A | B)+\nA: /aa/\nB: /ba*b/"),
    "run into brackets": ("a ( ) aa a) (a", 'start: A | A "(" start ")" | "(" start ")" B\nA: /a+/\nB: /a/'),
    "run into each other's brackets": (
        "a ( ) [ ] < > { } ]a (a a>",
        'start: A | "(" mid ")" | "<" start ">"\nmid: "[" start "]" B | "{" mid "}"\nA: /a+/\nB: /a/',
    ),
    "left": ("a - a- -a --", 'start: start "-" "a" | "a"\n%ignore " "'),
    "ignored or read": ("a b ab ba bb", "start: (A | B A)+\nA: /a+/\nB: /b+/\n%ignore B"),
}
GBNF = {
    "brackets": ("x ( ) [ ] x) [( ]] )]", 'root ::= "(" root ")" | "[" root "]" | "x"'),
    "two kinds": (
        "( ) [ ] < > { } x ]) x>",
        'root ::= "(" mid ")" | "<" root ">" | "x"\nmid ::= "[" root "]" | "{" mid "}" | "x"',
    ),
    "left": ("a + ( ) a+ (a +(", 'root ::= root "+" item | item\nitem ::= "a" | "(" root ")"'),
    "palindromes": ("a b ab ba aa", 'root ::= "a" root "a" | "b" root "b" | ""'),
    "ambiguous": ("a b ab ba aa", 'root ::= root root | "a" | "b" root "b"'),
    "letters": ("", 'root ::= "<" [a\xe9]* ">" | [\xe9]+ "a"'),
    "counts": ("a b aa aaaa ab bb", 'root ::= ("a"{10,20} "b" | "b" root "a")'),
    "tails": ("a b c ab bc", 'root ::= "a" root | "b" tail\ntail ::= "c" tail | "a" root "b" | ""'),
}


def tokens_of(name: str) -> list[bytes]:
    if name == "letters":
        return [b"\xc3\xa9", b"\xc3", b"\xa9", b"a", b"a\xc3", b"<", b">", b"\xa9>"]
    pieces = LARK[name[6:]][0] if name.startswith("lexed ") else GBNF[name][0]
    out = [piece.encode() for piece in pieces.split(" ") if piece]
    return [*out, b" "] if '%ignore " "' in LARK.get(name[6:], ("", ""))[1] else out


@cache
def grammar_of(name: str) -> Grammar:
    return from_lark(LARK[name[6:]][1]) if name.startswith("lexed") else from_gbnf(GBNF[name][1])


NAMES = [*(f"lexed {name}" for name in LARK), *GBNF]


class Asked:
    """What check() says about the elements of a canvas: bytes, or a list of bytes for an open hole with text in it."""

    def __init__(self, grammar: Grammar):
        native = weft.Limits()._native()
        self.constraint = _core.Constraint(_core.build(grammar, KINDS, native, None), None, native)
        self.known: dict[tuple[bytes | None, ...], bool] = {}

    def is_open(self, elements: Sequence[bytes | list[bytes]]) -> bool:
        parts: list[bytes | None] = []
        for e in elements:
            parts += [e] if isinstance(e, bytes) else [e[0], None]
        key = tuple(parts)
        if key not in self.known:
            self.known[key] = _core.complete_canvas(self.constraint, parts, 2_000_000) is not None
        return self.known[key]


def written(elements: Sequence[bytes | list[bytes]], at: int, text: bytes) -> list[bytes | list[bytes]]:
    return [[e[0] + text] if i == at else e for i, e in enumerate(elements)]


def shut(elements: Sequence[bytes | list[bytes]], at: int, text: bytes = b"") -> list[bytes | list[bytes]]:
    return [e[0] + text if i == at else e for i, e in enumerate(elements)]


def random_canvas(rng: random.Random, tokens: Sequence[bytes]) -> Canvas:
    parts: list[Any] = []
    for number in range(rng.choice([2, 2, 3, 3, 4])):
        if number or rng.random() < 0.7:
            parts.append(b"".join(rng.choices(tokens, k=rng.choice([0, 1, 1, 2, 2, 3]))))
        parts.append(HOLE)
    return Canvas(*parts, b"".join(rng.choices(tokens, k=rng.choice([0, 1, 1, 2]))))


def open_canvas(rng: random.Random, tokens: Sequence[bytes], asked: Asked) -> Canvas:
    for _ in range(200):
        canvas = random_canvas(rng, tokens)
        if asked.is_open(elements_of(canvas)):
            return canvas
    return Canvas(HOLE, HOLE)


def elements_of(canvas: Canvas) -> list[bytes | list[bytes]]:
    return [part if isinstance(part, bytes) else [b""] for part in canvas.parts]


def compare(solver: Solver, elements: list[bytes | list[bytes]], tokens: Sequence[bytes], asked: Asked) -> None:
    holes = [i for i, e in enumerate(elements) if isinstance(e, list)]
    alive = Status.OPEN if holes else Status.COMPLETE
    assert solver.verdict.status is (alive if asked.is_open(elements) else Status.DEAD), elements
    for at in holes:
        position = solver_position(solver, at)
        allowed = {t for t, token in enumerate(tokens) if asked.is_open(written(elements, at, token))}
        assert bits(solver.mask(position)) == allowed, (elements, at)
        assert solver.can_close(position) == asked.is_open(shut(elements, at)), (elements, at)
    assert solver.unknown == 0


def solver_position(solver: Solver, element: int) -> int:
    return solver._places.index(element)


def walk(
    constraint: Constraint, canvas: Canvas, tokens: Sequence[bytes], asked: Asked, rng: random.Random, orders: int = 6
) -> None:
    """Writes into random holes, closes some, takes orders back; compares after each."""
    solver, elements = constraint.solver(canvas), elements_of(canvas)
    compare(solver, elements, tokens, asked)
    if solver.verdict.status is Status.DEAD:
        return
    history = [elements]
    for _ in range(orders):
        holes = [i for i, e in enumerate(elements) if isinstance(e, list)]
        if not holes:
            break
        at = rng.choice(holes)
        position = solver_position(solver, at)
        kind = rng.random()
        if kind < 0.15 and len(history) > 1:
            back = rng.randrange(1, len(history))
            solver.rollback(back)
            del history[-back:]
        elif kind < 0.35 and solver.can_close(position):
            solver.close(position)
            history.append(shut(elements, at))
        else:
            allowed = sorted(bits(solver.mask(position)))
            wrong = [t for t in range(len(tokens)) if t not in allowed]
            if wrong:
                with pytest.raises(DeadEnd):
                    solver.append(position, rng.choice(wrong))
            if not allowed:
                continue
            token_id = rng.choice(allowed)
            if kind > 0.9:
                solver = solver.fork()
            solver.append(position, token_id)
            history.append(written(elements, at, tokens[token_id]))
        elements = history[-1]
        compare(solver, elements, tokens, asked)


@pytest.mark.parametrize("cache_bytes", [1 << 26, 0], ids=["kept", "cleared"])
@pytest.mark.parametrize("name", NAMES)
def test_every_hole_answers_as_check_does(name: str, cache_bytes: int) -> None:
    grammar, tokens = grammar_of(name), tokens_of(name)
    constraint = weft.compile(
        grammar, weft.Vocabulary([*tokens, None], [len(tokens)]), limits=weft.Limits(cache_bytes=cache_bytes)
    )
    asked, rng = Asked(grammar), random.Random(name)
    for number in range(int(16 * EFFORT)):
        canvas = random_canvas(rng, tokens) if number % 4 == 0 else open_canvas(rng, tokens, asked)
        walk(constraint, canvas, tokens, asked, rng)


TOKENS = [b"a", b"b", b"ab", b"ba", b"bb"]


@pytest.mark.parametrize("seed", range(int(60 * EFFORT)))
def test_every_hole_answers_as_check_does_on_random_grammars(seed: int) -> None:
    rng = random.Random(seed)
    grammar = oracles.random_grammar(rng, lexer=seed % 2 == 1)
    constraint = weft.compile(grammar, weft.Vocabulary([*TOKENS, None], [5]))
    asked = Asked(grammar)
    for _ in range(4):
        walk(constraint, random_canvas(rng, TOKENS), TOKENS, asked, rng, 4)


@pytest.mark.parametrize("seed", range(int(30 * EFFORT)))
def test_every_hole_answers_as_the_enumeration_says(seed: int) -> None:
    """check() and the Solver share their charts; this shares nothing. What else is found must be too long for it."""
    rng = random.Random(seed)
    grammar = oracles.random_grammar(rng, lexer=seed % 2 == 1)
    sentences = oracles.sentences(grammar, "ab", 7)
    solvers = weft.compile(grammar, weft.Vocabulary([*TOKENS, None], [5]))
    toys = ToyConstraint(sentences, ToyVocabulary([*TOKENS, None], [5]))
    for _ in range(4):
        canvas = random_canvas(rng, TOKENS)
        solver, toy = solvers.solver(canvas), toys.solver(canvas)
        for position in range(len(canvas.positions)):
            found = bits(toy.mask(position))
            assert found <= bits(solver.mask(position)), canvas
            assert solver.can_close(position) or not toy.can_close(position), canvas
            for token_id in bits(solver.mask(position)) - found:
                fork = solver.fork()
                fork.append(position, token_id)
                witness = fork.witness
                assert witness is not None
                assert len(witness) > 7
                assert oracles.accepts(grammar, witness)


@pytest.mark.parametrize("name", ["lexed calls", "lexed numbers", "brackets", "left", "ambiguous"])
def test_the_fewest_bytes_of_each_hole(name: str) -> None:
    grammar, tokens = grammar_of(name), tokens_of(name)
    letters = sorted({token[i : i + 1] for token in tokens for i in range(len(token))})
    constraint = weft.compile(grammar, weft.Vocabulary([*tokens, None], [len(tokens)]))
    asked, rng = Asked(grammar), random.Random(name)
    for _ in range(int(12 * EFFORT)):
        canvas = open_canvas(rng, tokens, asked)
        solver, elements = constraint.solver(canvas), elements_of(canvas)
        for at in [i for i, e in enumerate(elements) if isinstance(e, list)]:
            least = solver.min_slots_to_close(solver_position(solver, at))
            for length in range(min(least, 2) + 1):
                texts = map(b"".join, itertools.product(letters, repeat=length))
                assert any(asked.is_open(shut(elements, at, text)) for text in texts) == (length == least), (canvas, at)


def test_brackets_opened_in_one_hole_are_closed_in_another() -> None:
    tokens = [b"(", b"[", b"x", b")", b"]"]
    constraint = weft.compile(from_gbnf(GBNF["brackets"][1]), weft.Vocabulary([*tokens, None], [5]))
    solver = constraint.solver(Canvas(HOLE, "x", HOLE, "]", HOLE))
    assert bits(solver.mask(2)) == {3, 4}
    solver.append(0, 1)
    solver.append(0, 0)
    solver.append(2, 4)
    assert bits(solver.mask(0)) == {0, 1}  # what hole 2 closed is still to be opened
    assert bits(solver.mask(1)) == {3, 4}
    solver.append(0, 1)
    solver.append(0, 1)
    solver.close(0)
    assert bits(solver.mask(1)) == set()  # `[([[x` has brackets left for `]` and `]`, and then `)` is next
    assert solver.can_close(1)
    assert bits(solver.mask(2)) == {3}
    assert not solver.can_close(2)


@pytest.mark.parametrize(
    "name", ["lexed two brackets", "lexed run into each other's brackets", "brackets", "two kinds"]
)
def test_what_was_found_left_of_a_hole_survives_when_the_tables_are_thrown_away(name: str) -> None:
    grammar, tokens = grammar_of(name), tokens_of(name)
    vocabulary = weft.Vocabulary([*tokens, None], [len(tokens)])
    small, asked = weft.compile(grammar, vocabulary, limits=weft.Limits(cache_bytes=0)), Asked(grammar)
    for seed in range(int(6 * EFFORT)):
        rng = random.Random(seed)
        canvas = open_canvas(rng, tokens, asked)
        solver, elements = small.solver(canvas), elements_of(canvas)
        for _ in range(4):
            compare(solver, elements, tokens, asked)
            size = 0
            while small.size_bytes >= size:
                size, matcher = small.size_bytes, small.matcher()
                for _ in range(40):
                    allowed = sorted(bits(matcher.mask()) - {len(tokens)})
                    if allowed:
                        matcher.commit(rng.choice(allowed))


def test_what_one_caller_forbids_another_may_allow() -> None:
    """`1` before `e1` would be a FLOAT, so behind `e1` the call of b was not that behind an INT."""
    tokens = tokens_of("lexed owed by one caller")
    constraint = weft.compile(grammar_of("lexed owed by one caller"), weft.Vocabulary([*tokens, None], [len(tokens)]))
    solver = constraint.solver(Canvas(HOLE, "e1", HOLE))
    assert {tokens[token_id] for token_id in bits(solver.mask(1))} == {b"1", b">", b")"}


def test_slots_to_the_left_of_a_later_hole() -> None:
    constraint = weft.compile(from_gbnf('root ::= "a"*'), weft.Vocabulary([b"a", None], [1]))
    solver = constraint.solver(Canvas(Hole(1), HOLE, "a", HOLE))
    assert [bits(solver.mask(position)) for position in range(3)] == [{0}, {0}, {0}]
    assert solver.can_close(2)
    solver.commit({0: 0})
    assert bits(solver.mask(2)) == {0}


def test_end_tokens_beside_open_holes() -> None:
    constraint = weft.compile(from_gbnf('root ::= "a"*'), weft.Vocabulary([b"a", None], [1]))
    solver = constraint.solver(Canvas(HOLE, "a", HOLE, [1], HOLE))
    assert [bits(solver.mask(position)) for position in (0, 1, 3)] == [{0}, {0}, set()]
    assert all(solver.can_close(position) for position in (0, 1, 3))
    assert [solver.min_slots_to_close(position) for position in (0, 1, 3)] == [0, 0, 0]
    solver.append(1, 0)
    solver.close(3)
    solver.append(0, 0)
    assert solver.witness == b"aaa"


def test_a_count_that_is_too_long_for_a_hole_is_undecided() -> None:
    constraint = weft.compile(from_gbnf('root ::= "abc"{100000,} "b"'), weft.Vocabulary([b"a", b"b", None], [2]))
    solver = constraint.solver(Canvas(HOLE, "abc", HOLE))
    assert not solver.mask(1).any()
    assert solver.unknown == 1
