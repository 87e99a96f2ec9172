"""Terminals' automata are minimal: as many states as Moore's slow refinement finds.

Not so where words are taken away, and where a sequence holds an And: there the parts are joined as they are, which is
quicker.
"""

import random

import pytest

from weft import _core
from weft.grammar.constraint import DEFAULT_LIMITS, KINDS
from weft.grammar.grammar import Alt, And, Expression, Literal, Not, Pattern, Repeat, Seq


def expression(rng: random.Random, depth: int) -> Expression:
    kind = rng.randrange(7 if depth else 2)
    if kind == 0:
        return Literal(rng.choice([b"a", b"b", b"ab", b"ba", "é".encode()]))
    if kind == 1:
        return Pattern(rng.choice(["[ab]", "[^a]", "a*b", "(?:ab|b)*", ".", "[à-ü]", "(?s:.)*a"]))
    if kind <= 3:
        return Seq(tuple(expression(rng, depth - 1) for _ in range(rng.randint(2, 3))))
    if kind == 4:
        return Alt(tuple(expression(rng, depth - 1) for _ in range(rng.randint(2, 3))))
    return Repeat(expression(rng, depth - 1), *rng.choice([(0, None), (1, None), (0, 1), (2, 4), (0, 5)]))


def smallest(states: int, accepting: list[int], edges: list[tuple[int, int, int, int]]) -> int:
    rows = [[-1] * 256 for _ in range(states)]
    for state, low, high, to in edges:
        for byte in range(low, high + 1):
            rows[state][byte] = to
    block = [int(s in accepting) for s in range(states)]
    while True:
        names: dict[tuple[int, ...], int] = {}
        keys = [(block[s], *(block[t] if t >= 0 else -1 for t in rows[s])) for s in range(states)]
        finer = [names.setdefault(key, len(names)) for key in keys]
        if len(set(finer)) == len(set(block)):
            return len(set(block))
        block = finer


@pytest.mark.parametrize("seed", range(300))
def test_no_two_states_read_the_same(seed: int) -> None:
    rng = random.Random(seed)
    e = expression(rng, 3)
    if seed % 3:
        other = expression(rng, 2)
        e = And((e, other)) if seed % 3 == 1 else And((e, Not(Seq((other, Pattern("b*"))))))
    states, _, accepting, edges = _core.terminal_dfa(e, None, KINDS, DEFAULT_LIMITS._native())
    assert states == smallest(states, accepting, edges), e
