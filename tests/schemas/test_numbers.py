"""Number ranges and divisors against Python's own arithmetic."""

from fractions import Fraction
from random import Random

import pytest

from weft.grammar.recognizer import Recognizer
from weft.schemas.json_schema import from_json_schema


def texts(rng: Random) -> list[str]:
    whole = [str(i) for i in range(-25, 26)] + ["99", "100", "101", "999", "1000", "-100", "-1001", "12345"]
    tails = ["0", "5", "50", "05", "25", "250", "3", "99", "4999", "5001", "000"]
    return whole + [f"{rng.choice(['', '-'])}{rng.randint(0, 12)}.{rng.choice(tails)}" for _ in range(150)]


def accepts(recognizer: Recognizer, text: str) -> bool:
    fits = recognizer.feed(text.encode())
    complete = fits == len(text) and recognizer.is_complete
    recognizer.rollback(fits)
    return complete


@pytest.mark.parametrize("seed", range(40))
def test_random_bounds(seed: int) -> None:
    rng = Random(seed)
    schema: dict[str, object] = {"type": rng.choice(["integer", "number"])}
    low, high = (rng.choice([rng.randint(-120, 120), rng.randint(-1200, 1200) / 100]) for _ in range(2))
    if rng.random() < 0.8:
        schema[rng.choice(["minimum", "exclusiveMinimum"])] = min(low, high)
    if rng.random() < 0.8:
        schema[rng.choice(["maximum", "exclusiveMaximum"])] = max(low, high) + 1
    if rng.random() < 0.5:
        schema["multipleOf"] = rng.choice([1, 2, 3, 7, 10, 0.5, 0.1, 0.25, 1.5])
    recognizer = Recognizer(from_json_schema(schema))
    for text in texts(rng):
        value = Fraction(text)
        wanted = all(
            (
                schema["type"] == "number" or value.denominator == 1,
                "minimum" not in schema or value >= Fraction(str(schema["minimum"])),
                "maximum" not in schema or value <= Fraction(str(schema["maximum"])),
                "exclusiveMinimum" not in schema or value > Fraction(str(schema["exclusiveMinimum"])),
                "exclusiveMaximum" not in schema or value < Fraction(str(schema["exclusiveMaximum"])),
                "multipleOf" not in schema or (value / Fraction(str(schema["multipleOf"]))).denominator == 1,
            )
        )
        got = accepts(recognizer, text)
        assert wanted or not got, (schema, text)
        is_integer = schema["type"] == "integer" or schema.get("multipleOf") in (1, 2, 3, 7, 10)
        if wanted and not (is_integer and "." in text) and not (text.startswith("-") and value == 0):
            assert got, (schema, text)


@pytest.mark.parametrize(
    ("schema", "yes", "no"),
    [
        ({"type": "integer", "multipleOf": 7}, ["0", "7", "-14", "343"], ["1", "15", "7.0"]),
        ({"type": "integer", "multipleOf": 6, "minimum": 10, "maximum": 99}, ["12", "96"], ["6", "102", "13"]),
        ({"multipleOf": 0.01, "type": "number"}, ["0.01", "12.3", "5", "4.02"], ["0.001", "1.234"]),
        (
            {"type": "number", "multipleOf": 0.25, "minimum": 0, "maximum": 2},
            ["0", "1.75", "2.0"],
            ["2.25", "-0.25", "0.3"],
        ),
        ({"type": "number", "not": {"multipleOf": 2}}, ["1", "2.5", "-3"], ["2", "-4", "6"]),
        (
            {"anyOf": [{"multipleOf": 7.5}, {"const": 3}], "multipleOf": 0.5, "not": {"multipleOf": 2.5}},
            ["3"],
            ["7.5", "0", "2.5"],
        ),
        ({"type": "number", "not": {"type": "integer"}}, ["1.5", "-0.25"], ["1", "1.0", "2.00"]),
        ({"type": "integer", "not": {"enum": [3, 5.0]}}, ["2", "4", "6"], ["3", "5"]),
        ({"minimum": 3, "exclusiveMinimum": True, "type": "integer"}, ["4"], ["3"]),
        ({"type": "number"}, ["1e5", "-0.5E-3", "0"], ["01", "1.", ".5", "+1"]),
    ],
)
def test_numbers(schema: object, yes: list[str], no: list[str]) -> None:
    recognizer = Recognizer(from_json_schema(schema))
    assert [text for text in yes if not accepts(recognizer, text)] == []
    assert [text for text in no if accepts(recognizer, text)] == []
