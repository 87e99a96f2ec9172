"""Reader: raw subschemas -> numbered Schema nodes, each read once, when the Combiner asks for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from weft.errors import SchemaError
from weft.schemas.combine import Combiner
from weft.schemas.keywords import HANDLERS
from weft.schemas.references import Place, References, Resource, resource_of
from weft.schemas.schema import ANY, NEVER, Conj, Limits, Schema


class Reader:
    """Raw subschemas -> numbered nodes, each read once, when the Combiner asks for it."""

    def __init__(self, schema: Any, ignore: Collection[str], documents: Mapping[str, Any], limits: Limits):
        self.ignore, self.limits = frozenset(ignore), limits
        self.combiner = Combiner(self.read, limits)
        self.numbers: dict[int, int] = {}
        self.following: set[int] = set()
        self.waiting: dict[int, tuple[dict[str, Any], Place, Resource]] = {}
        self.references = References(schema, documents)

    def conj(self, raw: Any, place: Place, resource: Resource) -> Conj:
        """The Conj of a raw subschema; it is read later."""
        if raw is True or raw == {}:
            return ANY
        if raw is False:
            return NEVER
        number = self.numbers.get(id(raw))
        if number is None:
            if not isinstance(raw, dict):
                raise SchemaError(
                    f"a schema is {type(raw).__name__}", where=f"at {place}", expected="an object, true or false"
                )
            if place.depth > self.limits.depth:
                raise SchemaError(
                    f"a schema nested {place.depth} levels deep (limit {self.limits.depth})",
                    where=f"at {str(place)[:200]}",
                    expected="a flatter schema; $ref does not count as nesting",
                    hint="Limits(depth=...)",
                )
            if len(self.numbers) >= self.limits.schemas:
                raise SchemaError(
                    f"more than {self.limits.schemas} subschemas", where=f"at {place}", hint="Limits(schemas=...)"
                )
            if raw is not resource.root:
                resource = resource_of(raw, place, resource)
            if "$ref" in raw and self.only_refers(raw, resource):
                return self.follow(raw, place, resource)
            self.combiner.nodes.append(None)
            number = self.numbers[id(raw)] = len(self.combiner.nodes) - 1
            self.waiting[number] = (raw, place, resource)
        return (number,)

    def only_refers(self, raw: dict[str, Any], resource: Resource) -> bool:
        if "$ref" in self.ignore or not isinstance(raw["$ref"], str):
            return False
        return resource.draft <= 7 or all(key == "$ref" or key not in HANDLERS or key in self.ignore for key in raw)

    def target(self, ref: str, place: Place, resource: Resource) -> Conj:
        """The Conj of what a reference leads to."""
        return self.conj(*self.references.target(ref, place, resource))

    def follow(self, raw: dict[str, Any], place: Place, resource: Resource) -> Conj:
        """The Conj of what a plain reference leads to, so that both are one nonterminal."""
        if id(raw) in self.following:
            raise SchemaError(
                "a reference leads back to itself",
                where=f"at {place}/$ref",
                expected="a schema that says something about the value before it refers to itself",
            )
        self.following.add(id(raw))
        found = self.target(raw["$ref"], place, resource)
        self.following.discard(id(raw))
        return found

    def read(self, number: int) -> Schema:
        raw, place, resource = self.waiting.pop(number)
        node = self.combiner.nodes[number] = Schema(pointer=LazyPointer(place))  # type: ignore[arg-type]
        if "$ref" in raw and resource.draft <= 7 and "$ref" not in self.ignore:
            HANDLERS["$ref"](self, node, raw, place, resource)
            return node
        done = set()
        ignore = self.ignore
        for key in raw:
            handler = HANDLERS.get(key)
            if handler is not None and handler not in done and key not in ignore:
                done.add(handler)
                handler(self, node, raw, place, resource)
        return node

    def get(self, raw: dict[str, Any], key: str, kind: type | tuple[type, ...], place: Place, expected: str) -> Any:
        """A keyword's value, checked; None if it is absent or ignored."""
        value = raw.get(key)
        if value is None and key not in raw:
            return None
        if key in self.ignore:
            return None
        if not isinstance(value, kind) or (
            isinstance(value, bool) and bool not in (kind if isinstance(kind, tuple) else (kind,))
        ):
            raise SchemaError(
                f"'{key}' is {type(value).__name__}", where=f"at {place}/{key}", expected=expected,
                hint=f'from_json_schema(..., ignore=["{key}"]), then validate the result',
            )  # fmt: skip
        return value

    def count(self, raw: dict[str, Any], key: str, place: Place) -> int | None:
        value = self.get(raw, key, (int, float), place, "a whole number that is not negative")
        if value is None:
            return None
        if (isinstance(value, float) and not value.is_integer()) or value < 0:
            raise SchemaError(f"'{key}' is {value}", where=f"at {place}/{key}", expected="a whole number, 0 or more")
        return int(value)

    def each(self, raw: dict[str, Any], key: str, place: Place, resource: Resource) -> tuple[Conj, ...]:
        """The subschemas of a list."""
        value = self.get(raw, key, list, place, "a list of schemas")
        if not value:
            if value is None:
                return ()
            raise SchemaError(f"'{key}' is empty", where=f"at {place}/{key}", expected="at least one schema")
        at = Place(place, key, place.depth)
        return tuple(self.conj(item, Place(at, i, place.depth + 1), resource) for i, item in enumerate(value))


class LazyPointer:
    """A JSON pointer that is written out when it is printed."""

    __slots__ = ("place",)

    def __init__(self, place: Place):
        self.place = place

    def __str__(self) -> str:
        return str(self.place)
