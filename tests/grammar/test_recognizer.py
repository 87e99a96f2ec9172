import pytest

import weft
from weft.grammar.grammar import (
    Alt,
    And,
    Expression,
    Grammar,
    Literal,
    Not,
    Pattern,
    Ref,
    Repeat,
    Seq,
    Special,
    Terminal,
)
from weft.grammar.recognizer import Recognizer

NESTED = Grammar("s", {"s": Alt((Seq((Literal(b"["), Ref("s"), Literal(b"]"))), Pattern("[0-9]+")))})


def test_feed_takes_what_fits() -> None:
    recognizer = Recognizer(NESTED)
    assert recognizer.feed(b"[[1") == 3
    assert (recognizer.offset, recognizer.is_complete) == (3, False)
    assert recognizer.feed(b"2]x]") == 2
    assert recognizer.offset == 5
    assert recognizer.feed(b"") == 0
    assert recognizer.feed(b"]") == 1
    assert recognizer.is_complete


def test_what_may_come_next() -> None:
    recognizer = Recognizer(NESTED)
    assert bytes(recognizer.allowed_bytes()) == b"0123456789["
    recognizer.feed(b"[7")
    assert bytes(recognizer.allowed_bytes()) == b"0123456789]"
    assert sorted(recognizer.expected()) == ['"]"', "/[0-9]+/"]
    recognizer.feed(b"]")
    assert recognizer.allowed_bytes() == []


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        (Literal(b'\xff"\xc3\xa9\n'), '"\\xff\\"é\\n"'),
        (Repeat(Pattern("[0-9]"), 1, None), "/[0-9]/+"),
        (Seq((Repeat(Pattern("a"), 2, 5), Alt((Literal(b"x"), Literal(b"y"))))), '/a/{2,5} ("x" | "y")'),
        (And((Pattern("a*"), Not(Repeat(Literal(b"aa"), 0, None)))), '(/a*/ & ~("aa"*))'),
        (Repeat(Seq((Literal(b"a" * 30), Literal(b"b" * 30), Literal(b"c"))), 0, 1), f'("{"a" * 30}" "{"b" * 30}" ...'),
    ],
)
def test_what_may_come_next_is_shown_as_in_a_lark_file(expression: Expression, shown: str) -> None:
    assert Recognizer(Grammar("s", {"s": expression})).expected() == [shown]


def test_rollback_counts_bytes() -> None:
    recognizer = Recognizer(NESTED)
    recognizer.feed(b"[1]")
    recognizer.rollback(2)
    assert recognizer.offset == 1
    assert recognizer.feed(b"2]") == 2
    assert recognizer.is_complete
    recognizer.rollback(3)
    assert recognizer.offset == 0
    for count in (1, -1):
        with pytest.raises(ValueError, match="cannot roll back"):
            recognizer.rollback(count)


def test_the_empty_language_is_dead_and_the_empty_sentence_is_not() -> None:
    assert Recognizer(Grammar("s", {"s": Alt(())})).is_dead
    empty = Recognizer(Grammar("s", {"s": Seq(())}))
    assert not empty.is_dead
    assert empty.is_complete
    assert empty.allowed_bytes() == []


def test_without_a_vocabulary_special_tokens_never_come() -> None:
    recognizer = Recognizer(Grammar("s", {"s": Alt((Special("<x>"), Literal(b"a")))}))
    assert recognizer.allowed_bytes() == [97]


def test_a_lexeme_ends_where_no_longer_one_follows() -> None:
    grammar = Grammar(
        "s",
        {"s": Seq((Ref("A"), Ref("B")))},
        {"A": Terminal(Literal(b"a")), "B": Terminal(Pattern("[ab]+")), "BLANK": Terminal(Literal(b" "))},
        ("BLANK",),
        lexer=True,
    )
    assert Recognizer(grammar).feed(b"aa") < 2  # one B
    recognizer = Recognizer(grammar)
    assert recognizer.feed(b" a  ab ") == 7
    assert recognizer.is_complete


def test_limits_are_those_of_a_constraint() -> None:
    with pytest.raises(weft.BudgetExceeded):
        Recognizer(Grammar("s", {"s": Pattern(".*a.{6}")}), limits=weft.Limits(dfa_states=20))


def test_bytes_only() -> None:
    for bad in ("a", None, [97]):
        with pytest.raises(TypeError):
            Recognizer(NESTED).feed(bad)  # type: ignore[arg-type]
