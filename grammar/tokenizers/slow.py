"""The tokenizers of transformers that are written in Python, and copies of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft.grammar.tokenizers.sentencepiece import add_piece
from weft.grammar.tokenizers.table import Table, add_added


def read_slow_sentencepiece(tokenizer: Any) -> Table:
    """transformers may give its own ids to the pieces of a sentencepiece model, and has added tokens beside it."""
    processor = tokenizer.sp_model
    table = Table("sentencepiece tokenizer", byte_fallback=True)
    added = dict(tokenizer.added_tokens_decoder)
    for piece, token_id in tokenizer.get_vocab().items():
        piece_id = processor.piece_to_id(piece)
        if (
            token_id not in added
            and 0 <= piece_id < processor.get_piece_size()
            and processor.id_to_piece(piece_id) == piece
        ):
            add_piece(table, processor, piece_id, token_id)
    add_added(table, ((at, token.content, token.special) for at, token in added.items()), str.encode)
    table.decode, table.encode = slow_codec(tokenizer)
    return table


def read_slow_byte_level(tokenizer: Any) -> Table:
    """The pure-Python byte-level BPE of transformers, and copies of it."""
    table = Table("byte-level BPE tokenizer")
    byte_of = tokenizer.byte_decoder
    added = dict(tokenizer.added_tokens_decoder)
    for piece, token_id in tokenizer.get_vocab().items():
        table.pieces[token_id] = piece
        if token_id not in added:
            table.tokens[token_id] = (
                bytes(byte_of[char] for char in piece) if all(c in byte_of for c in piece) else piece.encode()
            )
    add_added(table, ((at, token.content, token.special) for at, token in added.items()), str.encode)
    table.decode, table.encode = slow_codec(tokenizer)
    return table


def slow_codec(tokenizer: Any) -> tuple[Callable[[list[int]], str], Callable[[str], list[int]]]:
    def decode(ids: list[int]) -> str:
        text: str = tokenizer.decode(
            ids, skip_special_tokens=False, clean_up_tokenization_spaces=False, spaces_between_special_tokens=False
        )
        return text

    return decode, lambda text: list(tokenizer.encode(text, add_special_tokens=False))
