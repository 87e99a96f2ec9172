"""Prediction: what a commit policy sees of one forward pass, and the scores that order slots by it.

                   slot 0   slot 1   slot 2   slot 3
    is_open        yes      no       yes      yes        open, and in the block that is being filled
    confidence     .9       0        .2       .6         probability of the slot's token among the legal ones
    entropy, margin, legal_mass: likewise, 0 where not open

Everything is computed after the grammar's mask, from renormalised probabilities; `legal_mass` is what the model gave to
the legal tokens before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from weft.errors import WeftError

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]
Later = Floats | Callable[[], Floats] | None


class Prediction:
    """One forward pass over a canvas, slot by slot.

    Args:
        is_open: bool[length], the slots that may be committed now.
        confidence: float[length], the probability of the token that the slot would get.
        entropy: float[length], in nats.
        margin: float[length], the highest probability minus the second.
        legal_mass: float[length], the probability of all legal tokens before the mask.
        step: forward passes spent on this block before this one.
        open_at_entry: slots that were open when this block was entered.
        rng: for policies that draw.
    `entropy`, `margin` and `legal_mass` may be functions; they are called once, if a policy asks. Each costs a pass
    over all slots and tokens.
    """

    def __init__(
        self,
        is_open: Bools,
        confidence: Floats,
        *,
        entropy: Later = None,
        margin: Later = None,
        legal_mass: Later = None,
        step: int = 0,
        open_at_entry: int = 0,
        rng: np.random.Generator | None = None,
    ):
        self.is_open, self.confidence, self.step, self.open_at_entry = is_open, confidence, step, open_at_entry
        self.rng = rng or np.random.default_rng(0)
        self._later = {"entropy": entropy, "margin": margin, "legal_mass": legal_mass}

    @property
    def entropy(self) -> Floats:
        return self._get("entropy")

    @property
    def margin(self) -> Floats:
        return self._get("margin")

    @property
    def legal_mass(self) -> Floats:
        return self._get("legal_mass")

    def _get(self, name: str) -> Floats:
        value = self._later[name]
        if value is None:
            raise WeftError(f"this prediction has no {name}")
        if callable(value):
            value = self._later[name] = value()
        return value


Score = Callable[[Prediction], Floats]


def by_confidence(prediction: Prediction) -> Floats:
    """The most probable tokens first."""
    return prediction.confidence


def by_margin(prediction: Prediction) -> Floats:
    """The widest gap between the two best tokens first."""
    return prediction.margin


def by_entropy(prediction: Prediction) -> Floats:
    """The least uncertain slots first."""
    return -prediction.entropy


def by_random(prediction: Prediction) -> Floats:
    """Any order."""
    return prediction.rng.random(len(prediction.is_open))


def wanted(prediction: Prediction, score: Score = by_confidence) -> NDArray[np.intp]:
    """The open positions, highest score first; of equal scores the leftmost first."""
    positions = np.flatnonzero(prediction.is_open)
    return positions[np.argsort(-score(prediction)[positions], kind="stable")]


class ProposingPolicy(Protocol):
    def propose(self, prediction: Prediction) -> Iterable[int]:
        """The positions to commit, most wanted first."""


CommitPolicy = ProposingPolicy | Callable[[Floats, Bools], Iterable[int]]
BlockSchedule = Callable[[Bools], range]


def proposal(policy: CommitPolicy, prediction: Prediction) -> Sequence[int]:
    """What the policy wants, open slots only and each once; the surest slot if that is nothing."""
    if hasattr(policy, "propose"):
        positions = policy.propose(prediction)
    else:
        positions = policy(prediction.confidence, prediction.is_open)
    length = len(prediction.is_open)
    asked = dict.fromkeys(int(p) for p in positions)
    return [p for p in asked if 0 <= p < length and prediction.is_open[p]] or [int(wanted(prediction)[0])]
