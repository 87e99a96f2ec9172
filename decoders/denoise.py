"""Masked diffusion: a model scores every slot of a canvas, a policy picks some, the constraint admits them together.

One step, in this order:

    forward -> mask the logits -> policy -> admit jointly -> commit -> commit what is now forced

A canvas that can be filled stays one that can be filled, so a run never gets stuck: the first commit of a step is
always possible where masks are exact, and each later one is checked given those before it. Every token is scored by the
model under the mask, or is the only one that can stand in its slot.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from weft.decoders.models import MaskedModel
from weft.decoders.picture import History, Step
from weft.decoders.policies import BlockSchedule, CommitPolicy, FixedBlocks, Prediction, TopK, full_canvas, proposal
from weft.decoders.policies.prediction import wanted
from weft.decoders.result import Result, Stop, Timings
from weft.decoders.sampling import allowed_ids, apply_mask, gumbel, seeded, wait_for
from weft.decoders.solving import CanvasConstraint, CanvasSolver, Floats, Mask, Tokens, require_open
from weft.errors import BudgetExceeded, VocabularyError, WeftError
from weft.infill.canvas import Canvas, Hole

_ROWS_AT_ONCE = 32  # bounds the memory of softmax over a large vocabulary
_TRIES_UNMASKED = 64  # tokens tried in a slot whose mask is not known
_TRIES_PER_SLOT = 16  # tokens tried in a slot when the constraint could settle nothing that the policy wanted


def denoise(
    dlm: MaskedModel,
    prompt: str | Sequence[int],
    constraint: CanvasConstraint | None = None,
    *,
    length: int | None = None,
    canvas: Canvas | None = None,
    block: int | BlockSchedule | None = None,
    policy: CommitPolicy | None = None,
    max_steps: int | None = None,
    temperature: float = 0.0,
    seed: int | None = None,
    masks: bool = True,
) -> Result:
    """A text that a masked-diffusion model writes by filling a canvas; always a sentence if a constraint is given.

    Args:
        prompt: text or tokens that the model reads before the canvas; the constraint does not see them.
        constraint: None for whatever the model writes.
        length: slots of an empty canvas.
        canvas: instead of `length`: fixed tokens and rigid holes.
        block: slots per block, filled from left to right, or a block schedule; None for the whole canvas at once.
        policy: which slots to commit in a step (`weft.decoders.policies`); one at a time, the surest first, if None.
        max_steps: forward passes; the last of them fills all slots that are left with their best joint filling, or with
            a sample of it if `temperature` is not 0. No limit if None.
        temperature: 0 takes the best token of each slot, otherwise tokens are drawn.
        seed: of every random choice.
        masks: False tries tokens of a slot in the order of their scores, one by one, until the constraint takes one:
            the same token, without the mask of the slot, which is dear under the grammar of a programming language.
            The confidence is then that among all tokens that were not refused.
    Returns:
        A Result whose text ends before the first end token; `holes` and `history` are about the whole canvas.
    Raises:
        DeadEnd: no sentence fits the canvas.
        BudgetExceeded: the constraint could not settle, within its limits, any token for any open slot.
    """
    began = time.perf_counter()
    canvas = _rigid(length, canvas)
    if max_steps is not None and max_steps < 1:
        raise WeftError(f"max_steps is {max_steps}", expected="1 or more, or None")
    if temperature < 0:
        raise WeftError(f"temperature is {temperature}", expected="0 or more")
    schedule = full_canvas if block is None else FixedBlocks(block) if isinstance(block, int) else block
    policy = policy if policy is not None else TopK(1)
    if constraint is None:
        vocabulary: Tokens = dlm.vocabulary
        solver: CanvasSolver | _AnyText = _AnyText(canvas, dlm)
    else:
        vocabulary = constraint.vocabulary
        if dlm.mask_id < vocabulary.size and vocabulary.tokens[dlm.mask_id] is not None:
            raise VocabularyError(
                f"the mask id {dlm.mask_id} is text in the constraint's vocabulary",
                where=f"token {dlm.mask_id}: {vocabulary.tokens[dlm.mask_id]!r}",
                expected="a special token",
                hint="Vocabulary(tokens, eos) with None in its place",
            )
        solver = constraint.solver(canvas)
    run = _Run(dlm, vocabulary, solver, canvas, prompt, temperature, seed, masks)
    run.check_start()
    run.propagate()
    window, step, open_at_entry = range(0), 0, 0
    while run.is_open.any():
        opened = schedule(run.is_open)
        if opened != window:
            window, step, open_at_entry = opened, 0, int(run.is_open[opened.start : opened.stop].sum())
        logits = run.forward()
        if run.model_calls == max_steps:
            run.finish(logits)
            break
        run.step(logits, policy, window, step, open_at_entry)
        step += 1
    return run.result(began)


class _AnyText:
    """The solver of no constraint: every token but the mask id may stand anywhere, and an end token ends the text."""

    unknown = 0

    def __init__(self, canvas: Canvas, dlm: MaskedModel):
        self._ids = [x if isinstance(x, int) else None for x in canvas.positions]
        self._eos = frozenset(dlm.vocabulary.eos)
        allowed = np.ones(-(-dlm.vocab_size // 32) * 32, np.uint8)
        allowed[dlm.mask_id] = 0
        allowed[dlm.vocab_size :] = 0
        self._mask: Mask = np.packbits(allowed, bitorder="little").view(np.uint32)

    def mask(self, position: int) -> Mask:
        return self._mask

    def commit(self, tokens: Mapping[int, int]) -> None:
        for position, token_id in tokens.items():
            self._ids[position] = token_id

    def admit(self, proposals: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        return list(proposals)

    def forced(self) -> dict[int, int]:
        """What follows the first end token, once nothing before it is open, is never read."""
        for position, token_id in enumerate(self._ids):
            if token_id is None:
                break
            if token_id in self._eos:
                return {p: token_id for p in range(position, len(self._ids)) if self._ids[p] is None}
        return {}

    def best(self, scores: Floats) -> list[int]:
        return self._fill(self._legal(scores))

    def sample(self, scores: Floats, rng: np.random.Generator) -> list[int]:
        return self._fill(self._legal(scores) + rng.gumbel(size=scores.shape))

    def _legal(self, scores: Floats) -> Floats:
        out = np.full(scores.shape, -np.inf)
        ids = allowed_ids(self._mask, scores.shape[1])
        out[:, ids] = scores[:, ids]
        return out

    def _fill(self, scores: Floats) -> list[int]:
        return [int(np.argmax(scores[p])) if x is None else x for p, x in enumerate(self._ids)]


@dataclass
class _Clock:
    """Seconds by who spent them."""

    model: float = 0.0
    constraint: float = 0.0
    sampling: float = 0.0

    @contextmanager
    def time(self, who: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            setattr(self, who, getattr(self, who) + time.perf_counter() - start)


class _Run:
    """A canvas on its way from open to full, and what was counted."""

    def __init__(
        self,
        dlm: MaskedModel,
        vocabulary: Tokens,
        solver: CanvasSolver | _AnyText,
        canvas: Canvas,
        prompt: str | Sequence[int],
        temperature: float,
        seed: int | None,
        masks: bool,
    ):
        self.dlm, self.vocabulary, self.solver, self.canvas = dlm, vocabulary, solver, canvas
        self.prompt = dlm.encode(prompt) if isinstance(prompt, str) else [int(t) for t in prompt]
        self.temperature, self.masks = temperature, masks
        self.rng = np.random.default_rng(seed)
        self.noise: torch.Generator | None = None
        self.start = [x if isinstance(x, int) else None for x in canvas.positions]
        self.ids = list(self.start)
        self.steps: list[Step] = []
        self.clock = _Clock()
        self.model_calls = self.unknown = 0

    @property
    def is_open(self) -> np.ndarray:
        return np.array([x is None for x in self.ids], bool)

    def _noise(self, device: torch.device) -> torch.Generator:
        if self.noise is None:
            self.noise = seeded(int(self.rng.integers(2**62)), device)
        return self.noise

    def check_start(self) -> None:
        if isinstance(self.solver, _AnyText):
            return
        with self.clock.time("constraint"):
            require_open(self.solver, self.canvas, self.vocabulary, "more slots, or fewer fixed tokens")

    def propagate(self) -> dict[int, int]:
        """Commits the slots in which only one token can stand; they cost no forward pass."""
        with self.clock.time("constraint"):
            forced = self.solver.forced()
            if forced:
                self.solver.commit(forced)
        for position, token_id in forced.items():
            self.ids[position] = token_id
        if forced and not self.steps:
            self.steps.append(Step(forced=forced))
        return forced

    def forward(self) -> torch.Tensor:
        """The model's scores of every position of the canvas, (length, vocab).

        An accelerator may still be at work on them: masks are found meanwhile.
        """
        with self.clock.time("model"):
            tokens = self.prompt + [self.dlm.mask_id if x is None else x for x in self.ids]
            logits = self.dlm.logits(tokens)[len(self.prompt) :]
        self.model_calls += 1
        return logits

    def _wait_for(self, logits: torch.Tensor) -> None:
        with self.clock.time("model"):
            wait_for(logits)

    def step(self, logits: torch.Tensor, policy: CommitPolicy, window: range, step: int, open_at_entry: int) -> None:
        prediction, tokens = self._predict(logits, window, step, open_at_entry)
        if not prediction.is_open.any():  # the constraint could settle nothing inside the window
            prediction, tokens = self._predict(logits, range(len(self.ids)), step, open_at_entry)
        if not prediction.is_open.any():
            raise self._unsettled()
        with self.clock.time("sampling"):
            proposals = [(position, int(tokens[position])) for position in proposal(policy, prediction)]
        with self.clock.time("constraint"):
            committed, refused = self._admit(proposals)
            if not committed:
                committed, more = self._insist(logits, map(int, wanted(prediction)))
                refused += more
        self.ids = [committed.get(p, x) for p, x in enumerate(self.ids)]
        self.steps.append(Step(committed, {}, refused, window))
        forced = self.propagate()
        self.steps[-1] = Step(committed, forced, refused, window)

    def _predict(
        self, logits: torch.Tensor, window: range, step: int, open_at_entry: int
    ) -> tuple[Prediction, np.ndarray]:
        """The model's opinion on the open slots in `window` under the mask, and the token for each position."""
        length = len(self.ids)
        token = np.zeros(length, np.int64)
        confidence = np.zeros(length)
        is_open = np.zeros(length, bool)
        positions: list[int] = []
        masks: list[Mask] = []
        chunks: list[tuple[list[int], torch.Tensor]] = []
        for position in window:
            if self.ids[position] is not None:
                continue
            mask = self._mask(position) if self.masks else None
            if mask is not None and mask.any():
                positions.append(position)
                masks.append(mask)
            elif mask is None and (found := self._first_that_fits(logits, position)):
                is_open[position] = True
                token[position], confidence[position], row = found
                chunks.append(([position], row))
        is_open[positions] = True
        self._wait_for(logits)
        with self.clock.time("sampling"):
            for first in range(0, len(positions), _ROWS_AT_ONCE):
                at = positions[first : first + _ROWS_AT_ONCE]
                rows = apply_mask(_finite(logits[at]), np.stack(masks[first : first + _ROWS_AT_ONCE]))  # (slots, vocab)
                chosen = gumbel(rows, self.temperature, self._noise(rows.device)).argmax(dim=-1)
                score = rows.gather(-1, chosen[:, None])[:, 0]
                token[at] = chosen.cpu().numpy()
                confidence[at] = (score - rows.logsumexp(dim=-1)).exp().cpu().numpy()
                chunks.append((at, rows))

        def by_slot(measure: Callable[[Sequence[int], torch.Tensor], torch.Tensor]) -> Floats:
            out = np.zeros(length)
            for at, rows in chunks:
                out[at] = measure(at, rows).cpu().numpy()
            return out

        prediction = Prediction(
            is_open,
            confidence,
            entropy=lambda: by_slot(lambda _, rows: _entropy(rows)),
            margin=lambda: by_slot(lambda _, rows: _margin(rows)),
            legal_mass=lambda: by_slot(lambda at, rows: (rows.logsumexp(-1) - _finite(logits[at]).logsumexp(-1)).exp()),
            step=step,
            open_at_entry=open_at_entry,
            rng=self.rng,
        )
        return prediction, token

    def _mask(self, position: int) -> Mask | None:
        """None where it is not known."""
        before = self.solver.unknown
        with self.clock.time("constraint"):
            try:
                mask = self.solver.mask(position)
            except BudgetExceeded:
                self.unknown += 1
                return None
        return mask if self.solver.unknown == before else None

    def _first_that_fits(self, logits: torch.Tensor, position: int) -> tuple[int, float, torch.Tensor] | None:
        """The token that a mask would have let win, its confidence, and the scores without what was refused.

        With Gumbel noise the order is one of draws without replacement: the first that fits is a draw under the mask.
        """
        self._wait_for(logits)
        with self.clock.time("sampling"):
            row = _finite(logits[[position]])  # (1, vocab)
            order = gumbel(row, self.temperature, self._noise(row.device))[0].topk(min(_TRIES_UNMASKED, row.shape[1]))
            tried = order.indices.tolist()
        with self.clock.time("constraint"):
            token_id, refused = self._first_admitted(position, tried)
        if token_id is None:
            self.unknown += 1
            return None
        row[0, refused] = -np.inf
        return token_id, float((row[0, token_id] - row[0].logsumexp(dim=-1)).exp()), row

    def _first_admitted(self, position: int, tokens: Iterable[int]) -> tuple[int | None, list[int]]:
        """The first of these tokens that the constraint takes in this slot, and those before it."""
        refused: list[int] = []
        for token_id in tokens:
            if token_id < self.vocabulary.size and self.solver.admit([(position, token_id)]):
                return token_id, refused
            refused.append(token_id)
        return None, refused

    def _admit(self, proposals: Sequence[tuple[int, int]]) -> tuple[dict[int, int], list[tuple[int, int]]]:
        """Commits the proposals one given the other, leaving out those that do not fit."""
        committed: dict[int, int] = {}
        refused: list[tuple[int, int]] = []
        left = list(proposals)
        while left:
            admitted = self.solver.admit(left)
            if admitted:
                self.solver.commit(dict(admitted))
                committed.update(admitted)
            refused += left[len(admitted) : len(admitted) + 1]
            left = left[len(admitted) + 1 :]
        return committed, refused

    def _insist(self, logits: torch.Tensor, positions: Iterable[int]) -> tuple[dict[int, int], list[tuple[int, int]]]:
        """One token that the constraint admits in the first of these slots that has one, best tokens first."""
        refused: list[tuple[int, int]] = []
        for position in positions:
            row = apply_mask(_finite(logits[[position]]), self.solver.mask(position)[None])[0]
            best = row.topk(min(_TRIES_PER_SLOT, len(row)))
            token_id, tried = self._first_admitted(position, best.indices[best.values > -np.inf].tolist())
            refused += [(position, other) for other in tried]
            if token_id is not None:
                self.solver.commit({position: token_id})
                return {position: token_id}, refused
        raise self._unsettled()

    def finish(self, logits: torch.Tensor) -> None:
        """Fills all open slots by the last forward pass: the best joint filling, or a sample of it."""
        self._wait_for(logits)
        with self.clock.time("constraint"):
            width = min(logits.shape[-1], self.vocabulary.size)
            scores = _finite(logits[:, :width]).cpu().numpy()
            try:
                if self.temperature:
                    ids = self.solver.sample(scores / self.temperature, self.rng)
                else:
                    ids = self.solver.best(scores)
                new = {p: int(ids[p]) for p, x in enumerate(self.ids) if x is None}
                self.solver.commit(new)
            except BudgetExceeded:
                self.unknown += 1
                new = self._one_by_one(logits)
        self.ids = [new.get(p, x) for p, x in enumerate(self.ids)]
        self.steps.append(Step(new, {}, (), range(len(self.ids))))

    def _one_by_one(self, logits: torch.Tensor) -> dict[int, int]:
        """A filling by the same scores, the surest slot first, each slot under the mask that the earlier ones leave."""
        new: dict[int, int] = {}
        prediction, _ = self._predict(logits, range(len(self.ids)), 0, 0)
        for position in map(int, wanted(prediction)):
            committed, _ = self._insist(logits, [position])
            new |= committed
        if len(new) < self.is_open.sum():
            raise self._unsettled()
        return new

    def _unsettled(self) -> BudgetExceeded:
        mask_id = self.dlm.mask_id
        now = Canvas.from_tokens([mask_id if x is None else x for x in self.ids], mask_id)
        return BudgetExceeded(
            "the constraint could not settle any token for any open slot",
            where=now.to_text(self.vocabulary)[:200],
            hint="higher limits in weft.compile, or a shorter canvas",
        )

    def result(self, began: float) -> Result:
        ids = [x for x in self.ids if x is not None]
        ends = [p for p, x in enumerate(ids) if x in self.vocabulary.eos]
        end = ends[0] if ends else len(ids)
        data = self._text(ids[:end])
        return Result(
            text=data.decode(errors="replace"),
            ids=ids[:end],
            stop=Stop.END if ends else Stop.BUDGET if isinstance(self.solver, _AnyText) else Stop.COMPLETE,
            is_complete=True,
            data=data,
            holes=[
                self._text(ids[hole.start : min(hole.stop, end)]).decode(errors="replace")
                for hole in self.canvas.hole_positions
            ],
            model_calls=self.model_calls,
            forced=sum(len(step.forced) for step in self.steps),
            refused=sum(len(step.refused) for step in self.steps),
            unknown=self.unknown + self.solver.unknown,
            commits=sum(len(step.committed) for step in self.steps),
            history=History(self.start, self.steps, self.vocabulary.tokens),
            timings=Timings(
                model_s=self.clock.model,
                constraint_s=self.clock.constraint,
                sampling_s=self.clock.sampling,
                total_s=time.perf_counter() - began,
            ),
        )

    def _text(self, ids: Iterable[int]) -> bytes:
        tokens = self.vocabulary.tokens
        return b"".join((tokens[x] if x < len(tokens) else None) or b"" for x in ids)


def _finite(logits: torch.Tensor) -> torch.Tensor:
    """A float32 copy with missing and infinite scores made very low and high ones, so that no row is empty."""
    return torch.nan_to_num(logits.float(), nan=-1e30, posinf=1e30, neginf=-1e30)


def _entropy(rows: torch.Tensor) -> torch.Tensor:
    logp = torch.log_softmax(rows, dim=-1)
    return -(logp.exp() * logp.clamp(min=-1e30)).sum(dim=-1)


def _margin(rows: torch.Tensor) -> torch.Tensor:
    best = torch.softmax(rows, dim=-1).topk(min(2, rows.shape[-1]), dim=-1).values
    return best[:, 0] - best[:, 1:].sum(dim=-1)


def _rigid(length: int | None, canvas: Canvas | None) -> Canvas:
    if (length is None) == (canvas is None):
        raise WeftError("the size of the canvas is not clear", expected="either length or canvas")
    if canvas is None:
        assert length is not None
        if length < 1:
            raise WeftError(f"length is {length}", expected="1 or more slots")
        return Canvas(Hole(length))
    if not canvas.is_rigid or any(isinstance(part, bytes) for part in canvas.parts):
        raise WeftError(
            "a masked-diffusion model needs a canvas of tokens",
            where=repr(canvas)[:200],
            expected="lists of token ids and Hole(slots)",
            hint="Canvas.from_tokens(ids, mask_id); weft.fill writes elastic holes with a causal model",
        )
    return canvas
