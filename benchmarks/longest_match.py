"""A slow oracle for Lark files under longest match: is this text the beginning of a sentence?

Independent of the engines: lark reads the file, `regex` matches terminals, and a textbook Earley recogniser (Earley
1970) runs over the terminals. A lexeme ends where no terminal of the whole grammar could go on; of the terminals that
match the same longest lexeme, those of the highest (priority, is a literal) remain.

    text       if(x
    lexemes    IF  "("        closed, since what follows cannot lengthen them
    open       x              ID so far; may also have ended: both are tried
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import lark
import regex
from lark.lexer import PatternStr

Column = tuple[frozenset[tuple[int, int, int]], dict[str, list[tuple[int, int, int]]]]
Chart = tuple[Column, ...]

WINDOWS = (24, 120)  # characters


class Oracle:
    def __init__(self, text: str):
        reader = lark.Lark(text, parser="earley", lexer="basic", maybe_placeholders=False)
        self.terminals = [
            (t.name, regex.compile(t.pattern.to_regexp()), (t.priority, isinstance(t.pattern, PatternStr)))
            for t in reader.terminals
        ]
        self.ignored = set(reader.ignore_tokens)
        self.productions = [(str(rule.origin.name), [s.name for s in rule.expansion]) for rule in reader.rules]
        self.of: dict[str, list[int]] = {}
        for i, (origin, _) in enumerate(self.productions):
            self.of.setdefault(origin, []).append(i)
        self.windows: dict[str, tuple[int, frozenset[str], frozenset[str]]] = {}
        self.charts: dict[tuple[frozenset[str], ...], Chart | None] = {}

    def is_prefix(self, text: bytes) -> bool:
        """Can `text` still become a sentence?"""
        readable = _readable(text)
        return readable is not None and any(self._extends(chart, ends) for chart, ends in self._lex(readable, 0, ()))

    def lexemes(self, text: bytes) -> list[tuple[str, list[str]]]:
        """The lexemes that are closed, and the open rest with the terminals that it may become."""
        found: list[tuple[str, list[str]]] = []
        readable, start = _readable(text) or "", 0
        while start < len(readable):
            last, names, alive = self._longest(readable, start)
            if alive or not names:
                return [*found, (readable[start:], sorted(alive))]
            found.append((readable[start:last], sorted(names)))
            start = last
        return found

    def is_keyword(self, lexeme: str, names: list[str]) -> bool:
        """A string of the grammar that one of its patterns would match too."""
        literal = any(name in names and rank[1] for name, _, rank in self.terminals)
        return literal and any(not rank[1] and pattern.fullmatch(lexeme) for _, pattern, rank in self.terminals)

    def _lex(self, text: str, start: int, done: tuple[frozenset[str], ...]) -> Iterator[tuple[Any, Any]]:
        """Every way to cut text[start:], as (lexemes so far, terminals that the open rest may become or None)."""
        while start < len(text):
            last, names, alive = self._longest(text, start)
            if alive:
                yield done, alive
            if not names:
                return
            if not names & self.ignored:
                done = (*done, names)
            elif names - self.ignored:
                raise NotImplementedError("a terminal that is only sometimes ignored")
            start = last
        yield done, None

    def _longest(self, text: str, start: int) -> tuple[int, frozenset[str], frozenset[str]]:
        """Where the longest lexeme at `start` ends, what it is, and the terminals that could grow past the text.

        If no terminal could grow past a window, what stands behind it does not matter, and the answer is kept.
        """
        for size in WINDOWS:
            window = text[start : start + size]
            if window not in self.windows:
                self.windows[window] = self._longest_in(window)
            length, names, alive = self.windows[window]
            if not alive or len(window) < size:
                return start + length, names, alive
        length, names, alive = self._longest_in(text[start:])
        return start + length, names, alive

    def _longest_in(self, text: str) -> tuple[int, frozenset[str], frozenset[str]]:
        best, alive = 0, []
        names: list[tuple[tuple[int, bool], str]] = []
        for name, pattern, rank in self.terminals:
            if _grows(pattern, text):
                alive.append(name)
            end = _longest_end(pattern, text)
            if end > best:
                best, names = end, []
            if end == best and end:
                names.append((rank, name))
        top = max(names, default=((0, False), ""))[0]
        return best, frozenset(name for rank, name in names if rank == top), frozenset(alive)

    def _extends(self, lexemes: tuple[frozenset[str], ...], rest: frozenset[str] | None) -> bool:
        chart = self._chart(lexemes)
        if chart is None:
            return False
        return rest is None or bool(rest & self.ignored) or bool(rest & set(chart[-1][1]))

    def _chart(self, lexemes: tuple[frozenset[str], ...]) -> Chart | None:
        if lexemes not in self.charts:
            if not lexemes:
                self.charts[lexemes] = self._close((), {(i, 0, 0) for i in self.of["start"]})
            else:
                before = self._chart(lexemes[:-1])
                waiting = before[-1][1] if before else {}
                scanned = {(i, dot + 1, at) for name in lexemes[-1] for i, dot, at in waiting.get(name, ())}
                self.charts[lexemes] = self._close(before or (), scanned) if scanned else None
        return self.charts[lexemes]

    def _close(self, chart: Chart, items: set[tuple[int, int, int]]) -> Chart:
        here, queue, ended = len(chart), list(items), set()
        waiting: dict[str, list[tuple[int, int, int]]] = {}

        def add(item: tuple[int, int, int]) -> None:
            if item not in items:
                items.add(item)
                queue.append(item)

        while queue:
            i, dot, at = queue.pop()
            origin, expansion = self.productions[i]
            if dot == len(expansion):
                if at == here:
                    ended.add(origin)  # empty here: whoever asks for it later goes on at once
                for j, back, before in list(waiting.get(origin, ())) if at == here else chart[at][1].get(origin, ()):
                    add((j, back + 1, before))
                continue
            symbol = expansion[dot]
            waiting.setdefault(symbol, []).append((i, dot, at))
            for j in self.of.get(symbol, ()):
                add((j, 0, here))
            if symbol in ended:
                add((i, dot + 1, at))
        return (*chart, (frozenset(items), waiting))


def _grows(pattern: Any, text: str) -> bool:
    """Could more text make `pattern` match beyond the end of `text`?"""
    found = pattern.fullmatch(text, partial=True)
    if found is None:
        return False
    if found.partial:
        return True
    return any(pattern.fullmatch(text + more, partial=True) for more in _PROBES)


_PROBES = [chr(code) for code in (*range(9, 14), *range(32, 127), 0xE9)]


def _longest_end(pattern: Any, text: str) -> int:
    """The end of the longest match, which for alternatives is not always the first that `match` finds."""
    found = pattern.match(text)
    if not found:
        return 0
    end: int = found.end()
    for longer in range(min(len(text), end + 40), end, -1):
        if pattern.fullmatch(text, 0, longer):
            return longer
    return end


def _readable(text: bytes) -> str | None:
    """As text; a character that is cut off at the end counts as some letter beyond ASCII. None: not UTF-8."""
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            return None
        return text[: error.start].decode() + "é"
