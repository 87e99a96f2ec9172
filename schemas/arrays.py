"""Arrays -> productions.

    items X, minItems 2          "[" ws  X ("," X){1,}  ws "]"
    prefixItems [A, B], items C  "[" ws  (A ("," B ("," C)*)?)?  ws "]"
    contains X                   states that count the items that satisfy X

uniqueItems is kept where it says nothing (at most one item, or places that exclude each other) and where the items
come from a short list of constants; else it is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.errors import SchemaError
from weft.grammar.grammar import Alt, Expression, Literal, Ref, Repeat, Seq
from weft.schemas.schema import Array, Conj, meet, refuse

if TYPE_CHECKING:
    from weft.schemas.lowering import Lowering

MAX_UNIQUE = 8  # constants of which each may stand once: 2 ** 8 states
MAX_INLINE = 16  # prefix items that are nested in one expression


def lower(build: Lowering, shape: Array) -> Expression:
    """The array that satisfies these facts."""
    if shape.contains:
        if shape.unique and not _is_unique_anyway(build, shape):
            raise refuse(
                "uniqueItems", shape.unique, "together with contains cannot be enforced by a context-free grammar"
            )
        return _counted(build, shape)
    if shape.unique and not _is_unique_anyway(build, shape):
        return _distinct(build, shape)
    return _plain(build, shape)


def _wrap(build: Lowering, body: Expression | None, can_be_empty: bool) -> Expression:
    space = build.space
    if body is None:
        return Seq((Literal(b"["), *space, Literal(b"]"))) if can_be_empty else build.nothing()
    if can_be_empty:
        return Seq((Literal(b"["), *space, Repeat(Seq((body, *space)), 0, 1), Literal(b"]")))
    return Seq((Literal(b"["), *space, body, *space, Literal(b"]")))


def _plain(build: Lowering, shape: Array) -> Expression:
    prefix, least, most = shape.prefix, shape.min, shape.max
    for i, conj in enumerate(prefix):
        if build.is_empty(conj):
            prefix, most = prefix[:i], i
            break
    size = len(prefix)
    if (most is not None and most <= size) or build.is_empty(shape.items):
        most = size if most is None else min(most, size)
        prefix = prefix[:most]
        size = most
    if most is not None and least > most:
        return build.nothing()
    comma = build.comma
    rest: Expression | None = None
    if most is None or most > size:
        item = build.value(shape.items)
        if not size:
            more = Repeat(Seq((*comma, item)), max(least - 1, 0), None if most is None else most - 1)
            return _wrap(build, item if most == 1 else Seq((item, more)), least == 0)
        rest = Repeat(Seq((*comma, item)), max(least - size, 0), None if most is None else most - size)
    for i in range(size - 1, -1, -1):
        here: list[Expression] = [] if i == 0 else list(comma)
        here.append(build.value(prefix[i]))
        if rest is not None:
            here.append(rest)
        rest = Seq(tuple(here))
        if i and least <= i:
            rest = Repeat(rest, 0, 1)
        if i and (size > MAX_INLINE):
            rest = build.production(rest)
    return _wrap(build, rest, least == 0)


def _counted(build: Lowering, shape: Array) -> Expression:
    """States (index, items that each `contains` has counted), both capped; right-linear."""
    wants = shape.contains
    size = len(shape.prefix)
    highest = max([size, shape.min, shape.max or 0, *(some.start for some in wants)])
    caps = [some.min if some.max is None else max(some.min, some.max + 1) for some in wants]
    settled = max([size, *(some.start for some in wants)])  # from this index on all items are alike
    known: dict[int, list[tuple[Conj, tuple[int, ...]]]] = {}
    names: dict[tuple[int, tuple[int, ...]], Ref] = {}
    pending: list[tuple[int, tuple[int, ...]]] = []

    def state(index: int, counts: tuple[int, ...]) -> Ref:
        key = (min(index, highest + (shape.max is None)), counts)
        if key not in names:
            if len(names) >= build.limits.states:
                raise SchemaError(
                    f"an array that takes more than {build.limits.states} states to count",
                    where=f"at {build.pointer}",
                    expected="smaller minItems, maxItems, minContains or maxContains",
                    hint="Limits(states=...)",
                )
            names[key] = build.reserve()
            pending.append(key)
        return names[key]

    def ways(index: int) -> list[tuple[Conj, tuple[int, ...]]]:
        """What the item at `index` can be, and which wants it counts for."""
        index = min(index, settled)
        if index in known:
            return known[index]
        base = shape.prefix[index] if index < size else shape.items
        out: list[tuple[Conj, tuple[int, ...]]] = [(base, ())]
        for i, some in enumerate(wants):
            if index < some.start:
                continue
            # without an upper bound an item need not be told apart: counting some of those that match is enough
            no = () if some.max is None else build.combiner.negated(some.item)
            out = [(meet(c, some.item), (*hit, i)) for c, hit in out] + [(meet(c, no), hit) for c, hit in out]
        known[index] = [(conj, hit) for conj, hit in out if not build.is_empty(conj)]
        return known[index]

    start = state(0, (0,) * len(wants))
    while pending:
        key = index, counts = pending.pop()
        options: list[Expression] = []
        done = all(n >= some.min and (some.max is None or n <= some.max) for n, some in zip(counts, wants, strict=True))
        if index >= shape.min and done:
            options.append(Seq(build.space) if index else Literal(b""))
        if shape.max is None or index < shape.max:
            comma = build.comma if index else ()
            for conj, hit in ways(index):
                new = list(counts)
                for i in hit:
                    new[i] = min(new[i] + 1, caps[i])
                if all(some.max is None or n <= some.max for n, some in zip(new, wants, strict=True)):
                    options.append(Seq((*comma, build.value(conj), state(index + 1, tuple(new)))))
        build.productions[names[key].name] = Alt(tuple(options))
    return Seq((Literal(b"["), *build.space, start, Literal(b"]")))


def _is_unique_anyway(build: Lowering, shape: Array) -> bool:
    if shape.max is not None and shape.max <= 1:
        return True
    closed = build.is_empty(shape.items) or (shape.max is not None and shape.max <= len(shape.prefix))
    prefix = shape.prefix
    return closed and all(build.combiner.disjoint(a, b) for i, a in enumerate(prefix) for b in prefix[:i])


def _distinct(build: Lowering, shape: Array) -> Expression:
    """Constants, each at most once: a state per set of those that are used up."""
    shapes = build.combiner.shapes(shape.items)
    options = build.constants(shapes)
    if shape.prefix or options is None or len(options) > MAX_UNIQUE:
        raise refuse("uniqueItems", shape.unique, "cannot be enforced by a context-free grammar")
    count = len(options)
    most = count if shape.max is None else min(shape.max, count)
    if shape.min > most:
        return build.nothing()
    names = {0: build.reserve()}
    pending = [0]
    while pending:
        used = pending.pop()
        size = used.bit_count()
        out: list[Expression] = []
        if size >= shape.min:
            out.append(Seq(build.space) if size else Literal(b""))
        if size < most:
            for i in range(count):
                if not used >> i & 1:
                    after = used | 1 << i
                    if after not in names:
                        names[after] = build.reserve()
                        pending.append(after)
                    out.append(Seq((*(build.comma if size else ()), options[i], names[after])))
        build.productions[names[used].name] = Alt(tuple(out))
    return Seq((Literal(b"["), *build.space, names[0], Literal(b"]")))
