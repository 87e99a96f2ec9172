"""The Schema tree: the few shapes that every JSON Schema is lowered to.

A JSON Schema is read into numbered `Schema` nodes. A place in a value (the root, a property, an item) must satisfy a
`Conj`: a tuple of node numbers, where `i` says that node i holds and `~i` that it does not.

    {"allOf": [A, {"not": B}]}        ->  (a, ~b)
    true                              ->  ()
    false                             ->  (0,), node 0 allows nothing

`combine.py` turns a Conj into a union of shapes, one JSON type each: Number, String, Array, Object. What is nested in
a shape is again a Conj, so recursive schemas need nothing special: equal Conjs become the same nonterminal.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

from weft.errors import SchemaError

NULL, FALSE, TRUE, INTEGER, FRACTION, STRING, ARRAY, OBJECT = (1 << bit for bit in range(8))
BOOLEAN = FALSE | TRUE
NUMBER = INTEGER | FRACTION  # 1.0 is an INTEGER, 1.5 a FRACTION
EVERY = 255

TYPES = {
    "null": NULL,
    "boolean": BOOLEAN,
    "integer": INTEGER,
    "number": NUMBER,
    "string": STRING,
    "array": ARRAY,
    "object": OBJECT,
}

Conj = tuple[int, ...]
ANY: Conj = ()
NEVER: Conj = (0,)


class Number(NamedTuple):
    """Bounds and divisors. An open bound is excluded."""

    low: Fraction | None = None
    low_open: bool = False
    high: Fraction | None = None
    high_open: bool = False
    multiples: tuple[Fraction, ...] = ()
    non_multiples: tuple[Fraction, ...] = ()


class Rule(NamedTuple):
    """A regular set of strings; `kind` is "pattern" (ECMA-262, searched), "format" (a name) or "values" (strings)."""

    kind: str
    source: Any


class String(NamedTuple):
    """Length in code points, and the rules that must and must not match."""

    min: int = 0
    max: int | None = None
    matches: tuple[Rule, ...] = ()
    avoids: tuple[Rule, ...] = ()


class Contains(NamedTuple):
    """At least `min` and at most `max` of the items from index `start` on satisfy `item`."""

    item: Conj
    min: int = 1
    max: int | None = None
    start: int = 0


class Array(NamedTuple):
    prefix: tuple[Conj, ...] = ()
    items: Conj = ANY
    min: int = 0
    max: int | None = None
    contains: tuple[Contains, ...] = ()
    unique: object = None  # JSON pointer of the uniqueItems that asks for it


class Keys(NamedTuple):
    """Property names that match all and none of these rules and, as strings, satisfy `name`."""

    matches: tuple[Rule, ...] = ()
    avoids: tuple[Rule, ...] = ()
    name: Conj = ANY


class Some(NamedTuple):
    """At least one property has a name among `keys` and a value that satisfies `value`."""

    keys: Keys
    value: Conj


class Object(NamedTuple):
    properties: dict[str, Conj] = {}
    patterns: tuple[tuple[str, Conj], ...] = ()
    additional: Conj = ANY
    required: tuple[str, ...] = ()
    min: int = 0
    max: int | None = None
    names: Conj = ANY
    some: tuple[Some, ...] = ()


class Schema:
    """A conjunction: the types, the facts per type, the values, and what applies in place.

    `parts` all hold; of each group in `choices` at least one Conj holds; of each group in `exactly` exactly one.
    """

    __slots__ = ("array", "choices", "exactly", "number", "object", "parts", "pointer", "string", "types", "values")

    # Where it stands: printed in errors, and written out only then.
    pointer: object

    def __init__(
        self,
        types: int = EVERY,
        *,
        number: Number | None = None,
        string: String | None = None,
        array: Array | None = None,
        object: Object | None = None,
        values: tuple[Any, ...] | None = None,
        parts: Conj = (),
        choices: tuple[tuple[Conj, ...], ...] = (),
        exactly: tuple[tuple[Conj, ...], ...] = (),
        pointer: object = "#",
    ):
        self.types, self.number, self.string, self.array, self.object = types, number, string, array, object
        self.values, self.parts, self.choices, self.exactly, self.pointer = values, parts, choices, exactly, pointer

    @property
    def is_type(self) -> bool:
        """Whether it says nothing but types."""
        return (
            not (self.number or self.string or self.array or self.object or self.parts or self.choices or self.exactly)
            and self.values is None
        )

    def content(self) -> tuple[Any, ...]:
        """A key that is the same for nodes that say the same, wherever they stand."""
        array, fact = self.array, self.object
        if array is not None and array.unique is not None:
            array = array._replace(unique=True)
        return (
            self.types,
            self.number,
            self.string,
            array,
            None if fact is None else (tuple(fact.properties.items()), *fact[1:]),
            None if self.values is None else repr(self.values),  # 1, 1.0 and true are not the same
            self.parts,
            self.choices,
            self.exactly,
        )


class Shapes(NamedTuple):
    """What a Conj allows: constants by type bit (null, false, true), single values, and shapes per type."""

    constants: int = 0
    values: tuple[Any, ...] = ()
    numbers: tuple[tuple[int, Number], ...] = ()  # with INTEGER, FRACTION or both
    strings: tuple[String, ...] = ()
    arrays: tuple[Array, ...] = ()
    objects: tuple[tuple[Object, ...], ...] = ()  # each a conjunction, not merged yet

    @property
    def is_empty(self) -> bool:
        return not any(self)

    @property
    def single_values(self) -> tuple[Any, ...] | None:
        """All values, null, false and true first, if they are finitely many; else None."""
        if self.numbers or self.strings or self.arrays or self.objects:
            return None
        constants = ((NULL, None), (TRUE, True), (FALSE, False))
        return (*(value for bit, value in constants if self.constants & bit), *self.values)


class Limits(NamedTuple):
    """Sizes at which a schema is refused instead of read further."""

    depth: int = 400  # nesting of the schema document
    schemas: int = 200_000  # subschemas read
    alternatives: int = 600  # combinations of anyOf, oneOf, not, if at one place
    patterns: int = 6  # overlapping patternProperties of one object
    states: int = 20_000  # states of a counted object, array or number
    productions: int = 60_000


def meet(*conjs: Conj) -> Conj:
    """All of these at once."""
    literals = {literal for conj in conjs for literal in conj}
    if 0 in literals:
        return NEVER
    for literal in literals:
        if ~literal in literals:
            return NEVER
    return tuple(sorted(literals))


def refuse(keyword: str, pointer: object, why: str = "", hint: str = "") -> SchemaError:
    """The error for a keyword whose meaning could not be kept."""
    return SchemaError(
        f"'{keyword}' {why or 'is not supported yet'}",
        where=f"at {pointer}",
        expected='a keyword from the supported list (README, "JSON Schema")',
        hint=hint or f'from_json_schema(..., ignore=["{keyword}"]), then validate the result',
    )
