"""Vocabulary: the bytes of every token, the end tokens, and the special ones, which are never text.

    id        0         1        2         3            4         5
    piece     "Ġthe"    "é"      "<0x0A>"  "<|end|>"    (none)    "<tool>"
    bytes     b" the"   b"\\xe9"  b"\\n"     None, eos    None      b"<tool>"      added, but not special: plain text

A tokenizer is accepted only if its text is the concatenation of its tokens: `decode(ids) == concat(bytes of ids)`,
whatever stands beside a token. That is checked when it is loaded, every id once, with the tokenizer's own decoder. A
normaliser that changes text on its way in (NFC, a blank in front) does no harm; a decoder that looks at neighbours
(WordPiece) does.
"""

from __future__ import annotations

import base64
import binascii
import importlib
import json
import os
import random
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np

from weft.errors import VocabularyError

_MOST_IDS = (
    1 << 22
)  # a tokenizer file that names a larger id is broken, and would ask for the memory of all ids below it

# Tokens that end a text or a turn in the families that we know. One of them counts only if it is a special token.
END_NAMES = frozenset(
    """
    </s> <eos> [EOS] <|endoftext|> <|end_of_text|> <|eot_id|> <|eom_id|> <|eot|> <|im_end|> <|end|> <|return|>
    <end_of_turn> <turn|> <|end_of_turn|> <|END_OF_TURN_TOKEN|> <EOT> <|EOT|> <｜end▁of▁sentence｜>
    <|end_of_sentence|> <|role_end|>
    """.split()
)

# tekken files of before 2024-11 do not list their special tokens; these stand at ids 0, 1, 2, ...
_TEKKEN_SPECIALS = """
    <unk> <s> </s> [INST] [/INST] [AVAILABLE_TOOLS] [/AVAILABLE_TOOLS] [TOOL_RESULTS] [/TOOL_RESULTS] [TOOL_CALLS] [IMG]
    <pad> [IMG_BREAK] [IMG_END] [PREFIX] [MIDDLE] [SUFFIX] [SYSTEM_PROMPT] [/SYSTEM_PROMPT] [TOOL_CONTENT]
    """.split()


class Vocabulary:
    """Token id -> bytes; immutable.

    Args:
        tokens: bytes of token i at place i, or None for an id that is never text: special, end, unused, padding.
        eos: the end tokens. They are never text, whatever bytes `tokens` gives them.
        specials: name -> id of the special tokens that a grammar may name. They are never text either.
    A token of no bytes would be legal everywhere and change nothing; it counts as unused.
    Raises:
        VocabularyError: something is not bytes, or an id does not exist.
    """

    __slots__ = ("__weakref__", "_core", "_digest", "_lock", "eos", "size", "specials", "tokens")

    tokens: tuple[bytes | None, ...]
    eos: tuple[int, ...]
    specials: dict[str, int]
    size: int

    def __init__(
        self, tokens: Iterable[bytes | None], eos: Iterable[int], *, specials: Mapping[str, int] | None = None
    ) -> None:
        table = list(tokens)
        for token_id, token in enumerate(table):
            if token is not None and type(token) is not bytes:
                if not isinstance(token, (bytes, bytearray, memoryview)):
                    raise VocabularyError(
                        f"token {token_id} is {token!r}",
                        expected="bytes, or None for an id that is never text",
                        hint="text.encode()" if isinstance(token, str) else "",
                    )
                table[token_id] = bytes(token)
            if not table[token_id]:
                table[token_id] = None
        self.size = len(table)
        ends = [_token_id(end, self.size, "end token") for end in _listed(eos)]
        self.specials = {
            str(name): _token_id(at, self.size, f"special token {name!r}") for name, at in (specials or {}).items()
        }
        for token_id in (*ends, *self.specials.values()):
            table[token_id] = None
        self.eos = tuple(dict.fromkeys(ends))
        self.tokens = tuple(table)
        self._core: Any = None
        self._digest: bytes | None = None
        self._lock = threading.Lock()

    @classmethod
    def from_tokenizer(
        cls,
        tokenizer: Any,
        *,
        size: int | None = None,
        eos: int | str | Iterable[int | str] | None = None,
        specials: Mapping[str, int] | None = None,
    ) -> Vocabulary:
        """The vocabulary of a tokenizer, checked against the tokenizer's own decoder.

        Args:
            tokenizer: from transformers, tokenizers, tiktoken, sentencepiece or mistral-common, or the path of a
                tokenizer.json, a tekken.json, a sentencepiece model, a tiktoken rank file, or a folder with one.
                A Vocabulary is returned as is.
            size: width of the model's rows of scores, if it is not the number of ids. Ids that the tokenizer lacks are
                unused; ids that the model lacks cannot be written and are left out.
            eos: the end tokens, by id or name, in place of those that the tokenizer and its family name.
            specials: name -> id of more special tokens; a rank file lists none.
        Raises:
            VocabularyError: the tokens are not a fixed string of bytes each, or no end token is known.
        Cost: about a second for 130,000 ids. Another call with the same tokenizer, or another one with the same tokens,
            returns the same vocabulary as long as somebody holds it, and with it all masks that were computed for it.
        """
        if isinstance(tokenizer, Vocabulary):
            return tokenizer
        wanted = None if eos is None else tuple(_listed(eos))
        key = (size, wanted, tuple(sorted((specials or {}).items())), *_state(tokenizer))
        known = _remembered(tokenizer)
        if known is not None and (vocabulary := known.get(key)) is not None:
            return vocabulary
        table = _read(tokenizer)
        table.specials.update(specials or {})
        _check(table)
        vocabulary = _interned(*_assembled(table, size, wanted))
        if known is not None:
            known[key] = vocabulary
        return vocabulary

    @property
    def core(self) -> Any:
        """The native vocabulary, built on first use and shared by every constraint."""
        if self._core is None:
            with self._lock:
                if self._core is None:
                    from weft import _core

                    self._core = _core.Vocabulary(list(self.tokens), list(self.eos), self.specials)
        return self._core

    @property
    def digest(self) -> bytes:
        """16 bytes that differ where two vocabularies differ."""
        if self._digest is None:
            lengths = np.array([-1 if token is None else len(token) for token in self.tokens], np.int32)
            digest = blake2b(lengths.tobytes(), digest_size=16)
            digest.update(b"".join(token for token in self.tokens if token))
            digest.update(json.dumps([self.eos, sorted(self.specials.items())]).encode())
            self._digest = digest.digest()
        return self._digest

    def decode(self, ids: Iterable[int]) -> bytes:
        """The bytes that these tokens write; those that are never text write none."""
        tokens = self.tokens
        return b"".join(tokens[_token_id(token_id, self.size, "token")] or b"" for token_id in ids)

    def __len__(self) -> int:
        return self.size

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Vocabulary) and self.digest == other.digest)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        text = sum(token is not None for token in self.tokens)
        return f"<Vocabulary: {self.size} ids, {text} with bytes, {len(self.specials)} special, eos {list(self.eos)}>"

    def __reduce__(self) -> tuple[object, ...]:
        return _interned, (self.tokens, self.eos, self.specials)


_shared: WeakValueDictionary[bytes, Vocabulary] = WeakValueDictionary()
_shared_lock = threading.Lock()
_by_tokenizer: WeakKeyDictionary[Any, WeakValueDictionary[Any, Vocabulary]] = WeakKeyDictionary()


def _interned(tokens: Iterable[bytes | None], eos: Iterable[int], specials: Mapping[str, int]) -> Vocabulary:
    """The vocabulary with these tokens; one that is in use already, if there is one: masks are stored beside it."""
    vocabulary = Vocabulary(tokens, eos, specials=specials)
    with _shared_lock:
        return _shared.setdefault(vocabulary.digest, vocabulary)


def _remembered(tokenizer: Any) -> WeakValueDictionary[Any, Vocabulary] | None:
    try:
        return _by_tokenizer.setdefault(tokenizer, WeakValueDictionary())
    except TypeError:  # a path, or an object that cannot be hashed or weakly referred to
        return None


def _state(tokenizer: Any) -> tuple[object, ...]:
    """What may change in a tokenizer between two calls: tokens are added, the end token is set."""
    count = getattr(tokenizer, "get_vocab_size", None) or getattr(tokenizer, "__len__", None)
    return (count() if callable(count) else None, getattr(tokenizer, "eos_token_id", None))


def _listed(ids: Any) -> list[Any]:
    if isinstance(ids, (int, str)):
        return [ids]
    try:
        return list(ids)
    except TypeError:
        raise VocabularyError(f"{ids!r} is not a list of tokens", expected="token ids") from None


def _token_id(value: Any, size: int, what: str) -> int:
    try:
        token_id = value.__index__()
    except AttributeError:
        raise VocabularyError(f"{what} {value!r} is not a token id", expected="a whole number") from None
    if not 0 <= token_id < size:
        raise VocabularyError(f"{what} {token_id} does not exist", expected=f"an id from 0 to {size - 1}")
    return int(token_id)


# ---------------------------------------------------------------------------------------------------------------------
# What a reader finds in a tokenizer, and what becomes of it.


@dataclass
class _Table:
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


def _assembled(
    table: _Table, size: int | None, wanted: tuple[int | str, ...] | None
) -> tuple[list[bytes | None], list[int], dict[str, int]]:
    ids = [*table.tokens, *table.specials.values()]
    if not ids:
        raise VocabularyError(f"this {table.kind} has no tokens")
    if min(ids) < 0 or max(ids) >= _MOST_IDS:
        raise VocabularyError(
            f"token id {min(ids) if min(ids) < 0 else max(ids)} is out of range",
            expected=f"ids from 0 to {_MOST_IDS - 1}",
        )
    width = size if size is not None else max(table.size or 0, max(ids) + 1)
    if not 0 < width <= _MOST_IDS:
        raise VocabularyError(f"a vocabulary cannot have {width} ids", expected=f"a size from 1 to {_MOST_IDS}")
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
            ends.append(_token_id(end, width, "end token"))
    tokens: list[bytes | None] = [None] * width
    for token_id, text in table.tokens.items():
        if token_id < width:
            tokens[token_id] = text
    return tokens, ends, {name: at for name, at in table.specials.items() if at < width}


# ---------------------------------------------------------------------------------------------------------------------
# Readers: objects.


def _read(tokenizer: Any) -> _Table:
    if isinstance(tokenizer, (str, os.PathLike)):
        return _read_path(Path(tokenizer))
    if isinstance(tokenizer, bytes):
        raise VocabularyError("a tokenizer cannot be read from bytes", expected="an object or a path")
    kind = type(tokenizer).__name__
    if callable(getattr(tokenizer, "to_str", None)) and hasattr(tokenizer, "id_to_token"):  # tokenizers.Tokenizer
        return _read_json(_loaded(_serialized(tokenizer), kind), tokenizer)
    if hasattr(tokenizer, "_mergeable_ranks") and hasattr(tokenizer, "_special_tokens"):  # tiktoken.Encoding
        return _read_encoding(tokenizer)
    if hasattr(tokenizer, "id_to_piece") and hasattr(tokenizer, "is_byte") and hasattr(tokenizer, "get_piece_size"):
        return _read_sentencepiece(tokenizer)
    if hasattr(tokenizer, "id_to_byte_piece") and hasattr(
        tokenizer, "num_special_tokens"
    ):  # mistral-common's Tekkenizer
        return _read_tekkenizer(tokenizer)
    if hasattr(tokenizer, "sp_model") and hasattr(tokenizer, "get_vocab"):
        return _with_names(_read_slow_sentencepiece(tokenizer), tokenizer)
    # Wrappers: transformers' fast tokenizers, mistral-common and what holds one of them, remote code around tiktoken.
    for attribute in ("backend_tokenizer", "instruct_tokenizer", "tokenizer", "_model", "model"):
        inner = getattr(tokenizer, attribute, None)
        if inner is not None and inner is not tokenizer and not isinstance(inner, (str, int, dict, list)):
            return _with_names(_read(inner), tokenizer)
    if isinstance(getattr(tokenizer, "byte_decoder", None), dict) and hasattr(tokenizer, "get_vocab"):
        return _with_names(_read_slow_byte_level(tokenizer), tokenizer)
    raise VocabularyError(
        f"{kind} is not a tokenizer whose tokens are known to be fixed strings of bytes",
        expected="a tokenizer of transformers, tokenizers, tiktoken, sentencepiece or mistral-common, or a path",
        hint="weft.Vocabulary(tokens, eos) takes the bytes of every token as they are",
    )


def _with_names(table: _Table, tokenizer: Any) -> _Table:
    """What transformers knows beyond the tokenizer that it wraps: special tokens, and which one ends a text."""
    names, ids = getattr(tokenizer, "all_special_tokens", None), getattr(tokenizer, "all_special_ids", None)
    for name, token_id in zip(names or (), ids or (), strict=False):
        if isinstance(token_id, int):
            table.specials.setdefault(str(name), token_id)
            table.tokens.pop(token_id, None)
    end = getattr(tokenizer, "eos_token_id", None)
    table.eos += [end] if isinstance(end, int) else list(end or ())
    return table


def _read_encoding(encoding: Any) -> _Table:
    table = _Table("tiktoken encoding", {rank: text for text, rank in encoding._mergeable_ranks.items()})
    table.specials = dict(encoding._special_tokens)
    table.decode = encoding.decode_bytes
    table.encode = encoding.encode_ordinary
    return table


def _read_tekkenizer(tokenizer: Any) -> _Table:
    table = _Table("tekken tokenizer")
    for token_id in range(tokenizer.n_words):
        if tokenizer.is_special(token_id):
            table.specials[tokenizer.id_to_piece(token_id)] = token_id
        else:
            table.tokens[token_id] = tokenizer.id_to_byte_piece(token_id)
    table.eos = [tokenizer.eos_id]
    table.decode = tokenizer.decode
    table.encode = lambda text: list(tokenizer.encode(text, bos=False, eos=False))
    return table


def _read_sentencepiece(processor: Any) -> _Table:
    table = _Table("sentencepiece model", byte_fallback=True)
    for token_id in range(processor.get_piece_size()):
        _add_piece(table, processor, token_id, token_id)
    if processor.eos_id() >= 0:
        table.eos = [processor.eos_id()]
    table.decode = processor.decode
    table.encode = processor.encode
    return table


def _add_piece(table: _Table, processor: Any, piece_id: int, token_id: int) -> None:
    piece = processor.id_to_piece(piece_id)
    table.pieces[token_id] = piece
    if processor.is_byte(piece_id):
        table.tokens[token_id] = bytes([int(piece[3:5], 16)])
    elif processor.is_control(piece_id) or processor.is_unknown(piece_id):
        table.specials[piece] = token_id
    elif not processor.is_unused(piece_id):
        table.tokens[token_id] = piece.replace("▁", " ").encode()


def _read_slow_sentencepiece(tokenizer: Any) -> _Table:
    """transformers may give its own ids to the pieces of a sentencepiece model, and has added tokens beside it."""
    processor = tokenizer.sp_model
    table = _Table("sentencepiece tokenizer", byte_fallback=True)
    added = dict(tokenizer.added_tokens_decoder)
    for piece, token_id in tokenizer.get_vocab().items():
        piece_id = processor.piece_to_id(piece)
        if (
            token_id not in added
            and 0 <= piece_id < processor.get_piece_size()
            and processor.id_to_piece(piece_id) == piece
        ):
            _add_piece(table, processor, piece_id, token_id)
    _add_added(table, ((at, token.content, token.special) for at, token in added.items()), str.encode)
    table.decode, table.encode = _slow_codec(tokenizer)
    return table


def _read_slow_byte_level(tokenizer: Any) -> _Table:
    """The pure-Python byte-level BPE of transformers, and copies of it."""
    table = _Table("byte-level BPE tokenizer")
    byte_of = tokenizer.byte_decoder
    added = dict(tokenizer.added_tokens_decoder)
    for piece, token_id in tokenizer.get_vocab().items():
        table.pieces[token_id] = piece
        if token_id not in added:
            table.tokens[token_id] = (
                bytes(byte_of[char] for char in piece) if all(c in byte_of for c in piece) else piece.encode()
            )
    _add_added(table, ((at, token.content, token.special) for at, token in added.items()), str.encode)
    table.decode, table.encode = _slow_codec(tokenizer)
    return table


def _slow_codec(tokenizer: Any) -> tuple[Callable[[list[int]], str], Callable[[str], list[int]]]:
    def decode(ids: list[int]) -> str:
        text: str = tokenizer.decode(
            ids, skip_special_tokens=False, clean_up_tokenization_spaces=False, spaces_between_special_tokens=False
        )
        return text

    return decode, lambda text: list(tokenizer.encode(text, add_special_tokens=False))


# ---------------------------------------------------------------------------------------------------------------------
# Readers: files.

_RANK_LINE = re.compile(rb"[A-Za-z0-9+/]+={0,2} \d+\r?\n?\Z")


def _read_path(path: Path) -> _Table:
    if path.is_dir():
        return _read_folder(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise VocabularyError(
            f"no tokenizer can be read from {str(path)!r}",
            where=error.strerror or type(error).__name__,
            expected="a tokenizer.json, tekken.json, sentencepiece model, tiktoken rank file, or a folder with one",
            hint="for a model by name: transformers.AutoTokenizer.from_pretrained(name)",
        ) from None
    if data.lstrip()[:1] == b"{":
        content = _loaded(data, str(path))
        if isinstance(content.get("vocab"), list) and isinstance(content.get("config"), dict):
            return _read_tekken(content)
        tokenizer = _fast_tokenizer(data)
        # The package has the last word: it gives new ids to added tokens whose ids in the file leave gaps.
        return _read_json(content if tokenizer is None else _loaded(_serialized(tokenizer), str(path)), tokenizer)
    if _RANK_LINE.match(data[: data.find(b"\n") + 1 or None]):
        return _read_ranks(data)
    processor = _required("sentencepiece", "a sentencepiece model").SentencePieceProcessor()
    try:
        processor.LoadFromSerializedProto(data)
    except RuntimeError as error:
        raise VocabularyError(
            f"{str(path)!r} is no tokenizer that we know",
            where=str(error)[:200],
            expected="a tokenizer.json, a tekken.json, a sentencepiece model or a tiktoken rank file",
        ) from None
    return _read_sentencepiece(processor)


def _read_folder(folder: Path) -> _Table:
    names = ["tokenizer.json", "tekken.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model"]
    names += sorted(path.name for path in folder.glob("*.tiktoken"))
    file = next((folder / name for name in names if (folder / name).is_file()), None)
    if file is None:
        raise VocabularyError(f"the folder {str(folder)!r} has no tokenizer", expected=f"one of {', '.join(names)}")
    table = _read_path(file)

    def setting(name: str) -> dict[str, Any]:
        beside = folder / name
        return _loaded(beside.read_bytes(), str(beside)) if beside.is_file() else {}

    options, config, generation = (
        setting(n) for n in ("tokenizer_config.json", "config.json", "generation_config.json")
    )
    added = options.get("added_tokens_decoder")
    for name, token in added.items() if isinstance(added, dict) else ():
        if isinstance(token, dict) and token.get("special") and name.isdecimal():
            table.specials[str(token.get("content"))] = int(name)
            table.tokens.pop(int(name), None)
    end = options.get("eos_token")
    ends = [end.get("content") if isinstance(end, dict) else end]
    for ids in (generation.get("eos_token_id"), config.get("eos_token_id")):
        ends += ids if isinstance(ids, list) else [ids]
    table.eos += [end for end in ends if isinstance(end, (int, str))]
    for model in (config, config.get("text_config")):
        if isinstance(model, dict) and isinstance(model.get("vocab_size"), int):
            table.size = model["vocab_size"]
    return table


def _read_ranks(data: bytes) -> _Table:
    table = _Table("tiktoken rank file")
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


def _read_tekken(content: dict[str, Any]) -> _Table:
    table = _Table("tekken file")
    try:
        config = content["config"]
        shift, size = int(config["default_num_special_tokens"]), int(config["default_vocab_size"])
        if not 0 <= shift <= size <= _MOST_IDS:
            raise VocabularyError(
                "the sizes in this tekken file do not fit",
                where=f"{shift} special of {size}",
                expected=f"at most {_MOST_IDS} ids",
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


def _loaded(data: str | bytes, where: str) -> dict[str, Any]:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise VocabularyError("this is not JSON", where=f"{where}: {error}") from None
    if not isinstance(content, dict):
        raise VocabularyError("this is not a tokenizer", where=where, expected="a JSON object")
    return content


def _required(package: str, what: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except ImportError:
        raise VocabularyError(f"{what} needs the package {package!r}", hint=f"pip install {package}") from None


def _serialized(tokenizer: Any) -> str:
    try:
        text: str = tokenizer.to_str()
    except Exception as error:
        if type(error) is not Exception:  # tokenizers raises nothing narrower; anything else is a mistake of ours
            raise
        raise VocabularyError("this tokenizer has parts that only Python knows", where=str(error)[:200]) from None
    return text


def _fast_tokenizer(data: bytes) -> Any:
    """The file as the package `tokenizers` reads it, for the check; None if the package is not installed."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        return None
    try:
        return Tokenizer.from_buffer(data)
    except ValueError as error:
        raise VocabularyError("this tokenizer.json cannot be read", where=str(error)[:200]) from None


# ---------------------------------------------------------------------------------------------------------------------
# tokenizer.json: the section "decoder" says what a piece is, written out.


def _read_json(content: dict[str, Any], tokenizer: Any) -> _Table:
    model = content.get("model")
    if not isinstance(model, dict):
        raise VocabularyError("this tokenizer.json has no model")
    kind = model.get("type")
    if kind is None:
        kind = "BPE" if "merges" in model else "WordPiece" if "continuing_subword_prefix" in model else "WordLevel"
    table = _Table(f"{kind or 'unknown'} tokenizer")
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
        _add_added(table, added, to_bytes)
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


def _add_added(table: _Table, added: Iterable[tuple[int, str, bool]], to_bytes: Callable[[str], bytes]) -> None:
    for token_id, content, is_special in added:
        table.pieces[token_id] = content
        if is_special:
            table.specials[content] = token_id
            table.tokens.pop(token_id, None)
        else:
            table.tokens[token_id] = to_bytes(content)


def _decoder(decoder: Any, table: _Table) -> Callable[[str], bytes]:
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


# ---------------------------------------------------------------------------------------------------------------------
# The check.


def _check(table: _Table) -> None:
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


def _round_trip(table: _Table, anchor: list[int], text: str) -> None:
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


def _compare(table: _Table, anchor: list[int], ids: list[int]) -> None:
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


def _agree(table: _Table, ids: list[int]) -> bool:
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
