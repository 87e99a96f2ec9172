"""Source: a grammar text with a name, and the picture of a mistake in it.

    cpp.lark:12:12
      12 | block: "{" stmnt* "}"
         |            ^^^^^

Lines and columns count from 1, in code points. Offsets count from 0, in code points of `Source.text`.
"""

from __future__ import annotations

import difflib
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable

from weft.errors import GrammarError

MAX_SIZE = 1_000_000
_CONTEXT = 50  # characters shown on either side of a mistake in a very long line


class Source:
    """A text, its name in messages, and where its lines start."""

    def __init__(self, text: str, name: str) -> None:
        self.text, self.name = text, name
        self._line_starts: list[int] | None = None

    @classmethod
    def read(cls, text: str | bytes, name: str, *, max_size: int = MAX_SIZE) -> Source:
        """The text as code points, checked once: not too long, valid UTF-8, no NUL, not empty.

        Args:
            max_size: the longest text that is read, in code points (bytes if bytes are given).
        Raises:
            GrammarError: with the place of the first offending character.
        """
        if not isinstance(text, str | bytes):
            raise GrammarError(
                f"a grammar text is a str or bytes, not {type(text).__name__}",
                where=name,
                expected="str or bytes",
                hint="path.read_text() reads a file",
            )
        if len(text) > max_size:
            raise GrammarError(
                f"grammar text is too long: {len(text)} of at most {max_size} characters",
                where=name,
                expected=f"at most {max_size} characters",
                hint="raise max_size if the text is meant to be this long",
            )
        if isinstance(text, bytes):
            try:
                decoded = text.decode()
            except UnicodeDecodeError as error:
                source = cls(text[: error.start].decode() + "\ufffd", name)
                raise source.error(
                    f"byte 0x{text[error.start]:02x} is not valid UTF-8",
                    error.start and len(source.text) - 1,
                    expected="text in UTF-8",
                    hint='decode it first: data.decode("latin-1")',
                ) from None
        else:
            decoded = text
        source = cls(decoded.removeprefix("\ufeff"), name)
        for offset, char in enumerate(source.text):
            if char == "\0" or "\ud800" <= char <= "\udfff":
                what = "NUL character" if char == "\0" else f"lone surrogate U+{ord(char):04X}"
                raise source.error(f"{what} in a grammar text", offset, hint="write it as an escape, such as \\x00")
        if not source.text.strip():
            raise GrammarError("grammar text is empty", where=name, expected="at least one rule")
        return source

    def line_column(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1."""
        if self._line_starts is None:
            self._line_starts = [0] + [i + 1 for i, char in enumerate(self.text) if char == "\n"]
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def where(self, start: int, end: int) -> str:
        """`name:line:column`, the line, and carets under the part from `start` to `end` that stands on it."""
        start = min(start, len(self.text))
        if start == len(self.text):  # the end of the text: point behind the last thing that stands there
            start = end = len(self.text.rstrip())
        line, column = self.line_column(start)
        begin = start - column + 1
        stop = self.text.find("\n", start)
        stop = len(self.text) if stop < 0 else stop
        clip_left, clip_right = max(begin, start - _CONTEXT), min(stop, max(start + _CONTEXT, min(end, start + 80)))
        before, marked = self.text[clip_left:start], self.text[start : max(start, min(end, clip_right))]
        after = self.text[start + len(marked) : clip_right]
        shown = _visible(before + marked + after).rstrip()
        shown = ("..." if clip_left > begin else "") + shown + ("..." if clip_right < stop else "")
        blank = " " * (_width(before) + (3 if clip_left > begin else 0))
        gutter = f"{line:4d} | "
        return (
            f"{self.name}:{line}:{column}\n{gutter}{shown}\n"
            f"{' ' * (len(gutter) - 2)}| {blank}{'^' * max(1, _width(marked.rstrip()))}"
        )

    def error(self, what: str, start: int, end: int = -1, *, expected: str = "", hint: str = "") -> GrammarError:
        """The error for a mistake that stands from `start` to `end`."""
        where = self.where(start, end if end > start else start + 1)
        what = what if len(what) <= 300 else what[:200] + " ... " + what[-80:]
        return GrammarError(what, where=where, expected=expected, hint=hint)


def _visible(text: str) -> str:
    return "".join(" " if char == "\t" else char if char.isprintable() else "\ufffd" for char in text)


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def one_of(names: Iterable[str], *, limit: int = 4) -> str:
    """`one of block, decl, expr, stmt (and 14 more)`."""
    known = sorted({name if len(name) <= 60 else name[:57] + "..." for name in names})
    if not known:
        return ""
    if len(known) == 1:
        return known[0]
    rest = len(known) - limit
    if rest == 1:
        limit, rest = limit + 1, 0
    return "one of " + ", ".join(known[:limit]) + (f" (and {rest} more)" if rest > 0 else "")


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """`did you mean 'stmt'?`, or nothing if no candidate is near."""
    if len(name) > 100:
        return ""
    pool = [c for c, _ in zip((c for c in candidates if len(c) <= 100), range(2000), strict=False)]
    near = difflib.get_close_matches(name, pool, n=1)
    return f"did you mean {near[0]!r}?" if near else ""
