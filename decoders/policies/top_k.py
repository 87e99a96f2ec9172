"""Top-k by schedule, the policy of LLaDA: a number of slots per step that is fixed when a block is entered.

    4 open slots, steps=2      confidence .9 .2 .8 .7      first {0, 2}, then {3, 1}

Source: Nie et al. 2025 (LLaDA), `low_confidence` remasking; `TopK(..., score=by_random)` is its `random` remasking.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weft.decoders.policies.prediction import Prediction, Score, by_confidence, wanted
from weft.errors import WeftError


@dataclass(frozen=True)
class TopK:
    """The `k` best slots, or as many as fill a block in `steps` steps, the larger steps first.

    A refusal by the grammar leaves slots open when the schedule is over; it then goes on at the size of its last step.
    """

    k: int = 1
    steps: int | None = None
    score: Score = by_confidence

    def __post_init__(self) -> None:
        if self.k < 1 or (self.steps is not None and self.steps < 1):
            raise WeftError(f"{self} commits nothing", expected="k and steps of 1 or more")

    def propose(self, prediction: Prediction) -> NDArray[np.intp]:
        return wanted(prediction, self.score)[: self._count(prediction)]

    def _count(self, prediction: Prediction) -> int:
        if self.steps is None:
            return self.k
        step = min(prediction.step, self.steps - 1)
        each, extra = divmod(prediction.open_at_entry, self.steps)
        return max(each + (step < extra), 1)
