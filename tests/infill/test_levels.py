"""Long rigid canvases of recursive grammars, against CYK with wildcards: what enumeration cannot reach."""

import random
from functools import lru_cache

import numpy as np
import pytest
from reference import bits

import weft
from weft.grammar.gbnf import from_gbnf
from weft.grammar.grammar import Grammar
from weft.grammar.lark import from_lark
from weft.grammar.verdict import Status
from weft.infill.canvas import HOLE, Canvas, Hole

LETTERS = "()[]x"
END = len(LETTERS)
VOCABULARY = weft.Vocabulary([*(letter.encode() for letter in LETTERS), None], [END])
PAIRS = [("(", ")"), ("[", "]")]
GRAMMARS = {
    "scannerless": from_gbnf('root ::= item+\nitem ::= "(" item* ")" | "[" item* "]" | "x"'),
    "lexed": from_lark('start: item+\nitem: "(" item* ")" | "[" item* "]" | "x"'),
}
MASK = 99


def balanced(slots: list[str | None]) -> bool:
    """Some letters at the places that are None make the whole a sentence, `item+`."""

    @lru_cache(None)
    def items(i: int, j: int) -> bool:
        return i == j or any(item(i, k) and items(k, j) for k in range(i + 1, j + 1))

    @lru_cache(None)
    def item(i: int, j: int) -> bool:
        if j - i == 1:
            return slots[i] in (None, "x")
        pairs = any(slots[i] in (None, a) and slots[j - 1] in (None, b) for a, b in PAIRS)
        return pairs and items(i + 1, j - 1)

    return len(slots) > 0 and items(0, len(slots))


def completable(ids: list[int]) -> bool:
    """With end tokens behind the text."""
    letters: list[str | None] = []
    for i, token in enumerate([*ids, END]):
        if token in (MASK, END):
            rest = ids[i:]
            if all(t in (MASK, END) for t in rest) and balanced(letters):
                return True
        if token == END:
            return False
        letters.append(None if token == MASK else LETTERS[token])
    return False


def sentence(rng: random.Random, size: int) -> str:
    if size <= 1:
        return "x"
    inner = rng.randint(0, size - 2)
    left, right = rng.choice(PAIRS)
    rest = size - 2 - inner
    return left + (sentence(rng, inner) if inner else "") + right + (sentence(rng, rest) if rest else "")


@pytest.mark.parametrize("grammar", GRAMMARS.values(), ids=GRAMMARS)
@pytest.mark.parametrize("seed", range(4))
def test_every_mask_of_a_long_canvas_is_what_cyk_says(grammar: Grammar, seed: int) -> None:
    rng = random.Random(seed)
    text = sentence(rng, 18)
    ids = [LETTERS.index(letter) for letter in text] + [END] * (20 - len(text))
    for share in (0.9, 0.6, 0.3):
        open_ids = [MASK if rng.random() < share else token for token in ids]
        solver = weft.compile(grammar, VOCABULARY).solver(Canvas.from_tokens(open_ids, MASK))
        assert solver.verdict.status is (Status.OPEN if MASK in open_ids else Status.COMPLETE)
        for position in rng.sample(range(20), 6):
            if open_ids[position] != MASK:
                continue
            expected = {
                token
                for token in range(END + 1)
                if completable([*open_ids[:position], token, *open_ids[position + 1 :]])
            }
            assert bits(solver.mask(position)) == expected, (text, open_ids, position)


@pytest.mark.parametrize("grammar", GRAMMARS.values(), ids=GRAMMARS)
def test_a_wrong_bracket_far_away_is_seen(grammar: Grammar) -> None:
    constraint = weft.compile(grammar, VOCABULARY)
    for length in (40, 101):
        for middle in ("(]", "([)]", "]", "[[)"):
            ids = [LETTERS.index(letter) for letter in "(" + middle]
            ids = [*ids, *[MASK] * (length - len(ids) - 1), LETTERS.index(")")]
            expected = completable(ids) if length == 40 else middle == "[["
            assert constraint.solver(Canvas.from_tokens(ids, MASK)).verdict.status is (
                Status.OPEN if expected else Status.DEAD
            ), (middle, length)


@pytest.mark.parametrize("grammar", GRAMMARS.values(), ids=GRAMMARS)
def test_a_run_over_a_long_canvas_never_ends_dead(grammar: Grammar) -> None:
    """Random orders of random allowed tokens, several at once where they are admitted."""
    rng = random.Random(7)
    constraint = weft.compile(grammar, VOCABULARY)
    solver = constraint.solver(Canvas("([", Hole(60), "])"))
    while solver.verdict.status is Status.OPEN:
        slots = [position for position, token in enumerate(solver.ids) if token is None]
        proposals = [
            (position, rng.choice(sorted(bits(solver.mask(position)))))
            for position in rng.sample(slots, min(len(slots), 6))
        ]
        admitted = solver.admit(proposals)
        assert admitted, "a single allowed token must be admitted"
        solver.commit(dict(admitted))
    assert solver.verdict.status is Status.COMPLETE


def test_best_and_sample_are_sentences_and_best_is_best() -> None:
    constraint = weft.compile(GRAMMARS["scannerless"], VOCABULARY)
    scores = np.random.default_rng(0).normal(size=(24, END + 1))
    assert completable(constraint.solver(Canvas.from_tokens([MASK] * 24, MASK)).best(scores))
    solver = constraint.solver(Canvas.from_tokens([MASK] * 8, MASK))
    best = solver.best(scores[:8])
    for seed in range(20):
        drawn = solver.sample(scores[:8], np.random.default_rng(seed))
        assert completable(drawn)
        assert scores[range(8), drawn].sum() <= scores[range(8), best].sum() + 1e-9


def test_slots_to_the_left_of_a_hole_know_what_stands_to_its_right() -> None:
    constraint = weft.compile(GRAMMARS["scannerless"], VOCABULARY)
    solver = constraint.solver(Canvas(Hole(3), HOLE, "])"))
    assert bits(solver.mask(0)) == {0, 2, 4}
    solver.commit({0: LETTERS.index("("), 1: LETTERS.index("x")})
    assert bits(solver.mask(2)) == {0, 1, 2, 4}


def test_slots_of_cpp_are_decided_with_a_few_tokens_first() -> None:
    """Its lexer has thousands of states, so a yes is looked for among fewer tokens; a no must not come from them."""
    tokens = [bytes([byte]) for byte in range(256)] + [b"int", b" return", b"static", b"();", b") {", None]
    constraint = weft.compile(weft.load("cpp"), weft.Vocabulary(tokens, [len(tokens) - 1]))

    def status(*parts: str | Hole) -> Status:
        return constraint.solver(Canvas(*parts)).verdict.status

    assert status("int f() {", Hole(9), "}") is Status.OPEN
    assert status("int f() { g", Hole(1), "}") is Status.OPEN  # only `();`, which is none of the few
    assert status("int f() { g ( ", Hole(1), "}") is Status.DEAD
    assert status("int f() { (", Hole(1), "; }") is Status.DEAD


def test_the_first_slot_of_a_long_tail_of_cpp_is_decided() -> None:
    """What the last lexeme of the text before cannot become is no reading from which the end is far away."""
    tokens = [*(bytes([byte]) for byte in range(256)), b"))", b"();", None]
    constraint = weft.compile(weft.load("cpp"), weft.Vocabulary(tokens, [258]))
    solver = constraint.solver(Canvas("int main() { (", Hole(200)))
    assert {ord("a"), ord("("), ord("1"), ord(" ")} <= bits(solver.mask(0))
    assert not {ord(")"), ord("}"), 256, 258} & bits(solver.mask(0))
    assert solver.unknown == 0
