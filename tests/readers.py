"""Slow, obvious truth about rigid canvases: every filling is read from left to right, equal places once.

A place is what a text so far has left to be read: for each reading a tuple of expressions, the next one first, and
with a lexer the lexeme that is open (derivatives of all terminals, what was matched last, what was read since). For
grammars without left recursion.

    truth = Truth(Reader(grammar), [b"a", b"b", None], end=2)
    truth.is_open([0, None, b"b"])     # ids, None for a slot, bytes for text
    truth.mask([0, None, b"b"], 1)     # {0, 1}
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import oracles
from reference import after, is_dead, nullable, regular

from weft.grammar.grammar import Alt, Expression, Grammar, Ref, Repeat, Seq, Special

Element = int | bytes | None


class Places(Protocol):
    """How a text is read; a place is any value, None where no sentence begins so."""

    start: Hashable

    def read(self, place: Any, symbol: int | Special) -> Hashable | None: ...
    def may_end(self, place: Any) -> bool: ...


class Reader:
    def __init__(self, grammar: Grammar):
        self.grammar = grammar
        self.heads = lru_cache(None)(self._heads)
        whole = frozenset([(Ref(grammar.start),)])
        used = [*oracles.terminals_of(grammar), *(Ref(name) for name in grammar.ignore)]
        self.terminals = [t for t in dict.fromkeys(used) if not isinstance(t, Special)]
        self.fresh = (frozenset((t, regular(t, grammar)) for t in self.terminals), None, b"")
        self.start = (whole, self.fresh) if grammar.lexer else whole

    def _heads(self, stack: tuple) -> frozenset[tuple]:
        """The same with a leaf in front, or nothing."""
        out, queue, seen = set(), [stack], {stack}
        while queue:
            now = queue.pop()
            new: list[tuple] = []
            match now:
                case ():
                    out.add(now)
                case (Ref(name), *rest) if name in self.grammar.productions:
                    new = [(self.grammar.productions[name], *rest)]
                case (Seq(items), *rest):
                    new = [(*items, *rest)]
                case (Alt(items), *rest):
                    new = [(item, *rest) for item in items]
                case (Repeat(item, low, high), *rest):
                    more = Repeat(item, max(0, low - 1), None if high is None else high - 1)
                    new = [(item, more, *rest)] if high != 0 else []
                    new += [tuple(rest)] if low == 0 else []
                case (leaf, *rest) if type(leaf) is tuple:  # what is left of one; expressions are tuples with a name
                    out.add(now)
                    new = [tuple(rest)] if nullable(leaf) else []
                case (leaf, *rest) if self.grammar.lexer or isinstance(leaf, Special):
                    out.add(now)
                case (leaf, *rest):
                    new = [(regular(leaf, self.grammar), *rest)]
            queue += [s for s in new if s not in seen]
            seen.update(new)
        return frozenset(out)

    def read(self, place: Any, symbol: int | Special) -> Hashable | None:
        if isinstance(symbol, Special):
            stacks = self.finished(place) if self.grammar.lexer else place
            stacks = frozenset(h[1:] for s in stacks for h in self.heads(s) if h and h[0] == symbol)
            return None if not stacks else (stacks, self.fresh) if self.grammar.lexer else stacks
        if self.grammar.lexer:
            return self.read_lexed(place, symbol)
        leaves = [(after(h[0], symbol), h[1:]) for s in place for h in self.heads(s) if h and type(h[0]) is tuple]
        return frozenset((d, *rest) for d, rest in leaves if not is_dead(d)) or None

    def may_end(self, place: Any) -> bool:
        return any(() in self.heads(s) for s in (self.finished(place) if self.grammar.lexer else place))

    # Longest match

    def read_lexed(self, place: Any, byte: int) -> Hashable | None:
        stacks, (begun, won, since) = place
        going = frozenset((t, d) for t, x in begun if not is_dead(d := after(x, byte)))
        if going:
            found = [t for t, d in going if nullable(d)]
            return stacks, (going, self.best(found), b"") if found else (going, won, since + bytes([byte]))
        return self.cut(place, since + bytes([byte]))

    def best(self, found: Sequence[Expression]) -> frozenset[Expression]:
        most = max(oracles._class(t, self.grammar) for t in found)
        return frozenset(t for t in found if oracles._class(t, self.grammar) == most)

    def cut(self, place: Any, left: bytes) -> Any:
        """The lexeme ends where it was matched last; what is left is read again."""
        stacks, (_, won, _) = place
        if won is None:
            return None
        new = {h[1:] for s in stacks for h in self.heads(s) if h and h[0] in won}
        if any(Ref(name) in won for name in self.grammar.ignore):
            new |= stacks
        place = (frozenset(new), self.fresh) if new else None
        for byte in left:
            place = self.read_lexed(place, byte) if place else None
        return place

    def finished(self, place: Any) -> frozenset[tuple]:
        while place and place[1] != self.fresh:
            place = self.cut(place, place[1][2])
        return place[0] if place else frozenset()


DEAD, ENDED = -1, -2


class Truth:
    def __init__(
        self, places: Places, tokens: Sequence[bytes | None], end: int, specials: Mapping[str, int] | None = None
    ):
        self.places, self.tokens, self.end = places, tokens, end
        self.named = {token: Special(name) for name, token in (specials or {}).items()}
        self.numbers: dict[Hashable, int] = {places.start: 0}
        self.list: list[Any] = [places.start]
        self.step = lru_cache(None)(self._step)
        self.fits = lru_cache(None)(self._fits)
        self.may_end = lru_cache(None)(lambda number: places.may_end(self.list[number]))

    def _step(self, place: int, element: int | bytes) -> int:
        if element == self.end or place == ENDED:
            ends = element == b"" or (element == self.end and (place == ENDED or self.may_end(place)))
            return ENDED if ends else DEAD
        symbols: Sequence[int | Special] = element if isinstance(element, bytes) else self.tokens[element] or ()
        if isinstance(element, int) and not symbols:
            if element not in self.named:
                return DEAD
            symbols = [self.named[element]]
        now = self.list[place]
        for symbol in symbols:
            now = self.places.read(now, symbol)
            if now is None:
                return DEAD
        if now not in self.numbers:
            self.numbers[now] = len(self.list)
            self.list.append(now)
        return self.numbers[now]

    def _after(self, place: int, element: Element) -> set[int]:
        ways = range(len(self.tokens)) if element is None else [element]
        return {self.step(place, way) for way in ways} - {DEAD}

    def _fits(self, place: int, rest: tuple[Element, ...]) -> bool:
        if not rest:
            return place == ENDED or self.may_end(place)
        return any(self.fits(to, rest[1:]) for to in self._after(place, rest[0]))

    def is_open(self, elements: Sequence[Element]) -> bool:
        return self.fits(0, tuple(elements))

    def mask(self, elements: Sequence[Element], at: int) -> set[int]:
        here = {0}
        for element in elements[:at]:
            here = {to for place in here for to in self._after(place, element)}
        rest = tuple(elements[at + 1 :])
        return {
            token
            for token in (range(len(self.tokens)) if elements[at] is None else [elements[at]])
            if any((to := self.step(place, token)) != DEAD and self.fits(to, rest) for place in here)
        }

    def fewest(self, elements: Sequence[Element]) -> int:
        """Slots without an end token, in the filling that has the fewest."""
        costs = {0: 0}
        for element in elements:
            new: dict[int, int] = {}
            for place, cost in costs.items():
                for way in range(len(self.tokens)) if element is None else [element]:
                    if (to := self.step(place, way)) != DEAD:
                        new[to] = min(new.get(to, len(elements)), cost + (element is None and way != self.end))
            costs = new
        return min(cost for place, cost in costs.items() if self.fits(place, ()))

    def admitted(self, elements: Sequence[Element], proposals: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        with_all = list(elements)
        for count, (at, token) in enumerate(proposals):
            if with_all[at] not in (None, token):
                return list(proposals[:count])
            with_all[at] = token
            if not self.is_open(with_all):
                return list(proposals[:count])
        return list(proposals)

    def sentence(self, rng: Any, slots: int) -> list[int] | None:
        """Tokens that are a sentence, drawn step by step."""
        elements: list[Element] = [None] * slots
        for at in range(slots):
            allowed = sorted(self.mask(elements, at))
            if not allowed:
                return None
            elements[at] = rng.choice([t for t in allowed if t != self.end] or allowed)
        return elements  # type: ignore[return-value]
