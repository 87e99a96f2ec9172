r"""from_json_schema: a JSON Schema -> Grammar.

    {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}

    root: "{" space "\"age\":" space integer ("," space (PLAIN - "age") ":" space value)* space "}"

Two steps. `Reader` turns subschemas into numbered Schema nodes, when they are asked for; `Lowering` asks the Combiner
for the shapes of a place and writes a production for each. Work waits in a queue, so nesting costs no Python stack.

The grammar accepts a subset of the JSON texts of the valid values, never a text of an invalid one. Texts that it leaves
out: other property orders, other spellings of names and of strings with a pattern (`\u0061`), other spellings of
numbers with bounds (`1e3`), integers with a fraction (`1.0`), white space beyond `whitespace`. Formats are assertions.
Drafts 4, 6, 7, 2019-09 and 2020-12; without "$schema" it is 2020-12.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote, urldefrag, urljoin

from weft.errors import SchemaError
from weft.grammar.grammar import Alt, Expression, Grammar, Literal, Pattern, Ref, Repeat, Seq
from weft.schemas import arrays, numbers, objects, patterns, strings
from weft.schemas.combine import Combiner, fraction
from weft.schemas.formats import FORMATS
from weft.schemas.schema import (
    ANY,
    BOOLEAN,
    EVERY,
    FALSE,
    FRACTION,
    INTEGER,
    NEVER,
    NULL,
    NUMBER,
    OBJECT,
    TRUE,
    TYPES,
    Array,
    Conj,
    Contains,
    Limits,
    Number,
    Object,
    Rule,
    Schema,
    Shapes,
    String,
    meet,
    refuse,
)

WHITESPACE = r"(?: |\r?\n[ \t]{0,40})?"
COMPACT = ""

DRAFTS = {"draft-03": 3, "draft-04": 4, "draft-06": 6, "draft-07": 7, "2019-09": 2019, "2020-12": 2020}


class Place(NamedTuple):
    """Where a subschema stands: a linked list, written out only in errors."""

    parent: Place | None
    key: str | int
    depth: int

    def __str__(self) -> str:
        keys: list[str] = []
        here: Place | None = self
        while here is not None:
            keys.append(str(here.key).replace("~", "~0").replace("/", "~1") if here.parent else str(here.key))
            here = here.parent
        return "/".join(reversed(keys))


class Resource(NamedTuple):
    """A schema with its own address, against which the references inside it are read."""

    root: Any
    uri: str
    draft: int
    place: Place


def draft_of(schema: Any, default: int) -> int:
    uri = schema.get("$schema") if isinstance(schema, dict) else None
    if isinstance(uri, str):
        for name, draft in DRAFTS.items():
            if name in uri:
                return draft
        if "json-schema.org/schema" in uri:
            return 2020
    return default


# --- reading --------------------------------------------------------------------------------------------------------


class Reader:
    """Raw subschemas -> numbered nodes, each read once, when the Combiner asks for it."""

    def __init__(self, schema: Any, ignore: Collection[str], documents: Mapping[str, Any], limits: Limits):
        self.ignore, self.documents, self.limits = frozenset(ignore), documents, limits
        self.combiner = Combiner(self.read, limits)
        self.numbers: dict[int, int] = {}
        self.following: set[int] = set()
        self.waiting: dict[int, tuple[dict[str, Any], Place, Resource]] = {}
        top = Place(None, "#", 0)
        uri = self.id_of(schema, 2020) or ""
        self.root = Resource(schema, urldefrag(uri)[0], draft_of(schema, 2020), top)
        self.index: dict[str, tuple[Any, Resource, Place]] | None = None

    @staticmethod
    def id_of(schema: Any, draft: int) -> str | None:
        if not isinstance(schema, dict):
            return None
        found = schema.get("$id")
        if found is None and (draft <= 4 or draft_of(schema, 2020) <= 4):
            found = schema.get("id")
        return found if isinstance(found, str) else None

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
            if raw is not resource.root and ("$id" in raw or (resource.draft <= 4 and "id" in raw)):
                resource = self.resource(raw, place, resource)
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

    def follow(self, raw: dict[str, Any], place: Place, resource: Resource) -> Conj:
        """The Conj of what a plain reference leads to, so that both are one nonterminal."""
        if id(raw) in self.following:
            raise SchemaError(
                "a reference leads back to itself",
                where=f"at {place}/$ref",
                expected="a schema that says something about the value before it refers to itself",
            )
        self.following.add(id(raw))
        found = self.resolve(raw["$ref"], place, resource)
        self.following.discard(id(raw))
        return found

    def resource(self, raw: dict[str, Any], place: Place, outer: Resource) -> Resource:
        uri = self.id_of(raw, outer.draft)
        if uri is None or uri.startswith("#") or ("$ref" in raw and outer.draft <= 7):
            return outer
        return Resource(raw, urldefrag(urljoin(outer.uri, uri))[0], draft_of(raw, outer.draft), place)

    def read(self, number: int) -> Schema:
        raw, place, resource = self.waiting.pop(number)
        node = self.combiner.nodes[number] = Schema(pointer=LazyPointer(place))  # type: ignore[arg-type]
        if "$ref" in raw and resource.draft <= 7 and "$ref" not in self.ignore:
            _ref(self, node, raw, place, resource)
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

    # --- references -----------------------------------------------------------------------------------------------

    def resolve(self, ref: str, place: Place, resource: Resource) -> Conj:
        address, _, fragment = ref.partition("#")
        target, found, at = resource.root, resource, resource.place
        if address:
            uri = urldefrag(urljoin(resource.uri, address))[0]
            known = self.find(uri)
            if known is None:
                raise SchemaError(
                    f"'$ref' to {ref!r}, which is outside the schema",
                    where=f"at {place}/$ref",
                    expected="a reference into the same schema, such as #/$defs/name; nothing is fetched",
                    hint="from_json_schema(..., documents={uri: schema})",
                )
            target, found, at = known
        if fragment and not fragment.startswith("/"):
            known = self.find(f"{found.uri}#{unquote(fragment)}")
            if known is None:
                raise self.nowhere(ref, place)
            return self.conj(*_swap(known))
        if fragment:
            result = self.walk(target, found, at, fragment)
            if result is None and found is not self.root and not address:
                result = self.walk(self.root.root, self.root, self.root.place, fragment)
            if result is None:
                raise self.nowhere(ref, place)
            return self.conj(*_swap(result))
        return self.conj(target, at, found)

    def nowhere(self, ref: str, place: Place) -> SchemaError:
        return SchemaError(
            f"'$ref' to {ref!r} leads nowhere",
            where=f"at {place}/$ref",
            expected="the place of a subschema in this document",
        )

    def walk(self, raw: Any, resource: Resource, place: Place, fragment: str) -> tuple[Any, Resource, Place] | None:
        for part in fragment.split("/")[1:]:
            part = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(raw, dict):
                if part not in raw:
                    return None
                raw = raw[part]
                place = Place(place, part, 0)
            elif isinstance(raw, list):
                if not part.isdecimal() or int(part) >= len(raw):
                    return None
                raw = raw[int(part)]
                place = Place(place, part, 0)
            else:
                return None
            if isinstance(raw, dict) and ("$id" in raw or (resource.draft <= 4 and "id" in raw)):
                resource = self.resource(raw, place, resource)
        return raw, resource, place

    def find(self, uri: str) -> tuple[Any, Resource, Place] | None:
        """A schema by its address (with #anchor); the index is made at the first need."""
        if self.index is None:
            self.index = {}
            self.collect(self.root)
            for address, document in self.documents.items():
                top = Place(None, f"{address}#", 0)
                name = self.id_of(document, draft_of(document, 2020)) or address
                self.collect(Resource(document, urldefrag(address)[0], draft_of(document, self.root.draft), top))
                if urldefrag(name)[0] != urldefrag(address)[0]:
                    self.collect(
                        Resource(document, urldefrag(urljoin(address, name))[0], draft_of(document, 2020), top)
                    )
        return self.index.get(uri)

    def collect(self, top: Resource) -> None:
        assert self.index is not None
        self.index.setdefault(top.uri, (top.root, top, top.place))
        stack: list[tuple[Any, Resource, Place]] = [(top.root, top, top.place)]
        while stack:
            raw, resource, place = stack.pop()
            if isinstance(raw, dict):
                if raw is not top.root:
                    inner = self.resource(raw, place, resource)
                    if inner is not resource:
                        resource = inner
                        self.index.setdefault(inner.uri, (raw, inner, place))
                for key in ("$anchor", "$dynamicAnchor"):
                    name = raw.get(key)
                    if isinstance(name, str):
                        self.index.setdefault(f"{resource.uri}#{name}", (raw, resource, place))
                name = self.id_of(raw, resource.draft)
                if name is not None and name.startswith("#") and len(name) > 1:
                    self.index.setdefault(f"{resource.uri}{name}", (raw, resource, place))
                for key, value in raw.items():
                    if key in MAPS and isinstance(value, dict):
                        at = Place(place, key, 0)
                        stack.extend((inner, resource, Place(at, name, 0)) for name, inner in value.items())
                    elif key in INNER and isinstance(value, list):
                        at = Place(place, key, 0)
                        stack.extend((inner, resource, Place(at, i, 0)) for i, inner in enumerate(value))
                    elif key in INNER:
                        stack.append((value, resource, Place(place, key, 0)))


# Where subschemas stand; an "$id" anywhere else names nothing.
MAPS = frozenset({"$defs", "definitions", "properties", "patternProperties", "dependentSchemas", "dependencies"})
INNER = frozenset(
    {
        "items", "prefixItems", "additionalItems", "contains", "additionalProperties", "propertyNames", "allOf",
        "anyOf", "oneOf", "not", "if", "then", "else", "unevaluatedItems", "unevaluatedProperties", "contentSchema",
    }
)  # fmt: skip


def _swap(found: tuple[Any, Resource, Place]) -> tuple[Any, Place, Resource]:
    return found[0], found[2], found[1]


class LazyPointer:
    """A JSON pointer that is written out when it is printed."""

    __slots__ = ("place",)

    def __init__(self, place: Place):
        self.place = place

    def __str__(self) -> str:
        return str(self.place)


# --- keywords -------------------------------------------------------------------------------------------------------

Handler = Callable[[Reader, Schema, dict[str, Any], Place, Resource], None]


def _type(reader: Reader, node: Schema, raw: dict[str, Any], place: Place, resource: Resource) -> None:
    value = raw["type"]
    bits = 0
    for name in value if isinstance(value, list) else (value,):
        bit = TYPES.get(name) if isinstance(name, str) else None
        if bit is None:
            raise SchemaError(
                f"'type' is {name!r}",
                where=f"at {place}/type",
                expected=f"one of {', '.join(TYPES)}, or a list of them",
            )
        bits |= bit
    node.types &= bits


def _enum(reader: Reader, node: Schema, raw: dict[str, Any], place: Place, resource: Resource) -> None:
    values = reader.get(raw, "enum", list, place, "a list of values")
    only = [raw["const"]] if "const" in raw and "const" not in reader.ignore else None
    if values is None:
        values = only or []
    elif only is not None:
        node.parts = (*node.parts, reader.combiner.add(Schema(values=tuple(only))))
    seen: dict[Any, None] = {}
    kept = []
    for value in values:
        if isinstance(value, (dict, list)):
            if value not in kept:
                kept.append(value)
            continue
        if isinstance(value, float) and not math.isfinite(value):
            raise SchemaError(f"the value {value} is not JSON", where=f"at {place}")
        key = (value, isinstance(value, bool))
        if key not in seen:
            seen[key] = None
            kept.append(value)
    node.values = tuple(kept)


def _number(reader: Reader, node: Schema, raw: dict[str, Any], place: Place, resource: Resource) -> None:
    def bound(key: str, *, flag: bool = False) -> Fraction | None:
        kinds: tuple[type, ...] = (int, float, bool) if flag else (int, float)
        value = reader.get(raw, key, kinds, place, "a number")
        if value is None or isinstance(value, bool):
            return None
        if isinstance(value, float) and not math.isfinite(value):
            raise SchemaError(f"'{key}' is {value}", where=f"at {place}/{key}", expected="a finite number")
        if abs(value) >= 10**300 if isinstance(value, int) else False:
            raise SchemaError(
                f"'{key}' has more than 300 digits", where=f"at {place}/{key}", expected="a smaller number"
            )
        return fraction(value)

    low, high = bound("minimum"), bound("maximum")
    low_open = low is not None and raw.get("exclusiveMinimum") is True and "exclusiveMinimum" not in reader.ignore
    high_open = high is not None and raw.get("exclusiveMaximum") is True and "exclusiveMaximum" not in reader.ignore
    above, below = bound("exclusiveMinimum", flag=True), bound("exclusiveMaximum", flag=True)
    if above is not None and (low is None or above >= low):
        low, low_open = above, True
    if below is not None and (high is None or below <= high):
        high, high_open = below, True
    multiples: tuple[Fraction, ...] = ()
    step = bound("multipleOf")
    if step is not None:
        if step <= 0:
            raise SchemaError(
                f"'multipleOf' is {raw['multipleOf']}", where=f"at {place}/multipleOf", expected="a number above 0"
            )
        multiples = (step,)
    if low is not None or high is not None or multiples:
        node.number = Number(low, low_open, high, high_open, multiples)


def _string(reader: Reader, node: Schema, raw: dict[str, Any], place: Place, resource: Resource) -> None:
    least, most = reader.count(raw, "minLength", place), reader.count(raw, "maxLength", place)
    rules = []
    pattern = reader.get(raw, "pattern", str, place, "a regular expression")
    if pattern is not None:
        rule = Rule("pattern", pattern)
        strings.check_rule(rule, f"{place}/pattern")
        rules.append(rule)
    name = reader.get(raw, "format", str, place, "a name")
    if name is not None:
        if name in FORMATS:
            rules.append(Rule("format", name))
    if least or most is not None or rules:
        node.string = String(least or 0, most, tuple(rules))


def _array(reader: Reader, node: Schema, raw: dict[str, Any], place: Place, resource: Resource) -> None:
    depth = place.depth
    prefix: tuple[Conj, ...] = ()
    items: Conj = ANY
    ignore = reader.ignore
    if "prefixItems" in raw and "prefixItems" not in ignore and resource.draft >= 2020:
        prefix = reader.each(raw, "prefixItems", place, resource)
    first = raw.get("items", True) if "items" not in ignore else True
    if isinstance(first, list):
        at = Place(place, "items", depth)
        prefix = tuple(reader.conj(item, Place(at, i, depth + 1), resource) for i, item in enumerate(first))
        if "additionalItems" in raw and "additionalItems" not in ignore:
            items = reader.conj(raw["additionalItems"], Place(place, "additionalItems", depth + 1), resource)
    else:
        items = reader.conj(first, Place(place, "items", depth + 1), resource)
    least, most = reader.count(raw, "minItems", place), reader.count(raw, "maxItems", place)
    contains: tuple[Contains, ...] = ()
    if "contains" in raw and "contains" not in ignore and resource.draft > 4:
        low, high = 1, None
        if resource.draft >= 2019:
            found = reader.count(raw, "minContains", place)
            low = 1 if found is None else found
            high = reader.count(raw, "maxContains", place)
        wanted = reader.conj(raw["contains"], Place(place, "contains", depth + 1), resource)
        if low or high is not None:
            contains = (Contains(wanted, low, high),)
    unique = reader.get(raw, "uniqueItems", bool, place, "true or false")
    if "unevaluatedItems" in raw and "unevaluatedItems" not in ignore and resource.draft >= 2019:
        if _has_applicators(raw) or contains:
            if raw["unevaluatedItems"] not in (True, {}):
                raise refuse("unevaluatedItems", f"{place}/unevaluatedItems")
        elif "items" not in raw or (isinstance(first, list) and "additionalItems" not in raw):
            items = reader.conj(raw["unevaluatedItems"], Place(place, "unevaluatedItems", depth + 1), resource)
    fact = Array(prefix, items, least or 0, most, contains, f"{place}/uniqueItems" if unique else "")
    if fact != Array():
        node.array = fact


_APPLICATORS = (
    "$ref",
    "$dynamicRef",
    "$recursiveRef",
    "allOf",
    "anyOf",
    "oneOf",
    "if",
    "dependentSchemas",
    "dependencies",
)


def _has_applicators(raw: dict[str, Any]) -> bool:
    """Whether a neighbouring keyword may evaluate properties or items of the same value."""
    return any(key in raw for key in _APPLICATORS)


def _object(reader: Reader, node: Schema, raw: dict[str, Any], place: Place, resource: Resource) -> None:
    depth = place.depth + 1
    conj = reader.conj
    properties: dict[str, Conj] = {}
    declared = reader.get(raw, "properties", dict, place, "an object of schemas")
    if declared:
        at = Place(place, "properties", depth)
        for name, value in declared.items():
            properties[name] = conj(value, Place(at, name, depth), resource)
    found: list[tuple[str, Conj]] = []
    by_pattern = reader.get(raw, "patternProperties", dict, place, "an object of schemas")
    if by_pattern:
        at = Place(place, "patternProperties", depth)
        for pattern, value in by_pattern.items():
            strings.check_rule(Rule("pattern", pattern), f"{at}/{pattern}")
            found.append((pattern, conj(value, Place(at, pattern, depth), resource)))
    additional: Conj = ANY
    ignore = reader.ignore
    if "additionalProperties" in raw and "additionalProperties" not in ignore:
        additional = conj(raw["additionalProperties"], Place(place, "additionalProperties", depth), resource)
    if "unevaluatedProperties" in raw and "unevaluatedProperties" not in ignore and resource.draft >= 2019:
        if _has_applicators(raw):
            if raw["unevaluatedProperties"] not in (True, {}) and "additionalProperties" not in raw:
                raise refuse("unevaluatedProperties", f"{place}/unevaluatedProperties")
        elif "additionalProperties" not in raw:
            additional = conj(raw["unevaluatedProperties"], Place(place, "unevaluatedProperties", depth), resource)
    required = reader.get(raw, "required", list, place, "a list of property names") or ()
    for name in required:
        if not isinstance(name, str):
            raise SchemaError(f"'required' holds {name!r}", where=f"at {place}/required", expected="property names")
    names: Conj = ANY
    if "propertyNames" in raw and "propertyNames" not in ignore:
        names = conj(raw["propertyNames"], Place(place, "propertyNames", depth), resource)
    least, most = reader.count(raw, "minProperties", place), reader.count(raw, "maxProperties", place)
    node.object = Object(properties, tuple(found), additional, tuple(dict.fromkeys(required)), least or 0, most, names)


def _all_of(reader: Reader, node: Schema, raw: dict[str, Any], place: Place, resource: Resource) -> None:
    node.parts = (*node.parts, *(literal for conj in reader.each(raw, "allOf", place, resource) for literal in conj))


def _any_of(reader: Reader, node: Schema, raw: dict[str, Any], place: Place, resource: Resource) -> None:
    ways = [way for way in dict.fromkeys(reader.each(raw, "anyOf", place, resource)) if way != NEVER]
    if not ways:
        node.types = 0
    elif len(ways) == 1:
        node.parts = (*node.parts, *ways[0])
    elif ANY not in ways:
        node.choices = (*node.choices, tuple(ways))


def _one_of(reader: Reader, node: Schema, raw: dict[str, Any], place: Place, resource: Resource) -> None:
    ways = [way for way in reader.each(raw, "oneOf", place, resource) if way != NEVER]
    if not ways:
        node.types = 0
    elif len(ways) == 1:
        node.parts = (*node.parts, *ways[0])
    else:
        node.exactly = (*node.exactly, tuple(ways))


def _not(reader: Reader, node: Schema, raw: dict[str, Any], place: Place, resource: Resource) -> None:
    inner = reader.conj(raw["not"], Place(place, "not", place.depth + 1), resource)
    node.parts = (*node.parts, *reader.combiner.negated(inner))


def _if(reader: Reader, node: Schema, raw: dict[str, Any], place: Place, resource: Resource) -> None:
    if resource.draft < 7:
        return
    depth = place.depth + 1

    def get(key: str) -> Conj:
        return (
            reader.conj(raw[key], Place(place, key, depth), resource)
            if key in raw and key not in reader.ignore
            else ANY
        )

    condition, then, other = get("if"), get("then"), get("else")
    if then or other:
        ways = (meet(condition, then), meet(reader.combiner.negated(condition), other))
        node.choices = (*node.choices, tuple(way for way in ways if way != NEVER))


def _dependencies(reader: Reader, node: Schema, raw: dict[str, Any], place: Place, resource: Resource) -> None:
    for key in ("dependencies", "dependentRequired", "dependentSchemas"):
        value = reader.get(raw, key, dict, place, "an object")
        if not value:
            continue
        at = Place(place, key, place.depth)
        for name, needs in value.items():
            without = reader.combiner.add(Schema(object=Object({name: NEVER})))
            if isinstance(needs, str):
                needs = [needs]
            if isinstance(needs, list):
                if not all(isinstance(other, str) for other in needs):
                    raise SchemaError(f"'{key}' holds names that are no strings", where=f"at {at}")
                if not needs:
                    continue
                required = tuple(dict.fromkeys([name, *needs]))
                having: Conj = (reader.combiner.add(Schema(OBJECT, object=Object(required=required))),)
            else:
                has = reader.combiner.add(Schema(OBJECT, object=Object(required=(name,))))
                inner = reader.conj(needs, Place(at, name, place.depth + 1), resource)
                if not inner:
                    continue
                having = meet((has,), inner)
            node.choices = (*node.choices, tuple(way for way in ((without,), having) if way != NEVER))


def _ref(reader: Reader, node: Schema, raw: dict[str, Any], place: Place, resource: Resource) -> None:
    ref = reader.get(raw, "$ref", str, place, "a reference")
    if ref is not None:
        node.parts = (*node.parts, *reader.resolve(ref, place, resource))


def _refused(keyword: str) -> Handler:
    def handler(reader: Reader, node: Schema, raw: dict[str, Any], place: Place, resource: Resource) -> None:
        raise refuse(keyword, f"{place}/{keyword}")

    return handler


# Keywords that are not listed say nothing about validity: annotations, and extensions such as x-*.
HANDLERS: dict[str, Handler] = {
    "type": _type,
    "enum": _enum,
    "const": _enum,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
    "if": _if,
    "$ref": _ref,
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), _number),
    **dict.fromkeys(("minLength", "maxLength", "pattern", "format"), _string),
    **dict.fromkeys(
        (
            "items", "prefixItems", "additionalItems", "minItems", "maxItems", "contains", "uniqueItems",
            "unevaluatedItems",
        ),
        _array,
    ),
    **dict.fromkeys(
        (
            "properties", "patternProperties", "additionalProperties", "required", "minProperties", "maxProperties",
            "propertyNames", "unevaluatedProperties",
        ),
        _object,
    ),
    **dict.fromkeys(("dependencies", "dependentRequired", "dependentSchemas"), _dependencies),
    "$dynamicRef": _refused("$dynamicRef"),
    "$recursiveRef": _refused("$recursiveRef"),
}  # fmt: skip


# --- writing --------------------------------------------------------------------------------------------------------

_TRUE, _FALSE, _NULL = Literal(b"true"), Literal(b"false"), Literal(b"null")
_SHARED: dict[str, Expression] = {
    "string": strings.STRING,
    "number": numbers.NUMBER_PATTERN,
    "integer": numbers.INTEGER_PATTERN,
}
_MAX_INLINE_VALUES = 4
_ANY_STRING = String()
_ANY_NUMBER = Number()
_EVERYTHING = Shapes(NULL | BOOLEAN, (), ((NUMBER, _ANY_NUMBER),), (String(),), (Array(),), ((),))


class Lowering:
    """Shapes -> productions. `space`, `comma` and `colon` are runs of expressions to splice into a Seq.

    PERF: what is not a literal is a production of its own. Written in place, an object of scalars would be one regular
    expression, and the core would build one automaton for all of it: 10 optional strings compile in 3.5 ms that way
    and in 0.4 ms this way.
    """

    def __init__(self, combiner: Combiner, whitespace: str, limits: Limits):
        self.combiner, self.limits = combiner, limits
        self.productions: dict[str, Expression] = {}
        self.space: tuple[Expression, ...] = ()
        if whitespace:
            self.space = (Ref("space"),)
            self.productions["space"] = Pattern(whitespace)
        self.comma: tuple[Expression, ...] = (Literal(b","), *self.space)
        self.colon: tuple[Expression, ...] = (Literal(b":"), *self.space)
        self.pointer: object = "#"
        self._values: dict[Conj, Expression] = {}
        self._queue: list[tuple[str, Conj]] = []
        self._generic: set[str] = set()
        self._scalars: dict[String | tuple[int, Number], Ref] = {}
        self._open: set[Conj] = set()
        self._has_nothing = self._is_recursive = False

    def grammar(self, conj: Conj) -> Grammar:
        self.productions["root"] = Alt(())
        self.productions["root"] = self.value(conj)
        while self._queue:
            name, place = self._queue.pop()
            self.productions[name] = self._choice(place)
        if (self._has_nothing or self._is_recursive) and not self._root_is_productive():
            raise SchemaError(
                "no value satisfies the schema", where="at #", expected="keywords that do not contradict each other"
            )
        return Grammar(start="root", productions=self.productions)

    # --- for objects.py and arrays.py -------------------------------------------------------------------------------

    def nothing(self) -> Expression:
        self._has_nothing = True
        return Alt(())

    def reserve(self) -> Ref:
        if len(self.productions) >= self.limits.productions:
            raise SchemaError(
                f"more than {self.limits.productions} productions",
                where=f"at {self.pointer}",
                expected="a smaller schema, or alternatives that overlap less",
                hint="Limits(productions=...)",
            )
        name = f"v{len(self.productions)}"
        self.productions[name] = Alt(())
        return Ref(name)

    def production(self, expression: Expression) -> Ref:
        ref = self.reserve()
        self.productions[ref.name] = expression
        return ref

    def is_empty(self, conj: Conj) -> bool:
        """Surely nothing, at the first level."""
        if len(conj) < 2 and (not conj or conj[0] != 0):
            return False
        return 0 in conj or self.combiner.shapes(conj).is_empty

    def shared(self, name: str) -> Ref:
        if name not in self.productions:
            self.productions[name] = _SHARED[name]
        return Ref(name)

    def string(self, shape: String) -> Expression:
        if shape == _ANY_STRING:
            return self.shared("string")
        found = self._scalars.get(shape)
        if found is None:
            found = self._scalars[shape] = self.production(strings.lower(shape))
        return found

    def number(self, kind: int, shape: Number) -> Expression:
        if shape == _ANY_NUMBER and kind != FRACTION:
            return self.shared("integer" if kind == INTEGER else "number")
        found = self._scalars.get((kind, shape))
        if found is None:
            try:
                lowered = numbers.lower(kind, shape, self.productions, self.limits.states)
            except OverflowError as error:
                raise SchemaError(
                    f"a number that cannot be kept: {error}", where=f"at {self.pointer}",
                    expected="smaller bounds or divisors", hint="Limits(states=...)",
                ) from None  # fmt: skip
            found = self._scalars[kind, shape] = self.production(lowered)
        return found

    def constants(self, shapes: Shapes) -> list[Expression] | None:
        """One expression per value, if the shapes are single values only."""
        if shapes.numbers or shapes.strings or shapes.arrays or shapes.objects:
            return None
        out: list[Expression] = [
            literal for bit, literal in ((NULL, _NULL), (TRUE, _TRUE), (FALSE, _FALSE)) if shapes.constants & bit
        ]
        return out + [self._constant(value) for value in shapes.values]

    # --- values -----------------------------------------------------------------------------------------------------

    def value(self, conj: Conj) -> Expression:
        """The expression for one place; a production is made for what is nested."""
        found = self._values.get(conj)
        if found is not None:
            self._is_recursive = self._is_recursive or conj in self._open
            return found
        if not conj:
            found = self._any()
        else:
            shapes = self.combiner.shapes(conj)
            if shapes == _EVERYTHING:
                found = self._any()
            elif (shapes.arrays and shapes.arrays != (Array(),)) or (shapes.objects and shapes.objects != ((),)):
                ref = self.reserve()
                self._queue.append((ref.name, conj))
                self._open.add(conj)
                found = ref
            else:
                found = self._choice(conj)
                if len(shapes.values) > _MAX_INLINE_VALUES:
                    found = self.production(found)
        self._values[conj] = found
        return found

    def _choice(self, conj: Conj) -> Expression:
        shapes = self.combiner.shapes(conj)
        self.pointer = next((self.combiner.get(literal).pointer for literal in conj if literal >= 0), "#")
        options: list[Expression] = []
        constants = shapes.constants
        if constants:
            options += [literal for bit, literal in ((NULL, _NULL), (TRUE, _TRUE), (FALSE, _FALSE)) if constants & bit]
        for value in shapes.values:
            options.append(self._constant(value))
        for kind, number in shapes.numbers:
            options.append(self.number(kind, number))
        for string in shapes.strings:
            options.append(self.string(string))
        for array in shapes.arrays:
            options.append(self._any_array() if array == Array() else arrays.lower(self, array))
        for facts in shapes.objects:
            options.append(objects.lower(self, facts) if facts else self._any_object())
        if not options:
            return self.nothing()
        return options[0] if len(options) == 1 else Alt(tuple(options))

    def _constant(self, value: Any) -> Expression:
        if isinstance(value, str):
            return strings.string_literal(value)
        if not isinstance(value, (list, dict)) or not value:
            return Literal(_scalar(value))
        items: list[Expression] = [Literal(b"{" if isinstance(value, dict) else b"["), *self.space]
        for i, item in enumerate(value):
            if i:
                items += self.comma
            if isinstance(value, dict):
                items += (strings.string_literal(item), *self.colon)
                item = value[item]
            items.append(self._constant(item))
        return Seq((*items, *self.space, Literal(b"}" if isinstance(value, dict) else b"]")))

    def _any(self) -> Expression:
        if "value" not in self._generic:
            self._generic.add("value")
            self.productions["value"] = Alt(
                (
                    _NULL,
                    _TRUE,
                    _FALSE,
                    self.shared("number"),
                    self.shared("string"),
                    self._any_array(),
                    self._any_object(),
                )
            )
        return Ref("value")

    def _any_array(self) -> Expression:
        if "array" not in self._generic:
            self._generic.add("array")
            value = self._any()
            some = Seq((value, Repeat(Seq((*self.comma, value)), 0, None), *self.space))
            self.productions["array"] = Seq((Literal(b"["), *self.space, Repeat(some, 0, 1), Literal(b"]")))
        return Ref("array")

    def _any_object(self) -> Expression:
        if "object" not in self._generic:
            self._generic.add("object")
            member = Seq((self.shared("string"), *self.colon, self._any()))
            some = Seq((member, Repeat(Seq((*self.comma, member)), 0, None), *self.space))
            self.productions["object"] = Seq((Literal(b"{"), *self.space, Repeat(some, 0, 1), Literal(b"}")))
        return Ref("object")

    def _root_is_productive(self) -> bool:
        """Whether some finite text can come from the root, patterns taken to match something."""
        productive: set[str] = set()

        def is_productive(expression: Expression) -> bool:
            if isinstance(expression, Ref):
                return expression.name in productive
            if isinstance(expression, Seq):
                return all(map(is_productive, expression.items))
            if isinstance(expression, Alt):
                return any(map(is_productive, expression.items))
            if isinstance(expression, Repeat):
                return expression.min == 0 or is_productive(expression.item)
            return True

        grown = True
        while grown:
            grown = False
            for name in reversed(self.productions):  # what is nested stands later
                if name not in productive and is_productive(self.productions[name]):
                    productive.add(name)
                    grown = True
        return "root" in productive


def _scalar(value: Any) -> bytes:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e16:
        value = int(value)
    return strings.json_text(value).encode()


def from_json_schema(
    schema: Any,
    *,
    whitespace: str = WHITESPACE,
    ignore: Collection[str] = (),
    documents: Mapping[str, Any] | None = None,
    limits: Limits = Limits(),
) -> Grammar:
    r"""The grammar of the JSON texts of a schema's valid values.

    Args:
        schema: a dict, True or False; drafts 4 to 2020-12.
        whitespace: a regular expression for what may stand after `{`, `[`, `,` and `:` and before `}` and `]`.
            WHITESPACE is at most one space, or a line end with up to 40 spaces or tabs; COMPACT is nothing.
        ignore: keywords to leave out, for instance one that a SchemaError names. Validate the result then.
        documents: further schemas by their URI, for `$ref`; nothing is ever fetched.
        limits: sizes at which a schema is refused.
    Raises:
        SchemaError: a keyword cannot be kept exactly, the schema is broken, or nothing satisfies it.
    Cost: linear in the schema for most; oneOf, not and if multiply the alternatives that overlap.
    """
    reader = Reader(schema, ignore, documents or {}, limits)
    check_whitespace(whitespace)
    lowering = Lowering(reader.combiner, whitespace, limits)
    try:
        return lowering.grammar(reader.conj(schema, reader.root.place, reader.root))
    except RecursionError:
        raise SchemaError(
            "the schema nests too deeply", where=f"at {lowering.pointer}", expected="fewer nested combinations"
        ) from None


@lru_cache(maxsize=64)
def check_whitespace(whitespace: str) -> None:
    """Refuse white space that is not JSON's."""
    try:
        node = patterns.parse(whitespace)
    except patterns.PatternError as error:
        raise SchemaError(f"whitespace: {error}", expected="a regular expression over space, tab, CR and LF") from None
    allowed = patterns.ranges((9, 10), (13, 13), (32, 32))
    if patterns.uses(node, patterns.complement(allowed)):
        raise SchemaError(
            f"whitespace={whitespace!r} matches more than white space", expected="only space, tab, CR and LF (RFC 8259)"
        )


__all__ = ["COMPACT", "EVERY", "WHITESPACE", "Limits", "from_json_schema"]
