"""Factor, the other policy of Fast-dLLM: the more slots at once, the surer the least sure of them must be.

    f = 1      confidence .95 .92 .91 .79      3 slots: 4 * .09 < 1, but 5 * .21 > 1

Source: Wu et al. 2025 (Fast-dLLM), the rule of the theorem. After a grammar's mask it is a heuristic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weft.decoders.policies.prediction import Prediction, wanted


@dataclass(frozen=True)
class Factor:
    """The n surest slots, for the largest n with (n + 1) * (1 - confidence of the n-th) < `f`."""

    f: float = 1.0

    def propose(self, prediction: Prediction) -> NDArray[np.intp]:
        positions = wanted(prediction)
        doubt = 1 - prediction.confidence[positions]
        fits = np.flatnonzero(np.arange(2, len(positions) + 2) * doubt < self.f)
        return positions[: fits[-1] + 1 if len(fits) else 1]
