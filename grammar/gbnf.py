"""GBNF, the grammar files of llama.cpp: from_gbnf reads them, to_gbnf prints any grammar as one.

    root ::= item ("," item)*         Grammar(lexer=False)
    item ::= [a-z]+ | "-"             "item": Alt((Repeat(Pattern("[a-z]"), 1, None), Literal(b"-")))

GBNF has no lexer: every split of a text counts. Its characters are code points, and `.` is any of them, line feeds too.
What llama.cpp takes and what is refused here: a rule that is defined twice (there the last one wins in silence), an empty class,
and `!<token>`, which depends on the vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

import lark
from lark.visitors import Transformer_NonRecursive

from weft.errors import GrammarError
from weft.grammar.grammar import Alt, Expression, Grammar, Literal, Pattern, Ref, Repeat, Seq, Special
from weft.grammar.lark import Advice, choice, parse, sequence
from weft.grammar.regex import chars, complement, write_chars
from weft.grammar.source import MAX_SIZE, Source, did_you_mean, one_of


def from_gbnf(
    text: str | bytes,
    *,
    root: str = "root",
    name: str = "<gbnf>",
    max_size: int = MAX_SIZE,
    max_depth: int = 200,
    max_repeat: int = 100_000,
) -> Grammar:
    """The grammar of a GBNF text.

    Args:
        text: the file's content, not its path.
        root: the rule that a whole text must match.
        name: what to call the text in messages.
        max_size: characters of text.
        max_depth: brackets inside each other.
        max_repeat: the largest count in `{m,n}`.
    Raises:
        GrammarError: with the line, the column, a caret and a hint.
    """
    source = Source.read(text, name, max_size=max_size)
    _check_depth(source, max_depth)
    tree = parse(_parser(), source, source.text, _READABLE, _advise)
    reader = _Reader(source, max_repeat)
    try:
        rules = reader.transform(tree)
    except lark.exceptions.VisitError as error:
        raise error.orig_exc from None
    productions: dict[str, Expression] = {}
    for token, body in rules:
        if str(token) in productions:
            raise source.error(
                f"rule '{token}' is defined twice", token.start_pos, token.end_pos, hint="join the two with '|'"
            )
        productions[str(token)] = body
    for token in reader.references:
        if str(token) not in productions:
            raise source.error(
                f"rule '{token}' is never defined",
                token.start_pos,
                token.end_pos,
                expected=one_of(productions),
                hint=did_you_mean(token, productions),
            )
    if root not in productions:
        hint = did_you_mean(root, productions) or f"from_gbnf(text, root={next(iter(productions), 'root')!r})"
        raise GrammarError(f"root rule '{root}' is not defined", where=name, expected=one_of(productions), hint=hint)
    return Grammar(root, productions)


class _Lines:
    """Drops the line ends that mean nothing: inside brackets, after "::=", around "|", doubled, at the start."""

    always_accept = ("_NL",)

    def process(self, stream: Iterator[lark.Token]) -> Iterator[lark.Token]:
        depth, held, last = 0, None, None
        for token in stream:
            if token.type == "_NL":
                if depth == 0 and last is not None and last.type not in ("VBAR", "__ANON_0"):
                    held = held or token
                continue
            if held is not None and token.type != "VBAR":
                yield held
            held = None
            depth = max(0, depth + (token.type == "LPAR") - (token.type == "RPAR"))
            yield token
            last = token
        if last is not None:
            end = last.end_pos or 0
            yield held or lark.Token("_NL", "\n", end, last.line, last.column, last.line, last.column, end)


@cache
def _parser() -> lark.Lark:
    syntax = resources.files("weft.grammar").joinpath("formats/gbnf.lark").read_text("utf-8")
    return lark.Lark(syntax, parser="lalr", lexer="basic", postlex=_Lines())  # type: ignore[arg-type]


_READABLE = {
    "_NL": "end of line", "NAME": "a rule name", "STRING": "a string", "CLASS": "[class]", "OPERATOR": "'*', '+' or '?'",
    "COUNT": "'{m,n}'", "TOKEN": "<token>", "VBAR": "'|'", "LPAR": "'('", "RPAR": "')'", "DOT": "'.'", "__ANON_0": "'::='",
    "$END": "end of text",
}  # fmt: skip
_BRACKETS = re.compile(r'"(?:\\[^\n]|[^"\\\n])*"|\[(?:\\[^\n]|[^\]\\\n])*\]|#[^\n]*|[()]|[*+?{]')


def _check_depth(source: Source, max_depth: int) -> None:
    depth = repeats = end = 0
    for match in _BRACKETS.finditer(source.text):
        depth = max(0, depth + (match[0] == "(") - (match[0] == ")"))
        is_repeat = match[0] in ("*", "+", "?", "{")
        repeats = repeats + 1 if is_repeat and not source.text[end : match.start()].strip(" \t0123456789,}") else int(is_repeat)
        end = match.end()
        if depth > max_depth or repeats > max_depth:
            raise source.error(
                f"{'brackets are nested' if depth > max_depth else 'repeats are piled up'} too deeply: more than {max_depth} levels",
                match.start(),
                expected=f"at most {max_depth} levels",
                hint="give inner parts a name of their own, or raise max_depth",
            )


def _advise(text: str, at: int) -> Advice:
    here = text[at : at + 20]
    if here.startswith('"'):
        return Advice("string does not end on its line", "'\"'", 'write \\" for a quote and \\n for a line feed')
    if here.startswith("["):
        return Advice("character class does not end on its line", "']'", "write \\] for a bracket")
    if here.startswith("{"):
        return Advice(hint="a repeat is {m}, {m,}, {m,n} or {0,n}")
    if here.startswith(("<", "!")):
        return Advice(hint="a token is <name> or <[123]>")
    if here.startswith("/"):
        return Advice(hint="GBNF has no /regex/: write classes such as [a-z]+")
    if here.startswith("::="):
        return Advice(hint="a rule starts on a line of its own, and a line that ends in '|' goes on")
    if here.startswith((":", "%")):
        return Advice(hint="this looks like Lark: weft.from_lark(text); GBNF writes name ::= ...")
    if here.startswith("="):
        return Advice(expected="'::='")
    return Advice()


_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))|(.)", re.DOTALL)
_PLAIN_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "[": "[", "]": "]"}


class _Reader(Transformer_NonRecursive[Any, Any]):
    """The parse tree -> (name, expression) of every rule."""

    def __init__(self, source: Source, max_repeat: int) -> None:
        super().__init__()
        self.source, self.max_repeat = source, max_repeat
        self.references: list[lark.Token] = []

    def start(self, rules: list[Any]) -> list[Any]:
        return rules

    def rule(self, parts: list[Any]) -> tuple[lark.Token, Expression]:
        return parts[0], parts[1]

    def choices(self, parts: list[Any]) -> Any:
        return choice(parts)

    def series(self, parts: list[Any]) -> Any:
        return sequence(p for p in parts if p != Seq(()))

    def repeat(self, parts: list[Any]) -> Any:
        item, token = parts
        if token.type == "OPERATOR":
            return Repeat(item, int(token == "+"), 1 if token == "?" else None)
        digits = [d.strip() for d in token[1:-1].split(",")]
        if not digits[0] or any(len(d) > 12 or int(d or 0) > self.max_repeat for d in digits):
            what = "repeat without a lower count" if not digits[0] else f"repeat count is too large: at most {self.max_repeat}"
            raise self.source.error(
                what,
                token.start_pos,
                token.end_pos,
                expected="{m}, {m,}, {m,n} or {0,n}",
                hint="" if not digits[0] else "raise max_repeat",
            )
        low = int(digits[0])
        high = low if len(digits) == 1 else int(digits[1]) if digits[1] else None
        if high is not None and high < low:
            raise self.source.error(
                f"repeat counts are in the wrong order: {low} and {high}", token.start_pos, token.end_pos, expected="{low,high}"
            )
        return Repeat(item, low, high)

    def _characters(self, token: lark.Token, begin: int, end: int) -> list[tuple[str, bool]]:
        """The characters of a string or class, and whether each was escaped."""
        out = []
        for match in _ESCAPE.finditer(token, begin, end):
            at = (token.start_pos or 0) + match.start()
            code = match[1] or match[2] or match[3]
            if code is not None:
                value = int(code, 16)
                if value > 0x10FFFF or 0xD800 <= value <= 0xDFFF:
                    raise self.source.error(
                        f"'{match[0]}' is not a character", at, at + len(match[0]), expected="a code point that is no surrogate"
                    )
                out.append((chr(value), True))
            elif match[4] is not None:
                if match[4] not in _PLAIN_ESCAPES:
                    raise self.source.error(
                        f"unknown escape '{match[0]}'",
                        at,
                        at + 2,
                        expected="one of \\n \\r \\t \\\\ \\\" \\[ \\] \\xNN \\uNNNN \\UNNNNNNNN",
                        hint=f"write {match[4]} for the character itself",
                    )
                out.append((_PLAIN_ESCAPES[match[4]], True))
            else:
                out.append((match[5], False))
        return out

    def literal(self, parts: list[Any]) -> Expression:
        token = parts[0]
        text = "".join(char for char, _ in self._characters(token, 1, len(token) - 1))
        return Literal(text.encode()) if text else Seq(())

    def any(self, _: list[Any]) -> Expression:
        return Pattern(".", "s")

    # the method is called like the rule it reads
    def __getattr__(self, name: str) -> Any:
        if name == "class":
            return self._class
        raise AttributeError(name)

    def _class(self, parts: list[Any]) -> Expression:
        token = parts[0]
        negated = token.startswith("[^")
        members = self._characters(token, 1 + negated, len(token) - 1)
        if not members:
            raise self.source.error("character class is empty", token.start_pos, token.end_pos, expected="such as [a-z]")
        ranges, i = [], 0
        while i < len(members):
            low = high = members[i][0]
            if i + 2 < len(members) and members[i + 1] == ("-", False):
                high = members[i + 2][0]
                i += 2
            if high < low:
                raise self.source.error(
                    f"range ends before it starts: {low!r} to {high!r}", token.start_pos, token.end_pos, expected="low-high"
                )
            ranges.append((ord(low), ord(high)))
            i += 1
        found = chars(ranges)
        return Pattern(write_chars((complement(found) if negated else found).ranges))

    def reference(self, parts: list[Any]) -> Expression:
        self.references.append(parts[0])
        return Ref(str(parts[0]))

    def token(self, parts: list[Any]) -> Expression:
        token = parts[0]
        if token.startswith("!"):
            raise self.source.error(
                f"'{token}' is not supported: which tokens it allows depends on the vocabulary",
                token.start_pos,
                token.end_pos,
                expected="<name> or <[123]>",
                hint="to allow any text up to the token, write the text: .* <name>",
            )
        if not token.startswith("<["):
            return Special(str(token))
        if not re.fullmatch(r"<\[[0-9]{1,9}\]>", token):
            raise self.source.error("a token id is a number", token.start_pos, token.end_pos, expected="<[123]>")
        return Special(int(token[2:-2]))


def to_gbnf(grammar: Grammar) -> str:
    raise NotImplementedError
