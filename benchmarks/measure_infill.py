"""What is timed on canvases, inside a worker: verdicts, commits, masks. Times are CPU time of one thread, in us.

Every canvas was cut out of a sentence, so its verdict is OPEN, the token that stood in a place is in the mask of that
place, and it can be committed. Anything else is counted as wrong, except what a Solver does not know: that is unknown.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.data import Json
from benchmarks.engines import Refused, Weft
from weft.errors import BudgetExceeded, DeadEnd
from weft.grammar.verdict import Status
from weft.infill.canvas import HOLE, Canvas, Hole
from weft.infill.solver import Solver

PATIENCE_S = 4.0  # CPU time for the stages of one text; a stage that nothing was asked about counts as unknown


class Timed:
    """The times of one canvas by name, and what was wrong or unknown on the way."""

    def __init__(self) -> None:
        self.us: dict[str, float] = {}
        self.wrong: list[str] = []
        self.unknown: list[str] = []

    def __call__(self, name: str, ask: Callable[[], Any]) -> Any:
        started = time.thread_time_ns()
        try:
            answer = ask()
        except BudgetExceeded:
            answer = None
            self.unknown.append(name)
        except DeadEnd:
            answer = None
            self.wrong.append(name)
        self.us[name] = (time.thread_time_ns() - started) / 1e3
        return answer

    def verdict(self, name: str, make: Callable[[], Solver]) -> Solver | None:
        """The Solver that `make` returns if its verdict is OPEN or COMPLETE."""
        solver, status = self(name, lambda: (lambda s: (s, s.verdict.status))(make())) or (None, Status.UNKNOWN)
        if status is Status.UNKNOWN and name not in self.unknown:
            self.unknown.append(name)
        if status is Status.DEAD:
            self.wrong.append(name)
        return solver if status in (Status.OPEN, Status.COMPLETE) else None

    def mask(self, name: str, solver: Solver, position: int, right: int) -> Any:
        before = solver.unknown
        words = self(name, lambda: solver.mask(position))
        if words is None or solver.unknown > before:
            if name not in self.unknown:
                self.unknown.append(name)
        elif not int(words[right >> 5]) >> (right & 31) & 1:
            self.wrong.append(name)
        return words

    def result(self) -> Json:
        return {"us": self.us, "wrong": self.wrong, "unknown": self.unknown}


def run_spans(engine: Weft, job: Json) -> Json:
    """Elastic holes: a verdict from nothing, the mask of the first hole, and a verdict after its first token."""
    refused = _prepare(engine, job)
    return refused or {"canvases": [_elastic(engine, case["fragments"], case["pieces"]) for case in job["canvases"]]}


def run_rigid(engine: Weft, job: Json) -> Json:
    """The same holes with as many slots as the pieces had tokens; the mask and the commit are those of the middle."""
    refused = _prepare(engine, job)
    return refused or {"canvases": [_rigid(engine, case["fragments"], case["pieces"]) for case in job["canvases"]]}


def _elastic(engine: Weft, fragments: list[str], pieces: list[list[int]]) -> Json:
    timed = Timed()
    canvas = Canvas(*_between(fragments, [HOLE] * len(pieces)))
    solver = timed.verdict("verdict", lambda: engine.constraint.solver(canvas))
    if solver is not None:
        timed.mask("mask", solver, 0, pieces[0][0])
        timed.verdict("commit", lambda: _appended(solver, pieces[0][0]))
    return _described(fragments, pieces) | timed.result()


def _rigid(engine: Weft, fragments: list[str], pieces: list[list[int]]) -> Json:
    timed = Timed()
    canvas = Canvas(*_between(fragments, [Hole(len(piece)) for piece in pieces]))
    solver = timed.verdict("verdict", lambda: engine.constraint.solver(canvas))
    if solver is not None:
        ids = [token for piece in pieces for token in piece]
        middle = len(ids) // 2
        timed.mask("mask", solver, middle, ids[middle])
        timed.verdict("commit", lambda: _committed(solver, {middle: ids[middle]}))
    return _described(fragments, pieces) | timed.result()


def _described(fragments: list[str], pieces: list[list[int]]) -> Json:
    return {"spans": len(pieces), "bytes": len("".join(fragments).encode()), "slots": sum(map(len, pieces))}


def run_stages(engine: Weft, job: Json) -> Json:
    """One text at every stage, as long as the patience lasts; what costs most comes last, with patience of its own."""
    refused = _prepare(engine, job)
    if refused:
        return refused
    stages = [Stage(engine, job, per_cent) for per_cent in job["stages"]]
    for ask in (Stage.ask, Stage.ask_mask, Stage.ask_all, Stage.retry):
        patience = job["all_masks_s"] if ask is Stage.ask_all else PATIENCE_S
        started = time.process_time()
        for stage in stages:
            if time.process_time() - started < patience:
                ask(stage)
            elif ask is Stage.ask:
                stage.timed.unknown.append("late")
    return {"stages": [{"per_cent": stage.per_cent} | stage.timed.result() for stage in stages]}


class Stage:
    """A rigid canvas with some of its slots committed in a given order, and the next 8 tokens as proposals."""

    def __init__(self, engine: Weft, job: Json, per_cent: int):
        ids, order = job["padded"], job["order"]
        self.engine, self.ids, self.per_cent, self.all_masks_s = engine, ids, per_cent, job["all_masks_s"]
        done = round(len(ids) * per_cent / 100)
        self.open = order[done:]
        self.fixed = {position: ids[position] for position in order[:done]}
        self.proposals = [(position, ids[position]) for position in self.open[:8]]
        self.solver: Solver | None = None
        self.timed = Timed()

    def ask(self) -> None:
        timed, proposals, mask_id = self.timed, self.proposals, self.engine.vocabulary.size  # which is no token
        canvas = Canvas.from_tokens([self.fixed.get(i, mask_id) for i in range(len(self.ids))], mask_id)
        solver = self.solver = timed.verdict("verdict", lambda: self.engine.constraint.solver(canvas))
        if solver is None:
            return
        admitted = timed("admit", lambda: solver.admit(proposals))
        if admitted is not None and len(admitted) < len(proposals):
            (timed.unknown if solver.unknown else timed.wrong).append("admit")
        twin = solver.fork()
        timed.verdict("commit", lambda: _committed(twin, dict(proposals)))

    def ask_mask(self) -> None:
        if self.solver is not None:
            self.timed.mask("mask", self.solver, *self.proposals[-1])

    def ask_all(self) -> None:
        solver = self.solver
        if solver is None:
            return

        def masks() -> None:
            started = time.process_time()
            for position in self.open:
                solver.mask(position)
                if time.process_time() - started > self.all_masks_s:
                    raise BudgetExceeded("all masks take too long")

        self.timed("all masks", masks)
        if "all masks" in self.timed.unknown:
            del self.timed.us["all masks"]

    def retry(self) -> None:
        """The published way to commit the proposals."""
        self.timed("retry", lambda: _one_at_a_time(self.engine, dict(self.fixed), self.proposals, len(self.ids)))


def _one_at_a_time(engine: Weft, fixed: dict[int, int], proposals: list[tuple[int, int]], slots: int) -> None:
    """The published way to commit them: holes without length, one check from nothing per token."""
    started = time.process_time()
    for position, token in proposals:
        fixed[position] = token
        verdict = engine.constraint.solver(_without_lengths(engine, fixed, slots)).verdict
        if verdict.status is Status.UNKNOWN:
            raise BudgetExceeded("a check is undecided")
        if verdict.status is Status.DEAD:
            raise DeadEnd("a right token was refused")
        if time.process_time() - started > PATIENCE_S:
            raise BudgetExceeded("eight checks take too long")


def _without_lengths(engine: Weft, fixed: dict[int, int], slots: int) -> Canvas:
    parts: list[Any] = []
    for position in range(slots):
        token = fixed.get(position)
        if token is None:
            if not parts or parts[-1] is not HOLE:
                parts.append(HOLE)
        elif token in engine.vocabulary.eos:
            break
        else:
            parts.append(engine.vocabulary.tokens[token])
    return Canvas(*parts)


def run_retry(engine: Weft, job: Json) -> Json:
    """One token for the first of three holes, by one mask, and by proposals in uniform order checked one at a time."""
    refused = _prepare(engine, job)
    if refused:
        return refused
    fragments, right, proposals = job["fragments"], job["right"], job["proposals"]
    timed = Timed()
    canvas = Canvas(*_between(fragments, [HOLE] * (len(fragments) - 1)))
    solver = timed.verdict("verdict", lambda: engine.constraint.solver(canvas))
    if solver is None:
        return timed.result()
    words = timed.mask("mask", solver, 0, right)
    allowed = [token for token in proposals if int(words[token >> 5]) >> (token & 31) & 1]
    chosen = allowed[0] if allowed else right
    timed.verdict("commit", lambda: _appended(solver, chosen))
    tries = 0
    started = time.thread_time_ns()
    for token in proposals:
        tries += 1
        text = engine.vocabulary.tokens[token]
        parts = [fragments[0], text, *_between(["", *fragments[1:]], [HOLE] * (len(fragments) - 1))]
        status = engine.constraint.solver(Canvas(*parts)).verdict.status
        if (status is Status.OPEN) != (token in allowed) and status is not Status.UNKNOWN:
            timed.wrong.append(f"mask and check of token {token}")
        if status is Status.OPEN:
            break
    timed.us["tries"] = (time.thread_time_ns() - started) / 1e3
    return {"tries": tries, "accepted": bool(allowed)} | timed.result()


TASKS: dict[str, Callable[[Any, Json], Json]] = {
    "spans": run_spans,
    "rigid": run_rigid,
    "stages": run_stages,
    "retry": run_retry,
}


def _prepare(engine: Weft, job: Json) -> Json | None:
    """Compile the language or the schema, unless it is the last one, and read the whole text once: is it a sentence?"""
    key = json.dumps(job.get("schema", job.get("language")))
    if getattr(engine, "prepared", None) != key:
        try:
            if "language" in job:
                engine.compile_language(job["language"])
            else:
                engine.compile_schema(job["schema"])
        except Refused as error:
            return {"refused": error.reason}
        engine.prepared = key
    engine.reset()
    if not all(engine.commit(token) for token in job["ids"]) or not engine.is_complete():
        return {"refused": "the whole text is not a sentence"}
    return None


def _between(fragments: list[str], holes: list[Hole]) -> Iterable[str | Hole]:
    for fragment, hole in zip(fragments, holes, strict=False):
        yield from (fragment, hole)
    yield fragments[-1]


def _appended(solver: Solver, token: int) -> Solver:
    solver.append(0, token)
    return solver


def _committed(solver: Solver, tokens: dict[int, int]) -> Solver:
    solver.commit(tokens)
    return solver
