"""Several holes with a causal model, from left to right; the grammar knows what stands on the right.

    "while (" HOLE ") { " HOLE " }"
             |           |
             |           2  the model reads "while (b != 0) { " and writes on
             1  it reads "while (", writes "b != 0", and closes the hole

A hole is closed when the model would rather write what stands behind it. A model that was trained to fill in the middle
is also shown the text behind the hole, and closes with an end token.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from weft.decoders.models import CausalModel
from weft.decoders.result import Result, Stop, Timings
from weft.decoders.sampling import Sampling, allowed_ids, seeded, wait_for
from weft.decoders.solving import CanvasConstraint, CanvasSolver, Tokens, require_open
from weft.errors import BudgetExceeded, WeftError
from weft.infill.canvas import Canvas, Hole

_PREFIX, _SUFFIX = "prefix", "suffix"


class FimTokens(NamedTuple):
    """How a family of models is asked to fill in the middle.

    `order` names special tokens, and where the text before and behind the hole goes; `ends` are special tokens that end
    the answer, besides the end tokens of the vocabulary.
    """

    order: tuple[str, ...]
    ends: tuple[str, ...] = ()


FIM_FAMILIES = (
    # Qwen Coder, CodeGemma, Granite 4
    FimTokens(
        ("<|fim_prefix|>", _PREFIX, "<|fim_suffix|>", _SUFFIX, "<|fim_middle|>"),
        ("<|endoftext|>", "<|fim_pad|>", "<|file_sep|>", "<|file_separator|>"),
    ),
    # StarCoder, Granite 3
    FimTokens(("<fim_prefix>", _PREFIX, "<fim_suffix>", _SUFFIX, "<fim_middle>"), ("<|endoftext|>", "<file_sep>")),
    # SantaCoder
    FimTokens(("<fim-prefix>", _PREFIX, "<fim-suffix>", _SUFFIX, "<fim-middle>"), ("<|endoftext|>",)),
    # Code Llama
    FimTokens(("▁<PRE>", _PREFIX, "▁<SUF>", _SUFFIX, "▁<MID>"), ("▁<EOT>",)),
    FimTokens(("<PRE>", _PREFIX, "<SUF>", _SUFFIX, "<MID>"), ("<EOT>",)),
    # DeepSeek Coder
    FimTokens(("<｜fim▁begin｜>", _PREFIX, "<｜fim▁hole｜>", _SUFFIX, "<｜fim▁end｜>")),
    # Codestral
    FimTokens(("[SUFFIX]", _SUFFIX, "[PREFIX]", _PREFIX)),
)


def fim_tokens(vocabulary: Tokens) -> FimTokens | None:
    """The way to fill in the middle that this vocabulary has the special tokens for, None if it has none."""
    for family in FIM_FAMILIES:
        if all(name in vocabulary.specials for name in family.order if name not in (_PREFIX, _SUFFIX)):
            return family
    return None


def fill(
    lm: CausalModel,
    canvas: Canvas,
    constraint: CanvasConstraint,
    *,
    prompt: str = "",
    max_tokens: int | Sequence[int] | None = 128,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
) -> Result:
    """The canvas as a sentence, its holes written by a causal model from left to right.

    Args:
        prompt: text that the model reads before the canvas; it is no part of the sentence.
        max_tokens: for each elastic hole, or one number for all; None for no limit. A hole is always closed within it,
            in such a way that the whole is a sentence.
        temperature, top_k, top_p: as in `weft.decoders.sampling.Sampling`; 0 takes the best token.
        seed: of every random choice.
    Returns:
        A Result with the whole text, and in `holes` the text of each hole.
    Raises:
        DeadEnd: no filling is a sentence.
        BudgetExceeded: none is within `max_tokens` or the model's context, or the constraint could not settle in its
            limits how to go on.
    """
    began = time.perf_counter()
    sampling = Sampling(temperature, top_k, top_p)
    elastic = sum(hole.is_elastic for hole in canvas.holes)
    budgets = [max_tokens] * elastic if max_tokens is None or isinstance(max_tokens, int) else list(max_tokens)
    if len(budgets) != elastic:
        raise WeftError(f"max_tokens has {len(budgets)} numbers for {elastic} elastic holes")
    if any(budget is not None and budget < 0 for budget in budgets):
        raise WeftError(f"max_tokens is {max_tokens}", expected="0 or more for each hole, or None")
    writer = _Writer(lm, constraint, canvas, prompt, sampling, seed)
    position = 0
    before = b""
    holes: list[bytes] = []
    for place, part in enumerate(canvas.parts):
        if isinstance(part, bytes):
            before += part
        elif isinstance(part, tuple):
            before += writer.text(part)
            position += len(part)
        else:
            behind = canvas.parts[place + 1 :]
            if part.slots is None:
                written = writer.write_elastic(position, before, behind, budgets.pop(0), len(holes))
                position += 1
            else:
                written = writer.write_rigid(range(position, position + part.slots), before, behind)
                position += part.slots
            holes.append(written)
            before += written
    return writer.result(before, holes, began)


class _Writer:
    """A causal model and a solver that go through a canvas side by side, and what was counted."""

    def __init__(
        self,
        lm: CausalModel,
        constraint: CanvasConstraint,
        canvas: Canvas,
        prompt: str,
        sampling: Sampling,
        seed: int | None,
    ):
        self.lm, self.vocabulary = lm, constraint.vocabulary
        self.width = min(self.vocabulary.size, lm.vocab_size)
        self.prompt, self.sampling, self.generator = prompt, sampling, seeded(seed)
        self.fim = fim_tokens(lm.vocabulary) if getattr(lm, "in_the_middle", True) else None
        self.state = lm.start()
        self.read: list[int] = []
        self.model_s = self.constraint_s = 0.0
        self.model_calls = self.forced = self.refused = self.commits = self.unknown = 0
        self.ids: list[int] = []
        start = time.perf_counter()
        self.solver: CanvasSolver = constraint.solver(canvas)
        require_open(self.solver, canvas, self.vocabulary, "weft.check(grammar, canvas) says where it goes wrong")
        self.constraint_s += time.perf_counter() - start

    def text(self, ids: Iterable[int]) -> bytes:
        return b"".join(self.vocabulary.tokens[token_id] or b"" for token_id in ids)

    def scores(self, tokens: list[int]) -> torch.Tensor:
        """The model's row after `tokens`; what it has read of them already is not read again."""
        start = time.perf_counter()
        same = 0
        for ours, theirs in zip(self.read, tokens[:-1], strict=False):
            if ours != theirs:
                break
            same += 1
        if same < len(self.read):
            self.state.crop(same)
        row = wait_for(self.state.feed(tokens[same:])[-1])
        self.read = list(tokens)
        self.model_calls += 1
        self.model_s += time.perf_counter() - start
        return row

    def behind_text(self, behind: Sequence[bytes | tuple[int, ...] | Hole]) -> bytes:
        return b"".join(
            part if isinstance(part, bytes) else self.text(part) for part in behind if not isinstance(part, Hole)
        )

    def context(self, before: bytes, behind: Sequence[bytes | tuple[int, ...] | Hole]) -> list[int]:
        """What the model reads for a hole between `before` and `behind`; holes behind are shown as nothing."""
        text = self.prompt + before.decode(errors="replace")
        after = self.behind_text(behind)
        if self.fim is None or not after:
            return self.lm.encode(text)
        specials = self.lm.vocabulary.specials
        bos, prefix = self._encode(text)
        out = bos
        for name in self.fim.order:
            if name == _PREFIX:
                out = out + prefix
            elif name == _SUFFIX:
                out = out + self._encode(after.decode(errors="replace"))[1]
            else:
                out = [*out, specials[name]]
        return out

    def _encode(self, text: str) -> tuple[list[int], list[int]]:
        """The begin token, if the model wants one, and the tokens of `text`."""
        with_text = self.lm.encode(text + "a")  # never empty, and its first token is text unless it is the begin token
        has_bos = self.lm.vocabulary.tokens[with_text[0]] is None
        ids = self.lm.encode(text) if text else []
        return (ids[:1], ids[1:]) if has_bos and ids else (with_text[:1] if has_bos else [], ids)

    def closers(self, behind: Sequence[bytes | tuple[int, ...] | Hole]) -> NDArray[np.intp]:
        """The tokens by which the model says that the hole is over."""
        ends = set(self.vocabulary.eos)
        if self.fim is not None and self.behind_text(behind):
            specials = self.lm.vocabulary.specials
            ends |= {specials[name] for name in self.fim.ends if name in specials}
        elif behind and not isinstance(behind[0], Hole):
            fragment = behind[0] if isinstance(behind[0], bytes) else self.text(behind[0])
            for token_id, token in enumerate(self.vocabulary.tokens):
                if token and fragment and (fragment.startswith(token) or token.startswith(fragment)):
                    ends.add(token_id)
        return np.array(sorted(ends), np.intp)

    def write_elastic(
        self,
        position: int,
        before: bytes,
        behind: Sequence[bytes | tuple[int, ...] | Hole],
        budget: int | None,
        number: int,
    ) -> bytes:
        context = self.context(before, behind)
        if self.lm.context_size is not None:
            room = self.lm.context_size - len(context)
            budget = room if budget is None else min(budget, room)
        if budget is not None:
            start = time.perf_counter()
            needed = self.solver.min_slots_to_close(position)
            self.constraint_s += time.perf_counter() - start
            if needed > budget:
                raise BudgetExceeded(
                    f"hole {number} cannot be filled with {budget} tokens",
                    where=f"a context of {len(context)} tokens, of at most {self.lm.context_size}",
                    expected=f"room for {needed}, and max_tokens of as many",
                    limit=max(budget, 0),
                    spent=needed,
                )
        closers = self.closers(behind)
        written: list[int] = []
        while True:
            start = time.perf_counter()
            may_close = self.solver.can_close(position)
            legal = allowed_ids(self.solver.mask(position), self.width)
            if budget is not None and len(written) >= budget:
                legal = legal[:0]
            self.constraint_s += time.perf_counter() - start
            if not len(legal):
                if not may_close:
                    raise self._unsettled(before + self.text(written))
                break
            if len(legal) == 1 and not may_close:
                self.solver.append(position, int(legal[0]))
                written.append(int(legal[0]))
                self.forced += 1
                continue
            row = self.scores(context + written)
            left = None if budget is None else budget - len(written) - 1
            token_id = self._append(row, position, legal, closers if may_close else closers[:0], left, before, written)
            if token_id is None:
                break
            written.append(token_id)
        start = time.perf_counter()
        self.solver.close(position)
        self.constraint_s += time.perf_counter() - start
        self.ids += written
        return self.text(written)

    def _append(
        self,
        row: torch.Tensor,
        position: int,
        legal: NDArray[np.intp],
        closers: NDArray[np.intp],
        left: int | None,
        before: bytes,
        written: Sequence[int],
    ) -> int | None:
        """The model's choice among `legal`, appended to the hole; None if it would rather close it.

        Args:
            closers: tokens that count as closing; empty where the hole may not be closed.
            left: tokens that may still follow this one.
        """
        legal = np.setdiff1d(legal, closers, assume_unique=True)
        while True:
            token_id = self._choose(row, legal, closers)
            if token_id is None:
                return None
            start = time.perf_counter()
            try:
                self.solver.append(position, token_id)
                fits = left is None or self.solver.min_slots_to_close(position) <= left
                if not fits:
                    self.solver.rollback(1)
            except BudgetExceeded:
                self.unknown += 1
                fits = False
            self.constraint_s += time.perf_counter() - start
            if fits:
                self.commits += 1
                return token_id
            self.refused += 1
            legal = legal[legal != token_id]
            if not len(legal) and not len(closers):
                raise self._unsettled(before + self.text(written))

    def write_rigid(self, positions: range, before: bytes, behind: Sequence[bytes | tuple[int, ...] | Hole]) -> bytes:
        context = self.context(before, behind)
        written: list[int] = []
        for position in positions:
            start = time.perf_counter()
            legal = allowed_ids(self.solver.mask(position), self.width)
            self.constraint_s += time.perf_counter() - start
            while True:
                if not len(legal):
                    raise self._unsettled(before + self.text(written))
                if len(legal) == 1:
                    token_id = int(legal[0])
                else:
                    row = self.scores(context + written)
                    chosen = self._choose(row, legal, legal[:0])
                    assert chosen is not None
                    token_id = chosen
                start = time.perf_counter()
                try:
                    self.solver.commit({position: token_id})
                except BudgetExceeded:
                    self.unknown += 1
                    self.refused += 1
                    legal = legal[legal != token_id]
                    continue
                finally:
                    self.constraint_s += time.perf_counter() - start
                break
            if len(legal) == 1:
                self.forced += 1
            else:
                self.commits += 1
            written.append(token_id)
        self.ids += [token_id for token_id in written if token_id not in self.vocabulary.eos]
        return self.text(written)

    def _choose(self, row: torch.Tensor, legal: NDArray[np.intp], closers: NDArray[np.intp]) -> int | None:
        """One of `legal`, or None for closing, whose probability is that of all `closers` together."""
        of = torch.from_numpy(np.concatenate([legal, closers[closers < len(row)]])).to(row.device)
        scores = torch.nan_to_num(row[of].float().cpu(), nan=-1e30, posinf=1e30, neginf=-1e30)
        scores, close = scores[: len(legal)], scores[len(legal) :]
        if len(close):
            scores = torch.cat([scores, close.logsumexp(0)[None]])
        chosen = int(self.sampling.draw(scores, self.generator))
        return int(legal[chosen]) if chosen < len(legal) else None

    def _unsettled(self, text: bytes) -> BudgetExceeded:
        return BudgetExceeded(
            "the constraint could not settle how a hole may go on",
            where=text[-200:].decode(errors="replace"),
            hint="higher limits in weft.compile",
        )

    def result(self, data: bytes, holes: Sequence[bytes], began: float) -> Result:
        total = time.perf_counter() - began
        return Result(
            text=data.decode(errors="replace"),
            ids=self.ids,
            stop=Stop.COMPLETE,
            is_complete=True,
            data=data,
            holes=[hole.decode(errors="replace") for hole in holes],
            model_calls=self.model_calls,
            forced=self.forced,
            refused=self.refused,
            commits=self.commits,
            unknown=self.unknown + self.solver.unknown,
            timings=Timings(
                model_s=self.model_s,
                constraint_s=self.constraint_s,
                sampling_s=max(total - self.model_s - self.constraint_s, 0.0),
                total_s=total,
            ),
        )
