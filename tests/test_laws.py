"""Laws that hold for every grammar, over a toy vocabulary, exhaustively and then by random grammars.

Half of the grammars cut their text by longest match. tests/oracles.py says what their sentences are.
"""

import os
import random

import pytest
from oracles import accepts, random_grammar, sentences, texts

import weft
from weft.grammar.grammar import Grammar
from weft.grammar.recognizer import Recognizer

EFFORT = float(os.environ.get("WEFT_TEST_EFFORT", "1"))
SEEDS = range(int(40 * EFFORT))
TOKENS = [b"a", b"b", b"ab", b"ba", b"bba", b"aa", b"a"]
EOS = len(TOKENS)
VOCABULARY = weft.Vocabulary([*TOKENS, None], eos=[EOS])
LENGTH = 6
DEAD, OPEN, COMPLETE = weft.Status.DEAD, weft.Status.OPEN, weft.Status.COMPLETE


def grammar_of(seed: int) -> Grammar:
    return random_grammar(random.Random(seed), lexer=seed % 2 == 1)


def bits(mask) -> set[int]:
    return {t for t in range(EOS + 1) if mask[t // 32] >> t % 32 & 1}


def walk(matcher: weft.Matcher, rng: random.Random, steps: int = 6):
    """The matcher after 0, 1, ... random tokens."""
    yield matcher
    for _ in range(steps):
        allowed = sorted(bits(matcher.mask()) - {EOS})
        if not allowed:
            return
        matcher.commit(rng.choice(allowed))
        yield matcher


@pytest.mark.parametrize("seed", SEEDS)
def test_a_bit_is_set_if_and_only_if_the_text_with_the_token_is_not_dead(seed: int) -> None:
    grammar = grammar_of(seed)
    for matcher in walk(weft.compile(grammar, VOCABULARY).matcher(), random.Random(seed)):
        alive = {t for t in range(EOS) if weft.check(grammar, matcher.text + TOKENS[t]).status is not DEAD}
        is_sentence = weft.check(grammar, matcher.text).status is COMPLETE
        assert bits(matcher.mask()) == alive | ({EOS} if is_sentence else set()), grammar


@pytest.mark.parametrize("seed", SEEDS)
def test_verdicts_are_those_of_the_oracle(seed: int) -> None:
    """COMPLETE: the oracle accepts. OPEN: it accepts the witness, and that begins so. DEAD: no sentence does."""
    grammar = grammar_of(seed)
    language = sentences(grammar, "ab", LENGTH)
    recognizer = Recognizer(grammar)
    for text in texts("ab", LENGTH):
        read = recognizer.feed(text)
        assert (read == len(text) and recognizer.is_complete) == (text in language), (grammar, text)
        if any(sentence.startswith(text) for sentence in language):
            assert read == len(text), (grammar, text)
        recognizer.rollback(read)
    for text in random.Random(seed).sample(texts("ab", 4), 8):
        verdict = weft.check(grammar, text)
        assert (verdict.status is COMPLETE) == (text in language)
        if verdict.status is OPEN:
            assert verdict.witness is not None and verdict.witness.encode().startswith(text)
            assert accepts(grammar, verdict.witness), (grammar, text, verdict)


@pytest.mark.parametrize("seed", SEEDS)
def test_rollback_undoes_commit_and_a_fork_goes_its_own_way(seed: int) -> None:
    rng = random.Random(seed)
    constraint = weft.compile(grammar_of(seed), VOCABULARY)
    matcher = constraint.matcher()
    before = [(m.mask().tolist(), m.is_complete, m.text) for m in walk(matcher, rng)]
    tokens, fork = list(matcher.tokens), matcher.fork()
    for depth in range(len(tokens), -1, -1):
        assert (matcher.mask().tolist(), matcher.is_complete, matcher.text) == before[depth]
        if depth:
            matcher.rollback(1)
    assert fork.tokens == tokens
    assert (fork.mask().tolist(), fork.is_complete, fork.text) == before[-1]
    matcher.commit(*tokens)
    assert matcher.state == fork.state
    for back in range(len(tokens) + 1):
        twin = fork.fork()
        twin.rollback(back)
        assert (twin.mask().tolist(), twin.is_complete, twin.text) == before[len(tokens) - back]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_state_depends_on_the_text_alone_and_decides_the_future(seed: int) -> None:
    constraint = weft.compile(grammar_of(seed), VOCABULARY)
    by_text: dict[bytes, int] = {}
    by_state: dict[int, tuple[list[int], bool]] = {}
    for start in range(4):
        for matcher in walk(constraint.matcher(), random.Random(start)):
            assert by_text.setdefault(matcher.text, matcher.state) == matcher.state
            future = (matcher.mask().tolist(), matcher.is_complete)
            assert by_state.setdefault(matcher.state, future) == future


@pytest.mark.parametrize("seed", SEEDS)
def test_a_matcher_is_a_solver_with_one_hole_at_the_end(seed: int) -> None:
    constraint = weft.compile(grammar_of(seed), VOCABULARY)
    for matcher in walk(constraint.matcher(), random.Random(seed), 4):
        solver = constraint.solver(weft.Canvas(matcher.text, weft.HOLE))
        assert bits(solver.mask(0)) - {EOS} == bits(matcher.mask()) - {EOS}
        assert (solver.verdict.status is DEAD) == (not bits(matcher.mask()))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_printed_grammar_is_the_same_language(seed: int) -> None:
    grammar = grammar_of(seed)
    language = sentences(grammar, "ab", 5)
    for write, read in ((weft.to_lark, weft.from_lark), (weft.to_gbnf, weft.from_gbnf)):
        try:
            printed = write(grammar)
        except weft.GrammarError:  # the format cannot say it
            continue
        recognizer = Recognizer(read(printed))
        for text in texts("ab", 5):
            count = recognizer.feed(text)
            assert (count == len(text) and recognizer.is_complete) == (text in language), (printed, text)
            recognizer.rollback(count)
