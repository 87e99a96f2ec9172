"""tokenizer.json, of the package tokenizers: the section "decoder" says what a piece is, written out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from weft.errors import VocabularyError
from weft.grammar.tokenizers.table import Table, add_added


def serialized(tokenizer: Any) -> str:
    parts: list[Any] = []
    for name in ("normalizer", "pre_tokenizer", "decoder"):
        part: Any = getattr(tokenizer, name, None)
        parts += part if type(part).__name__ == "Sequence" and name != "decoder" else [part]
    for part in parts:
        kind = type(part).__name__
        if kind in (
            "Normalizer",
            "PreTokenizer",
            "Decoder",
        ):  # written in Python: the others are of classes below these
            raise VocabularyError("this tokenizer has parts that only Python knows", where=f"custom {kind}")
    text: str = tokenizer.to_str()
    return text


def fast_tokenizer(data: bytes) -> Any:
    """The file as the package `tokenizers` reads it, for the check; None if the package is not installed."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        return None
    try:
        return Tokenizer.from_buffer(data)
    except ValueError as error:
        raise VocabularyError("this tokenizer.json cannot be read", where=str(error)[:200]) from None


def read_json(content: dict[str, Any], tokenizer: Any) -> Table:
    model = content.get("model")
    if not isinstance(model, dict):
        raise VocabularyError("this tokenizer.json has no model")
    kind = model.get("type")
    if kind is None:
        kind = "BPE" if "merges" in model else "WordPiece" if "continuing_subword_prefix" in model else "WordLevel"
    table = Table(f"{kind or 'unknown'} tokenizer")
    to_bytes = _decoder(content.get("decoder"), table)
    pieces = model.get("vocab")
    if isinstance(pieces, dict):
        items: Iterable[tuple[Any, Any]] = pieces.items()
    elif isinstance(pieces, list):  # Unigram: [piece, score]
        items = ((piece[0] if isinstance(piece, list) and piece else piece, at) for at, piece in enumerate(pieces))
    else:
        raise VocabularyError("the model of this tokenizer.json has no vocabulary")
    try:
        for piece, token_id in items:
            table.pieces[token_id] = piece
            table.tokens[token_id] = to_bytes(piece)
        if not all(type(token_id) is int for token_id in table.tokens):
            raise TypeError("an id is not a whole number")
        added = [(token["id"], token["content"], token["special"]) for token in content.get("added_tokens") or ()]
        add_added(table, added, to_bytes)
    except (KeyError, TypeError, AttributeError, UnicodeError) as error:
        raise VocabularyError("this tokenizer.json cannot be read", where=f"{type(error).__name__}: {error}") from None
    unknown = model.get("unk_token")
    if isinstance(pieces, list) and isinstance(model.get("unk_id"), int) and 0 <= model["unk_id"] < len(pieces):
        unknown = pieces[model["unk_id"]][0]
    if isinstance(unknown, str):
        at = next((token_id for token_id, piece in table.pieces.items() if piece == unknown), None)
        if at is not None:
            table.specials.setdefault(unknown, at)
    for token_id in table.specials.values():
        table.tokens.pop(token_id, None)
    if tokenizer is not None:
        table.decode = lambda ids: tokenizer.decode(ids, skip_special_tokens=False)
        table.encode = lambda text: list(tokenizer.encode(text, add_special_tokens=False).ids)
    return table


def _decoder(decoder: Any, table: Table) -> Callable[[str], bytes]:
    """piece -> bytes. A chain of decoders is one function if each step looks at one token alone."""
    steps: list[Callable[[str], str]] = []
    finish: Callable[[str], bytes] = _text
    fused = False
    for step in _flattened(decoder):
        kind = step.get("type")
        if kind == "ByteLevel":
            finish = _byte_level
        elif kind == "ByteFallback":
            table.byte_fallback = True
            finish = _byte_fallback
        elif kind == "Metaspace":
            steps.append(_replacer(str(step.get("replacement", "▁")), " "))
        elif kind == "Replace":
            pattern = step.get("pattern")
            old = pattern.get("String") if isinstance(pattern, dict) else None
            if not isinstance(old, str) or not old or (fused and len(old) > 1):
                raise _refused("its decoder replaces a pattern that may reach over several tokens", step)
            steps.append(_replacer(old, str(step.get("content", ""))))
        elif kind == "Strip":
            if step.get("stop") and fused:
                raise _refused("its decoder cuts off the end of the text", step)
            if not fused:  # else it only cuts the start of the whole text, and we write after a prompt
                steps.append(
                    _stripper(str(step.get("content", " ")), int(step.get("start", 0)), int(step.get("stop", 0)))
                )
        elif kind == "Fuse":
            fused = True
        elif kind == "WordPiece":
            raise _refused("WordPiece writes a blank or none before a token, as its neighbours will have it", step)
        elif kind == "BPEDecoder":
            raise _refused("the blank that ends a word is written only if another word follows", step)
        elif kind == "CTC":
            raise _refused("CTC drops a token that repeats the one before it", step)
        else:
            raise _refused(f"its decoder {kind!r} is not known", step)
    if not steps:
        return finish

    def to_bytes(piece: str) -> bytes:
        for step in steps:
            piece = step(piece)
        return finish(piece)

    return to_bytes


def _text(piece: str) -> bytes:
    return piece.encode()


def _flattened(decoder: Any, depth: int = 0) -> list[dict[str, Any]]:
    if decoder is None and depth == 0:
        raise _refused(
            "it has no decoder, so its tokens are joined with blanks", None, "tokenizer.decoder = decoders.Fuse()"
        )
    if not isinstance(decoder, dict) or depth > 8:
        raise VocabularyError("the decoder of this tokenizer.json cannot be read", where=repr(decoder)[:200])
    if decoder.get("type") != "Sequence":
        return [decoder]
    return [step for inner in decoder.get("decoders") or () for step in _flattened(inner, depth + 1)]


def _refused(reason: str, step: Any, hint: str = "") -> VocabularyError:
    return VocabularyError(
        f"this tokenizer cannot be used: {reason}",
        where=f"decoder: {json.dumps(step, ensure_ascii=False)[:200]}",
        expected="a decoder that writes every token as the same bytes, whatever stands beside it",
        hint=hint,
    )


def _replacer(old: str, new: str) -> Callable[[str], str]:
    return lambda piece: piece.replace(old, new)


def _stripper(char: str, start: int, stop: int) -> Callable[[str], str]:
    def strip(piece: str) -> str:
        for _ in range(start):
            piece = piece.removeprefix(char)
        for _ in range(stop):
            piece = piece.removesuffix(char)
        return piece

    return strip


def _byte_alphabet() -> dict[str, str]:
    """How byte-level BPE spells bytes: printable Latin-1 stands for itself, the rest follows from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    alphabet = {chr(byte): chr(byte) for byte in printable}
    alphabet |= {chr(0x100 + at): chr(byte) for at, byte in enumerate(sorted(set(range(0x100)) - printable))}
    # What is Latin-1 but no letter of this alphabet must not pass for a byte: anything beyond Latin-1 will do.
    alphabet |= {chr(byte): "\uffff" for byte in range(0x100) if byte not in printable}
    return alphabet


_BYTE_ALPHABET = str.maketrans(_byte_alphabet())


def _byte_level(piece: str) -> bytes:
    """A piece that is not spelled in the byte alphabet throughout is text as it is (an added token)."""
    try:
        return piece.translate(_BYTE_ALPHABET).encode("latin-1")
    except UnicodeEncodeError:
        return piece.encode()


_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>\Z")


def _byte_fallback(piece: str) -> bytes:
    byte = _BYTE_PIECE.match(piece)
    return bytes([int(byte[1], 16)]) if byte else piece.encode()
