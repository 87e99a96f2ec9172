"""The check of what was read: the tokenizer is asked itself, every id once among random neighbours, and whole texts."""

from __future__ import annotations

import random
from collections.abc import Sequence

from weft.errors import VocabularyError
from weft.grammar.tokenizers.table import Table


def check(table: Table) -> None:
    """Asks the tokenizer itself: every id once among random neighbours, and texts there and back."""
    for token_id in table.specials.values():
        table.tokens.pop(token_id, None)
    if table.decode is None:
        return  # the file gives the bytes themselves, or `tokenizers` is not installed and the decoder's type must do
    tokens = table.tokens
    ids = [token_id for token_id, text in tokens.items() if text]
    # A run of byte tokens that is no UTF-8 is shown in different ways; they are checked where they spell characters.
    alone = {at for at in ids if table.byte_fallback and len(tokens[at]) == 1 and tokens[at][0] >= 0x80}
    letters = [at for at in ids if tokens[at].isalnum()]
    anchor = letters[:1]  # stands at both ends, since some decoders cut a blank at the start or end of a whole text
    random.Random(0).shuffle(ids)
    common = [at for at in ids if at not in alone]
    for start in range(0, len(common), 256):
        _compare(table, anchor, common[start : start + 256])
    byte_ids = {tokens[at]: at for at in ids if len(tokens[at]) == 1}
    for text in _SAMPLES:
        spelled = [byte_ids.get(bytes([byte])) for byte in text.encode()]
        if None not in spelled:
            _compare(table, anchor, [at for at in spelled if at is not None])
        if table.encode is not None and table.decode is not None:
            _round_trip(table, anchor, text)


def _round_trip(table: Table, anchor: list[int], text: str) -> None:
    assert table.encode is not None and table.decode is not None
    ids = list(table.encode(text))
    if not all(table.tokens.get(at) for at in ids):
        return  # an unknown character: this tokenizer cannot write it
    _compare(table, anchor, ids)
    shown = table.decode(ids)
    if (shown if isinstance(shown, bytes) else shown.encode()) != text.encode():
        return  # lossy on the way in; what it decodes is still what its tokens write
    written = b"".join(table.tokens[at] for at in ids)
    if written not in (text.encode(), b" " + text.encode()):  # sentencepiece puts a blank in front of a whole text
        raise VocabularyError(
            f"this {table.kind} cannot be used: the bytes of its tokens are not the text that they encode",
            where=f"{text!r} became {written!r}",
        )


def _compare(table: Table, anchor: list[int], ids: list[int]) -> None:
    if _agree(table, [*anchor, *ids, *anchor]):
        return
    culprit = next((at for at in ids if not _agree(table, [*anchor, at, *anchor])), None)
    if culprit is not None:
        shown = [culprit]
        what = f"token {culprit} {table.pieces.get(culprit, '')!r} does not write the bytes that it should"
    else:
        while len(ids) > 1:  # the shortest stretch that shows it
            half = len(ids) // 2
            worse = next(
                (
                    part
                    for part in (ids[:half], ids[half:], ids[1:], ids[:-1])
                    if not _agree(table, [*anchor, *part, *anchor])
                ),
                None,
            )
            if worse is None:
                break
            ids = worse
        shown = ids
        what = "what a token writes depends on the tokens beside it"
    assert table.decode is not None
    decoded = table.decode([*anchor, *shown, *anchor])
    written = b"".join(table.tokens[at] for at in [*anchor, *shown, *anchor])
    raise VocabularyError(
        f"this {table.kind} cannot be used: {what}",
        where=f"tokens {shown[:8]} decode to {decoded!r:.200}, their bytes are {written!r:.200}",
        expected="decode(ids) == concatenation of the tokens' bytes",
    )


def _agree(table: Table, ids: list[int]) -> bool:
    assert table.decode is not None
    written, decoded = b"".join(table.tokens[at] for at in ids), table.decode(ids)
    return decoded == (written if isinstance(decoded, bytes) else written.decode("utf-8", "replace"))


def _samples() -> Sequence[str]:
    code = 'int main() {\n\treturn x->y[0] != 0x1F ? -1 : 2; // "ok"\n}\n'
    prose = "Ada's e-mail: ada@example.org , 3.14 % of 1,000;  two blanks . It is n't so ? I 'm not sure ! Yes."
    data = '{"name": "Zoë", "tags": ["a", "b"], "n": -1.5e+10, "t": true}'
    points = [
        *range(0x20, 0x250),
        *range(0x370, 0x2000, 37),
        *range(0x3041, 0xD700, 501),
        *range(0x1F300, 0x1F700, 61),
        0x10FFFF,
    ]
    runs = ["".join(map(chr, points[start : start + 16])) for start in range(0, len(points), 16)]
    return [code, prose, data, *runs]


_SAMPLES = _samples()
