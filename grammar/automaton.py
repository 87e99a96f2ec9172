"""The automaton of a terminal over code points, from the core's automaton over bytes.

    é|ê is C3 (A9|AA) in UTF-8:    0 --C3--> 1 --A9,AA--> 2    becomes    0 --é,ê--> 2

A path of bytes through the inner states of a character is walked once per inner state: it becomes a table of offsets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.errors import BudgetExceeded, GrammarError
from weft.grammar.grammar import Expression, Grammar, without_names
from weft.grammar.regex import Chars, chars

if TYPE_CHECKING:
    from weft.grammar.constraint import Limits

Edges = list[tuple[int, Chars]]
ByteEdges = list[list[tuple[int, int, int]]]  # per state: (low byte, high byte, next state)


def byte_automaton(
    expression: Expression, grammar: Grammar, *, limits: Limits | None = None
) -> tuple[int, set[int], ByteEdges]:
    """(first state, accepting states, edges per state) of a regular expression; no states if nothing matches.

    Every state can still reach an accepting one.
    """
    from weft import _core
    from weft.grammar.constraint import DEFAULT_LIMITS, KINDS

    native = (limits or DEFAULT_LIMITS)._native()
    count, first, accepting, edges = _core.terminal_dfa(without_names(expression, grammar), None, KINDS, native)
    table: ByteEdges = [[] for _ in range(count)]
    for state, low, high, to in edges:
        table[state].append((low, high, to))
    return first, set(accepting), table


def code_point_automaton(expression: Expression, grammar: Grammar, max_states: int) -> list[tuple[bool, Edges]]:
    """Per state, the first one first: whether a match may end there, and where each set of code points leads.

    Raises:
        BudgetExceeded: more than `max_states` states.
        GrammarError: a text matches that is not UTF-8.
    """
    first, accepting, table = byte_automaton(expression, grammar)
    if not table:
        return []
    inner: dict[tuple[int, int], list[tuple[int, int, int]]] = {}

    def rest(state: int, length: int) -> list[tuple[int, int, int]]:
        """(low offset, high offset, next state) for `length` more bytes of a character."""
        if length == 0:
            return [(0, 0, state)]
        if (state, length) not in inner:
            if state in accepting or any(low < 0x80 or high > 0xBF for low, high, _ in table[state]):
                raise _not_text()
            out: list[tuple[int, int, int]] = []
            size = 64 ** (length - 1)
            for low, high, to in table[state]:
                below = rest(to, length - 1)
                for byte in range(low - 0x80, high - 0x80 + 1):
                    for a, b, target in below:
                        if out and out[-1][2] == target and out[-1][1] + 1 == byte * size + a:
                            out[-1] = (out[-1][0], byte * size + b, target)
                        else:
                            out.append((byte * size + a, byte * size + b, target))
            inner[state, length] = out
        return inner[state, length]

    order = {first: 0}
    result: list[tuple[bool, Edges]] = []
    pending = [first]
    for state in pending:
        found: dict[int, list[tuple[int, int]]] = {}
        for low, high, to in table[state]:
            if low < 0x80:
                found.setdefault(to, []).append((low, min(high, 0x7F)))
            for byte in range(max(low, 0x80), high + 1):
                if not 0xC2 <= byte <= 0xF4:
                    raise _not_text()
                length, base = (
                    (1, byte & 0x1F) if byte < 0xE0 else (2, byte & 0x0F) if byte < 0xF0 else (3, byte & 0x07)
                )
                for a, b, target in rest(to, length):
                    found.setdefault(target, []).append((base * 64**length + a, base * 64**length + b))
        for to in found:
            if to not in order:
                order[to] = len(order)
                pending.append(to)
        if len(order) > max_states:
            raise BudgetExceeded(
                "a terminal has too many states to be printed as rules",
                limit=max_states,
                spent=len(order),
                hint="raise max_states, or write the terminal without & and ~",
            )
        result.append((state in accepting, [(order[to], chars(ranges)) for to, ranges in found.items()]))
    return result


def _not_text() -> GrammarError:
    return GrammarError(
        "a terminal matches bytes that are no characters",
        expected="text in UTF-8",
        hint="use Not and And over texts only",
    )
