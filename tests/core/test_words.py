"""Lists of words, put into an automaton or taken out of it: against Python's own regular expressions, text by text."""

import itertools
import random
import re

import pytest

from weft import _core
from weft.grammar.constraint import DEFAULT_LIMITS, KINDS
from weft.grammar.grammar import Alt, And, Expression, Literal, Not, Pattern, Seq

PATTERNS = ["[ab]*", "(?:ab)*", "a*b?", "a|bb|bab", "(?:a|bb)*", "[ab]{2,3}", "b[ab]*a"]
TEXTS = ["".join(t) for n in range(7) for t in itertools.product("ab", repeat=n)]


def accepted(e: Expression) -> set[str]:
    _, start, accepting, edges = _core.terminal_dfa(e, None, KINDS, DEFAULT_LIMITS._native())
    step = {(s, b): to for s, low, high, to in edges for b in range(low, high + 1)}

    def accepts(text: str) -> bool:
        state: int | None = start
        for byte in text.encode():
            state = step.get((state, byte)) if state is not None else None
        return state in accepting

    return {t for t in ["", *TEXTS, *(f'"{t}"' for t in TEXTS)] if accepts(t)}


def words_of(rng: random.Random) -> list[str]:
    return ["".join(rng.choice("ab") for _ in range(rng.randint(0, 5))) for _ in range(rng.randint(1, 12))]


@pytest.mark.parametrize("seed", range(200))
def test_words_that_are_taken_away(seed: int) -> None:
    rng = random.Random(seed)
    pattern, words, more = rng.choice(PATTERNS), words_of(rng), rng.choice(["", "a", "ba"])
    left = {t for t in TEXTS if re.fullmatch(pattern, t)} - set(words) - {more}
    no = Not(Alt(tuple(Literal(w.encode()) for w in words)))
    bare = And((Pattern(pattern), no, Not(Literal(more.encode()))))
    assert accepted(bare) == left
    assert accepted(Seq((Literal(b'"'), bare, Literal(b'"')))) == {f'"{t}"' for t in left}


@pytest.mark.parametrize("seed", range(50))
def test_words_alone(seed: int) -> None:
    words = words_of(random.Random(seed))
    assert accepted(Alt(tuple(Literal(w.encode()) for w in words))) == set(words)


def test_what_follows_may_begin_like_a_longer_match() -> None:
    e = Seq((Literal(b"a"), And((Pattern("[ab]*"), Not(Literal(b"a")))), Literal(b"b")))
    assert accepted(e) == {t for t in TEXTS if re.fullmatch("a[ab]*b", t)} - {"aab"}


def test_nothing_is_left() -> None:
    assert accepted(And((Pattern("a|bb|bab"), Not(Alt((Literal(b"bab"), Literal(b"a"), Literal(b"bb"))))))) == set()


def test_a_tree_of_words_costs_its_bytes_not_its_states_times_its_alphabet() -> None:
    words = [f"{i:03x}{'x' * 40}" for i in range(4096)]
    string = Pattern(r'[^"\\]*')
    states, *_ = _core.terminal_dfa(
        Seq((Literal(b'"'), And((string, Not(Alt(tuple(Literal(w.encode()) for w in words))))), Literal(b'"'))),
        None,
        KINDS,
        DEFAULT_LIMITS._native(),
    )
    assert states < 80  # three digits, one tail: equal subtrees are one
