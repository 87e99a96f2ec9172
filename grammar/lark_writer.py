"""to_lark: any grammar as a Lark file that from_lark reads back.

Grammar("s", {"s": Repeat(Ref("s"), 2, 5)})        start: start~2..5
"""

from __future__ import annotations

import re

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
    Spelled,
    walk,
)
from weft.grammar.lexeme import nullable, without_spelled
from weft.grammar.regex import RegexFault, is_nullable, read_regex, without_empty, write_char, write_count, write_regex
from weft.grammar.syntax import check_references, unique_names

SCANNERLESS = "// lexing: scannerless"


def to_lark(grammar: Grammar) -> str:
    """A Lark file for the same texts; from_lark reads it back.

    The start symbol is called `start`, other names change where Lark needs it. And and Not become `&` and `~` on
    terminals, which llguidance reads and Lark does not.

    Raises:
        GrammarError: a part has no form in Lark: bytes that are no characters, a special token not called `<...>`.
    """
    return _Writer(grammar, strict=True).text()


def show(grammar: Grammar) -> str:
    """As to_lark, but what Lark cannot say is shown as it is in Python."""
    return _Writer(grammar, strict=False).text()


def _rule_name(name: str) -> str:
    if re.fullmatch(r"_?[a-z][_a-z0-9]*", name):
        return name
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return plain if plain[:1].isalpha() else f"r_{plain}".rstrip("_")


def _terminal_name(name: str) -> str:
    return name if re.fullmatch(r"_?[A-Z][_A-Z0-9]*", name) else _rule_name(name.lower()).upper()


_RAW_REGEX = re.compile(r"(?:\\[nrtf]|\\[^\w\s]|\[\^?|(?<![*+?}])\?|[^\\^$?\x00-\x1f\x7f-\x9f])*")


def lark_regex(pattern: Pattern) -> str:
    """`/regex/flags`, which Lark and from_lark read alike."""
    regex, flags = pattern
    flags = flags.replace("m", "").replace("u", "")
    if "x" in flags or not regex.isascii() or not _RAW_REGEX.fullmatch(regex.replace("(?:", "(")):
        try:
            regex, flags = write_regex(read_regex(*pattern), unicode_classes=True), ""
        except RegexFault as fault:
            raise GrammarError(fault.what, where=f"in /{regex}/", expected=fault.expected, hint=fault.hint) from None
    return "/" + re.sub(r"\\.|/", lambda m: "\\/" if m[0] == "/" else m[0], regex, flags=re.DOTALL) + f"/{flags}"


def lark_string(text: str) -> str:
    """The text in quotes, as Lark and from_lark read it."""
    return '"' + "".join({'"': '\\"', "\\": "\\\\"}.get(c) or write_char(c) for c in text) + '"'


class _Writer:
    def __init__(self, grammar: Grammar, *, strict: bool) -> None:
        self.grammar, self.strict = grammar, strict
        if strict:
            check_references(grammar)
        rest = [n for n in grammar.productions if n != grammar.start]
        self.names = {grammar.start: "start"} | unique_names(rest, _rule_name, ["start"])
        self.as_rules = self._empty_terminals()
        self.names |= unique_names(self.as_rules, _rule_name, self.names.values())
        self.names |= unique_names((n for n in grammar.terminals if n not in self.as_rules), _terminal_name)
        self.hoisted: dict[Expression, str] = {}

    def _empty_terminals(self) -> set[str]:
        """Terminals to be printed as rules: Lark knows no empty lexeme, and without a lexer the two mean the same."""
        terminals = self.grammar.terminals
        if self.grammar.lexer or not self.strict:
            return set()
        inside = {n.name for t in terminals.values() for n in walk(t.expression) if isinstance(n, Ref)}
        return {
            name
            for name, terminal in terminals.items()
            if name not in inside
            and not any(isinstance(n, And | Not | Spelled | Ref) for n in walk(terminal.expression))
            and nullable(terminal.expression)
        }

    def text(self) -> str:
        grammar = self.grammar
        rules = [self._definition(self.names[n], body, in_terminal=False) for n, body in grammar.productions.items()]
        terminals = []
        for name, (expression, priority) in grammar.terminals.items():
            if name in self.as_rules:
                rules.append(self._definition(self.names[name], expression, in_terminal=False))
                continue
            shown = self.names[name] + (f".{priority}" if priority else "")
            terminals.append(self._definition(shown, self._regular(expression), in_terminal=True))
        done = 0
        while done < len(self.hoisted):
            expression, name = list(self.hoisted.items())[done]
            terminals.append(self._definition(name, self._regular(expression), in_terminal=True))
            done += 1
        ignored = [f"%ignore {self.names[name]}\n" for name in grammar.ignore]
        first = [] if grammar.lexer else [SCANNERLESS + "\n"]
        nothing = self.names.get("\0nothing")
        rules += [f'{nothing}: "x" {nothing}\n'] if nothing else []
        return "".join([*first, *rules, *terminals, *ignored])

    def _definition(self, name: str, body: Expression, *, in_terminal: bool) -> str:
        branches = body.items if isinstance(body, Alt) and body.items else (body,)
        texts = [self._at(branch, 1 if len(branches) > 1 else 0, in_terminal) for branch in branches]
        line = f"{name}: " + " | ".join(texts)
        return line.rstrip(" ") + "\n" if len(line) <= 100 else f"{name}: " + "\n    | ".join(texts) + "\n"

    def _regular(self, expression: Expression) -> Expression:
        return without_spelled(expression, self.grammar) if self.strict else expression

    def _hoist(self, expression: Expression) -> str:
        if expression not in self.hoisted:
            i = len(self.hoisted) + 1
            while f"T_{i}" in self.names.values():
                i += 1
            self.hoisted[expression] = f"T_{i}"
            self.names[f"\0{i}"] = f"T_{i}"
        return self.hoisted[expression]

    def _at(self, expression: Expression, level: int, in_terminal: bool) -> str:
        text, own = self._write(expression, in_terminal)
        return text if own >= level and (text or level <= 1) else f"({text})"

    def _refuse(self, expression: Expression, what: str, hint: str) -> tuple[str, int]:
        if self.strict:
            raise GrammarError(what, where=f"in {str(expression)[:80]}", expected="what Lark can say", hint=hint)
        return f"<{expression!r}>", 3

    def _write(self, expression: Expression, in_terminal: bool) -> tuple[str, int]:
        """The text, and how tightly it binds: 0 alternatives, 1 a series, 2 with an operator, 3 one item."""
        match expression:
            case Literal(b"") | Seq(()):
                return "", 1
            case Literal(raw):
                try:
                    return lark_string(raw.decode()), 3
                except UnicodeDecodeError:
                    return self._refuse(
                        expression,
                        "bytes that are no characters have no form in Lark",
                        "cut the text between characters",
                    )
            case Pattern(regex, flags):
                if not regex:
                    return "", 1
                if not self.grammar.lexer and not in_terminal:
                    tree = read_regex(regex, flags)
                    if is_nullable(tree):  # Lark takes no regex that may be empty
                        rest = without_empty(tree)
                        return ("", 1) if rest == Alt(()) else (lark_regex(Pattern(write_regex(rest))) + "?", 2)
                return lark_regex(expression), 3
            case Ref(name):
                return self.names.get(name, name), 3
            case Special(token):
                if isinstance(token, int):
                    return f"<[{token}]>", 3
                if re.fullmatch(r"<[^<>\n\[][^<>\n]*>", token):
                    return token, 3
                return self._refuse(
                    expression, f"special token {token!r} has no form in Lark", "name it by its id: Special(123)"
                )
            case Seq(items):
                return " ".join(t for t in (self._at(i, 2, in_terminal) for i in items) if t != "()"), 1
            case Alt(()):
                if in_terminal:
                    return "/a/ & /b/", 0
                if "\0nothing" not in self.names:
                    self.names |= {
                        "\0nothing": next(iter(unique_names(["nothing"], str, self.names.values()).values()))
                    }
                return self.names["\0nothing"], 3
            case Alt(items):
                return " | ".join(self._at(i, 1, in_terminal) for i in items), 0
            case Repeat(item, low, high):
                if high == 0:
                    return "", 1
                inner = self._at(item, 3, in_terminal)
                if (low, high) in ((0, None), (1, None), (0, 1)):
                    return inner + write_count(low, high), 2
                if high is None:
                    return f"{inner}~{low} {inner}*", 1
                return (f"{inner}~{low}" if low == high else f"{inner}~{low}..{high}"), 2
            case And(items) if in_terminal or not self.strict:
                return " & ".join(self._at(i, 2, in_terminal) for i in items), 0
            case Not(item) if in_terminal or not self.strict:
                return "~" + self._at(item, 3, in_terminal), 2
            case Spelled() if not self.strict:
                return self._refuse(expression, "", "")
            case Spelled() if not self.grammar.lexer:
                return self._write(self._regular(expression), in_terminal)
            case And() | Not() | Spelled():
                return self._hoist(expression), 3
        raise AssertionError(expression)
