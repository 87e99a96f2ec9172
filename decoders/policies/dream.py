"""The schedule of Dream: a time that falls from 1 to eps in even steps, and the share of the open slots that it frees.

    8 open slots, steps=4, eps=0      2, 2, 2, 2

Counts are exact fractions: in floating point 6 * (1 - .5 / .75) is less than 2. Source: Ye et al. 2025 (Dream).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from weft.decoders.policies.prediction import Prediction, Score, by_entropy, wanted
from weft.errors import WeftError


@dataclass(frozen=True)
class Dream:
    """As many slots as the time schedule of `steps` steps frees, all that are left in the last one.

    `score` orders them: by_entropy, by_margin (its `topk_margin`) or by_confidence (its `maskgit_plus`). Where the
    schedule frees no slot, one is committed all the same.
    """

    steps: int
    score: Score = by_entropy
    eps: float = 1e-3

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise WeftError(f"{self} commits nothing", expected="steps of 1 or more")

    def propose(self, prediction: Prediction) -> NDArray[np.intp]:
        positions = wanted(prediction, self.score)
        if prediction.step >= self.steps - 1:
            return positions
        fall = (1 - Fraction(str(self.eps))) / self.steps
        now = 1 - prediction.step * fall
        return positions[: max(int(len(positions) * fall / now), 1)]
