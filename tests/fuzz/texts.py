"""Grammar texts and schemas, each a known one with a few mutations."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import weft
from weft.grammar.grammar import And, Expression, Grammar, Literal, Not, Pattern, Repeat, Seq

ROOT = Path(__file__).resolve().parent.parent.parent

REGEXES = [
    "a*b|c+", "(a|b)*abb", "[a-z]{3,8}", r"\d{1,3}(\.\d+)?", r"[^\"\\]|\\.", "é+|ü{2}", "(a*)*", "(?i:select)",
    r"\p{L}+\s*", "a{0,1000}", "((a{1,9}){1,9}){1,9}", "", "()", "[]a]", "(?=a)b", r"\b\w+\b", r"[^\n]{5,60}\n",
    r'"([^"\\]|\\.){0,37}"', "(ab|a)(bc|c)?", "[^a-c]*d",
]  # fmt: skip
GBNFS = [
    'root ::= "(" root ")" | [a-z]+ | root root\n',
    'root ::= item ("," ws item)*\nitem ::= "a"{2,5} | [^\\x00-\\x1f"]\nws ::= [ \\t]*\n',
    'root ::= a | b\na ::= b "x" | \nb ::= a "y"\n',
    'root ::= "<" root ">" | <tool> root | ""\n',
]
LARKS = [
    'start: "[" start* "]"\n',
    'start: expr\nexpr: expr "+" expr | NUMBER | "(" expr ")"\n%import common.NUMBER\n%ignore " "\n',
    'start: stmt+\nstmt: "if" A block | A "=" A ";"\nblock: "{" stmt* "}"\nA: /[a-z_]\\w*/\n%ignore /\\s+/\n',
    'start: _sep{item, ","}\n_sep{x, s}: x (s x)*\nitem: A | B\nA.2: "a"\nB: /[ab]/i ~ 1..3\n',
    'start: (A | B | C)+\nA: /a+b?/\nB: "ab"\nC: /b[ab]{2,3}/\n',
    'start: (WORD | TEXT | "int" start ";")*\nWORD: /[a-z]+/\nTEXT: /"[^"]*"/\nCOMMENT: /\\/\\*(.|\\n)*?\\*\\//\n'
    "%ignore COMMENT\n%ignore /[ \\n]+/\n",
]
SCHEMAS: list[object] = [
    {"type": "object", "properties": {"a": {"type": "integer", "minimum": -5, "maximum": 17}}, "required": ["a"]},
    {"type": "array", "items": {"$ref": "#"}, "maxItems": 3},
    {"anyOf": [{"const": {"x": [1, "é", None]}}, {"enum": ["a", 1.5, True]}, {"type": "string", "pattern": "^a+$"}]},
    {"$defs": {"t": {"type": "object", "properties": {"l": {"$ref": "#/$defs/t"}}}}, "$ref": "#/$defs/t"},
    {"type": "string", "minLength": 2, "maxLength": 1000, "format": "date"},
    {"type": "number", "exclusiveMinimum": 0.25, "multipleOf": 0.5},
    {"prefixItems": [{"type": "boolean"}, {"type": "null"}], "items": False, "minItems": 1},
    {"type": "object", "additionalProperties": {"type": "string", "maxLength": 40}, "not": {"required": ["id"]}},
]
SPICE = ["*", "+", "?", "|", "(", ")", "[", "]", "{", "}", '"', "\\", "/", "{99999999}", "{3,17}", "~ 3..1", "::=", ":",
         "\n", "\0", "é", "\ud7ff", "\U0010ffff", "%ignore", "%import common.WS", "$ref", "1e999", "-", "^", "#",
         "start", "root", "<tool>", "(?i:", "&", "[^a]"]  # fmt: skip


def mutated(rng: random.Random, text: str) -> str:
    for _ in range(rng.choice((0, 1, 1, 2, 3, 8))):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.choice((0, 1, 1, 3, 10)))
        other = rng.randrange(len(text) + 1)
        new = rng.choice((rng.choice(SPICE), "", text[other : other + rng.randrange(20)], chr(rng.randrange(32, 127))))
        text = text[:start] + new * rng.choice((1, 1, 1, 2, 50)) + text[end:]
    return text


def languages() -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted((ROOT / "grammar" / "library").glob("*.lark"))]


def combined(text: str) -> Grammar:
    """Patterns, one a line, under complement, intersection and counts; what stands behind them may read the same."""
    parts: list[Expression] = []
    for number, line in enumerate(text.split("\n")):
        pattern: Expression = Pattern(line)
        if number % 3 == 1:
            pattern = And((Pattern("[^x]{0,40}"), Not(pattern)))
        elif number % 3 == 2:
            pattern = Repeat(And((pattern, Pattern("(.|\n){1,60}"))), 0, 2 + number * 7)
        parts.append(pattern)
    return Grammar("start", {"start": Seq((*parts, Literal(b"a")))})


# kind -> (known texts, what reads one)
KINDS: dict[str, tuple[Callable[[], list[str]], Callable[[str], Grammar]]] = {
    "regex": (lambda: REGEXES, weft.from_regex),
    "combined": (lambda: ["\n".join(REGEXES[i : i + 3]) for i in range(len(REGEXES) - 2)], combined),
    "gbnf": (lambda: GBNFS, weft.from_gbnf),
    "lark": (lambda: LARKS * 4 + languages(), weft.from_lark),
    "scannerless": (lambda: LARKS, lambda text: weft.from_lark(text, scannerless=True)),
    "schema": (
        lambda: [json.dumps(schema) for schema in SCHEMAS],
        lambda text: weft.from_json_schema(json.loads(text)),
    ),
}
