"""Hostile canvases, token ids and scores, tables that are thrown away under a Solver: right answers, right errors."""

import random
import threading
from typing import Any

import numpy as np
import pytest
from reference import bits

import weft
from weft.errors import BudgetExceeded, DeadEnd, VocabularyError, WeftError
from weft.grammar.gbnf import from_gbnf
from weft.grammar.grammar import Grammar
from weft.grammar.lark import from_lark
from weft.grammar.regex import from_regex
from weft.grammar.verdict import Status
from weft.infill.canvas import HOLE, Canvas, Hole
from weft.infill.solver import Solver, SolverLimits

VOCABULARY = weft.Vocabulary([b"a", b"b", b"ab", None], [3])
FLAT = 'root ::= "(" root ")" | "[" root "]" | "x"'
LEXED = 'start: "(" start ")" | "[" start "]" | "x"\nX: " "\n%ignore X'
BRACKETS = [b"(", b"[", b"x", b")", b"]", b"))", b"]]", b")]", b"])", b"x)", b"x]", b"x))", b"x]]", b"x)]", b"x])"]


def solver(pattern: str = "[ab]{2}", canvas: Canvas = Canvas(Hole(2))) -> Solver:
    return weft.compile(from_regex(pattern), VOCABULARY).solver(canvas)


# Wrong answers that once were


def test_without_end_tokens_every_slot_holds_text() -> None:
    constraint = weft.compile(from_regex("aa?"), weft.Vocabulary([b"a", None], []))
    assert constraint.solver(Canvas(Hole(2))).best(np.zeros((2, 2))) == [0, 0]
    assert constraint.solver(Canvas(Hole(3))).verdict.status is Status.DEAD
    assert constraint.solver(Canvas("a", HOLE)).can_close(0)


@pytest.mark.parametrize("grammar", [from_gbnf(FLAT), from_lark(LEXED)], ids=["scannerless", "lexed"])
def test_a_solver_keeps_its_answers_when_the_tables_are_thrown_away(grammar: Grammar) -> None:
    """Stacks get other numbers when readers in front of them come and go; what was found for the old ones is void."""
    vocabulary = weft.Vocabulary([*BRACKETS, None], [len(BRACKETS)])
    large = weft.compile(grammar, vocabulary)
    for seed in range(40):
        rng = random.Random(seed)
        small = weft.compile(grammar, vocabulary, limits=weft.Limits(cache_bytes=0))
        other = small.matcher()
        other.commit(*rng.choices([0, 1], k=rng.randint(0, 12)))
        opened = rng.choices([0, 1], k=rng.randint(1, 7))
        closed = b"".join(BRACKETS[token + 3] for token in reversed(opened))
        canvas = Canvas(opened, HOLE, closed[rng.randint(1, len(closed)) :])
        shaken, still, hole = small.solver(canvas), large.solver(canvas), len(opened)
        for _ in range(5):
            assert bits(shaken.mask(hole)) == bits(still.mask(hole)), canvas
            assert shaken.can_close(hole) == still.can_close(hole), canvas
            other.rollback(len(other.tokens))
            other.commit(*rng.choices([0, 1], k=rng.randint(0, 12)))
            for _ in range(10):
                small.matcher().commit(*rng.choices([0, 1], k=6))


def test_what_solvers_learn_stays_within_the_limit() -> None:
    constraint = weft.compile(
        from_gbnf(FLAT), weft.Vocabulary([*BRACKETS, None], [len(BRACKETS)]), limits=weft.Limits(cache_bytes=100_000)
    )
    rng, largest = random.Random(0), 0
    for _ in range(300):
        canvas = Canvas(bytes(rng.choices(b"([", k=40)), Hole(3), HOLE)
        assert constraint.solver(canvas).verdict.status is Status.OPEN
        largest = max(largest, constraint.size_bytes)
    assert largest < 500_000


def test_a_canvas_of_nothing_has_one_filling() -> None:
    empty = solver("a?", Canvas())
    assert empty.verdict.status is Status.COMPLETE
    assert empty.best(np.zeros((0, 4))) == empty.sample(np.zeros((0, 4)), np.random.default_rng(0)) == []
    with pytest.raises(DeadEnd):
        solver("a", Canvas()).best(np.zeros((0, 4)))


# Scores


def test_scores_that_are_no_numbers_are_refused() -> None:
    for bad in (np.nan, np.inf):
        scores = np.zeros((2, 4))
        scores[1, 2] = bad
        for ask in (lambda s=scores: solver().best(s), lambda s=scores: solver().sample(s, np.random.default_rng(0))):
            with pytest.raises(ValueError, match="NaN or infinity"):
                ask()


def test_scores_may_rule_tokens_out() -> None:
    scores = np.full((2, 4), -np.inf)
    scores[0, 1] = scores[1, 0] = -1e300
    assert solver().best(scores) == [1, 0]
    assert solver().sample(scores, np.random.default_rng(0)) == [1, 0]
    scores[1, 0] = -np.inf
    asked = solver()
    asked.commit(dict(enumerate(asked.best(scores))))  # all are as bad: any sentence will do
    with pytest.raises(ValueError, match="no filling has a probability above 0"):
        solver().sample(scores, np.random.default_rng(0))


# Wrong types and values


@pytest.mark.parametrize("token_id", [0.0, 0.5, float("nan"), "0", None, True, [0], np.float32(0), np.array([0, 1])])
def test_a_token_id_that_is_no_integer_is_a_type_error(token_id: Any) -> None:
    for order in (
        lambda: solver().commit({0: token_id}),
        lambda: solver().admit([(0, token_id)]),
        lambda: solver("a*", Canvas(HOLE)).append(0, token_id),
    ):
        with pytest.raises(TypeError):
            order()


def test_a_token_id_that_does_not_exist_is_a_vocabulary_error() -> None:
    for token_id in (-1, 4, 1 << 32, 10**30):
        with pytest.raises(VocabularyError, match=f"token id {token_id} is not in the vocabulary"):
            solver().commit({0: token_id})
        if token_id >= 0:
            with pytest.raises(VocabularyError, match=f"token id {token_id} is not in the vocabulary"):
                solver("a*", Canvas([token_id]))


def test_integers_of_numpy_are_positions_and_token_ids() -> None:
    asked = solver()
    asked.commit({np.int64(0): np.int64(1)})
    assert asked.ids == [1, None]


@pytest.mark.parametrize("slots", [0, -1, 1_000_000_000, 1 << 70, 1.0, float("nan"), "1"])
def test_a_hole_has_a_number_of_slots(slots: Any) -> None:
    with pytest.raises(WeftError, match="a hole cannot have"):
        Hole(slots)


def test_a_solver_stands_on_a_canvas() -> None:
    for canvas in (None, "ab", [HOLE]):
        with pytest.raises(TypeError, match="a solver stands on a Canvas"):
            solver(canvas=canvas)  # type: ignore[arg-type]


# Size


def test_a_canvas_may_be_long() -> None:
    scores = np.zeros((10_000, 4))
    long = solver("a*", Canvas(Hole(10_000)))
    assert bits(long.mask(5_000)) == {0, 3}
    assert len(long.best(scores)) == 10_000
    assert solver("a*", Canvas(b"a" * 1_000_000, HOLE)).verdict.status is Status.OPEN
    assert solver("a*", Canvas(*["a", HOLE] * 5_000)).verdict.status is Status.OPEN
    with pytest.raises(BudgetExceeded, match="too many positions"):
        solver("a*", Canvas(Hole(999_999_999)))


def test_a_canvas_that_contradicts_itself_is_dead() -> None:
    for canvas in (
        Canvas("a", "c", Hole(3)),
        Canvas("a", [3], "b"),
        Canvas([0, 3, 0]),
        Canvas(b"\xff", HOLE),
        Canvas(HOLE, [3], HOLE, "b"),
    ):
        assert solver("[ab]*", canvas).verdict.status is Status.DEAD, canvas
        with pytest.raises(DeadEnd):
            solver("[ab]*", canvas).best(np.zeros((len(canvas.positions), 4)))


def test_text_that_is_nested_deeply_before_a_hole_fits_a_small_stack() -> None:
    constraint = weft.compile(from_gbnf(FLAT), weft.Vocabulary([*BRACKETS, None], [len(BRACKETS)]))
    found: list[Status] = []

    def ask() -> None:
        for depth, closed in ((1_200, b")"), (1_200, b"]"), (3_000, b")")):
            found.append(constraint.solver(Canvas(b"(" * depth, HOLE, closed * depth)).verdict.status)

    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert found == [Status.OPEN, Status.DEAD, Status.UNKNOWN]


def test_limits_of_nothing_decide_nothing() -> None:
    for limits in (SolverLimits(0, 0), SolverLimits(-1, -1)):
        with pytest.raises(BudgetExceeded):
            weft.compile(from_regex("a*"), VOCABULARY).solver(Canvas(Hole(1)), limits=limits)
