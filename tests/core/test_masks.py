"""Every bit of every mask, both ways, against Earley over derivatives (reference.py)."""

import os
import random

import numpy as np
import pytest
from reference import Reading, Rules, bits, mask_of, random_grammar

import weft
from weft.grammar.grammar import Alt, Grammar, Literal, Pattern, Ref, Repeat, Seq, Special
from weft.grammar.matcher import Matcher

EFFORT = float(os.environ.get("WEFT_TEST_EFFORT", "1"))

# Two letters, tokens that cross many terminals, halves of a character, duplicates, an empty one, unused ids, two ends.
TOKENS = [b"a", b"b", b"aa", b"ab", b"ba", b"bb", b"aab", b"abab", b"bbb", b"aaaa", b"\xc3", b"\xa9", b"\xa9a",
          b"\xc3\xa9", b"b\xc3", b"a", b"ab", b"", None, None, None, None]  # fmt: skip
EOS = [18, 19]
SPECIALS = {"<x>": 20, "<y>": 21}
VOCABULARY = weft.Vocabulary(TOKENS, eos=EOS, specials=SPECIALS)


def letters_of(token: int) -> list:
    for name, at in SPECIALS.items():
        if at == token:
            return [Special(name)]
    return list(TOKENS[token] or b"")


def compare(matcher: Matcher, reading: Reading, where: object) -> set[int]:
    expected = mask_of(reading, TOKENS, EOS, SPECIALS)
    found = bits(matcher.mask())
    assert found == expected, (
        f"{where}\nafter {matcher.text!r}: too many {found - expected}, too few {expected - found}"
    )
    assert matcher.is_complete == reading.is_sentence, where
    return expected


def explore(grammar: Grammar, depth: int, rng: random.Random) -> None:
    """Every text of up to `depth` tokens, or a random part of them where there are many."""
    constraint = weft.compile(grammar, VOCABULARY)
    frontier = [(constraint.matcher(), Reading(Rules(grammar)))]
    for level in range(depth + 1):
        following = []
        for matcher, reading in frontier:
            allowed = compare(matcher, reading, grammar)
            for token in range(len(TOKENS)):
                if token not in allowed or token in EOS:
                    assert matcher.count_legal([token]) == (token in allowed)
                    if token not in allowed:
                        with pytest.raises(weft.DeadEnd):
                            matcher.commit(token)
                elif level < depth:
                    twin, copy = matcher.fork(), reading.fork()
                    twin.commit(token)
                    copy.read(letters_of(token))
                    following.append((twin, copy))
        frontier = rng.sample(following, min(len(following), 10))


@pytest.mark.parametrize("seed", range(int(40 * EFFORT)))
def test_masks_of_a_random_grammar(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(3):
        explore(random_grammar(rng, specials=seed % 3 == 0), 3, rng)


@pytest.mark.parametrize("seed", range(int(20 * EFFORT)))
def test_long_walks_in_a_random_grammar(seed: int) -> None:
    rng = random.Random(1000 + seed)
    grammar = random_grammar(rng, specials=seed % 2 == 0)
    matcher, reading = weft.compile(grammar, VOCABULARY).matcher(), Reading(grammar)
    for _ in range(12):
        allowed = [t for t in compare(matcher, reading, grammar) if t not in EOS]
        if not allowed:
            break
        token = rng.choice(allowed)
        matcher.commit(token)
        reading.read(letters_of(token))


A, B = Literal(b"a"), Literal(b"b")
X, Y, S = Ref("x"), Ref("y"), Ref("s")
NOTHING = Seq(())
SHAPES = {
    "left recursion": {"s": Alt((Seq((S, A)), B))},
    "left recursion through another": {"s": Alt((Seq((X, A)), B)), "x": Alt((Seq((S, B)), A))},
    "left recursion behind what may be empty": {"s": Alt((Seq((X, S, B)), A)), "x": Alt((A, NOTHING))},
    "left recursion that may be empty": {"s": Alt((Seq((S, X)), NOTHING)), "x": Alt((Seq((S, A)), B))},
    "three left-recursive members": {
        "s": Alt((Seq((X, A)), A)), "x": Alt((Seq((Y, B)), S)), "y": Alt((Seq((S, A)), X))
    },
    "right recursion": {"s": Alt((Seq((A, S)), B))},
    "right recursion through another": {"s": Alt((Seq((A, X)), B)), "x": Seq((B, S))},
    "both ends": {"s": Alt((Seq((S, A, S)), B))},
    "palindromes": {"s": Alt((Seq((A, S, A)), Seq((B, S, B)), NOTHING))},
    "brackets": {"s": Repeat(Seq((A, S, B)), 0, None)},
    "a circle of units": {"s": Alt((X, A)), "x": Alt((Y, B)), "y": S},
    "a circle of nothing": {"s": Alt((Seq((S, S)), NOTHING))},
    "a circle of nothing, and a letter": {"s": Alt((Seq((S, S)), NOTHING, A))},
    "only the empty sentence": {"s": Seq((X, X)), "x": NOTHING},
    "no sentence": {"s": Seq((A, S))},
    "no sentence behind a letter": {"s": Alt((Seq((A, X)), Seq((B, A)))), "x": Seq((B, X))},
    "symbols of no use": {"s": A, "x": Seq((A, Y)), "y": Alt((X, B))},
    "an empty alternative list": {"s": Alt((Alt(()), A))},
    "one lexeme or two": {"s": Seq((Pattern("a*"), X, Pattern("a*b?"))), "x": Alt((Pattern("a?"), Pattern("ab")))},
    "a call in the tail": {"s": Seq((A, X)), "x": Seq((B, Y)), "y": Alt((Seq((A, X)), A))},
    "nested repeats": {"s": Repeat(Seq((Repeat(X, 0, 2), A)), 1, 3), "x": Alt((B, NOTHING))},
    "a b-count as large as the a-count": {"s": Alt((Seq((A, S, B)), Seq((A, B))))},
    "ambiguous sums": {"s": Alt((Seq((S, B, S)), Pattern("a+")))},
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_masks_of_every_shape_of_recursion(shape: str) -> None:
    explore(Grammar("s", SHAPES[shape]), 6, random.Random(0))


def test_a_token_may_cross_any_number_of_terminals() -> None:
    grammar = Grammar("s", {"s": Repeat(X, 0, None), "x": Alt((Literal(b"a"), Seq((Literal(b"b"), X, Literal(b"b")))))})
    matcher = weft.compile(grammar, weft.Vocabulary([b"abab", b"babbbabba", b"bbb", None], eos=[3])).matcher()
    assert bits(matcher.mask()) == {0, 1, 2, 3}
    matcher.commit(1)
    assert bits(matcher.mask()) == {0, 1, 2, 3}
    matcher.commit(2)
    assert bits(matcher.mask()) == {2}


def test_masks_along_a_draft_are_the_masks_after_each_token() -> None:
    grammar = Grammar("s", SHAPES["palindromes"])
    matcher = weft.compile(grammar, VOCABULARY).matcher()
    draft = [0, 3, 4, 0, 18]
    expected = []
    twin = matcher.fork()
    for token in draft:
        expected.append(twin.mask())
        twin.commit(token)
    expected.append(twin.mask())
    assert (matcher.masks(draft) == np.array(expected)).all()
    assert matcher.count_legal(draft) == 5
    assert matcher.tokens == []


def test_masks_behind_a_token_that_does_not_fit_are_empty() -> None:
    matcher = weft.compile(Grammar("s", {"s": Seq((A, B))}), VOCABULARY).matcher()
    masks = matcher.masks([0, 0, 1])
    assert [bits(m) for m in masks] == [{0, 15, 3, 16}, {1}, set(), set()]
    assert matcher.count_legal([0, 0, 1]) == 1


@pytest.mark.parametrize("seed", range(int(30 * EFFORT)))
def test_forced_tokens_are_the_only_ones(seed: int) -> None:
    rng = random.Random(seed)
    grammar = random_grammar(rng)
    matcher = weft.compile(grammar, weft.Vocabulary([b"a", b"b", b"\xc3", b"\xa9", None], eos=[4])).matcher()
    for _ in range(6):
        forced = matcher.forced()
        twin = matcher.fork()
        for token in forced[:50]:
            assert bits(twin.mask()) == {token}
            twin.commit(token)
        if len(forced) <= 50:
            assert len(bits(twin.mask())) != 1 or bits(twin.mask()) == {4}
        allowed = sorted(bits(matcher.mask()) - {4})
        if not allowed:
            break
        matcher.commit(rng.choice(allowed))
