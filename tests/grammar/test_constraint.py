import pickle

import numpy as np
import pytest

import weft
from weft.grammar.grammar import Alt, Grammar, Literal, Pattern, Ref, Repeat, Seq

VOCABULARY = weft.Vocabulary([b"a", b"b", None] + [None] * 40, eos=[2])
AB = Grammar("s", {"s": Seq((Literal(b"a"), Literal(b"b")))})


def test_a_mask_has_a_bit_for_every_id_of_the_vocabulary() -> None:
    constraint = weft.compile(AB, VOCABULARY)
    assert constraint.empty_mask().tolist() == [0, 0]
    assert constraint.empty_mask().dtype == np.uint32
    assert constraint.matcher().mask().tolist() == [1, 0]


def test_a_constraint_says_what_it_is() -> None:
    constraint = weft.compile(AB, VOCABULARY)
    assert repr(constraint) == "<weft.Constraint 's', 43 tokens>"
    assert constraint.grammar is AB
    assert constraint.vocabulary is VOCABULARY


def test_a_constraint_can_be_sent_to_another_process() -> None:
    twin = pickle.loads(pickle.dumps(weft.compile(AB, VOCABULARY, limits=weft.Limits(depth=7))))
    assert twin.grammar == AB
    assert twin.limits.depth == 7
    assert twin.matcher().mask().tolist() == [1, 0]


def test_matchers_of_one_constraint_are_independent() -> None:
    constraint = weft.compile(AB, VOCABULARY)
    one, two = constraint.matcher(), constraint.matcher()
    one.commit(0)
    assert one.mask().tolist() == [2, 0]
    assert two.mask().tolist() == [1, 0]
    assert one.constraint is two.constraint is constraint


def test_limits_are_kept() -> None:
    pattern = Grammar("s", {"s": Pattern(".*a.{6}")})
    with pytest.raises(weft.BudgetExceeded, match="too many states") as caught:
        weft.compile(pattern, VOCABULARY, limits=weft.Limits(dfa_states=20))
    assert (caught.value.limit, caught.value.spent) == (20, 21)
    weft.compile(pattern, VOCABULARY)
    with pytest.raises(weft.BudgetExceeded, match="too many states"):
        weft.compile(Grammar("s", {"s": Pattern("(ab|a){9}")}), VOCABULARY, limits=weft.Limits(nfa_states=20))
    with pytest.raises(weft.BudgetExceeded, match="too many states"):
        weft.compile(
            Grammar("s", {"s": Repeat(Alt((Seq((Literal(b"a"), Ref("s"))), Literal(b"b"))), 90, 99)}),
            VOCABULARY,
            limits=weft.Limits(box_states=50),
        )
    with pytest.raises(weft.BudgetExceeded, match="nested too deeply"):
        weft.compile(
            Grammar("s", {"s": Seq((Seq((Seq((Literal(b"a"),)),)),))}), VOCABULARY, limits=weft.Limits(depth=2)
        )


def test_more_is_known_after_a_question() -> None:
    constraint = weft.compile(Grammar("s", {"s": Pattern("[ab]*")}), VOCABULARY)
    before = constraint.size_bytes
    for _ in range(3):
        constraint.matcher().mask()
    after = constraint.size_bytes
    assert after >= before
    constraint.matcher().mask()
    assert constraint.size_bytes == after
