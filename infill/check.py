"""check(): the verdict on a partial text. No model, no tokenizer.

    check(json, '{"age": 3')        OPEN      witness '{"age": 3}'
    check(json, '{"age": 3}')       COMPLETE
    check(json, '{"age": "')        DEAD      offset 8: where it went wrong, and what could stand there

A witness is found breadth first over the states of the recognizer: states that are equal have equal futures, so each is
looked at once, and the first completion that is found is a shortest one.
"""

from __future__ import annotations

from collections import deque

from weft.errors import DeadEnd
from weft.grammar.constraint import DEFAULT_LIMITS, Limits
from weft.grammar.grammar import Grammar
from weft.grammar.recognizer import Recognizer
from weft.grammar.source import Source, one_of
from weft.grammar.verdict import Status, Verdict


def check(
    grammar: Grammar, text: str | bytes, *, witness_states: int = 2_000, limits: Limits = DEFAULT_LIMITS
) -> Verdict:
    """Whether a text is a sentence (COMPLETE), can still become one (OPEN), or cannot (DEAD).

    Args:
        witness_states: how many states the search for a witness may look at; None is the witness of an OPEN text whose
            shortest completion lies further away.
        limits: how far the grammar may go before it is refused.
    Raises:
        GrammarError: the grammar cannot be compiled.
        BudgetExceeded: it is larger than `limits`.
    Cost: linear in the text, apart from the witness.
    """
    data = text.encode("utf-8", errors="surrogatepass") if isinstance(text, str) else text
    recognizer = Recognizer(grammar, limits=limits)
    offset = recognizer.feed(data)
    expected = tuple(recognizer.expected())
    if offset < len(data) or recognizer.is_dead:
        return Verdict(Status.DEAD, offset, expected, error=_error(data, offset, expected))
    if recognizer.is_complete:
        return Verdict(Status.COMPLETE, offset, expected, witness=_shown(data))
    rest = _completion(recognizer, witness_states)
    return Verdict(Status.OPEN, offset, expected, witness=None if rest is None else _shown(data + rest))


def _completion(recognizer: Recognizer, most: int) -> bytes | None:
    """A shortest continuation that makes the text a sentence."""
    seen = {recognizer.state}
    waiting = deque([b""])
    while waiting:
        path = waiting.popleft()
        recognizer.feed(path)
        for byte in recognizer.allowed_bytes():
            recognizer.feed(bytes((byte,)))
            state, is_complete = recognizer.state, recognizer.is_complete
            recognizer.rollback(1)
            if is_complete:
                return path + bytes((byte,))
            if state not in seen:
                if len(seen) == most:
                    return None
                seen.add(state)
                waiting.append(path + bytes((byte,)))
        recognizer.rollback(len(path))
    return None


def _error(data: bytes, offset: int, expected: tuple[str, ...]) -> DeadEnd:
    if offset == len(data):
        return DeadEnd("the grammar has no sentence at all", text=data)
    source = Source(_shown(data), "<text>")
    at = len(data[:offset].decode("utf-8", errors="ignore"))  # a character that is cut in two counts from its start
    what = f"no sentence goes on with {source.text[at]!r} here"
    return DeadEnd(
        what, text=data[:offset], where=source.where(at, at + 1), expected=one_of(filter(None, expected), limit=8)
    )


def _shown(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")
