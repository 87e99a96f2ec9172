"""check(): verdicts, offsets, shortest witnesses, and what a mistake looks like."""

import pytest

from weft.errors import BudgetExceeded, DeadEnd, WeftError
from weft.grammar.lark import from_lark
from weft.grammar.regex import from_regex
from weft.grammar.verdict import Status
from weft.infill.canvas import HOLE, Canvas, Hole
from weft.infill.check import check

BRACKETS = from_lark('start: "[" start* "]"')


@pytest.mark.parametrize(
    "text, status, offset, witness",
    [
        ("", Status.OPEN, 0, "[]"),
        ("[[", Status.OPEN, 2, "[[]]"),
        ("[]", Status.COMPLETE, 2, "[]"),
        ("[]]", Status.DEAD, 2, None),
    ],
)
def test_verdicts(text: str, status: Status, offset: int, witness: str | None) -> None:
    verdict = check(BRACKETS, text)
    assert (verdict.status, verdict.offset, verdict.witness) == (status, offset, witness)
    assert (verdict.error is not None) == (status is Status.DEAD)


def test_a_dead_text_shows_where_and_what_could_stand_there() -> None:
    verdict = check(from_regex("(yes|no)!"), "ye!")
    assert isinstance(verdict.error, DeadEnd)
    assert verdict.error.text == b"ye"
    assert str(verdict.error).splitlines()[:4] == [
        "no sentence goes on with '!' here",
        "  <text>:1:3",
        "     1 | ye!",
        "       |   ^",
    ]


def test_the_caret_stands_under_characters_not_bytes() -> None:
    verdict = check(from_regex("é+x"), "ééy")
    assert verdict.offset == 4
    assert "<text>:1:3\n" in str(verdict.error)
    assert check(from_regex("é"), "è").error is not None  # the first byte of both is the same


def test_a_text_may_end_inside_a_character() -> None:
    verdict = check(from_regex("é"), "é".encode()[:1])
    assert (verdict.status, verdict.witness) == (Status.OPEN, "é")


def test_a_witness_beyond_the_limit_is_none_and_the_text_still_open() -> None:
    assert check(from_regex("a{500}"), "a").witness == "a" * 500
    verdict = check(BRACKETS, "[" * 50, max_items=10)
    assert (verdict.status, verdict.witness) == (Status.OPEN, None)


@pytest.mark.parametrize(
    "canvas, status, witness",
    [
        (Canvas("[", HOLE, "]]", HOLE), Status.OPEN, "[[]]"),
        (Canvas(HOLE, "][", HOLE), Status.OPEN, "[[][]]"),
        (Canvas("[]"), Status.COMPLETE, "[]"),
        (Canvas("["), Status.DEAD, None),
        (Canvas(HOLE), Status.OPEN, "[]"),
        (Canvas("[]", HOLE, "]"), Status.DEAD, None),
        (Canvas(), Status.DEAD, None),
    ],
)
def test_verdicts_on_canvases(canvas: Canvas, status: Status, witness: str | None) -> None:
    verdict = check(BRACKETS, canvas)
    assert (verdict.status, verdict.witness) == (status, witness)
    assert isinstance(verdict.error, DeadEnd) == (status is Status.DEAD)


def test_a_dead_canvas_names_the_fragment_that_cannot_fit() -> None:
    assert "makes 'x' fit" in str(check(BRACKETS, Canvas("[", HOLE, "x", HOLE, "]")).error)
    assert "makes the end of the text fit" in str(check(BRACKETS, Canvas("[", HOLE, "[")).error)
    assert check(BRACKETS, Canvas("]", HOLE)).offset == 0


def test_a_canvas_beyond_the_limit_is_unknown() -> None:
    verdict = check(BRACKETS, Canvas("[" * 50, HOLE, "]" * 40), max_items=10)
    assert verdict.status is Status.UNKNOWN
    assert isinstance(verdict.error, BudgetExceeded)


@pytest.mark.parametrize("canvas", [Canvas("[", Hole(2)), Canvas([3], HOLE)])
def test_a_canvas_that_counts_in_tokens_needs_a_vocabulary(canvas: Canvas) -> None:
    with pytest.raises(WeftError, match="together with a vocabulary"):
        check(BRACKETS, canvas)
