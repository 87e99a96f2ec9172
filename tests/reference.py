"""Slow, obvious truth about prefixes: which texts can still become a sentence, by Earley's algorithm over derivatives.

A regular expression is a value, and reading a byte gives another one (Brzozowski 1964); it is dead when it is NEVER.
Productions become plain rules and are run as in Earley 1970. No automaton, no stack, no elimination of anything, and
nothing in common with the core but the reader of patterns in weft/grammar/regex.py, which the core does not use either.

    reading = Reading(grammar)        a text is a list of bytes (int) and special tokens (Special)
    reading.read(b"ab")               False: no sentence begins so
    reading.is_sentence
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from weft.grammar.grammar import (
    Alt,
    And,
    Expression,
    Grammar,
    Literal,
    Not,
    Pattern,
    Ref,
    Repeat,
    Seq,
    Special,
    Spelled,
    Terminal,
)
from weft.grammar.regex import Chars, Lazy, complement, intersection, read_regex

# Derivatives: nested tuples whose first item says what they are.
NEVER, EMPTY = ("or", frozenset()), ("empty",)
TEXT = ("star", ("chars", Chars(((0, 0xD7FF), (0xE000, 0x10FFFF))).ranges, b""))


def cat(*items):
    out = EMPTY
    for item in reversed(items):
        if NEVER in (item, out):
            return NEVER
        out = out if item == EMPTY else item if out == EMPTY else _right(item, out)
    return out


def _right(a, b):
    return ("cat", a[1], _right(a[2], b)) if a[0] == "cat" else ("cat", a, b)


def either(items):
    flat = frozenset(x for item in items for x in (item[1] if item[0] == "or" else [item]))
    return next(iter(flat)) if len(flat) == 1 else ("or", flat)


def both(items):
    flat = frozenset(x for item in items for x in (item[1] if item[0] == "and" else [item]))
    return NEVER if NEVER in flat else next(iter(flat)) if len(flat) == 1 else ("and", flat)


def repeat(item, low, high):
    if high is None:
        return cat(*[item] * low, ("star", item)) if item not in (EMPTY, NEVER) else cat(*[item] * low)
    optional = EMPTY
    for _ in range(high - low):
        optional = either([EMPTY, cat(item, optional)])
    return cat(*[item] * low, optional)


def regular(e, grammar, spelled=None):
    """The derivative value of a regular expression."""

    def inside(x):
        return regular(x, grammar, spelled)

    match e:
        case Literal(text) if spelled is None:
            return ("bytes", text) if text else EMPTY
        case Literal(text):
            return cat(*(inside(Chars(((ord(c), ord(c)),))) for c in text.decode()))
        case Pattern(regex, flags):
            return inside(read_regex(regex, flags))
        case Chars(ranges) if spelled is None:
            return ("chars", ranges, b"") if ranges else NEVER
        case Chars(ranges):
            listed = Chars(tuple(sorted((code, code) for code in spelled)))
            plain = intersection(e, complement(listed)).ranges
            ways = [way for code, way in spelled.items() if any(low <= code <= high for low, high in ranges)]
            return either([*ways, *([("chars", plain, b"")] if plain else [])])
        case Ref(name):
            return inside(grammar.terminals[name].expression)
        case Seq(items):
            return cat(*(inside(x) for x in items))
        case Alt(items):
            return either(inside(x) for x in items)
        case Repeat(item, low, high) | Lazy(item, low, high):
            return repeat(inside(item), low, high)
        case And(items):
            return both([*(inside(x) for x in items), *([TEXT] if any(isinstance(x, Not) for x in items) else [])])
        case Not(item):
            return both([TEXT, ("not", inside(item))])
        case Spelled(item, spellings):
            return regular(item, grammar, {code: inside(way) for code, way in spellings})
    raise AssertionError(e)


@functools.lru_cache(1 << 18)
def nullable(x) -> bool:
    match x[0]:
        case "empty" | "star":
            return True
        case "bytes" | "chars":
            return False
        case "cat":
            return nullable(x[1]) and nullable(x[2])
        case "or":
            return any(nullable(y) for y in x[1])
        case "and":
            return all(nullable(y) for y in x[1])
        case _:
            return not nullable(x[1])


@functools.lru_cache(1 << 18)
def after(x, byte: int):
    """What may follow once the byte was read."""
    match x[0]:
        case "empty":
            return NEVER
        case "bytes":
            return NEVER if x[1][0] != byte else ("bytes", x[1][1:]) if len(x[1]) > 1 else EMPTY
        case "chars":
            return _after_chars(x[1], x[2] + bytes([byte]))
        case "star":
            return cat(after(x[1], byte), x)
        case "cat":
            first = cat(after(x[1], byte), x[2])
            return either([first, after(x[2], byte)]) if nullable(x[1]) else first
        case "or":
            return either(after(y, byte) for y in x[1])
        case "and":
            return both(after(y, byte) for y in x[1])
        case _:
            return ("not", after(x[1], byte))


def _after_chars(ranges, begun: bytes):
    size = next((n for limit, n in ((0x80, 1), (0xC2, 0), (0xE0, 2), (0xF0, 3), (0xF5, 4)) if begun[0] < limit), 0)
    if size == 0 or any(b & 0xC0 != 0x80 for b in begun[1:]):
        return NEVER
    code = begun[0] & (0x7F, 0x1F, 0x0F, 0x07)[size - 1]
    for b in begun[1:]:
        code = code << 6 | b & 0x3F
    bits = 6 * (size - len(begun))
    low, high = code << bits, (code + 1 << bits) - 1
    low, high = max(low, (0, 0x80, 0x800, 0x10000)[size - 1]), min(high, 0x10FFFF)
    fits = any(max(low, a) <= min(high, b) for a, b in ranges)
    return NEVER if not fits else EMPTY if len(begun) == size else ("chars", ranges, begun)


@functools.lru_cache(1 << 18)
def is_dead(x) -> bool:
    """Whether nothing matches."""
    if not _has_not(x):
        return x == NEVER
    seen, queue = {x}, [x]
    for y in queue:
        if nullable(y):
            return False
        for byte in range(256):
            z = after(y, byte)
            if z != NEVER and z not in seen:
                seen.add(z)
                queue.append(z)
    return True


@functools.lru_cache(1 << 18)
def _has_not(x) -> bool:
    match x[0]:
        case "not" | "and":
            return True
        case "cat":
            return _has_not(x[1]) or _has_not(x[2])
        case "star":
            return _has_not(x[1])
        case "or":
            return any(_has_not(y) for y in x[1])
    return False


class Item(NamedTuple):
    head: str
    rule: tuple
    dot: int
    origin: int
    rest: tuple | None  # of the terminal behind the dot, once it was begun


class Rules:
    """A grammar as nonterminal -> list of tuples of symbols: a str is a nonterminal, Special or a derivative a leaf."""

    def __init__(self, grammar: Grammar):
        assert not grammar.lexer
        self.grammar, self.start = grammar, "1" + grammar.start
        self.rules: dict[str, list[tuple]] = {}
        self.names: dict[Expression, str] = {}
        for name, e in grammar.productions.items():
            self.rules["1" + name] = [(self.symbol(e),)]
        alive = self.least(lambda symbol: isinstance(symbol, Special) or not is_dead(symbol))
        self.rules = {h: [w for w in ways if self._lives(w, alive)] for h, ways in self.rules.items() if h in alive}
        self.empty = self.least(lambda symbol: not isinstance(symbol, Special) and nullable(symbol))

    def least(self, holds: Callable) -> set[str]:
        """The nonterminals that have a way on which all leaves hold: least fixpoint."""
        found: set[str] = set()
        while True:
            new = {
                h
                for h, ways in self.rules.items()
                if any(all(s in found if isinstance(s, str) else holds(s) for s in w) for w in ways)
            }
            if new == found:
                return found
            found = new

    @staticmethod
    def _lives(way, alive) -> bool:
        return all(s in alive if isinstance(s, str) else isinstance(s, Special) or not is_dead(s) for s in way)

    def symbol(self, e: Expression):
        match e:
            case Ref(name) if name in self.grammar.productions:
                return "1" + name
            case Special():
                return e
            case Seq(items):
                ways = [tuple(self.symbol(x) for x in items)]
            case Alt(items):
                ways = [(self.symbol(x),) for x in items]
            case Repeat(item, low, None):
                once, head = self.symbol(item), self.fresh(e)
                self.rules[head + "*"] = [(), (head + "*", once)]
                ways = [(*[once] * low, head + "*")]
            case Repeat(item, low, high):
                once = self.symbol(item)
                ways = [(once,) * n for n in range(low, high + 1)]
            case _:
                return regular(e, self.grammar)
        self.rules[self.fresh(e)] = ways
        return self.fresh(e)

    def fresh(self, e: Expression) -> str:
        return self.names.setdefault(e, f"2{len(self.names)}")


class Reading:
    """A text that grows; `read` says whether some sentence begins with it."""

    def __init__(self, grammar: Grammar | Rules):
        self.rules = grammar if isinstance(grammar, Rules) else Rules(grammar)
        self.columns: list[tuple[set[Item], dict[str, set[Item]]]] = []  # items, and those that wait for a nonterminal
        start = self.rules.start
        self._close([Item(start, way, 0, 0, None) for way in self.rules.rules.get(start, [])])

    def fork(self) -> Reading:
        twin = Reading.__new__(Reading)
        twin.rules, twin.columns = self.rules, list(self.columns)
        return twin

    def _close(self, queue: list[Item]) -> None:
        here, items, waiting = len(self.columns), set(queue), {}
        self.columns.append((items, waiting))
        while queue:
            item = queue.pop()
            new: list[Item] = []
            if item.dot == len(item.rule):
                new = [i._replace(dot=i.dot + 1) for i in self.columns[item.origin][1].get(item.head, ())]
            elif isinstance(symbol := item.rule[item.dot], str):
                waiting.setdefault(symbol, set()).add(item)
                new = [Item(symbol, way, 0, here, None) for way in self.rules.rules[symbol]]
                if symbol in self.rules.empty:  # it may have ended here before this item came (Aycock & Horspool 2002)
                    new.append(item._replace(dot=item.dot + 1))
            elif not isinstance(symbol, Special) and nullable(item.rest or symbol):
                new = [item._replace(dot=item.dot + 1, rest=None)]
            queue += (i for i in dict.fromkeys(new) if i not in items)
            items.update(new)

    def read(self, text: Iterable[int | Special]) -> bool:
        for letter in text:
            new: set[Item] = set()
            for item in self.columns[-1][0]:
                if item.dot == len(item.rule) or isinstance(symbol := item.rule[item.dot], str):
                    continue
                if isinstance(symbol, Special):
                    if symbol == letter:
                        new.add(item._replace(dot=item.dot + 1))
                elif isinstance(letter, int):
                    rest = after(item.rest or symbol, letter)
                    if not is_dead(rest):
                        new.add(item._replace(rest=rest))
            self._close(list(new))
            if not new:
                return False
        return bool(self.columns[-1][0])

    def can_read(self, text: Iterable[int | Special]) -> bool:
        return self.fork().read(text)

    @property
    def is_sentence(self) -> bool:
        return any(i.head == self.rules.start and i.dot == len(i.rule) and i.origin == 0 for i in self.columns[-1][0])


def mask_of(reading: Reading, tokens: Sequence[bytes | None], eos: Sequence[int], specials=None) -> set[int]:
    """The tokens that may follow, by trying each; the end tokens if the text is a sentence."""
    allowed = {i for i, t in enumerate(tokens) if t and i not in eos and reading.can_read(t)}
    allowed |= {i for name, i in (specials or {}).items() if reading.can_read([Special(name)])}
    return allowed | (set(eos) if reading.is_sentence else set())


def bits(mask) -> set[int]:
    """The tokens of a mask."""
    return {32 * w + b for w, word in enumerate(mask.tolist()) for b in range(32) if word >> b & 1}


# Random grammars


def random_grammar(rng: random.Random, *, specials: bool = False) -> Grammar:
    """Productions of every shape over the letters a and b: left recursion (direct, indirect, behind what may be empty),
    circles of units, empty rules, useless symbols, patterns, counts, And, Not, Spelled."""
    letters = [Literal(b"a"), Literal(b"b")]
    names = ["s", "x", "y", "z"][: rng.randint(1, 4)]

    def leaf() -> Expression:
        kind = rng.randrange(14)
        if kind < 7:
            return rng.choice(letters)
        if kind < 9:
            return Literal(rng.choice([b"ab", b"ba", b"aab", b"", b"\xc3\xa9"]))
        if kind < 11:
            return Pattern(rng.choice(["a*", "[ab]", "(ab)+", "a?b", "b{2,3}", "[^a]", "é|a", "(a|ab)(b|)"]))
        if kind == 11:
            return And((Pattern("[ab]{0,3}"), Not(Pattern(rng.choice(["a*", "b", "(ab)*", "[ab]*"])))))
        if kind == 12:
            return Ref(rng.choice(["T", "U"]))
        return Spelled(Pattern("[ab]{1,2}"), ((97, Literal(b"bb")),))

    def expression(depth: int) -> Expression:
        kind = rng.randrange(12)
        if specials and kind == 0:
            return Special(rng.choice(["<x>", "<y>"]))
        if depth == 0 or kind < 3:
            return leaf()
        if kind < 6:
            return Ref(rng.choice(names))
        if kind < 9:
            return Seq(tuple(expression(depth - 1) for _ in range(rng.randint(0, 3))))
        if kind < 10:
            low = rng.randint(0, 2)
            return Repeat(expression(depth - 1), low, rng.choice([None, low, low + 1, low + 2]))
        return Alt(tuple(expression(depth - 1) for _ in range(rng.randint(0, 3))))

    productions = {
        name: Alt(tuple(Seq(tuple(expression(2) for _ in range(rng.randint(0, 3)))) for _ in range(rng.randint(1, 3))))
        for name in names
    }
    terminals = {"T": Terminal(Pattern("a+b?")), "U": Terminal(Alt((Literal(b"b"), Seq((Literal(b"a"), Ref("T"))))))}
    return Grammar("s", productions, terminals)
