"""Canvas: a text with holes in it, as one frozen value.

    Canvas("int gcd(int a, int b) { while (", HOLE, ") { ", HOLE, " } return ", HOLE, "; }")
    Canvas.from_tokens([7, 0, 0, 9], mask_id=0)        ==  Canvas([7], Hole(2), [9])

A part is a fragment (fixed bytes), a run of fixed tokens, or a hole. An elastic hole stands for any number of bytes. A
rigid hole of n slots stands for exactly n tokens; where the text may end, end tokens fill the slots that are left over.

Positions count what a Solver can be asked about, from left to right: every fixed token, every slot of a rigid hole, and
every elastic hole is one position; fragments have none.

    parts       "x = "   [7]   Hole(2)   " + "   HOLE
    positions             0     1  2              3

So the positions of `Canvas.from_tokens(ids, mask_id)` are the indices of `ids`, and the positions of a canvas of
fragments and elastic holes number its holes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import index
from typing import Protocol, SupportsIndex

from weft.errors import WeftError

MOST_SLOTS = 1_000_000_000


@dataclass(frozen=True)
class Hole:
    """An unknown stretch of a canvas: any number of bytes if `slots` is None, else exactly that many tokens."""

    slots: int | None = None

    def __post_init__(self) -> None:
        if self.slots is None:
            return
        try:
            index(self.slots)
        except TypeError:
            raise WeftError(f"a hole cannot have {self.slots!r} slots", expected="a number, or None") from None
        if not 1 <= self.slots < MOST_SLOTS:
            raise WeftError(
                f"a hole cannot have {self.slots} slots",
                expected=f"1 or more and fewer than {MOST_SLOTS}, or None for any number of bytes",
                hint="leave a hole without slots out of the canvas",
            )

    @property
    def is_elastic(self) -> bool:
        return self.slots is None

    def __str__(self) -> str:
        return "<HOLE>" if self.slots is None else f"<HOLE:{self.slots}>"


HOLE = Hole()

Part = bytes | tuple[int, ...] | Hole

_MARKER = re.compile(r"<HOLE(?::(\d+))?>")


class TokenTable(Protocol):
    """What a canvas needs of a Vocabulary to show its fixed tokens."""

    @property
    def tokens(self) -> Sequence[bytes | None]: ...


@dataclass(frozen=True, init=False, repr=False)
class Canvas:
    """Fragments and holes, in order.

    Args:
        parts: `str` (as UTF-8) or `bytes` for a fragment, a list of token ids for fixed tokens, `HOLE` or
            `Hole(slots)`.
    Neighbouring fragments are joined, and so are neighbouring runs of fixed tokens; empty ones disappear.
    Raises:
        WeftError: a part is of another kind, or a token id is negative.
    """

    parts: tuple[Part, ...]

    def __init__(self, *parts: str | bytes | Iterable[SupportsIndex] | Hole) -> None:
        joined: list[Part] = []
        for number, given in enumerate(parts):
            part = _part(given, number)
            last = joined[-1] if joined else None
            if isinstance(part, Hole):
                joined.append(part)
            elif isinstance(part, bytes) and isinstance(last, bytes):  # noqa: SIM114
                joined[-1] = last + part
            elif isinstance(part, tuple) and isinstance(last, tuple):
                joined[-1] = last + part
            elif part:
                joined.append(part)
        object.__setattr__(self, "parts", tuple(joined))

    @classmethod
    def from_tokens(cls, ids: Iterable[SupportsIndex], mask_id: int) -> Canvas:
        """The canvas that a diffusion model sees: every `mask_id` is one slot, every other id is a fixed token.

        Args:
            ids: token ids; a list, a numpy array or a one-dimensional tensor.
        """
        parts: list[tuple[int, ...] | Hole] = []
        fixed: list[int] = []
        slots = 0
        for token_id in _ids(ids, "ids"):
            if token_id == mask_id:
                if fixed:
                    parts.append(tuple(fixed))
                    fixed = []
                slots += 1
            else:
                if slots:
                    parts.append(Hole(slots))
                    slots = 0
                fixed.append(token_id)
        if slots:
            parts.append(Hole(slots))
        return cls(*parts, tuple(fixed))

    @classmethod
    def from_text(cls, text: str) -> Canvas:
        """The canvas that `text` shows: `<HOLE>` is an elastic hole, `<HOLE:n>` one of n slots."""
        parts: list[str | Hole] = []
        end = 0
        for marker in _MARKER.finditer(text):
            if marker[1] is not None and len(marker[1]) > 9:
                raise WeftError("a hole has too many slots", where=marker[0][:40], expected=f"fewer than {MOST_SLOTS}")
            parts += [text[end : marker.start()], HOLE if marker[1] is None else Hole(int(marker[1]))]
            end = marker.end()
        return cls(*parts, text[end:])

    def to_text(self, vocabulary: TokenTable | None = None) -> str:
        """The canvas as text: fragments, `<HOLE>`, `<HOLE:n>`, and fixed tokens as their bytes.

        Tokens without bytes, and all tokens if no vocabulary is given, are shown as `<TOKEN:id>`. Bytes that are not
        UTF-8 are shown as backslash escapes.
        """
        shown: list[str] = []
        run = b""
        for part in self.parts:
            if isinstance(part, bytes):
                run += part
                continue
            for item in [part] if isinstance(part, Hole) else part:
                piece = None
                if vocabulary is not None and not isinstance(item, Hole) and item < len(vocabulary.tokens):
                    piece = vocabulary.tokens[item]
                if piece is not None:
                    run += piece
                else:
                    shown += [_show(run), str(item) if isinstance(item, Hole) else f"<TOKEN:{item}>"]
                    run = b""
        return "".join([*shown, _show(run)])

    @property
    def holes(self) -> tuple[Hole, ...]:
        """The holes, from left to right."""
        return tuple(part for part in self.parts if isinstance(part, Hole))

    @property
    def is_rigid(self) -> bool:
        """No hole is elastic."""
        return not any(hole.is_elastic for hole in self.holes)

    @property
    def positions(self) -> tuple[int | Hole | None, ...]:
        """What stands at each position: the id of a fixed token, None for a slot, `HOLE` for an elastic hole."""
        out: list[int | Hole | None] = []
        for part in self.parts:
            if isinstance(part, tuple):
                out += part
            elif isinstance(part, Hole):
                out += [part] if part.slots is None else [None] * part.slots
        return tuple(out)

    @property
    def hole_positions(self) -> tuple[range, ...]:
        """The positions of each hole, from left to right; an elastic hole has one."""
        out: list[range] = []
        start = 0
        for part in self.parts:
            if isinstance(part, Hole):
                width = 1 if part.slots is None else part.slots
                out.append(range(start, start + width))
                start += width
            elif isinstance(part, tuple):
                start += len(part)
        return tuple(out)

    def fill(self, texts: Sequence[str | bytes], vocabulary: TokenTable | None = None) -> bytes:
        """The whole text with `texts` in the holes.

        Raises:
            WeftError: there are more or fewer texts than holes, or fixed tokens and no vocabulary.
        """
        if len(texts) != len(self.holes):
            raise WeftError(f"{len(texts)} texts were given for {len(self.holes)} holes", where=repr(self))
        given = iter(texts)
        out = b""
        for part in self.parts:
            if isinstance(part, Hole):
                out += _bytes(next(given))
            elif isinstance(part, bytes):
                out += part
            elif vocabulary is None:
                raise WeftError("a canvas with fixed tokens is only text together with a vocabulary", where=repr(self))
            else:
                out += b"".join(vocabulary.tokens[token_id] or b"" for token_id in part)
        return out

    def __repr__(self) -> str:
        shown: list[str] = []
        for part in self.parts:
            if isinstance(part, Hole):
                shown.append("HOLE" if part.slots is None else f"Hole({part.slots})")
            elif isinstance(part, tuple):
                shown.append(repr(list(part)))
            else:
                try:
                    shown.append(repr(part.decode()))
                except UnicodeDecodeError:
                    shown.append(repr(part))
        return f"Canvas({', '.join(shown)})"

    def __str__(self) -> str:
        return self.to_text()


def _part(given: object, number: int) -> Part:
    if isinstance(given, (str, bytes, bytearray)):
        return _bytes(given)
    if isinstance(given, Hole):
        return given
    if isinstance(given, Iterable):
        return tuple(_ids(given, f"part {number}"))
    hint = "Canvas([token_id]) fixes one token" if isinstance(given, int) else ""
    raise WeftError(
        f"a canvas cannot hold {given!r}",
        where=f"part {number}",
        expected="str, bytes, a list of token ids, HOLE or Hole(slots)",
        hint=hint,
    )


def _ids(given: Iterable[object], where: str) -> list[int]:
    out: list[int] = []
    for item in given:
        try:
            token_id = index(item)  # type: ignore[arg-type]
        except TypeError:
            raise WeftError(f"{item!r} is not a token id", where=where, expected="whole numbers from 0") from None
        if token_id < 0:
            raise WeftError(f"{token_id} is not a token id", where=where, expected="whole numbers from 0")
        out.append(token_id)
    return out


def _bytes(text: str | bytes | bytearray) -> bytes:
    if isinstance(text, str):
        try:
            return text.encode()
        except UnicodeEncodeError as error:
            raise WeftError(
                "a fragment holds half of a surrogate pair, which is not text",
                where=f"character {error.start} of {text[max(0, error.start - 20) : error.start + 20]!r}",
                expected="text that can be written as UTF-8",
                hint="give the fragment as bytes",
            ) from None
    return bytes(text)


def _show(text: bytes) -> str:
    return text.decode(errors="backslashreplace")
