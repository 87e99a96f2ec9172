"""JSON of which no schema says anything: separators with their white space, and the productions of any value."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from weft.grammar.grammar import Alt, Expression, Literal, Pattern, Ref, Repeat, Seq
from weft.schemas import numbers, strings

TRUE_TEXT, FALSE_TEXT, NULL_TEXT = Literal(b"true"), Literal(b"false"), Literal(b"null")
STRING, NUMBER, INTEGER = Ref("string"), Ref("number"), Ref("integer")
VALUE, ARRAY, OBJECT = Ref("value"), Ref("array"), Ref("object")

SCALARS: dict[str, Expression] = {
    "string": strings.STRING,
    "number": numbers.NUMBER_PATTERN,
    "integer": numbers.INTEGER_PATTERN,
}


class Anything(NamedTuple):
    """`space`, `comma` and `colon` are runs of expressions to splice into a Seq."""

    space: tuple[Expression, ...]
    comma: tuple[Expression, ...]
    colon: tuple[Expression, ...]
    productions: dict[str, Expression]  # of VALUE and what is inside it; not to be changed


@lru_cache(maxsize=64)
def anything(whitespace: str) -> Anything:
    """One for all schemas with this white space."""
    space = (Ref("space"),) if whitespace else ()
    comma, colon = (Literal(b","), *space), (Literal(b":"), *space)

    def listed(opening: bytes, item: Expression, closing: bytes) -> Expression:
        some = Seq((item, Repeat(Seq((*comma, item)), 0, None), *space))
        return Seq((Literal(opening), *space, Repeat(some, 0, 1), Literal(closing)))

    productions: dict[str, Expression] = {
        "value": Alt((NULL_TEXT, TRUE_TEXT, FALSE_TEXT, NUMBER, STRING, ARRAY, OBJECT)),
        "number": SCALARS["number"],
        "string": SCALARS["string"],
        "array": listed(b"[", VALUE, b"]"),
        "object": listed(b"{", Seq((STRING, *colon, VALUE)), b"}"),
    }
    if whitespace:
        productions["space"] = Pattern(whitespace)
    return Anything(space, comma, colon, productions)
