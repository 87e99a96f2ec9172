"""Regular expressions as a lexer sees them: can a terminal be empty, and what is its shortest match."""

from __future__ import annotations

from typing import Any, cast

from weft.errors import GrammarError
from weft.grammar.grammar import (
    Alt,
    And,
    Expression,
    Grammar,
    Literal,
    Not,
    Pattern,
    Ref,
    Repeat,
    Seq,
    Special,
    Spelled,
    children,
    rewrite,
    walk,
    without_names,
)
from weft.grammar.regex import (
    Chars,
    Lazy,
    RegexFault,
    Tree,
    chars,
    complement,
    fold,
    has_lazy,
    intersection,
    is_nullable,
    read_regex,
    single,
    width,
    write_regex,
)
from weft.grammar.syntax import choice, sequence

NON_EMPTY = Pattern(".+", "s")


def nullable(expression: Expression) -> bool:
    """Whether a regular expression without names matches the empty text."""
    results: dict[int, bool] = {}
    keep: list[Expression] = []

    def change(node: Expression) -> Expression:
        inner = [results[id(child)] for child in children(node)]
        match node:
            case Literal(text):
                answer = not text
            case Pattern(regex, flags):
                answer = is_nullable(read_regex(regex, flags))
            case Seq() | And():
                answer = all(inner)
            case Alt():
                answer = any(inner)
            case Repeat(_, low):
                answer = low == 0 or inner[0]
            case Not():
                answer = not inner[0]
            case Spelled():
                answer = inner[0]
            case _:
                answer = False
        results[id(node)] = answer
        keep.append(node)
        return node

    top = rewrite(expression, change)
    return results[id(top)]


def tree_of(expression: Expression) -> Tree | None:
    """A regular expression as a tree of code point sets, or None if And, Not, Spelled or bytes are in it."""
    if any(isinstance(node, And | Not | Spelled | Ref | Special) for node in walk(expression)):
        return None

    def change(node: Any) -> Any:
        match node:
            case Literal(text):
                return sequence(single(c) for c in text.decode())
            case Pattern(regex, flags):
                return read_regex(regex, flags)
            case _:
                return node

    try:
        return rewrite(expression, change)  # type: ignore[return-value]
    except UnicodeDecodeError:
        return None


def shortest(expression: Expression, tree: Tree) -> Expression:
    """What a lexer finds for a lazy terminal: its texts of which no shorter beginning is one too.

    This is what `re` finds as well if only one thing about the match is free, how often the lazy part repeats: it
    stands once, over single characters, and everything beside it has one width.

    Raises:
        RegexFault: something else is free.
    """
    branches: list[Any] = list(tree.items) if isinstance(tree, Alt) else [tree]
    if not any(_is_shortest_first(branch) for branch in branches):
        return expression
    if len(branches) == 1:
        return And((expression, Not(Seq((expression, NON_EMPTY)))))
    out: list[Expression] = []
    for branch in branches:
        text = Pattern(write_regex(branch))
        out.append(And((text, Not(Seq((text, NON_EMPTY))))) if has_lazy(branch) else text)
    return Alt(tuple(out))


def _is_shortest_first(branch: Tree) -> bool:
    """Whether a branch is lazy; refused if `re` would not look at its matches from the shortest on."""
    parts = _flat(branch)
    lazy = [part for part in parts if isinstance(part, Lazy)]
    plain = [part for part in parts if not isinstance(part, Lazy)]
    if not lazy and not any(has_lazy(part) for part in plain):
        return False
    fixed = all(width(part) is not None and not has_lazy(part) for part in plain)
    if len(lazy) != 1 or not fixed or width(lazy[0].item) != 1 or has_lazy(lazy[0].item):
        raise RegexFault(
            "the meaning of a lazy repeat depends on Python's `re` here",
            0,
            expected="one lazy repeat of single characters, and parts of fixed width around it",
            hint='say which texts match instead: /"[^"]*"/ and not /".*?"/',
        )
    return True


def _flat(tree: Tree) -> list[Tree]:
    out: list[Tree] = []
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, Seq):
            stack.extend(reversed(node.items))  # type: ignore[arg-type]
        else:
            out.append(node)
    return out


def without_spelled(expression: Expression, grammar: Grammar) -> Expression:
    """The same regular expression with every Spelled written out."""

    def change(node: Expression) -> Expression:
        if not isinstance(node, Spelled):
            return node
        tree = tree_of(without_names(node.item, grammar))
        if tree is None:
            raise GrammarError(
                "Spelled over And or Not cannot be written out", hint="put And and Not around Spelled, not inside"
            )
        spellings = dict(node.spellings)

        def combine(part: Tree, parts: list[Expression]) -> Expression:
            match part:
                case Chars(ranges):
                    listed = [c for c in spellings if any(low <= c <= high for low, high in ranges)]
                    rest = intersection(part, complement(chars((c, c) for c in listed)))
                    plain = [Pattern(write_regex(rest))] if rest.ranges else []
                    return cast(Expression, choice([*plain, *(spellings[c] for c in listed)]))
                case Seq():
                    return Seq(tuple(parts))
                case Alt():
                    return Alt(tuple(parts))
                case Repeat(_, low, high) | Lazy(_, low, high):
                    return Repeat(parts[0], low, high)
            raise AssertionError(part)

        return fold(tree, combine)

    return rewrite(expression, change)
