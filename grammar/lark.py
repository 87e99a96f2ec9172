"""Lark files: from_lark reads them, to_lark prints any grammar as one.

    start: pair ("," pair)*           Grammar(lexer=True)
    pair: NAME "=" /[0-9]+/           "start": Seq((Ref("pair"), Repeat(Seq((Literal(b","), Ref("pair"))), 0, None)))
    NAME: /[a-z]+/                    "pair":  Seq((Ref("NAME"), Literal(b"="), Pattern("[0-9]+")))
    %ignore " "                       terminals NAME and IGNORE_1, ignore ("IGNORE_1",)

The dialect is Lark's, without what builds trees, and the common part of llguidance's (syntax: formats/lark.lark).
Where Lark cuts a text into lexemes with Python's `re`, weft takes the longest match (ARCHITECTURE.md, Reading). So
* `/a|ab/` matches "ab" too. Lark's `re` would stop at "a".
* a lazy repeat means the shortest lexeme, and is read where that is well defined: `"/*" /(.|\\n)*?/ "*/"`.
* a terminal that may be empty is never an empty lexeme; where it is used it may be left out instead.
* a terminal that is both used by a rule and ignored is read as either, lexeme by lexeme: the text alone does not tell.
`\\d`, `\\w` and `\\s` are Unicode's, as in Python. An escape such as `\\x5d` is that character and never syntax.

A file whose first line is `// lexing: scannerless` has no lexer: every split of the text counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

from weft.errors import GrammarError
from weft.grammar.grammar import Alt, And, Expression, Grammar, Not, Pattern, Ref, Repeat, Seq, Terminal, rewrite
from weft.grammar.lark_definitions import Definitions
from weft.grammar.lark_syntax import Call, Definition, Embedded, Limits, Name, Span, Text, is_terminal_name, nodes
from weft.grammar.lark_terminals import Terminals
from weft.grammar.lark_writer import SCANNERLESS, show, to_lark
from weft.grammar.lexing import blanks_between
from weft.grammar.source import MAX_SIZE, Source, did_you_mean, one_of

__all__ = ["from_lark", "load", "show", "to_lark"]

Embed = Mapping[str, Callable[[Any], Grammar]]


def load(name: str, *, start: str = "start") -> Grammar:
    """A language that comes with weft, by name: `load("json")`.

    Raises:
        GrammarError: there is no such language.
    """
    library = resources.files("weft.grammar").joinpath("library")
    known = sorted(entry.name.removesuffix(".lark") for entry in library.iterdir() if entry.name.endswith(".lark"))
    if name not in known:
        raise GrammarError(
            f"no language is called {name!r}",
            expected=one_of(known),
            hint=did_you_mean(name, known) or "weft.from_lark(path.read_text()) reads a file of your own",
        )
    return from_lark(library.joinpath(f"{name}.lark").read_text("utf-8"), start=start, name=f"{name}.lark")


def from_lark(
    text: str | bytes,
    *,
    start: str = "start",
    name: str = "<lark>",
    scannerless: bool = False,
    embed: Embed | None = None,
    max_size: int = MAX_SIZE,
    max_depth: int = 100,
    max_repeat: int = 100_000,
    max_expansions: int = 10_000,
    max_nodes: int = 1_000_000,
) -> Grammar:
    """The grammar of a Lark file.

    Args:
        text: the file's content, not its path.
        start: the rule that a whole text must match.
        name: what to call the text in messages.
        scannerless: no lexer; a terminal may end wherever it can (the text can say so too, see above).
        embed: what reads the value of `%json {...}`, by the word after "%"; it returns a scannerless grammar.
        max_size: characters of text.
        max_depth: brackets inside each other, terminals inside each other.
        max_repeat: the largest count in `~n` or `{n}`.
        max_expansions: templates filled in.
        max_nodes: size of the result after templates and terminals are written out.
    Raises:
        GrammarError: with the line, the column, a caret and a hint.
    """
    source = Source.read(text, name, max_size=max_size)
    if source.text.lstrip().split("\n", 1)[0].strip() == SCANNERLESS:
        scannerless = True
    limits = Limits(max_size, max_depth, max_repeat, max_expansions, max_nodes)
    definitions = Definitions(limits)
    definitions.read(source)
    return _Builder(definitions, source, limits, scannerless, embed or {}).build(start)


class _Builder:
    """The rules of a file, with templates and embedded grammars written out."""

    def __init__(
        self, definitions: Definitions, source: Source, limits: Limits, scannerless: bool, embed: Embed
    ) -> None:
        self.definitions, self.table, self.ignore = definitions, definitions.table, definitions.ignore
        self.source, self.limits, self.embed = source, limits, embed
        self.lexer = not scannerless
        self.terminals = Terminals(self.table, limits, lexer=self.lexer)
        self.productions: dict[str, Expression] = {}
        self.instances: dict[tuple[Any, ...], str] = {}
        self.pending: list[tuple[str, Any]] = []
        self.taken = set(self.table)
        self.embedded: dict[str, str] = {}
        self.same: dict[Expression, str] = {}

    def build(self, start: str) -> Grammar:
        if start not in self.table or self.table[start].is_terminal or self.table[start].parameters:
            rules = [n for n, d in self.table.items() if not d.is_terminal and not d.parameters]
            hint = did_you_mean(start, rules) or (f"from_lark(text, start={rules[0]!r})" if rules else "write a rule")
            raise GrammarError(
                f"start rule '{start}' is not defined",
                where=self.source.name,
                expected=one_of(rules) or "a rule",
                hint=hint,
            )
        for definition in self.table.values():
            self.definitions.check(definition)
        for definition in self.table.values():
            if definition.is_terminal and definition.priority and self.lexer:
                expression = self.terminals.expression(definition.name)
                self.same.setdefault(expression, definition.name)
        ignored = [self._ignored(body, span) for body, span in self.ignore]
        self.pending.append((start, self.table[start].body))
        while self.pending:
            name, body = self.pending.pop()
            self.productions[name] = self._production(body)
        place = {name: i for i, name in enumerate(self.table)} | {start: -1}
        self.productions = dict(sorted(self.productions.items(), key=lambda item: place.get(item[0], len(place))))
        grammar = Grammar(start, self.productions, self.terminals.used, tuple(dict.fromkeys(ignored)), lexer=self.lexer)
        return grammar if self.lexer or not ignored else blanks_between(grammar)

    def _ignored(self, body: Any, span: Span) -> str:
        self.definitions.check(Definition("IGNORE", body, span))
        if isinstance(body, Name) and is_terminal_name(body.name):
            self.terminals.use(body.name)
            return body.name
        for leaf in nodes(body):
            if isinstance(leaf, Name):
                self.terminals.expression(leaf.name)
        expression, _ = self.terminals.lexeme(self.terminals.regular(body, span)[0], span)
        name = self._fresh("IGNORE")
        self.terminals.used[name] = Terminal(expression)
        return name

    def _production(self, body: Any) -> Expression:
        def change(node: Any) -> Any:
            self.terminals.size += 1
            match node:
                case Name(name, span):
                    self.terminals.count(1, span)
                    self.definitions.check_arguments(node)
                    return self.terminals.use(name) if self.table[name].is_terminal else self._rule(name)
                case Text(expression, span):
                    self.terminals.count(1, span)
                    return self._anonymous(expression, span)
                case Call(name, arguments, span):
                    self.terminals.count(1, span)
                    self.definitions.check_arguments(node)
                    return Ref(self._instance(name, arguments, span))
                case Embedded(_, _, span):
                    return self._embed(node)
                case And() | Not():
                    spans = [n.span for n in nodes(body) if isinstance(n, Name | Text | Call | Embedded)]
                    sign = "&" if isinstance(node, And) else "~"
                    raise (spans[0] if spans else Span(self.source, 0, 1)).error(
                        f"'{sign}' outside a terminal",
                        expected=f"a terminal of its own, such as NAME: A {sign} B" if sign == "&" else "NAME: A & ~B",
                        hint="intersection and complement exist for regular languages only",
                    )
                case _:
                    return node

        return rewrite(body, change)

    def _rule(self, name: str) -> Expression:
        if name not in self.productions:
            self.productions[name] = Seq(())  # announced; filled in when it is its turn
            self.pending.append((name, self.table[name].body))
        return Ref(name)

    def _anonymous(self, expression: Expression, span: Span) -> Expression:
        if expression in self.same and self.lexer:
            return self.terminals.use(self.same[expression])
        if not isinstance(expression, Pattern):
            return expression
        lexeme, empty = self.terminals.lexeme(expression, span)
        return Repeat(lexeme, 0, 1) if empty else lexeme

    def _fresh(self, base: str) -> str:
        i = 1
        while f"{base}_{i}" in self.taken:
            i += 1
        self.taken.add(f"{base}_{i}")
        return f"{base}_{i}"

    def _instance(self, name: str, arguments: tuple[Any, ...], span: Span) -> str:
        """The rule that a template becomes with these arguments."""
        flat = []
        for argument in arguments:  # calls inside calls are as deep as brackets may be
            if isinstance(argument, Call):
                self.definitions.check_arguments(argument)
                argument = Name(self._instance(argument.name, argument.arguments, argument.span), argument.span)
            flat.append(argument)
        key = (name, *(_key(a) for a in flat))
        if key not in self.instances:
            if len(self.instances) >= self.limits.max_expansions:
                raise span.error(
                    f"templates do not come to an end: more than {self.limits.max_expansions} expansions",
                    expected=f"at most {self.limits.max_expansions} expansions",
                    hint="a template that calls itself must do so with the same arguments; or raise max_expansions",
                )
            template = self.table[name]
            new = self.instances[key] = self._fresh(name)
            body = self._fill(template.body, dict(zip(template.parameters, flat, strict=True)))
            self.table[new] = Definition(new, body, span)
            self._rule(new)
        return self.instances[key]

    def _fill(self, body: Any, given: dict[str, Any]) -> Any:
        def change(node: Any) -> Any:
            match node:
                case Name(name) if name in given:
                    return given[name]
                case Call(name, arguments, span):
                    filled = tuple(self._fill(a, given) for a in arguments)
                    target = given.get(name)
                    if target is None:
                        return Call(name, filled, span)
                    if not isinstance(target, Name):
                        raise span.error(f"'{name}' is used as a template, but is not given one")
                    return Call(target.name, filled, span)
                case _:
                    return node

        return rewrite(body, change)

    def _embed(self, leaf: Embedded) -> Expression:
        if leaf.kind == "regex":
            expression, empty = self.terminals.lexeme(self.terminals.substrings(leaf), leaf.span)
            return Repeat(expression, 0, 1) if empty else expression
        read = self.embed.get(leaf.kind)
        if read is None:
            raise leaf.span.error(
                f"'%{leaf.kind}' is not supported here",
                expected=one_of([f"%{k}" for k in self.embed] + ["%regex"]),
                hint="pass a reader: from_lark(text, embed={...})",
            )
        if self.lexer:
            raise leaf.span.error(
                f"'%{leaf.kind}' in a grammar with a lexer: its texts are not cut into this grammar's lexemes",
                expected="a grammar without a lexer",
                hint=f"write '{SCANNERLESS}' as the first line, or from_lark(text, scannerless=True)",
            )
        key = leaf.kind + json.dumps(leaf.value)
        if key not in self.embedded:
            self.embedded[key] = self._merge(read(leaf.value), leaf)
        return Ref(self.embedded[key])

    def _merge(self, other: Grammar, leaf: Embedded) -> str:
        """Adds the rules of another grammar under new names; the new name of its start."""
        if other.lexer:
            raise leaf.span.error(f"the grammar of '%{leaf.kind}' has a lexer of its own")
        prefix = self._fresh(leaf.kind)
        renamed = {n: prefix if n == other.start else self._fresh(f"{prefix}_{_plain(n)}") for n in other.productions}
        renamed |= {n: self._fresh(f"{prefix}_{_plain(n)}".upper()) for n in other.terminals}

        def change(node: Expression) -> Expression:
            return Ref(renamed[node.name]) if isinstance(node, Ref) else node

        for name, body in other.productions.items():
            self.productions[renamed[name]] = rewrite(body, change)
        for name, terminal in other.terminals.items():
            self.terminals.used[renamed[name]] = Terminal(rewrite(terminal.expression, change), terminal.priority)
        return prefix


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_") or "x"


def _key(argument: Any) -> Any:
    """An argument of a template without the place where it stands."""
    match argument:
        case Name(name):
            return name
        case Text(expression):
            return expression
        case Alt(items):  # of special tokens
            return tuple(_key(item) for item in items)
        case _:
            raise AssertionError(argument)
