"""allOf, anyOf, oneOf, not, enum and const on Schema trees: a Conj -> a union of shapes, one JSON type each.

    {"anyOf": [{"type": "string"}, {"minimum": 3}], "not": {"type": "null"}}
    ->  strings (any)  |  true false  numbers (>= 3)  strings (any)  arrays  objects

Every keyword has a complement among shapes, so `not`, `oneOf` and `if` need no special case:
* not (A and B) is (not A) or (not B); not (minimum 5) is "a number, below 5";
* one of A, B is (A, not B) or (B, not A), where "not B" is left out if A and B have nothing in common;
* enum and const are single values; they are tested against the rest instead of being combined with it.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Any

from weft.errors import SchemaError
from weft.schemas import numbers, strings
from weft.schemas.formats import EXACT
from weft.schemas.schema import (
    ANY,
    ARRAY,
    BOOLEAN,
    EVERY,
    FALSE,
    FRACTION,
    INTEGER,
    NEVER,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    TRUE,
    Array,
    Conj,
    Contains,
    Keys,
    Limits,
    Number,
    Object,
    Rule,
    Schema,
    Shapes,
    Some,
    String,
    meet,
    refuse,
)

_MAX_NESTED_CHECK = 3  # levels of required properties that are searched for a contradiction


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


class Facts:
    """What one branch of a Conj has gathered."""

    __slots__ = ("arrays", "groups", "literals", "numbers", "objects", "strings", "types", "values")

    def __init__(self) -> None:
        self.types = EVERY
        self.literals: set[int] = set()
        self.numbers: list[Number] = []
        self.strings: list[String] = []
        self.arrays: list[Array] = []
        self.objects: list[Object] = []
        self.groups: list[tuple[Conj, ...]] = []
        self.values: tuple[Any, ...] | None = None

    def copy(self) -> Facts:
        new = Facts()
        new.types, new.literals, new.values = self.types, set(self.literals), self.values
        new.numbers, new.strings, new.arrays = self.numbers[:], self.strings[:], self.arrays[:]
        new.objects, new.groups = self.objects[:], self.groups[:]
        return new


@lru_cache(maxsize=256)
def _of_types(types: int) -> Shapes:
    """Everything of these types."""
    return Shapes(
        types & (NULL | BOOLEAN),
        (),
        ((types & NUMBER, Number()),) if types & NUMBER else (),
        (String(),) if types & STRING else (),
        (Array(),) if types & ARRAY else (),
        ((),) if types & OBJECT else (),
    )


class Combiner:
    """The numbered nodes of one schema, and their unions of shapes, each made once.

    Args:
        read: makes the node of a number that is not read yet.
    """

    def __init__(self, read: Callable[[int], Schema], limits: Limits):
        self.nodes: list[Schema | None] = [Schema(0)]
        self.read, self.limits = read, limits
        self._shapes: dict[Conj, Shapes] = {}
        self._not: dict[int, tuple[Conj, ...]] = {}
        self._sound: set[int] = set()
        self._scalars: dict[int, tuple[tuple[Any, ...], frozenset[tuple[Any, bool]]]] = {}
        self._upper = False  # under a negation: whether a value may satisfy, not whether it surely does
        self._disjoint: dict[tuple[Conj, Conj], bool] = {}

    def get(self, number: int) -> Schema:
        node = self.nodes[number]
        return node if node is not None else self.read(number)

    def add(self, node: Schema) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def negated(self, conj: Conj) -> Conj:
        """A Conj that holds where this one does not."""
        if not conj:
            return NEVER
        if len(conj) == 1:
            return ANY if conj[0] == 0 else (~conj[0],)
        return (~self.add(Schema(parts=conj)),)

    # --- union of shapes ------------------------------------------------------------------------------------------

    def shapes(self, conj: Conj) -> Shapes:
        """The union of shapes that the Conj allows."""
        found = self._shapes.get(conj)
        if found is None:
            found = self._shapes[conj] = self._make(conj)
        return found

    def _make(self, conj: Conj) -> Shapes:
        if len(conj) == 1 and conj[0] > 0:
            node = self.nodes[conj[0]] or self.read(conj[0])
            if not (node.parts or node.choices or node.exactly):
                self._sound.add(conj[0])
                return self._of_node(node, conj)
        for literal in conj:
            self._check_progress(literal if literal >= 0 else ~literal)
        facts = Facts()
        if not self._gather(facts, conj):
            return Shapes()
        if facts.values is not None:
            return self._of_values(conj, facts.values)
        leaves: list[Facts] = []
        self._branches(facts, leaves)
        return self._join(leaves)

    def _of_node(self, node: Schema, conj: Conj) -> Shapes:
        """The usual case: one subschema, nothing to combine."""
        if node.values is not None:
            return self._of_values(conj, node.values)
        number, text, array, fact = node.number, node.string, node.array, node.object
        types = node.types
        if not (number or text or array or fact):
            return _of_types(types)
        kind = types & NUMBER
        return Shapes(
            types & (NULL | BOOLEAN),
            (),
            () if not kind or (number and numbers.is_empty(kind, number)) else ((kind, number or Number()),),
            () if not types & STRING or (text and strings.merge([text]) is None) else (text or String(),),
            () if not types & ARRAY else tuple(filter(None, (self._merge_arrays([array or Array()]),))),
            () if not types & OBJECT else ((fact,) if fact else (),),
        )

    def _of_values(self, conj: Conj, values: tuple[Any, ...]) -> Shapes:
        constants, kept = 0, []
        for value in values:
            if self.holds(conj, value):
                if value is None or isinstance(value, bool):
                    constants |= type_of(value)
                else:
                    kept.append(value)
        return Shapes(constants, tuple(kept))

    def _gather(self, facts: Facts, conj: Conj) -> bool:
        """Add what holds in every branch; False if nothing is left."""
        pending = list(conj)
        while pending:
            literal = pending.pop(0)
            if literal in facts.literals:
                continue
            if ~literal in facts.literals or literal == 0:
                return False
            facts.literals.add(literal)
            if literal < 0:
                ways = self.negation(~literal)
                if len(ways) == 1:
                    pending.extend(ways[0])
                else:
                    facts.groups.append(ways)
                continue
            node = self.nodes[literal] or self.read(literal)
            facts.types &= node.types
            if not facts.types:
                return False
            if node.number:
                facts.numbers.append(node.number)
            if node.string:
                facts.strings.append(node.string)
            if node.array:
                facts.arrays.append(node.array)
            if node.object:
                facts.objects.append(node.object)
            if node.values is not None and (facts.values is None or len(node.values) < len(facts.values)):
                facts.values = node.values
            if node.parts:
                pending[:0] = node.parts
            facts.groups.extend(node.choices)
            for group in node.exactly:
                facts.groups.append(self._exactly(group))
        return True

    def _branches(self, facts: Facts, leaves: list[Facts]) -> None:
        """Multiply out the groups, depth first, leaving out what contradicts itself."""
        stack = [facts]
        while stack:
            here = stack.pop()
            while here.groups:
                group = here.groups.pop(0)
                if any(here.literals.issuperset(way) for way in group):
                    continue
                new = []
                for way in group:
                    if len(way) == 1 and ~way[0] in here.literals:
                        continue
                    branch = here.copy()
                    if self._gather(branch, way) and (
                        branch.types & ~(NUMBER | STRING | ARRAY | OBJECT) or self._possible(branch)
                    ):
                        new.append(branch)
                if len(new) == 1:
                    here = new[0]
                    continue
                stack.extend(reversed(new))
                break
            else:
                leaves.append(here)
            if len(stack) + len(leaves) > self.limits.alternatives:
                raise SchemaError(
                    f"more than {self.limits.alternatives} combinations of anyOf, oneOf, not or if at one place",
                    expected="alternatives that exclude each other, for instance by type or by a required constant",
                    hint="Limits(alternatives=...)",
                )

    def _possible(self, facts: Facts) -> bool:
        """False if no type can be right any more: a cheap look, to keep products small."""
        types = facts.types
        if types & STRING and not (facts.strings and strings.merge(facts.strings) is None):
            return True
        if types & ARRAY:
            return True
        if types & OBJECT and not self._clash(tuple(facts.objects), 0):
            return True
        if types & NUMBER:
            shape = numbers.merge(facts.numbers) if facts.numbers else Number()
            return not numbers.is_empty(types & NUMBER, shape)
        return False

    def _join(self, leaves: list[Facts]) -> Shapes:
        constants = 0
        values: list[Any] = []
        number_shapes: dict[tuple[int, Number], None] = {}
        string_shapes: dict[String, None] = {}
        array_shapes: list[Array] = []
        object_shapes: list[tuple[Object, ...]] = []
        for facts in leaves:
            types = facts.types
            if facts.values is not None:
                found = self._of_values(tuple(sorted(facts.literals)), facts.values)
                constants |= found.constants
                values += [value for value in found.values if not any(equal(value, old) for old in values)]
                continue
            constants |= types & (NULL | BOOLEAN)
            if types & NUMBER:
                number = numbers.merge(facts.numbers) if facts.numbers else Number()
                if not numbers.is_empty(types & NUMBER, number):
                    number_shapes[types & NUMBER, number] = None
            if types & STRING:
                string = strings.merge(facts.strings) if facts.strings else String()
                if string is not None:
                    string_shapes[string] = None
            if types & ARRAY:
                array = self._merge_arrays(facts.arrays) if facts.arrays else Array()
                if array is not None and array not in array_shapes:
                    array_shapes.append(array)
            if types & OBJECT:
                objects = tuple(facts.objects)
                if len(objects) > 1 and self._clash(objects, 0):
                    continue
                if objects not in object_shapes:
                    object_shapes.append(objects)
        if () in object_shapes:
            object_shapes = [()]
        if Array() in array_shapes:
            array_shapes = [Array()]
        return Shapes(
            constants,
            tuple(values),
            tuple(number_shapes),
            tuple(string_shapes),
            tuple(array_shapes),
            tuple(object_shapes),
        )

    def _check_progress(self, number: int) -> None:
        """Refuse a schema that applies to its own value again: {"$ref": "#"}."""
        if number in self._sound:
            return
        path: dict[int, list[int]] = {}
        stack = [number]
        while stack:
            here = stack[-1]
            if here not in path:
                node = self.get(here)
                nested = list(node.parts)
                for group in (*node.choices, *node.exactly):
                    for way in group:
                        nested.extend(way)
                path[here] = [literal if literal >= 0 else ~literal for literal in nested]
            if path[here]:
                child = path[here].pop()
                if child in path and child in stack:
                    raise SchemaError(
                        "a reference leads back to itself without going into a property or an item",
                        where=f"at {self.get(child).pointer}",
                        expected="a schema that says something about the value before it refers to itself",
                    )
                if child not in self._sound and child not in path:
                    stack.append(child)
            else:
                self._sound.add(here)
                stack.pop()

    # --- complement -----------------------------------------------------------------------------------------------

    def negation(self, number: int) -> tuple[Conj, ...]:
        """The ways in which node `number` can fail to hold."""
        found = self._not.get(number)
        if found is None:
            found = self._not[number] = tuple(self._negate(self.get(number)))
        return found

    def _negate(self, node: Schema) -> list[Conj]:
        ways: list[Conj] = []

        def fail(types: int, **facts: Any) -> None:
            ways.append((self.add(Schema(types, pointer=node.pointer, **facts)),))

        if node.types != EVERY:
            if EVERY & ~node.types:
                fail(EVERY & ~node.types)
        if node.values is not None:
            ways.append(self._other_than(node.values, node.pointer))
        if fact := node.number:
            if fact.low is not None:
                fail(NUMBER, number=Number(high=fact.low, high_open=not fact.low_open))
            if fact.high is not None:
                fail(NUMBER, number=Number(low=fact.high, low_open=not fact.high_open))
            for step in fact.multiples:
                fail(NUMBER, number=Number(non_multiples=(step,)))
            for step in fact.non_multiples:
                fail(NUMBER, number=Number(multiples=(step,)))
        if text := node.string:
            if text.min > 0:
                fail(STRING, string=String(max=text.min - 1))
            if text.max is not None:
                fail(STRING, string=String(min=text.max + 1))
            for rule in text.matches:
                if self._is_exact(rule):
                    fail(STRING, string=String(avoids=(rule,)))
            for rule in text.avoids:
                fail(STRING, string=String(matches=(rule,)))
        if node.array:
            self._negate_array(node.array, fail)
        if node.object:
            self._negate_object(node.object, node.pointer, fail)
        for literal in node.parts:
            ways.append(NEVER if ~literal == 0 else () if literal == 0 else (~literal,))
        for group in node.choices:
            ways.append(meet(*map(self.negated, group)))
        for group in node.exactly:
            ways.append(meet(*map(self.negated, group)))
            for i, first in enumerate(group):
                for second in group[i + 1 :]:
                    if not self.disjoint(first, second):
                        ways.append(meet(first, second))
        return [way for way in dict.fromkeys(ways) if 0 not in way]

    def _other_than(self, values: tuple[Any, ...], pointer: str) -> Conj:
        """A Conj of everything but these values."""
        types, texts, literals = EVERY, [], []
        choices: list[tuple[Conj, ...]] = []
        for value in values:
            kind = type_of(value)
            if kind & (NULL | BOOLEAN):
                types &= ~kind
            elif kind == STRING:
                texts.append(value)
            elif kind & NUMBER:
                at = fraction(value)
                below = self.add(Schema(NUMBER, number=Number(high=at, high_open=True)))
                above = self.add(Schema(NUMBER, number=Number(low=at, low_open=True)))
                other = self.add(Schema(EVERY & ~NUMBER))
                choices.append(((below,), (above,), (other,)))
            else:
                literals.append(~self.constant(value))
        string = String(avoids=(Rule("values", tuple(texts)),)) if texts else None
        base = self.add(Schema(types, string=string, choices=tuple(choices), pointer=pointer))
        return tuple(sorted([base, *literals]))

    def constant(self, value: Any) -> int:
        """A node without `values` that allows only this value."""
        kind = type_of(value)
        if kind & (NULL | BOOLEAN):
            return self.add(Schema(kind))
        if kind == STRING:
            return self.add(Schema(STRING, string=String(matches=(Rule("values", (value,)),))))
        if kind & NUMBER:
            return self.add(Schema(kind, number=Number(low=fraction(value), high=fraction(value))))
        if kind == ARRAY:
            prefix = tuple((self.constant(item),) for item in value)
            return self.add(Schema(ARRAY, array=Array(prefix, NEVER, len(value), len(value))))
        properties: dict[str, Conj] = {name: (self.constant(item),) for name, item in value.items()}
        return self.add(Schema(OBJECT, object=Object(properties, additional=NEVER, required=tuple(value))))

    def _negate_array(self, fact: Array, fail: Callable[..., None]) -> None:
        if fact.unique:
            raise refuse("uniqueItems", fact.unique, "cannot be negated by a context-free grammar")
        if fact.min:
            fail(ARRAY, array=Array(max=fact.min - 1))
        if fact.max is not None:
            fail(ARRAY, array=Array(min=fact.max + 1))
        for i, item in enumerate(fact.prefix):
            if item:
                fail(ARRAY, array=Array(prefix=(ANY,) * i + (self.negated(item),), min=i + 1))
        if fact.items:
            fail(ARRAY, array=Array(contains=(Contains(self.negated(fact.items), start=len(fact.prefix)),)))
        for some in fact.contains:
            if some.min:
                fail(ARRAY, array=Array(contains=(some._replace(min=0, max=some.min - 1),)))
            if some.max is not None:
                fail(ARRAY, array=Array(contains=(some._replace(min=some.max + 1, max=None),)))

    def _negate_object(self, fact: Object, pointer: str, fail: Callable[..., None]) -> None:
        for name in fact.required:
            fail(OBJECT, object=Object({name: NEVER}))
        for name, value in fact.properties.items():
            if value:
                fail(OBJECT, object=Object({name: self.negated(value)}, required=(name,)))
        rules = tuple(Rule("pattern", pattern) for pattern, _ in fact.patterns)
        for rule, (_, value) in zip(rules, fact.patterns, strict=True):
            if value:
                fail(OBJECT, object=Object(some=(Some(Keys(matches=(rule,)), self.negated(value)),)))
        if fact.additional:
            avoids = (*rules, Rule("values", tuple(fact.properties))) if fact.properties else rules
            fail(OBJECT, object=Object(some=(Some(Keys(avoids=avoids), self.negated(fact.additional)),)))
        if fact.names:
            fail(OBJECT, object=Object(some=(Some(Keys(name=self.negated(fact.names)), ANY),)))
        if fact.min:
            fail(OBJECT, object=Object(max=fact.min - 1))
        if fact.max is not None:
            fail(OBJECT, object=Object(min=fact.max + 1))
        if fact.some:
            raise refuse("not", pointer, "around this schema cannot be combined")

    @staticmethod
    def _is_exact(rule: Rule) -> bool:
        """False for a format of which we know a part only: a string outside may still have the format.

        So nothing is said to lack such a format, which leaves out some valid texts and lets no invalid one in.
        """
        return rule.kind != "format" or rule.source in EXACT

    # --- oneOf ----------------------------------------------------------------------------------------------------

    def _exactly(self, group: tuple[Conj, ...]) -> tuple[Conj, ...]:
        """One of these and none of the others, as alternatives."""
        ways = []
        for i, way in enumerate(group):
            others = [self.negated(other) for j, other in enumerate(group) if j != i and not self.disjoint(way, other)]
            ways.append(meet(way, *others) if others else way)
        return tuple(ways)

    def disjoint(self, a: Conj, b: Conj) -> bool:
        """Surely nothing satisfies both. False is no claim."""
        if a == b:
            return False
        key = (a, b) if a < b else (b, a)
        found = self._disjoint.get(key)
        if found is None:
            found = self._disjoint[key] = self._are_disjoint(a, b)
        return found

    def _are_disjoint(self, a: Conj, b: Conj) -> bool:
        first, second = self.types(a), self.types(b)
        if not first & second:
            return True
        return self.shapes(meet(a, b)).is_empty

    def types(self, conj: Conj) -> int:
        """The type bits that the Conj leaves possible at first sight."""
        found = self.shapes(conj)
        types = found.constants
        for value in found.values:
            types |= type_of(value)
        for kind, _ in found.numbers:
            types |= kind
        return (
            types | (STRING if found.strings else 0) | (ARRAY if found.arrays else 0) | (OBJECT if found.objects else 0)
        )

    def _clash(self, objects: tuple[Object, ...], depth: int) -> bool:
        """Whether a required property of the merged object surely has no value."""
        if depth > _MAX_NESTED_CHECK or len(objects) < 2:
            return False
        checked = set()
        for fact in objects:
            for name in fact.required:
                if name in checked:
                    continue
                checked.add(name)
                value = self.property_of(objects, name)
                if 0 in value:
                    return True
                if len(value) > 1 and self._is_empty(value, depth + 1):
                    return True
        least = max(fact.min for fact in objects)
        return any(fact.max is not None and fact.max < max(least, len(checked)) for fact in objects)

    def _is_empty(self, conj: Conj, depth: int) -> bool:
        found = self._shapes.get(conj)
        if found is not None:
            return found.is_empty
        if depth > _MAX_NESTED_CHECK:
            return False
        values = None
        for literal in conj:
            if literal >= 0 and (node := self.get(literal)).values is not None:
                values = node.values
        if values is not None:
            return not any(self.holds(conj, value) for value in values)
        try:
            return self.shapes(conj).is_empty
        except RecursionError:
            return False

    def property_of(self, objects: tuple[Object, ...], name: str) -> Conj:
        """What all these facts together ask of the value of one name."""
        conjs = []
        for fact in objects:
            value = fact.properties.get(name)
            if value is not None:
                conjs.append(value)
            matched = value is not None
            for pattern, item in fact.patterns:
                if strings.follows(Rule("pattern", pattern), name):
                    matched = True
                    conjs.append(item)
            if not matched:
                conjs.append(fact.additional)
            if fact.names and not self.holds(fact.names, name):
                return NEVER
        if len(conjs) == 1:
            return conjs[0]
        return meet(*conjs)

    # --- arrays ---------------------------------------------------------------------------------------------------

    def _merge_arrays(self, facts: list[Array]) -> Array | None:
        if len(facts) == 1:
            shape = facts[0]
        else:
            size = max(len(fact.prefix) for fact in facts)
            prefix = tuple(
                meet(*(fact.prefix[i] if i < len(fact.prefix) else fact.items for fact in facts)) for i in range(size)
            )
            highs = [fact.max for fact in facts if fact.max is not None]
            shape = Array(
                prefix,
                meet(*(fact.items for fact in facts)),
                max(fact.min for fact in facts),
                min(highs) if highs else None,
                tuple(dict.fromkeys(some for fact in facts for some in fact.contains)),
                next((fact.unique for fact in facts if fact.unique), ""),
            )
        most = shape.max
        for i, item in enumerate(shape.prefix):
            if 0 in item and (most is None or most > i):
                most = i
        if 0 in shape.items and (most is None or most > len(shape.prefix)):
            most = len(shape.prefix)
        if most is not None:
            if most < shape.min:
                return None
            shape = shape._replace(
                prefix=shape.prefix[:most], items=NEVER if most <= len(shape.prefix) else shape.items, max=most
            )
        return shape

    # --- single values --------------------------------------------------------------------------------------------

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
        self._check_progress(number)
        node = self.get(number)
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
                text = text._replace(matches=tuple(filter(self._is_exact, text.matches)))
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
        if not all(self.holds(self.property_of((fact,), name), item) for name, item in value.items()):
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
