"""Random schemas against the package jsonschema: combinations that nobody would write down."""

import itertools
import json
from collections.abc import Iterator
from random import Random
from typing import Any

import jsonschema

from weft.errors import SchemaError
from weft.grammar.recognizer import Recognizer
from weft.schemas.json_schema import from_json_schema

VALUES: list[Any] = [
    None, True, 0, 1, 2, 7, 2.5, "", "a", "x", "y", "abc", [], [1], ["x"], ["y"], ["x", "y"], ["y", 1], [1, 2, 3], [[]],
    {}, {"a": 1}, {"a": "x"}, {"a": "y"}, {"b": "x"}, {"c": 1}, {"d": 1}, {"a": 1, "b": 2}, {"a": "x", "c": 1},
    {"a": 1, "b": 2, "c": 3}, {"a": ["x", "y"], "b": 1}, {"a": {"b": "x"}}, {"a": {"a": 1}, "b": ["x"]},
]  # fmt: skip
TYPES = ["string", "integer", "number", "object", "array", "null", "boolean", ["string", "null"], ["object", "integer"]]


def schema_of(rng: Random, depth: int) -> dict[str, Any]:
    def maybe(chance: float) -> bool:
        return rng.random() < chance

    def inner() -> dict[str, Any]:
        return schema_of(rng, depth - 1)

    kind = rng.choice(["type", "enum", "bounds", *(["object", "array", "combined"] * 3 if depth else [])])
    out: dict[str, Any] = {}
    if kind == "type":
        out["type"] = rng.choice(TYPES)
    elif kind == "enum":
        out["enum"] = rng.sample(["x", "y", 1, 2, None, True, "a", [1], {"a": 1}], rng.randint(1, 3))
    elif kind == "bounds":
        out[rng.choice(["minLength", "maxLength", "minimum", "maximum"])] = rng.randint(0, 3)
    elif kind == "object":
        out["properties"] = {name: inner() for name in "abc" if maybe(0.5)}
        out["required"] = [name for name in "abc" if maybe(0.3)]
        if maybe(0.2):
            out["additionalProperties"] = rng.choice([False, {"type": "integer"}])
    elif kind == "array":
        for key, chance in (("items", 0.6), ("contains", 0.5)):
            if maybe(chance):
                out[key] = inner()
        for key in ("minItems", "maxItems", "minContains", "maxContains"):
            if maybe(0.2):
                out[key] = rng.randint(0, 3)
        if maybe(0.3):
            out["prefixItems"] = [inner()]
    else:
        keyword = rng.choice(["oneOf", "oneOf", "anyOf", "allOf", "not", "if"])
        if keyword == "not":
            out["not"] = inner()
        elif keyword == "if":
            out |= {"if": inner(), "then": inner(), "else": inner()}
        else:
            out[keyword] = [inner() for _ in range(rng.randint(1, 3))]
        if maybe(0.6):
            out = inner() | out
    if kind in ("object", "array") and maybe(0.6):
        out["type"] = kind
    return out


def orders(value: Any) -> Iterator[Any]:
    """The value with its properties in every order."""
    if isinstance(value, dict):
        for names in itertools.permutations(value):
            for items in itertools.product(*(list(orders(value[name])) for name in names)):
                yield dict(zip(names, items, strict=True))
    elif isinstance(value, list):
        yield from map(list, itertools.product(*(list(orders(item)) for item in value)))
    else:
        yield value


def test_random_schemas() -> None:
    rng = Random(20261123)
    read = 0
    for _ in range(1200):
        schema = schema_of(rng, 3)
        valid = jsonschema.Draft202012Validator(schema).is_valid
        try:
            recognizer = Recognizer(from_json_schema(schema))
        except SchemaError as error:
            if "no value satisfies" in error.what:
                assert not any(map(valid, VALUES)), schema
            continue
        read += 1
        for value in VALUES:
            found = False
            for one in orders(value):
                text = json.dumps(one).encode()
                fits = recognizer.feed(text)
                found = found or (fits == len(text) and recognizer.is_complete)
                recognizer.rollback(fits)
            assert found == valid(value), (schema, value)
    assert read > 1000
