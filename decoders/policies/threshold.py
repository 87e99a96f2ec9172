"""Threshold, the policy of Fast-dLLM: every slot that is sure enough, and the surest one in any case.

    tau = .9      confidence .95 .91 .80 .60 .92 .30      {0, 4, 1}

Source: Wu et al. 2025 (Fast-dLLM).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weft.decoders.policies.prediction import Prediction, wanted


@dataclass(frozen=True)
class Threshold:
    """Every slot with a confidence of at least `tau`."""

    tau: float = 0.9

    def propose(self, prediction: Prediction) -> NDArray[np.intp]:
        positions = wanted(prediction)
        return positions[: max(int((prediction.confidence[positions] >= self.tau).sum()), 1)]
