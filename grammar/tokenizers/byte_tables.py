"""Tokenizers that give the bytes of their tokens themselves: tiktoken and tekken."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from weft.errors import VocabularyError
from weft.grammar.tokenizers.table import MOST_IDS, Table

RANK_LINE = re.compile(rb"[A-Za-z0-9+/]+={0,2} \d+\r?\n?\Z")

# tekken files of before 2024-11 do not list their special tokens; these stand at ids 0, 1, 2, ...
_TEKKEN_SPECIALS = """
    <unk> <s> </s> [INST] [/INST] [AVAILABLE_TOOLS] [/AVAILABLE_TOOLS] [TOOL_RESULTS] [/TOOL_RESULTS] [TOOL_CALLS] [IMG]
    <pad> [IMG_BREAK] [IMG_END] [PREFIX] [MIDDLE] [SUFFIX] [SYSTEM_PROMPT] [/SYSTEM_PROMPT] [TOOL_CONTENT]
    """.split()


def read_encoding(encoding: Any) -> Table:
    table = Table("tiktoken encoding", {rank: text for text, rank in encoding._mergeable_ranks.items()})
    table.specials = dict(encoding._special_tokens)
    table.decode = encoding.decode_bytes
    table.encode = encoding.encode_ordinary
    return table


def read_ranks(data: bytes) -> Table:
    table = Table("tiktoken rank file")
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            text, rank = line.split()
            table.tokens[int(rank)] = base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error):
            raise VocabularyError(
                "a line of this rank file cannot be read",
                where=f"line {number}: {line[:60]!r}",
                expected="base64 and a rank",
            ) from None
    return table


def read_tekkenizer(tokenizer: Any) -> Table:
    table = Table("tekken tokenizer")
    for token_id in range(tokenizer.n_words):
        if tokenizer.is_special(token_id):
            table.specials[tokenizer.id_to_piece(token_id)] = token_id
        else:
            table.tokens[token_id] = tokenizer.id_to_byte_piece(token_id)
    table.eos = [tokenizer.eos_id]
    table.decode = tokenizer.decode
    table.encode = lambda text: list(tokenizer.encode(text, bos=False, eos=False))
    return table


def read_tekken(content: dict[str, Any]) -> Table:
    table = Table("tekken file")
    try:
        config = content["config"]
        shift, size = int(config["default_num_special_tokens"]), int(config["default_vocab_size"])
        if not 0 <= shift <= size <= MOST_IDS:
            raise VocabularyError(
                "the sizes in this tekken file do not fit",
                where=f"{shift} special of {size}",
                expected=f"at most {MOST_IDS} ids",
            )
        for token in content["vocab"][: size - shift]:
            text = base64.b64decode(token["token_bytes"], validate=True)
            if token.get("token_str") is not None and token["token_str"].encode() != text:
                raise VocabularyError(
                    f"token {token['rank']} of this tekken file is {text!r} and {token['token_str']!r}"
                )
            table.tokens[token["rank"] + shift] = text
        named = content.get("special_tokens")
        names = {token["rank"]: token["token_str"] for token in named} if named else dict(enumerate(_TEKKEN_SPECIALS))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, VocabularyError):
            raise
        raise VocabularyError("this tekken file cannot be read", where=f"{type(error).__name__}: {error}") from None
    table.specials = {names.get(token_id, f"<SPECIAL_{token_id}>"): token_id for token_id in range(shift)}
    return table
