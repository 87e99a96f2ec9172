"""Regular expressions: from_regex, and a reader and a writer for the front ends that must look inside one.

The native core compiles patterns; what is here serves printing (GBNF has no regular expressions) and the questions that
a lexer asks of a terminal: can it be empty, is it lazy, how wide is it. Both readers know one dialect, what Python,
ECMA-262 and Rust have in common, and refuse the rest (look-around, back-references, word boundaries) by name.

    a[0-9]+|b      Alt((Seq((Chars(a), Repeat(Chars(0-9), 1, None))), Chars(b)))

A Tree is made of the grammar's Seq, Alt and Repeat, with Chars for a set of code points and Lazy for `*?`, `+?`, `??`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple, TypeVar, Union

from weft.errors import GrammarError
from weft.grammar.grammar import Alt, Grammar, Pattern, Repeat, Seq
from weft.grammar.source import Source, one_of

LAST = 0x10FFFF
Ranges = tuple[tuple[int, int], ...]
T = TypeVar("T")


class Chars(NamedTuple):
    """One code point out of sorted, disjoint ranges (both ends included), never a surrogate."""

    ranges: Ranges


class Lazy(NamedTuple):
    """A repeat that prefers few copies. As a language it is the same as Repeat."""

    item: Tree
    min: int
    max: int | None


Tree = Union[Chars, Lazy, Seq, Alt, Repeat]


class RegexFault(GrammarError):
    """A mistake in a pattern, at the offset `at`; a caller who knows where the pattern stands says so instead."""

    def __init__(self, what: str, at: int, *, expected: str = "", hint: str = "") -> None:
        super().__init__(what, where=f"offset {at} of a regular expression", expected=expected, hint=hint)
        self.at = at


def from_regex(pattern: str, flags: str = "", *, name: str = "<regex>", max_size: int = 100_000) -> Grammar:
    """The texts that match a regular expression as a whole.

    Args:
        pattern: what Python, ECMA-262 and Rust have in common; it must match from the first to the last character.
        flags: any of "i" (case), "s" (`.` matches a line feed), "x" (blanks and #-comments), "m", and "u" (\\d, \\w
            and \\s are Unicode's and not only ASCII's).
        name: what to call the pattern in messages.
        max_size: the longest pattern that is read, in characters.
    Raises:
        GrammarError: look-around, back-references, or a mistake, with a caret under it.
    """
    if pattern == "":
        return Grammar("start", {"start": Seq(())})
    blank = isinstance(pattern, str) and not pattern.strip()
    source = Source(pattern, name) if blank else Source.read(pattern, name, max_size=max_size)
    try:
        read_regex(source.text, flags)
    except RegexFault as fault:
        raise source.error(fault.what, fault.at, expected=fault.expected, hint=fault.hint) from None
    return Grammar("start", {"start": portable(source.text, flags)})


def portable(regex: str, flags: str) -> Pattern:
    """The pattern as the core takes it: \\p{...} and, under the flag "u", \\d, \\w and \\s written out as ranges.

    Raises:
        RegexFault: the pattern cannot be read.
    """
    if not re.search(r"\\[pP]", regex) and not ("u" in flags and re.search(r"\\[dwsDWS]", regex)):
        return Pattern(regex, flags.replace("u", ""))
    return Pattern(write_regex(read_regex(regex, flags)))


# Sets of code points


def chars(ranges: Iterable[tuple[int, int]]) -> Chars:
    """The set made of these ranges: sorted, joined, without surrogates."""
    out: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if out and low <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], high))
        else:
            out.append((low, high))
    split: list[tuple[int, int]] = []
    for low, high in out:
        if high < 0xD800 or low > 0xDFFF:
            split.append((low, high))
            continue
        if low < 0xD800:
            split.append((low, 0xD7FF))
        if high > 0xDFFF:
            split.append((0xE000, high))
    return Chars(tuple(split))


def complement(a: Chars) -> Chars:
    out, next_low = [], 0
    for low, high in a.ranges:
        if next_low < low:
            out.append((next_low, low - 1))
        next_low = high + 1
    if next_low <= LAST:
        out.append((next_low, LAST))
    return chars(out)


def intersection(a: Chars, b: Chars) -> Chars:
    return complement(chars([*complement(a).ranges, *complement(b).ranges]))


def single(char: str) -> Chars:
    return chars([(ord(char), ord(char))])


ANY = chars([(0, LAST)])
ANY_BUT_LINE_FEED = complement(single("\n"))
_ASCII_CLASSES = {
    "d": chars([(0x30, 0x39)]),
    "w": chars([(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)]),
    "s": chars([(9, 13), (32, 32)]),
}
# Blocks whose letters differ from their other case by a fixed distance; the same table as in core/src/regex.cpp.
_CASE_SHIFTS = (
    (0x61, 0x7A, -32), (0x41, 0x5A, 32),
    (0xE0, 0xF6, -32), (0xF8, 0xFE, -32), (0xC0, 0xD6, 32), (0xD8, 0xDE, 32),
    (0x3B1, 0x3C1, -32), (0x3C3, 0x3C9, -32), (0x391, 0x3A1, 32), (0x3A3, 0x3A9, 32),
    (0x430, 0x44F, -32), (0x410, 0x42F, 32), (0x450, 0x45F, -80), (0x400, 0x40F, 80),
)  # fmt: skip


def fold_case(a: Chars) -> Chars:
    """The set with both cases of every letter."""
    out = list(a.ranges)
    for low, high, by in _CASE_SHIFTS:
        out += [(max(a, low) + by, min(b, high) + by) for a, b in a.ranges if max(a, low) <= min(b, high)]
    return chars(out)


@cache
def _unicode_class(letter: str) -> Chars:
    """What Python's \\d, \\w or \\s match."""
    everything = "".join(map(chr, range(0xD800))) + "-" * 0x800 + "".join(map(chr, range(0xE000, LAST + 1)))
    return chars((m.start(), m.end() - 1) for m in re.finditer(f"\\{letter}+", everything))


@cache
def _category(name: str) -> Chars:
    return _where(lambda c: unicodedata.category(c).startswith(name))


def _where(test: Callable[[str], bool]) -> Chars:
    return chars((i, i) for i in range(LAST + 1) if not 0xD800 <= i <= 0xDFFF and test(chr(i)))


_CATEGORY_NAMES = {
    "Letter": "L", "Uppercase_Letter": "Lu", "Lowercase_Letter": "Ll", "Titlecase_Letter": "Lt",
    "Modifier_Letter": "Lm",
    "Other_Letter": "Lo", "Mark": "M", "Number": "N", "Decimal_Number": "Nd", "Letter_Number": "Nl", "Punctuation": "P",
    "Symbol": "S", "Separator": "Z", "Space_Separator": "Zs", "Other": "C", "Control": "Cc",
}  # fmt: skip
_CATEGORIES = (
    "L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp C Cc Cf Co Cn"
).split()


# Reading


@dataclass
class _Group:
    at: int
    flags: frozenset[str]
    branches: list[Tree] = field(default_factory=list)
    items: list[Tree] = field(default_factory=list)
    anchor: int | None = None  # where this group has "^" or "$"
    end: int | None = None  # where "$" has ended the present branch
    ended: int | None = None  # where "$" has ended some branch


def read_regex(regex: str, flags: str = "", *, max_depth: int = 100) -> Tree:
    """The tree of a pattern. Case folding and class escapes are done, anchors at the ends are gone.

    Raises:
        RegexFault: what is wrong or not supported, at which offset.
    """
    for flag in flags:
        if flag not in "ismxu":
            raise RegexFault(f"unknown regex flag {flag!r}", 0, expected="one of i, m, s, u, x")
    return _Reader(regex, frozenset(flags), max_depth).read()


_COUNT = re.compile(r"\{(?:([0-9]+)(?:(,)([0-9]*))?|,([0-9]+))\}")
_BLANKS = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_INLINE = re.compile(r"([imsux]*)(?:-([imsx]+))?([:)])")
_SIMPLE_ESCAPES = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11, "a": 7, "0": 0}
MAX_COUNT = 0x7FFFFFFF


class _Reader:
    def __init__(self, text: str, flags: frozenset[str], max_depth: int) -> None:
        self.text, self.flags, self.max_depth, self.i = text, flags, max_depth, 0

    def read(self) -> Tree:
        text = self.text
        stack = [_Group(0, self.flags)]
        while True:
            if "x" in self.flags:
                match = _BLANKS.match(text, self.i)
                assert match
                self.i = match.end()
            here = stack[-1]
            if self.i >= len(text):
                break
            at, char = self.i, text[self.i]
            if char == "(":
                self.i += 1
                outer = self.flags
                if self._group_head(at):
                    if len(stack) > self.max_depth:
                        raise RegexFault(
                            f"groups are nested too deeply: more than {self.max_depth} levels",
                            at,
                            hint="raise max_depth",
                        )
                    stack.append(_Group(at, outer))
            elif char == ")":
                if len(stack) == 1:
                    raise RegexFault(
                        "unbalanced ')'",
                        at,
                        expected="the end of the pattern",
                        hint="write \\) for the character itself",
                    )
                self.i += 1
                self.flags = here.flags
                stack.pop()
                whole = _close(here)
                item = self._repeats(whole)
                if here.anchor is not None and item is not whole:
                    raise RegexFault("an anchor cannot be repeated", here.anchor, hint="take it out of the group")
                self._append(stack[-1], item)
                if here.anchor is not None:
                    stack[-1].anchor, stack[-1].end, stack[-1].ended = here.anchor, here.ended, here.ended
            elif char == "|":
                self.i += 1
                here.branches.append(_sequence(here.items))
                here.items, here.end = [], None
            elif char == "^":
                if any(group.items for group in stack):
                    raise RegexFault(
                        "'^' in the middle of a pattern", at, expected="an anchor at the start only", hint="write \\^"
                    )
                self.i += 1
                here.anchor = at
            elif char == "$":
                self.i += 1
                here.anchor = here.end = here.ended = at
            else:
                self._append(here, self._repeats(self._atom(char)))
        if len(stack) > 1:
            raise RegexFault(
                "group does not end", stack[-1].at, expected="')'", hint="write \\( for the character itself"
            )
        return _close(stack[0])

    @staticmethod
    def _append(group: _Group, item: Tree) -> None:
        if group.end is not None:
            raise RegexFault(
                "'$' in the middle of a pattern", group.end, expected="an anchor at the end only", hint="write \\$"
            )
        group.items.append(item)

    def _group_head(self, at: int) -> bool:
        """Reads what follows "("; false if it was only a change of flags."""
        text = self.text
        if not text.startswith("?", self.i):
            return True
        rest = text[self.i + 1 : self.i + 3]
        if (rest[:1] in "=!" and rest) or rest in ("<=", "<!"):
            raise RegexFault(
                "look-around is not supported",
                at,
                expected="a pattern without (?=...), (?!...), (?<=...), (?<!...)",
                hint="say the same with & and ~ on terminals of a Lark grammar",
            )
        if rest[:1] == ">":
            raise RegexFault("atomic groups are not supported", at, expected="(?:...)")
        name = re.compile(r"P?<(\w+)>").match(text, self.i + 1)
        if name:
            self.i = name.end()
            return True
        if rest[:1] == "P":
            raise RegexFault("back-references are not supported", at, expected="a pattern without (?P=name)")
        inline = _INLINE.match(text, self.i + 1)
        if not inline:
            raise RegexFault("unknown group", at, expected="one of (...), (?:...), (?<name>...), (?i:...), (?i)")
        self.i = inline.end()
        self.flags = (self.flags | frozenset(inline[1])) - frozenset(inline[2] or "")
        return inline[3] == ":"

    def _repeats(self, item: Tree) -> Tree:
        text, copies = self.text, 0
        while True:
            if "x" in self.flags:
                match = _BLANKS.match(text, self.i)
                assert match
                self.i = match.end()
            at, char = self.i, text[self.i : self.i + 1]
            low, high = 0, None
            if char in ("*", "+", "?"):
                low, high = int(char == "+"), 1 if char == "?" else None
                self.i += 1
            elif char == "{" and (count := _COUNT.match(text, self.i)):
                digits = [d for d in (count[1], count[3], count[4]) if d]
                if any(len(d) > 10 or int(d) > MAX_COUNT for d in digits):
                    raise RegexFault("repeat count is too large", at, expected=f"at most {MAX_COUNT}")
                low = int(count[1] or 0)
                high = int(count[4]) if count[4] else int(count[3]) if count[3] else None if count[2] else low
                if high is not None and high < low:
                    raise RegexFault(
                        f"repeat counts are in the wrong order: {{{low},{high}}}",
                        at,
                        expected="{low,high} with low <= high",
                    )
                self.i = count.end()
            else:
                return item
            copies += 1
            if copies > self.max_depth:
                raise RegexFault(f"more than {self.max_depth} repeats of one item", at, hint="raise max_depth")
            mark = text[self.i : self.i + 1]
            if mark == "+":
                raise RegexFault("possessive repeats are not supported", at, hint="leave out the second '+'")
            if mark == "?":
                self.i += 1
                item = Lazy(item, low, high)
            else:
                item = Repeat(item, low, high)  # type: ignore[arg-type]  # a Tree is an expression over Chars

    def _atom(self, char: str) -> Tree:
        at = self.i
        if char == "[":
            return self._fold(self._bracket())
        if char == ".":
            self.i += 1
            return ANY if "s" in self.flags else ANY_BUT_LINE_FEED
        if char == "\\":
            return self._fold(self._escape(in_class=False))
        if char in "*+?" or (char == "{" and _COUNT.match(self.text, at)):
            raise RegexFault(f"nothing to repeat before {char!r}", at, expected="an expression", hint=f"write \\{char}")
        self.i += 1
        return self._fold(single(char))

    def _fold(self, a: Chars) -> Chars:
        return fold_case(a) if "i" in self.flags else a

    def _escape(self, *, in_class: bool) -> Chars:
        text, at = self.text, self.i
        char = text[at + 1 : at + 2]
        self.i = at + 2
        if not char:
            raise RegexFault("pattern ends in a backslash", at, hint="write \\\\ for the backslash itself")
        if char in "dws":
            return _unicode_class(char) if "u" in self.flags else _ASCII_CLASSES[char]
        if char in "DWS":
            return complement(_unicode_class(char.lower()) if "u" in self.flags else _ASCII_CLASSES[char.lower()])
        if char in "pP":
            return self._property(at)
        if char in _SIMPLE_ESCAPES:
            return single(chr(_SIMPLE_ESCAPES[char]))
        if char in "xuU":
            braced = re.compile(r"\{([0-9a-fA-F]+)\}").match(text, self.i) if char != "U" else None
            size = {"x": 2, "u": 4, "U": 8}[char]
            plain = re.compile(f"[0-9a-fA-F]{{{size}}}").match(text, self.i)
            if braced:
                self.i, digits = braced.end(), braced[1].lstrip("0") or "0"
            elif plain:
                self.i, digits = plain.end(), plain[0].lstrip("0") or "0"
            else:
                raise RegexFault(f"escape needs {size} hexadecimal digits", at, expected="0-9, a-f")
            if len(digits) > 6 or int(digits, 16) > LAST:
                raise RegexFault("no such code point", at, expected="at most 10FFFF")
            return chars([(int(digits, 16),) * 2])
        if char == "c" and text[self.i : self.i + 1].isascii() and text[self.i : self.i + 1].isalpha():
            self.i += 1
            return single(chr(ord(text[self.i - 1]) & 31))
        if char == "b" and in_class:
            return single("\b")
        if char in "bB":
            raise RegexFault("word boundaries are not supported", at, expected="a pattern without \\b and \\B")
        if char in "AzZ":
            raise RegexFault(f"'\\{char}' is not needed", at, hint="leave it out: patterns are anchored at both ends")
        if char in "123456789k":
            raise RegexFault("back-references are not supported", at, expected="a pattern without \\1 to \\9 and \\k")
        if char.isascii() and char.isalpha():
            raise RegexFault(
                f"unknown escape '\\{char}'", at, expected="a known escape", hint=f"write {char} for the letter itself"
            )
        return single(char)

    def _property(self, at: int) -> Chars:
        match = re.compile(r"\{(\^?)(?:gc=|General_Category=)?(\w+)\}|([A-Z])").match(self.text, self.i)
        name = (match[2] or match[3]) if match else ""
        short = _CATEGORY_NAMES.get(name, name)
        if not match or short not in (*_CATEGORIES, "Any", "ASCII"):
            raise RegexFault(
                f"unknown Unicode property '{name}'",
                at,
                expected="a general category, " + one_of(_CATEGORIES),
                hint="scripts are not supported: write the ranges, such as [\\u0370-\\u03ff]",
            )
        self.i = match.end()
        found = {"Any": ANY, "ASCII": chars([(0, 127)])}.get(short) or _category(short)
        return complement(found) if (self.text[at + 1] == "P") != (match[1] == "^") else found

    def _bracket(self) -> Chars:
        text, at = self.text, self.i
        self.i += 1
        negated = text.startswith("^", self.i)
        self.i += negated
        out: list[tuple[int, int]] = []
        first = True
        while first or not text.startswith("]", self.i):
            if self.i >= len(text):
                raise RegexFault(
                    "character class does not end", at, expected="']'", hint="write \\[ for the character itself"
                )
            begin = self.i
            low = self._member()
            if text.startswith("-", self.i) and text[self.i + 1 : self.i + 2] not in ("]", "") and _is_one(low):
                self.i += 1
                high = self._member()
                if not _is_one(high):
                    raise RegexFault("a class cannot end a range", begin, hint="write \\- for the character itself")
                if high.ranges[0][0] < low.ranges[0][0]:
                    raise RegexFault("range ends before it starts", begin, expected="low-high")
                out.append((low.ranges[0][0], high.ranges[0][0]))
            else:
                out += low.ranges
            first = False
        self.i += 1
        return complement(self._fold(chars(out))) if negated else chars(out)

    def _member(self) -> Chars:
        char = self.text[self.i]
        if char == "\\":
            return self._escape(in_class=True)
        if char == "[" and self.text.startswith("[:", self.i):
            raise RegexFault("POSIX classes are not supported", self.i, hint="write \\[ for the character itself")
        self.i += 1
        return single(char)


def _is_one(a: Chars) -> bool:
    return len(a.ranges) == 1 and a.ranges[0][0] == a.ranges[0][1]


def _sequence(items: list[Tree]) -> Tree:
    return items[0] if len(items) == 1 else Seq(tuple(items))  # type: ignore[arg-type]


def _close(group: _Group) -> Tree:
    branches = [*group.branches, _sequence(group.items)]
    return branches[0] if len(branches) == 1 else Alt(tuple(branches))  # type: ignore[arg-type]


# Questions about trees


def fold(tree: Tree, combine: Callable[[Tree, list[T]], T]) -> T:
    """`combine(node, results of its parts)`, from the leaves up, without recursion."""
    done: list[T] = []
    stack: list[tuple[Tree, bool]] = [(tree, False)]
    while stack:
        node, is_open = stack.pop()
        inner: tuple[Tree, ...] = ()
        match node:
            case Seq(items) | Alt(items):
                inner = items  # type: ignore[assignment]
            case Repeat(item) | Lazy(item):
                inner = (item,)  # type: ignore[assignment]
        if inner and not is_open:
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(inner))
            continue
        results = done[len(done) - len(inner) :]
        del done[len(done) - len(inner) :]
        done.append(combine(node, results))
    return done[0]


def is_nullable(tree: Tree) -> bool:
    """Whether the empty text matches."""

    def combine(node: Tree, parts: list[bool]) -> bool:
        match node:
            case Seq():
                return all(parts)
            case Alt():
                return any(parts)
            case Repeat(_, low) | Lazy(_, low):
                return low == 0 or parts[0]
            case _:
                return False

    return fold(tree, combine)


def width(tree: Tree) -> int | None:
    """How many code points every match has, or None if they differ."""

    def combine(node: Tree, parts: list[int | None]) -> int | None:
        if None in parts:
            return None
        known = [p for p in parts if p is not None]
        match node:
            case Seq():
                return sum(known)
            case Alt():
                return known[0] if known and len(set(known)) == 1 else None
            case Repeat(_, low, high) | Lazy(_, low, high):
                return known[0] * low if low == high else None
            case _:
                return 1

    return fold(tree, combine)


def has_lazy(tree: Tree) -> bool:
    return fold(tree, lambda node, parts: isinstance(node, Lazy) or any(parts))


def without_empty(tree: Tree) -> Tree:
    """The same texts except the empty one; Alt(()) if nothing is left."""

    def combine(node: Tree, parts: list[tuple[Tree, Tree, bool]]) -> tuple[Tree, Tree, bool]:
        # (the node, the node without the empty text, whether it has it)
        match node:
            case Seq():
                branches = []
                for i, (whole, rest, empty) in enumerate(parts):
                    tail = [w for w, _, _ in parts[i + 1 :]]
                    if rest != Alt(()):
                        branches.append(_sequence([rest if empty else whole, *tail]))
                    if not empty:
                        break
                else:
                    return node, _any_of(branches), True
                return node, node, False
            case Alt():
                return node, _any_of([r for _, r, _ in parts]), any(e for *_, e in parts)
            case Repeat(_, low, high) | Lazy(_, low, high):
                whole, rest, empty = parts[0]
                if low > 0 and not empty:
                    return node, node, False
                if high == 0 or rest == Alt(()):
                    return node, Alt(()), True
                return node, rest if high == 1 else Repeat(rest, 1, high), True  # type: ignore[arg-type]
            case _:
                return node, node, False

    return fold(tree, combine)[1]


def _any_of(branches: list[Tree]) -> Tree:
    kept = [b for b in branches if b != Alt(())]
    return kept[0] if len(kept) == 1 else Alt(tuple(kept))  # type: ignore[arg-type]


# Writing


def write_regex(tree: Tree, *, unicode_classes: bool = False) -> str:
    """A pattern without flags for this tree. Python, Lark files and the core read it alike.

    Args:
        unicode_classes: write \\w for what Python's \\w matches, for readers to whom it means the same.
    """

    def combine(node: Tree, parts: list[tuple[str, int]]) -> tuple[str, int]:
        # (text, how tightly it binds: 0 alternation, 1 sequence, 2 repeat, 3 atom)
        match node:
            case Chars(ranges):
                return write_chars(ranges, unicode_classes=unicode_classes), 3
            case Seq():
                return "".join(text if level >= 1 else f"(?:{text})" for text, level in parts), 1
            case Alt():
                if not parts:
                    raise RegexFault("a pattern that matches nothing cannot be written", 0)
                return "|".join(text for text, _ in parts), 0
            case Repeat(_, low, high) | Lazy(_, low, high):
                text, level = parts[0]
                lazy = "?" if isinstance(node, Lazy) else ""
                return (text if level == 3 and text else f"(?:{text})") + write_count(low, high) + lazy, 2
        raise AssertionError(node)

    return fold(tree, combine)[0]


def write_count(low: int, high: int | None) -> str:
    """`*`, `+`, `?`, `{2}`, `{2,}` or `{2,5}`."""
    if (low, high) in ((0, None), (1, None), (0, 1)):
        return {(0, None): "*", (1, None): "+", (0, 1): "?"}[low, high]
    return f"{{{low}}}" if low == high else f"{{{low},{'' if high is None else high}}}"


def write_chars(ranges: Ranges, *, unicode_classes: bool = False) -> str:
    """A character, `.`, or a class in brackets."""
    if ranges == ANY.ranges:
        return "(?s:.)"
    if ranges == ANY_BUT_LINE_FEED.ranges:
        return "."
    if not ranges:
        raise RegexFault("a class without characters cannot be written", 0)
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return escape(chr(ranges[0][0]))
    others = complement(Chars(ranges)).ranges
    negated = ranges[-1][1] == LAST and len(others) <= len(ranges)
    listed = others if negated else ranges
    names = ""
    if unicode_classes and len(listed) > 3:  # the smallest, \s, has ten ranges
        for letter in "wds":
            found = _unicode_class(letter)
            rest = intersection(Chars(listed), complement(found)).ranges
            if intersection(Chars(listed), found) == found:
                names, listed = names + "\\" + letter, rest
    if names and not listed and len(names) == 2:
        return names.upper() if negated else names
    return ("[^" if negated else "[") + names + _class_body(listed) + "]"


def _class_body(ranges: Ranges) -> str:
    def one(code: int) -> str:
        char = chr(code)
        return "\\" + char if char in "\\]^-[&~|/" else write_char(char)

    return "".join(
        one(low) if low == high else one(low) + ("-" if high > low + 1 else "") + one(high) for low, high in ranges
    )


def write_char(char: str) -> str:
    """The character if it prints, else an escape that Python, Lark and the core read."""
    if char in "\n\r\t\f":
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}[char]
    if char == " " or (char.isprintable() and not unicodedata.combining(char)):
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def escape(text: str) -> str:
    """A pattern that matches exactly this text."""
    return "".join("\\" + c if c in "\\.^$*+?()[]{}|/" else write_char(c) for c in text)
