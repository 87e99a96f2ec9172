"""Matcher: a text that grows token by token, left to right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft import _core
from weft.grammar.verdict import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weft.grammar.constraint import Constraint, Mask


class Matcher(_core.Matcher):
    """Answers, after the tokens committed so far: which tokens may come next?

    The whole state is one integer per committed token, so fork and rollback cost nothing. A matcher serves one thread
    at a time; matchers of one constraint may be used from many.

    `tokens` are the committed ids, `text` their bytes. `is_complete`: the text is a sentence. `is_stopped`: an end
    token was committed. `state`: equal numbers, at one moment, mean equal futures.
    """

    def __init__(self, constraint: Constraint, *, max_tokens: int | None = None):
        super().__init__(constraint._core, max_tokens)
        self.constraint = constraint
        self.max_tokens = max_tokens

    def fork(self) -> Matcher:
        """A copy that goes its own way."""
        twin = Matcher.__new__(Matcher)
        _core.Matcher.__init__(twin, self)
        twin.constraint, twin.max_tokens = self.constraint, self.max_tokens
        return twin

    @property
    def verdict(self) -> Status:
        """COMPLETE, OPEN, or DEAD for a grammar without a sentence. A matcher refuses what would kill it."""
        if self.is_complete:
            return Status.COMPLETE
        return Status.DEAD if self.state == 0 else Status.OPEN


def fill_masks(matchers: Sequence[Matcher], out: Mask, *, threads: int = 1) -> Mask:
    """The masks of many matchers, one row each, filled by `threads` threads without the GIL.

    Args:
        out: uint32[at least len(matchers), ceil(vocabulary.size / 32)], contiguous; its first rows are overwritten.
    """
    _core.fill_masks(list(matchers), out, threads)
    return out
