"""Solver against the enumeration of every filling, against the Matcher, and on real texts with pieces cut out."""

import json
import lzma
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import oracles
import pytest
from toy_solver import ToyConstraint, ToySolver, ToyVocabulary

import weft
from weft.errors import BudgetExceeded, DeadEnd, VocabularyError
from weft.grammar.grammar import Alt, Grammar, Literal, Ref, Seq
from weft.grammar.lark import from_lark
from weft.grammar.regex import from_regex
from weft.grammar.verdict import Status
from weft.infill.canvas import HOLE, Canvas, Hole
from weft.infill.check import check
from weft.infill.solver import Solver, SolverLimits

TOKENS = [b"a", b"b", b"ab", b"ba", b"bb", None, None, b"a"]
END, UNUSED = 5, 6
LETTERS = 7  # sentences of so many letters are enumerated, and every canvas here fits in them
VOCABULARY = weft.Vocabulary(TOKENS, [END])
TOY = ToyVocabulary(TOKENS, [END])


def bits(mask: Any) -> set[int]:
    return {token_id for token_id in range(32 * len(mask)) if int(mask[token_id // 32]) >> token_id % 32 & 1}


def engines(grammar: Grammar, canvas: Canvas, sentences: set[bytes]) -> tuple[Solver, ToySolver]:
    return weft.compile(grammar, VOCABULARY).solver(canvas), ToyConstraint(sentences, TOY).solver(canvas)


# Enumeration


def rigid_canvas(rng: random.Random) -> Canvas:
    parts: list[Any] = []
    letters = 0
    for _ in range(rng.randint(1, 4)):
        kind = rng.randrange(4)
        slots = rng.randint(1, 2)
        if kind == 0:
            part, longest = rng.choice([b"a", b"b", b"ab", b"ba"]), 2
        elif kind == 1:
            part, longest = [rng.choice([0, 1, 2, 3, 4, END, UNUSED, 7])], 2
        else:
            part, longest = Hole(slots), 2 * slots
        if letters + longest <= LETTERS:
            parts.append(part)
            letters += longest
    return Canvas(*parts)


@pytest.mark.parametrize("seed", range(40))
def test_rigid_canvases_answer_as_every_filling_says(seed: int) -> None:
    rng = random.Random(seed)
    grammar = oracles.random_grammar(rng, lexer=seed % 2 == 1)
    sentences = oracles.sentences(grammar, "ab", LETTERS)
    for _ in range(4):
        canvas = rigid_canvas(rng)
        solver, toy = engines(grammar, canvas, sentences)
        while True:
            assert solver.verdict.status is toy.verdict.status, canvas
            for position in range(len(canvas.positions)):
                assert bits(solver.mask(position)) == bits(toy.mask(position)), (canvas, solver.ids, position)
            if toy.verdict.status is not Status.OPEN:
                break
            assert solver.forced() == toy.forced()
            assert solver.min_slots_to_close() == toy.min_slots_to_close()
            scores = np.random.default_rng(seed).normal(size=(len(canvas.positions), len(TOKENS)))
            assert solver.best(scores) == toy.best(scores)
            slots = [position for position, token in enumerate(solver.ids) if token is None]
            proposals = [(position, rng.randrange(len(TOKENS))) for position in rng.sample(slots, len(slots))]
            assert solver.admit(proposals) == toy.admit(proposals)
            position = rng.choice(slots)
            token_id = rng.choice(sorted(bits(toy.mask(position))))
            solver.commit({position: token_id})
            toy.commit({position: token_id})


@pytest.mark.parametrize("seed", range(40))
def test_elastic_holes_answer_as_every_filling_says(seed: int) -> None:
    """What the enumeration finds must be found; what else is found must be proved by a longer sentence."""
    rng = random.Random(seed)
    grammar = oracles.random_grammar(rng, lexer=seed % 2 == 1)
    sentences = oracles.sentences(grammar, "ab", LETTERS)
    items = [HOLE, b"a", b"b", b"ab", b"ba", [0], [3], [END], [UNUSED]]
    for _ in range(4):
        before = rng.choice([[], [b"a"], [Hole(1)], [[2]]])
        canvas = Canvas(*before, HOLE, *(rng.choice(items) for _ in range(rng.randint(0, 3))))
        solver, toy = engines(grammar, canvas, sentences)
        if before == [Hole(1)]:
            found = bits(toy.mask(0))
            assert found <= bits(solver.mask(0))
            if not found:
                continue
            token_id = rng.choice(sorted(found))
            solver.commit({0: token_id})
            toy.commit({0: token_id})
        if toy.verdict.status is Status.DEAD:
            if solver.verdict.status is not Status.DEAD:
                proved(solver, grammar)
            continue
        assert solver.verdict.status is Status.OPEN
        shortest = min(len(whole(canvas, filling)) for filling in toy.fillings())
        assert len(solver.witness or b"") == shortest
        holes = [position for position, item in enumerate(canvas.positions) if item == HOLE]
        while holes:
            position = holes[0]
            found = bits(toy.mask(position))
            more = bits(solver.mask(position)) - found
            assert found <= bits(solver.mask(position))
            for token_id in more:
                fork = solver.fork()
                fork.append(position, token_id)
                proved(fork, grammar)
            if not toy.can_close(position) and solver.can_close(position):
                fork = solver.fork()
                fork.close(position)
                proved(fork, grammar)
            if found and rng.random() < 0.6:
                token_id = rng.choice(sorted(found))
                solver.append(position, token_id)
                toy.append(position, token_id)
            elif toy.can_close(position):
                assert solver.can_close(position)
                solver.close(position)
                toy.close(position)
                holes.pop(0)
            else:
                break
            assert solver.verdict.status is toy.verdict.status


def whole(canvas: Canvas, filling: tuple[int | bytes, ...]) -> bytes:
    given = iter(filling)
    out = b""
    for part in canvas.parts:
        if isinstance(part, bytes):
            out += part
            continue
        width = part.slots or 1 if isinstance(part, Hole) else len(part)
        for item in [next(given) for _ in range(width)]:
            out += item if isinstance(item, bytes) else TOKENS[item] or b""
    return out


def proved(solver: Solver, grammar: Grammar) -> None:
    """An answer that the enumeration did not give stands on a sentence that is too long for it."""
    witness = solver.witness
    assert witness is not None
    assert len(witness) > LETTERS
    assert oracles.accepts(grammar, witness)


def test_a_shortest_filling_may_need_no_blank() -> None:
    """A text that ignored lexemes alone could make up is not filled with them where less will do."""
    grammar = from_lark('start: "b"?\nBLANK: /b+/\n%ignore BLANK')
    assert check(grammar, Canvas(HOLE, "b")).witness == "b"
    assert check(grammar, Canvas("b", HOLE, "b")).witness == "bb"


def test_end_tokens_beside_elastic_holes() -> None:
    constraint = weft.compile(from_regex("a*"), VOCABULARY)
    solver = constraint.solver(Canvas(Hole(1), HOLE))
    assert END in bits(solver.mask(0))
    solver.commit({0: END})
    assert not solver.mask(1).any()
    solver.close(1)
    assert solver.verdict.status is Status.COMPLETE
    assert constraint.solver(Canvas(HOLE, [END], "a")).verdict.status is Status.DEAD
    assert constraint.solver(Canvas(HOLE, [END], HOLE)).verdict.status is Status.OPEN


# Samples


def test_samples_follow_the_distribution_of_the_sentences() -> None:
    """Chi-square over every filling, on an ambiguous grammar: no reading counts twice."""
    items = (Literal(b"a"), Literal(b"b"), Seq((Ref("start"), Ref("start"))), Seq(()))
    grammar = Grammar("start", {"start": Alt(items)})
    canvas = Canvas(Hole(1), b"a", Hole(2))
    solver, toy = engines(grammar, canvas, oracles.sentences(grammar, "ab", LETTERS))
    scores = np.random.default_rng(1).normal(size=(3, len(TOKENS)))
    fillings = sorted(toy.fillings())
    weights = np.exp([sum(scores[p, token] for p, token in enumerate(filling)) for filling in fillings])
    rng = np.random.default_rng(2)
    count = 6000
    seen = Counter(tuple(solver.sample(scores, rng)) for _ in range(count))
    assert set(seen) <= set(fillings)
    wanted = count * weights / weights.sum()
    chi = sum((seen[filling] - want) ** 2 / want for filling, want in zip(fillings, wanted, strict=True))
    freedom = len(fillings) - 1
    assert chi < freedom + 4 * (2 * freedom) ** 0.5


# A prefix is a canvas with one hole at its end


@pytest.mark.parametrize("seed", range(30))
def test_a_prefix_and_one_elastic_hole_have_the_masks_of_the_matcher(seed: int) -> None:
    rng = random.Random(seed)
    grammar = oracles.random_grammar(rng, lexer=seed % 2 == 1)
    constraint = weft.compile(grammar, VOCABULARY)
    matcher, solver = constraint.matcher(), constraint.solver(Canvas(HOLE))
    for _ in range(6):
        allowed = bits(matcher.mask()) - {END}
        assert bits(solver.mask(0)) == allowed
        assert solver.can_close(0) == matcher.is_complete
        if not allowed:
            break
        token_id = rng.choice(sorted(allowed))
        matcher.commit(token_id)
        solver.append(0, token_id)
    assert solver.hole_text(0) == matcher.text


# Real texts


def cut(text: str, count: int, rng: random.Random) -> list[str]:
    """The fragments that are left when `count` spans of up to 30 characters are cut out."""
    size = len(text) // count
    fragments, end = [], 0
    for number in range(count):
        start = number * size + rng.randrange(max(1, size - 30))
        fragments.append(text[end:start])
        end = min(start + rng.randint(1, 30), len(text))
    return [*fragments, text[end:]]


def with_holes(fragments: list[str]) -> Canvas:
    return Canvas(*[part for fragment in fragments for part in (HOLE, fragment)][1:])


def records(path: Path, count: int) -> list[dict[str, Any]]:
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line, _ in zip(lines, range(count), strict=False)]


def test_programs_with_pieces_cut_out_are_open(data: Any) -> None:
    grammar = weft.load("cpp")
    rng = random.Random(3)
    for record in records(data("humaneval_cpp.jsonl.xz"), 10):
        program = record["prompt"] + record["canonical_solution"]
        fragments = cut(program, rng.randint(1, 3), rng)
        assert check(grammar, with_holes(fragments)).status is Status.OPEN, fragments
        head, _, tail = program.rpartition("}")
        assert check(grammar, Canvas(HOLE, head + tail)).status is Status.DEAD


def test_json_with_pieces_cut_out_is_open(data: Any) -> None:
    rng = random.Random(4)
    tried = 0
    for record in records(data("maskbench.jsonl.xz"), 12):
        grammar = weft.from_json_schema(record["schema"])
        for test in record["tests"]:
            text = json.dumps(test["data"])
            if not test["valid"] or not text.endswith("}") or check(grammar, text).status is not Status.COMPLETE:
                continue
            tried += 1
            fragments = cut(text, rng.randint(1, 3), rng)
            for language in (grammar, weft.load("json")):
                assert check(language, with_holes(fragments)).status is Status.OPEN, fragments
                assert check(language, Canvas(HOLE, text[:-1])).status is Status.DEAD
    assert tried > 5


# Limits and mistakes


def test_what_the_limits_leave_undecided_is_unknown_and_never_no() -> None:
    grammar = from_lark('start: "a" start "b" | "b" start "a" | ')
    constraint = weft.compile(grammar, VOCABULARY)
    canvas = Canvas(Hole(10), "ba")
    assert constraint.solver(canvas).verdict.status is Status.OPEN
    solver = constraint.solver(canvas, limits=SolverLimits(max_states=11))
    assert solver.verdict.status is Status.UNKNOWN
    assert not solver.mask(0).any()
    assert solver.unknown == 2
    assert solver.admit([(0, 1)]) == []
    with pytest.raises(BudgetExceeded):
        solver.commit({0: 1})
    with pytest.raises(BudgetExceeded):
        solver.best(np.zeros((10, len(TOKENS))))
    with pytest.raises(BudgetExceeded, match="too many positions"):
        constraint.solver(Canvas(Hole(13)), limits=SolverLimits(max_states=12))
    elastic = constraint.solver(Canvas("a" * 40, HOLE, "b" * 30), limits=SolverLimits(max_items=5))
    assert elastic.verdict.status is Status.UNKNOWN


def test_mistakes_are_told_and_change_nothing() -> None:
    constraint = weft.compile(from_regex("[ab]{4}"), VOCABULARY)
    solver = constraint.solver(Canvas([0], Hole(2), HOLE))
    with pytest.raises(VocabularyError, match="token id 99"):
        solver.commit({1: 99})
    with pytest.raises(VocabularyError, match="token id 99"):
        constraint.solver(Canvas([99]))
    with pytest.raises(ValueError, match="position 9 does not exist"):
        solver.commit({9: 0})
    with pytest.raises(ValueError, match="position -1 does not exist"):
        solver.mask(-1)
    with pytest.raises(DeadEnd, match="already holds token 0"):
        solver.commit({0: 1})
    with pytest.raises(DeadEnd, match="elastic hole"):
        solver.commit({3: 1})
    with pytest.raises(DeadEnd, match="not an elastic hole"):
        solver.append(1, 0)
    with pytest.raises(DeadEnd, match="never a slot"):
        solver.remask([0])
    with pytest.raises(DeadEnd, match="leave no sentence"):
        solver.commit({1: 2, 2: END})
    with pytest.raises(ValueError, match="roll back"):
        solver.rollback(1)
    with pytest.raises(ValueError, match="shape"):
        solver.best(np.zeros((1, 1)))
    assert solver.ids == [0, None, None, None]


def test_orders_can_be_taken_back_and_forks_go_their_own_way() -> None:
    solver = weft.compile(from_regex("(ab|ba)c?"), VOCABULARY).solver(Canvas(Hole(2)))
    before = bits(solver.mask(0))
    solver.commit({1: 0})
    fork = solver.fork()
    assert fork.forced() == {0: 1}
    fork.commit({0: 1})
    assert (fork.ids, solver.ids) == ([1, 0], [None, 0])
    fork.remask([0, 1])
    assert fork.ids == [None, None]
    solver.rollback()
    assert bits(solver.mask(0)) == before
