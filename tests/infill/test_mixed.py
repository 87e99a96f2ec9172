"""Slots and elastic holes in one canvas, in any order, against enumeration: every filling of the slots is tried, and
check() says whether what is left, with its elastic holes only, can be a sentence."""

import itertools
import os
import random

import pytest
from reference import bits

import weft
from weft.grammar.gbnf import from_gbnf
from weft.grammar.grammar import Grammar
from weft.grammar.lark import from_lark
from weft.grammar.verdict import Status
from weft.infill.canvas import HOLE, Canvas, Hole
from weft.infill.solver import Solver, SolverLimits

EFFORT = float(os.environ.get("WEFT_TEST_EFFORT", "1"))
CASES = {
    "nest": (
        from_gbnf('root ::= item+\nitem ::= "(" item* ")" | "[" item* "]" | "x"'),
        ["(", ")", "[", "]", "x", "()", ")]", "x("],
    ),
    "names": (
        from_lark('start: item+\nitem: "(" item* ")" | NAME | "if" NAME\nNAME: /[a-z]+/\n%ignore " "'),
        ["(", ")", "i", "f", "if", " ", "x)", "f ("],
    ),
    "list": (
        from_gbnf('root ::= "[" (n ("," n)*)? "]"\nn ::= [0-9]+'),
        ["[", "]", ",", "1", "1,", "],", "11"],
    ),
    "owed": (from_lark("start: (INT | FLOAT | /e/)+\nINT: /[15]+/\nFLOAT: /[15]+e[15]+/"), ["1", "e", "5", "1e", "e5"]),
}
Part = bytes | int | None  # fixed text; a token id, or None for a slot; an elastic hole is HOLE


class Enumerated:
    """What may stand in each slot and at the end of each hole, by trying everything."""

    def __init__(self, grammar: Grammar, tokens: list[str], canvas: Canvas):
        self.grammar, self.tokens, self.end = grammar, [token.encode() for token in tokens], len(tokens)
        self.known: dict[tuple[object, ...], bool] = {}
        parts: list[Part | Hole] = []
        for part in canvas.parts:
            if isinstance(part, bytes):
                parts.append(part)
            elif isinstance(part, tuple):
                parts += part
            else:
                parts += [HOLE] if part.slots is None else [None] * part.slots
        self.slots = [i for i, part in enumerate(parts) if part is None]
        self.holes = [i for i, part in enumerate(parts) if part is HOLE]
        self.places = [i for i, part in enumerate(parts) if not isinstance(part, bytes)]
        self.allowed: dict[int, set[int]] = {i: set() for i in self.slots + self.holes}
        self.closes = dict.fromkeys(self.holes, False)
        self.is_open = False
        for filling in itertools.product(range(self.end + 1), repeat=len(self.slots)):
            filled = list(parts)
            for i, token in zip(self.slots, filling, strict=True):
                filled[i] = token
            if self.fits(filled):
                self.look_at(filled)

    def look_at(self, filled: list[Part | Hole]) -> None:
        self.is_open = True
        for i in self.slots:
            self.allowed[i].add(filled[i])
        for i in self.holes:
            ended = self.end in filled[:i]
            self.closes[i] = self.closes[i] or ended or self.fits(filled[:i] + filled[i + 1 :])
            for token, text in enumerate(self.tokens):
                if not ended and self.fits([*filled[:i], text, *filled[i:]]):
                    self.allowed[i].add(token)

    def fits(self, parts: list[Part | Hole]) -> bool:
        text: list[bytes | Hole] = []
        ended = False
        for part in parts:
            if part == self.end:
                ended = True
            elif part is HOLE:
                text += [] if ended else [HOLE]
            elif ended and part != b"":
                return False
            else:
                text.append(self.tokens[part] if isinstance(part, int) else part)
        key = tuple(b"".join(run) if kind else HOLE for kind, run in itertools.groupby(text, lambda p: p is not HOLE))
        if key not in self.known:
            whole = Canvas(*key) if HOLE in key else (b"".join(key)).decode()
            status = weft.check(self.grammar, whole).status
            self.known[key] = status is Status.COMPLETE or (HOLE in key and status is Status.OPEN)
        return self.known[key]


def random_canvas(rng: random.Random, tokens: list[str]) -> Canvas:
    while True:
        parts: list[str | Hole | list[int]] = []
        slots = 0
        for _ in range(rng.randint(2, 5)):
            kind = rng.random()
            if kind < 0.35:
                parts.append("".join(rng.choices(tokens, k=rng.randint(1, 2))))
            elif kind < 0.65:
                parts.append(HOLE)
            elif slots < 3:
                parts.append(Hole(rng.randint(1, min(2, 3 - slots))))
                slots += parts[-1].slots
        if rng.random() < 0.1:
            parts.append([len(tokens)])
        if slots and HOLE in parts:
            return Canvas(*parts)


def compare(solver: Solver, oracle: Enumerated) -> None:
    status = solver.verdict.status
    assert status is (Status.OPEN if oracle.is_open else Status.DEAD)
    for position, i in enumerate(oracle.places):
        if i in oracle.allowed:
            assert bits(solver.mask(position)) == oracle.allowed[i], position
        if i in oracle.closes and oracle.is_open:
            assert solver.can_close(position) == oracle.closes[i], position
    assert solver.unknown == 0


@pytest.mark.parametrize("name", CASES)
def test_masks_and_verdicts_are_those_of_enumeration(name: str) -> None:
    grammar, tokens = CASES[name]
    constraint = weft.compile(grammar, weft.Vocabulary([*(t.encode() for t in tokens), None], [len(tokens)]))
    for seed in range(int(25 * EFFORT)):
        canvas = random_canvas(random.Random(f"{name} {seed}"), tokens)
        compare(constraint.solver(canvas), Enumerated(grammar, tokens, canvas))


def test_orders_given_one_by_one() -> None:
    grammar, tokens = CASES["nest"]
    constraint = weft.compile(grammar, weft.Vocabulary([*(t.encode() for t in tokens), None], [len(tokens)]))
    solver = constraint.solver(Canvas("(", HOLE, "]", Hole(2), HOLE))
    assert solver.admit([(2, tokens.index(")")), (1, tokens.index("x")), (0, 0)]) == [(2, 1), (1, 4)]
    solver.commit({1: tokens.index("x("), 2: tokens.index("()")})
    solver.append(3, tokens.index(")"))
    assert solver.can_close(3)  # `()[]x(())`
    solver.append(3, tokens.index(")"))
    solver.append(0, tokens.index("["))
    solver.close(3)
    assert solver.witness == b"([]x(()))"


def test_a_special_token_behind_an_elastic_hole() -> None:
    grammar = from_lark('start: "a"* <|tool|> "b"*')
    vocabulary = weft.Vocabulary([b"a", b"b", None, None], [3], specials={"<|tool|>": 2})
    solver = weft.compile(grammar, vocabulary).solver(Canvas(HOLE, Hole(2), "b"))
    assert bits(solver.mask(0)) == {0}
    assert bits(solver.mask(1)) == {0, 2}  # the hole holds bytes only, so no special token stands in it
    assert solver.admit([(1, 2), (2, 1)]) == [(1, 2), (2, 1)]
    assert weft.compile(grammar, vocabulary).solver(Canvas(HOLE, [2], HOLE, "a")).verdict.status is Status.DEAD


def test_what_takes_too_long_is_undecided() -> None:
    grammar, tokens = CASES["nest"]
    constraint = weft.compile(grammar, weft.Vocabulary([*(t.encode() for t in tokens), None], [len(tokens)]))
    solver = constraint.solver(Canvas("(", HOLE, Hole(50), "]"), limits=SolverLimits(max_items=10))
    assert solver.verdict.status is Status.UNKNOWN
    assert solver.verdict.error is not None


def test_an_end_token_before_an_elastic_hole_leaves_the_rest_empty() -> None:
    constraint = weft.compile(from_gbnf("root ::= [a]*"), weft.Vocabulary([b"a", None], [1]))
    solver = constraint.solver(Canvas([1], HOLE, Hole(1), HOLE))
    assert solver.verdict.status is Status.OPEN
    assert bits(solver.mask(2)) == {1}
    assert bits(solver.mask(1)) == set()
    assert constraint.solver(Canvas(Hole(1), HOLE, Hole(1))).admit([(0, 1), (2, 1)]) == [(0, 1), (2, 1)]
    assert constraint.solver(Canvas([1], HOLE, [0])).verdict.status is Status.DEAD
