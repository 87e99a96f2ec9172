"""Random canvases over random grammars and vocabularies; every answer of the Solver against all fillings, listed.

The orders are random as well: commit, remask, rollback, fork, append, close. Rigid canvases are compared bit for bit.
Sentences are listed up to a length, so with elastic holes what is listed must be found, and what is found beyond it
must be shown by a witness that the slow oracle accepts.
"""

from __future__ import annotations

import random

import numpy as np
import oracles
from toy_solver import ToyConstraint, ToySolver, ToyVocabulary

import weft
from weft.grammar.grammar import Grammar
from weft.grammar.verdict import Status
from weft.infill.canvas import HOLE, Canvas, Hole
from weft.infill.solver import Solver

LETTERS = 6  # sentences of so many letters are listed
POOL = [b"a", b"b", b"ab", b"ba", b"bb", b"aa", b"aba"]


def play(seed: int) -> None:
    """Raises AssertionError where the Solver and the list differ."""
    rng = random.Random(seed)
    grammar = oracles.random_grammar(rng, lexer=rng.random() < 0.5)
    tokens: list[bytes | None] = rng.choices(POOL, k=rng.randint(1, 7))
    tokens += rng.sample([b"", None, b"a" * 50, b"\xff", b"\xc3"], rng.randint(0, 3))
    rng.shuffle(tokens)
    eos = rng.sample(range(len(tokens)), min(len(tokens) - 1, rng.choice((0, 1, 1, 2))))
    tokens = [None if id_ in eos else token or None for id_, token in enumerate(tokens)]
    limits = weft.Limits(cache_bytes=rng.choice((0, 1 << 26)))
    constraint = weft.compile(grammar, weft.Vocabulary(tokens, eos), limits=limits)
    toy = ToyConstraint(oracles.sentences(grammar, "ab", LETTERS), ToyVocabulary(tokens, eos))
    for _ in range(3):
        canvas = canvas_of(rng, tokens, rigid=rng.random() < 0.6)
        game = Game(grammar, constraint.solver(canvas), toy.solver(canvas), canvas, rng)
        game.rigid() if canvas.is_rigid else game.elastic()


def canvas_of(rng: random.Random, tokens: list[bytes | None], *, rigid: bool) -> Canvas:
    longest = max((len(t) for t in tokens if t and set(t) <= set(b"ab")), default=1)
    parts: list[bytes | list[int] | Hole] = []
    room = LETTERS
    for _ in range(rng.randint(1, 5)):
        kind = rng.randrange(4)
        part: bytes | list[int] | Hole
        part, size = rng.choice([b"a", b"b", b"ab", b"ba", b"bab"]), 3
        if kind == 0:
            part, size = [rng.randrange(len(tokens))], longest
        elif kind == 1 and not rigid:
            part, size = HOLE, 0
        elif kind < 3:
            part, size = Hole(rng.randint(1, 2)), 2 * longest
        if size <= room:
            parts.append(part)
            room -= size
    return Canvas(*parts)


class Game:
    def __init__(self, grammar: Grammar, solver: Solver, toy: ToySolver, canvas: Canvas, rng: random.Random):
        self.grammar, self.solver, self.toy, self.canvas, self.rng = grammar, solver, toy, canvas, rng

    def rigid(self) -> None:
        for _ in range(8):
            self.same()
            slots = [position for position, token in enumerate(self.solver.ids) if token is None]
            order = self.rng.random()
            if order < 0.2 and len(self.toy._states) > 1:
                count = self.rng.randrange(len(self.toy._states))
                self.both(lambda s, n=count: s.rollback(n))
            elif order < 0.35:
                opened = [p for p, was_open in enumerate(self.toy._was_open) if was_open and self.rng.random() < 0.5]
                self.both(lambda s, positions=opened: s.remask(positions))
            elif order < 0.45:
                self.solver, self.toy = self.solver.fork(), self.toy.fork()
            else:
                size = self.toy.vocabulary.size
                tokens = {p: self.rng.randrange(size) for p in slots if self.rng.random() < 0.6}
                self.both(lambda s, new=tokens: s.commit(new))

    def both(self, order) -> None:
        """Gives an order to both; they must agree whether it is one that leaves no sentence."""
        refused = []
        for solver in (self.solver, self.toy):
            try:
                order(solver)
                refused.append(False)
            except weft.DeadEnd:
                refused.append(True)
        if refused == [False, True] and self.toy.verdict.status is Status.DEAD:
            self.solver.rollback(1)  # to remask a dead canvas is allowed, and changes nothing here
            refused = [True, True]
        assert refused[0] == refused[1], (self.canvas, self.solver.ids, refused)

    def same(self) -> None:
        solver, toy, where = self.solver, self.toy, (self.grammar, self.canvas, self.solver.ids)
        assert solver.ids == toy.ids, where
        assert solver.verdict.status is toy.verdict.status, where
        for position in range(len(solver.ids)):
            assert (solver.mask(position) == toy.mask(position)).all(), (where, position)
        if toy.verdict.status is Status.DEAD:
            return
        assert solver.forced() == toy.forced(), where
        assert solver.min_slots_to_close() == toy.min_slots_to_close(), where
        scores = np.random.default_rng(self.rng.randrange(1000)).normal(size=(len(solver.ids), toy.vocabulary.size))
        assert solver.best(scores) == toy.best(scores), where
        assert tuple(solver.sample(scores, np.random.default_rng(1))) in toy.fillings(), where
        slots = [position for position, token in enumerate(solver.ids) if token is None]
        proposals = [(p, self.rng.randrange(toy.vocabulary.size)) for p in self.rng.sample(slots, len(slots))]
        assert solver.admit(proposals) == toy.admit(proposals), where

    def elastic(self) -> None:
        for _ in range(8):
            slots = [p for p, item in enumerate(self.toy._states[-1]) if item is None]
            holes = [p for p, item in enumerate(self.canvas.positions) if item == HOLE and not self.closed(p)]
            found = self.toy.verdict.status
            if found is Status.DEAD:
                if self.solver.verdict.status is not Status.DEAD and not slots:
                    self.proved(self.solver)
                return
            assert self.solver.verdict.status is found, (self.canvas, found)
            if slots:
                position = slots[0]
                order = "commit"
            elif holes:
                position = holes[0]
                order = "append"
                assert self.solver.can_close(position) or not self.toy.can_close(position), self.canvas
            else:
                return
            listed, said = bits(self.toy.mask(position)), bits(self.solver.mask(position))
            assert listed <= said, (self.grammar, self.canvas, position, listed - said)
            for token in said - listed if holes else ():
                beyond = self.solver.fork()
                beyond.commit({position: token}) if order == "commit" else beyond.append(position, token)
                self.proved(beyond)
            if order == "append" and self.toy.can_close(position) and self.rng.random() < 0.4:
                self.solver.close(position)
                self.toy.close(position)
            elif listed:
                token = self.rng.choice(sorted(listed))
                for solver in (self.solver, self.toy):
                    solver.commit({position: token}) if order == "commit" else solver.append(position, token)
            else:
                return

    def closed(self, position: int) -> bool:
        return bool(self.toy._states[-1][position].is_closed)

    def proved(self, solver: Solver) -> None:
        if None in [token for token, item in zip(solver.ids, self.canvas.positions, strict=True) if item != HOLE]:
            return  # a canvas with open slots has no text yet
        witness = solver.witness
        assert witness is not None, (self.grammar, self.canvas)
        if len(witness) <= 2 * LETTERS:  # the oracle takes its time
            assert oracles.accepts(self.grammar, witness), (self.grammar, self.canvas, witness)
        else:
            assert weft.check(self.grammar, witness).status is Status.COMPLETE, (self.grammar, self.canvas, witness)


def bits(mask: np.ndarray) -> set[int]:
    return {id_ for id_ in range(32 * len(mask)) if int(mask[id_ // 32]) >> id_ % 32 & 1}
