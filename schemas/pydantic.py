"""from_pydantic: Python types -> Grammar, through the JSON Schema that Pydantic writes for them.

    class Person(BaseModel): name: str; age: int
    from_pydantic(Person)              a Pydantic model; also dataclasses, TypedDict, NamedTuple
    from_pydantic(Literal["a", 3])     Literal, Enum, unions, list[int], Annotated[int, Field(ge=0)]

The schema is the one of validation, with names as they are read (aliases). Fields that a class does not have are not
written, unless it says extra="allow".
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from weft.errors import SchemaError
from weft.grammar.grammar import Grammar
from weft.schemas.json_schema import WHITESPACE, from_json_schema
from weft.schemas.schema import Limits


def from_pydantic(
    type_: Any, *, whitespace: str = WHITESPACE, ignore: Collection[str] = (), limits: Limits = Limits()
) -> Grammar:
    """The grammar of the JSON texts that Pydantic reads as this type.

    Args:
        type_: a model, or anything that `pydantic.TypeAdapter` takes.
        whitespace, ignore, limits: as in `from_json_schema`.
    Raises:
        SchemaError: the type has no JSON Schema, or one that cannot be kept exactly.
    """
    return from_json_schema(closed(schema_of(type_)), whitespace=whitespace, ignore=ignore, limits=limits)


def schema_of(type_: Any) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a Python type."""
    try:
        import pydantic
    except ImportError:
        raise SchemaError(
            "from_pydantic needs the package pydantic",
            expected="pydantic 2 or later",
            hint="pip install pydantic, or pass its JSON Schema to from_json_schema",
        ) from None
    try:
        return pydantic.TypeAdapter(type_).json_schema(mode="validation")
    except (pydantic.errors.PydanticUserError, pydantic.errors.PydanticSchemaGenerationError) as error:
        raise SchemaError(
            f"{getattr(type_, '__name__', type_)!r} has no JSON Schema: {error.message}",
            expected="a model, dataclass, TypedDict, Enum, Literal or another type that pydantic.TypeAdapter takes",
        ) from None


def closed(schema: Any) -> Any:
    """The schema with no properties but the declared ones, where it does not speak of others."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    new = {key: value if key in _VALUES else _closed_each(key, value) for key, value in schema.items()}
    if "properties" in new and "additionalProperties" not in new and "patternProperties" not in new:
        new["additionalProperties"] = False
    return new


_VALUES = frozenset({"const", "enum", "default", "examples", "example"})


def _closed_each(key: str, value: Any) -> Any:
    if key in ("properties", "$defs") and isinstance(value, dict):
        return {name: closed(item) for name, item in value.items()}
    return closed(value)
