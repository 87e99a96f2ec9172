"""Recognizer: a text that grows byte by byte, without a vocabulary. The engine under `weft.check`."""

from __future__ import annotations

from weft import _core
from weft.grammar.constraint import DEFAULT_LIMITS, KINDS, Limits
from weft.grammar.grammar import Grammar


class Recognizer(_core.Recognizer):
    """Reads bytes. `feed` takes what fits and says how much that was; `is_complete`, `is_dead`, `allowed_bytes()`,
    `expected()`, `offset` and `rollback(n)` speak about the bytes taken so far."""

    def __init__(self, grammar: Grammar, *, limits: Limits = DEFAULT_LIMITS):
        native = limits._native()
        machine = _core.build(grammar, KINDS, native, None)
        super().__init__(_core.Constraint(machine, None, native))
