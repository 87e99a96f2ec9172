"""compile(): a Grammar and a Vocabulary become a Constraint, immutable and shared between threads and requests."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from weft import _core
from weft.errors import WeftError
from weft.grammar.grammar import Alt, And, Grammar, Literal, Not, Pattern, Ref, Repeat, Seq, Special, Spelled
from weft.grammar.vocabulary import Vocabulary

if TYPE_CHECKING:
    from weft.grammar.matcher import Matcher
    from weft.infill.canvas import Canvas
    from weft.infill.solver import Solver, SolverLimits

Mask = npt.NDArray[np.uint32]

# In the order in which the core numbers its kinds of expressions.
KINDS = (Literal, Pattern, Ref, Seq, Alt, Repeat, And, Not, Spelled, Special)


MOST_DEPTH = 4_000


@dataclass(frozen=True)
class Limits:
    """How far a hostile or careless grammar may go before it is refused with BudgetExceeded.

    Args:
        nfa_states: states of one regular expression before it is made deterministic; repeats are copies.
        dfa_states: states of one regular expression, or of the lexer, after it.
        box_states: states of all productions together; repeats of nonterminals are copies up to 4,096 times.
        depth: how deeply expressions, groups and terminals may be nested. What is deep takes stack: threads with half a
            megabyte are safe up to the default, and with eight up to MOST_DEPTH, which is the most.
        cache_bytes: memory that one constraint may keep for what it has learnt. Live matchers may need more.
    Raises:
        WeftError: a limit is no whole number, or out of range.
    """

    nfa_states: int = 200_000
    dfa_states: int = 50_000
    box_states: int = 200_000
    depth: int = 400
    cache_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        most = {"depth": MOST_DEPTH, "cache_bytes": 1 << 60}
        for f in fields(self):
            value, limit = getattr(self, f.name), most.get(f.name, (1 << 31) - 1)
            if not isinstance(value, int) or not 0 <= value <= limit:
                raise WeftError(f"Limits.{f.name} is {value!r}", expected=f"a whole number from 0 to {limit}")

    def _native(self) -> Any:
        native = _core.Limits()
        for f in fields(self):
            setattr(native, f.name, getattr(self, f.name))
        return native


DEFAULT_LIMITS: Limits = Limits()


class Constraint:
    """A grammar bound to a vocabulary. Holds no position in a text: `matcher()` begins one."""

    __slots__ = ("__weakref__", "_core", "_machine", "grammar", "limits", "vocabulary")

    def __init__(self, grammar: Grammar, vocabulary: Vocabulary, limits: Limits = DEFAULT_LIMITS):
        self.grammar, self.vocabulary, self.limits = grammar, vocabulary, limits
        native = limits._native()
        self._machine = _core.build(grammar, KINDS, native, vocabulary.core)
        self._core = _core.Constraint(self._machine, vocabulary.core, native)

    def matcher(self, max_tokens: int | None = None) -> Matcher:
        """A reading that stands at the beginning of a text.

        Args:
            max_tokens: the output, its end token not counted, can always be finished within so many tokens.
        Raises:
            BudgetExceeded: no sentence has so few tokens.
        """
        from weft.grammar.matcher import Matcher

        return Matcher(self, max_tokens=max_tokens)

    def solver(self, canvas: Canvas, *, limits: SolverLimits | None = None) -> Solver:
        """A Solver that stands on a canvas: a text with holes anywhere.

        Args:
            limits: how far the analysis may go before its answer is UNKNOWN.
        """
        return _infill().Solver(self, canvas, limits)  # type: ignore[no-any-return]

    def empty_mask(self) -> Mask:
        """uint32[ceil(vocabulary.size / 32)], all bits clear: an array to lend to `mask(out=...)`."""
        return np.zeros((self.vocabulary.size + 31) // 32, dtype=np.uint32)

    @property
    def size_bytes(self) -> int:
        """Memory of what this constraint has learnt so far; at most about `limits.cache_bytes`."""
        return int(self._core.size_bytes)

    def __reduce__(self) -> tuple[Any, ...]:
        return Constraint, (self.grammar, self.vocabulary, self.limits)

    def __repr__(self) -> str:
        return f"<weft.Constraint {self.grammar.start!r}, {self.vocabulary.size} tokens>"


@cache
def _infill() -> Any:
    return import_module("weft.infill.solver")  # infill stands on grammar


def compile(grammar: Grammar, vocabulary: Vocabulary | Any, *, limits: Limits = DEFAULT_LIMITS) -> Constraint:
    """A Constraint from a grammar and a vocabulary.

    Args:
        vocabulary: a Vocabulary, or whatever Vocabulary.from_tokenizer reads.
    Raises:
        GrammarError: a name is not defined, or a regular expression cannot be read.
        BudgetExceeded: the grammar needs more than `limits` allow.
        VocabularyError: the tokenizer is not a fixed string of bytes per token.
    Cost: well under a millisecond for most schemas. The GIL is released while the core works.
    """
    if not isinstance(vocabulary, Vocabulary):
        vocabulary = Vocabulary.from_tokenizer(vocabulary)
    return Constraint(grammar, vocabulary, limits)
