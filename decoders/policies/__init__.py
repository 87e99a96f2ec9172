"""Which slots to commit, how many at a time, and where: the strategies of masked diffusion.

A commit policy is a function `(confidence: float[length], is_open: bool[length]) -> positions, most wanted first`, or
an object with `propose(prediction) -> positions` that is told more (`prediction.py`). A block schedule is a function
`is_open -> range`, the positions that may be committed now. Neither keeps state.
"""

from weft.decoders.policies.blocks import FixedBlocks, full_canvas
from weft.decoders.policies.dream import Dream
from weft.decoders.policies.entropy_budget import EntropyBudget
from weft.decoders.policies.factor import Factor
from weft.decoders.policies.prediction import (
    BlockSchedule,
    CommitPolicy,
    Prediction,
    Score,
    by_confidence,
    by_entropy,
    by_margin,
    by_random,
    proposal,
    wanted,
)
from weft.decoders.policies.threshold import Threshold
from weft.decoders.policies.top_k import TopK

__all__ = [
    "BlockSchedule",
    "CommitPolicy",
    "Dream",
    "EntropyBudget",
    "Factor",
    "FixedBlocks",
    "Prediction",
    "Score",
    "Threshold",
    "TopK",
    "by_confidence",
    "by_entropy",
    "by_margin",
    "by_random",
    "full_canvas",
    "proposal",
    "wanted",
]
