r"""from_json_schema: a JSON Schema -> Grammar.

    {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}

    root: "{" space "\"age\":" space integer ("," space (PLAIN - "age") ":" space value)* space "}"

Two steps. `Reader` turns subschemas into numbered Schema nodes, when they are asked for; `Lowering` asks the Combiner
for the shapes of a place and writes a production for each. Work waits in a queue, so nesting costs no Python stack.

The grammar accepts a subset of the JSON texts of the valid values, never a text of an invalid one. Texts that it leaves
out: other property orders, other spellings of names and of strings with a pattern (`\u0061`), other spellings of
numbers with bounds (`1e3`), integers with a fraction (`1.0`), white space beyond `whitespace`. Formats are assertions.
Drafts 4, 6, 7, 2019-09 and 2020-12; without "$schema" it is 2020-12.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from weft.errors import SchemaError
from weft.grammar.grammar import Grammar
from weft.schemas import patterns
from weft.schemas.lowering import Lowering
from weft.schemas.reader import Reader
from weft.schemas.schema import Limits

WHITESPACE = r"(?: |\r?\n[ \t]{0,40})?"
COMPACT = ""


def from_json_schema(
    schema: Any,
    *,
    whitespace: str = WHITESPACE,
    ignore: Collection[str] = (),
    documents: Mapping[str, Any] | None = None,
    limits: Limits = Limits(),
) -> Grammar:
    r"""The grammar of the JSON texts of a schema's valid values.

    Args:
        schema: a dict, True or False; drafts 4 to 2020-12.
        whitespace: a regular expression for what may stand after `{`, `[`, `,` and `:` and before `}` and `]`.
            WHITESPACE is at most one space, or a line end with up to 40 spaces or tabs; COMPACT is nothing.
        ignore: keywords to leave out, for instance one that a SchemaError names. Validate the result then.
        documents: further schemas by their URI, for `$ref`; nothing is ever fetched.
        limits: sizes at which a schema is refused.
    Raises:
        SchemaError: a keyword cannot be kept exactly, the schema is broken, or nothing satisfies it.
    Cost: linear in the schema for most; oneOf, not and if multiply the alternatives that overlap.
    """
    reader = Reader(schema, ignore, documents or {}, limits)
    check_whitespace(whitespace)
    root = reader.references.root
    lowering = Lowering(reader.combiner, whitespace, limits)
    try:
        return lowering.grammar(reader.read(schema, root.place, root))
    except RecursionError:
        raise SchemaError(
            "the schema nests too deeply", where=f"at {lowering.pointer}", expected="fewer nested combinations"
        ) from None
    finally:
        reader.combiner.forget()


@lru_cache(maxsize=64)
def check_whitespace(whitespace: str) -> None:
    """Refuse white space that is not JSON's."""
    try:
        node = patterns.parse(whitespace)
    except patterns.PatternError as error:
        raise SchemaError(f"whitespace: {error}", expected="a regular expression over space, tab, CR and LF") from None
    allowed = patterns.ranges((9, 10), (13, 13), (32, 32))
    if patterns.uses(node, patterns.complement(allowed)):
        raise SchemaError(
            f"whitespace={whitespace!r} matches more than white space", expected="only space, tab, CR and LF (RFC 8259)"
        )


__all__ = ["COMPACT", "WHITESPACE", "Limits", "from_json_schema"]
