"""Left to right: the model scores, the matcher masks, a token is drawn; text that is forced is not asked about.

matcher      {   "   n   a   m   e   "   :                    one token is legal: written without the model
model                                        ?                several are legal: one forward pass, with all that
matcher                                      A  d  a  ...     was forced as its input
"""

from __future__ import annotations

import codecs
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from weft.decoders.models import CausalModel
from weft.decoders.result import Result, Stop, Timings
from weft.decoders.sampling import Sampling, allowed_ids, seeded, wait_for
from weft.errors import BudgetExceeded, WeftError
from weft.grammar.vocabulary import Vocabulary

if TYPE_CHECKING:
    from weft.grammar.constraint import Constraint


def generate(
    lm: CausalModel,
    prompt: str | Sequence[int],
    constraint: Constraint | None,
    *,
    max_tokens: int | None = 256,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
    on_text: Callable[[str], object] | None = None,
) -> Result:
    """The text that the model goes on with after the prompt, a sentence of the grammar.

    Args:
        prompt: text, or token ids where the prompt has special tokens (a chat template).
        constraint: compiled for the model's vocabulary: `weft.compile(grammar, lm.vocabulary)`. None leaves the model
            free, to compare; its text may then be cut off.
        max_tokens: the sentence is finished within so many tokens. None: only the model decides when to stop.
        temperature: 0 takes the most probable token.
        top_k, top_p: only the best of the legal tokens, by number or by probability together.
        seed: the same seed draws the same text.
        on_text: called with each piece of text as it is written; pieces are whole characters.
    Raises:
        BudgetExceeded: no sentence fits into max_tokens, or into what the prompt leaves of the model's context.
    """
    text = stream(
        lm, prompt, constraint, max_tokens=max_tokens, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed
    )
    for piece in text:
        if on_text is not None:
            on_text(piece)
    return text.result


def stream(
    lm: CausalModel,
    prompt: str | Sequence[int],
    constraint: Constraint | None,
    *,
    max_tokens: int | None = 256,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
) -> Stream:
    """The same text, piece by piece: `for piece in stream(...)`. Arguments and errors are those of `generate`."""
    return Stream(lm, prompt, constraint, max_tokens, Sampling(temperature, top_k, top_p), seed)


class Stream:
    """Pieces of text, each of whole characters, written as they are asked for. `result` tells how it went so far."""

    def __init__(
        self,
        lm: CausalModel,
        prompt: str | Sequence[int],
        constraint: Constraint | None,
        max_tokens: int | None,
        sampling: Sampling,
        seed: int | None,
    ):
        self._started = time.perf_counter()
        self._model_s = self._constraint_s = self._sampling_s = self._total_s = 0.0
        self._lm, self._sampling, self._random = lm, sampling, seeded(seed)
        self._vocabulary: Vocabulary = lm.vocabulary if constraint is None else constraint.vocabulary
        self._unread = lm.encode(prompt) if isinstance(prompt, str) else [int(token_id) for token_id in prompt]
        if not self._unread:
            raise WeftError(
                "the prompt has no tokens", hint="the model needs one to start from, a begin token at least"
            )
        limit = max_tokens
        if lm.context_size is not None:
            room = lm.context_size - len(self._unread)
            limit = room if limit is None else min(limit, room)
        if limit is not None and limit < 1:
            raise BudgetExceeded(
                f"there is no room for {limit} tokens",
                where=f"max_tokens={max_tokens}, {len(self._unread)} tokens of prompt, {lm.context_size} of context",
                limit=limit,
                spent=1,
            )
        self._limit = limit
        self._ends = frozenset(self._vocabulary.eos)
        start = time.perf_counter()
        self._matcher: Any = _Free(self._vocabulary) if constraint is None else constraint.matcher(max_tokens=limit)
        self._constraint_s += time.perf_counter() - start
        self._state = lm.start()
        self._ids: list[int] = []
        self._calls = self._forced = 0
        self._stop: Stop | None = None
        self._data = b""
        self._pieces = self._write()

    def __iter__(self) -> Iterator[str]:
        return self._pieces

    def __next__(self) -> str:
        return next(self._pieces)

    def close(self) -> None:
        """No more text is wanted."""
        self._pieces.close()

    @property
    def result(self) -> Result:
        """What was written so far; all of it once the stream has ended. A stream that was left early is CANCELLED."""
        return Result(
            text=self._data.decode("utf-8", "replace"),
            ids=list(self._ids),
            stop=self._stop or Stop.CANCELLED,
            is_complete=bool(self._matcher.is_complete),
            data=self._data,
            model_calls=self._calls,
            forced=self._forced,
            commits=len(self._ids) - self._forced,
            timings=Timings(self._model_s, self._constraint_s, self._sampling_s, self._total_s),
        )

    def _write(self) -> Generator[str]:
        characters = codecs.getincrementaldecoder("utf-8")("replace")
        while self._stop is None:
            before = len(self._ids)
            self._step()
            new = self._vocabulary.decode(self._ids[before:])
            self._data += new
            self._total_s = time.perf_counter() - self._started
            if piece := characters.decode(new, final=self._stop is not None):
                yield piece

    def _step(self) -> None:
        """All that is forced here; else one token that the model chooses; or the reason why there is no more."""
        start = time.perf_counter()
        forced = self._matcher.forced()
        end = next((at for at, token_id in enumerate(forced) if token_id in self._ends), None)
        forced = forced[:end] if self._limit is None else forced[:end][: self._limit - len(self._ids)]
        if forced:
            self._matcher.commit(*forced)
        self._constraint_s += time.perf_counter() - start
        if forced:
            self._forced += len(forced)
            self._take(forced)
        elif end is not None:
            self._stop = Stop.COMPLETE
        elif self._limit is not None and len(self._ids) >= self._limit:
            self._stop = Stop.BUDGET
        else:
            self._choose()

    def _choose(self) -> None:
        start = time.perf_counter()
        mask = self._matcher.mask()
        constrained = time.perf_counter()
        self._constraint_s += constrained - start
        legal = allowed_ids(mask, self._lm.vocab_size)
        if self._matcher.is_complete and self._ends.issuperset(legal[: len(self._ends) + 1].tolist()):
            self._stop = Stop.COMPLETE  # whichever end token it would be
            return
        row = wait_for(self._state.feed(self._unread)[-1])
        self._unread = []
        self._calls += 1
        scored = time.perf_counter()
        self._model_s += scored - constrained
        token_id = self._sampling.pick(row, mask, self._random)
        picked = time.perf_counter()
        self._sampling_s += picked - scored
        if token_id in self._ends:
            self._stop = Stop.END
            return
        self._matcher.commit(token_id)
        self._constraint_s += time.perf_counter() - picked
        self._take([token_id])

    def _take(self, ids: list[int]) -> None:
        self._ids += ids
        self._unread = [*self._unread, *ids]


class _Free:
    """Any text, as a matcher."""

    is_complete = True

    def __init__(self, vocabulary: Vocabulary):
        legal = np.zeros(-(-vocabulary.size // 32) * 32, np.uint8)
        legal[: vocabulary.size] = [token is not None for token in vocabulary.tokens]
        legal[list(vocabulary.eos)] = 1
        self._mask = np.packbits(legal, bitorder="little").view(np.uint32)

    def mask(self) -> np.ndarray[Any, np.dtype[np.uint32]]:
        return self._mask

    def forced(self) -> list[int]:
        return []

    def commit(self, *ids: int) -> None:
        pass
