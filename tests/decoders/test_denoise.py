"""weft.denoise with tables of logits for a model and a list of sentences for a grammar."""

import itertools
import math

import numpy as np
import pytest
import torch
from toy_solver import ENGINES, ToyConstraint, ToyVocabulary, engine

from weft.decoders.denoise import denoise
from weft.decoders.picture import Kind
from weft.decoders.policies import Dream, EntropyBudget, Factor, FixedBlocks, Threshold, TopK
from weft.decoders.result import Stop
from weft.errors import BudgetExceeded, DeadEnd, VocabularyError, WeftError
from weft.infill.canvas import HOLE, Canvas, Hole

AB = ToyVocabulary([b"a", b"b", b"ab", None, None], eos=[3])
A, B, TWO, EOS, MASK = range(5)


@pytest.fixture(params=ENGINES)
def constrain(request):
    return engine(request.param)


class Table:
    """A masked model that always returns the same scores, one row per slot, and keeps what it was asked."""

    def __init__(self, rows, vocabulary=AB, mask_id=MASK):
        self.rows, self.vocabulary, self.mask_id = torch.tensor(rows, dtype=torch.float), vocabulary, mask_id
        self.vocab_size = self.rows.shape[1]
        self.seen: list[list[int]] = []

    def encode(self, text: str) -> list[int]:
        return [A] * len(text)

    def logits(self, tokens):
        self.seen.append(list(tokens))
        rows = torch.zeros(len(tokens), self.vocab_size)
        rows[len(tokens) - len(self.rows) :] = self.rows
        return rows


def log(*p: float) -> list[float]:
    return [math.log(x) if x else -1e9 for x in p]


def two_letters(p: float) -> list[float]:
    return log(p, 1 - p, 0, 0, 0)


def test_tokens_committed_together_fit_together(constrain) -> None:
    dlm = Table([two_letters(0.6), two_letters(0.6)])
    result = denoise(dlm, "", constrain([b"ab", b"ba"], AB), length=2, policy=Threshold(0.5))
    assert (result.text, result.ids) == ("ab", [A, B])
    assert (result.model_calls, result.commits, result.forced, result.refused) == (1, 1, 1, 1)
    alone = denoise(dlm, "", length=2, policy=Threshold(0.5))
    assert (alone.text, alone.model_calls, alone.commits, alone.refused) == ("aa", 1, 2, 0)


def test_confidence_is_renormalised_over_the_legal_tokens(constrain) -> None:
    vocabulary = ToyVocabulary([b"a", b"b", b"x", None, None], eos=[3])
    seen = []

    class Keep:
        def propose(self, prediction):
            seen.append(prediction)
            return [0]

    dlm = Table([log(0.30, 0.05, 0.65, 0, 0)], vocabulary)
    denoise(dlm, "", constrain([b"a", b"b"], vocabulary), length=1, policy=Keep())
    assert seen[0].confidence[0] == pytest.approx(0.857, abs=1e-3)
    assert seen[0].legal_mass[0] == pytest.approx(0.35)
    assert seen[0].margin[0] == pytest.approx(0.25 / 0.35)
    assert seen[0].entropy[0] == pytest.approx(-sum(p * math.log(p) for p in (0.30 / 0.35, 0.05 / 0.35)))


def test_end_tokens_fill_what_is_left_over(constrain) -> None:
    rows = [log(0.9, 0.05, 0, 0.05, 0), log(0.05, 0.05, 0, 0.9, 0), log(0.9, 0.05, 0, 0.05, 0)]
    result = denoise(Table(rows), "", constrain([b"a", b"aaa"], AB), length=3)
    assert (result.text, result.ids, result.stop) == ("a", [A], Stop.END)
    assert result.model_calls == 1  # the first commit leaves the end token alone in two slots, or the other way round
    alone = denoise(Table(rows), "", length=3, block=1)
    assert (alone.text, alone.stop, alone.model_calls, alone.forced) == ("a", Stop.END, 2, 1)


def test_a_full_canvas_without_an_end_token(constrain) -> None:
    assert denoise(Table([two_letters(0.9)] * 2), "", constrain([b"aa"], AB), length=2).stop is Stop.COMPLETE
    assert denoise(Table([two_letters(0.9)] * 2), "", length=2).stop is Stop.BUDGET


def test_what_is_forced_from_the_start_costs_no_forward_pass(constrain) -> None:
    dlm = Table([two_letters(0.9)] * 2)
    result = denoise(dlm, "", constrain([b"bb"], AB), length=2)
    assert (result.text, result.model_calls, result.forced, result.commits) == ("bb", 0, 2, 0)


def test_the_model_sees_the_prompt_and_the_canvas() -> None:
    dlm = Table([two_letters(0.9)] * 2)
    denoise(dlm, "??", length=2, block=1)
    assert dlm.seen == [[A, A, MASK, MASK], [A, A, A, MASK]]
    denoise(dlm, [B], length=2, block=FixedBlocks(2), policy=TopK(2))
    assert dlm.seen[2:] == [[B, MASK, MASK]]


def test_the_mask_id_is_never_committed() -> None:
    rows = [log(0.1, 0.05, 0, 0.05, 0.8)]
    assert denoise(Table(rows), "", length=1).ids == [A]
    assert denoise(Table(rows), "", length=1, max_steps=1).ids == [A]


def test_blocks_are_filled_from_left_to_right() -> None:
    rows = [two_letters(p) for p in (0.6, 0.7, 0.8, 0.9)]
    result = denoise(Table(rows), "", length=4, block=2)
    order = [position for step in result.history.steps for position in step.committed]
    assert order == [1, 0, 3, 2]
    assert [step.window for step in result.history.steps] == [range(2), range(2), range(2, 4), range(2, 4)]
    whole = denoise(Table(rows), "", length=4)
    assert [position for step in whole.history.steps for position in step.committed] == [3, 2, 1, 0]


def test_the_schedule_restarts_with_each_block() -> None:
    result = denoise(Table([two_letters(0.9)] * 6), "", length=6, block=3, policy=TopK(steps=2))
    assert [len(step.committed) for step in result.history.steps] == [2, 1, 2, 1]


def test_the_last_step_fills_with_the_best_joint_filling(constrain) -> None:
    rows = [two_letters(0.6), two_letters(0.9), two_letters(0.6)]
    constraint = constrain([b"abb", b"bab", b"bba"], AB)
    result = denoise(Table(rows), "", constraint, length=3, max_steps=1)
    assert (result.text, result.model_calls, result.commits) == ("bab", 1, 3)
    counts = {"abb": 0, "bab": 0, "bba": 0}
    for seed in range(300):
        counts[denoise(Table(rows), "", constraint, length=3, max_steps=1, temperature=1.0, seed=seed).text] += 1
    weights = np.array([0.6 * 0.1 * 0.4, 0.4 * 0.9 * 0.4, 0.4 * 0.1 * 0.6])
    assert np.array(list(counts.values())) / 300 == pytest.approx(weights / weights.sum(), abs=0.08)


def test_a_canvas_with_fixed_tokens_is_filled_around_them(constrain) -> None:
    canvas = Canvas.from_tokens([MASK, B, MASK, MASK], MASK)
    result = denoise(Table([log(0.4, 0.4, 0.1, 0.1, 0)] * 4), "", constrain([b"abab", b"bb"], AB), canvas=canvas)
    assert (result.text, result.ids, result.holes) == ("abab", [A, B, A, B], ["a", "ab"])
    assert result.history.start == [None, B, None, None]


def test_what_the_constraint_cannot_settle_is_refused_and_counted() -> None:
    rows = [log(0.9, 0.1, 0, 0, 0), log(0.8, 0.2, 0, 0, 0)]
    sentences = [bytes(x) for x in itertools.product(b"ab", repeat=2)]
    unsure = ToyConstraint(sentences, AB, unknown=frozenset({(0, A)}))
    result = denoise(Table(rows), "", unsure, length=2, policy=TopK(2))
    assert (result.text, result.commits) == ("ba", 2)
    assert result.unknown > 0
    nothing = ToyConstraint(sentences, AB, unknown=frozenset(itertools.product(range(2), range(4))))
    with pytest.raises(BudgetExceeded, match="could not settle any token"):
        denoise(Table(rows), "", nothing, length=2)


def test_the_same_seed_gives_the_same_text() -> None:
    dlm = Table([two_letters(0.5)] * 8)
    texts = {denoise(dlm, "", length=8, temperature=1.0, seed=seed).text for seed in (1, 1, 2, 3, 4)}
    assert len({denoise(dlm, "", length=8, temperature=1.0, seed=1).text for _ in range(3)}) == 1
    assert len(texts) > 1


@pytest.mark.parametrize(
    "policy",
    [TopK(1), TopK(3), TopK(steps=2), Threshold(0.4), Factor(2.0), EntropyBudget(1.0), Dream(3)],
    ids=lambda policy: type(policy).__name__,
)
@pytest.mark.parametrize("block", [None, 3])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_every_policy_ends_in_a_sentence(policy, block, temperature, constrain) -> None:
    rng = np.random.default_rng(0)
    sentences = [b"abba", b"aab", b"b", b"ababab", b"bbaab"]
    for seed in range(8):
        dlm = Table(rng.normal(size=(6, 5)) * 2)
        how = {"policy": policy, "block": block, "temperature": temperature, "seed": seed}
        result = denoise(dlm, "", constrain(sentences, AB), length=6, **how)
        assert result.data in sentences
        assert result.commits + result.forced == 6
        assert result.is_complete


@pytest.mark.parametrize(("k", "expected"), [(1, 1.0), (2, 15 / 48), (6, math.factorial(6) / 6**6)])
def test_shuffle_without_a_grammar_loses_what_theory_says_and_with_it_nothing(
    k: int, expected: float, constrain
) -> None:
    """An ideal model of permutations gives exact marginals; parallel sampling repeats items, joint commits do not."""
    n = 6
    vocabulary = ToyVocabulary([bytes([c]) for c in b"ABCDEF"] + [None, None], eos=[6])

    class Ideal(Table):
        def logits(self, tokens):
            rows = torch.full((n, n + 2), -1e9)
            rows[:, [t for t in range(n) if t not in tokens]] = 0.0
            return rows + torch.rand(n, n + 2, generator=self.noise) * 1e-6

    class AnyOrder:
        def propose(self, prediction):
            return prediction.rng.permutation(np.flatnonzero(prediction.is_open))[:k]

    dlm = Ideal(np.zeros((n, n + 2)), vocabulary, mask_id=7)
    dlm.noise = torch.Generator().manual_seed(0)
    right = 0
    for seed in range(200):
        result = denoise(dlm, "", length=n, policy=AnyOrder(), temperature=1.0, seed=seed)
        right += len(set(result.ids)) == n
    assert right / 200 == pytest.approx(expected, abs=0.1)
    constraint = constrain([bytes(x) for x in itertools.permutations(b"ABCDEF")], vocabulary)
    for seed in range(3):
        result = denoise(dlm, "", constraint, length=n, policy=AnyOrder(), temperature=1.0, seed=seed)
        assert sorted(result.text) == list("ABCDEF")


def test_a_picture_of_the_run(constrain) -> None:
    dlm = Table([two_letters(0.6), two_letters(0.6)])
    history = denoise(dlm, "", constrain([b"ab", b"ba"], AB), length=2, policy=Threshold(0.5)).history
    assert list(history.rows()) == [
        [(Kind.MASK, None), (Kind.MASK, None)],
        [(Kind.COMMITTED, A), (Kind.FORCED, B)],
    ]
    assert str(history).split("\n")[:3] == [" step 0 1", "    0 . . ", "    1 a b "]
    page = history._repr_html_()
    assert page.count("<tr>") == 3
    assert "slot 1: forced, token 1 b&#x27;b&#x27;" in page


def test_wide_pictures_are_cut_into_bands() -> None:
    history = denoise(Table([two_letters(0.9)] * 12), "", length=12, policy=TopK(12)).history
    lines = history.to_text(width=20).plain.split("\n")
    assert max(map(len, lines[:-1])) <= 20
    assert [line for line in lines if line.startswith(" step")] == [" step 0 1 2 3 4 5 6", " step 7 8 9 10 11"]


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({}, WeftError, "size of the canvas"),
        ({"length": 2, "canvas": Canvas(Hole(2))}, WeftError, "size of the canvas"),
        ({"length": 0}, WeftError, "length is 0"),
        ({"length": 2, "max_steps": 0}, WeftError, "max_steps is 0"),
        ({"length": 2, "temperature": -1.0}, WeftError, "temperature is -1"),
        ({"length": 2, "block": 0}, WeftError, "0 slots"),
        ({"canvas": Canvas("a", HOLE)}, WeftError, "needs a canvas of tokens"),
        ({"length": 1}, DeadEnd, "no filling of the canvas is a sentence"),
    ],
)
def test_mistakes_are_refused(more, error, message, constrain) -> None:
    with pytest.raises(error, match=message):
        denoise(Table([two_letters(0.6)] * 2), "", constrain([b"aaa"], AB), **more)


def test_a_mask_id_that_is_text_is_refused(constrain) -> None:
    with pytest.raises(VocabularyError, match="mask id 2 is text"):
        denoise(Table([two_letters(0.6)] * 2, mask_id=2), "", constrain([b"a"], AB), length=2)
