"""Verdict: what is known about a text or a canvas."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from weft.errors import WeftError


class Status(Enum):
    """COMPLETE: a sentence as it stands. OPEN: can still become one. DEAD: cannot. UNKNOWN: the search hit a limit."""

    COMPLETE = "complete"
    OPEN = "open"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Verdict:
    """The answer to "can this still become a sentence?".

    Args:
        offset: bytes of the text that fit; where a DEAD text went wrong.
        expected: what could stand there: names of terminals and literals, for people.
        witness: one complete text that proves OPEN or COMPLETE, where it was asked for and found.
        error: for DEAD, what went wrong as an exception that can be raised or printed.
    """

    status: Status
    offset: int = 0
    expected: tuple[str, ...] = ()
    witness: str | None = None
    error: WeftError | None = None

    def __bool__(self) -> bool:
        raise TypeError("a Verdict has four values: compare verdict.status")
