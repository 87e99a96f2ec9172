"""Hostile and broken grammars, token ids and arrays: an error of the right kind, in bounded time and memory."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weft
from weft import _core
from weft.grammar.constraint import KINDS
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
    Spelled,
    Terminal,
)
from weft.grammar.matcher import Matcher, fill_masks
from weft.grammar.recognizer import Recognizer

SANITIZED = "libasan" in os.environ.get("LD_PRELOAD", "")
VOCABULARY = weft.Vocabulary([b"a", b"b", b"c", None, None], eos=[3], specials={"<x>": 4})
A, B = Literal(b"a"), Literal(b"b")


def matcher_of(expression: Expression, **more: Expression) -> Matcher:
    return weft.compile(Grammar("s", {"s": expression, **more}), VOCABULARY).matcher()


def nested(wrap: Callable[[Expression], Expression], depth: int, inside: Expression = A) -> Expression:
    for _ in range(depth):
        inside = wrap(inside)
    return inside


# Grammars


BROKEN = {
    "start symbol 'q' is never defined": lambda: Grammar("q", {"s": A}),
    "start symbol 'T' is never defined": lambda: Grammar("T", {"s": A}, {"T": Terminal(A)}),
    "nonterminal 'x' is never defined": lambda: Grammar("s", {"s": Seq((A, Ref("x")))}),
    "'x' is a nonterminal and a terminal": lambda: Grammar("s", {"s": Ref("x"), "x": A}, {"x": Terminal(A)}),
    "terminal 'T' is defined by itself": lambda: Grammar("s", {"s": Ref("T")}, {"T": Terminal(Seq((A, Ref("T"))))}),
    "'U' is defined by itself": lambda: Grammar("s", {"s": A}, {"U": Terminal(Ref("T")), "T": Terminal(Ref("U"))}),
    "'x' is used in a terminal and is none": lambda: Grammar("s", {"s": Ref("T")}, {"T": Terminal(Ref("x"))}),
    "'s' is used in a terminal and is none": lambda: Grammar("s", {"s": Ref("T")}, {"T": Terminal(Ref("s"))}),
    "a special token in a terminal": lambda: Grammar("s", {"s": Ref("T")}, {"T": Terminal(Special("<x>"))}),
    "ignored terminal 'X' is never defined": lambda: Grammar("s", {"s": A}, {}, ("X",), True),
    "And, Not and Spelled need regular parts": lambda: Grammar("s", {"s": Not(Ref("x")), "x": Seq((A, Special(4)))}),
    "And of nothing": lambda: Grammar("s", {"s": And(())}),
    "repeat count -1 is out of range": lambda: Grammar("s", {"s": Repeat(A, -1, 2)}),
    "repeat count 2147483648 is out of range": lambda: Grammar("s", {"s": Repeat(A, 0, 1 << 31)}),
    "repeat counts are in the wrong order": lambda: Grammar("s", {"s": Repeat(A, 3, 1)}),
    "the vocabulary has no special token '<y>'": lambda: Grammar("s", {"s": Special("<y>")}),
    "the vocabulary has no token 99": lambda: Grammar("s", {"s": Special(99)}),
    "token id -1 is out of range": lambda: Grammar("s", {"s": Special(-1)}),
    "token 0 is text, not a special token": lambda: Grammar("s", {"s": Special(0)}),
    "is an end token": lambda: Grammar("s", {"s": Special(3)}),
    "code point -1 is out of range": lambda: Grammar("s", {"s": Spelled(Pattern("a"), ((-1, B),))}),
    "priority 1099511627776 is out of range": lambda: Grammar("s", {"s": A}, {"T": Terminal(A, 1 << 40)}),
    "holds half of a surrogate pair": lambda: Grammar("s", {"s": Pattern("\ud800")}),
    "unknown regex flag '\ufffd'": lambda: Grammar("s", {"s": Pattern("(?ié)")}),
    "unknown regex flag 'q'": lambda: Grammar("s", {"s": Pattern("a", "q")}),
    "group does not end": lambda: Grammar("s", {"s": Pattern("(a")}),
    "a literal under Spelled is not valid UTF-8": lambda: Grammar("s", {"s": Spelled(Literal(b"\xff"), ((97, B),))}),
}  # fmt: skip


@pytest.mark.parametrize("message", BROKEN)
def test_a_broken_grammar_is_a_grammar_error(message: str) -> None:
    with pytest.raises(weft.GrammarError, match=re.escape(message)):
        weft.compile(BROKEN[message](), VOCABULARY)


WRONG_TYPES = {
    "an expression that is text": Grammar("s", {"s": "a"}),  # type: ignore[dict-item]
    "a literal that is text": Grammar("s", {"s": Literal("a")}),  # type: ignore[arg-type]
    "a pattern that is bytes": Grammar("s", {"s": Pattern(b"a")}),  # type: ignore[arg-type]
    "a name that is bytes": Grammar("s", {"s": Ref(b"s")}),  # type: ignore[arg-type]
    "parts in a list": Grammar("s", {"s": Seq([A, B])}),  # type: ignore[arg-type]
    "no parts": Grammar("s", {"s": Alt(None)}),  # type: ignore[arg-type]
    "spellings in a list": Grammar("s", {"s": Spelled(A, ([97, B],))}),  # type: ignore[arg-type]
    "a count that is no int": Grammar("s", {"s": Repeat(A, 1.5, 2)}),  # type: ignore[arg-type]
    "productions in a list": Grammar("s", [("s", A)]),  # type: ignore[arg-type]
    "terminals in a list": Grammar("s", {"s": A}, [("T", Terminal(A))]),  # type: ignore[arg-type]
    "ignored terminals in a list": Grammar("s", {"s": A}, {"T": Terminal(A)}, ["T"], True),  # type: ignore[arg-type]
    "a start symbol that is None": Grammar(None, {"s": A}),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("what", WRONG_TYPES)
def test_a_value_of_another_type_is_a_type_error(what: str) -> None:
    with pytest.raises(TypeError):
        weft.compile(WRONG_TYPES[what], VOCABULARY)


@pytest.mark.parametrize("grammar", [None, "start: a", b"", {}, A])
def test_what_is_no_grammar_is_a_type_error(grammar: object) -> None:
    for use in (
        lambda: weft.compile(grammar, VOCABULARY),
        lambda: weft.check(grammar, ""),
        lambda: Recognizer(grammar),
    ):
        with pytest.raises(TypeError):
            use()


@pytest.mark.parametrize(
    "limits", [{"depth": -1}, {"depth": 1 << 40}, {"depth": 1.5}, {"nfa_states": None}, {"cache_bytes": 1 << 70}]
)
def test_a_limit_out_of_range_is_an_error(limits: dict[str, Any]) -> None:
    with pytest.raises(weft.WeftError, match=f"Limits.{next(iter(limits))} is"):
        weft.Limits(**limits)


def test_names_and_texts_may_hold_nul() -> None:
    matcher = weft.compile(
        Grammar("s\0", {"s\0": Seq((Ref("s\0x"), Literal(b"a\0b"))), "s\0x": A}),
        weft.Vocabulary([b"a", b"\0", b"b"], []),
    ).matcher()
    matcher.commit(0, 0, 1, 2)
    assert matcher.is_complete
    assert matcher.text == b"aa\0b"


def test_a_grammar_without_a_sentence_allows_nothing() -> None:
    matcher = matcher_of(Alt(()))
    assert matcher.mask().tolist() == [0]
    assert not matcher.is_complete
    assert matcher.forced() == []


# Bombs. Each in a process of its own with a limit on memory and time, so that a crash is one failed test.

BOMBS = {
    "shared parts, doubled 60 times": "s(nested(lambda x: Seq((x, x)), 60))",
    "terminals, doubled 60 times": "laughs(lexer=False)",
    "terminals under a lexer, doubled 60 times": "laughs(lexer=True)",
    "nonterminals' parts, doubled 60 times": "s(nested(lambda x: Seq((x, x)), 60, Alt((Ref('s'), A))))",
    "a tower of Seq": "s(nested(lambda x: Seq((x,)), 100_000))",
    "a tower of Alt": "s(nested(lambda x: Alt((x, B)), 100_000))",
    "a tower of Repeat": "s(nested(lambda x: Repeat(x, 0, 2), 100_000))",
    "a tower of Not": "s(nested(Not, 100_000))",
    "a lower tower of Not": "s(nested(Not, 390))",
    "a tower of counts": "s(nested(lambda x: Repeat(x, 0, 2), 390))",
    "a chain of terminals": "chain(100_000)",
    "repeats of repeats in a pattern": "s(Pattern('a' + '{1}' * 300_000))",
    "groups in a pattern": "s(Pattern('(' * 300_000 + ')' * 300_000))",
    "optional copies": "s(Pattern('(a?){49000}'))",
    "optional copies of two kinds": "s(Pattern('(a|b?){0,20000}'))",
    "counts of counts of counts": "s(Pattern('(((a{1,1000}){1,1000}){1,1000})'))",
    "a subset for each of the last 20 letters": "s(Pattern('.*a.{20}'))",
    "the same, negated": "s(Not(Pattern('.*a.{20}')))",
    "multiples of many primes": "s(And(tuple(Pattern(f'(a{{{p}}})*') for p in (2, 3, 5, 7, 11, 13, 17, 19))))",
    "optional calls of what may be empty": "Grammar('s', {'s': Seq((Repeat(Ref('x'), 0, 4096),) * 40), "
    "'x': Alt((Seq((A, Ref('x'))), Seq(())))})",
    "a million literals": "s(Alt(tuple(Literal(b'%d' % (i * 2654435761 % (1 << 40))) for i in range(1_000_000))))",
    "a million branches of a pattern": "s(Pattern('|'.join(str(i * 26544357 % (1 << 40)) for i in range(1_000_000))))",
    "100,000 nonterminals":
    "Grammar('x0', {f'x{i}': Seq((A, Ref(f'x{i + 1}'))) for i in range(100_000)} | {'x100000': B})",
    "2,000 nonterminals in one left recursion":
    "Grammar('x0', {f'x{i}': Alt((Seq((Ref(f'x{(i + 1) % 2000}'), A)), B)) for i in range(2000)})",
    "two huge counts": "s(Pattern('a{0,2147483647}b{0,2147483647}c'))",
}  # fmt: skip


def s(expression: Expression) -> Grammar:
    return Grammar("s", {"s": expression})


def laughs(*, lexer: bool) -> Grammar:
    doubled = {f"T{i}": Terminal(Seq((Ref(f"T{i + 1}"), Ref(f"T{i + 1}")))) for i in range(60)}
    return Grammar("s", {"s": Ref("T0")}, {**doubled, "T60": Terminal(A)}, lexer=lexer)


def chain(length: int) -> Grammar:
    links = {f"T{i}": Terminal(Ref(f"T{i + 1}")) for i in range(length)}
    return Grammar("s", {"s": Ref("T0")}, {**links, f"T{length}": Terminal(A)})


@pytest.mark.skipif(sys.platform == "win32", reason="limits on a process are those of POSIX")
@pytest.mark.skipif(SANITIZED, reason="the sanitizers reserve more memory than the limit")
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_within_its_limits(bomb: str) -> None:
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (20, 25))
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))

    run = subprocess.run(
        [sys.executable, str(Path(__file__)), bomb], capture_output=True, text=True, preexec_fn=limit, timeout=120
    )
    assert run.stdout.strip() in ("BudgetExceeded", "GrammarError"), (run.returncode, run.stdout, run.stderr[-2000:])


def test_counts_of_nonterminals_may_be_huge() -> None:
    x = Seq((A, Repeat(Ref("s"), 0, 0)))  # not a regular expression
    recognizer = Recognizer(Grammar("s", {"s": Repeat(x, 0, 0x7FFFFFFF)}))
    assert recognizer.feed(b"a" * 1000) == 1000
    assert recognizer.is_complete


def on_a_small_stack(job: Callable[[], object]) -> object:
    """What the job returns on a thread as other systems give them: half a megabyte of stack."""
    results: list[object] = []
    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=lambda: results.append(job()))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    return results[0]


DEEP = {
    "Seq": s(nested(lambda x: Seq((x, B)), 390)),
    "Seq that is not regular": s(nested(lambda x: Seq((x, B)), 390, Ref("s"))),
    "Alt": s(nested(lambda x: Alt((x, B)), 390)),
    "Repeat": s(nested(lambda x: Repeat(x, 0, None), 390)),
    "Not": s(nested(Not, 99)),
    "And": s(nested(lambda x: And((x, Pattern("[ab]*"))), 99)),
    "Spelled": s(nested(lambda x: Spelled(x, ((98, B),)), 390)),
    "groups": s(Pattern("(" * 99 + "a" + ")" * 99)),
    "a list of words in groups": s(Pattern("(b|" * 99 + "aa|ab|ba|bb|aab|aba|abb|baa|bab" + ")" * 99)),
    "repeats": s(Pattern("a" + "{0,1}" * 99)),
    "terminals": chain(390),
}


@pytest.mark.skipif(SANITIZED, reason="the sanitizers' frames are larger")
@pytest.mark.parametrize("what", DEEP)
def test_what_is_nested_as_deeply_as_allowed_fits_a_small_stack(what: str) -> None:
    assert on_a_small_stack(lambda: isinstance(Recognizer(DEEP[what]).feed(b"a"), int))


@pytest.mark.skipif(SANITIZED, reason="the sanitizers' frames are larger")
def test_long_tokens_fit_a_small_stack() -> None:
    vocabulary = weft.Vocabulary([b"a" * 4000, b"a", b"ab" * 2000], [])
    constraint = weft.compile(s(Repeat(A, 0, None)), vocabulary)
    assert on_a_small_stack(lambda: constraint.matcher().mask().tolist()) == [3]


def test_lexemes_that_may_end_anywhere_in_a_long_token_are_not_walked_in_every_way() -> None:
    word = Pattern("[a-z]+")
    grammar = Grammar("s", {"s": Alt((Seq((Ref("T"), Ref("s"))), Seq((Ref("T"), Ref("T")))))}, {"T": Terminal(word)})
    matcher = weft.compile(grammar, weft.Vocabulary([b"ab" * 200, b"a", b"a-"], [])).matcher()
    assert matcher.mask().tolist() == [3]


def test_an_ambiguous_text_is_read_in_cubic_time_at_most() -> None:
    s_ = Ref("s")
    recognizer = Recognizer(Grammar("s", {"s": Alt((Seq((s_, s_)), A))}))
    assert recognizer.feed(b"a" * 1000) == 1000  # half a second; with one more power of the length it was twenty


# Token ids


def test_a_token_id_that_does_not_exist_is_a_vocabulary_error() -> None:
    matcher = matcher_of(Repeat(A, 0, None))
    for token in (-1, 5, 1 << 31, 1 << 40, 10**30, -(10**30)):
        for call in (matcher.commit, lambda t: matcher.count_legal([t]), lambda t: matcher.masks([t])):
            with pytest.raises(weft.VocabularyError, match=f"token id {token} is not in the vocabulary"):
                call(token)
    assert matcher.tokens == []


def test_a_token_id_that_is_no_integer_is_a_type_error() -> None:
    matcher = matcher_of(Repeat(A, 0, None))
    for token in (0.0, "0", b"a", None, [0], True, False, np.float32(0), np.bool_(False), np.array([0, 1])):
        with pytest.raises(TypeError):
            matcher.commit(token)
        with pytest.raises(TypeError):
            matcher.count_legal([token])
    with pytest.raises(TypeError):
        matcher.count_legal(0)
    assert matcher.tokens == []


def test_integers_of_numpy_are_token_ids() -> None:
    matcher = matcher_of(Repeat(A, 0, None))
    matcher.commit(np.int64(0), np.int32(0), np.uint8(0), *np.array([0, 0]))
    assert matcher.tokens == [0] * 5
    assert matcher.count_legal(np.array([0, 0, 1])) == 2


def test_a_token_without_text_fits_nowhere() -> None:
    matcher = weft.compile(Grammar("s", {"s": Repeat(A, 0, None)}), weft.Vocabulary([b"a", b"", None], [])).matcher()
    assert matcher.mask().tolist() == [1]
    for token in (1, 2):
        with pytest.raises(weft.DeadEnd, match="does not fit here"):
            matcher.commit(token)


def test_after_an_end_token_nothing_fits() -> None:
    matcher = matcher_of(A)
    matcher.commit(0, 3)
    assert matcher.is_stopped
    assert matcher.mask().tolist() == [0]
    assert matcher.masks([0]).tolist() == [[0], [0]]
    assert (matcher.count_legal([0]), matcher.forced()) == (0, [])
    with pytest.raises(weft.DeadEnd, match="nothing can follow"):
        matcher.commit(0)
    matcher.commit()
    matcher.rollback(1)
    assert matcher.mask().tolist() == [8]


def test_nothing_is_committed_unless_all_fits() -> None:
    matcher = matcher_of(Seq((A, B)))
    for tokens in ((0, 0), (0, 1, 0), (0, 3), (0, 1, 3, 3), (0, 1, 3, 0)):
        with pytest.raises(weft.DeadEnd) as caught:
            matcher.commit(*tokens)
        assert caught.value.text == b""
        assert matcher.tokens == []
    matcher.commit(0, 1, 3)


def test_rollback_further_than_the_beginning_is_an_error() -> None:
    matcher = matcher_of(Repeat(A, 0, None))
    matcher.commit(0, 0)
    for count in (3, -1, 1 << 40):
        with pytest.raises(ValueError, match="cannot roll back"):
            matcher.rollback(count)
    for count in ("1", 1.0, None):
        with pytest.raises(TypeError):
            matcher.rollback(count)
    assert matcher.tokens == [0, 0]


# Arrays


def read_only() -> np.ndarray:
    out = np.zeros(2, np.uint32)
    out.flags.writeable = False
    return out


BAD_ARRAYS = {
    "int32": lambda: np.zeros(2, np.int32),
    "int64": lambda: np.zeros(2, np.int64),
    "float": lambda: np.zeros(2, np.float32),
    "too short": lambda: np.zeros(1, np.uint32),
    "too long": lambda: np.zeros(3, np.uint32),
    "two dimensions": lambda: np.zeros((1, 2), np.uint32),
    "every second word": lambda: np.zeros(4, np.uint32)[::2],
    "backwards": lambda: np.zeros(2, np.uint32)[::-1],
    "another byte order": lambda: np.zeros(2, np.dtype(np.uint32).newbyteorder()),
    "read only": read_only,
    "a list": lambda: [0, 0],
    "text": lambda: "00",
}


@pytest.mark.parametrize("what", BAD_ARRAYS)
def test_an_array_that_cannot_be_filled_is_refused_and_not_copied(what: str) -> None:
    vocabulary = weft.Vocabulary([b"a"] * 40, [])
    matcher = weft.compile(Grammar("s", {"s": A}), vocabulary).matcher()
    with pytest.raises((ValueError, TypeError)):
        matcher.mask(out=BAD_ARRAYS[what]())


def test_an_array_is_filled_in_place() -> None:
    matcher = matcher_of(Seq((A, B)))
    out = np.full(1, 0xFFFFFFFF, np.uint32)
    assert matcher.mask(out=out) is out
    assert out.tolist() == [1]
    rows = np.full((3, 1), 7, np.uint32)
    fill_masks([matcher, matcher], rows)
    assert rows.tolist() == [[1], [1], [7]]
    for bad in (
        np.zeros((1, 1), np.uint32),
        np.zeros((2, 2), np.uint32),
        np.zeros((2, 1), np.int32),
        np.zeros(2, np.uint32),
    ):
        with pytest.raises((ValueError, TypeError)):
            fill_masks([matcher, matcher], bad)
    fill_masks([], rows)
    for bad in (None, 1, weft.Matcher.__new__(weft.Matcher)):
        with pytest.raises(TypeError, match="fill_masks takes matchers"):
            fill_masks([bad], rows)  # type: ignore[list-item]


def test_more_threads_than_there_can_be_are_not_started() -> None:
    constraint = weft.compile(s(Repeat(A, 0, None)), VOCABULARY)
    rows = np.zeros((2000, 1), np.uint32)
    fill_masks([constraint.matcher() for _ in rows], rows, threads=4_000_000_000)
    assert (rows == 9).all()


def test_a_constraint_without_a_vocabulary_has_no_masks() -> None:
    limits = _core.Limits()
    constraint = _core.Constraint(_core.build(s(A), KINDS, limits, None), None, limits)
    with pytest.raises(ValueError, match="no vocabulary"):
        _core.Matcher(constraint)
    with pytest.raises(ValueError, match="no vocabulary"):
        _core.Solver(constraint, [], 10, 10, None)


def test_matchers_of_two_vocabularies_do_not_share_rows() -> None:
    other = weft.compile(Grammar("s", {"s": A}), weft.Vocabulary([b"a"] * 40, [])).matcher()
    with pytest.raises(ValueError, match="different vocabularies"):
        fill_masks([matcher_of(A), other], np.zeros((2, 1), np.uint32))


def test_a_vocabulary_may_be_empty() -> None:
    matcher = weft.compile(Grammar("s", {"s": A}), weft.Vocabulary([], [])).matcher()
    assert matcher.mask().shape == (0,)
    assert matcher.forced() == []


def test_a_token_may_be_long_but_not_endless() -> None:
    matcher = weft.compile(Grammar("s", {"s": Repeat(A, 0, None)}), weft.Vocabulary([b"a" * 4000], [])).matcher()
    assert matcher.mask().tolist() == [1]
    with pytest.raises(weft.VocabularyError, match="token 0 has 4001 bytes"):
        weft.Vocabulary([b"a" * 4001], [])


def test_the_name_of_a_special_token_is_text() -> None:
    with pytest.raises(weft.VocabularyError, match="half of a surrogate pair"):
        weft.Vocabulary([b"a", None], [], specials={"\ud800": 1})


if __name__ == "__main__":
    try:
        Recognizer(eval(BOMBS[sys.argv[1]])).feed(b"a" * 50)
        outcome = "accepted"
    except weft.WeftError as error:
        outcome = type(error).__name__
    sys.stdout.write(outcome + "\n")
    sys.stdout.flush()
    os._exit(0)  # a tower of tuples takes its time to fall
