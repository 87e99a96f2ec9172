"""Grammar: terminals, productions and a start symbol, as one frozen value.

Every front end ends here and the core starts here. A right-hand side is an expression, a tree of the named tuples
below:

    pair: STRING ":" value        Seq((Ref("STRING"), Literal(b":"), Ref("value")))
    digits: /[0-9]/ ~ 2..4        Repeat(Pattern("[0-9]"), 2, 4)

There are two ways to cut a text into lexemes, and they are different languages (ARCHITECTURE.md, Reading):
* scannerless (`lexer=False`; regex, GBNF, JSON Schema): a terminal is any regular sub-expression; every split counts.
* longest match (`lexer=True`; Lark files): the text alone decides where a lexeme ends, `ignore` may stand between
  lexemes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Union

from weft.errors import GrammarError


class Literal(NamedTuple):
    """Exactly these bytes."""

    text: bytes


class Pattern(NamedTuple):
    """A regular expression, anchored at both ends, over code points written as UTF-8. `flags`: any of i, s, m, x."""

    regex: str
    flags: str = ""


class Ref(NamedTuple):
    """A nonterminal or a terminal, by name."""

    name: str


class Seq(NamedTuple):
    """One after the other; Seq(()) is the empty text."""

    items: tuple["Expression", ...]


class Alt(NamedTuple):
    """Any one of these; Alt(()) matches nothing."""

    items: tuple["Expression", ...]


class Repeat(NamedTuple):
    """At least `min` and at most `max` copies; None means without end."""

    item: "Expression"
    min: int
    max: int | None


class And(NamedTuple):
    """Texts that match all of these; regular parts only."""

    items: tuple["Expression", ...]


class Not(NamedTuple):
    """Valid UTF-8 texts that do not match; regular parts only."""

    item: "Expression"


class Spelled(NamedTuple):
    """`item` with some code points written another way; regular parts only.

    `spellings` pairs a code point with the expression that stands for it; code points that are not listed are written
    as UTF-8.
    JSON strings: Spelled(Pattern("[a-z\\n]+"), ((10, Literal(b"\\\\n")),)) writes a line feed as backslash, n.
    """

    item: "Expression"
    spellings: tuple[tuple[int, "Expression"], ...]


class Special(NamedTuple):
    """One special token of the vocabulary, by its name ("<|end|>") or its id. It is a token, never text."""

    token: str | int


def _equal(self: tuple[object, ...], other: object) -> bool:
    return type(self) is type(other) and tuple.__eq__(self, other)


def _unequal(self: tuple[object, ...], other: object) -> bool:
    return not _equal(self, other)


# Named tuples of different kinds are equal if their fields are: Seq((a, b)) == Alt((a, b)). Expressions must not be.
for _kind in (Literal, Pattern, Ref, Seq, Alt, Repeat, And, Not, Spelled, Special):
    _kind.__eq__, _kind.__ne__, _kind.__hash__ = _equal, _unequal, tuple.__hash__  # type: ignore[assignment, method-assign]

Expression = Union[Literal, Pattern, Ref, Seq, Alt, Repeat, And, Not, Spelled, Special]


class Terminal(NamedTuple):
    """A named regular expression. With a lexer, ties between equally long lexemes go to the higher priority."""

    expression: Expression
    priority: int = 0


@dataclass(frozen=True)
class Grammar:
    """A context-free grammar.

    Args:
        start: name of the start symbol, a key of `productions`.
        productions: nonterminal -> expression.
        terminals: terminal -> Terminal; their expressions may refer to other terminals, not in a circle.
        ignore: names of terminals that may stand between lexemes; only with `lexer`.
        lexer: cut texts by longest match (see the top of this file).
    """

    start: str
    productions: dict[str, Expression]
    terminals: dict[str, Terminal] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    lexer: bool = False

    def __str__(self) -> str:
        from weft.grammar.lark import show  # here, because that file needs this one

        return show(self)


def children(expression: Expression) -> tuple[Expression, ...]:
    """The expressions directly inside, in order."""
    match expression:
        case Seq(items) | Alt(items) | And(items):
            return items
        case Repeat(item) | Not(item):
            return (item,)
        case Spelled(item, spellings):
            return (item, *(spelling for _, spelling in spellings))
        case _:
            return ()


def walk(expression: Expression) -> Iterator[Expression]:
    """Every node of an expression, the outer ones first, left to right. Without recursion, so depth does no harm."""
    stack = [expression]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(children(node)))


def rewrite(expression: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """The expression with every node replaced by `change(node)`, inner nodes first. Without recursion."""
    done: list[Expression] = []
    stack: list[tuple[Expression, bool]] = [(expression, False)]
    while stack:
        node, is_open = stack.pop()
        inner = children(node)
        if inner and not is_open:
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(inner))
            continue
        if inner:
            node = with_children(node, tuple(done[-len(inner) :]))
            del done[-len(inner) :]
        done.append(change(node))
    return done[0]


def replace_outermost(
    expression: Expression, is_one: Callable[[Expression], bool], change: Callable[[Expression], Expression]
) -> Expression:
    """The expression with the outermost nodes of a kind replaced; what is inside them is not looked at."""
    done: list[Expression] = []
    stack: list[tuple[Expression, bool]] = [(expression, False)]
    while stack:
        node, is_open = stack.pop()
        inner = children(node)
        if is_open:
            new = tuple(done[-len(inner) :])
            del done[-len(inner) :]
            done.append(with_children(node, new))
        elif is_one(node):
            done.append(change(node))
        elif inner:
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(inner))
        else:
            done.append(node)
    return done[0]


def with_children(node: Expression, inner: tuple[Expression, ...]) -> Expression:
    """The node with other expressions inside, as many as `children` has."""
    match node:
        case Seq():
            return Seq(inner)
        case Alt():
            return Alt(inner)
        case And():
            return And(inner)
        case Repeat(_, low, high):
            return Repeat(inner[0], low, high)
        case Not():
            return Not(inner[0])
        case Spelled(_, spellings):
            return Spelled(inner[0], tuple((c, e) for (c, _), e in zip(spellings, inner[1:], strict=True)))
        case _:
            raise AssertionError(node)


def without_names(expression: Expression, grammar: Grammar) -> Expression:
    """A regular expression with the terminals of the grammar that it refers to written out.

    Raises:
        GrammarError: terminals are made of each other in a circle, or a name is no terminal.
    """

    def change(node: Expression) -> Expression:
        if not isinstance(node, Ref):
            return node
        if node.name not in grammar.terminals:
            raise GrammarError(f"'{node.name}' is not a terminal", expected="a terminal inside a regular expression")
        return grammar.terminals[node.name].expression

    for _ in range(len(grammar.terminals) + 1):
        if not any(isinstance(node, Ref) for node in walk(expression)):
            return expression
        expression = rewrite(expression, change)
    raise GrammarError("terminals are made of each other in a circle", expected="terminals without a circle")
