"""Lark files with JSON Schemas in them, where the two front ends meet.

    start: "call " NAME " " %json {"type": "object", "properties": {"x": {"type": "integer"}}}

`grammar/lark.py` knows the place of `%json` and no keyword of it; `json_schema.py` knows the keywords and no Lark.
"""

from __future__ import annotations

from weft.grammar import lark
from weft.grammar.grammar import Grammar
from weft.schemas.json_schema import from_json_schema


def from_lark(
    text: str | bytes, *, start: str = "start", name: str = "<lark>", scannerless: bool = False, **limits: int
) -> Grammar:
    """The grammar of a Lark file; `%json {...}` in it stands for the texts of a JSON Schema.

    Args:
        text: the file's content, not its path.
        start: the rule that a whole text must match.
        name: what to call the text in messages.
        scannerless: no lexer; a terminal may end wherever it can.
        limits: max_size, max_depth, max_repeat, max_expansions, max_nodes, as in `weft.grammar.lark.from_lark`.
    Raises:
        GrammarError: with the line, the column, a caret and a hint.
        SchemaError: a schema inside the text cannot be kept exactly.
    """
    return lark.from_lark(
        text, start=start, name=name, scannerless=scannerless, embed={"json": from_json_schema}, **limits
    )
