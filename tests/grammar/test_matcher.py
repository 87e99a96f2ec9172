import numpy as np
import pytest

import weft
from weft.grammar.grammar import Alt, Grammar, Literal, Pattern, Ref, Repeat, Seq, Special
from weft.grammar.matcher import fill_masks

#                             0     1     2      3       4     5     6     7
VOCABULARY = weft.Vocabulary([b"a", b"b", b"ab", b"\xc3", b"\xa9", None, None, None], eos=[5, 6], specials={"<x>": 7})
A, B = Literal(b"a"), Literal(b"b")


def matcher_of(expression, **more) -> weft.Matcher:
    return weft.compile(Grammar("s", {"s": expression, **more}), VOCABULARY).matcher()


def tokens_of(matcher: weft.Matcher) -> list[int]:
    return [t for t in range(8) if int(matcher.mask()[0]) >> t & 1]


def test_end_tokens_are_allowed_exactly_where_the_text_is_complete() -> None:
    matcher = matcher_of(Seq((A, Repeat(B, 0, 1))))
    assert tokens_of(matcher) == [0, 2]
    assert matcher.verdict is weft.Status.OPEN
    matcher.commit(0)
    assert tokens_of(matcher) == [1, 5, 6]
    assert matcher.verdict is weft.Status.COMPLETE
    matcher.commit(6)
    assert tokens_of(matcher) == []
    assert (matcher.is_stopped, matcher.is_complete, matcher.tokens, matcher.text) == (True, True, [0, 6], b"a")


def test_a_grammar_without_a_sentence_is_dead() -> None:
    assert matcher_of(Alt(())).verdict is weft.Status.DEAD


def test_a_token_may_be_half_a_character() -> None:
    matcher = matcher_of(Pattern("é+"))
    assert tokens_of(matcher) == [3]
    matcher.commit(3)
    assert tokens_of(matcher) == [4]
    matcher.commit(4)
    assert matcher.text.decode() == "é"


def test_a_special_token_stands_only_where_it_is_named() -> None:
    matcher = matcher_of(Seq((A, Special("<x>"), B)))
    with pytest.raises(weft.DeadEnd):
        matcher.commit(7)
    matcher.commit(0)
    assert tokens_of(matcher) == [7]
    matcher.commit(7, 1)
    assert (matcher.text, matcher.is_complete) == (b"ab", True)
    assert tokens_of(matcher_of(Repeat(Alt((A, Special(7))), 0, None))) == [0, 5, 6, 7]


def test_what_does_not_fit_changes_nothing_and_says_where() -> None:
    matcher = matcher_of(Seq((A, B)))
    matcher.commit(0)
    with pytest.raises(weft.DeadEnd) as caught:
        matcher.commit(1, 0)
    assert caught.value.text == b"a"
    assert caught.value.where == "token 2 of the output (b'a')"
    assert (matcher.tokens, matcher.text) == ([0], b"a")
    with pytest.raises(weft.DeadEnd, match="before the text is complete"):
        matcher.commit(5)


def test_rollback_goes_back_over_an_end_token() -> None:
    matcher = matcher_of(Pattern("a*"))
    matcher.commit(0, 0, 5)
    matcher.rollback(2)
    assert (matcher.tokens, matcher.is_stopped) == ([0], False)
    assert tokens_of(matcher) == [0, 5, 6]
    matcher.rollback(0)
    assert matcher.tokens == [0]


def test_a_fork_goes_its_own_way() -> None:
    matcher = matcher_of(Repeat(Alt((A, B)), 0, None))
    matcher.commit(0)
    twin = matcher.fork()
    twin.commit(1, 5)
    assert (matcher.text, twin.text) == (b"a", b"ab")
    assert (matcher.is_stopped, twin.is_stopped) == (False, True)
    assert twin.constraint is matcher.constraint


def test_equal_states_are_equal_futures() -> None:
    matcher = matcher_of(Seq((A, B, Pattern("[ab]*"))))
    twin = matcher.fork()
    matcher.commit(0, 1)
    twin.commit(2)
    assert matcher.state == twin.state
    assert matcher.tokens != twin.tokens


def test_what_is_forced_is_not_committed() -> None:
    matcher = matcher_of(Seq((Pattern("ba"), Special("<x>"), Pattern("bb?"))))
    assert matcher.forced() == [1, 0, 7, 1]
    assert matcher.tokens == []
    assert matcher_of(Seq((A, B))).forced() == []  # a b, or ab in one


def test_an_endless_grammar_forces_no_endless_list() -> None:
    matcher = weft.compile(
        Grammar("s", {"s": Seq((A, Ref("t"))), "t": Alt((Seq((A, Ref("t"))), B))}), weft.Vocabulary([b"a"], [])
    )
    assert set(matcher.matcher().forced()) == {0}


def test_drafts_are_read_without_moving() -> None:
    matcher = matcher_of(Seq((A, B, Repeat(A, 0, 1))))
    assert matcher.count_legal([0, 1, 0, 5]) == 4
    assert matcher.count_legal([0, 0]) == 1
    assert matcher.count_legal([]) == 0
    masks = matcher.masks([2, 0])
    assert masks.dtype == np.uint32
    assert masks.tolist() == [[1 | 4], [1 | 32 | 64], [32 | 64]]
    assert matcher.tokens == []


def test_masks_of_a_batch() -> None:
    one, two = matcher_of(A), matcher_of(B)
    out = np.zeros((2, 1), np.uint32)
    assert fill_masks([one, two], out, threads=2) is out
    assert out.tolist() == [[1], [2]]
