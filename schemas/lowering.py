"""Lowering: the shapes of a place -> a production for each. Work waits in a queue, so nesting costs no Python stack."""

from __future__ import annotations

from typing import Any

from weft.errors import SchemaError
from weft.grammar.grammar import Alt, Expression, Grammar, Literal, Ref, Seq
from weft.schemas import anything, arrays, numbers, objects, strings
from weft.schemas.combine import Combiner
from weft.schemas.productive import is_productive
from weft.schemas.schema import (
    BOOLEAN,
    FALSE,
    FRACTION,
    INTEGER,
    NULL,
    NUMBER,
    TRUE,
    Array,
    Conj,
    Limits,
    Number,
    Shapes,
    String,
)

_CONSTANTS = ((NULL, anything.NULL_TEXT), (TRUE, anything.TRUE_TEXT), (FALSE, anything.FALSE_TEXT))
_MAX_INLINE_VALUES = 4
_ANY_STRING = String()
_ANY_NUMBER = Number()
_ANY_ARRAYS, _ANY_OBJECTS = (Array(),), ((),)
_EVERYTHING = Shapes(NULL | BOOLEAN, (), ((NUMBER, _ANY_NUMBER),), (_ANY_STRING,), _ANY_ARRAYS, _ANY_OBJECTS)


class Lowering:
    """Shapes -> productions.

    PERF: what is not a literal is a production of its own. Written in place, an object of scalars would be one regular
    expression, and the core would build one automaton for all of it: 10 optional strings compile in 3.5 ms that way
    and in 0.4 ms this way.
    """

    def __init__(self, combiner: Combiner, whitespace: str, limits: Limits):
        self.combiner, self.limits = combiner, limits
        self.productions: dict[str, Expression] = {}
        self._anything = anything.anything(whitespace)
        self.space, self.comma, self.colon, _ = self._anything
        if whitespace:
            self.productions["space"] = self._anything.productions["space"]
        self.pointer: object = "#"
        self._values: dict[Conj, Expression] = {}
        self._queue: list[tuple[str, Conj]] = []
        self._scalars: dict[String | tuple[int, Number], Ref] = {}
        self._nested: set[Conj] = set()
        self._has_nothing = self._is_recursive = False

    def grammar(self, conj: Conj) -> Grammar:
        self.productions["root"] = Alt(())
        self.productions["root"] = self.value(conj)
        while self._queue:
            name, place = self._queue.pop()
            self.productions[name] = self._choice(place)
        if (self._has_nothing or self._is_recursive) and not is_productive(self.productions):
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

    def _shared(self, ref: Ref) -> Ref:
        """A scalar of which nothing is said."""
        self.productions[ref.name] = anything.SCALARS[ref.name]
        return ref

    def _any(self, ref: Ref) -> Ref:
        """Any value, array or object."""
        if "value" not in self.productions:
            self.productions.update(self._anything.productions)
        return ref

    def string(self, shape: String) -> Expression:
        if shape == _ANY_STRING:
            return self._shared(anything.STRING)
        found = self._scalars.get(shape)
        if found is None:
            found = self._scalars[shape] = self.production(strings.lower(shape))
        return found

    def number(self, kind: int, shape: Number) -> Expression:
        if shape == _ANY_NUMBER and kind != FRACTION:
            return self._shared(anything.INTEGER if kind == INTEGER else anything.NUMBER)
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
        """One expression per value, if they are finitely many."""
        values = shapes.single_values
        return None if values is None else [self._constant(value) for value in values]

    # --- values -----------------------------------------------------------------------------------------------------

    def value(self, conj: Conj) -> Expression:
        """The expression for one place; a production is made for what is nested."""
        found = self._values.get(conj)
        if found is not None:
            if conj in self._nested:
                self._is_recursive = True
            return found
        if not conj:
            found = self._any(anything.VALUE)
        else:
            shapes = self.combiner.shapes(conj)
            if shapes == _EVERYTHING:
                found = self._any(anything.VALUE)
            elif (shapes.arrays and shapes.arrays != _ANY_ARRAYS) or (
                shapes.objects and shapes.objects != _ANY_OBJECTS
            ):
                ref = self.reserve()
                self._queue.append((ref.name, conj))
                self._nested.add(conj)
                found = ref
            else:
                found = self._choice(conj)
                if len(shapes.values) > _MAX_INLINE_VALUES:
                    found = self.production(found)
        self._values[conj] = found
        return found

    def _choice(self, conj: Conj) -> Expression:
        shapes = self.combiner.shapes(conj)
        self.pointer = self.combiner.pointer(conj)
        options: list[Expression] = []
        constants = shapes.constants
        if constants:
            options += [literal for bit, literal in _CONSTANTS if constants & bit]
        for value in shapes.values:
            options.append(self._constant(value))
        for kind, number in shapes.numbers:
            options.append(self.number(kind, number))
        for string in shapes.strings:
            options.append(self.string(string))
        for array in shapes.arrays:
            options.append(self._any(anything.ARRAY) if array == _ANY_ARRAYS[0] else arrays.lower(self, array))
        for facts in shapes.objects:
            options.append(objects.lower(self, facts) if facts else self._any(anything.OBJECT))
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


def _scalar(value: Any) -> bytes:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e16:
        value = int(value)
    return strings.json_text(value).encode()
