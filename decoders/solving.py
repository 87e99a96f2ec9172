"""What the decoders of canvases ask of a constraint. `weft.infill.solver.Solver` is the engine; tests bring toys.

Positions are those of `weft.infill.canvas`. A slot is closed by `commit`; an elastic hole is written from left to right
by `append` and ended by `close`. Each call that changes a solver is one step for `rollback`.

A question that the solver cannot settle within its limits is UNKNOWN. It is then answered with a refusal (a bit of
`mask` is clear, `admit` ends before the token, `forced` leaves the slot out) and counted in `unknown`, or, where
nothing can be answered, raises BudgetExceeded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from weft.errors import BudgetExceeded, DeadEnd
from weft.grammar.verdict import Status, Verdict
from weft.infill.canvas import Canvas

Mask = NDArray[np.uint32]
Floats = NDArray[np.floating[Any]]


class Tokens(Protocol):
    """What decoders read of a Vocabulary."""

    @property
    def tokens(self) -> Sequence[bytes | None]: ...
    @property
    def eos(self) -> Sequence[int]: ...
    @property
    def size(self) -> int: ...
    @property
    def specials(self) -> Mapping[str, int]: ...


class CanvasSolver(Protocol):
    @property
    def verdict(self) -> Verdict:
        """OPEN: some filling makes a sentence. COMPLETE: nothing is open and it is one."""

    @property
    def ids(self) -> list[int | None]:
        """The token at each position; None where a slot is open or a hole is elastic."""

    @property
    def unknown(self) -> int:
        """How many questions were answered UNKNOWN so far."""

    def mask(self, position: int) -> Mask:
        """uint32[ceil(vocab_size / 32)]: the tokens that may stand here, or be appended to an elastic hole."""

    def commit(self, tokens: Mapping[int, int]) -> None:
        """All of these tokens or none. Raises DeadEnd if they do not fit, BudgetExceeded if that is not known."""

    def admit(self, proposals: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """The longest prefix of `(position, id)` pairs that could be committed together; nothing changes."""

    def forced(self) -> dict[int, int]:
        """The open slots in which only one token can stand, with that token, to a fixpoint; nothing changes."""

    def remask(self, positions: Iterable[int]) -> None: ...
    def rollback(self, n: int) -> None: ...
    def fork(self) -> Self: ...

    def best(self, scores: Floats) -> list[int]:
        """The filling with the highest sum of `scores`, float[positions, vocab_size]: the ids at all positions.

        A constant added to a row changes nothing, so logits will do.
        """

    def sample(self, scores: Floats, rng: np.random.Generator) -> list[int]:
        """A filling, drawn with a probability proportional to the exponential of the sum of `scores`."""

    def min_slots_to_close(self, position: int | None = None) -> int:
        """How many tokens the shortest filling needs: of this elastic hole from here on, or of all open slots."""

    def append(self, position: int, token_id: int) -> None:
        """Writes a token at the end of an elastic hole. Raises DeadEnd if it does not fit."""

    def can_close(self, position: int) -> bool:
        """The elastic hole may end here."""

    def close(self, position: int) -> None:
        """Ends an elastic hole. Raises DeadEnd if it may not end here."""

    def hole_text(self, position: int) -> bytes:
        """What was appended to an elastic hole so far."""


class CanvasConstraint(Protocol):
    @property
    def vocabulary(self) -> Tokens: ...
    def solver(self, canvas: Canvas) -> CanvasSolver: ...


def require_open(solver: CanvasSolver, canvas: Canvas, vocabulary: Tokens, hint: str) -> None:
    """Returns if some filling of the canvas is a sentence.

    Raises:
        DeadEnd: none is.
        BudgetExceeded: that is not known.
    """
    status = solver.verdict.status
    shown = canvas.to_text(vocabulary)
    where = shown if len(shown) <= 200 else shown[:200] + "..."
    if status is Status.DEAD:
        raise DeadEnd("no filling of the canvas is a sentence", where=where, hint=hint)
    if status is Status.UNKNOWN:
        raise BudgetExceeded(
            "it is not known whether a filling of the canvas is a sentence",
            where=where,
            hint="higher limits in weft.compile, or a shorter canvas",
        )
