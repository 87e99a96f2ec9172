"""Python types become grammars; Pydantic reads what they accept."""

import dataclasses
import enum
import sys
from typing import Annotated, Any, Literal

import pytest
from typing_extensions import TypedDict  # Pydantic asks for it before Python 3.12

from weft.errors import SchemaError
from weft.grammar.recognizer import Recognizer
from weft.schemas.pydantic import from_pydantic

pydantic = pytest.importorskip("pydantic")


def accepts(type_: Any, text: str) -> bool:
    recognizer = Recognizer(from_pydantic(type_))
    return bool(recognizer.feed(text.encode()) == len(text.encode()) and recognizer.is_complete)


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Person(pydantic.BaseModel):
    name: str
    age: Annotated[int, pydantic.Field(ge=0, le=150)]
    color: Color = Color.RED
    children: list["Person"] = []


@dataclasses.dataclass
class Point:
    x: int
    y: float | None = None


class Options(TypedDict, total=False):
    depth: int


def test_model() -> None:
    text = '{"name": "Ada", "age": 36, "color": "blue", "children": [{"name": "B", "age": 0}]}'
    assert accepts(Person, text)
    assert Person.model_validate_json(text).children[0].name == "B"
    assert not accepts(Person, '{"name": "Ada", "age": 151}')
    assert not accepts(Person, '{"name": "Ada", "age": 1, "extra": 2}')


def test_other_types() -> None:
    assert accepts(Point, '{"x": 1, "y": null}')
    assert not accepts(Point, '{"y": 1}')
    assert accepts(Options, "{}")
    assert accepts(Literal["a", 3], "3")
    assert accepts(Color, '"red"')
    assert accepts(dict[str, list[int]], '{"a": [1, 2]}')
    assert accepts(tuple[int, str], '[1, "x"]')
    assert not accepts(tuple[int, str], "[1]")


def test_types_without_a_schema() -> None:
    with pytest.raises(SchemaError, match="has no JSON Schema"):
        from_pydantic(type(sys))


def test_without_pydantic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydantic", None)
    with pytest.raises(SchemaError, match="needs the package pydantic"):
        from_pydantic(int)
