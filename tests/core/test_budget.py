"""max_tokens: whatever the mask allows, the text can be finished within the budget, and is."""

import os
import random

import pytest
from reference import bits, random_grammar

import weft
from weft.grammar.grammar import Alt, Grammar, Literal, Pattern, Ref, Repeat, Seq, Special

EFFORT = float(os.environ.get("WEFT_TEST_EFFORT", "1"))
TOKENS = [b"a", b"b", b"ab", b"bb", b"aaa", b"\xc3", b"\xa9", None, None, None]
EOS, X = 7, 8
VOCABULARY = weft.Vocabulary(TOKENS, eos=[EOS], specials={"<x>": X, "<y>": 9})
S, A, B = Ref("s"), Literal(b"a"), Literal(b"b")


def finish(matcher: weft.Matcher, budget: int, rng: random.Random) -> None:
    """Any way through the masks ends with a sentence, before the budget does."""
    for spent in range(budget + 1):
        mask = bits(matcher.mask())
        assert mask, f"nothing may follow {matcher.text!r} after {spent} of {budget} tokens"
        assert (EOS in mask) == matcher.is_complete
        if spent == budget:
            assert mask == {EOS}
        for token in range(len(TOKENS)):
            assert matcher.count_legal([token]) == (token in mask)
        token = rng.choice(sorted(mask))
        twin = matcher.fork()
        matcher.commit(token)
        if token == EOS:
            return
        assert matcher.count_legal([]) == 0
        if rng.random() < 0.3:
            matcher.rollback(1)
            assert bits(matcher.mask()) == mask
            matcher.commit(token)
        twin.commit(token)
        assert bits(twin.mask()) == bits(matcher.mask())
        if rng.random() < 0.3:
            matcher = twin


@pytest.mark.parametrize("seed", range(int(60 * EFFORT)))
def test_every_way_through_the_masks_ends_in_time(seed: int) -> None:
    rng = random.Random(seed)
    constraint = weft.compile(random_grammar(rng, specials=seed % 2 == 0), VOCABULARY)
    for budget in (0, 1, 2, 3, 5, 8, 13):
        try:
            matcher = constraint.matcher(max_tokens=budget)
        except weft.BudgetExceeded:
            continue
        for _ in range(4):
            finish(matcher.fork(), budget, rng)


def test_a_budget_that_no_sentence_fits_is_refused_at_once() -> None:
    constraint = weft.compile(Grammar("s", {"s": Pattern("(a|b){10}b*")}), VOCABULARY)
    with pytest.raises(weft.BudgetExceeded, match="no sentence"):
        constraint.matcher(max_tokens=3)
    assert constraint.matcher(max_tokens=10).max_tokens == 10
    with pytest.raises(weft.BudgetExceeded):
        weft.compile(Grammar("s", {"s": Alt(())}), VOCABULARY).matcher(max_tokens=100)


def test_a_budget_of_nothing_is_enough_for_nothing() -> None:
    matcher = weft.compile(Grammar("s", {"s": Pattern("a*")}), VOCABULARY).matcher(max_tokens=0)
    assert bits(matcher.mask()) == {EOS}
    assert matcher.forced() == []


def test_brackets_are_closed_in_time() -> None:
    constraint = weft.compile(Grammar("s", {"s": Alt((Seq((A, S, B)), Seq((A, B))))}), VOCABULARY)
    rng = random.Random(0)
    for budget in (2, 3, 7, 20):
        finish(constraint.matcher(max_tokens=budget), budget, rng)
    matcher = constraint.matcher(max_tokens=4)
    matcher.commit(0, 0)
    assert bits(matcher.mask()) == {1, 2, 3}  # b, ab and bb in one more, bb
    with pytest.raises(weft.DeadEnd):
        matcher.commit(0)


def test_special_tokens_count() -> None:
    grammar = Grammar("s", {"s": Seq((Special("<x>"), Repeat(A, 0, None), Special("<x>")))})
    constraint = weft.compile(grammar, VOCABULARY)
    with pytest.raises(weft.BudgetExceeded):
        constraint.matcher(max_tokens=1)
    matcher = constraint.matcher(max_tokens=3)
    matcher.commit(X)
    assert bits(matcher.mask()) == {0, 4, X}
    matcher.commit(4)
    assert bits(matcher.mask()) == {X}


def test_masks_and_drafts_keep_the_budget() -> None:
    matcher = weft.compile(Grammar("s", {"s": Pattern("(ab)*")}), VOCABULARY).matcher(max_tokens=3)
    assert [bits(m) for m in matcher.masks([0, 1, 2])] == [{0, 2, EOS}, {1}, {2, EOS}, {EOS}]
    assert matcher.count_legal([2, 2, 2, 2]) == 3
    assert matcher.count_legal([0, 1, 0]) == 2
    assert matcher.count_legal([2, 2, 2, EOS]) == 4


@pytest.mark.parametrize("bad", [-1, 1.5, "3"])
def test_a_budget_is_a_count(bad: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        weft.compile(Grammar("s", {"s": A}), VOCABULARY).matcher(max_tokens=bad)
