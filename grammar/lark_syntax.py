"""The text of a Lark file -> its items: definitions, imports, ignored texts (syntax: formats/lark.lark).

    pair: NAME "=" /[0-9]+/      Definition("pair", Seq((Name("NAME"), Text(Literal(b"=")), Text(Pattern("[0-9]+")))))
    %import common.WS            Import(("common",), (("WS", "WS"),))

A body is an Expression over leaves that still name things: Name, Call, Embedded, Text, each with its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import lark
from lark.visitors import Transformer_NonRecursive

from weft.errors import GrammarError
from weft.grammar.grammar import And, Expression, Literal, Not, Pattern, Repeat, Special, walk
from weft.grammar.regex import Chars, RegexFault, escape, portable, read_regex, write_regex
from weft.grammar.source import Source, one_of
from weft.grammar.syntax import Advice, Lines, choice, parse, sequence


@dataclass(frozen=True)
class Limits:
    max_size: int
    max_depth: int
    max_repeat: int
    max_expansions: int
    max_nodes: int


class Span(NamedTuple):
    source: Source
    start: int
    end: int

    def error(self, what: str, *, expected: str = "", hint: str = "") -> GrammarError:
        return self.source.error(what, self.start, self.end, expected=expected, hint=hint)


class Name(NamedTuple):
    name: str
    span: Span


class Call(NamedTuple):
    name: str
    arguments: tuple[Any, ...]
    span: Span


class Embedded(NamedTuple):
    kind: str
    value: Any
    span: Span


class Text(NamedTuple):
    """A literal or pattern, with the place where it stands."""

    expression: Expression
    span: Span


def nodes(body: Any) -> Iterator[Any]:
    """Every node of a body, with the leaves below among them."""
    return walk(body)


class Broken(NamedTuple):
    """A pattern of an imported file that cannot be read: a mistake only if it is used."""

    error: GrammarError


@dataclass(frozen=True)
class Definition:
    name: str
    body: Any  # an Expression over the four leaves above
    span: Span
    parameters: tuple[str, ...] = ()
    priority: int = 0

    @property
    def is_terminal(self) -> bool:
        return is_terminal_name(self.name)


def is_terminal_name(name: str) -> bool:
    return name.lstrip("_")[:1].isupper()


class Import(NamedTuple):
    path: tuple[str, ...]
    names: tuple[tuple[str, str, Span], ...]  # (name there, name here, where it says so)
    span: Span


class Change(NamedTuple):
    kind: str
    definition: Definition


class Ignore(NamedTuple):
    body: Any
    span: Span


LIBRARIES = ("common", "unicode", "python", "lark")


@cache
def _parser() -> lark.Lark:
    syntax = resources.files("weft.grammar").joinpath("formats/lark.lark").read_text("utf-8")
    return lark.Lark(
        syntax,
        parser="lalr",
        lexer="basic",
        postlex=Lines(opens=("LPAR", "LSQB", "LBRACE"), closes=("RPAR", "RSQB", "RBRACE")),
        maybe_placeholders=True,
    )


_READABLE = {
    "_NL": "end of line", "RULE": "a rule name", "TERMINAL": "a terminal name", "STRING": "a string",
    "REGEXP": "/regex/",
    "VBAR": "'|'", "COLON": "':'", "LPAR": "'('", "RPAR": "')'", "LSQB": "'['", "RSQB": "']'", "LBRACE": "'{'",
    "RBRACE": "'}'", "OPERATOR": "'*', '+' or '?'", "TIMES": "'~n'", "BRACES": "'{m,n}'", "SPECIAL": "<special>",
    "EMBEDDED": "%json {...}", "NUMBER": "a number", "DOT": "'.'", "COMMA": "','", "AMPERSAND": "'&'", "TILDE": "'~'",
    "MODIFIER": "'?' or '!'", "DECLARE": "%declare", "OVERRIDE": "%override", "EXTEND": "%extend",
    "$END": "end of text",
    "__ANON_0": "'->'", "__ANON_1": "'..'", "IGNORE": "%ignore", "IMPORT": "%import",
}  # fmt: skip


_OPAQUE = re.compile(
    r'"(?:\\.|[^"\\\n])*"|/(?!/)(?:\\.|[^/\\])*/|//[^\n]*|#[^\n]*|(%(?:json|regex|lark|llguidance)\b\s*)(\{)?',
    re.DOTALL,
)


def _cut_json(source: Source) -> tuple[str, dict[int, Any]]:
    """The text with every JSON block after %json and its like blanked out, and the values by the offset of the "%"."""
    out, done = [], 0
    values: dict[int, Any] = {}
    for match in _OPAQUE.finditer(source.text):
        if match.start() < done or match[1] is None:
            continue
        word = match[1].strip()
        if match[2] is None:
            raise source.error(f"'{word}' without a value", match.start(), match.end(), expected=f"{word} {{...}}")
        at = match.start(2)
        try:
            value, end = json.JSONDecoder().raw_decode(source.text, at)
        except json.JSONDecodeError as error:
            raise source.error(
                f"the value of '{word}' is not JSON: {error.msg}", error.pos, hint="JSON has no comments"
            ) from None
        except RecursionError:
            raise source.error(f"the value of '{word}' is nested too deeply", at) from None
        out += [source.text[done:at], "{", " " * (end - at - 2), "}"]
        values[match.start()] = value
        done = end
    return "".join(out) + source.text[done:], values


def _advise(text: str, at: int) -> Advice:
    here = text[at : at + 20]
    if here.startswith('"') and not re.match(r'"(?:\\.|[^"\\\n])*"', text[at : at + 1000]):
        return Advice("string does not end on its line", "'\"'", 'write \\" for a quote and \\n for a line feed')
    if here.startswith("/") and not re.match(r"/(?:\\.|[^/\\\n])*/", text[at : at + 1000]):
        return Advice("regular expression does not end", "'/'", "write \\/ for a slash")
    if here.startswith("'"):
        return Advice(hint="a string stands in double quotes")
    if here.startswith("@"):
        return Advice(hint="references to other grammars are not supported: write the rules into this text")
    if here.startswith("[") and re.search(r"(^|\n)[?!]*[\w-]+$", text[max(0, at - 200) : at]):
        return Advice(hint="rule options such as [lazy] or [capture] are not supported: leave them out")
    if here.startswith("%"):
        return Advice("unknown directive", "one of %ignore, %import, %override, %extend, %json {...}, %regex {...}")
    if text[max(0, at - 1) : at + 3].strip().startswith(("::=", ":=")):
        return Advice(hint="this looks like GBNF: weft.from_gbnf(text)")
    if re.match(r"\w*[^\W\d_]", here):
        return Advice("name in mixed case", "all lower case for a rule, all upper case for a terminal")
    if here.startswith("{"):
        return Advice(hint="a repeat is {m,n} with digits, a template call is name{argument}")
    return Advice()


def read_items(source: Source, limits: Limits, is_library: bool) -> list[Any]:
    text, values = _cut_json(source)
    _check_depth(source, text, limits.max_depth)
    tree = parse(_parser(), source, text, _READABLE, _advise)
    try:
        items = _Reader(source, values, limits, is_library).transform(tree)
    except lark.exceptions.VisitError as error:
        raise error.orig_exc from None
    return [item for item in items if item is not None]


_BRACKETS = re.compile(
    r'"(?:\\.|[^"\\\n])*"|/(?!/)(?:\\.|[^/\\])*/|//[^\n]*|#[^\n]*|[()\[\]{}]|~(?!\s*[0-9])|(\n[ \t]*)+', re.DOTALL
)


def _check_depth(source: Source, text: str, max_depth: int) -> None:
    depth = 0
    chain = 0
    for match in _BRACKETS.finditer(text):
        char = match[0]
        if char == "~":
            chain += 1
            if chain > max_depth:
                raise source.error(f"more than {max_depth} '~' before one item", match.start(), hint="raise max_depth")
            continue
        chain = 0
        if char in ("(", "[", "{"):
            depth += 1
            if depth > max_depth:
                raise source.error(
                    f"brackets are nested too deeply: more than {max_depth} levels",
                    match.start(),
                    expected=f"at most {max_depth} levels",
                    hint="give inner parts a name of their own, or raise max_depth",
                )
        elif char in (")", "]", "}"):
            depth = max(0, depth - 1)


class _Reader(Transformer_NonRecursive[Any, Any]):
    """The parse tree of a file -> its items."""

    def __init__(self, source: Source, values: dict[int, Any], limits: Limits, is_library: bool) -> None:
        super().__init__()
        self.source, self.values, self.limits, self.is_library = source, values, limits, is_library

    def _span(self, token: lark.Token) -> Span:
        return Span(self.source, token.start_pos or 0, token.end_pos or 0)

    def start(self, items: list[Any]) -> list[Any]:
        return items

    # items

    def rule(self, parts: list[Any]) -> Definition:
        _, name, parameters, _, body = parts
        names = tuple(str(p) for p in parameters or ())
        for i, parameter in enumerate(parameters or ()):
            if parameter in names[:i]:
                raise self._span(parameter).error(f"template parameter '{parameter}' is there twice")
        return Definition(str(name), body, self._span(name), names)

    def terminal(self, parts: list[Any]) -> Definition:
        name, priority, body = parts
        return Definition(str(name), body, self._span(name), priority=priority or 0)

    def parameters(self, parts: list[Any]) -> list[Any]:
        return parts

    def priority(self, parts: list[Any]) -> int:
        return self._number(parts[0], str(parts[0]), limit=1_000_000)

    def ignore(self, parts: list[Any]) -> Ignore:
        body = parts[0]
        spans = [leaf.span for leaf in nodes(body) if isinstance(leaf, Name | Text | Call | Embedded)]
        return Ignore(body, spans[0] if spans else Span(self.source, 0, 0))

    def declare(self, parts: list[Any]) -> None:
        if self.is_library:
            return  # a mistake only if a rule that is imported uses it
        raise self._span(parts[0]).error(
            "%declare is not supported: a declared terminal has no text",
            expected="a definition, such as NAME: /[a-z]+/",
            hint="for a token of the vocabulary write <|name|> where it stands",
        )

    def override(self, parts: list[Any]) -> Change:
        return Change("%override", parts[1])

    def extend(self, parts: list[Any]) -> Change:
        return Change("%extend", parts[1])

    def path(self, parts: list[Any]) -> list[Any]:
        if parts[0] is not None:
            raise self._span(parts[0]).error(
                "relative imports are not supported",
                expected="a grammar that comes with lark: " + one_of(LIBRARIES),
                hint="copy the rules into this text",
            )
        return parts[1:]

    def import_one(self, parts: list[Any]) -> Import:
        path = parts[0]
        if len(path) == 1:
            raise self._span(path[0]).error(f"nothing is imported from '{path[0]}'", expected=f"{path[0]}.NAME")
        name = path[-1]
        return self._imported(path[:-1], [(name, parts[1] if len(parts) > 1 else name)])

    def import_many(self, parts: list[Any]) -> Import:
        return self._imported(parts[0], [(name, name) for name in parts[1:]])

    def _imported(self, path: list[Any], names: list[tuple[Any, Any]]) -> Import:
        for name, alias in names:
            if is_terminal_name(name) != is_terminal_name(alias):
                raise self._span(alias).error(
                    f"'{name}' cannot be called '{alias}'",
                    expected="upper case for a terminal, lower case for a rule",
                )
        span = Span(self.source, path[0].start_pos, path[-1].end_pos)
        return Import(tuple(map(str, path)), tuple((str(n), str(a), self._span(n)) for n, a in names), span)

    def options(self, parts: list[Any]) -> None:
        kind, value, span = self._embedded(parts[0])
        if kind != "llguidance":
            raise span.error(f"'%{kind}' stands outside a rule", expected="a definition, such as name: %json {...}")
        if set(value) - {"no_forcing", "allow_invalid_utf8"} or value.get("allow_invalid_utf8"):
            raise span.error("these options of %llguidance are not supported", expected="%llguidance {}")

    # expressions

    def choices(self, parts: list[Any]) -> Any:
        return choice(parts)

    def alias(self, parts: list[Any]) -> Any:
        return parts[0]

    def conjunction(self, parts: list[Any]) -> Any:
        return And(tuple(parts))

    def series(self, parts: list[Any]) -> Any:
        return sequence(parts)

    def negation(self, parts: list[Any]) -> Any:
        return Not(parts[0])

    def optional(self, parts: list[Any]) -> Any:
        return Repeat(parts[0], 0, 1)

    def repeat(self, parts: list[Any]) -> Any:
        item, operator = parts
        if operator in ("*", "+", "?"):
            return Repeat(item, int(operator == "+"), 1 if operator == "?" else None)
        numbers = re.findall(r"[0-9]+", operator)
        low = self._number(operator, numbers[0], limit=self.limits.max_repeat)
        high: int | None = self._number(operator, numbers[-1], limit=self.limits.max_repeat)
        if operator.type == "BRACES" and "," in operator:
            if operator.lstrip("{ \t").startswith(","):
                low = 0
            elif len(numbers) == 1:
                high = None
        if high is not None and high < low:
            raise self._span(operator).error(
                f"repeat counts are in the wrong order: {low} and {high}", expected="~low..high"
            )
        return Repeat(item, low, high)

    def _number(self, token: lark.Token, digits: str, *, limit: int) -> int:
        if len(digits) > 12 or abs(int(digits)) > limit:
            raise self._span(token).error(
                f"number is too large: {digits[:20]} of at most {limit}",
                expected=f"at most {limit}",
                hint="raise max_repeat",
            )
        return int(digits)

    def name(self, parts: list[Any]) -> Name:
        return Name(str(parts[0]), self._span(parts[0]))

    def call(self, parts: list[Any]) -> Call:
        return Call(str(parts[0]), tuple(parts[1:]), self._span(parts[0]))

    def literal(self, parts: list[Any]) -> Text:
        token = parts[0]
        flag = "i" if token.endswith("i") else ""
        text = self._unescape(token, str(token)[1 : -2 if flag else -1])
        if not text:
            raise self._span(token).error(
                "empty string", expected="at least one character", hint='leave it out: an empty alternative is "x" |'
            )
        if flag and text.lower() != text.upper():
            return Text(Pattern(escape(text), "i"), self._span(token))
        return Text(Literal(text.encode()), self._span(token))

    def range(self, parts: list[Any]) -> Text:
        span = Span(self.source, parts[0].start_pos, parts[1].end_pos)
        ends = [self._unescape(p, str(p)[1:-1]) if p.endswith('"') else "" for p in parts]
        if any(len(e) != 1 for e in ends):
            raise span.error("the ends of a range are single characters", expected='such as "a".."z"')
        if ends[0] > ends[1]:
            raise span.error(f"range ends before it starts: {ends[0]!r} to {ends[1]!r}")
        return Text(Pattern(write_regex(Chars(((ord(ends[0]), ord(ends[1])),)))), span)

    def _unescape(self, token: lark.Token, text: str) -> str:
        """What a string in quotes stands for."""

        def one(match: re.Match[str]) -> str:
            at = (token.start_pos or 0) + 1 + match.start()
            body = match[0][1:]
            if body[0] in "xuU":
                code = int(body[1:], 16) if len(body) > 1 else -1
                if not 0 <= code <= 0x10FFFF or 0xD800 <= code <= 0xDFFF:
                    raise self.source.error(
                        f"bad escape '{match[0]}'",
                        at,
                        at + len(match[0]),
                        expected="\\xNN, \\uNNNN or \\UNNNNNNNN of a character",
                    )
                return chr(code)
            known = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "\\": "\\", '"': '"'}.get(body)
            # As in Lark, a backslash before anything else stands for itself.
            return match[0] if known is None else known

        return re.sub(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", one, text, flags=re.DOTALL)

    def regexp(self, parts: list[Any]) -> Text | Broken:
        token = parts[0]
        span = self._span(token)
        close = token.rindex("/")
        regex, flags = str(token)[1:close], str(token)[close + 1 :]
        if "l" in flags or set(flags) - set("imslux"):
            bad = next(f for f in flags if f == "l" or f not in "imslux")
            raise Span(self.source, span.start + close + 1, span.end).error(
                f"regex flag '{bad}' is not supported",
                expected="one of i, m, s, u, x",
                hint="a flag needs a space before what follows it" if bad != "l" else "leave it out: texts are UTF-8",
            )
        if "\n" in regex and "x" not in flags:
            raise Span(self.source, span.start, span.start + 1 + regex.index("\n")).error(
                "regular expression does not end on its line",
                expected="'/'",
                hint="write \\/ for a slash, or add the flag x",
            )
        flags = "".join(sorted(set(flags) | {"u"}))
        try:
            read_regex(regex, flags, max_depth=self.limits.max_depth)
            regex, flags = portable(re.sub(r"\\(?:(/)|(.))", lambda m: m[1] or m[0], regex, flags=re.DOTALL), flags)
        except RegexFault as fault:
            at = span.start + 1 + fault.at
            mistake = self.source.error(fault.what, at, expected=fault.expected, hint=fault.hint)
            if self.is_library:
                return Broken(mistake)
            raise mistake from None
        return Text(Pattern(regex, flags), span)

    def special(self, parts: list[Any]) -> Any:
        token = parts[0]
        span = self._span(token)
        if not token.startswith("<["):
            return Text(Special(str(token)), span)
        inner = str(token)[2:-2].replace(" ", "")
        if not re.fullmatch(r"[0-9]{1,9}(-[0-9]{1,9})?(,[0-9]{1,9}(-[0-9]{1,9})?)*", inner) or not token.endswith("]>"):
            raise span.error(
                f"special token {str(token)[:40]} is not supported",
                expected="<name>, <[123]>, <[1,5-7]>",
                hint="negated and open ranges depend on the vocabulary: list the ids",
            )
        ids: list[int] = []
        for part in inner.split(","):
            low, _, high = part.partition("-")
            if int(high or low) - int(low) + len(ids) > 10_000:
                raise span.error("more than 10000 special tokens in one place")
            ids += range(int(low), int(high or low) + 1)
        return choice(Text(Special(i), span) for i in ids)

    def embedded(self, parts: list[Any]) -> Any:
        return Embedded(*self._embedded(parts[0]))

    def _embedded(self, token: lark.Token) -> tuple[str, Any, Span]:
        kind = re.match(r"%(\w+)", token)
        assert kind
        at = token.start_pos or 0
        span = Span(self.source, at, at + len(kind[0]))
        if at not in self.values:  # what comes before was read differently when the values were cut out
            raise span.error(f"'%{kind[1]}' behind a string or regular expression that does not end")
        return kind[1], self.values[at], span
