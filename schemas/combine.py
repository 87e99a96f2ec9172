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
from functools import lru_cache
from typing import Any

from weft.errors import SchemaError
from weft.schemas import numbers, strings
from weft.schemas.complement import negate
from weft.schemas.schema import (
    ANY,
    ARRAY,
    BOOLEAN,
    EVERY,
    NEVER,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    Array,
    Conj,
    Limits,
    Number,
    Object,
    Rule,
    Schema,
    Shapes,
    String,
    meet,
)
from weft.schemas.values import Judge, equal, type_of

_NO_OTHERS, _NO_COUNTS = Object()[1:3], Object()[4:]  # an object of which only properties are said
_MAX_NESTED_CHECK = 3  # levels of properties and items that are searched for a contradiction


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


def _split(values: tuple[Any, ...], types: int) -> Shapes:
    """The values that have one of these types."""
    constants, kept = 0, []
    for value in values:
        kind = type_of(value)
        if kind & types:
            if kind & (NULL | BOOLEAN):
                constants |= kind
            else:
                kept.append(value)
    return Shapes(constants, tuple(kept))


class Combiner:
    """The numbered nodes of one schema, and their unions of shapes, each made once.

    Args:
        read: makes the node of a number that is not read yet.
    """

    def __init__(self, read: Callable[[int], Schema], limits: Limits):
        self.nodes: list[Schema | None] = [Schema(0)]
        self.read, self.limits = read, limits
        self.judge = Judge(self)
        self._numbers: dict[tuple[Any, ...], int] = {}  # by content
        self._shapes: dict[Conj, Shapes] = {}
        self._not: dict[int, tuple[Conj, ...]] = {}
        self._sound: set[int] = set()
        self._entailing = 0  # levels of items and properties that are being compared
        self._disjoint: dict[tuple[Conj, Conj], bool] = {}

    def get(self, number: int) -> Schema:
        node = self.nodes[number]
        return node if node is not None else self.read(number)

    def reserve(self) -> int:
        """The number of a node that is added or read later."""
        self.nodes.append(None)
        return len(self.nodes) - 1

    def add(self, node: Schema, number: int = 0) -> int:
        """The number of the node, one for all that say the same; or `number`, which was reserved for it."""
        if number:
            self.nodes[number] = node
            self._numbers.setdefault(node.content(), number)
            return number
        number = self._numbers.setdefault(node.content(), len(self.nodes))
        if number == len(self.nodes):
            self.nodes.append(node)
        return number

    def forget(self) -> None:
        """Free the nodes now: they refer to each other in circles, which only the garbage collector would find."""
        self.__dict__.clear()

    def pointer(self, conj: Conj) -> object:
        """Where the subschema stands that was read first."""
        number = conj[0] if len(conj) == 1 else min((literal for literal in conj if literal > 0), default=0)
        return self.get(max(number, 0)).pointer

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
            self.check_progress(literal if literal >= 0 else ~literal)
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
        number, text, array, fact = node.number, node.string, node.array, node.object
        types = node.types
        is_plain = not (number or text or array or fact)
        if node.values is not None:
            return _split(node.values, types) if is_plain else self._of_values(conj, node.values)
        if is_plain:
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
        return _split(tuple(value for value in values if self.judge.holds(conj, value)), EVERY)

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
                if any(self._follows(here, way) for way in group):
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
                    where=f"at {self.pointer(tuple(facts.literals))}",
                    expected="alternatives that exclude each other, for instance by type or by a required constant",
                    hint="Limits(alternatives=...)",
                )

    def _follows(self, facts: Facts, way: Conj) -> bool:
        """Whether the facts surely imply this alternative: then it adds nothing, and the others need no look.

        required kind, kind is "a"    implies    not (kind is "b"),  required kind
        """
        for literal in way:
            if literal in facts.literals:
                continue
            if literal < 0:
                if not any(self._follows(facts, other) for other in self.negation(~literal)):
                    return False
                continue
            node = self.get(literal)
            types = facts.types
            if types & ~node.types or node.values is not None or node.parts or node.choices or node.exactly:
                return False
            if (types & NUMBER and node.number) or (types & STRING and node.string) or (types & ARRAY and node.array):
                return False
            fact = node.object
            if fact and types & OBJECT:
                if fact[1:3] != _NO_OTHERS or fact[4:] != _NO_COUNTS:
                    return False
                if not all(any(name in other.required for other in facts.objects) for name in fact.required):
                    return False
                objects = tuple(facts.objects)
                for name, value in fact.properties.items():
                    if not self._entails(self.property_of(objects, name) if objects else ANY, value):
                        return False
        return True

    def _entails(self, a: Conj, b: Conj) -> bool:
        """Whether surely every value that satisfies `a` satisfies `b`. False is no claim."""
        if a == NEVER or set(b) <= set(a):
            return True
        if self._entailing == _MAX_NESTED_CHECK:
            return False
        self._entailing += 1
        try:
            return self._entails_by_shape(a, b)
        finally:
            self._entailing -= 1

    def _entails_by_shape(self, a: Conj, b: Conj) -> bool:
        values = self.shapes(a).single_values
        if values is not None:
            return all(self.judge.holds(b, value) for value in values)
        return all(
            literal in a
            or (literal < 0 and self.disjoint(a, (~literal,)))
            or (literal > 0 and self.get(literal).is_type and not self.types(a) & ~self.get(literal).types)
            for literal in b
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

    def check_progress(self, number: int) -> None:
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

    # --- not, oneOf -----------------------------------------------------------------------------------------------

    def negation(self, number: int) -> tuple[Conj, ...]:
        """The ways in which node `number` can fail to hold."""
        found = self._not.get(number)
        if found is None:
            found = self._not[number] = tuple(negate(self, self.get(number)))
        return found

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
        common = self.types(a) & self.types(b)
        if common == OBJECT:
            mine, yours = self.shapes(a), self.shapes(b)
            if not mine.values and not yours.values:
                return all(self._clash(facts + others, 0) for facts in mine.objects for others in yours.objects)
        return not common or self.shapes(meet(a, b)).is_empty

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
        checked: set[str] = set()
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
            return not any(self.judge.holds(conj, value) for value in values)
        try:
            return self.shapes(conj).is_empty
        except RecursionError:
            return False

    def property_of(self, objects: tuple[Object, ...], name: str) -> Conj:
        """What all these facts together ask of the value of one name."""
        conjs: list[Conj] = []
        for fact in objects:
            value = fact.properties.get(name)
            is_matched = value is not None
            if value:
                conjs.append(value)
            for pattern, item in fact.patterns:
                if strings.follows(Rule("pattern", pattern), name):
                    is_matched = True
                    conjs.append(item)
            if not is_matched and fact.additional:
                conjs.append(fact.additional)
            if fact.names and not self.judge.holds(fact.names, name):
                return NEVER
        return meet(*conjs) if len(conjs) > 1 else conjs[0] if conjs else ANY

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
                next((fact.unique for fact in facts if fact.unique), None),
            )
        if shape.contains:
            counted = self._settled(shape)
            if counted is None:
                return None
            shape = counted
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

    def _settled(self, shape: Array) -> Array | None:
        """The array without those `contains` that all items satisfy, or none: they are bounds of its length."""
        low, high, kept = shape.min, shape.max, []
        for some in shape.contains:
            items = (*shape.prefix[some.start :], shape.items)
            if all(self._entails(item, some.item) for item in items):
                if some.min:
                    low = max(low, some.start + some.min)
                if some.max is not None:
                    high = some.start + some.max if high is None else min(high, some.start + some.max)
            elif all(item == NEVER or self.disjoint(item, some.item) for item in items):
                if some.min:
                    return None
            else:
                kept.append(some)
        return shape._replace(min=low, max=high, contains=tuple(kept))
