r"""Objects -> productions. Declared properties first, in declared order; then any others.

    required a, c; optional b; others are strings
    "{" ws  a ("," b)? "," c ("," other)*  ws "}"        other: a name that is none of a, b, c

Before the first required property each optional one is followed by a comma; if none is required, the first one that is
present decides where the list goes on: first = a rest1 | b rest2 | ...; rest1 = ("," b)? rest2. The size is linear.

That no *other* name stands twice is no context-free property; RFC 8259 leaves the meaning of such texts open. Declared
names never stand twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.errors import SchemaError
from weft.grammar.grammar import Alt, Expression, Literal, Ref, Repeat, Seq
from weft.schemas import strings
from weft.schemas.schema import ANY, Conj, Keys, Object, Rule, Some, String, meet

if TYPE_CHECKING:
    from weft.schemas.lowering import Lowering

EMPTY = Literal(b"")


def lower(build: Lowering, objects: tuple[Object, ...]) -> Expression:
    """The object that satisfies all these facts."""
    return _Members(build, objects).expression()


class _Members:
    def __init__(self, build: Lowering, objects: tuple[Object, ...]):
        self.build = build
        self.objects = objects
        names = dict.fromkeys(name for fact in objects for name in fact.properties)
        required = dict.fromkeys(name for fact in objects for name in fact.required)
        names.update(required)
        self.names = tuple(names)
        self.min = max(fact.min for fact in objects)
        highs = [fact.max for fact in objects if fact.max is not None]
        self.max = min(highs) if highs else None
        self.some = tuple(dict.fromkeys(some for fact in objects for some in fact.some))
        self.entries: list[tuple[str, Conj, bool]] = []
        self.possible = True
        only = objects[0] if len(objects) == 1 and not objects[0].patterns and not objects[0].names else None
        for name in names:
            value = only.properties.get(name, only.additional) if only else build.combiner.property_of(objects, name)
            if build.is_empty(value):
                if name in required:
                    self.possible = False
                    return
            else:
                self.entries.append((name, value, name in required))
        self.classes = self._classes()

    # --- names that are not declared --------------------------------------------------------------------------------

    def _classes(self) -> list[tuple[Keys, Conj]]:
        """(names, value) of the other properties: one class for each set of patterns that a name can match."""
        objects, build = self.objects, self.build
        value = objects[0].additional if len(objects) == 1 else meet(*(fact.additional for fact in objects))
        has_patterns = any(fact.patterns for fact in objects)
        if not has_patterns and build.is_empty(value):
            return []
        declared = (Rule("values", self.names),) if self.names else ()
        name_conj = meet(*(fact.names for fact in objects if fact.names))
        if not has_patterns:
            return [(Keys((), declared, name_conj), value)]
        grouped = [_by_value(fact) for fact in objects]
        rules = tuple(dict.fromkeys(rule for patterns in grouped for rule, _ in patterns))
        if len(rules) > build.limits.patterns:
            raise SchemaError(
                f"'patternProperties' with {len(rules)} patterns that may overlap (limit {build.limits.patterns})",
                where=f"at {build.pointer}",
                expected="fewer patterns with different schemas",
                hint="Limits(patterns=...)",
            )
        found: dict[Conj, list[Keys]] = {}
        for bits in range((1 << len(rules)) - 1, -1, -1):
            matched = {rule for i, rule in enumerate(rules) if bits >> i & 1}
            conjs: list[Conj] = []
            for fact, patterns in zip(objects, grouped, strict=True):
                hits = [value for rule, value in patterns if rule in matched]
                conjs.extend(hits or (fact.additional,))
            value = meet(*conjs)
            if not build.is_empty(value):
                inside = tuple(rule for rule in rules if rule in matched)
                outside = tuple(rule for rule in rules if rule not in matched)
                found.setdefault(value, []).append(Keys(inside, declared + outside, name_conj))
        return [(keys, value) for value, group in found.items() for keys in group]

    def key(self, keys: Keys) -> Expression | None:
        """The name with its quotes; None if no name is left."""
        if not keys.name:
            return self.build.string(String(matches=keys.matches, avoids=keys.avoids))
        shapes = self.build.combiner.shapes(keys.name)
        options: list[Expression] = []
        literal = []
        for value in shapes.values:
            if isinstance(value, str) and self.build.combiner.judge.key_among(keys, value):
                literal.append(strings.string_literal(value))
        options += literal
        for shape in shapes.strings:
            merged = strings.merge([shape, String(matches=keys.matches, avoids=keys.avoids)])
            if merged is not None:
                options.append(self.build.string(merged))
        return None if not options else options[0] if len(options) == 1 else Alt(tuple(options))

    def others(self, extra: tuple[Some, ...] = ()) -> Expression | None:
        """One undeclared property, which also witnesses `extra`."""
        build = self.build
        options: list[Expression] = []
        for keys, value in self.classes:
            for some in extra:
                keys = Keys(
                    keys.matches + some.keys.matches, keys.avoids + some.keys.avoids, meet(keys.name, some.keys.name)
                )
                value = meet(value, some.value)
            if build.is_empty(value):
                continue
            key = self.key(keys)
            if key is not None:
                options.append(Seq((key, *build.colon, build.value(value))))
        return None if not options else options[0] if len(options) == 1 else Alt(tuple(options))

    def member(self, name: str, value: Conj) -> tuple[Expression, ...]:
        build = self.build
        return (strings.key_literal(name), *build.space, build.value(value))

    # --- the list ---------------------------------------------------------------------------------------------------

    def expression(self) -> Expression:
        build = self.build
        if not self.possible:
            return build.nothing()
        entries = self.entries
        needed = sum(required for _, _, required in entries)
        least = 0 if self.min <= needed else self.min
        others = self.others()
        most = self.max
        if most is not None and others is None and most >= len(entries):
            most = None
        if most is not None and most < max(needed, least):
            return build.nothing()
        if others is None and least > len(entries):
            return build.nothing()
        if self.some or least > 1 or most is not None:
            if not entries and not self.some:
                return self._map(others, least, most)
            return self._counted(others, least, most)
        return self._wrap(*self._plain(others, least))

    def _wrap(self, body: Expression | None, can_be_empty: bool) -> Expression:
        build = self.build
        space = build.space
        if body is None:
            return Seq((Literal(b"{"), *space, Literal(b"}"))) if can_be_empty else build.nothing()
        if can_be_empty:
            return Seq((Literal(b"{"), *space, Repeat(Seq((body, *space)), 0, 1), Literal(b"}")))
        return Seq((Literal(b"{"), *space, body, *space, Literal(b"}")))

    def _map(self, others: Expression | None, least: int, most: int | None) -> Expression:
        """Only undeclared names, counted."""
        if others is None or most == 0:
            return self._wrap(None, least == 0)
        more = Repeat(Seq((*self.build.comma, others)), max(least - 1, 0), None if most is None else most - 1)
        return self._wrap(Seq((others, more)), least == 0)

    def _plain(self, others: Expression | None, least: int) -> tuple[Expression | None, bool]:
        build, entries = self.build, self.entries
        comma = build.comma
        tail: list[Expression] = [] if others is None else [Repeat(Seq((*comma, others)), 0, None)]
        first = next((i for i, entry in enumerate(entries) if entry[2]), None)
        if first is not None:
            out: list[Expression] = []
            for i, (name, value, required) in enumerate(entries):
                member = self.member(name, value)
                if i < first:
                    out.append(Repeat(Seq((*member, *comma)), 0, 1))
                elif i == first:
                    out.extend(member)
                elif required:
                    out.extend(comma)
                    out.extend(member)
                else:
                    out.append(Repeat(Seq((*comma, *member)), 0, 1))
            return Seq((*out, *tail)), False
        options: list[Expression] = []
        rest: Expression | None = tail[0] if tail else None
        if others is not None:
            options.append(Seq((others, *tail)))
        for i in range(len(entries) - 1, -1, -1):
            name, value, _ = entries[i]
            member = self.member(name, value)
            options.append(Seq((*member, rest)) if rest is not None else Seq(member))
            if i:
                step: Expression = Repeat(Seq((*comma, *member)), 0, 1)
                rest = build.production(Seq((step, rest)) if rest is not None else step)
        options.reverse()
        body = None if not options else options[0] if len(options) == 1 else Alt(tuple(options))
        return body, least == 0

    def _counted(self, others: Expression | None, least: int, most: int | None) -> Expression:
        """States (next entry, properties so far, witnesses found); right-linear."""
        build, entries, some = self.build, self.entries, self.some
        cap = most if most is not None else max(least, 1)
        every = (1 << len(some)) - 1
        names: dict[tuple[int, int, int], Ref] = {}
        pending: list[tuple[int, int, int]] = []
        witnesses = [0]
        for i in range(len(some)):
            witnesses += [bits | 1 << i for bits in witnesses]

        def chosen(bits: int) -> tuple[Some, ...]:
            return tuple(one for i, one in enumerate(some) if bits >> i & 1)

        by_bits = {bits: others if bits == 0 else self.others(chosen(bits)) for bits in witnesses}
        members: list[dict[int, tuple[Expression, ...]]] = []
        for name, value, _ in entries:
            ways = {}
            for bits in witnesses:
                picked = chosen(bits)
                if all(build.combiner.judge.key_among(one.keys, name) for one in picked):
                    both = meet(value, *(one.value for one in picked))
                    if not build.is_empty(both):
                        ways[bits] = self.member(name, both)
            members.append(ways)

        def state(index: int, count: int, found: int) -> Ref:
            key = (index, min(count, cap), found)
            if key not in names:
                if len(names) >= build.limits.states:
                    raise SchemaError(
                        f"an object that takes more than {build.limits.states} states to count",
                        where=f"at {build.pointer}",
                        expected="smaller minProperties, maxProperties or fewer properties",
                        hint="Limits(states=...)",
                    )
                names[key] = build.reserve()
                pending.append(key)
            return names[key]

        start = state(0, 0, 0)
        while pending:
            key = index, count, found = pending.pop()
            comma = build.comma if count else ()
            full = most is not None and count >= most
            options: list[Expression] = []
            if index < len(entries):
                if not entries[index][2]:
                    options.append(state(index + 1, count, found))
                if not full:
                    for bits, member in members[index].items():
                        options.append(Seq((*comma, *member, state(index + 1, count + 1, found | bits))))
            else:
                if count >= least and found == every:
                    options.append(Seq(build.space) if count else EMPTY)
                if not full:
                    for bits, other in by_bits.items():
                        if other is not None:
                            options.append(Seq((*comma, other, state(index, count + 1, found | bits))))
            build.productions[names[key].name] = Alt(tuple(options))
        return Seq((Literal(b"{"), *build.space, start, Literal(b"}")))


def _by_value(fact: Object) -> list[tuple[Rule, Conj]]:
    """The patterns of one schema; those that ask the same of the value become one."""
    grouped: dict[Conj, list[str]] = {}
    for pattern, value in fact.patterns:
        grouped.setdefault(value, []).append(pattern)
    return [
        (Rule("pattern", sources[0] if len(sources) == 1 else "|".join(f"(?:{source})" for source in sources)), value)
        for value, sources in grouped.items()
    ]


__all__ = ["ANY", "lower"]
