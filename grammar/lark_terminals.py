"""The terminals of a Lark file as regular expressions, each with the terminals inside it written out.

NUMBER: DIGIT+ ("." DIGIT+)?         Seq((Repeat(Pattern("[0-9]"), 1, None), Repeat(Seq((...)), 0, 1)))
DIGIT: /[0-9]/
"""

from __future__ import annotations

import re
from typing import Any

from weft.grammar.grammar import (
    Alt,
    And,
    Expression,
    Literal,
    Pattern,
    Ref,
    Repeat,
    Seq,
    Special,
    Terminal,
    children,
    rewrite,
    walk,
)
from weft.grammar.lark_syntax import Call, Definition, Embedded, Limits, Name, Span, Text, nodes
from weft.grammar.lexeme import NON_EMPTY, nullable, shortest, tree_of
from weft.grammar.regex import RegexFault, has_lazy, without_empty, write_regex
from weft.grammar.syntax import sequence


class Terminals:
    """The terminals that the rules of a file use, and the size of what is written out so far."""

    def __init__(self, table: dict[str, Definition], limits: Limits, *, lexer: bool) -> None:
        self.table, self.limits, self.lexer = table, limits, lexer
        self.used: dict[str, Terminal] = {}
        self.inlined: dict[str, tuple[Expression, int, int]] = {}  # terminal -> expression, size, depth
        self.optional: set[str] = set()  # terminals that were defined so that they may be empty
        self.size = 0

    def expression(self, name: str) -> Expression:
        """The expression of a terminal, with the terminals inside it written out."""
        stack = [name]
        open_names: dict[str, None] = {}
        while stack:
            top = stack[-1]
            if top in self.inlined:
                stack.pop()
                continue
            definition = self.table[top]
            inner = [
                leaf for leaf in nodes(definition.body) if isinstance(leaf, Name) and leaf.name not in self.inlined
            ]
            if inner:
                if top in open_names:
                    leaf = next((name for name in inner if name.name in open_names), inner[0])
                    raise leaf.span.error(
                        f"terminal '{leaf.name}' is made of itself",
                        expected="terminals without a circle",
                        hint="only rules can be recursive: name it in lower case",
                    )
                open_names[top] = None
                for leaf in inner:
                    if leaf.name in open_names:
                        raise leaf.span.error(
                            f"terminal '{leaf.name}' is made of itself",
                            expected="terminals without a circle",
                            hint="only rules can be recursive: name it in lower case",
                        )
                    stack.append(leaf.name)
                continue
            self.inlined[top] = self.regular(definition.body, definition.span)
            open_names.pop(top, None)
            stack.pop()
        return self.inlined[name][0]

    def regular(self, body: Any, span: Span) -> tuple[Expression, int, int]:
        """A regular expression without names, its size, and its depth."""
        for leaf in nodes(body):
            if isinstance(leaf, Call):
                raise leaf.span.error(
                    "templates are not supported in terminals", hint="name the outer one in lower case"
                )
            if isinstance(leaf, Embedded) and leaf.kind != "regex":
                raise leaf.span.error(f"'%{leaf.kind}' inside a terminal", hint="name the outer one in lower case")
            if isinstance(leaf, Text) and isinstance(leaf.expression, Special):
                raise leaf.span.error("special token inside a terminal", hint="name the outer one in lower case")

        measured: dict[int, tuple[int, int]] = {}
        keep: list[Any] = []

        def change(node: Any) -> Any:
            size, depth = 1, 1
            if isinstance(node, Name):
                node, size, depth = self.inlined[node.name]
            elif isinstance(node, Text):
                node = node.expression
            elif isinstance(node, Embedded):
                node = self.substrings(node)
            else:
                for child in children(node):
                    child_size, child_depth = measured[id(child)]
                    size, depth = size + child_size, max(depth, child_depth + 1)
            if size > self.limits.max_nodes:
                raise span.error(
                    f"terminal is too large: more than {self.limits.max_nodes} parts with the terminals in it",
                    expected=f"at most {self.limits.max_nodes} parts",
                    hint="raise max_nodes",
                )
            if depth > 3 * self.limits.max_depth:
                raise span.error(
                    f"terminals are nested too deeply: more than {3 * self.limits.max_depth} levels",
                    hint="raise max_depth",
                )
            measured[id(node)] = size, depth
            keep.append(node)
            return node

        expression = rewrite(body, change)
        return expression, *measured[id(expression)]

    def substrings(self, leaf: Embedded) -> Expression:
        value = leaf.value
        keys = list(value)
        chunks: list[str] | None = None
        if keys == ["substring_chunks"] and isinstance(value[keys[0]], list):
            chunks = value[keys[0]]
        elif keys == ["substring_chars"] and isinstance(value[keys[0]], str):
            chunks = list(value[keys[0]])
        elif keys == ["substring_words"] and isinstance(value[keys[0]], str):
            chunks = re.findall(r"\w+|\W", value[keys[0]])
        if chunks is None or not all(isinstance(c, str) for c in chunks):
            raise leaf.span.error(
                "this form of %regex is not supported",
                expected='one of {"substring_chunks": [...]}, {"substring_words": "..."}, {"substring_chars": "..."}',
                hint="write it as /regex/",
            )
        limit = self.limits.max_depth
        if len(chunks) > limit:
            raise leaf.span.error(f"%regex has {len(chunks)} of at most {limit} chunks", hint="raise max_depth")
        tails: list[Expression] = []
        tail: Expression = Seq(())
        for chunk in reversed(chunks):
            tail = sequence([Literal(chunk.encode()), tail]) if tail != Seq(()) else Literal(chunk.encode())
            tails.append(tail)
            tail = Repeat(tail, 0, 1)
        return Alt((*reversed(tails), Seq(())))

    def lexeme(self, expression: Expression, span: Span) -> tuple[Expression, bool]:
        """The lexemes of a terminal: lazy repeats made exact, the empty text taken out. And whether it was there."""
        if not self.lexer:
            return expression, False
        if any(isinstance(node, Pattern) and re.search(r"[*+?}]\?", node.regex) for node in walk(expression)):
            tree = tree_of(expression)
            if tree is not None and has_lazy(tree):
                try:
                    expression = shortest(expression, tree)
                except RegexFault as fault:
                    raise span.error(fault.what, expected=fault.expected, hint=fault.hint) from None
        if not nullable(expression):
            return expression, False
        tree = tree_of(expression)
        if tree is not None and not has_lazy(tree):
            rest = without_empty(tree)
            if rest == Alt(()):
                raise span.error("this terminal matches only the empty text", hint="leave it out")
            if isinstance(expression, Pattern):
                return Pattern(write_regex(rest)), True
        return And((expression, NON_EMPTY)), True

    def use(self, name: str) -> Expression:
        """A reference to a terminal from a rule."""
        if name not in self.used:
            definition = self.table[name]
            expression, empty = self.lexeme(self.expression(name), definition.span)
            if empty:
                self.optional.add(name)
            self.count(self.inlined[name][1], definition.span)
            self.used[name] = Terminal(expression, definition.priority)
        return Repeat(Ref(name), 0, 1) if name in self.optional else Ref(name)

    def count(self, size: int, span: Span) -> None:
        self.size += size
        if self.size > self.limits.max_nodes:
            raise span.error(
                f"grammar is too large: more than {self.limits.max_nodes} parts once it is written out",
                expected=f"at most {self.limits.max_nodes} parts",
                hint="raise max_nodes",
            )
