"""Single values: their types, their equality, and whether one satisfies a Conj.

enum and const are tested against the rest of a schema here, instead of being combined with it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from weft.schemas import numbers, strings
from weft.schemas.formats import EXACT
from weft.schemas.schema import (
    ARRAY,
    FALSE,
    FRACTION,
    INTEGER,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    TRUE,
    Array,
    Conj,
    Keys,
    Object,
    Rule,
)

if TYPE_CHECKING:
    from weft.schemas.combine import Combiner


def fraction(value: int | float) -> Fraction:
    """The decimal that the JSON text says, not its binary neighbour."""
    return Fraction(value) if isinstance(value, int) else Fraction(repr(value))


def type_of(value: Any) -> int:
    if isinstance(value, str):
        return STRING
    if value is None:
        return NULL
    if value is True:
        return TRUE
    if value is False:
        return FALSE
    if isinstance(value, int):
        return INTEGER
    if isinstance(value, float):
        return INTEGER if value.is_integer() else FRACTION
    return ARRAY if isinstance(value, list) else OBJECT


def equal(a: Any, b: Any) -> bool:
    """Equality of JSON values: 1 is 1.0 and true is not 1."""
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(equal(v, b[k]) for k, v in a.items())
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    return bool(a == b) and not isinstance(b, (list, dict))


def is_exact(rule: Rule) -> bool:
    """False for a format of which we know a part only: a string outside may still have the format.

    So nothing is said to lack such a format, which leaves out some valid texts and lets no invalid one in.
    """
    return rule.kind != "format" or rule.source in EXACT


class Judge:
    """Whether single values satisfy the nodes of a Combiner."""

    def __init__(self, combiner: Combiner):
        self.combiner = combiner
        self._scalars: dict[int, tuple[tuple[Any, ...], frozenset[tuple[Any, bool]]]] = {}
        self._upper = False  # under a negation: whether a value may satisfy, not whether it surely does

    def holds(self, conj: Conj, value: Any) -> bool:
        """Whether one value satisfies the Conj."""
        for literal in conj:
            if literal >= 0:
                if not self._holds(literal, value):
                    return False
                continue
            self._upper = not self._upper
            refuted = self._holds(~literal, value)
            self._upper = not self._upper
            if refuted:
                return False
        return True

    def _holds(self, number: int, value: Any) -> bool:
        self.combiner.check_progress(number)
        node = self.combiner.get(number)
        kind = type_of(value)
        if not node.types & kind:
            return False
        if node.values is not None and not self._among(value, node.values):
            return False
        if not self.holds(node.parts, value):
            return False
        if not all(any(self.holds(way, value) for way in group) for group in node.choices):
            return False
        for group in node.exactly:
            count = sum(self.holds(way, value) for way in group)
            self._upper = not self._upper
            other = sum(self.holds(way, value) for way in group)
            self._upper = not self._upper
            low, high = min(count, other), max(count, other)
            if not (low <= 1 <= high if self._upper else low == high == 1):
                return False
        if kind & NUMBER:
            return node.number is None or numbers.admits(node.number, fraction(value))
        if kind == STRING:
            text = node.string
            if text is not None and self._upper:
                text = text._replace(matches=tuple(filter(is_exact, text.matches)))
            return text is None or strings.admits(text, value)
        if kind == ARRAY:
            return node.array is None or self._array_holds(node.array, value)
        return kind != OBJECT or node.object is None or self._object_holds(node.object, value)

    def _among(self, value: Any, values: tuple[Any, ...]) -> bool:
        if isinstance(value, (list, dict)):
            return any(equal(value, allowed) for allowed in values)
        found = self._scalars.get(id(values))
        if found is None:
            scalars = frozenset((v, isinstance(v, bool)) for v in values if not isinstance(v, (list, dict)))
            found = self._scalars[id(values)] = (values, scalars)  # the tuple is kept so that its id stays its own
        return (value, isinstance(value, bool)) in found[1]

    def _array_holds(self, fact: Array, value: list[Any]) -> bool:
        if len(value) < fact.min or (fact.max is not None and len(value) > fact.max):
            return False
        size = len(fact.prefix)
        if not all(self.holds(fact.prefix[i] if i < size else fact.items, item) for i, item in enumerate(value)):
            return False
        for some in fact.contains:
            count = sum(self.holds(some.item, item) for item in value[some.start :])
            if count < some.min or (some.max is not None and count > some.max):
                return False
        return not fact.unique or not any(equal(a, b) for i, a in enumerate(value) for b in value[i + 1 :])

    def _object_holds(self, fact: Object, value: dict[str, Any]) -> bool:
        if len(value) < fact.min or (fact.max is not None and len(value) > fact.max):
            return False
        if any(name not in value for name in fact.required):
            return False
        if not all(self.holds(self.combiner.property_of((fact,), name), item) for name, item in value.items()):
            return False
        return all(
            any(self.key_among(some.keys, name) and self.holds(some.value, item) for name, item in value.items())
            for some in fact.some
        )

    def key_among(self, keys: Keys, name: str) -> bool:
        return (
            all(strings.follows(rule, name) for rule in keys.matches)
            and not any(strings.follows(rule, name) for rule in keys.avoids)
            and self.holds(keys.name, name)
        )
