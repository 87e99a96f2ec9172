"""A picture of a run: one row per step, one column per position.

    step   0  1  2  3  4
       0   {  .  .  .  }        given
       1   {  "  .  :  }        " was committed, : was the only token that could stand there
       2   {  "  x  :  }

`print(result.history)` shows it as text, `rich.print` in colour, and a notebook as HTML. In text and colour a slot that
was proposed and refused is `x`; wide canvases are cut into bands.
"""

from __future__ import annotations

import html
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text


class Kind(StrEnum):
    """How a slot came to its token, or why it has none."""

    GIVEN = "given"
    COMMITTED = "committed"
    FORCED = "forced"
    REFUSED = "refused"
    MASK = "mask"


# kind -> terminal style, background and foreground in HTML
_STYLES = {
    Kind.GIVEN: ("dim", "#eceff1", "#546e7a"),
    Kind.COMMITTED: ("black on green", "#a5d6a7", "#1b5e20"),
    Kind.FORCED: ("black on cyan", "#b3e5fc", "#01579b"),
    Kind.REFUSED: ("white on red", "#ffcdd2", "#b71c1c"),
    Kind.MASK: ("dim", "#ffffff", "#b0bec5"),
}
_LONGEST = 8


@dataclass(frozen=True)
class Step:
    """What one forward pass led to.

    Args:
        committed: position -> token that the policy chose and the constraint admitted.
        forced: position -> token that was the only one left.
        refused: (position, token) pairs that did not fit together with those before them.
        window: the positions that were open to the policy.
    """

    committed: Mapping[int, int] = field(default_factory=dict)
    forced: Mapping[int, int] = field(default_factory=dict)
    refused: Sequence[tuple[int, int]] = ()
    window: range = range(0)


@dataclass(frozen=True)
class History:
    """All steps of a run over one canvas.

    Args:
        start: the token at each position before the first step, None in an open slot.
        steps: the first may come before any forward pass, with the slots that were forced from the beginning.
        tokens: the vocabulary's bytes, None for ids that are no text.
    """

    start: Sequence[int | None]
    steps: Sequence[Step]
    tokens: Sequence[bytes | None]

    def rows(self) -> Iterator[list[tuple[Kind, int | None]]]:
        """The canvas at the start and after each step: kind and token at each position.

        A token shows how it came about in the row where it is new, and as GIVEN in later rows.
        """
        now: list[int | None] = list(self.start)
        yield [(Kind.MASK if x is None else Kind.GIVEN, x) for x in now]
        for step in self.steps:
            kinds = [Kind.MASK if x is None else Kind.GIVEN for x in now]
            for kind, new in ((Kind.COMMITTED, step.committed), (Kind.FORCED, step.forced)):
                for position, token_id in new.items():
                    now[position], kinds[position] = token_id, kind
            for position, _ in step.refused:
                if kinds[position] is Kind.MASK:
                    kinds[position] = Kind.REFUSED
            yield list(zip(kinds, now, strict=True))

    def _label(self, kind: Kind, token_id: int | None) -> str:
        if token_id is None:
            return "x" if kind is Kind.REFUSED else "."
        text = self.tokens[token_id] if token_id < len(self.tokens) else None
        if text is None:
            return f"<{token_id}>"
        shown = text.decode(errors="backslashreplace").replace("\n", "\\n").replace("\t", "\\t").replace(" ", "␣")
        shown = "".join(c if c.isprintable() else "?" for c in shown)
        return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"

    def _bands(self, width: int) -> Iterator[tuple[range, list[int]]]:
        """Ranges of positions that fit next to each other in `width` characters, with the width of each column."""
        labels = [[self._label(*cell) for cell in row] for row in self.rows()]
        wide = [max(len(str(position)), *(len(row[position]) for row in labels)) for position in range(len(self.start))]
        start = 0
        while start < len(wide):
            stop, used = start, 6
            while stop < len(wide) and (stop == start or used + wide[stop] + 1 <= width):
                used += wide[stop] + 1
                stop += 1
            yield range(start, stop), wide[start:stop]
            start = stop

    def to_text(self, width: int = 120) -> Text:
        """The picture for a terminal of `width` characters, as a rich Text. Needs rich."""
        from rich.text import Text

        out = Text(no_wrap=True)
        for band, wide in self._bands(width):
            out.append(" step " + " ".join(str(p).rjust(w) for p, w in zip(band, wide, strict=True)) + "\n", "bold")
            for number, row in enumerate(self.rows()):
                out.append(f"{number:5d} ")
                for position, column in zip(band, wide, strict=True):
                    kind, token_id = row[position]
                    out.append(self._label(kind, token_id).rjust(column), _STYLES[kind][0])
                    out.append(" ")
                out.append("\n")
        for kind in Kind:
            out.append(f" {kind.value} ", _STYLES[kind][0])
            out.append(" ")
        return out

    def __rich__(self) -> Text:
        return self.to_text(shutil.get_terminal_size((120, 40)).columns)

    def __str__(self) -> str:
        return self.to_text().plain

    def _repr_html_(self) -> str:
        """The picture for a notebook: a table with a cell per slot, the whole token in its tooltip."""
        cells = []
        for number, row in enumerate(self.rows()):
            line = [f"<th>{number}</th>"]
            for position, (kind, token_id) in enumerate(row):
                _, background, colour = _STYLES[kind]
                title = f"slot {position}: {kind.value}"
                if token_id is not None:
                    title += f", token {token_id} {self.tokens[token_id] if token_id < len(self.tokens) else None!r}"
                line.append(
                    f'<td title="{html.escape(title)}" style="background:{background};color:{colour};padding:1px 4px;'
                    f'white-space:pre">{html.escape(self._label(kind, token_id))}</td>'
                )
            cells.append(f"<tr>{''.join(line)}</tr>")
        heads = "".join(f"<th>{position}</th>" for position in range(len(self.start)))
        legend = " ".join(
            f'<span style="background:{_STYLES[kind][1]};color:{_STYLES[kind][2]};padding:1px 6px">{kind.value}</span>'
            for kind in Kind
        )
        return (
            '<div style="overflow-x:auto;font-family:monospace;font-size:12px">'
            f"<table><tr><th>step</th>{heads}</tr>{''.join(cells)}</table><p>{legend}</p></div>"
        )
