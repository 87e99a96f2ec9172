"""GBNF, the grammar files of llama.cpp: from_gbnf reads them, to_gbnf prints any grammar as one.

    root ::= item ("," item)*         Grammar(lexer=False)
    item ::= [a-z]+ | "-"             "item": Alt((Repeat(Pattern("[a-z]"), 1, None), Literal(b"-")))

GBNF has no lexer: every split of a text counts. Its characters are code points, and `.` is any of them, line feeds too.
What llama.cpp takes and what is refused here: a rule that is defined twice (there the last one wins in silence), an
empty class, and `!<token>`, which depends on the vocabulary.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib import resources
from typing import Any

import lark
from lark.visitors import Transformer_NonRecursive

from weft.errors import GrammarError
from weft.grammar.automaton import code_point_automaton
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
    replace_outermost,
    rewrite,
    walk,
)
from weft.grammar.lexeme import without_spelled
from weft.grammar.lexing import without_lexer
from weft.grammar.regex import (
    ANY,
    LAST,
    Chars,
    Lazy,
    Ranges,
    RegexFault,
    chars,
    complement,
    read_regex,
    single,
    write_chars,
    write_count,
)
from weft.grammar.source import MAX_SIZE, Source, did_you_mean, one_of
from weft.grammar.syntax import Advice, Lines, check_references, choice, parse, sequence, unique_names


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
                token.start_pos or 0,
                token.end_pos or 0,
                expected=one_of(productions),
                hint=did_you_mean(token, productions),
            )
    if root not in productions:
        hint = did_you_mean(root, productions) or f"from_gbnf(text, root={next(iter(productions), 'root')!r})"
        raise GrammarError(f"root rule '{root}' is not defined", where=name, expected=one_of(productions), hint=hint)
    return Grammar(root, productions)


@cache
def _parser() -> lark.Lark:
    syntax = resources.files("weft.grammar").joinpath("formats/gbnf.lark").read_text("utf-8")
    return lark.Lark(
        syntax,
        parser="lalr",
        lexer="basic",
        postlex=Lines(opens=("LPAR",), closes=("RPAR",), continues=("VBAR", "__ANON_0")),
    )


_READABLE = {
    "_NL": "end of line", "NAME": "a rule name", "STRING": "a string", "CLASS": "[class]",
    "OPERATOR": "'*', '+' or '?'",
    "COUNT": "'{m,n}'", "TOKEN": "<token>", "VBAR": "'|'", "LPAR": "'('", "RPAR": "')'", "DOT": "'.'",
    "__ANON_0": "'::='",
    "$END": "end of text",
}  # fmt: skip
_BRACKETS = re.compile(r'"(?:\\[^\n]|[^"\\\n])*"|\[(?:\\[^\n]|[^\]\\\n])*\]|#[^\n]*|[()]|[*+?{]')


def _check_depth(source: Source, max_depth: int) -> None:
    depth = repeats = end = 0
    for match in _BRACKETS.finditer(source.text):
        depth = max(0, depth + (match[0] == "(") - (match[0] == ")"))
        is_repeat = match[0] in ("*", "+", "?", "{")
        repeats = (
            repeats + 1
            if is_repeat and not source.text[end : match.start()].strip(" \t0123456789,}")
            else int(is_repeat)
        )
        end = match.end()
        if depth > max_depth or repeats > max_depth:
            raise source.error(
                f"{'brackets' if depth > max_depth else 'repeats'} are nested too deeply: more than {max_depth} levels",
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
    if here.startswith("'"):
        return Advice(hint="a string stands in double quotes")
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
            what = (
                "repeat without a lower count"
                if not digits[0]
                else f"repeat count is too large: at most {self.max_repeat}"
            )
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
                f"repeat counts are in the wrong order: {low} and {high}",
                token.start_pos,
                token.end_pos,
                expected="{low,high}",
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
                        f"'{match[0]}' is not a character",
                        at,
                        at + len(match[0]),
                        expected="a code point that is no surrogate",
                    )
                out.append((chr(value), True))
            elif match[4] is not None:
                if match[4] not in _PLAIN_ESCAPES:
                    raise self.source.error(
                        f"unknown escape '{match[0]}'",
                        at,
                        at + 2,
                        expected='one of \\n \\r \\t \\\\ \\" \\[ \\] \\xNN \\uNNNN \\UNNNNNNNN',
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
            raise self.source.error(
                "character class is empty", token.start_pos, token.end_pos, expected="such as [a-z]"
            )
        ranges, i = [], 0
        while i < len(members):
            low = high = members[i][0]
            if i + 2 < len(members) and members[i + 1] == ("-", False):
                high = members[i + 2][0]
                i += 2
            if high < low:
                raise self.source.error(
                    f"range ends before it starts: {low!r} to {high!r}",
                    token.start_pos,
                    token.end_pos,
                    expected="low-high",
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


# Grammar -> text


def to_gbnf(grammar: Grammar, *, max_states: int = 2_000) -> str:
    """A GBNF text for the same texts; from_gbnf reads it back.

    The start symbol is called `root`, other names change where GBNF needs it. GBNF has no lexer, so a grammar with one
    is printed only where no text could be cut otherwise. llama.cpp takes no left recursion; it is printed as it is.

    Args:
        max_states: And and Not are printed as the rules of their automaton, of at most this many states.
    Raises:
        GrammarError: a part has no form in GBNF, or the lexer of the grammar matters.
    """
    check_references(grammar)
    if grammar.lexer:
        grammar = without_lexer(grammar)
    return _Writer(grammar, max_states).text()


def _rule_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-") or "rule"


class _Writer:
    def __init__(self, grammar: Grammar, max_states: int) -> None:
        self.grammar, self.max_states = grammar, max_states
        rest = [n for n in (*grammar.productions, *grammar.terminals) if n != grammar.start]
        self.names = {grammar.start: "root"} | unique_names(rest, _rule_name, ["root"])
        self.extra: list[str] = []
        self.automata: dict[Expression, str] = {}

    def text(self) -> str:
        bodies = list(self.grammar.productions.items())
        bodies.sort(key=lambda item: item[0] != self.grammar.start)
        bodies += [(name, terminal.expression) for name, terminal in self._used_terminals().items()]
        rules = [self._rule(self.names[name], body) for name, body in bodies]
        return "".join(rules + self.extra)

    def _used_terminals(self) -> dict[str, Terminal]:
        terminals = self.grammar.terminals
        used: set[str] = set()
        pending = list(self.grammar.productions.values())
        while pending:
            body = pending.pop()
            if isinstance(body, And | Not):
                continue  # written out as an automaton, names and all
            if isinstance(body, Ref) and body.name in terminals and body.name not in used:
                used.add(body.name)
                pending.append(terminals[body.name].expression)
            pending.extend(children(body))
        return {name: terminal for name, terminal in terminals.items() if name in used}

    def _rule(self, name: str, body: Expression) -> str:
        plain = self._plain(body)
        branches = plain.items if isinstance(plain, Alt) and plain.items else (plain,)
        texts = [self._at(branch, 1) for branch in branches]
        line = f"{name} ::= " + " | ".join(texts)
        return line + "\n" if len(line) <= 100 else f"{name} ::=\n    " + " |\n    ".join(texts) + "\n"

    def _plain(self, body: Expression) -> Any:
        """The expression over Chars, Ref, Special, Seq, Alt and Repeat."""
        body = without_spelled(body, self.grammar)
        if any(isinstance(node, And | Not) for node in walk(body)):
            body = replace_outermost(body, lambda node: isinstance(node, And | Not), self._automaton)

        def change(node: Expression) -> Any:
            match node:
                case Pattern(regex, flags):
                    try:
                        return read_regex(regex, flags)
                    except RegexFault as fault:
                        raise GrammarError(
                            fault.what, where=f"in /{regex}/", expected=fault.expected, hint=fault.hint
                        ) from None
                case Literal(raw):
                    try:
                        return sequence(single(char) for char in raw.decode())
                    except UnicodeDecodeError:
                        raise GrammarError(
                            "bytes that are no characters have no form in GBNF",
                            where=f"in {str(node)[:80]}",
                            expected="text in UTF-8",
                            hint="cut the text between characters",
                        ) from None
                case _:
                    return node

        return rewrite(body, change)

    def _at(self, expression: Any, level: int) -> str:
        text, own = self._write(expression)
        return text if own >= level else f"({text})"

    def _write(self, expression: Any) -> tuple[str, int]:
        """The text, and how tightly it binds: 0 alternatives, 1 a series, 2 with an operator, 3 one item."""
        match expression:
            case Chars(ranges):
                return gbnf_chars(ranges), 3
            case Ref(name):
                return self.names[name], 3
            case Special(token):
                if isinstance(token, int):
                    return f"<[{token}]>", 3
                if re.fullmatch(r"<[^<>\n\[][^<>\n]*>", token):
                    return token, 3
                raise GrammarError(
                    f"special token {token!r} has no form in GBNF",
                    expected="a name in <...>, or an id",
                    hint="name it by its id: Special(123)",
                )
            case Seq(items):
                return self._series(_flat(items)), 1
            case Alt(()):
                return self._nothing(), 3
            case Alt(items):
                return " | ".join(self._at(item, 1) for item in items), 0
            case Repeat(item, low, high) | Lazy(item, low, high):
                if high == 0 or item == Seq(()):
                    return '""', 3
                return self._at(item, 3) + write_count(low, high), 2
        raise AssertionError(expression)

    def _series(self, items: list[Any]) -> str:
        out: list[str] = []
        run = ""
        for item in [*items, None]:
            if isinstance(item, Chars) and len(item.ranges) == 1 and item.ranges[0][0] == item.ranges[0][1]:
                run += chr(item.ranges[0][0])
                continue
            if run:
                out.append(gbnf_string(run))
                run = ""
            if item is not None:
                out.append(self._at(item, 2))
        return " ".join(t for t in out if t != '""') or '""'

    def _nothing(self) -> str:
        if "\0nothing" not in self.names:
            name = next(iter(unique_names(["nothing"], str, self.names.values()).values()))
            self.names["\0nothing"] = name
            self.extra.append(f'{name} ::= "x" {name}\n')
        return self.names["\0nothing"]

    def _automaton(self, expression: Expression) -> Expression:
        """The states of the expression's automaton as right-linear rules; a reference to the first."""
        if expression not in self.automata:
            states = code_point_automaton(expression, self.grammar, self.max_states)
            base = next(iter(unique_names(["regular"], str, self.names.values()).values()))
            names = unique_names([f"{base}-{i}" for i in range(len(states))], str, self.names.values())
            state_names = [*names.values()]
            self.names |= {f"\0{n}": n for n in state_names} | {f"\0{base}": base}
            for name, (accepts, edges) in zip(state_names, states, strict=True):
                branches = ['""'] if accepts else []
                branches += [f"{gbnf_chars(found.ranges)} {state_names[to]}" for to, found in edges]
                self.extra.append(f"{name} ::= " + " | ".join(branches or [self._nothing()]) + "\n")
            self.automata[expression] = f"\0{state_names[0]}" if states else self._nothing_key()
        return Ref(self.automata[expression])

    def _nothing_key(self) -> str:
        self._nothing()
        return "\0nothing"


def _flat(items: tuple[Any, ...]) -> list[Any]:
    out: list[Any] = []
    stack = list(reversed(items))
    while stack:
        item = stack.pop()
        if isinstance(item, Seq):
            stack.extend(reversed(item.items))
        else:
            out.append(item)
    return out


def gbnf_string(text: str) -> str:
    """The text in quotes."""
    return '"' + "".join({'"': '\\"', "\\": "\\\\"}.get(c) or _gbnf_char(c) for c in text) + '"'


def _gbnf_char(char: str) -> str:
    if char in "\n\r\t":
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[char]
    if char == " " or (char.isprintable() and not unicodedata.combining(char)):
        return char
    code = ord(char)
    return f"\\x{code:02X}" if code < 256 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def gbnf_chars(ranges: Ranges) -> str:
    """A character in quotes, `.`, or a class in brackets."""
    if ranges == ANY.ranges:
        return "."
    if not ranges:
        raise GrammarError("a class without characters has no form in GBNF", hint="take the alternative out")
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return gbnf_string(chr(ranges[0][0]))

    def one(code: int) -> str:
        char = chr(code)
        return f"\\x{code:02X}" if char in "-^" else "\\" + char if char in "\\[]" else _gbnf_char(char)

    others = complement(Chars(ranges)).ranges
    negated = ranges[-1][1] == LAST and len(others) <= len(ranges)
    body = "".join(
        one(low) if low == high else one(low) + ("-" if high > low + 1 else "") + one(high)
        for low, high in (others if negated else ranges)
    )
    return f"[{'^' if negated else ''}{body}]"
