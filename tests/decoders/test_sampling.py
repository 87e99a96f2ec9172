"""Sampling: the mask first, then temperature, top-k and top-p."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from weft.decoders.sampling import Sampling, _bits, allowed_ids, apply_mask, gumbel, seeded, unpack  # noqa: E402
from weft.errors import WeftError  # noqa: E402

INF = math.inf


def packed(*ids: int, words: int = 2) -> np.ndarray:
    mask = np.zeros(words, np.uint32)
    for token_id in ids:
        mask[token_id // 32] |= np.uint32(1 << token_id % 32)
    return mask


def test_bits_are_tokens():
    mask = packed(0, 31, 32, 63)
    assert allowed_ids(mask, 64).tolist() == [0, 31, 32, 63]
    assert allowed_ids(mask, 40).tolist() == [0, 31, 32]
    assert allowed_ids(mask, 100).tolist() == [0, 31, 32, 63]  # what the mask does not know is not allowed
    assert unpack(np.stack([mask, packed(1)]), 40).sum(-1).tolist() == [3, 1]


def test_forbidden_tokens_score_minus_infinity():
    logits = torch.arange(80.0).repeat(2, 1)
    out = apply_mask(logits, np.stack([packed(0, 33), packed(63)]))
    assert out is logits
    assert out.isfinite().nonzero().tolist() == [[0, 0], [0, 33], [1, 63]]


def test_words_unpack_alike_on_an_accelerator():
    words = np.stack([packed(0, 31, 33), packed(31, 63)])
    assert torch.equal(_bits(torch.from_numpy(words.view(np.int32))), torch.from_numpy(unpack(words, 64)))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
def test_masks_apply_alike_on_an_accelerator():
    mask = np.stack([packed(0, 31, 33), packed(31, 63)])
    for size in (40, 64, 80):
        logits = torch.randn(2, size)
        assert torch.equal(apply_mask(logits.cuda(), mask).cpu(), apply_mask(logits.clone(), mask))


def test_greedy_takes_the_lowest_of_equal_tokens():
    assert Sampling().draw(torch.tensor([-INF, 2.0, 3.0, 3.0])).item() == 2
    assert Sampling().probabilities(torch.tensor([-INF, 2.0, 3.0, 3.0])).tolist() == [0, 0, 1, 0]


def test_temperature_scales_scores():
    row = torch.tensor([math.log(0.2), math.log(0.8), -INF])
    assert torch.allclose(Sampling(1.0).probabilities(row), torch.tensor([0.2, 0.8, 0.0]))
    assert torch.allclose(Sampling(0.5).probabilities(row), torch.tensor([0.04, 0.64, 0.0]) / 0.68)
    assert Sampling(1e-30).probabilities(row).tolist() == [0, 1, 0]


def test_top_k_keeps_the_best():
    row = torch.tensor([0.0, 3.0, 2.0, 2.0, 1.0])
    assert (Sampling(1.0, top_k=1).probabilities(row) > 0).tolist() == [False, True, False, False, False]
    assert (Sampling(1.0, top_k=2).probabilities(row) > 0).tolist() == [False, True, True, True, False]  # a tie
    assert (Sampling(1.0, top_k=9).probabilities(row) > 0).all()


def test_top_p_keeps_the_smallest_set_that_is_enough():
    row = torch.log(torch.tensor([0.1, 0.5, 0.15, 0.25]))
    kept = {p: (Sampling(1.0, top_p=p).probabilities(row) > 0).tolist() for p in (0.01, 0.5, 0.51, 0.76, 1.0)}
    assert kept == {
        0.01: [False, True, False, False],
        0.5: [False, True, False, False],
        0.51: [False, True, False, True],
        0.76: [False, True, True, True],
        1.0: [True, True, True, True],
    }


def test_masking_before_cutting_never_leaves_nothing():
    row = apply_mask(torch.tensor([9.0, 8.0, 7.0, 0.0]), packed(3, words=1))
    assert Sampling(1.0, top_k=2, top_p=0.5).draw(row).item() == 3


def test_draws_follow_the_distribution_and_the_seed():
    row = torch.log(torch.tensor([0.1, 0.0, 0.6, 0.3])).repeat(20_000, 1)
    drawn = Sampling(1.0).draw(row, seeded(7))
    assert torch.equal(drawn, Sampling(1.0).draw(row, seeded(7)))
    assert not torch.equal(drawn, Sampling(1.0).draw(row, seeded(8)))
    shares = drawn.bincount(minlength=4) / 20_000
    assert torch.allclose(shares, torch.tensor([0.1, 0.0, 0.6, 0.3]), atol=0.02)


def test_pick_is_always_legal():
    mask = packed(1, 33)
    assert Sampling().pick(torch.arange(40.0), mask) == 33
    assert Sampling().pick(torch.arange(33.0), mask) == 1  # the model has no score for token 33
    assert Sampling().pick(torch.full((40,), -INF), mask) == 1  # the model rules out what the grammar demands
    assert Sampling().pick(torch.full((40,), math.nan), mask) == 1
    assert {Sampling(1.0).pick(torch.full((40,), -INF), mask, seeded(seed)) for seed in range(20)} == {1, 33}
    with pytest.raises(WeftError, match="no token is legal here that the model has a score for"):
        Sampling().pick(torch.arange(33.0), packed(40))


@pytest.mark.parametrize("settings", [{}, {"top_k": 3}, {"top_p": 0.6}, {"top_k": 4, "top_p": 0.8}])
def test_pick_draws_what_probabilities_says(settings):
    row, mask = torch.tensor([3.0, 0.5, 2.0, 1.5, 1.4, -INF, 1.0, 0.0]), packed(1, 2, 3, 4, 5, 6, 7, words=1)
    sampling, random = Sampling(0.7, **settings), seeded(3)
    expected = sampling.probabilities(apply_mask(row.clone(), mask))
    drawn = torch.tensor([sampling.pick(row, mask, random) for _ in range(5_000)])
    assert torch.allclose(drawn.bincount(minlength=8) / 5_000, expected, atol=0.03)
    assert set(drawn.tolist()) == set(expected.nonzero().flatten().tolist())


def test_gumbel_noise_draws_from_the_softmax():
    row = torch.log(torch.tensor([0.1, 0.6, 0.3])).repeat(20_000, 1)
    shares = gumbel(row, 1.0, seeded(1)).argmax(-1).bincount(minlength=3) / 20_000
    assert torch.allclose(shares, torch.tensor([0.1, 0.6, 0.3]), atol=0.02)
    assert gumbel(row, 0.0) is row


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": -1.0},
        {"temperature": math.nan},
        {"temperature": INF},
        {"top_k": 0},
        {"top_p": 0.0},
        {"top_p": 1.5},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(WeftError, match="expected"):
        Sampling(**settings)
