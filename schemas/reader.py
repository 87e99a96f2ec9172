"""Reader: raw subschemas -> numbered Schema nodes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from weft.errors import SchemaError
from weft.schemas.combine import Combiner
from weft.schemas.keywords import HANDLERS
from weft.schemas.references import Place, References, Resource, resource_of
from weft.schemas.schema import ANY, NEVER, Conj, Limits, Schema

MAX_NESTED = 40  # subschemas that are read inside each other; deeper ones wait, so nesting costs no Python stack


def _first(raw: dict[str, Any]) -> str:
    """Which of the keywords that may name properties stands first."""
    return next((key for key in raw if key in ("properties", "allOf", "anyOf", "oneOf", "$ref")), "properties")


class Reader:
    """Raw subschemas -> numbered nodes. Subschemas that say the same are one node."""

    def __init__(self, schema: Any, ignore: Collection[str], documents: Mapping[str, Any], limits: Limits):
        self.ignore, self.limits = frozenset(ignore), limits
        self.handlers = HANDLERS
        if self.ignore:
            self.handlers = {key: handler for key, handler in HANDLERS.items() if key not in self.ignore}
        self.combiner = Combiner(self.read_waiting, limits)
        self.references = References(schema, documents)
        self._known: dict[int, Conj] = {id(True): ANY, id(False): NEVER}  # by id of the raw subschema
        self._targets: dict[tuple[str, int], Conj] = {}  # by reference and resource
        self._of_type: dict[str, Conj] = {}  # {"type": ...} and nothing else
        self._following: set[int] = set()
        self._open: dict[int, int] = {}  # being read: its number if something inside refers to it, else 0
        self._waiting: dict[int, tuple[dict[str, Any], Place, Resource]] = {}

    def conj(self, raw: Any, around: Place, key: str | int, resource: Resource) -> Conj:
        """The Conj of the raw subschema that stands at `key` of the place around it."""
        found = self._known.get(id(raw))
        if found is None and isinstance(raw, dict):
            # PERF: most subschemas are a type or a reference, and annotations; they take no Place and no node
            said = self.handlers.keys() & raw.keys()
            if len(said) == 1:
                if "type" in said:
                    kind = raw["type"]
                    found = self._of_type.get(kind) if isinstance(kind, str) else None
                elif "$ref" in said and isinstance(raw["$ref"], str) and "$id" not in raw:
                    found = self._targets.get((raw["$ref"], id(resource.root)))
            elif not said:
                found = ANY
        if found is None:
            found = self.read(raw, Place(around, key, around.depth + 1), resource)
        return found

    def read(self, raw: Any, place: Place, resource: Resource) -> Conj:
        """The Conj of the raw subschema that stands at this place."""
        own = id(raw)
        if own in self._known:
            return self._known[own]
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
        if len(self._known) >= self.limits.schemas:
            raise SchemaError(
                f"more than {self.limits.schemas} subschemas", where=f"at {place}", hint="Limits(schemas=...)"
            )
        if raw is not resource.root:
            resource = resource_of(raw, place, resource)
        said = self.handlers.keys() & raw.keys()
        if not said:
            return ANY
        if "$ref" in said and isinstance(raw["$ref"], str) and (len(said) == 1 or resource.draft <= 7):
            return self._follow(raw, place, resource)
        if own in self._open:
            number = self._open[own] = self._open[own] or self.combiner.reserve()
            return (number,)
        if len(self._open) >= MAX_NESTED:
            number = self.combiner.reserve()
            self._waiting[number] = (raw, place, resource)
        else:
            self._open[own] = 0
            node = self._node(raw, place, resource)
            number = self.combiner.add(node, self._open.pop(own))
            if len(said) == 1 and isinstance(raw.get("type"), str):
                self._of_type[raw["type"]] = (number,)
        self._known[own] = found = (number,)
        return found

    def read_waiting(self, number: int) -> Schema:
        """The node of a subschema that waits."""
        raw, place, resource = self._waiting.pop(number)
        self._open[id(raw)] = number
        node = self._node(raw, place, resource)
        del self._open[id(raw)]
        self.combiner.add(node, number)
        return node

    def _node(self, raw: dict[str, Any], place: Place, resource: Resource) -> Schema:
        node = Schema(pointer=place)
        for handler in dict.fromkeys([self.handlers[key] for key in raw if key in self.handlers]):
            handler(self, node, raw, place, resource)
        if node.parts and node.object and _first(raw) != "properties":
            # the properties of allOf were declared first, so they are written first
            node.parts = (*node.parts, self.combiner.add(Schema(object=node.object, pointer=place)))
            node.object = None
        return node

    def target(self, ref: str, place: Place, resource: Resource) -> Conj:
        """The Conj of what a reference leads to."""
        key = ref, id(resource.root)
        found = self._targets.get(key)
        if found is None:
            found = self._targets[key] = self.read(*self.references.target(ref, place, resource))
        return found

    def _follow(self, raw: dict[str, Any], place: Place, resource: Resource) -> Conj:
        """The Conj of what a plain reference leads to, so that both are one nonterminal."""
        if id(raw) in self._following:
            raise SchemaError(
                "a reference leads back to itself",
                where=f"at {place}/$ref",
                expected="a schema that says something about the value before it refers to itself",
            )
        self._following.add(id(raw))
        found = self._known[id(raw)] = self.target(raw["$ref"], place, resource)
        self._following.discard(id(raw))
        return found

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
        return tuple(self.conj(item, at, i, resource) for i, item in enumerate(value))
