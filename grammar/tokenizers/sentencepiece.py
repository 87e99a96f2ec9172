"""Sentencepiece models: every piece says what it is."""

from __future__ import annotations

from typing import Any

from weft.grammar.tokenizers.table import Table


def read_sentencepiece(processor: Any) -> Table:
    table = Table("sentencepiece model", byte_fallback=True)
    for token_id in range(processor.get_piece_size()):
        add_piece(table, processor, token_id, token_id)
    if processor.eos_id() >= 0:
        table.eos = [processor.eos_id()]
    table.decode = processor.decode
    table.encode = processor.encode
    return table


def add_piece(table: Table, processor: Any, piece_id: int, token_id: int) -> None:
    piece = processor.id_to_piece(piece_id)
    table.pieces[token_id] = piece
    if processor.is_byte(piece_id):
        table.tokens[token_id] = bytes([int(piece[3:5], 16)])
    elif processor.is_control(piece_id) or processor.is_unknown(piece_id):
        table.specials[piece] = token_id
    elif not processor.is_unused(piece_id):
        table.tokens[token_id] = piece.replace("▁", " ").encode()
