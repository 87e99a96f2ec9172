"""Result: what a decoder hands back, and how it came about."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from weft.decoders.picture import History


class Stop(StrEnum):
    """Why a decoder stopped."""

    END = "end"  # the model chose an end token
    COMPLETE = "complete"  # the grammar lets nothing more follow, or nothing is open any more
    BUDGET = "budget"  # max_tokens are written
    CANCELLED = "cancelled"  # the caller asked for no more


@dataclass(frozen=True)
class Timings:
    """Seconds of wall time: in the model, in the constraint, in choosing tokens, and altogether."""

    model_s: float = 0.0
    constraint_s: float = 0.0
    sampling_s: float = 0.0
    total_s: float = 0.0


@dataclass(frozen=True)
class Result:
    """A text that a decoder wrote.

    Args:
        text: what was written; bytes that are no UTF-8 show as U+FFFD, `data` has them as they are.
        ids: the committed tokens, without the end token.
        stop: why there is no more.
        is_complete: the text is a sentence of the grammar.
        holes: the text of each hole, for decoders that fill a canvas.
        model_calls: forward passes.
        forced: tokens that were the only possible ones; the model did not choose them.
        refused: proposals that the constraint turned down, or could not settle within its limits.
        unknown: questions that the constraint could not settle within its limits.
        commits: tokens that the model chose.
        history: the canvas step by step, for decoders that fill a canvas; it shows itself in a terminal and a notebook.
    """

    text: str
    ids: list[int]
    stop: Stop
    is_complete: bool
    data: bytes = b""
    holes: list[str] = field(default_factory=list)
    model_calls: int = 0
    forced: int = 0
    refused: int = 0
    unknown: int = 0
    commits: int = 0
    history: History | None = None
    timings: Timings = field(default_factory=Timings)

    def __str__(self) -> str:
        return self.text
