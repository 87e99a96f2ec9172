import pytest

from weft.errors import BudgetExceeded, GrammarError
from weft.grammar.automaton import code_point_automaton
from weft.grammar.grammar import And, Grammar, Literal, Not, Pattern, Ref, Terminal
from weft.grammar.regex import chars

NOTHING = Grammar("start", {})


def states(expression, grammar=NOTHING):
    return [
        (ends, [(to, found.ranges) for to, found in edges])
        for ends, edges in code_point_automaton(expression, grammar, 100)
    ]


def test_characters_of_several_bytes_are_one_step():
    assert states(Pattern("[aéê😀]b?")) == [
        (False, [(1, ((0x61, 0x61), (0xE9, 0xEA), (0x1F600, 0x1F600)))]),
        (True, [(2, ((0x62, 0x62),))]),
        (True, []),
    ]


def test_every_character_but_one():
    assert states(Pattern("[^b]")) == [(False, [(1, chars([(0, 0x61), (0x63, 0x10FFFF)]).ranges)]), (True, [])]


def test_names_of_terminals_are_written_out():
    grammar = Grammar("s", {"s": Ref("A")}, {"A": Terminal(Ref("B")), "B": Terminal(Literal(b"x"))})
    assert states(Ref("A"), grammar) == [(False, [(1, ((0x78, 0x78),))]), (True, [])]


def test_nothing_has_no_states():
    assert states(And((Literal(b"a"), Literal(b"b")))) == []


def test_bytes_that_are_no_characters_are_refused():
    with pytest.raises(GrammarError, match="bytes that are no characters"):
        states(Literal(b"\xff"))
    with pytest.raises(GrammarError, match="bytes that are no characters"):
        states(Literal(b"\xc3"))


def test_too_many_states_are_refused():
    with pytest.raises(BudgetExceeded):
        code_point_automaton(Not(Pattern("a{50}")), NOTHING, 10)
