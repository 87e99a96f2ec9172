"""A Matcher for finite languages that tries every token at every place: slow, obvious, exact. For tests.

    constraint = ToyConstraint([b"ab", b"abba"], Vocabulary([b"a", b"b", b"ab", None], [3]))
    matcher = constraint.matcher(max_tokens=2)
    unpack(matcher.mask(), 4)      # a and ab may come first; never b

It answers as `weft.grammar.matcher.Matcher` says. The end token is not counted in max_tokens.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from weft.errors import BudgetExceeded, DeadEnd
from weft.grammar.vocabulary import Vocabulary


class ToyConstraint:
    def __init__(self, sentences: Iterable[bytes], vocabulary: Vocabulary):
        self.sentences = frozenset(sentences)
        self.vocabulary = vocabulary
        self.words = -(-vocabulary.size // 32)
        self.prefixes = frozenset(text[:end] for text in self.sentences for end in range(len(text) + 1))
        self.cost = lru_cache(None)(self._cost)

    def _cost(self, text: bytes) -> float:
        """The fewest tokens that make a sentence of `text`."""
        if text in self.sentences:
            return 0
        if text not in self.prefixes:
            return math.inf
        return 1 + min((self.cost(text + token) for token in set(self.vocabulary.tokens) if token), default=math.inf)

    def empty_mask(self) -> np.ndarray:
        return np.zeros(self.words, np.uint32)

    def matcher(self, max_tokens: int | None = None) -> ToyMatcher:
        needed = self.cost(b"")
        if max_tokens is not None and needed > max_tokens:
            raise BudgetExceeded(f"no sentence fits into {max_tokens} tokens", limit=max_tokens, spent=int(needed))
        return ToyMatcher(self, math.inf if max_tokens is None else max_tokens)


class ToyMatcher:
    def __init__(self, constraint: ToyConstraint, budget: float):
        self.constraint, self.budget = constraint, budget
        self.tokens: list[int] = []

    @property
    def is_stopped(self) -> bool:
        return bool(self.tokens) and self.tokens[-1] in self.constraint.vocabulary.eos

    @property
    def text(self) -> bytes:
        return self.constraint.vocabulary.decode(self.tokens)

    @property
    def is_complete(self) -> bool:
        return self.text in self.constraint.sentences

    def _is_legal(self, token_id: int) -> bool:
        if self.is_stopped or not 0 <= token_id < self.constraint.vocabulary.size:
            return False
        if token_id in self.constraint.vocabulary.eos:
            return self.is_complete
        token = self.constraint.vocabulary.tokens[token_id]
        cost = math.inf if token is None else self.constraint.cost(self.text + token)
        return cost < math.inf and cost <= self.budget - len(self.tokens) - 1

    def mask(self, out: np.ndarray | None = None) -> np.ndarray:
        out = self.constraint.empty_mask() if out is None else out
        out[:] = 0
        for token_id in range(self.constraint.vocabulary.size):
            if self._is_legal(token_id):
                out[token_id // 32] |= np.uint32(1 << token_id % 32)
        return out

    def commit(self, *ids: int) -> None:
        before = len(self.tokens)
        for token_id in ids:
            if not self._is_legal(token_id):
                text = self.text
                del self.tokens[before:]
                raise DeadEnd(f"token {token_id} does not fit", text=text)
            self.tokens.append(token_id)

    def rollback(self, n: int) -> None:
        del self.tokens[len(self.tokens) - n :]

    def fork(self) -> ToyMatcher:
        other = ToyMatcher(self.constraint, self.budget)
        other.tokens = list(self.tokens)
        return other

    def forced(self) -> list[int]:
        """The chain of tokens without a choice; an end token may be the last one."""
        ahead, out = self.fork(), []
        while not ahead.is_stopped:
            legal = [token_id for token_id in range(self.constraint.vocabulary.size) if ahead._is_legal(token_id)]
            if len(legal) != 1:
                break
            out += legal
            ahead.commit(*legal)
        return out

    def count_legal(self, draft: Sequence[int]) -> int:
        ahead = self.fork()
        for n, token_id in enumerate(draft):
            if not ahead._is_legal(token_id):
                return n
            ahead.commit(token_id)
        return len(draft)

    def masks(self, draft: Sequence[int]) -> np.ndarray:
        ahead, rows = self.fork(), [self.mask()]
        for token_id in draft:
            ahead.commit(token_id)
            rows.append(ahead.mask())
        return np.stack(rows)
