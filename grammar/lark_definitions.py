"""What a Lark file and its imports define, by name, and whether every name in it means something."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import Any

from weft.grammar.grammar import Alt, Pattern, rewrite
from weft.grammar.lark_syntax import (
    LIBRARIES,
    Broken,
    Call,
    Change,
    Definition,
    Ignore,
    Import,
    Limits,
    Name,
    Span,
    Text,
    is_terminal_name,
    nodes,
    read_items,
)
from weft.grammar.source import Source, did_you_mean, one_of


class Definitions:
    """What a file and its imports define, by name."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.table: dict[str, Definition] = {}
        self.ignore: list[tuple[Any, Span]] = []

    def read(self, source: Source, *, is_library: bool = False) -> None:
        items = read_items(source, self.limits, is_library)
        for item in items:
            if isinstance(item, Import):
                self._import(item)
        for item in items:
            match item:
                case Definition():
                    self._define(item)
                case Change(kind, definition):
                    self._change(kind, definition)
                case Ignore(body, span):
                    self.ignore.append((body, span))

    def _define(self, definition: Definition) -> None:
        if definition.name in self.table:
            raise definition.span.error(
                f"'{definition.name}' is defined twice",
                expected="one definition per name",
                hint="join them with '|', or write %override or %extend before what replaces an import",
            )
        self.table[definition.name] = definition

    def _change(self, kind: str, definition: Definition) -> None:
        old = self.table.get(definition.name)
        if old is None:
            raise definition.span.error(
                f"{kind} of '{definition.name}', which is not defined",
                expected=one_of(self.table),
                hint=did_you_mean(definition.name, self.table),
            )
        if kind == "%extend":
            if old.parameters != definition.parameters:
                raise definition.span.error("%extend with other template parameters")
            definition = replace(definition, body=Alt((old.body, definition.body)), priority=old.priority)
        self.table[definition.name] = definition

    def _import(self, item: Import) -> None:
        library = library_source(item.path[0])
        if library is None or len(item.path) != 1:
            raise item.span.error(
                f"cannot import from '{'.'.join(item.path)}'",
                expected="a grammar that comes with lark: " + one_of(LIBRARIES),
                hint="copy the rules into this text",
            )
        inner = Definitions(self.limits)
        inner.read(library, is_library=True)
        if item.path == ("common",):
            inner.table.update(_known_library())
        for name, _, span in item.names:
            if name not in inner.table:
                raise span.error(
                    f"'{item.path[0]}' does not define '{name}'",
                    expected=one_of(inner.table),
                    hint=did_you_mean(name, inner.table),
                )
        prefix = item.path[0] + "__"
        renamed = {n: (prefix.upper() if is_terminal_name(n) else prefix) + n for n in inner.table}
        renamed |= {name: alias for name, alias, _ in item.names}
        wanted, pending = set(), [name for name, _, _ in item.names]
        while pending:
            name = pending.pop()
            if name in wanted:
                continue
            wanted.add(name)
            definition = inner.table[name]
            pending += [
                leaf.name for leaf in nodes(definition.body) if isinstance(leaf, Name) and leaf.name in inner.table
            ]
        for name in sorted(wanted):
            old = inner.table[name]
            body = rewrite(
                old.body, lambda n: n._replace(name=renamed.get(n.name, n.name)) if isinstance(n, Name) else n
            )
            new = replace(old, name=renamed[name], body=body)
            present = self.table.get(new.name)
            if present is not None and present != new:
                raise item.span.error(
                    f"'{new.name}' is already defined", hint=f"import it under another name: -> MY_{new.name}"
                )
            self.table[new.name] = new

    def check(self, definition: Definition) -> None:
        for parameter in definition.parameters:
            if parameter in self.table:
                raise definition.span.error(
                    f"template parameter '{parameter}' is also the name of a rule", hint="rename the parameter"
                )
        stack = list(nodes(definition.body))
        arguments: set[int] = set()  # a template may be handed to a template by its bare name
        while stack:
            leaf = stack.pop()
            if isinstance(leaf, Call):
                stack.extend(leaf.arguments)
                arguments |= {id(a) for a in leaf.arguments}
            if isinstance(leaf, Broken):
                raise leaf.error
            if not isinstance(leaf, Name | Call) or leaf.name in definition.parameters:
                continue
            target = self.table.get(leaf.name)
            if target is None:
                kind = "terminal" if is_terminal_name(leaf.name) else "nonterminal"
                known = [n for n in self.table if is_terminal_name(n) == is_terminal_name(leaf.name)]
                common = library_source("common")
                hint = did_you_mean(leaf.name, known)
                if (
                    not hint
                    and common is not None
                    and re.search(rf"^{re.escape(leaf.name)}\s*:", common.text, re.MULTILINE)
                ):
                    hint = f"add the line: %import common.{leaf.name}"
                raise leaf.span.error(f"{kind} '{leaf.name}' is never defined", expected=one_of(known), hint=hint)
            if definition.is_terminal and not target.is_terminal:
                raise leaf.span.error(
                    f"rule '{leaf.name}' inside terminal '{definition.name}'",
                    expected="a terminal, a string or a regex",
                    hint="name the outer one in lower case, or the inner one in upper case",
                )
            if id(leaf) not in arguments:
                self.check_arguments(leaf)

    def check_arguments(self, leaf: Name | Call) -> None:
        parameters = self.table[leaf.name].parameters
        given = len(leaf.arguments) if isinstance(leaf, Call) else 0
        if given != len(parameters):
            raise leaf.span.error(
                f"'{leaf.name}' is given {given} of {len(parameters)} template arguments",
                expected=f"{leaf.name}{{{', '.join(parameters)}}}" if parameters else leaf.name,
            )


@cache
def library_source(name: str) -> Source | None:
    if name not in LIBRARIES:
        return None
    return Source(resources.files("lark").joinpath(f"grammars/{name}.lark").read_text("utf-8"), f"{name}.lark")


@cache
def _known_library() -> dict[str, Definition]:
    """The terminal that lark's `common` writes with look-behind, as a plain expression for the same texts."""
    regex = r'"(?:[^"\\\n]|\\[^\n])*"'
    span = Span(Source(f"ESCAPED_STRING: /{regex}/", "common"), 0, 14)
    return {"ESCAPED_STRING": Definition("ESCAPED_STRING", Text(Pattern(regex), span), span)}
