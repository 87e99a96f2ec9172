"""What the front ends share: parsing a text with a Lark grammar, names, and the two commonest expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import lark

from weft.errors import GrammarError
from weft.grammar.grammar import Alt, Grammar, Ref, Seq, walk
from weft.grammar.source import Source, did_you_mean, one_of


@dataclass(frozen=True)
class Lines:
    """A filter behind a lexer: of the line ends (_NL) only those are left that end an item.

    Dropped are the ones inside brackets, before "|", behind a token in `continues`, doubled, and at the start; one
    stands at the end.
    """

    opens: tuple[str, ...]
    closes: tuple[str, ...]
    continues: tuple[str, ...] = ()
    always_accept = ("_NL",)

    def process(self, stream: Iterator[lark.Token]) -> Iterator[lark.Token]:
        depth, held, last = 0, None, None
        for token in stream:
            if token.type == "_NL":
                if depth == 0 and last is not None and last.type not in self.continues:
                    held = held or token
                continue
            if held is not None and token.type != "VBAR":
                yield held
            held = None
            depth = max(0, depth + (token.type in self.opens) - (token.type in self.closes))
            yield token
            last = token
        if last is not None:
            end = last.end_pos or 0
            yield held or lark.Token("_NL", "\n", end, last.line, last.column, last.line, last.column, end)


class Advice(NamedTuple):
    """What to say about a place where no token or no rule fits; empty parts are filled in from the parser's state."""

    what: str = ""
    expected: str = ""
    hint: str = ""


def parse(
    parser: lark.Lark, source: Source, text: str, table: Mapping[str, str], advise: Callable[[str, int], Advice]
) -> lark.Tree[Any]:
    """The tree of a text, or a GrammarError for the place where no tree can go on."""
    try:
        return parser.parse(text)
    except lark.exceptions.UnexpectedCharacters as error:
        at = error.pos_in_stream or 0
        what, expected, hint = advise(text, at)
        raise source.error(
            what or f"unexpected character {text[at : at + 1]!r}",
            at,
            expected=expected or "a name, a string or an operator",
            hint=hint,
        ) from None
    except lark.exceptions.UnexpectedToken as error:
        token = error.token
        at, end = (len(text), len(text)) if token.type == "$END" else (token.start_pos or 0, token.end_pos or 0)
        shown = {"_NL": "end of line", "$END": "end of text"}.get(token.type, repr(str(token)[:40]))
        expected = one_of((table.get(n, n) for n in error.accepts or error.expected), limit=6)
        hint = "" if shown.startswith("end") else advise(text, at).hint
        raise source.error(
            f"unexpected {shown}", at, at + 1 if token.type == "_NL" else end, expected=expected, hint=hint
        ) from None


def sequence(items: Iterable[Any]) -> Any:
    """The items one after the other; the item itself if there is one."""
    kept = tuple(items)
    return kept[0] if len(kept) == 1 else Seq(kept)


def choice(items: Iterable[Any]) -> Any:
    """Any one of the items; the item itself if there is one."""
    kept = tuple(items)
    return kept[0] if len(kept) == 1 else Alt(kept)


def unique_names(names: Iterable[str], shape: Callable[[str], str], taken: Iterable[str] = ()) -> dict[str, str]:
    """A name of the wanted shape for each name, no two the same."""
    out: dict[str, str] = {}
    used = set(taken)
    for name in names:
        base = shape(name)
        new, i = base, 2
        while new in used:
            new, i = f"{base}_{i}", i + 1
        used.add(new)
        out[name] = new
    return out


def check_references(grammar: Grammar) -> None:
    """Raises GrammarError for a start symbol or a name that the grammar does not define."""
    known = grammar.productions.keys() | grammar.terminals.keys()
    if grammar.start not in grammar.productions:
        raise GrammarError(f"start symbol '{grammar.start}' is never defined", expected=one_of(grammar.productions))
    bodies = [*grammar.productions.items(), *((n, t.expression) for n, t in grammar.terminals.items())]
    for name, body in bodies:
        for node in walk(body):
            if isinstance(node, Ref) and node.name not in known:
                raise GrammarError(
                    f"'{node.name}' is never defined",
                    where=f"in '{name}'",
                    expected=one_of(known),
                    hint=did_you_mean(node.name, known),
                )
