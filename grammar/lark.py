"""Lark files: from_lark reads them, to_lark prints any grammar as one.

    start: pair ("," pair)*           Grammar(lexer=True)
    pair: NAME "=" /[0-9]+/           "start": Seq((Ref("pair"), Repeat(Seq((Literal(b","), Ref("pair"))), 0, None)))
    NAME: /[a-z]+/                    "pair":  Seq((Ref("NAME"), Literal(b"="), Pattern("[0-9]+")))
    %ignore " "                       terminals NAME and IGNORE_1, ignore ("IGNORE_1",)

The dialect is Lark's, without what builds trees, and the common part of llguidance's (syntax: formats/lark.lark).
Where Lark cuts a text into lexemes with Python's `re`, weft takes the longest match (DESIGN section 3). Three things
follow:
* `/a|ab/` matches "ab" too. Lark's `re` would stop at "a".
* a lazy repeat means the shortest lexeme, and is read where that is well defined: `"/*" /(.|\\n)*?/ "*/"`.
* a terminal that may be empty is never an empty lexeme; where it is used it may be left out instead.
`\\d`, `\\w` and `\\s` are Unicode's, as in Python. An escape such as `\\x5d` is that character and never syntax.

A file whose first line is `// lexing: scannerless` has no lexer: every split of the text counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import lark
from lark.visitors import Transformer_NonRecursive

from weft.errors import GrammarError
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
    Terminal,
    children,
    rewrite,
    walk,
)
from weft.grammar.lark_writer import SCANNERLESS, show, to_lark
from weft.grammar.lexeme import NON_EMPTY, nullable, shortest, tree_of
from weft.grammar.lexing import blanks_between
from weft.grammar.regex import Chars, RegexFault, escape, has_lazy, portable, read_regex, without_empty, write_regex
from weft.grammar.source import MAX_SIZE, Source, did_you_mean, one_of
from weft.grammar.syntax import Advice, Lines, choice, parse, sequence

__all__ = ["from_lark", "load", "show", "to_lark"]

Embed = Mapping[str, Callable[[Any], Grammar]]


@dataclass(frozen=True)
class _Limits:
    max_size: int
    max_depth: int
    max_repeat: int
    max_expansions: int
    max_nodes: int


def load(name: str, *, start: str = "start") -> Grammar:
    """A language that comes with weft, by name: `load("json")`.

    Raises:
        GrammarError: there is no such language.
    """
    library = resources.files("weft.grammar").joinpath("library")
    known = sorted(entry.name.removesuffix(".lark") for entry in library.iterdir() if entry.name.endswith(".lark"))
    if name not in known:
        raise GrammarError(
            f"no language is called {name!r}",
            expected=one_of(known),
            hint=did_you_mean(name, known) or "weft.from_lark(path.read_text()) reads a file of your own",
        )
    return from_lark(library.joinpath(f"{name}.lark").read_text("utf-8"), start=start, name=f"{name}.lark")


def from_lark(
    text: str | bytes,
    *,
    start: str = "start",
    name: str = "<lark>",
    scannerless: bool = False,
    embed: Embed | None = None,
    max_size: int = MAX_SIZE,
    max_depth: int = 100,
    max_repeat: int = 100_000,
    max_expansions: int = 10_000,
    max_nodes: int = 1_000_000,
) -> Grammar:
    """The grammar of a Lark file.

    Args:
        text: the file's content, not its path.
        start: the rule that a whole text must match.
        name: what to call the text in messages.
        scannerless: no lexer; a terminal may end wherever it can (the text can say so too, see above).
        embed: what reads the value of `%json {...}`, by the word after "%"; it returns a scannerless grammar.
        max_size: characters of text.
        max_depth: brackets inside each other, terminals inside each other.
        max_repeat: the largest count in `~n` or `{n}`.
        max_expansions: templates filled in.
        max_nodes: size of the result after templates and terminals are written out.
    Raises:
        GrammarError: with the line, the column, a caret and a hint.
    """
    source = Source.read(text, name, max_size=max_size)
    if source.text.lstrip().split("\n", 1)[0].strip() == SCANNERLESS:
        scannerless = True
    limits = _Limits(max_size, max_depth, max_repeat, max_expansions, max_nodes)
    definitions = _Definitions(limits)
    definitions.read(source)
    return _Builder(definitions, source, limits, scannerless, embed or {}).build(start)


# 1. Text -> definitions, whose bodies still name things by _Name, _Call and _Embedded


class _Span(NamedTuple):
    source: Source
    start: int
    end: int

    def error(self, what: str, *, expected: str = "", hint: str = "") -> GrammarError:
        return self.source.error(what, self.start, self.end, expected=expected, hint=hint)


class _Name(NamedTuple):
    name: str
    span: _Span


class _Call(NamedTuple):
    name: str
    arguments: tuple[Any, ...]
    span: _Span


class _Embedded(NamedTuple):
    kind: str
    value: Any
    span: _Span


class _Text(NamedTuple):
    """A literal or pattern, with the place where it stands."""

    expression: Expression
    span: _Span


def _nodes(body: Any) -> Iterator[Any]:
    """Every node of a body, with the leaves below among them."""
    return walk(body)


class _Broken(NamedTuple):
    """A pattern of an imported file that cannot be read: a mistake only if it is used."""

    error: GrammarError


@dataclass(frozen=True)
class _Definition:
    name: str
    body: Any  # an Expression over the four leaves above
    span: _Span
    parameters: tuple[str, ...] = ()
    priority: int = 0

    @property
    def is_terminal(self) -> bool:
        return is_terminal_name(self.name)


def is_terminal_name(name: str) -> bool:
    return name.lstrip("_")[:1].isupper()


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


class _Definitions:
    """What a file and its imports define, by name."""

    def __init__(self, limits: _Limits) -> None:
        self.limits = limits
        self.table: dict[str, _Definition] = {}
        self.ignore: list[tuple[Any, _Span]] = []

    def read(self, source: Source, *, is_library: bool = False) -> None:
        items = _read_items(source, self.limits, is_library)
        for item in items:
            if isinstance(item, _Import):
                self._import(item)
        for item in items:
            match item:
                case _Definition():
                    self._define(item)
                case _Change(kind, definition):
                    self._change(kind, definition)
                case _Ignore(body, span):
                    self.ignore.append((body, span))

    def _define(self, definition: _Definition) -> None:
        if definition.name in self.table:
            raise definition.span.error(
                f"'{definition.name}' is defined twice",
                expected="one definition per name",
                hint="join them with '|', or write %override or %extend before what replaces an import",
            )
        self.table[definition.name] = definition

    def _change(self, kind: str, definition: _Definition) -> None:
        old = self.table.get(definition.name)
        if old is None:
            raise definition.span.error(
                f"{kind} of '{definition.name}', which is not defined",
                expected=one_of(self.table),
                hint=did_you_mean(definition.name, self.table),
            )
        if kind == "%extend":
            if old.parameters != definition.parameters:
                raise definition.span.error("%extend with other template parameters")
            definition = replace(definition, body=Alt((old.body, definition.body)), priority=old.priority)
        self.table[definition.name] = definition

    def _import(self, item: _Import) -> None:
        library = _library(item.path[0])
        if library is None or len(item.path) != 1:
            raise item.span.error(
                f"cannot import from '{'.'.join(item.path)}'",
                expected="a grammar that comes with lark: " + one_of(_LIBRARIES),
                hint="copy the rules into this text",
            )
        inner = _Definitions(self.limits)
        inner.read(library, is_library=True)
        if item.path == ("common",):
            inner.table.update(_known_library())
        for name, _, span in item.names:
            if name not in inner.table:
                raise span.error(
                    f"'{item.path[0]}' does not define '{name}'",
                    expected=one_of(inner.table),
                    hint=did_you_mean(name, inner.table),
                )
        prefix = item.path[0] + "__"
        renamed = {n: (prefix.upper() if is_terminal_name(n) else prefix) + n.lstrip("_") for n in inner.table}
        renamed |= {name: alias for name, alias, _ in item.names}
        wanted, pending = set(), [name for name, _, _ in item.names]
        while pending:
            name = pending.pop()
            if name in wanted:
                continue
            wanted.add(name)
            definition = inner.table[name]
            pending += [
                leaf.name for leaf in _nodes(definition.body) if isinstance(leaf, _Name) and leaf.name in inner.table
            ]
        for name in sorted(wanted):
            old = inner.table[name]
            body = rewrite(
                old.body, lambda n: n._replace(name=renamed.get(n.name, n.name)) if isinstance(n, _Name) else n
            )
            new = replace(old, name=renamed[name], body=body)
            present = self.table.get(new.name)
            if present is not None and present != new:
                raise item.span.error(
                    f"'{new.name}' is already defined", hint=f"import it under another name: -> MY_{new.name}"
                )
            self.table[new.name] = new


class _Import(NamedTuple):
    path: tuple[str, ...]
    names: tuple[tuple[str, str, _Span], ...]  # (name there, name here, where it says so)
    span: _Span


class _Change(NamedTuple):
    kind: str
    definition: _Definition


class _Ignore(NamedTuple):
    body: Any
    span: _Span


_LIBRARIES = ("common", "unicode", "python", "lark")


@cache
def _library(name: str) -> Source | None:
    if name not in _LIBRARIES:
        return None
    return Source(resources.files("lark").joinpath(f"grammars/{name}.lark").read_text("utf-8"), f"{name}.lark")


@cache
def _known_library() -> dict[str, _Definition]:
    """The terminal that lark's `common` writes with look-behind, as a plain expression for the same texts."""
    regex = r'"(?:[^"\\\n]|\\[^\n])*"'
    span = _Span(Source(f"ESCAPED_STRING: /{regex}/", "common"), 0, 14)
    return {"ESCAPED_STRING": _Definition("ESCAPED_STRING", _Text(Pattern(regex), span), span)}


def _read_items(source: Source, limits: _Limits, is_library: bool) -> list[Any]:
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

    def __init__(self, source: Source, values: dict[int, Any], limits: _Limits, is_library: bool) -> None:
        super().__init__()
        self.source, self.values, self.limits, self.is_library = source, values, limits, is_library

    def _span(self, token: lark.Token) -> _Span:
        return _Span(self.source, token.start_pos or 0, token.end_pos or 0)

    def start(self, items: list[Any]) -> list[Any]:
        return items

    # items

    def rule(self, parts: list[Any]) -> _Definition:
        _, name, parameters, _, body = parts
        names = tuple(str(p) for p in parameters or ())
        for i, parameter in enumerate(parameters or ()):
            if parameter in names[:i]:
                raise self._span(parameter).error(f"template parameter '{parameter}' is there twice")
        return _Definition(str(name), body, self._span(name), names)

    def terminal(self, parts: list[Any]) -> _Definition:
        name, priority, body = parts
        return _Definition(str(name), body, self._span(name), priority=priority or 0)

    def parameters(self, parts: list[Any]) -> list[Any]:
        return parts

    def priority(self, parts: list[Any]) -> int:
        return self._number(parts[0], str(parts[0]), limit=1_000_000)

    def ignore(self, parts: list[Any]) -> _Ignore:
        body = parts[0]
        spans = [leaf.span for leaf in _nodes(body) if isinstance(leaf, _Name | _Text | _Call | _Embedded)]
        return _Ignore(body, spans[0] if spans else _Span(self.source, 0, 0))

    def declare(self, parts: list[Any]) -> None:
        raise self._span(parts[0]).error(
            "%declare is not supported: a declared terminal has no text",
            expected="a definition, such as NAME: /[a-z]+/",
            hint="for a token of the vocabulary write <|name|> where it stands",
        )

    def override(self, parts: list[Any]) -> _Change:
        return _Change("%override", parts[1])

    def extend(self, parts: list[Any]) -> _Change:
        return _Change("%extend", parts[1])

    def path(self, parts: list[Any]) -> list[Any]:
        if parts[0] is not None:
            raise self._span(parts[0]).error(
                "relative imports are not supported",
                expected="a grammar that comes with lark: " + one_of(_LIBRARIES),
                hint="copy the rules into this text",
            )
        return parts[1:]

    def import_one(self, parts: list[Any]) -> _Import:
        path = parts[0]
        if len(path) == 1:
            raise self._span(path[0]).error(f"nothing is imported from '{path[0]}'", expected=f"{path[0]}.NAME")
        name = path[-1]
        return self._imported(path[:-1], [(name, parts[1] if len(parts) > 1 else name)])

    def import_many(self, parts: list[Any]) -> _Import:
        return self._imported(parts[0], [(name, name) for name in parts[1:]])

    def _imported(self, path: list[Any], names: list[tuple[Any, Any]]) -> _Import:
        for name, alias in names:
            if is_terminal_name(name) != is_terminal_name(alias):
                raise self._span(alias).error(
                    f"'{name}' cannot be called '{alias}'",
                    expected="upper case for a terminal, lower case for a rule",
                )
        span = _Span(self.source, path[0].start_pos, path[-1].end_pos)
        return _Import(tuple(map(str, path)), tuple((str(n), str(a), self._span(n)) for n, a in names), span)

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

    def name(self, parts: list[Any]) -> _Name:
        return _Name(str(parts[0]), self._span(parts[0]))

    def call(self, parts: list[Any]) -> _Call:
        return _Call(str(parts[0]), tuple(parts[1:]), self._span(parts[0]))

    def literal(self, parts: list[Any]) -> _Text:
        token = parts[0]
        flag = "i" if token.endswith("i") else ""
        text = self._unescape(token, str(token)[1 : -2 if flag else -1])
        if not text:
            raise self._span(token).error(
                "empty string", expected="at least one character", hint='leave it out: an empty alternative is "x" |'
            )
        if flag and text.lower() != text.upper():
            return _Text(Pattern(escape(text), "i"), self._span(token))
        return _Text(Literal(text.encode()), self._span(token))

    def range(self, parts: list[Any]) -> _Text:
        span = _Span(self.source, parts[0].start_pos, parts[1].end_pos)
        ends = [self._unescape(p, str(p)[1:-1]) if p.endswith('"') else "" for p in parts]
        if any(len(e) != 1 for e in ends):
            raise span.error("the ends of a range are single characters", expected='such as "a".."z"')
        if ends[0] > ends[1]:
            raise span.error(f"range ends before it starts: {ends[0]!r} to {ends[1]!r}")
        return _Text(Pattern(write_regex(Chars(((ord(ends[0]), ord(ends[1])),)))), span)

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

    def regexp(self, parts: list[Any]) -> _Text | _Broken:
        token = parts[0]
        span = self._span(token)
        close = token.rindex("/")
        regex, flags = str(token)[1:close], str(token)[close + 1 :]
        if "l" in flags or set(flags) - set("imslux"):
            bad = next(f for f in flags if f == "l" or f not in "imslux")
            raise _Span(self.source, span.start + close + 1, span.end).error(
                f"regex flag '{bad}' is not supported",
                expected="one of i, m, s, u, x",
                hint="a flag needs a space before what follows it" if bad != "l" else "leave it out: texts are UTF-8",
            )
        if "\n" in regex and "x" not in flags:
            raise _Span(self.source, span.start, span.start + 1 + regex.index("\n")).error(
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
                return _Broken(mistake)
            raise mistake from None
        return _Text(Pattern(regex, flags), span)

    def special(self, parts: list[Any]) -> Any:
        token = parts[0]
        span = self._span(token)
        if not token.startswith("<["):
            return _Text(Special(str(token)), span)
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
        return choice(_Text(Special(i), span) for i in ids)

    def embedded(self, parts: list[Any]) -> Any:
        return _Embedded(*self._embedded(parts[0]))

    def _embedded(self, token: lark.Token) -> tuple[str, Any, _Span]:
        kind = re.match(r"%(\w+)", token)
        assert kind
        at = token.start_pos or 0
        span = _Span(self.source, at, at + len(kind[0]))
        if at not in self.values:  # what comes before was read differently when the values were cut out
            raise span.error(f"'%{kind[1]}' behind a string or regular expression that does not end")
        return kind[1], self.values[at], span


# 2. Definitions -> Grammar


class _Builder:
    def __init__(
        self, definitions: _Definitions, source: Source, limits: _Limits, scannerless: bool, embed: Embed
    ) -> None:
        self.table, self.ignore = definitions.table, definitions.ignore
        self.source, self.limits, self.embed = source, limits, embed
        self.lexer = not scannerless
        self.productions: dict[str, Expression] = {}
        self.terminals: dict[str, Terminal] = {}
        self.inlined: dict[str, tuple[Expression, int, int]] = {}  # terminal -> expression, size, depth
        self.optional: set[str] = set()  # terminals that were defined so that they may be empty
        self.instances: dict[tuple[Any, ...], str] = {}
        self.pending: list[tuple[str, Any]] = []
        self.taken = set(self.table)
        self.size = 0
        self.embedded: dict[str, str] = {}
        self.same: dict[Expression, str] = {}

    def build(self, start: str) -> Grammar:
        if start not in self.table or self.table[start].is_terminal or self.table[start].parameters:
            rules = [n for n, d in self.table.items() if not d.is_terminal and not d.parameters]
            hint = did_you_mean(start, rules) or (f"from_lark(text, start={rules[0]!r})" if rules else "write a rule")
            raise GrammarError(
                f"start rule '{start}' is not defined",
                where=self.source.name,
                expected=one_of(rules) or "a rule",
                hint=hint,
            )
        for definition in self.table.values():
            self._check_names(definition)
        for definition in self.table.values():
            if definition.is_terminal and definition.priority and self.lexer:
                expression = self._terminal(definition.name)
                self.same.setdefault(expression, definition.name)
        ignored = [self._ignored(body, span) for body, span in self.ignore]
        self.pending.append((start, self.table[start].body))
        while self.pending:
            name, body = self.pending.pop()
            self.productions[name] = self._production(body)
        place = {name: i for i, name in enumerate(self.table)} | {start: -1}
        self.productions = dict(sorted(self.productions.items(), key=lambda item: place.get(item[0], len(place))))
        grammar = Grammar(start, self.productions, self.terminals, tuple(dict.fromkeys(ignored)), lexer=self.lexer)
        return grammar if self.lexer or not ignored else blanks_between(grammar)

    def _check_names(self, definition: _Definition) -> None:
        for parameter in definition.parameters:
            if parameter in self.table:
                raise definition.span.error(
                    f"template parameter '{parameter}' is also the name of a rule", hint="rename the parameter"
                )
        stack = list(_nodes(definition.body))
        arguments: set[int] = set()  # a template may be handed to a template by its bare name
        while stack:
            leaf = stack.pop()
            if isinstance(leaf, _Call):
                stack.extend(leaf.arguments)
                arguments |= {id(a) for a in leaf.arguments}
            if isinstance(leaf, _Broken):
                raise leaf.error
            if not isinstance(leaf, _Name | _Call) or leaf.name in definition.parameters:
                continue
            target = self.table.get(leaf.name)
            if target is None:
                kind = "terminal" if is_terminal_name(leaf.name) else "nonterminal"
                known = [n for n in self.table if is_terminal_name(n) == is_terminal_name(leaf.name)]
                common = _library("common")
                hint = did_you_mean(leaf.name, known)
                if (
                    not hint
                    and common is not None
                    and re.search(rf"^{re.escape(leaf.name)}\s*:", common.text, re.MULTILINE)
                ):
                    hint = f"add the line: %import common.{leaf.name}"
                raise leaf.span.error(f"{kind} '{leaf.name}' is never defined", expected=one_of(known), hint=hint)
            if definition.is_terminal and not target.is_terminal:
                raise leaf.span.error(
                    f"rule '{leaf.name}' inside terminal '{definition.name}'",
                    expected="a terminal, a string or a regex",
                    hint="name the outer one in lower case, or the inner one in upper case",
                )
            if id(leaf) not in arguments:
                self._check_arguments(leaf)

    def _check_arguments(self, leaf: _Name | _Call) -> None:
        parameters = self.table[leaf.name].parameters
        given = len(leaf.arguments) if isinstance(leaf, _Call) else 0
        if given != len(parameters):
            raise leaf.span.error(
                f"'{leaf.name}' is given {given} of {len(parameters)} template arguments",
                expected=f"{leaf.name}{{{', '.join(parameters)}}}" if parameters else leaf.name,
            )

    # terminals

    def _terminal(self, name: str) -> Expression:
        """The expression of a terminal, with the terminals inside it written out."""
        stack = [name]
        open_names: dict[str, None] = {}
        while stack:
            top = stack[-1]
            if top in self.inlined:
                stack.pop()
                continue
            definition = self.table[top]
            inner = [
                leaf for leaf in _nodes(definition.body) if isinstance(leaf, _Name) and leaf.name not in self.inlined
            ]
            if inner:
                if top in open_names:
                    leaf = next((name for name in inner if name.name in open_names), inner[0])
                    raise leaf.span.error(
                        f"terminal '{leaf.name}' is made of itself",
                        expected="terminals without a circle",
                        hint="only rules can be recursive: name it in lower case",
                    )
                open_names[top] = None
                for leaf in inner:
                    if leaf.name in open_names:
                        raise leaf.span.error(
                            f"terminal '{leaf.name}' is made of itself",
                            expected="terminals without a circle",
                            hint="only rules can be recursive: name it in lower case",
                        )
                    stack.append(leaf.name)
                continue
            self.inlined[top] = self._regular(definition.body, definition.span)
            open_names.pop(top, None)
            stack.pop()
        return self.inlined[name][0]

    def _regular(self, body: Any, span: _Span) -> tuple[Expression, int, int]:
        """A regular expression without names, its size, and its depth."""
        for leaf in _nodes(body):
            if isinstance(leaf, _Call):
                raise leaf.span.error(
                    "templates are not supported in terminals", hint="name the outer one in lower case"
                )
            if isinstance(leaf, _Embedded) and leaf.kind != "regex":
                raise leaf.span.error(f"'%{leaf.kind}' inside a terminal", hint="name the outer one in lower case")
            if isinstance(leaf, _Text) and isinstance(leaf.expression, Special):
                raise leaf.span.error("special token inside a terminal", hint="name the outer one in lower case")

        measured: dict[int, tuple[int, int]] = {}
        keep: list[Any] = []

        def change(node: Any) -> Any:
            size, depth = 1, 1
            if isinstance(node, _Name):
                node, size, depth = self.inlined[node.name]
            elif isinstance(node, _Text):
                node = node.expression
            elif isinstance(node, _Embedded):
                node = self._substrings(node)
            else:
                for child in children(node):
                    child_size, child_depth = measured[id(child)]
                    size, depth = size + child_size, max(depth, child_depth + 1)
            if size > self.limits.max_nodes:
                raise span.error(
                    f"terminal is too large: more than {self.limits.max_nodes} parts with the terminals in it",
                    expected=f"at most {self.limits.max_nodes} parts",
                    hint="raise max_nodes",
                )
            if depth > 3 * self.limits.max_depth:
                raise span.error(
                    f"terminals are nested too deeply: more than {3 * self.limits.max_depth} levels",
                    hint="raise max_depth",
                )
            measured[id(node)] = size, depth
            keep.append(node)
            return node

        expression = rewrite(body, change)
        return expression, *measured[id(expression)]

    def _substrings(self, leaf: _Embedded) -> Expression:
        value = leaf.value
        keys = list(value)
        chunks: list[str] | None = None
        if keys == ["substring_chunks"] and isinstance(value[keys[0]], list):
            chunks = value[keys[0]]
        elif keys == ["substring_chars"] and isinstance(value[keys[0]], str):
            chunks = list(value[keys[0]])
        elif keys == ["substring_words"] and isinstance(value[keys[0]], str):
            chunks = re.findall(r"\w+|\W", value[keys[0]])
        if chunks is None or not all(isinstance(c, str) for c in chunks):
            raise leaf.span.error(
                "this form of %regex is not supported",
                expected='one of {"substring_chunks": [...]}, {"substring_words": "..."}, {"substring_chars": "..."}',
                hint="write it as /regex/",
            )
        limit = self.limits.max_depth
        if len(chunks) > limit:
            raise leaf.span.error(f"%regex has {len(chunks)} of at most {limit} chunks", hint="raise max_depth")
        tails: list[Expression] = []
        tail: Expression = Seq(())
        for chunk in reversed(chunks):
            tail = sequence([Literal(chunk.encode()), tail]) if tail != Seq(()) else Literal(chunk.encode())
            tails.append(tail)
            tail = Repeat(tail, 0, 1)
        return Alt((*reversed(tails), Seq(())))

    def _lexeme(self, expression: Expression, span: _Span) -> tuple[Expression, bool]:
        """The lexemes of a terminal: lazy repeats made exact, the empty text taken out. And whether it was there."""
        if not self.lexer:
            return expression, False
        if any(isinstance(node, Pattern) and re.search(r"[*+?}]\?", node.regex) for node in walk(expression)):
            tree = tree_of(expression)
            if tree is not None and has_lazy(tree):
                try:
                    expression = shortest(expression, tree)
                except RegexFault as fault:
                    raise span.error(fault.what, expected=fault.expected, hint=fault.hint) from None
        if not nullable(expression):
            return expression, False
        tree = tree_of(expression)
        if tree is not None and not has_lazy(tree):
            rest = without_empty(tree)
            if rest == Alt(()):
                raise span.error("this terminal matches only the empty text", hint="leave it out")
            if isinstance(expression, Pattern):
                return Pattern(write_regex(rest)), True
        return And((expression, NON_EMPTY)), True

    def _use(self, name: str) -> Expression:
        """A reference to a terminal from a rule."""
        if name not in self.terminals:
            definition = self.table[name]
            expression, empty = self._lexeme(self._terminal(name), definition.span)
            if empty:
                self.optional.add(name)
            self._count(self.inlined[name][1], definition.span)
            self.terminals[name] = Terminal(expression, definition.priority)
        return Repeat(Ref(name), 0, 1) if name in self.optional else Ref(name)

    def _ignored(self, body: Any, span: _Span) -> str:
        if isinstance(body, _Name) and is_terminal_name(body.name):
            self._check_names(_Definition("IGNORE", body, span))
            self._use(body.name)
            return body.name
        self._check_names(_Definition("IGNORE", body, span))
        for leaf in _nodes(body):
            if isinstance(leaf, _Name):
                self._terminal(leaf.name)
        expression, _ = self._lexeme(self._regular(body, span)[0], span)
        name = self._fresh("IGNORE")
        self.terminals[name] = Terminal(expression)
        return name

    # rules

    def _count(self, size: int, span: _Span) -> None:
        self.size += size
        if self.size > self.limits.max_nodes:
            raise span.error(
                f"grammar is too large: more than {self.limits.max_nodes} parts once it is written out",
                expected=f"at most {self.limits.max_nodes} parts",
                hint="raise max_nodes",
            )

    def _production(self, body: Any) -> Expression:
        def change(node: Any) -> Any:
            self.size += 1
            match node:
                case _Name(name, span):
                    self._count(1, span)
                    self._check_arguments(node)
                    return self._use(name) if self.table[name].is_terminal else self._rule(name)
                case _Text(expression, span):
                    self._count(1, span)
                    return self._anonymous(expression, span)
                case _Call(name, arguments, span):
                    self._count(1, span)
                    self._check_arguments(node)
                    return Ref(self._instance(name, arguments, span))
                case _Embedded(_, _, span):
                    return self._embed(node)
                case And() | Not():
                    spans = [n.span for n in _nodes(body) if isinstance(n, _Name | _Text | _Call | _Embedded)]
                    sign = "&" if isinstance(node, And) else "~"
                    raise (spans[0] if spans else _Span(self.source, 0, 1)).error(
                        f"'{sign}' outside a terminal",
                        expected=f"a terminal of its own, such as NAME: A {sign} B" if sign == "&" else "NAME: A & ~B",
                        hint="intersection and complement exist for regular languages only",
                    )
                case _:
                    return node

        return rewrite(body, change)

    def _rule(self, name: str) -> Expression:
        if name not in self.productions:
            self.productions[name] = Seq(())  # announced; filled in when it is its turn
            self.pending.append((name, self.table[name].body))
        return Ref(name)

    def _anonymous(self, expression: Expression, span: _Span) -> Expression:
        if expression in self.same and self.lexer:
            return self._use(self.same[expression])
        if not isinstance(expression, Pattern):
            return expression
        lexeme, empty = self._lexeme(expression, span)
        return Repeat(lexeme, 0, 1) if empty else lexeme

    def _fresh(self, base: str) -> str:
        i = 1
        while f"{base}_{i}" in self.taken:
            i += 1
        self.taken.add(f"{base}_{i}")
        return f"{base}_{i}"

    def _instance(self, name: str, arguments: tuple[Any, ...], span: _Span) -> str:
        """The rule that a template becomes with these arguments."""
        flat = []
        for argument in arguments:  # calls inside calls are as deep as brackets may be
            if isinstance(argument, _Call):
                self._check_arguments(argument)
                argument = _Name(self._instance(argument.name, argument.arguments, argument.span), argument.span)
            flat.append(argument)
        key = (name, *(_key(a) for a in flat))
        if key not in self.instances:
            if len(self.instances) >= self.limits.max_expansions:
                raise span.error(
                    f"templates do not come to an end: more than {self.limits.max_expansions} expansions",
                    expected=f"at most {self.limits.max_expansions} expansions",
                    hint="a template that calls itself must do so with the same arguments; or raise max_expansions",
                )
            template = self.table[name]
            new = self.instances[key] = self._fresh(name)
            body = self._fill(template.body, dict(zip(template.parameters, flat, strict=True)))
            self.table[new] = _Definition(new, body, span)
            self._rule(new)
        return self.instances[key]

    def _fill(self, body: Any, given: dict[str, Any]) -> Any:
        def change(node: Any) -> Any:
            match node:
                case _Name(name) if name in given:
                    return given[name]
                case _Call(name, arguments, span):
                    filled = tuple(self._fill(a, given) for a in arguments)
                    target = given.get(name)
                    if target is None:
                        return _Call(name, filled, span)
                    if not isinstance(target, _Name):
                        raise span.error(f"'{name}' is used as a template, but is not given one")
                    return _Call(target.name, filled, span)
                case _:
                    return node

        return rewrite(body, change)

    def _embed(self, leaf: _Embedded) -> Expression:
        if leaf.kind == "regex":
            expression, empty = self._lexeme(self._substrings(leaf), leaf.span)
            return Repeat(expression, 0, 1) if empty else expression
        read = self.embed.get(leaf.kind)
        if read is None:
            raise leaf.span.error(
                f"'%{leaf.kind}' is not supported here",
                expected=one_of([f"%{k}" for k in self.embed] + ["%regex"]),
                hint="pass a reader: from_lark(text, embed={...})",
            )
        if self.lexer:
            raise leaf.span.error(
                f"'%{leaf.kind}' in a grammar with a lexer: its texts are not cut into this grammar's lexemes",
                expected="a grammar without a lexer",
                hint=f"write '{SCANNERLESS}' as the first line, or from_lark(text, scannerless=True)",
            )
        key = leaf.kind + json.dumps(leaf.value)
        if key not in self.embedded:
            self.embedded[key] = self._merge(read(leaf.value), leaf)
        return Ref(self.embedded[key])

    def _merge(self, other: Grammar, leaf: _Embedded) -> str:
        """Adds the rules of another grammar under new names; the new name of its start."""
        if other.lexer:
            raise leaf.span.error(f"the grammar of '%{leaf.kind}' has a lexer of its own")
        prefix = self._fresh(leaf.kind)
        renamed = {n: prefix if n == other.start else self._fresh(f"{prefix}_{_plain(n)}") for n in other.productions}
        renamed |= {n: self._fresh(f"{prefix}_{_plain(n)}".upper()) for n in other.terminals}

        def change(node: Expression) -> Expression:
            return Ref(renamed[node.name]) if isinstance(node, Ref) else node

        for name, body in other.productions.items():
            self.productions[renamed[name]] = rewrite(body, change)
        for name, terminal in other.terminals.items():
            self.terminals[renamed[name]] = Terminal(rewrite(terminal.expression, change), terminal.priority)
        return prefix


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_") or "x"


def _key(argument: Any) -> Any:
    """An argument of a template without the place where it stands."""
    match argument:
        case _Name(name):
            return name
        case _Text(expression):
            return expression
        case Alt(items):  # of special tokens
            return tuple(_key(item) for item in items)
        case _:
            raise AssertionError(argument)
