"""max_tokens: whatever is chosen among the allowed tokens, the output can be finished within the budget, and is."""

import random

import pytest

from weft.errors import BudgetExceeded, DeadEnd
from weft.grammar.constraint import compile
from weft.grammar.lark import from_lark
from weft.grammar.vocabulary import Vocabulary

BYTES = [bytes([b]) for b in range(256)]
MANY = [*BYTES, b"((", b"))", b"if", b"in", b" x", b"1e", b"()", b") ", b"x y", None]
FEW = [b"(", b")", b"))", b"x", b"if (", b" ", b"1", None]

GRAMMARS = {
    "brackets": 'start: "(" start ")" | "x"',
    "words": 'start: (NAME | "if" "(" start ")" | NUMBER)+\nNAME: /[a-z]+/\nNUMBER: /1(e1)?/\nWS: " "\n%ignore WS',
    "long": 'start: "(" "(" "(" NAME ")" ")" ")" | start ";"\nNAME: /x{3}/',
    "empty": 'start: ("(" start ")")*',
}


@pytest.mark.parametrize("tokens", [MANY, FEW], ids=["all bytes", "few tokens"])
@pytest.mark.parametrize("scannerless", [False, True], ids=["lexer", "scannerless"])
@pytest.mark.parametrize("name", GRAMMARS)
def test_every_walk_ends_within_its_budget(name, scannerless, tokens):
    grammar = from_lark(GRAMMARS[name], scannerless=scannerless)
    constraint = compile(grammar, Vocabulary(tokens, [len(tokens) - 1]))
    end = len(tokens) - 1
    began = 0
    for budget in range(12):
        try:
            constraint.matcher(max_tokens=budget)
        except BudgetExceeded:
            assert began == 0, "a larger budget never has fewer sentences"
            continue
        began += 1
        for seed in range(8):
            rng = random.Random(seed)
            matcher = constraint.matcher(max_tokens=budget)
            while True:
                mask = matcher.mask()
                allowed = [t for t in range(len(tokens)) if mask[t >> 5] >> (t & 31) & 1]
                assert allowed, (budget, matcher.text)
                forbidden = rng.choice(range(end))
                if forbidden not in allowed:
                    with pytest.raises(DeadEnd):
                        matcher.commit(forbidden)
                token = rng.choice(allowed)
                matcher.commit(token)
                if token == end:
                    break
            assert len(matcher.tokens) - 1 <= budget
    if name != "long" or tokens is MANY:
        assert began


def test_a_budget_is_refused_at_once_with_what_is_needed():
    constraint = compile(from_lark('start: "(" "(" "(" "x" ")" ")" ")"'), Vocabulary(FEW, [7]))
    with pytest.raises(BudgetExceeded) as error:
        constraint.matcher(max_tokens=5)
    assert (error.value.limit, error.value.spent) == (5, 6)  # "(", "(", "(", "x", "))", ")"
    constraint.matcher(max_tokens=6)


def test_rollback_gives_the_budget_back():
    matcher = compile(from_lark(GRAMMARS["brackets"]), Vocabulary(FEW, [7])).matcher(max_tokens=4)
    first = matcher.mask()
    matcher.commit(0, 0)
    assert matcher.count_legal([0]) == 0
    matcher.rollback(2)
    assert (matcher.mask() == first).all()
    assert matcher.count_legal([0, 0, 3, 2]) == 4


def test_a_blank_that_parts_nothing_is_not_counted_on():
    """Another lexeme begins with the blank: "a a" is A and B, and nothing is A and A."""
    grammar = from_lark('start: A A | "cccccccc" | B "!!!!!!!!"\nA: /a+/\nB: / a/\nWS: " "\n%ignore WS')
    constraint = compile(grammar, Vocabulary([*BYTES, None], [256]))
    for budget in range(8):
        with pytest.raises(BudgetExceeded):
            constraint.matcher(max_tokens=budget)
    constraint.matcher(max_tokens=8).commit(*b"cccccccc", 256)


def test_a_lexeme_takes_as_many_bytes_as_it_has():
    grammar = from_lark('start: "begin" start "finish" | /[0-9]{3}/\nWS: " "\n%ignore WS')
    constraint = compile(grammar, Vocabulary([*BYTES, None], [256]))
    for budget in range(3, 20):
        for seed in range(4):
            rng, matcher = random.Random(seed), constraint.matcher(max_tokens=budget)
            while not matcher.is_stopped:
                mask = matcher.mask()
                allowed = [t for t in (*b"begin123 finish", 256) if mask[t >> 5] >> (t & 31) & 1]
                assert allowed, (budget, matcher.text)
                matcher.commit(rng.choice(allowed))
