"""JSON Schemas inside Lark files."""

import pytest

import weft
from weft import Status

CALL = """// lexing: scannerless
start: NAME "(" (%json {"type": "integer", "minimum": 0} | %json {"enum": ["a", "b"]}) ")"
NAME: /[a-z]+/
"""


def test_a_schema_stands_for_its_texts() -> None:
    grammar = weft.from_lark(CALL)
    judged = {text: weft.check(grammar, text).status for text in ("f(12)", 'f("a")', "f(-1)", "f(a)", "f(12", '("a")')}
    assert [text for text, status in judged.items() if status is Status.COMPLETE] == ["f(12)", 'f("a")']
    assert [text for text, status in judged.items() if status is Status.OPEN] == ["f(12"]


def test_what_is_embedded_survives_printing() -> None:
    grammar = weft.from_lark(CALL)
    for back in (weft.from_lark(weft.to_lark(grammar)), weft.from_gbnf(weft.to_gbnf(grammar))):
        assert weft.check(back, 'f("b")').status is Status.COMPLETE
        assert weft.check(back, "f(c").status is Status.DEAD


def test_a_schema_that_cannot_be_kept_is_refused_by_its_keyword() -> None:
    with pytest.raises(weft.SchemaError, match="uniqueItems"):
        weft.from_lark('// lexing: scannerless\nstart: %json {"type": "array", "uniqueItems": true}')


def test_the_limits_are_those_of_from_lark() -> None:
    with pytest.raises(weft.GrammarError, match="number is too large: 11 of at most 10"):
        weft.from_lark('start: "a"~11', max_repeat=10)
