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

import json
import threading
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np

from weft.errors import VocabularyError
from weft.grammar.tokenizers.check import check
from weft.grammar.tokenizers.read import read
from weft.grammar.tokenizers.table import assembled, token_id_of

LONGEST_TOKEN = 4_000  # bytes; the core's walks keep their path in fixed arrays


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
            if token is not None and len(token) > LONGEST_TOKEN:
                raise VocabularyError(
                    f"token {token_id} has {len(token)} bytes",
                    expected=f"at most {LONGEST_TOKEN}",
                    hint="None for an id that is never text",
                )
            if not table[token_id]:
                table[token_id] = None
        self.size = len(table)
        ends = [token_id_of(end, self.size, "end token") for end in _listed(eos)]
        self.specials = {
            _name(name): token_id_of(at, self.size, f"special token {name!r}")
            for name, at in dict(specials or {}).items()
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
        table = read(tokenizer)
        table.specials.update(specials or {})
        check(table)
        vocabulary = _interned(*assembled(table, size, wanted))
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
        return b"".join(tokens[token_id_of(token_id, self.size, "token")] or b"" for token_id in ids)

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


def _name(value: object) -> str:
    name = str(value)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise VocabularyError(
            f"special token {name!r} holds half of a surrogate pair", expected="a name that can be written as UTF-8"
        ) from None
    return name
