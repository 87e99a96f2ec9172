"""The keywords of JSON Schema: each handler reads one or more of them into a Schema node.

A keyword that is not in HANDLERS says nothing about validity: annotations, and extensions such as x-*.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from weft.errors import SchemaError
from weft.schemas import strings
from weft.schemas.formats import FORMATS
from weft.schemas.references import Place, Resource
from weft.schemas.schema import (
    ANY,
    NEVER,
    OBJECT,
    TYPES,
    Array,
    Conj,
    Contains,
    Number,
    Object,
    Rule,
    Schema,
    String,
    meet,
    refuse,
)
from weft.schemas.values import fraction

if TYPE_CHECKING:
    from weft.schemas.reader import Reader

Handler = Callable[["Reader", Schema, dict[str, Any], Place, Resource], None]


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
    prefix: tuple[Conj, ...] = ()
    items: Conj = ANY
    ignore = reader.ignore
    if "prefixItems" in raw and "prefixItems" not in ignore and resource.draft >= 2020:
        prefix = reader.each(raw, "prefixItems", place, resource)
    first = raw.get("items", True) if "items" not in ignore else True
    if isinstance(first, list):
        at = Place(place, "items", place.depth)
        prefix = tuple(reader.conj(item, at, i, resource) for i, item in enumerate(first))
        if "additionalItems" in raw and "additionalItems" not in ignore:
            items = reader.conj(raw["additionalItems"], place, "additionalItems", resource)
    else:
        items = reader.conj(first, place, "items", resource)
    least, most = reader.count(raw, "minItems", place), reader.count(raw, "maxItems", place)
    contains: tuple[Contains, ...] = ()
    if "contains" in raw and "contains" not in ignore and resource.draft > 4:
        low, high = 1, None
        if resource.draft >= 2019:
            found = reader.count(raw, "minContains", place)
            low = 1 if found is None else found
            high = reader.count(raw, "maxContains", place)
        wanted = reader.conj(raw["contains"], place, "contains", resource)
        if low or high is not None:
            contains = (Contains(wanted, low, high),)
    unique = reader.get(raw, "uniqueItems", bool, place, "true or false")
    if "unevaluatedItems" in raw and "unevaluatedItems" not in ignore and resource.draft >= 2019:
        if _has_applicators(raw) or contains:
            if raw["unevaluatedItems"] not in (True, {}):
                raise refuse("unevaluatedItems", f"{place}/unevaluatedItems")
        elif "items" not in raw or (isinstance(first, list) and "additionalItems" not in raw):
            items = reader.conj(raw["unevaluatedItems"], place, "unevaluatedItems", resource)
    fact = Array(
        prefix, items, least or 0, most, contains, Place(place, "uniqueItems", place.depth) if unique else None
    )
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
    conj = reader.conj
    properties: dict[str, Conj] = {}
    declared = reader.get(raw, "properties", dict, place, "an object of schemas")
    if declared:
        at = Place(place, "properties", place.depth)
        for name, value in declared.items():
            properties[name] = conj(value, at, name, resource)
    found: list[tuple[str, Conj]] = []
    by_pattern = reader.get(raw, "patternProperties", dict, place, "an object of schemas")
    if by_pattern:
        at = Place(place, "patternProperties", place.depth)
        for pattern, value in by_pattern.items():
            strings.check_rule(Rule("pattern", pattern), f"{at}/{pattern}")
            found.append((pattern, conj(value, at, pattern, resource)))
    additional: Conj = ANY
    ignore = reader.ignore
    if "additionalProperties" in raw and "additionalProperties" not in ignore:
        additional = conj(raw["additionalProperties"], place, "additionalProperties", resource)
    if "unevaluatedProperties" in raw and "unevaluatedProperties" not in ignore and resource.draft >= 2019:
        if _has_applicators(raw):
            if raw["unevaluatedProperties"] not in (True, {}) and "additionalProperties" not in raw:
                raise refuse("unevaluatedProperties", f"{place}/unevaluatedProperties")
        elif "additionalProperties" not in raw:
            additional = conj(raw["unevaluatedProperties"], place, "unevaluatedProperties", resource)
    required = reader.get(raw, "required", list, place, "a list of property names") or ()
    for name in required:
        if not isinstance(name, str):
            raise SchemaError(f"'required' holds {name!r}", where=f"at {place}/required", expected="property names")
    names: Conj = ANY
    if "propertyNames" in raw and "propertyNames" not in ignore:
        names = conj(raw["propertyNames"], place, "propertyNames", resource)
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
    inner = reader.conj(raw["not"], place, "not", resource)
    node.parts = (*node.parts, *reader.combiner.negated(inner))


def _if(reader: Reader, node: Schema, raw: dict[str, Any], place: Place, resource: Resource) -> None:
    if resource.draft < 7:
        return

    def get(key: str) -> Conj:
        return reader.conj(raw[key], place, key, resource) if key in raw and key not in reader.ignore else ANY

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
                inner = reader.conj(needs, at, name, resource)
                if not inner:
                    continue
                having = meet((has,), inner)
            node.choices = (*node.choices, tuple(way for way in ((without,), having) if way != NEVER))


def _ref(reader: Reader, node: Schema, raw: dict[str, Any], place: Place, resource: Resource) -> None:
    ref = reader.get(raw, "$ref", str, place, "a reference")
    if ref is not None:
        node.parts = (*node.parts, *reader.target(ref, place, resource))


def _refused(keyword: str) -> Handler:
    def handler(reader: Reader, node: Schema, raw: dict[str, Any], place: Place, resource: Resource) -> None:
        raise refuse(keyword, f"{place}/{keyword}")

    return handler


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
