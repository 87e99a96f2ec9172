"""check(): the verdict on a partial text or a canvas. No model, no tokenizer.

check(json, '{"age": 3')                OPEN      witness '{"age": 3}'
check(json, '{"age": 3}')               COMPLETE
check(json, '{"age": "')                DEAD      offset 8: where it went wrong, and what could stand there
check(json, Canvas('{"age', HOLE, "}")) OPEN      witness '{"age":0}'
"""

from __future__ import annotations

from collections.abc import Sequence

from weft import _core
from weft.errors import BudgetExceeded, DeadEnd, WeftError
from weft.grammar.constraint import DEFAULT_LIMITS, KINDS, Limits
from weft.grammar.grammar import Grammar
from weft.grammar.source import Source, one_of
from weft.grammar.verdict import Status, Verdict
from weft.infill.canvas import Canvas, Hole

Fragments = Sequence[bytes | None]  # None is an elastic hole


def check(
    grammar: Grammar,
    text: str | bytes | Canvas,
    *,
    name: str = "<text>",
    max_items: int = 2_000_000,
    limits: Limits = DEFAULT_LIMITS,
) -> Verdict:
    """Whether a text is a sentence (COMPLETE), can still become one (OPEN), or cannot (DEAD).

    Args:
        text: a text that may go on at its end, or a Canvas of fragments and elastic holes, where nothing but its holes
            may be written.
        name: what to call the text in messages.
        max_items: how many chart items the search for a filling may need. Beyond that the verdict on a canvas is
            UNKNOWN, and an OPEN text has no witness.
        limits: how far the grammar may go before it is refused.
    Raises:
        GrammarError: the grammar cannot be compiled.
        BudgetExceeded: it is larger than `limits`.
        WeftError: the canvas counts in tokens, which takes a vocabulary.
    Cost: linear in a text, apart from the witness.
    """
    native = limits._native()
    constraint = _core.Constraint(_core.build(grammar, KINDS, native, None), None, native)
    if isinstance(text, Canvas):
        return _check_canvas(constraint, _fragments(text), name, max_items)
    data = text.encode("utf-8", errors="surrogatepass") if isinstance(text, str) else text
    verdict = _read(constraint, data, name)
    if verdict.status is not Status.OPEN:
        return verdict
    try:
        witness = _core.complete_canvas(constraint, [data, None], max_items)
    except BudgetExceeded:
        witness = None
    return Verdict(Status.OPEN, verdict.offset, verdict.expected, None if witness is None else _shown(witness))


def _read(constraint: _core.Constraint, data: bytes, name: str) -> Verdict:
    """The verdict on a text, from left to right."""
    recognizer = _core.Recognizer(constraint)
    offset = recognizer.feed(data)
    expected = tuple(recognizer.expected())
    if offset < len(data) or recognizer.is_dead:
        return Verdict(Status.DEAD, offset, expected, error=_error(data, name, offset, expected))
    if recognizer.is_complete:
        return Verdict(Status.COMPLETE, offset, expected, witness=_shown(data))
    return Verdict(Status.OPEN, offset, expected)


def _check_canvas(constraint: _core.Constraint, parts: Fragments, name: str, max_items: int) -> Verdict:
    before = parts[0] if parts and parts[0] is not None else b""
    start = _read(constraint, before, name)
    if start.status is Status.DEAD:
        return start
    offset, expected = start.offset, start.expected
    try:
        witness = _core.complete_canvas(constraint, parts, max_items)
        if witness is not None:
            status = Status.OPEN if None in parts else Status.COMPLETE
            return Verdict(status, offset, expected, _shown(witness))
        culprit = _culprit(constraint, parts, max_items)
    except BudgetExceeded as error:
        return Verdict(Status.UNKNOWN, offset, expected, error=error)
    dead = DeadEnd(f"no filling of the holes makes {culprit} fit", text=before)
    return Verdict(Status.DEAD, offset, expected, error=dead)


def _culprit(constraint: _core.Constraint, parts: Fragments, max_items: int) -> str:
    """The first fragment of a DEAD canvas behind which nothing can be right."""
    for count, part in enumerate(parts, 1):
        if part is not None and _core.complete_canvas(constraint, [*parts[:count], None], max_items) is None:
            shown = _shown(part)
            return repr(shown if len(shown) <= 60 else shown[:60] + "...")
    return "the end of the text"


def _fragments(canvas: Canvas) -> Fragments:
    out: list[bytes | None] = []
    for part in canvas.parts:
        if isinstance(part, tuple) or (isinstance(part, Hole) and not part.is_elastic):
            raise WeftError(
                "a canvas with tokens in it can only be judged together with a vocabulary",
                where=str(canvas)[:200],
                expected="fragments and elastic holes",
                hint="weft.compile(grammar, vocabulary).solver(canvas).verdict",
            )
        out.append(part if isinstance(part, bytes) else None)
    return out


def _error(data: bytes, name: str, offset: int, expected: tuple[str, ...]) -> DeadEnd:
    if offset == len(data):
        return DeadEnd("the grammar has no sentence at all", text=data)
    source = Source(_shown(data), name)
    at = len(data[:offset].decode("utf-8", errors="ignore"))  # a character that is cut in two counts from its start
    what = f"no sentence goes on with {source.text[at]!r} here"
    return DeadEnd(
        what, text=data[:offset], where=source.where(at, at + 1), expected=one_of(filter(None, expected), limit=8)
    )


def _shown(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")
