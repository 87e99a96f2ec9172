"""The cases of tests/suite: what the oracle and the engine say of every text and canvas in them."""

import oracles
import pytest

import weft

CASES = oracles.suite()


@pytest.fixture(params=CASES, ids=lambda case: f"{case['file']}: {case['name']}")
def case(request: pytest.FixtureRequest) -> dict:
    return request.param


def test_the_oracle_accepts_what_the_case_says(case: dict) -> None:
    grammar = oracles.grammar_of(case)
    assert [text for text in case["yes"] if not oracles.accepts(grammar, text)] == []
    assert [text for text in case["no"] if oracles.accepts(grammar, text)] == []


def test_the_engine_accepts_what_the_case_says(case: dict) -> None:
    grammar = oracles.grammar_of(case)
    status = {text: weft.check(grammar, text).status for text in case["yes"] + case["no"]}
    assert [text for text in case["yes"] if status[text] is not weft.Status.COMPLETE] == []
    assert [text for text in case["no"] if status[text] is weft.Status.COMPLETE] == []


def test_every_beginning_of_a_sentence_is_open_or_complete(case: dict) -> None:
    grammar = oracles.grammar_of(case)
    dead = [
        text[:end]
        for text in case["yes"]
        for end in range(len(text) + 1)
        if weft.check(grammar, text[:end]).status is weft.Status.DEAD
    ]
    assert dead == []


def test_a_sentence_with_its_middle_cut_out_can_be_filled_again(case: dict) -> None:
    grammar = oracles.grammar_of(case)
    for text in case["yes"]:
        third = len(text) // 3
        canvas = weft.Canvas(text[:third], weft.HOLE, text[len(text) - third :])
        verdict = weft.check(grammar, canvas)
        assert (text, verdict.status) == (text, weft.Status.OPEN)
        assert verdict.witness is not None and oracles.accepts(grammar, verdict.witness)


@pytest.mark.parametrize("case", [case for case in CASES if "canvas" in case], ids=lambda case: case["name"])
def test_a_canvas_is_what_the_case_says(case: dict) -> None:
    grammar = oracles.grammar_of(case)
    for canvas in case["canvas"]:
        first, *rest = canvas["parts"]
        parts = [first, *(part for text in rest for part in (weft.HOLE, text))]
        assert (canvas, weft.check(grammar, weft.Canvas(*parts)).status.name) == (canvas, canvas["status"])
