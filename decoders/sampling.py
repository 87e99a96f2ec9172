"""Choosing tokens: the mask comes first, then temperature, top-k and top-p, then the draw.

    logits      2.0   1.0   0.5  -1.0
    mask          0     1     1     1       one bit a token: weft's uint32 words, bit i % 32 of word i // 32
    masked     -inf   1.0   0.5  -1.0
    top_k=2    -inf   1.0   0.5  -inf

Cutting before masking can leave nothing legal to draw from; masking first cannot.
Sources: Fan et al. 2018 (top-k), Holtzman et al. 2020 (top-p), Gumbel 1954.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from weft.errors import WeftError

Mask = NDArray[np.uint32]


def unpack(mask: Mask, size: int) -> NDArray[np.bool_]:
    """Packed words as one claim a token: bool (..., size); ids beyond the mask are not allowed.

    Args:
        mask: uint32 (..., words), or the same bits as int32.
        size: width of a row of scores, which may be more or less than the mask has bits.
    """
    words = np.ascontiguousarray(mask)
    bits = np.unpackbits(words.view(np.uint8), axis=-1, count=min(size, words.shape[-1] * 32), bitorder="little")
    if bits.shape[-1] < size:
        bits = np.concatenate([bits, np.zeros((*bits.shape[:-1], size - bits.shape[-1]), np.uint8)], axis=-1)
    return bits.view(np.bool_)


def allowed_ids(mask: Mask, size: int) -> NDArray[np.intp]:
    """The ids whose bits are set, in order; `size` as in `unpack`."""
    return np.flatnonzero(unpack(mask, size))


def apply_mask(logits: torch.Tensor, mask: Mask) -> torch.Tensor:
    """`logits` with minus infinity wherever the mask forbids; overwrites and returns them.

    Args:
        logits: float (..., vocab), on any device.
        mask: uint32 (..., words), on the CPU. On another device the words travel, not the bits.
    """
    size = logits.shape[-1]
    if logits.device.type == "cpu":
        return logits.masked_fill_(torch.from_numpy(~unpack(mask, size)), -math.inf)
    words = torch.from_numpy(np.ascontiguousarray(mask).view(np.int32)).to(logits.device, non_blocking=True)
    bits = _bits(words)
    known = min(size, bits.shape[-1])
    logits[..., :known].masked_fill_(~bits[..., :known], -math.inf)
    logits[..., known:] = -math.inf
    return logits


def wait_for(scores: torch.Tensor) -> torch.Tensor:
    """`scores` once they are there: an accelerator computes them while Python goes on, and whoever first reads them
    waits. Called on the model's clock, so that no other one counts its work."""
    if scores.device.type not in ("cpu", "meta"):
        torch.accelerator.synchronize(scores.device)
    return scores


def _bits(words: torch.Tensor) -> torch.Tensor:
    """int32 (..., words) -> bool (..., words * 32), where the words are."""
    shifts = torch.arange(32, device=words.device, dtype=torch.int32)
    return ((words.unsqueeze(-1) >> shifts) & 1).flatten(-2).bool()


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn from a row of scores.

    Args:
        temperature: 0 takes the best token, and of equal ones the one with the lowest id.
        top_k: only the k best tokens, and those that are as good as the k-th.
        top_p: only the best tokens that together have this probability, at least one.
    """

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise WeftError(f"a temperature of {self.temperature!r} makes no sense", expected="0 or more")
        if self.top_k is not None and self.top_k < 1:
            raise WeftError(f"top_k={self.top_k!r} leaves no token", expected="1 or more, or None")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise WeftError(f"top_p={self.top_p!r} is no probability", expected="more than 0 and at most 1, or None")

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """What `draw` draws from: float (..., vocab). `logits` are masked already, and are not changed."""
        if self.temperature == 0:
            best = logits.argmax(-1, keepdim=True)
            return torch.zeros_like(logits).scatter_(-1, best, 1.0)
        return torch.softmax(self._cut(logits), -1)

    def draw(self, logits: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """One token of each row: int64 (...). `logits` are masked already, and are not changed."""
        if self.temperature == 0:
            return logits.argmax(-1)
        rows = self.probabilities(logits)
        drawn = torch.multinomial(rows.flatten(0, -2) if rows.dim() > 1 else rows[None], 1, generator=generator)
        return drawn.reshape(rows.shape[:-1])

    def pick(self, row: torch.Tensor, mask: Mask, generator: torch.Generator | None = None) -> int:
        """One legal token for a row of raw scores; on the CPU, so that a seed means the same on every device.

        A row that has no finite score for any legal token decides nothing: all of them are equally good then.
        """
        # PERF: numpy, since torch starts threads for rows of this size; on busy cores they wait for each other.
        legal = unpack(mask, row.shape[-1])
        scores = np.where(legal, row.detach().float().cpu().numpy(), np.float32(-math.inf))
        best = scores.max()
        if not math.isfinite(best):
            scores = _decided(scores, legal)
            best = np.float32(0.0)
        if self.temperature == 0:
            return int(scores.argmax())
        share = np.exp((scores - best) / np.float32(max(self.temperature, 1e-30)))
        ids = np.flatnonzero(share)
        share = share[ids].astype(np.float64)
        if self.top_k is not None and self.top_k < len(ids):
            share[share < np.partition(share, -self.top_k)[-self.top_k]] = 0.0
        share /= share.sum()
        if self.top_p is not None and self.top_p < 1:
            # Tokens of less than (1 - p) / n are less than 1 - p together: those that are needed are among the others.
            kept = np.flatnonzero(share >= (1 - self.top_p) / len(share))
            order = kept[np.argsort(-share[kept])]
            before = np.cumsum(share[order]) - share[order]
            order = np.sort(order[before < self.top_p])  # the mass before is not enough yet; always true of the first
            ids, share = ids[order], share[order]
        upto = np.cumsum(share)
        drawn = float(torch.rand((), generator=generator, dtype=torch.float64)) * upto[-1]
        return int(ids[min(int(np.searchsorted(upto, drawn, side="right")), int(np.searchsorted(upto, upto[-1])))])

    def _cut(self, logits: torch.Tensor) -> torch.Tensor:
        # Only differences from the best score matter; a small temperature cannot overflow them.
        logits = (logits.float() - logits.float().amax(-1, keepdim=True)) / self.temperature
        if self.top_k is not None and self.top_k < logits.shape[-1]:
            least = logits.topk(self.top_k, -1).values[..., -1:]
            logits = logits.masked_fill(logits < least, -math.inf)
        if self.top_p is not None and self.top_p < 1:
            order = logits.sort(dim=-1, descending=True, stable=True)
            share = torch.softmax(order.values, -1)
            beyond = (
                share.cumsum(-1) - share >= self.top_p
            )  # the mass before it is enough already; never true of the first
            logits = logits.masked_fill(beyond.scatter(-1, order.indices, beyond), -math.inf)
        return logits


def _decided(scores: NDArray[np.float32], legal: NDArray[np.bool_]) -> NDArray[np.float32]:
    """0 for each of the best legal tokens, minus infinity for others, where the best score is no number."""
    if not legal.any():
        raise WeftError(
            "no token is legal here that the model has a score for",
            where=f"the model scores {len(scores)} tokens",
            hint="compile the grammar for the vocabulary of this model: weft.compile(grammar, lm.vocabulary)",
        )
    scores = np.where(np.isnan(scores), np.float32(-math.inf), scores)
    best = scores.max()
    if math.isfinite(best):
        return np.where(legal, scores - best, np.float32(-math.inf))
    return np.where(legal & (scores == best), np.float32(0.0), np.float32(-math.inf))


def gumbel(logits: torch.Tensor, temperature: float, generator: torch.Generator | None = None) -> torch.Tensor:
    """`logits / temperature` plus Gumbel noise: the argmax of a row is a draw from its softmax, the top n are n draws
    without replacement. At temperature 0 the logits as they are. In float64, since coarse noise is no Gumbel noise."""
    if temperature == 0:
        return logits
    uniform = torch.rand(logits.shape, generator=generator, dtype=torch.float64, device=logits.device)
    return logits.double() / temperature - torch.log(-torch.log(uniform.clamp(min=1e-300)))


def seeded(seed: int | None, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator that always starts alike for the same seed, and at a place of its own for None."""
    generator = torch.Generator(device)
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(seed)
    return generator
