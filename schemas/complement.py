"""not: every fact of a node has a complement among the same facts, so a negated node is a list of alternatives.

not {"type": "string", "minLength": 3}  ->  (no string), or (a string with at most 2 characters)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

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
    Contains,
    Keys,
    Number,
    Object,
    Rule,
    Schema,
    Some,
    String,
    meet,
    refuse,
)
from weft.schemas.values import fraction, is_exact, type_of

if TYPE_CHECKING:
    from weft.schemas.combine import Combiner


def negate(combiner: Combiner, node: Schema) -> list[Conj]:
    ways: list[Conj] = []

    def fail(types: int, **facts: Any) -> None:
        ways.append((combiner.add(Schema(types, pointer=node.pointer, **facts)),))

    if node.types != EVERY:
        if EVERY & ~node.types:
            fail(EVERY & ~node.types)
    if node.values is not None:
        ways.append(_other_than(combiner, node.values, node.pointer))
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
            if is_exact(rule):
                fail(STRING, string=String(avoids=(rule,)))
        for rule in text.avoids:
            fail(STRING, string=String(matches=(rule,)))
    if node.array:
        _negate_array(combiner, node.array, fail)
    if node.object:
        _negate_object(combiner, node.object, node.pointer, fail)
    for literal in node.parts:
        ways.append(NEVER if ~literal == 0 else () if literal == 0 else (~literal,))
    for group in node.choices:
        ways.append(meet(*map(combiner.negated, group)))
    for group in node.exactly:
        ways.append(meet(*map(combiner.negated, group)))
        for i, first in enumerate(group):
            for second in group[i + 1 :]:
                if not combiner.disjoint(first, second):
                    ways.append(meet(first, second))
    return [way for way in dict.fromkeys(ways) if 0 not in way]


def _other_than(combiner: Combiner, values: tuple[Any, ...], pointer: object) -> Conj:
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
            below = combiner.add(Schema(NUMBER, number=Number(high=at, high_open=True)))
            above = combiner.add(Schema(NUMBER, number=Number(low=at, low_open=True)))
            other = combiner.add(Schema(EVERY & ~NUMBER))
            choices.append(((below,), (above,), (other,)))
        else:
            literals.append(~constant(combiner, value))
    string = String(avoids=(Rule("values", tuple(texts)),)) if texts else None
    base = combiner.add(Schema(types, string=string, choices=tuple(choices), pointer=pointer))
    return tuple(sorted([base, *literals]))


def constant(combiner: Combiner, value: Any) -> int:
    """A node without `values` that allows only this value."""
    kind = type_of(value)
    if kind & (NULL | BOOLEAN):
        return combiner.add(Schema(kind))
    if kind == STRING:
        return combiner.add(Schema(STRING, string=String(matches=(Rule("values", (value,)),))))
    if kind & NUMBER:
        return combiner.add(Schema(kind, number=Number(low=fraction(value), high=fraction(value))))
    if kind == ARRAY:
        prefix = tuple((constant(combiner, item),) for item in value)
        return combiner.add(Schema(ARRAY, array=Array(prefix, NEVER, len(value), len(value))))
    properties: dict[str, Conj] = {name: (constant(combiner, item),) for name, item in value.items()}
    return combiner.add(Schema(OBJECT, object=Object(properties, additional=NEVER, required=tuple(value))))


def _negate_array(combiner: Combiner, fact: Array, fail: Callable[..., None]) -> None:
    if fact.unique:
        raise refuse("uniqueItems", fact.unique, "cannot be negated by a context-free grammar")
    if fact.min:
        fail(ARRAY, array=Array(max=fact.min - 1))
    if fact.max is not None:
        fail(ARRAY, array=Array(min=fact.max + 1))
    for i, item in enumerate(fact.prefix):
        if item:
            fail(ARRAY, array=Array(prefix=(ANY,) * i + (combiner.negated(item),), min=i + 1))
    if fact.items:
        fail(ARRAY, array=Array(contains=(Contains(combiner.negated(fact.items), start=len(fact.prefix)),)))
    for some in fact.contains:
        if some.min:
            fail(ARRAY, array=Array(contains=(some._replace(min=0, max=some.min - 1),)))
        if some.max is not None:
            fail(ARRAY, array=Array(contains=(some._replace(min=some.max + 1, max=None),)))


def _negate_object(combiner: Combiner, fact: Object, pointer: object, fail: Callable[..., None]) -> None:
    for name in fact.required:
        fail(OBJECT, object=Object({name: NEVER}))
    for name, value in fact.properties.items():
        if value:
            fail(OBJECT, object=Object({name: combiner.negated(value)}, required=(name,)))
    rules = tuple(Rule("pattern", pattern) for pattern, _ in fact.patterns)
    for rule, (_, value) in zip(rules, fact.patterns, strict=True):
        if value:
            fail(OBJECT, object=Object(some=(Some(Keys(matches=(rule,)), combiner.negated(value)),)))
    if fact.additional:
        avoids = (*rules, Rule("values", tuple(fact.properties))) if fact.properties else rules
        fail(OBJECT, object=Object(some=(Some(Keys(avoids=avoids), combiner.negated(fact.additional)),)))
    if fact.names:
        fail(OBJECT, object=Object(some=(Some(Keys(name=combiner.negated(fact.names)), ANY),)))
    if fact.min:
        fail(OBJECT, object=Object(max=fact.min - 1))
    if fact.max is not None:
        fail(OBJECT, object=Object(min=fact.max + 1))
    if fact.some:
        raise refuse("not", pointer, "around this schema cannot be combined")
