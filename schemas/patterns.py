r"""ECMA-262 regular expressions, as `pattern` and `patternProperties` use them, to expressions over code points.

JSON Schema searches: "b" allows "abc". The core matches whole texts, so open ends get `(?s:.)*`:

    b        ->  (?s:.)*b(?s:.)*
    ^a|b$    ->  a(?s:.)*|(?s:.)*b
    ^(?!x)a  ->  And(Not(x...), a...)

What differs from Python: \d and \w are ASCII, \s is Unicode, `$` is the end only, `.` excludes four line ends, `[^]` is
anything. Characters are code points, as with the flag u. Back references and look-behind are refused.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple, Union

from weft.grammar.grammar import Alt, And, Expression, Not, Pattern, Seq

Ranges = tuple[tuple[int, int], ...]

MAX_GROUPS = 100  # nested groups in one pattern
MAX_REPEAT = 100_000  # a larger count in {m,n} is refused
MAX_BRANCHES = 256  # alternatives after anchors have been moved to the ends
MAX_LENGTH = 20_000  # characters of one pattern


class PatternError(ValueError):
    """A pattern that cannot be read, or whose meaning cannot be kept."""


class Chars(NamedTuple):
    ranges: Ranges


class Concat(NamedTuple):
    items: tuple["Node", ...]


class Either(NamedTuple):
    items: tuple["Node", ...]


class Times(NamedTuple):
    item: "Node"
    min: int
    max: int | None


class Anchor(NamedTuple):
    kind: str  # "^", "$", "b" or "B"


class Look(NamedTuple):
    item: "Node"
    negative: bool


Node = Union[Chars, Concat, Either, Times, Anchor, Look]


def ranges(*spans: tuple[int, int]) -> Ranges:
    """Sorted, merged, without surrogates."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(spans):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    whole: list[tuple[int, int]] = []
    for low, high in merged:
        if low <= 0xDFFF and high >= 0xD800:
            if low < 0xD800:
                whole.append((low, 0xD7FF))
            if high > 0xDFFF:
                whole.append((0xE000, high))
        else:
            whole.append((low, high))
    return tuple(whole)


def complement(of: Ranges) -> Ranges:
    out, next_free = [], 0
    for low, high in of:
        if low > next_free:
            out.append((next_free, low - 1))
        next_free = high + 1
    if next_free <= 0x10FFFF:
        out.append((next_free, 0x10FFFF))
    return ranges(*out)


ALL = ranges((0, 0x10FFFF))
DIGIT = ranges((48, 57))
WORD = ranges((48, 57), (65, 90), (95, 95), (97, 122))
SPACE = ranges(
    (9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F),
    (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF),
)  # fmt: skip
DOT = complement(ranges((10, 10), (13, 13), (0x2028, 0x2029)))
CLASSES = {
    "d": DIGIT, "D": complement(DIGIT), "w": WORD, "W": complement(WORD), "s": SPACE, "S": complement(SPACE),
}  # fmt: skip
CONTROLS = {"n": 10, "r": 13, "t": 9, "v": 11, "f": 12}


@lru_cache(maxsize=256)
def unicode_property(name: str) -> Ranges:
    r"""The code points of \p{name}: general categories (short and long), Any, ASCII, Alphabetic."""
    short = name.split("=", 1)[1] if name.startswith(("General_Category=", "gc=")) else name
    long_names = {
        "Letter": "L", "Lowercase_Letter": "Ll", "Uppercase_Letter": "Lu", "Titlecase_Letter": "Lt",
        "Cased_Letter": "LC", "Modifier_Letter": "Lm", "Other_Letter": "Lo", "Mark": "M", "Nonspacing_Mark": "Mn",
        "Spacing_Mark": "Mc",
        "Enclosing_Mark": "Me", "Number": "N", "Decimal_Number": "Nd", "digit": "Nd", "Letter_Number": "Nl",
        "Other_Number": "No", "Punctuation": "P", "punct": "P", "Connector_Punctuation": "Pc", "Dash_Punctuation": "Pd",
        "Open_Punctuation": "Ps", "Close_Punctuation": "Pe", "Initial_Punctuation": "Pi", "Final_Punctuation": "Pf",
        "Other_Punctuation": "Po", "Symbol": "S", "Math_Symbol": "Sm", "Currency_Symbol": "Sc", "Modifier_Symbol": "Sk",
        "Other_Symbol": "So", "Separator": "Z", "Space_Separator": "Zs", "Line_Separator": "Zl",
        "Paragraph_Separator": "Zp", "Other": "C", "Control": "Cc", "cntrl": "Cc", "Format": "Cf", "Private_Use": "Co",
        "Unassigned": "Cn",
    }  # fmt: skip
    short = long_names.get(short, short)
    if short == "Any":
        return ALL
    if short == "ASCII":
        return ranges((0, 127))
    families = {"L": "lutmo", "M": "nce", "N": "dlo", "P": "cdseifo", "S": "mcko", "Z": "slp", "C": "cfon"}
    known = {family + member for family, members in families.items() for member in members}
    if short == "LC":
        wanted = {"Lu", "Ll", "Lt"}
    elif len(short) == 1 and any(category[0] == short for category in known):
        wanted = {category for category in known if category[0] == short}
    elif short in known:
        wanted = {short}
    else:
        raise PatternError(f"the Unicode property {name!r} is not supported (general categories are)")
    spans: list[tuple[int, int]] = []
    category = unicodedata.category
    start = -1
    for code in range(sys.maxunicode + 2):
        inside = code <= sys.maxunicode and category(chr(code)) in wanted
        if inside and start < 0:
            start = code
        elif not inside and start >= 0:
            spans.append((start, code - 1))
            start = -1
    return ranges(*spans)


class _Reader:
    def __init__(self, text: str):
        self.text, self.at, self.depth, self.ignore_case = text, 0, 0, False
        self.names: set[str] = set()

    def fail(self, why: str) -> PatternError:
        return PatternError(f"{why} at character {self.at} of the pattern {self.text[:200]!r}")

    def either(self) -> Node:
        branches = [self.concat()]
        while self.text.startswith("|", self.at):
            self.at += 1
            branches.append(self.concat())
        return branches[0] if len(branches) == 1 else Either(tuple(branches))

    def concat(self) -> Node:
        items: list[Node] = []
        text = self.text
        while self.at < len(text) and text[self.at] not in "|)":
            atom = self.atom()
            if atom is None:
                continue
            items.append(self.quantified(atom))
        return items[0] if len(items) == 1 else Concat(tuple(items))

    def quantified(self, atom: Node) -> Node:
        text = self.text
        if self.at >= len(text):
            return atom
        char = text[self.at]
        if char in "*+?":
            self.at += 1
            least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        elif char == "{" and (match := re.compile(r"\{(\d+)(?:(,)(\d*))?\}", re.A).match(text, self.at)):
            self.at = match.end()
            if len(match[1]) > 9 or len(match[3] or "") > 9:
                raise self.fail(f"a repeat count above the limit of {MAX_REPEAT}")
            least = int(match[1])
            most = least if not match[2] else int(match[3]) if match[3] else None
            if most is not None and most < least:
                raise self.fail(f"repeat {{{least},{most}}} out of order")
            if max(least, most or 0) > MAX_REPEAT:
                raise self.fail(f"a repeat count of {max(least, most or 0)}, above the limit of {MAX_REPEAT},")
        else:
            return atom
        if isinstance(atom, Anchor):
            raise self.fail("a quantifier after an anchor")
        if self.at < len(text) and text[self.at] == "?":  # lazy: the same language
            self.at += 1
        if self.at < len(text) and text[self.at] in "*+?":
            raise self.fail("a quantifier after a quantifier")
        return Times(atom, least, most)

    def atom(self) -> Node | None:
        char = self.text[self.at]
        self.at += 1
        if char == "(":
            return self.group()
        if char == "[":
            return Chars(self.char_class())
        if char == ".":
            return Chars(DOT)
        if char in "^$":
            return Anchor(char)
        if char in "*+?":
            raise self.fail("a quantifier with nothing before it")
        if char == "\\":
            return self.escape()
        return self.char(ord(char))

    def char(self, code: int) -> Chars:
        if self.ignore_case:
            return Chars(_fold(ranges((code, code))))
        return Chars(((code, code),) if not 0xD800 <= code <= 0xDFFF else ())

    def group(self) -> Node | None:
        self.depth += 1
        if self.depth > MAX_GROUPS:
            raise self.fail(f"more than {MAX_GROUPS} nested groups")
        text = self.text
        before = self.ignore_case
        look = ""
        if text.startswith("?", self.at):
            match = re.compile(r"\?(?:([:=!]|<[=!])|<([\w$]+)>|P<(\w+)>|([a-z]*)(?:-([a-z]+))?([:)]))").match(
                text, self.at
            )
            if not match:
                raise self.fail("an unknown kind of group")
            self.at = match.end()
            if match[1] in ("<=", "<!"):
                raise self.fail("look-behind, which a left-to-right automaton here does not support,")
            if match[4] is not None:
                if set(match[4] + (match[5] or "")) - set("imsu"):
                    raise self.fail("an unknown flag")
                if (match[4] + (match[5] or "")).strip("iu"):
                    raise self.fail("the flags m and s, which are not supported,")
                self.ignore_case = "i" in match[4] or (self.ignore_case and "i" not in (match[5] or ""))
                if match[6] == ")":  # Python's (?i): to the end of the group
                    self.depth -= 1
                    return None
            look = match[1] if match[1] in ("=", "!") else ""
        inner = self.either()
        if not text.startswith(")", self.at):
            raise self.fail("a group that is never closed")
        self.at += 1
        self.depth -= 1
        self.ignore_case = before
        return Look(inner, look == "!") if look else inner

    def escape(self) -> Node:
        if self.at >= len(self.text):
            raise self.fail("a backslash with nothing after it")
        char = self.text[self.at]
        if char in "bB":
            self.at += 1
            return Anchor(char)
        if char in CLASSES:
            self.at += 1
            return Chars(CLASSES[char])
        if char in "pP" and self.text.startswith("{", self.at + 1):
            return Chars(self.property())
        if char in "123456789" or (char == "k" and self.text.startswith("<", self.at + 1)):
            raise self.fail("a back reference, which no regular language has,")
        if char in "AZzGQEKRXhH":
            raise self.fail(f"\\{char}, which means nothing in ECMA-262,")
        return self.char(self.code_point())

    def property(self) -> Ranges:
        match = re.compile(r"([pP])\{([^}]*)\}").match(self.text, self.at)
        if not match:
            raise self.fail("a broken Unicode property")
        self.at = match.end()
        found = unicode_property(match[2])
        return complement(found) if match[1] == "P" else found

    def code_point(self) -> int:
        """After a backslash: one character."""
        text, char = self.text, self.text[self.at]
        self.at += 1
        if char in CONTROLS:
            return CONTROLS[char]
        if char == "0" and not text[self.at : self.at + 1].isdigit():
            return 0
        if char == "c" and re.match("[A-Za-z]", text[self.at : self.at + 1]):
            self.at += 1
            return ord(text[self.at - 1]) % 32
        if char == "x" and (match := re.compile("[0-9A-Fa-f]{2}").match(text, self.at)):
            self.at = match.end()
            return int(match[0], 16)
        if char == "u":
            pattern = (
                r"\{([0-9A-Fa-f]{1,8})\}|([dD][89abAB][0-9A-Fa-f]{2})\\u([dD][c-fC-F][0-9A-Fa-f]{2})|([0-9A-Fa-f]{4})"
            )
            if match := re.compile(pattern).match(text, self.at):
                self.at = match.end()
                if match[2]:
                    return 0x10000 + ((int(match[2], 16) - 0xD800) << 10) + int(match[3], 16) - 0xDC00
                code = int(match[1] or match[4], 16)
                if code > 0x10FFFF:
                    raise self.fail("a code point above U+10FFFF")
                return code
        if char.isalnum() and char not in "-_":
            if char.isdigit() or char in "xuck":
                raise self.fail(f"the escape \\{char}")
            if char in "aegijlmoqyACEFGHIJKLMNOQRTUVXYZz":
                raise self.fail(f"\\{char}, which means nothing in ECMA-262,")
        return ord(char)

    def char_class(self) -> Ranges:
        text = self.text
        negative = text.startswith("^", self.at)
        self.at += negative
        spans: list[tuple[int, int]] = []
        while True:
            if self.at >= len(text):
                raise self.fail("a character class that is never closed")
            if text[self.at] == "]":
                self.at += 1
                break
            low = self.class_atom()
            if text.startswith("-", self.at) and self.at + 1 < len(text) and text[self.at + 1] != "]":
                mark = self.at
                self.at += 1
                high = self.class_atom()
                if isinstance(low, int) and isinstance(high, int):
                    if high < low:
                        self.at = mark
                        raise self.fail("a range out of order")
                    spans.append((low, high))
                    continue
                spans.append((45, 45))
                for part in (low, high):
                    spans.extend(((part, part),) if isinstance(part, int) else part)
                continue
            spans.extend(((low, low),) if isinstance(low, int) else low)
        found = ranges(*spans)
        if self.ignore_case:
            found = _fold(found)
        return complement(found) if negative else found

    def class_atom(self) -> int | Ranges:
        char = self.text[self.at]
        self.at += 1
        if char != "\\":
            return ord(char)
        if self.at >= len(self.text):
            raise self.fail("a backslash with nothing after it")
        char = self.text[self.at]
        if char in CLASSES:
            self.at += 1
            return CLASSES[char]
        if char == "b":
            self.at += 1
            return 8
        if char in "pP" and self.text.startswith("{", self.at + 1):
            return self.property()
        if char in "AZzGQEKRXhHB":
            raise self.fail(f"\\{char}, which means nothing in ECMA-262,")
        return self.code_point()


def _fold(of: Ranges) -> Ranges:
    spans = list(of)
    for low, high in of:
        if high - low > 5000:
            raise PatternError("ignoring case over a very large class is not supported")
        for code in range(low, high + 1):
            for other in (chr(code).lower(), chr(code).upper()):
                if len(other) == 1:
                    spans.append((ord(other), ord(other)))
    return ranges(*spans)


@lru_cache(maxsize=4096)
def parse(pattern: str) -> Node:
    """The syntax tree of an ECMA-262 pattern.

    Raises:
        PatternError: it is broken, or has a feature that is not regular.
    """
    if len(pattern) > MAX_LENGTH:
        raise PatternError(f"a pattern of {len(pattern)} characters, above the limit of {MAX_LENGTH}")
    reader = _Reader(pattern)
    try:
        node = reader.either()
    except RecursionError:  # pragma: no cover (MAX_GROUPS is far below)
        raise PatternError("the pattern nests too deeply") from None
    if reader.at < len(pattern):
        raise reader.fail("a closing parenthesis without an opening one")
    return node


# --- printing -------------------------------------------------------------------------------------------------------

_NAMED = {9: "\\t", 10: "\\n", 11: "\\x0b", 12: "\\x0c", 13: "\\r"}


def _char_text(code: int) -> str:
    if code < 0x20 or code == 0x7F:
        return _NAMED.get(code) or f"\\x{code:02x}"
    char = chr(code)
    return "\\" + char if char in "\\^$.|?*+()[]{}-" else char


@lru_cache(maxsize=4096)
def chars_text(of: Ranges) -> str:
    """One character class, in the syntax that the core and Python share."""
    if of == ALL:
        return "(?s:.)"
    if len(of) == 1 and of[0][0] == of[0][1]:
        return _char_text(of[0][0])
    if of and of[0][0] == 0 and of[-1][1] == 0x10FFFF:
        return f"[^{_spans_text(complement(of))}]"
    return f"[{_spans_text(of)}]" if of else "[^\\x00-\U0010ffff]"


def _spans_text(of: Ranges) -> str:
    out = []
    for low, high in of:
        out.append(_char_text(low))
        if high > low:
            if high > low + 1:
                out.append("-")
            out.append(_char_text(high))
    return "".join(out)


def to_text(node: Node, *, python: bool = False) -> str:
    """A regular expression without captures. Anchors and look-ahead only for Python."""
    if isinstance(node, Chars):
        if not node.ranges:
            return "(?!)" if python else "[^\\x00-\U0010ffff]"
        return chars_text(node.ranges)
    if isinstance(node, Concat):
        return "".join(
            _group(item, python) if isinstance(item, Either) else to_text(item, python=python) for item in node.items
        )
    if isinstance(node, Either):
        if not node.items:
            return "(?!)" if python else "[^\\x00-\U0010ffff]"
        return "|".join(to_text(item, python=python) for item in node.items)
    if isinstance(node, Times):
        inner = to_text(node.item, python=python)
        if not isinstance(node.item, Chars):
            inner = f"(?:{inner})"
        least, most = node.min, node.max
        if (least, most) == (0, None):
            return inner + "*"
        if (least, most) == (1, None):
            return inner + "+"
        if (least, most) == (0, 1):
            return inner + "?"
        if least == most:
            return f"{inner}{{{least}}}" if least != 1 else inner
        return f"{inner}{{{least},{'' if most is None else most}}}"
    assert python
    if isinstance(node, Anchor):
        return {"^": r"\A", "$": r"\Z", "b": r"(?a:\b)", "B": r"(?a:\B)"}[node.kind]
    return f"(?{'!' if node.negative else '='}{to_text(node.item, python=True)})"


def _group(node: Node, python: bool) -> str:
    return f"(?:{to_text(node, python=python)})"


@lru_cache(maxsize=4096)
def searcher(pattern: str) -> re.Pattern[str]:
    """The pattern for Python, to test a single string with `.search`."""
    return re.compile(to_text(parse(pattern), python=True))


# --- from search to whole match -------------------------------------------------------------------------------------


def _plain(node: Node) -> bool:
    """Without anchors and look-ahead."""
    if isinstance(node, Chars):
        return True
    if isinstance(node, (Concat, Either)):
        return all(map(_plain, node.items))
    return isinstance(node, Times) and _plain(node.item)


def nullable(node: Node) -> bool:
    if isinstance(node, Concat):
        return all(map(nullable, node.items))
    if isinstance(node, Either):
        return any(map(nullable, node.items))
    if isinstance(node, Times):
        return node.min == 0 or nullable(node.item)
    return False


def _is_guarded(node: Node) -> bool:
    """(?:(?!ab).)*: one character after another, each behind look-aheads."""
    return (
        isinstance(node, Times)
        and isinstance(node.item, Concat)
        and len(node.item.items) > 1
        and isinstance(node.item.items[-1], Chars)
        and all(isinstance(item, Look) for item in node.item.items[:-1])
    )


def _branches(items: tuple[Node, ...]) -> Iterable[tuple[Node, ...]]:
    """The sequence with every alternative that hides an anchor multiplied out."""
    for index, item in enumerate(items):
        if isinstance(item, Concat) and not _plain(item):
            yield from _branches(items[:index] + item.items + items[index + 1 :])
            return
        if isinstance(item, Either) and not _plain(item):
            for choice in item.items:
                yield from _branches((*items[:index], choice, *items[index + 1 :]))
            return
        if isinstance(item, Times) and not _plain(item) and not _is_guarded(item):
            if item.max is None or item.max > 2:
                if not (item.min <= 1 and isinstance(item.item, (Look, Anchor))):
                    raise PatternError("an anchor or look-ahead inside a repetition is not supported")
                most = 1
            else:
                most = item.max
            for count in range(item.min, most + 1):
                yield from _branches(items[:index] + (item.item,) * count + items[index + 1 :])
            return
    yield items


def _strip(items: tuple[Node, ...]) -> tuple[bool, tuple[Node, ...], bool] | None:
    """(anchored at the start, the rest, anchored at the end), or None if no text matches; no anchor is hidden."""
    head = tail = False
    starts = [i for i, item in enumerate(items) if isinstance(item, Anchor) and item.kind == "^"]
    if starts:
        head = True
        last = starts[-1]
        before = [item for item in items[:last] if not (isinstance(item, Anchor) and item.kind == "^")]
        if any(isinstance(item, (Anchor, Look)) for item in before):
            if not all(isinstance(item, Look) for item in before):
                raise PatternError("an anchor in the middle of a pattern is not supported here")
        elif not all(map(nullable, before)):
            return None
        items = tuple(item for item in before if isinstance(item, Look)) + items[last + 1 :]
    ends = [i for i, item in enumerate(items) if isinstance(item, Anchor) and item.kind == "$"]
    if ends:
        tail = True
        after = [item for item in items[ends[0] + 1 :] if not (isinstance(item, Anchor) and item.kind == "$")]
        if any(isinstance(item, (Anchor, Look)) for item in after):
            raise PatternError("an anchor or look-ahead after '$' is not supported")
        if not all(map(nullable, after)):
            return None
        items = items[: ends[0]]
    if any(isinstance(item, Anchor) for item in items):
        raise PatternError("a word boundary is not supported")
    return head, items, tail


ANYTHING = Times(Chars(ALL), 0, None)


@lru_cache(maxsize=4096)
def whole(pattern: str) -> tuple[Node, ...] | None:
    """The pattern as alternatives that match whole texts, anchors resolved; None where look-ahead is needed."""
    node = parse(pattern)
    branches: list[Node] = []
    for items in _branches((node,)):
        if len(branches) >= MAX_BRANCHES:
            raise PatternError(f"a pattern with more than {MAX_BRANCHES} ways to place its anchors")
        stripped = _strip(items)
        if stripped is None:
            continue
        head, rest, tail = stripped
        if any(isinstance(item, Look) or _is_guarded(item) for item in rest):
            return None
        branches.append(_concat((() if head else (ANYTHING,)) + rest + (() if tail else (ANYTHING,))))
    return tuple(branches)


def _concat(items: tuple[Node, ...]) -> Node:
    """Flat, and without what a neighbouring `.*` swallows: `.*x?` is `.*`, `.*x+` is `.*x`."""
    flat: list[Node] = []
    for item in items:
        flat.extend(item.items if isinstance(item, Concat) else (item,))
    for direction in (1, -1):
        kept: list[Node] = []
        for item in flat[::direction]:
            if kept and kept[-1] == ANYTHING:
                if nullable(item):
                    continue
                if isinstance(item, Times) and isinstance(item.item, Chars) and item.max != item.min:
                    item = Times(item.item, item.min, item.min)
            kept.append(item)
        flat = kept[::direction]
    return flat[0] if len(flat) == 1 else Concat(tuple(flat))


def search_node(pattern: str) -> Node | None:
    """One syntax tree for the whole text, or None if it takes look-ahead."""
    branches = whole(pattern)
    if branches is None:
        return None
    return branches[0] if len(branches) == 1 else Either(branches)


@lru_cache(maxsize=4096)
def search_expression(pattern: str) -> Expression:
    """The texts in which the pattern can be found, as an expression over code points."""
    node = search_node(pattern)
    if node is not None:
        return Pattern(to_text(node))
    alternatives = []
    for items in _branches((parse(pattern),)):
        stripped = _strip(items)
        if stripped is not None:
            head, rest, tail = stripped
            alternatives.append(_with_look((() if head else (ANYTHING,)) + rest, tail, is_start=head))
    return alternatives[0] if len(alternatives) == 1 else Alt(tuple(alternatives))


def _with_look(items: tuple[Node, ...], tail: bool, *, is_start: bool = False) -> Expression:
    """The text from here to its end. A look-ahead is an intersection with what follows."""
    for index, item in enumerate(items):
        is_start = is_start and index == 0
        if isinstance(item, Look):
            rest = _with_look(items[index + 1 :], tail, is_start=is_start)
            here: Expression = And((_looked(item, is_start=is_start), rest))
        elif isinstance(item, Times) and _is_guarded(item):
            if not tail or index + 1 < len(items):
                raise PatternError("a look-ahead inside a repetition is supported at the end, before '$', only")
            here = _guarded(item)
        else:
            continue
        return here if index == 0 else Seq((Pattern(to_text(_concat(items[:index]))), here))
    return Pattern(to_text(_concat(items + (() if tail else (ANYTHING,)))))


def _looked(look: Look, *, is_start: bool = False) -> Expression:
    """The texts that may follow a look-ahead."""
    ahead: list[Expression] = []
    for branch in _branches((look.item,)):
        stripped = _strip(branch)
        if stripped is None:
            continue
        if stripped[0] and not is_start:
            raise PatternError("'^' inside a look-ahead that does not begin the text is not supported")
        ahead.append(_with_look(stripped[1], stripped[2], is_start=is_start))
    looked: Expression = ahead[0] if len(ahead) == 1 else Alt(tuple(ahead))
    return Not(looked) if look.negative else looked


def _guarded(loop: Times) -> Expression:
    """Characters to the end of the text; what stands from any of them on must keep the look-aheads before it."""
    assert isinstance(loop.item, Concat)
    *looks, chars = loop.item.items
    anything, something = Pattern(to_text(ANYTHING)), Pattern(to_text(Times(Chars(ALL), 1, None)))
    parts: list[Expression] = [Pattern(to_text(Times(chars, loop.min, loop.max)))]
    for look in looks:
        assert isinstance(look, Look)
        broken = _looked(look._replace(negative=not look.negative))
        parts.append(Not(Seq((anything, And((something, broken))))))
    return And(tuple(parts))


# --- facts about a tree ---------------------------------------------------------------------------------------------


def width(node: Node) -> tuple[int, int | None]:
    """The least and the greatest number of code points of a match."""
    if isinstance(node, Chars):
        return 1, 1
    if isinstance(node, Concat):
        parts = [width(item) for item in node.items]
        return sum(low for low, _ in parts), None if any(high is None for _, high in parts) else sum(
            h or 0 for _, h in parts
        )
    if isinstance(node, Either):
        parts = [width(item) for item in node.items]
        if not parts:
            return 0, 0
        return min(low for low, _ in parts), None if any(high is None for _, high in parts) else max(
            h or 0 for _, h in parts
        )
    if isinstance(node, Times):
        low, high = width(node.item)
        most = 0 if node.max == 0 or high == 0 else None if node.max is None or high is None else high * node.max
        return low * node.min, most
    return 0, 0


def uses(node: Node, codes: Ranges) -> bool:
    """Whether a match can contain one of these code points."""
    if isinstance(node, Chars):
        return any(low <= b and a <= high for low, high in node.ranges for a, b in codes)
    if isinstance(node, (Concat, Either)):
        return any(uses(item, codes) for item in node.items)
    return isinstance(node, Times) and uses(node.item, codes)


def positions(node: Node) -> int:
    """How many characters the pattern has when its counts are written out: about the size of its automaton."""
    if isinstance(node, (Concat, Either)):
        return sum(map(positions, node.items))
    if isinstance(node, Times):
        return positions(node.item) * max(node.min, node.max or 0, 1)
    return 1
