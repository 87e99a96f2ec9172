"""A Solver for finite languages that lists every filling: slow, obvious, exact. Decoders are tested on it.

    constraint = ToyConstraint([b"ab", b"ba"], ToyVocabulary([b"a", b"b", None], eos=[2]))
    solver = constraint.solver(Canvas(Hole(3)))
    solver.fillings()      # {(0, 1, 2), (1, 0, 2)}

It answers as `weft.decoders.solving.CanvasSolver` says. A filling has an id for every token and slot, and the bytes of
every elastic hole. `ToyConstraint(..., unknown={(position, id)})` plays a solver that cannot decide about these tokens.

`engine("toy")` is ToyConstraint, and `engine("weft")` makes the same constraint with weft itself, so that a test can
run on all of `ENGINES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from weft.errors import DeadEnd
from weft.grammar.verdict import Status, Verdict
from weft.infill.canvas import Canvas, Hole


class ToyVocabulary:
    def __init__(self, tokens: Sequence[bytes | None], eos: Sequence[int], specials: Mapping[str, int] | None = None):
        self.tokens, self.eos, self.specials = list(tokens), list(eos), dict(specials or {})

    @property
    def size(self) -> int:
        return len(self.tokens)


class Elastic(NamedTuple):
    """An elastic hole: what was written, and whether it was closed."""

    text: bytes = b""
    is_closed: bool = False


Filling = tuple[int | bytes, ...]


@dataclass(frozen=True)
class ToyConstraint:
    sentences: Iterable[bytes]
    vocabulary: ToyVocabulary
    unknown: frozenset[tuple[int, int]] = frozenset()

    def solver(self, canvas: Canvas) -> ToySolver:
        return ToySolver(self, canvas)


class ToySolver:
    def __init__(self, constraint: ToyConstraint, canvas: Canvas):
        self.constraint, self.vocabulary = constraint, constraint.vocabulary
        self.unknown = 0
        # A part is a fragment or the position of what stands there.
        self._parts: list[bytes | int] = []
        start: list[int | Elastic | None] = []
        for part in canvas.parts:
            if isinstance(part, bytes):
                self._parts.append(part)
                continue
            if isinstance(part, Hole):
                items = [Elastic()] if part.slots is None else [None] * part.slots
            else:
                items = list(part)
            for item in items:
                self._parts.append(len(start))
                start.append(item)
        self._states = [tuple(start)]
        self._was_open = tuple(item is None for item in start)
        self._found: dict[tuple, set[Filling]] = {}

    def fillings(self) -> set[Filling]:
        state = self._states[-1]
        if state not in self._found:
            out: set[Filling] = set()
            for sentence in self.constraint.sentences:
                self._search(state, sentence, 0, (), False, out)
            self._found[state] = out
        return self._found[state]

    def _search(self, state, left: bytes, at: int, chosen: Filling, ended: bool, out: set[Filling]) -> None:
        if at == len(self._parts):
            if not left:
                out.add(chosen)
            return
        part = self._parts[at]
        if isinstance(part, bytes):
            if left.startswith(part) and not (ended and part):
                self._search(state, left[len(part) :], at + 1, chosen, ended, out)
            return
        item = state[part]
        if isinstance(item, Elastic):
            for length in range(len(item.text), len(left) + 1):
                if left.startswith(item.text) and (length == len(item.text) or not item.is_closed):
                    self._search(state, left[length:], at + 1, (*chosen, left[:length]), ended, out)
            return
        for token_id in range(self.vocabulary.size) if item is None else [item]:
            text = self.vocabulary.tokens[token_id] if token_id < self.vocabulary.size else None
            if token_id in self.vocabulary.eos:
                if not left:
                    self._search(state, left, at + 1, (*chosen, token_id), True, out)
            elif text is not None and left.startswith(text) and not ended:
                self._search(state, left[len(text) :], at + 1, (*chosen, token_id), ended, out)

    @property
    def verdict(self) -> Verdict:
        if not self.fillings():
            return Verdict(Status.DEAD)
        is_open = any(x is None or (isinstance(x, Elastic) and not x.is_closed) for x in self._states[-1])
        return Verdict(Status.OPEN if is_open else Status.COMPLETE)

    @property
    def ids(self) -> list[int | None]:
        return [x if isinstance(x, int) else None for x in self._states[-1]]

    def mask(self, position: int):
        item = self._states[-1][position]
        allowed: set[int] = set()
        for filling in self.fillings():
            got = filling[position]
            if isinstance(got, int):
                allowed.add(got)
            elif not item.is_closed:
                for token_id, text in enumerate(self.vocabulary.tokens):
                    if text and got.startswith(item.text + text):
                        allowed.add(token_id)
        bits = np.zeros((self.vocabulary.size + 31) // 32, np.uint32)
        for token_id in allowed:
            if (position, token_id) in self.constraint.unknown:
                self.unknown += 1
            else:
                bits[token_id // 32] |= np.uint32(1 << token_id % 32)
        return bits

    def _change(self, new: Mapping[int, int | Elastic | None], what: str) -> None:
        self._states.append(tuple(new.get(i, item) for i, item in enumerate(self._states[-1])))
        if not self.fillings():
            self._states.pop()
            raise DeadEnd(f"{what} does not fit")

    def commit(self, tokens: Mapping[int, int]) -> None:
        for position, token_id in tokens.items():
            if self._states[-1][position] not in (None, token_id):
                raise DeadEnd(f"position {position} is not open")
        self._change(tokens, f"{dict(tokens)}")

    def admit(self, proposals: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        admitted: list[tuple[int, int]] = []
        fillings = self.fillings()
        for position, token_id in proposals:
            fillings = {f for f in fillings if f[position] == token_id}
            if fillings and (position, token_id) in self.constraint.unknown:
                self.unknown += 1
                break
            if not fillings:
                break
            admitted.append((position, token_id))
        return admitted

    def forced(self) -> dict[int, int]:
        state, fillings = self._states[-1], self.fillings()
        seen = {p: {f[p] for f in fillings} for p, item in enumerate(state) if item is None}
        return {p: next(iter(ids)) for p, ids in seen.items() if len(ids) == 1}

    def remask(self, positions: Iterable[int]) -> None:
        positions = set(positions)
        if not all(self._was_open[p] for p in positions):
            raise DeadEnd("only slots can be opened again")
        self._change(dict.fromkeys(positions), "never")

    def rollback(self, n: int) -> None:
        assert n < len(self._states)
        del self._states[len(self._states) - n :]

    def fork(self) -> ToySolver:
        other = ToySolver.__new__(ToySolver)
        other.__dict__.update(self.__dict__)
        other._states = list(self._states)
        return other

    def _scored(self, scores) -> tuple[list[Filling], np.ndarray]:
        fillings = sorted(self.fillings())
        return fillings, np.array([sum(scores[p, t] for p, t in enumerate(f) if isinstance(t, int)) for f in fillings])

    def best(self, scores) -> list[int]:
        fillings, total = self._scored(np.asarray(scores, float))
        return list(fillings[int(np.argmax(total))])

    def sample(self, scores, rng: np.random.Generator) -> list[int]:
        fillings, total = self._scored(np.asarray(scores, float))
        weights = np.exp(total - total.max())
        return list(fillings[rng.choice(len(fillings), p=weights / weights.sum())])

    def min_slots_to_close(self, position: int | None = None) -> int:
        state = self._states[-1]
        if position is None:
            slots = [p for p, x in enumerate(state) if x is None]
            return min(sum(filling[p] not in self.vocabulary.eos for p in slots) for filling in self.fillings())
        return min(self._tokens_needed(f[position][len(state[position].text) :]) for f in self.fillings())

    def _tokens_needed(self, text: bytes) -> float:
        needed = [0.0] + [np.inf] * len(text)
        for end in range(1, len(text) + 1):
            for token in self.vocabulary.tokens:
                if token and text[:end].endswith(token):
                    needed[end] = min(needed[end], needed[end - len(token)] + 1)
        return needed[-1]

    def append(self, position: int, token_id: int) -> None:
        item, text = self._states[-1][position], self.vocabulary.tokens[token_id]
        if not isinstance(item, Elastic) or item.is_closed or not text:
            raise DeadEnd(f"token {token_id} cannot be appended at position {position}")
        self._change({position: Elastic(item.text + text)}, f"token {token_id} at position {position}")

    def can_close(self, position: int) -> bool:
        text = self._states[-1][position].text
        return any(f[position] == text for f in self.fillings())

    def close(self, position: int) -> None:
        self._change({position: Elastic(self._states[-1][position].text, True)}, f"closing position {position}")

    def hole_text(self, position: int) -> bytes:
        return self._states[-1][position].text


ENGINES = ["toy", "weft"] if find_spec("weft.infill.solver") else ["toy"]


def engine(name: str) -> Callable[[Iterable[bytes], ToyVocabulary], Any]:
    """(sentences, vocabulary) -> constraint."""
    return ToyConstraint if name == "toy" else _compiled


def _compiled(sentences: Iterable[bytes], vocabulary: ToyVocabulary) -> Any:
    from weft.grammar.constraint import compile
    from weft.grammar.grammar import Alt, Grammar, Literal
    from weft.grammar.vocabulary import Vocabulary

    grammar = Grammar("start", {"start": Alt(tuple(map(Literal, sentences)))})
    return compile(grammar, Vocabulary(vocabulary.tokens, vocabulary.eos, specials=vocabulary.specials))
