r"""Strings: length, patterns and formats -> expressions between quotes.

    {"type": "string"}        one shared expression, with every escape that JSON has
    maxLength 10              Seq(('"', Repeat(CHAR, 0, 10), '"')); CHAR is one code point, \uD83D\uDE00 too
    pattern "^a"              Seq(('"', Spelled(Pattern("a(?s:.)*"), JSON_SPELLINGS), '"'))

A string with a pattern, and a name that must differ from other names, is written in one way only: `"` and `\` with a
backslash, control characters by an escape, everything else as it is. So `\u0061` is never taken for something else
than `a`.
"""

from __future__ import annotations

import json
from functools import lru_cache

from weft.errors import SchemaError
from weft.grammar.grammar import Alt, And, Expression, Literal, Not, Pattern, Repeat, Seq, Spelled
from weft.schemas import patterns
from weft.schemas.formats import FORMATS, SHORT_FORMATS
from weft.schemas.schema import Rule, String

QUOTE = Literal(b'"')
CHAR_TEXT = (
    r'[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u(?:[0-9a-cA-CefEF][0-9a-fA-F]{3}|[dD](?:[0-7][0-9a-fA-F]{2}'
    r"|[89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})))"
)
CHAR = Pattern(CHAR_TEXT)
STRING = Pattern(f'"(?:{CHAR_TEXT})*"')

# One code point, written in the one way described above.
PLAIN_TEXT = r'[^"\\\x00-\x1f]|\\(?:["\\bfnrt]|u00[01][0-9a-fA-F])'
PLAIN = Pattern(PLAIN_TEXT)
PLAINS = Pattern(f"(?:{PLAIN_TEXT})*")

# A pattern and a length together take about (states of the pattern) * length states. Beyond this the length is cut: the
# longest strings are not generated, the others are.
MAX_PRODUCT = 3_000

_SHORT = {8: "b", 9: "t", 10: "n", 12: "f", 13: "r", 34: '"', 92: "\\"}


def _spelling(code: int) -> Expression:
    if code in (34, 92):
        return Literal(b"\\" + bytes([code]))
    digit = f"{code % 16:x}"
    long = f"\\\\u00{code // 16}" + (f"[{digit}{digit.upper()}]" if digit.isalpha() else digit)
    return Pattern(f"{long}|\\\\{_SHORT[code]}" if code in _SHORT else long)


JSON_SPELLINGS = tuple((code, _spelling(code)) for code in (*range(32), 34, 92))
_ESCAPED = ((0, 31), (34, 34), (92, 92))


_encode = json.JSONEncoder(ensure_ascii=False).encode


def json_text(value: object) -> str:
    """As json.dumps writes it, with every character that UTF-8 has left as it is."""
    text = _encode(value)
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8
        text = json.dumps(value, ensure_ascii=True)
    return text


@lru_cache(maxsize=16384)
def string_literal(text: str) -> Literal:
    return Literal(json_text(text).encode())


@lru_cache(maxsize=16384)
def key_literal(name: str) -> Literal:
    """A property name with its colon."""
    return Literal(string_literal(name).text + b":")


@lru_cache(maxsize=1024)
def _format_searchers(name: str) -> tuple[object, ...]:
    return tuple(patterns.searcher(p) for p in FORMATS[name])


def follows(rule: Rule, text: str) -> bool:
    """Whether one string follows the rule."""
    if rule.kind == "values":
        return text in rule.source
    if rule.kind == "pattern":
        return patterns.searcher(rule.source).search(text) is not None
    return all(search.search(text) for search in _format_searchers(rule.source))  # type: ignore[attr-defined]


def admits(shape: String, text: str) -> bool:
    if len(text) < shape.min or (shape.max is not None and len(text) > shape.max):
        return False
    return all(follows(rule, text) for rule in shape.matches) and not any(follows(rule, text) for rule in shape.avoids)


def merge(facts: list[String]) -> String | None:
    """All of them at once; None if surely none matches."""
    if len(facts) == 1:
        shape = facts[0]
    else:
        highs = [fact.max for fact in facts if fact.max is not None]
        shape = String(
            max(fact.min for fact in facts),
            min(highs) if highs else None,
            tuple(dict.fromkeys(rule for fact in facts for rule in fact.matches)),
            tuple(dict.fromkeys(rule for fact in facts for rule in fact.avoids)),
        )
    if shape.max is not None and shape.min > shape.max:
        return None
    if shape.matches and shape.avoids and not set(shape.matches).isdisjoint(shape.avoids):
        return None
    return shape


# --- lowering -------------------------------------------------------------------------------------------------------


def _spelled(expression: Expression) -> Expression:
    """Code points -> JSON text, complement taken among plainly written strings."""
    if isinstance(expression, Seq):
        return Seq(tuple(map(_spelled, expression.items)))
    if isinstance(expression, Alt):
        return Alt(tuple(map(_spelled, expression.items)))
    if isinstance(expression, And):
        return And(tuple(map(_spelled, expression.items)))
    if isinstance(expression, Not):
        return And((PLAINS, Not(_spelled(expression.item))))
    return Spelled(expression, JSON_SPELLINGS)


def _node_text(node: patterns.Node) -> Expression:
    # not cached by node: named tuples compare as tuples, so "ab" and "a|b" would be the same key
    if isinstance(node, patterns.Either) and not node.items:
        return Alt(())
    if node == patterns.ANYTHING:
        return PLAINS
    pattern = Pattern(patterns.to_text(node))
    return Spelled(pattern, JSON_SPELLINGS) if patterns.uses(node, _ESCAPED) else pattern


@lru_cache(maxsize=8192)
def rule_text(rule: Rule) -> Expression:
    """The inside of the strings that follow the rule, as JSON text."""
    if rule.kind == "values":
        return Alt(tuple(Literal(string_literal(value).text[1:-1]) for value in rule.source))
    sources = _sources(rule)
    parts = []
    for source in sources:
        node = patterns.search_node(source)
        parts.append(_node_text(node) if node is not None else _spelled(patterns.search_expression(source)))
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _sources(rule: Rule) -> tuple[str, ...]:
    if rule.kind == "pattern":
        return (str(rule.source),)
    return SHORT_FORMATS[rule.source[1:]] if rule.source.startswith("~") else FORMATS[rule.source]


def _shorter(rule: Rule) -> Rule:
    """The rule to intersect with a length."""
    return Rule("format", f"~{rule.source}") if rule.kind == "format" and rule.source in SHORT_FORMATS else rule


def _states(rule: Rule) -> int:
    """About how many states the rule takes."""
    if rule.kind == "values":
        return sum(map(len, rule.source)) + 1
    nodes = [patterns.search_node(source) for source in _sources(rule)]
    return (
        sum(len(source) for source in _sources(rule))
        if None in nodes
        else sum(patterns.positions(n) for n in nodes if n)
    )


def _width(rule: Rule) -> tuple[int, int | None]:
    if rule.kind == "pattern":
        node = patterns.search_node(rule.source)
        return patterns.width(node) if node is not None else (0, None)
    if rule.kind == "format":
        node = patterns.search_node(_sources(rule)[0])
        return patterns.width(node) if node is not None else (0, None)
    return min(map(len, rule.source), default=0), max(map(len, rule.source), default=0)


@lru_cache(maxsize=8192)
def text(shape: String) -> Expression | None:
    """The inside of the string, plainly written; None if any plain text will do."""
    least, most = shape.min, shape.max
    parts: list[Expression] = []
    states, lowest = 1, 0
    for rule in shape.matches:
        low, high = _width(rule)
        lowest = max(lowest, low)
        if low >= least:
            least = 0
        if most is not None and high is not None and high <= most:
            most = None
        if (least or most is not None) and rule.kind == "pattern" and len(shape.matches) == 1:
            node = patterns.search_node(rule.source)
            if isinstance(node, patterns.Times) and isinstance(node.item, patterns.Chars):
                bottom = max(node.min, least)
                top = node.max if most is None else most if node.max is None else min(most, node.max)
                if top is not None and top < bottom:
                    return Alt(())
                parts.append(_times(node.item, bottom, top))
                least, most = 0, None
                continue
        if least or most is not None:
            rule = _shorter(rule)
        inside = rule_text(rule)
        if inside != PLAINS:
            parts.append(inside)
            states *= _states(rule)
    if least or most is not None:
        if most is not None and parts and most * states > MAX_PRODUCT:
            most = min(most, max(MAX_PRODUCT // states, 2 * max(least, lowest), lowest + 32))
        parts.append(Repeat(PLAIN, least, most))
    if shape.avoids:
        if not parts:
            parts.append(PLAINS)
        parts += [Not(rule_text(rule)) for rule in shape.avoids]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _times(chars: patterns.Chars, least: int, most: int | None) -> Expression:
    """Counted characters; a large count is left to the core's counter."""
    if max(least, most or 0) <= 64:
        return _node_text(patterns.Times(chars, least, most))
    return Repeat(_node_text(chars), least, most)


@lru_cache(maxsize=8192)
def lower(shape: String) -> Expression:
    """The whole string, with its quotes."""
    if not shape.matches and not shape.avoids:
        if shape.min == 0 and shape.max is None:
            return STRING
        return Seq((QUOTE, Repeat(CHAR, shape.min, shape.max), QUOTE))
    inside = text(shape)
    if inside is None:
        return STRING
    if isinstance(inside, Pattern) and not inside.flags:
        return Pattern(f'"(?:{inside.regex})"')
    return Seq((QUOTE, inside, QUOTE))


def check_rule(rule: Rule, pointer: str) -> None:
    """Raise a SchemaError with the place if the rule cannot be turned into an expression."""
    try:
        rule_text(rule)
    except patterns.PatternError as error:
        raise SchemaError(
            f"the pattern cannot be kept: {error}",
            where=f"at {pointer}",
            expected="an ECMA-262 pattern without back references, look-behind and word boundaries",
            hint='write it another way, or from_json_schema(..., ignore=["pattern"]), then validate the result',
        ) from None
