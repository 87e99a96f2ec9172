"""Canvas: what it holds, how positions are counted, how it is shown, what it refuses."""

import numpy as np
import pytest

from weft.errors import WeftError
from weft.infill.canvas import HOLE, Canvas, Hole


class Table:
    tokens = (b"a", b"\xc3", b"\xa9", None)


def test_fragments_are_bytes_and_neighbours_join() -> None:
    assert Canvas("é", b"\xff", HOLE, "", "b").parts == (b"\xc3\xa9\xff", HOLE, b"b")
    assert Canvas([1], (), [2, 3]).parts == ((1, 2, 3),)
    assert Canvas().parts == ()


def test_neighbouring_holes_stay_apart() -> None:
    assert Canvas(HOLE, "", HOLE).holes == (HOLE, HOLE)
    assert Canvas(Hole(2), Hole(1)).holes == (Hole(2), Hole(1))


def test_every_mask_id_is_one_slot() -> None:
    assert Canvas.from_tokens([7, 0, 0, 9, 0], 0) == Canvas([7], Hole(2), [9], Hole(1))
    assert Canvas.from_tokens(np.array([5, 5]), 5) == Canvas(Hole(2))
    assert Canvas.from_tokens([], 5) == Canvas()


def test_positions_count_tokens_slots_and_elastic_holes() -> None:
    canvas = Canvas("x = ", [7], Hole(2), " + ", HOLE)
    assert canvas.positions == (7, None, None, HOLE)
    assert canvas.hole_positions == (range(1, 3), range(3, 4))
    assert not canvas.is_rigid
    assert Canvas("a", HOLE, "b", HOLE).hole_positions == (range(1), range(1, 2))
    assert Canvas.from_tokens([7, 0, 9], 0).is_rigid


def test_canvases_are_values() -> None:
    assert {Canvas("a", HOLE): 1}[Canvas(b"a", Hole())] == 1
    with pytest.raises(AttributeError):
        Canvas("a").parts = ()  # type: ignore[misc]


def test_it_prints_itself() -> None:
    canvas = Canvas("é ", HOLE, [1, 2], Hole(3), b"\xff")
    assert repr(canvas) == r"Canvas('é ', HOLE, [1, 2], Hole(3), b'\xff')"
    assert eval(repr(canvas)) == canvas
    assert str(canvas) == r"é <HOLE><TOKEN:1><TOKEN:2><HOLE:3>\xff"
    assert canvas.to_text(Table()) == r"é <HOLE>é<HOLE:3>\xff"
    assert Canvas([3, 9]).to_text(Table()) == "<TOKEN:3><TOKEN:9>"


def test_text_with_markers_is_a_canvas() -> None:
    canvas = Canvas("if (", HOLE, ") ", Hole(4))
    assert Canvas.from_text("if (<HOLE>) <HOLE:4>") == canvas
    assert Canvas.from_text(str(canvas)) == canvas


def test_holes_are_filled() -> None:
    assert Canvas("a", HOLE, "b", HOLE).fill(["1", b"2"]) == b"a1b2"
    assert Canvas([0], HOLE).fill(["!"], Table()) == b"a!"
    with pytest.raises(WeftError, match="1 texts were given for 2 holes"):
        Canvas(HOLE, HOLE).fill(["1"])
    with pytest.raises(WeftError, match="together with a vocabulary"):
        Canvas([0]).fill([])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Hole(0), "cannot have 0 slots"),
        (lambda: Hole(-1), "cannot have -1 slots"),
        (lambda: Hole(1.5), "cannot have 1.5 slots"),
        (lambda: Canvas("a", 3), "cannot hold 3"),
        (lambda: Canvas(None), "cannot hold None"),
        (lambda: Canvas([1, -1]), "-1 is not a token id"),
        (lambda: Canvas([1.0]), "1.0 is not a token id"),
        (lambda: Canvas(["a"]), "'a' is not a token id"),
        (lambda: Canvas("\ud800"), "surrogate"),
        (lambda: Canvas.from_tokens([1, None], 0), "None is not a token id"),
        (lambda: Canvas.from_text("<HOLE:0>"), "cannot have 0 slots"),
        (lambda: Canvas.from_text(f"<HOLE:{'9' * 5000}>"), "too many slots"),
    ],
)
def test_mistakes_are_refused(make, message) -> None:
    with pytest.raises(WeftError, match=message):
        make()
