"""Solvers and matchers of one constraint in many threads, with caches that are cleared all the time."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from reference import bits

import weft
from weft.grammar.gbnf import from_gbnf
from weft.grammar.grammar import Grammar
from weft.grammar.lark import from_lark
from weft.infill.canvas import HOLE, Canvas, Hole
from weft.infill.solver import Solver

TOKENS = [b"(", b"[", b"x", b")", b"]", b"))", b"]]", b")]", b"])", b"x)", b"x]"]
VOCABULARY = weft.Vocabulary([*TOKENS, None], [len(TOKENS)])
GRAMMARS = {
    "scannerless": from_gbnf('root ::= "(" root ")" | "[" root "]" | "x"'),
    "lexed": from_lark('start: "(" start ")" | "[" start "]" | "x"\nX: " "\n%ignore X'),
}


def fill(solver: Solver, seed: int) -> list[object]:
    """What a random filling of the rigid holes, and then of the elastic one, sees."""
    rng, seen = random.Random(seed), []
    for position, token in enumerate(solver.ids):
        if token is None and position < len(solver.ids) - 1:
            allowed = sorted(bits(solver.mask(position)))
            seen.append(allowed)
            solver.commit({position: rng.choice(allowed)})
    last = len(solver.ids) - 1
    for _ in range(4):
        allowed = sorted(bits(solver.mask(last)))
        seen += [allowed, solver.can_close(last), solver.verdict.status]
        if allowed:
            solver.append(last, rng.choice(allowed))
    return seen


def job(constraint: weft.Constraint, seed: int) -> list[object]:
    canvas = Canvas("([", Hole(2), "[" * (seed % 3), HOLE, "]" * (seed % 3), "])")
    rigid = constraint.solver(Canvas("([", Hole(3), "])"))
    scores = np.random.default_rng(seed).normal(size=(3, VOCABULARY.size))
    return [
        *fill(constraint.solver(canvas), seed),
        rigid.best(scores),
        rigid.sample(scores, np.random.default_rng(seed)),
    ]


@pytest.mark.parametrize("grammar", GRAMMARS.values(), ids=GRAMMARS)
@pytest.mark.parametrize("cache_bytes", [0, 1 << 26])
def test_threads_share_a_constraint(grammar: Grammar, cache_bytes: int) -> None:
    expected = [job(weft.compile(grammar, VOCABULARY), seed) for seed in range(6)]
    shared = weft.compile(grammar, VOCABULARY, limits=weft.Limits(cache_bytes=cache_bytes))
    barrier = threading.Barrier(6)

    def run(seed: int) -> list[object]:
        barrier.wait()
        return [job(shared, seed) for _ in range(3)][-1]

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(run, range(6))) == expected


@pytest.mark.parametrize("grammar", GRAMMARS.values(), ids=GRAMMARS)
def test_threads_share_the_forks_of_a_solver(grammar: Grammar) -> None:
    canvas = Canvas("([", Hole(2), HOLE, "])")
    solver = weft.compile(grammar, VOCABULARY, limits=weft.Limits(cache_bytes=0)).solver(canvas)
    expected = [fill(weft.compile(grammar, VOCABULARY).solver(canvas), seed) for seed in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(fill, [solver.fork() for _ in range(6)], range(6))) == expected
