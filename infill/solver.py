"""Solver: which tokens may stand at each place of a canvas, so that the whole can still become a sentence?

    solver = constraint.solver(Canvas.from_tokens([12, MASK, MASK], mask_id=MASK))
    solver.mask(1)             # uint32 bits: tokens for slot 1 that leave the canvas completable within its slots
    solver.commit({1: 7})      # all or nothing
    solver.verdict.status      # Status.OPEN

Positions are those of `weft.infill.canvas`. Slots are exact in number; where the text may end, end tokens fill what is
left over. Elastic holes are written from left to right with `append` and ended with `close`, each by itself and in any
order: what the others may still hold is taken into account, and so are slots beside them. What the limits do not let us
decide is UNKNOWN, never "no".

A Solver's state is a tuple of elements; what follows from one is found once and kept with the state, so rollback and
fork are free.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weft import _core
from weft.errors import BudgetExceeded, DeadEnd, VocabularyError, WeftError
from weft.grammar.verdict import Status, Verdict
from weft.infill.canvas import Canvas, Hole

if TYPE_CHECKING:
    from weft.grammar.constraint import Constraint, Mask

TEXT, TOKEN, SLOT, HOLE, CLOSED = range(5)  # the core's kinds of elements
NO_TOKEN = 0xFFFFFFFF


@dataclass(frozen=True)
class SolverLimits:
    """How far the analysis of a canvas may go before its answer is UNKNOWN.

    Args:
        max_states: places in the grammar over all positions, sets of stacks below them, and prefixes that `best` and
            `sample` try.
        max_items: chart items for the text between and after elastic holes.
    """

    max_states: int = 100_000
    max_items: int = 2_000_000


DEFAULT_LIMITS = SolverLimits()
_OPEN, _COMPLETE, _DEAD = map(Verdict, (Status.OPEN, Status.COMPLETE, Status.DEAD))  # made once

Element = tuple[int, bytes, int]  # kind, text, token


class Solver:
    """A canvas under a constraint. See the top of this file."""

    def __init__(self, constraint: Constraint, canvas: Canvas, limits: SolverLimits | None = None):
        self.constraint, self.limits = constraint, limits or DEFAULT_LIMITS
        self.unknown = 0
        if not isinstance(canvas, Canvas):
            raise TypeError(f"a solver stands on a Canvas, not on {type(canvas).__name__}")
        size = sum(
            1 if isinstance(part, bytes) else len(part) if isinstance(part, tuple) else part.slots or 1
            for part in canvas.parts
        )
        if size > self.limits.max_states:
            raise BudgetExceeded("the canvas has too many positions", limit=self.limits.max_states, spent=size)
        self._places: list[int] = []  # position -> element
        elements: list[Element] = []
        for part in canvas.parts:
            if isinstance(part, bytes):
                elements.append((TEXT, part, NO_TOKEN))
                continue
            if isinstance(part, Hole):
                new = [(HOLE, b"", NO_TOKEN)] if part.slots is None else [(SLOT, b"", NO_TOKEN)] * part.slots
            else:
                new = [(TOKEN, b"", self._token(token_id)) for token_id in part]
            self._places += range(len(elements), len(elements) + len(new))
            elements += new
        self._start = tuple(elements)
        self._states: list[tuple[Element, ...]] = [self._start]
        self._known: dict[tuple[Element, ...], _core.Solver | BudgetExceeded] = {}
        self._latest: _core.Solver | None = None  # what the next analysis takes over where nothing has changed

    # What stands where

    @property
    def ids(self) -> list[int | None]:
        """The token at each position; None where a slot is open or a hole is elastic."""
        state = self._states[-1]
        return [state[e][2] if state[e][0] == TOKEN else None for e in self._places]

    def hole_text(self, position: int) -> bytes:
        """What was appended to an elastic hole so far."""
        return self._states[-1][self._hole(position)][1]

    # Questions

    @property
    def verdict(self) -> Verdict:
        """OPEN: some filling makes a sentence. COMPLETE: nothing is open and it is one. DEAD, UNKNOWN: see Status."""
        try:
            if not self._analysis().is_open:
                return _DEAD
        except BudgetExceeded as error:
            self.unknown += 1
            return Verdict(Status.UNKNOWN, error=error)
        for kind, _, _ in self._states[-1]:
            if kind in (SLOT, HOLE):
                return _OPEN
        return _COMPLETE

    @property
    def witness(self) -> bytes | None:
        """A whole text with as little as possible in the elastic holes; None if there is none.

        Raises:
            WeftError: a slot is open; `best` fills those.
        """
        if any(kind == SLOT for kind, _, _ in self._states[-1]):
            raise WeftError("a canvas with open slots has no text yet", hint="solver.best(scores) chooses their tokens")
        return bytes(self._analysis().witness()) if self._analysis().is_open else None

    def mask(self, position: int) -> Mask:
        """uint32[ceil(vocab_size / 32)]: the tokens that may stand here, or be appended to an elastic hole.

        A bit is set if and only if committing the token leaves the canvas completable within its slots. All bits are
        clear, and `unknown` is counted up, where the limits leave that undecided.
        """
        words = (self.constraint.vocabulary.size + 31) // 32
        element = self._places[self._position(position)]
        kind, _, token = self._states[-1][element]
        if kind == TOKEN:
            out = np.zeros(words, np.uint32)
            if self.verdict.status in (Status.OPEN, Status.COMPLETE):
                out[token // 32] |= np.uint32(1 << token % 32)
            return out
        if kind == CLOSED:
            return np.zeros(words, np.uint32)
        try:
            return np.asarray(self._analysis().mask(element, words), dtype=np.uint32)
        except BudgetExceeded:
            self.unknown += 1
            self._known.pop(self._states[-1], None)  # its tables may be full; the next question begins anew
            return np.zeros(words, np.uint32)

    def forced(self) -> dict[int, int]:
        """The open slots in which only one token can stand, with that token; nothing changes.

        One pass is a fixpoint: a mask already takes every other slot into account.
        """
        out = {}
        state = self._states[-1]
        for position, element in enumerate(self._places):
            if state[element][0] != SLOT:
                continue
            try:
                token = self._analysis().forced(element)
            except BudgetExceeded:
                self.unknown += 1
                continue
            if token is not None:
                out[position] = token
        return out

    def admit(self, proposals: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """The longest prefix of `(position, id)` pairs that could be committed together; nothing changes."""
        wanted: list[tuple[int, int]] = []  # (element, id), up to the first that cannot be written at all
        state = self._states[-1]
        for position, token_id in proposals:
            try:
                state = self._with(state, {position: token_id})
            except DeadEnd:
                break
            wanted.append((self._places[position], token_id))
        try:
            return list(proposals[: self._analysis().admit(wanted)])
        except BudgetExceeded:
            self.unknown += 1
            return []

    def best(self, scores: NDArray[np.floating[Any]]) -> list[int]:
        """The filling with the highest sum of `scores`, float[positions, vocab_size]: the ids at all positions.

        Exact over the whole vocabulary. A constant added to a row changes nothing, so logits will do.
        Raises:
            DeadEnd: no filling is a sentence.
            BudgetExceeded: the limits do not let us decide.
        """
        return self._filling(self._require_open().best(self._rows(scores)))

    def sample(self, scores: NDArray[np.floating[Any]], rng: np.random.Generator) -> list[int]:
        """A filling drawn with a probability proportional to the exponential of the sum of `scores`.

        Exact: every token sequence counts once, however ambiguous the grammar is (A* sampling, Maddison et al. 2014).
        Raises:
            DeadEnd: no filling is a sentence.
            ValueError: all that are have probability 0.
            BudgetExceeded: the limits do not let us decide.
        """
        return self._filling(self._require_open().sample(self._rows(scores), int(rng.integers(1 << 63))))

    def min_slots_to_close(self, position: int | None = None) -> int:
        """How many tokens the shortest filling needs: of this elastic hole from here on, or of all open slots.

        For an elastic hole this is an upper bound: the filling with the fewest bytes, one token per byte at worst.
        """
        analysis = self._require_open()
        if position is None:
            return int(analysis.least_tokens())
        return int(analysis.least_bytes(self._open_hole(position)))

    # Orders

    def commit(self, tokens: Mapping[int, int]) -> None:
        """All of these tokens or none.

        Raises:
            DeadEnd: together they leave no sentence; nothing has changed.
            BudgetExceeded: that is not known; nothing has changed.
        """
        self._move(self._with(self._states[-1], tokens), f"tokens {dict(tokens)}")

    def remask(self, positions: Iterable[int]) -> None:
        """Opens slots again. A canvas never dies of it."""
        state = list(self._states[-1])
        for position in positions:
            element = self._places[self._position(position)]
            if self._start[element][0] != SLOT:
                raise DeadEnd(f"position {position} was never a slot", expected="slots of the canvas")
            state[element] = (SLOT, b"", NO_TOKEN)
        self._states.append(tuple(state))

    def append(self, position: int, token_id: int) -> None:
        """Writes a token at the end of an elastic hole. Raises DeadEnd if it does not fit."""
        element = self._open_hole(position)
        text = self.constraint.vocabulary.tokens[self._token(token_id)]
        if not text:
            raise DeadEnd(f"token {token_id} has no text to append", expected="a text token")
        self._replace(element, (HOLE, self._states[-1][element][1] + text, NO_TOKEN), f"token {token_id}")

    def can_close(self, position: int) -> bool:
        """The elastic hole may end here."""
        element = self._open_hole(position)
        try:
            return bool(self._analysis().can_close(element))
        except BudgetExceeded:
            self.unknown += 1
            return False

    def close(self, position: int) -> None:
        """Ends an elastic hole. Raises DeadEnd if it may not end here."""
        element = self._open_hole(position)
        self._replace(element, (CLOSED, self._states[-1][element][1], NO_TOKEN), f"closing position {position}")

    def rollback(self, n: int = 1) -> None:
        """Takes back the last n orders."""
        if not 0 <= n < len(self._states):
            raise ValueError(f"cannot roll back {n} orders: {len(self._states) - 1} were given")
        del self._states[len(self._states) - n :]

    def fork(self) -> Solver:
        """A copy that goes its own way."""
        twin = Solver.__new__(Solver)
        twin.__dict__.update(self.__dict__)
        twin._states, twin._known = list(self._states), dict(self._known)
        return twin

    # Inside

    def _analysis(self, state: tuple[Element, ...] | None = None) -> _core.Solver:
        state = self._states[-1] if state is None else state
        known = self._known.get(state)
        if known is None:
            if len(self._known) >= 64:
                self._known.pop(next(iter(self._known)))
            try:
                known = self._latest = _core.Solver(
                    self.constraint._core, state, self.limits.max_states, self.limits.max_items, self._latest
                )
            except BudgetExceeded as error:
                known = error
            self._known[state] = known
        if isinstance(known, BudgetExceeded):
            raise known
        return known

    def _require_open(self) -> _core.Solver:
        analysis = self._analysis()
        if not analysis.is_open:
            raise DeadEnd("no filling of the canvas is a sentence")
        return analysis

    def _with(self, state: tuple[Element, ...], tokens: Mapping[int, int]) -> tuple[Element, ...]:
        new = list(state)
        for position, token_id in dict(tokens).items():
            element = self._places[self._position(position)]
            kind, _, token = new[element]
            if kind in (HOLE, CLOSED):
                raise DeadEnd(f"position {position} is an elastic hole", expected="a slot", hint="append() writes it")
            if kind == TOKEN and token != token_id:
                raise DeadEnd(f"position {position} already holds token {token}", expected="an open slot")
            new[element] = (TOKEN, b"", self._token(token_id))
        return tuple(new)

    def _replace(self, element: int, by: Element, what: str) -> None:
        state = self._states[-1]
        self._move((*state[:element], by, *state[element + 1 :]), what)

    def _move(self, state: tuple[Element, ...], what: str) -> None:
        if not self._analysis(state).is_open:
            raise DeadEnd(
                f"{what} would leave no sentence", expected="tokens of mask()", hint="the solver has not moved"
            )
        self._states.append(state)

    def _rows(self, scores: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Scores by element: float64[elements, vocab_size]."""
        given = np.asarray(scores, dtype=np.float64)
        expected = (len(self._places), self.constraint.vocabulary.size)
        if given.shape != expected:
            raise ValueError(f"scores have shape {given.shape}, expected {expected}")
        if not (given < np.inf).all():
            raise ValueError("scores hold NaN or infinity: a token that must not stand has the score -inf")
        rows = np.zeros((len(self._start), expected[1]))
        rows[self._places] = given
        return rows

    def _filling(self, chosen: list[int]) -> list[int]:
        if len(chosen) < len(self._start):
            raise ValueError("no filling has a probability above 0: the scores rule all of them out")
        out = []
        for token, element in zip(self.ids, self._places, strict=True):
            if token is None and chosen[element] == NO_TOKEN:
                raise WeftError("an elastic hole has no token ids", hint="best() and sample() fill slots")
            out.append(chosen[element] if token is None else token)
        return out

    def _token(self, token_id: int) -> int:
        size = self.constraint.vocabulary.size
        if isinstance(token_id, bool):
            raise TypeError("a token id is an int, not a bool")
        exact = index(token_id)
        if not 0 <= exact < size:
            raise VocabularyError(f"token id {exact} is not in the vocabulary", expected=f"an id from 0 to {size - 1}")
        return exact

    def _position(self, position: int) -> int:
        if not 0 <= position < len(self._places):
            raise ValueError(f"position {position} does not exist: the canvas has {len(self._places)}")
        return position

    def _hole(self, position: int) -> int:
        element = self._places[self._position(position)]
        if self._start[element][0] != HOLE:
            raise DeadEnd(f"position {position} is not an elastic hole", expected="an elastic hole")
        return element

    def _open_hole(self, position: int) -> int:
        element = self._hole(position)
        if self._states[-1][element][0] == CLOSED:
            raise DeadEnd(f"the hole at position {position} is closed", expected="an open hole")
        return element
