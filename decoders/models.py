"""What a decoder may ask of a model: two protocols, CausalModel and MaskedModel.

    state = lm.start()
    state.feed(prompt)               # (1, vocab): scores of the token after the prompt
    state.feed([a, b, c], rows=3)    # (3, vocab): after a, after b, after c; the cache now ends with c
    state.crop(len(prompt) + 1)      # b and c are taken back

    dlm.logits([7, MASK, MASK, 9])   # (4, vocab): row i scores slot i

Adapters for transformers are in hf.py; a table of logits in a test does as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch

from weft.grammar.vocabulary import Vocabulary


@runtime_checkable
class CausalState(Protocol):
    """One sequence that a causal model has read so far, with its cache."""

    @property
    def length(self) -> int:
        """How many tokens were read."""

    def feed(self, tokens: Sequence[int], *, rows: int = 1) -> torch.Tensor:
        """The scores after each of the last `rows` of these tokens, float (rows, vocab), on the model's device."""

    def crop(self, length: int) -> None:
        """Forgets everything after the first `length` tokens."""

    def fork(self) -> CausalState:
        """A copy that goes its own way."""


@runtime_checkable
class CausalModel(Protocol):
    """Scores the next token after a prefix. One object serves many sequences."""

    @property
    def vocab_size(self) -> int:
        """Width of a row of scores; it may be more than the tokenizer has ids."""

    @property
    def context_size(self) -> int | None:
        """The most tokens that one sequence may have, None if there is no such limit."""

    @property
    def vocabulary(self) -> Vocabulary:
        """Bytes of every token, as wide as a row of scores."""

    def encode(self, text: str) -> list[int]:
        """The tokens of a prompt, with the begin token where the model wants one; never empty."""

    def start(self) -> CausalState:
        """A new, empty sequence."""


@runtime_checkable
class MaskedModel(Protocol):
    """Scores every slot of a canvas at once."""

    @property
    def mask_id(self) -> int:
        """The placeholder token that stands in an open slot."""

    @property
    def vocab_size(self) -> int:
        """Width of a row of scores; it may be more than the tokenizer has ids."""

    @property
    def vocabulary(self) -> Vocabulary:
        """Bytes of every token, as wide as a row of scores."""

    def encode(self, text: str) -> list[int]:
        """The tokens of a prompt, with the begin token where the model wants one."""

    def logits(self, tokens: Sequence[int]) -> torch.Tensor:
        """The scores of every slot given all others, float (len(tokens), vocab); row i is about slot i."""
