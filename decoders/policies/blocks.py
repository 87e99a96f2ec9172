"""Block schedules: which part of the canvas may be committed now.

FixedBlocks(4)     [....][....][....]      the leftmost block that has an open slot (semi-autoregressive)
full_canvas        [................]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weft.decoders.policies.prediction import Bools
from weft.errors import WeftError


def full_canvas(is_open: Bools) -> range:
    """Everything at once."""
    return range(len(is_open))


@dataclass(frozen=True)
class FixedBlocks:
    """Blocks of `size` positions, from left to right; the next one opens when nothing is open in those before it."""

    size: int

    def __post_init__(self) -> None:
        if self.size < 1:
            raise WeftError(f"a block cannot have {self.size} slots", expected="1 or more")

    def __call__(self, is_open: Bools) -> range:
        first = int(np.argmax(is_open)) // self.size * self.size
        return range(first, min(first + self.size, len(is_open)))
