"""Commit policies and block schedules on hand-made confidences (the vectors of the published rules)."""

import numpy as np
import pytest

from weft.decoders.policies import (
    Dream,
    EntropyBudget,
    Factor,
    FixedBlocks,
    Prediction,
    Threshold,
    TopK,
    by_confidence,
    by_margin,
    by_random,
    full_canvas,
    proposal,
)
from weft.errors import WeftError


def seen(confidence=(), *, is_open=None, **more) -> Prediction:
    length = len(confidence) or len(next(iter(more.values())))
    is_open = np.ones(length, bool) if is_open is None else np.array(is_open, bool)
    more = {key: np.array(x) if isinstance(x, list) else x for key, x in more.items()}
    more.setdefault("open_at_entry", int(is_open.sum()))
    return Prediction(is_open, np.array(confidence or [0.0] * length), **more)


def test_top_k_by_schedule() -> None:
    assert list(TopK(steps=2).propose(seen([0.9, 0.2, 0.8, 0.7], step=0))) == [0, 2]
    left = seen([0, 0.2, 0, 0.7], is_open=[0, 1, 0, 1], step=1, open_at_entry=4)
    assert list(TopK(steps=2).propose(left)) == [3, 1]


def test_top_k_gives_the_larger_steps_first() -> None:
    sizes = [len(TopK(steps=3).propose(seen([0.5] * 8, step=step))) for step in range(3)]
    assert sizes == [3, 3, 2]
    assert len(TopK(steps=3).propose(seen([0.5] * 8, step=9))) == 2
    assert list(TopK(2).propose(seen([0.5, 0.5, 0.9]))) == [2, 0]


def test_top_k_by_other_scores() -> None:
    assert list(TopK(1, score=by_margin).propose(seen([0.5, 0.4], margin=[0.05, 0.3]))) == [1]
    order = TopK(4, score=by_random).propose(seen([0.1] * 4, rng=np.random.default_rng(1)))
    assert sorted(order) == [0, 1, 2, 3]


def test_threshold() -> None:
    c = [0.95, 0.91, 0.80, 0.60, 0.92, 0.30]
    assert sorted(Threshold(0.9).propose(seen(c))) == [0, 1, 4]
    assert list(Threshold(0.96).propose(seen(c))) == [0]
    assert list(Threshold(0.9).propose(seen(c, is_open=[0, 0, 1, 1, 0, 1]))) == [2]


def test_factor() -> None:
    c = [0.95, 0.92, 0.91, 0.79, 0.60, 0.30]
    assert list(Factor(1).propose(seen(c))) == [0, 1, 2]
    assert list(Factor(1).propose(seen([0.99, 0.98, 0.97, 0.96]))) == [0, 1, 2, 3]
    assert list(Factor(0.3).propose(seen(c))) == [0, 1]
    assert list(Factor(1).propose(seen([0.3, 0.2]))) == [0]


def test_entropy_budget() -> None:
    assert list(EntropyBudget(0.1).propose(seen(entropy=[0.02, 0.05, 0.08, 0.5]))) == [0, 1, 2]
    assert list(EntropyBudget(0).propose(seen(entropy=[0.02, 0.05, 0.08, 0.5]))) == [0]
    assert list(EntropyBudget(0).propose(seen(entropy=[0.0, 0.0, 0.0, 0.5]))) == [0, 1, 2, 3]


def test_dream_schedule() -> None:
    left, sizes = 8, []
    for step in range(4):
        sizes.append(len(Dream(4, by_confidence, eps=0).propose(seen([0.5] * left, step=step))))
        left -= sizes[-1]
    assert sizes == [2, 2, 2, 2]
    assert len(Dream(4, by_confidence).propose(seen([0.5] * 2, step=0))) == 1
    assert len(Dream(4, by_confidence).propose(seen([0.5] * 5, step=3))) == 5


def test_a_policy_may_be_a_function() -> None:
    def leftmost(confidence, is_open):
        return np.flatnonzero(is_open)[:2]

    prediction = seen([0.1, 0.9, 0.3, 0.4], is_open=[1, 0, 1, 1])
    assert proposal(leftmost, prediction) == [0, 2]
    assert proposal(lambda confidence, is_open: np.argsort(-confidence), prediction) == [3, 2, 0]
    assert proposal(lambda confidence, is_open: [], prediction) == [3]
    assert proposal(lambda confidence, is_open: [7, -1, 2, 2], prediction) == [2]


def test_block_schedules() -> None:
    is_open = np.array([0, 0, 0, 0, 0, 1, 1, 0, 1, 1], bool)
    assert FixedBlocks(4)(is_open) == range(4, 8)
    assert FixedBlocks(4)(np.arange(10) == 9) == range(8, 10)
    assert full_canvas(is_open) == range(10)


def test_mistakes_are_refused() -> None:
    for make in (lambda: TopK(0), lambda: TopK(steps=0), lambda: Dream(0), lambda: FixedBlocks(0)):
        with pytest.raises(WeftError):
            make()


def test_what_costs_a_pass_is_computed_once_and_only_if_asked() -> None:
    asked = []

    def entropy():
        asked.append("entropy")
        return np.array([0.3, 0.1])

    prediction = seen([0.5, 0.5], entropy=entropy)
    Threshold(0.9).propose(prediction)
    assert asked == []
    assert list(EntropyBudget(0).propose(prediction)) == list(EntropyBudget(0).propose(prediction)) == [1]
    assert asked == ["entropy"]
    with pytest.raises(WeftError, match="no margin"):
        TopK(score=by_margin).propose(prediction)
