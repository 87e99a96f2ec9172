"""What a reader finds in a tokenizer, and what becomes of it."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from weft.errors import VocabularyError

MOST_IDS = 1 << 22  # a file that names a larger id is broken, and would ask for the memory of all ids below it

# Tokens that end a text or a turn in the families that we know. One of them counts only if it is a special token.
END_NAMES = frozenset(
    """
    </s> <eos> [EOS] <|endoftext|> <|end_of_text|> <|eot_id|> <|eom_id|> <|eot|> <|im_end|> <|end|> <|return|>
    <end_of_turn> <turn|> <|end_of_turn|> <|END_OF_TURN_TOKEN|> <EOT> <|EOT|> <｜end▁of▁sentence｜>
    <|end_of_sentence|> <|role_end|>
    """.split()
)


@dataclass
class Table:
    """`tokens` are text; `specials` are not; ids in neither are unused."""

    kind: str
    tokens: dict[int, bytes] = field(default_factory=dict)
    specials: dict[str, int] = field(default_factory=dict)
    eos: list[int | str] = field(default_factory=list)  # by id or name; what is not there is no end token
    size: int | None = None  # the model's width, where a folder tells it
    pieces: dict[int, str] = field(default_factory=dict)  # as the tokenizer spells them, for messages
    decode: Callable[[list[int]], str | bytes] | None = None
    encode: Callable[[str], list[int]] | None = None
    byte_fallback: bool = False


def assembled(
    table: Table, size: int | None, wanted: tuple[int | str, ...] | None
) -> tuple[list[bytes | None], list[int], dict[str, int]]:
    ids = [*table.tokens, *table.specials.values()]
    if not ids:
        raise VocabularyError(f"this {table.kind} has no tokens")
    if min(ids) < 0 or max(ids) >= MOST_IDS:
        raise VocabularyError(
            f"token id {min(ids) if min(ids) < 0 else max(ids)} is out of range",
            expected=f"ids from 0 to {MOST_IDS - 1}",
        )
    width = size if size is not None else max(table.size or 0, max(ids) + 1)
    if not 0 < width <= MOST_IDS:
        raise VocabularyError(f"a vocabulary cannot have {width} ids", expected=f"a size from 1 to {MOST_IDS}")
    found = [
        table.specials.get(end, end) if isinstance(end, str) else end
        for end in (table.eos if wanted is None else wanted)
    ]
    if wanted is None:
        ends = [end for end in found if isinstance(end, int) and 0 <= end < width]
        ends += [at for name, at in table.specials.items() if name in END_NAMES and at < width]
        if not ends:
            raise VocabularyError(
                f"no end token is known for this {table.kind}",
                expected="a special token such as </s> or <|endoftext|>",
                hint="from_tokenizer(..., eos=[id or name])",
            )
    else:
        ends = []
        for end in found:
            if isinstance(end, str):
                raise VocabularyError(
                    f"end token {end!r} is not a special token of this {table.kind}", hint="give its id"
                )
            ends.append(token_id_of(end, width, "end token"))
    tokens: list[bytes | None] = [None] * width
    for token_id, text in table.tokens.items():
        if token_id < width:
            tokens[token_id] = text
    return tokens, ends, {name: at for name, at in table.specials.items() if at < width}


def token_id_of(value: Any, size: int, what: str) -> int:
    try:
        token_id = value.__index__()
    except AttributeError:
        raise VocabularyError(f"{what} {value!r} is not a token id", expected="a whole number") from None
    if not 0 <= token_id < size:
        raise VocabularyError(f"{what} {token_id} does not exist", expected=f"an id from 0 to {size - 1}")
    return int(token_id)


def add_added(table: Table, added: Iterable[tuple[int, str, bool]], to_bytes: Callable[[str], bytes]) -> None:
    for token_id, content, is_special in added:
        table.pieces[token_id] = content
        if is_special:
            table.specials[content] = token_id
            table.tokens.pop(token_id, None)
        else:
            table.tokens[token_id] = to_bytes(content)


def load_json(data: str | bytes, where: str) -> dict[str, Any]:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise VocabularyError("this is not JSON", where=f"{where}: {error}") from None
    if not isinstance(content, dict):
        raise VocabularyError("this is not a tokenizer", where=where, expected="a JSON object")
    return content


def required(package: str, what: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except ImportError:
        raise VocabularyError(f"{what} needs the package {package!r}", hint=f"pip install {package}") from None
