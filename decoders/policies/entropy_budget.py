"""Entropy budget (EB-Sampler): as many slots as can depend on each other by at most gamma nats.

    gamma = .1      entropy .02 .05 .08 .50      3 slots: .02 + .05 is within the budget, .15 is not

The sum of the entropies without the largest bounds the dependence inside the group. Source: Ben-Hamu et al. 2025.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weft.decoders.policies.prediction import Prediction, by_entropy, wanted


@dataclass(frozen=True)
class EntropyBudget:
    """The longest run of slots, least entropy first, whose entropies but the last sum to at most `gamma`."""

    gamma: float = 0.1

    def propose(self, prediction: Prediction) -> NDArray[np.intp]:
        positions = wanted(prediction, by_entropy)
        entropy = prediction.entropy[positions]
        return positions[: int((np.cumsum(entropy) - entropy <= self.gamma).sum())]
