"""A grammar for DiffusionGemma of transformers, as a logits processor for its `generate`.

    processor = GrammarCanvasProcessor(constraint, prompt_len=ids.shape[1])
    model.generate(ids, logits_processor=LogitsProcessorList([processor]))

`generate` denoises a canvas over many steps, may stop at any of them, and takes the argmax of the last scores as the
answer. So every step gets two things:

    soft    scores of tokens that no sentence has at a slot are -inf; all others stay as they are
    joint   the token of the best joint filling is lifted just above the best of its slot, where it is not the best
    already

The distribution that is sampled and fed back to the model is nearly that of the soft mask, and the argmax is a sentence
at every step, hence also at the one that happens to be the last.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from transformers import LogitsProcessor

from weft.decoders.sampling import allowed_ids, apply_mask
from weft.decoders.solving import CanvasConstraint, CanvasSolver, Mask, require_open
from weft.errors import BudgetExceeded, WeftError
from weft.infill.canvas import Canvas, Hole

_LIFT = 1e-3  # in logits, and relative to them: survives float32 and a division by the temperature
_CANVASES_KEPT = 64


class GrammarCanvasProcessor(LogitsProcessor):
    """Scores whose argmax over a canvas is a sentence, with an end token in every slot that is left over.

    Args:
        constraint: compiled with the model's vocabulary; its end tokens are those of the generation config.
        prompt_len: width of the prompts, padding included.
        max_new_tokens: as given to `generate`; the whole text fits into the canvases that this makes. One canvas if
            None.
        canvas: fixed tokens and rigid holes that the text begins with; the slots behind it are open.
    A canvas after the first is filled so that it goes on from the finished ones.
    Raises:
        DeadEnd: in the first step, if no sentence fits.
    """

    def __init__(
        self,
        constraint: CanvasConstraint,
        *,
        prompt_len: int,
        max_new_tokens: int | None = None,
        canvas: Canvas | None = None,
    ):
        self.constraint, self.prompt_len, self.max_new_tokens = constraint, prompt_len, max_new_tokens
        if canvas is not None and (not canvas.is_rigid or any(isinstance(part, bytes) for part in canvas.parts)):
            raise WeftError(
                "DiffusionGemma needs a canvas of tokens",
                where=repr(canvas)[:200],
                expected="lists of token ids and Hole(slots)",
                hint="Canvas.from_tokens(ids, mask_id)",
            )
        self.fixed: list[int | None] = []
        if canvas is not None:
            self.fixed = [x if isinstance(x, int) else None for x in canvas.positions]
        self._solvers: dict[tuple[int, ...], tuple[CanvasSolver, Mask]] = {}

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, cur_step: int) -> torch.Tensor:
        """The processed scores, float32 (batch, canvas, vocab)."""
        width = scores.shape[1]
        canvases = 1 if self.max_new_tokens is None else -(-self.max_new_tokens // width)
        length = max(canvases * width, -(-len(self.fixed) // width) * width)
        out = torch.nan_to_num(scores.float(), nan=-1e30, posinf=1e30, neginf=-1e30)
        for row, finished in enumerate(input_ids[:, self.prompt_len :].tolist()):
            if any(token_id in self.constraint.vocabulary.eos for token_id in finished):
                continue  # `generate` overwrites what follows the end token
            if len(finished) + width > length:
                raise WeftError(
                    f"a canvas would begin at token {len(finished)} of at most {length}",
                    expected="a max_new_tokens that is that of generate",
                )
            solver, masks = self._solver(tuple(finished), width, length)
            vocab = min(scores.shape[-1], self.constraint.vocabulary.size)
            apply_mask(out[row], masks)
            own = out[row, :, :vocab].cpu().numpy()
            if not np.isfinite(own).any(axis=-1).all():
                raise BudgetExceeded(
                    "the constraint could not settle any token for a slot", hint="higher limits in weft.compile"
                )
            best = self._best(solver, own, len(finished), length)
            now = torch.tensor(best, device=out.device)
            top = out[row].max(dim=-1).values
            lifted = torch.where(out[row].argmax(dim=-1) == now, top, top + _LIFT * (1 + top.abs()))
            out[row].scatter_(-1, now[:, None], lifted[:, None])
        return out

    def _solver(self, finished: tuple[int, ...], width: int, length: int) -> tuple[CanvasSolver, Mask]:
        """The solver after these tokens, and the mask of each slot of the next canvas; nothing is ever committed to
        it."""
        if finished not in self._solvers:
            if len(self._solvers) >= _CANVASES_KEPT:
                del self._solvers[next(iter(self._solvers))]
            canvas = Canvas(*_parts([*finished, *self.fixed[len(finished) :]]))
            left = length - max(len(finished), len(self.fixed))
            canvas = Canvas(*canvas.parts, *([Hole(left)] if left else []))
            solver = self.constraint.solver(canvas)
            require_open(solver, canvas, self.constraint.vocabulary, "a larger max_new_tokens")
            masks = np.stack([solver.mask(position) for position in range(len(finished), len(finished) + width)])
            self._solvers[finished] = solver, masks
        return self._solvers[finished]

    @staticmethod
    def _best(solver: CanvasSolver, own: np.ndarray, start: int, length: int) -> list[int]:
        """The best joint filling of the slots from `start` on that the model scored; those behind count nothing."""
        scores = np.zeros((length, own.shape[-1]), np.float32)
        scores[start : start + len(own)] = own
        try:
            return solver.best(scores)[start : start + len(own)]
        except BudgetExceeded:  # slot by slot, each under the mask that the earlier ones leave
            trial = solver.fork()
            for slot, row in enumerate(own):
                ids = allowed_ids(trial.mask(start + slot), len(row))
                if not len(ids):
                    raise
                trial.commit({start + slot: int(ids[np.argmax(row[ids])])})
            return [token_id for token_id in trial.ids[start : start + len(own)] if token_id is not None]


def _parts(ids: Iterable[int | None]) -> list[list[int] | Hole]:
    return [Hole(1) if token_id is None else [token_id] for token_id in ids]
