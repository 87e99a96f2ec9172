"""Real vocabularies of 129k and 131k tokens, taken out of ordinary wheels on PyPI; no model hub is needed.

    deepseek   129,280 ids   litellm          a tokenizer.json, loads as it is
    tekken     131,072 ids   mistral-common   ranked byte strings after 1,000 special ids; merges are read off the ranks
    embedded     1,100 ids   weft itself      for tests: nothing is downloaded

The wheels are downloaded once, not installed, into the folder named by WEFT_BENCH_CACHE, else benchmarks/cache.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class BenchVocabulary:
    """The bytes of every id (None: special or unused), the end token, and text -> ids."""

    name: str
    tokens: list[bytes | None]
    eos: int
    encode: Callable[[str], list[int]]
    tokenizer: Any = None  # transformers.PreTrainedTokenizerFast, which the peers load from

    @property
    def size(self) -> int:
        return len(self.tokens)


def load_vocabulary(name: str) -> BenchVocabulary:
    return {"deepseek": _deepseek, "tekken": _tekken, "embedded": _embedded}[name]()


def cache_folder() -> Path:
    folder = Path(os.environ.get("WEFT_BENCH_CACHE", Path(__file__).parent / "cache"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def from_wheel(package: str, path: str) -> str:
    """The text of one file in the newest wheel of `package`."""
    wheels = f"{package.replace('-', '_')}-*.whl"
    if not any(cache_folder().glob(wheels)):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", package, "-d", str(cache_folder())]
        subprocess.run(command, check=True)
    with zipfile.ZipFile(next(cache_folder().glob(wheels))) as wheel:
        return wheel.read(path).decode("utf-8")


def _deepseek() -> BenchVocabulary:
    from tokenizers import Tokenizer

    text = from_wheel("litellm", "litellm/litellm_core_utils/tokenizers/deepseek_tokenizer.json")
    return _wrap("deepseek", Tokenizer.from_str(text), end="<｜end▁of▁sentence｜>")


def _tekken() -> BenchVocabulary:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    tekken = json.loads(from_wheel("mistral-common", "mistral_common/data/tekken_240911.json"))
    config, n_special = tekken["config"], tekken["config"]["default_num_special_tokens"]
    n_text = config["default_vocab_size"] - n_special
    ranks = {base64.b64decode(entry["token_bytes"]): entry["rank"] for entry in tekken["vocab"][:n_text]}
    spell = _byte_letters()
    letters = {token: "".join(spell[byte] for byte in token) for token in ranks}
    specials = ["<unk>", "<s>", "</s>", *(f"<SPECIAL_{i}>" for i in range(3, n_special))]
    vocabulary = {name: i for i, name in enumerate(specials)}
    vocabulary |= {letters[token]: rank + n_special for token, rank in ranks.items()}
    merges = sorted(
        (rank, ranks[token[:cut]], ranks[token[cut:]], token[:cut], token[cut:])
        for token, rank in ranks.items()
        for cut in range(1, len(token))
        if token[:cut] in ranks and token[cut:] in ranks
    )
    pairs = [(letters[left], letters[right]) for *_, left, right in merges]
    backend = Tokenizer(models.BPE(vocabulary, pairs, ignore_merges=True))
    words = pre_tokenizers.Split(Regex(config["pattern"]), "isolated")
    to_letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence([words, to_letters])
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(specials)
    return _wrap("tekken", backend, end="</s>")


def _embedded() -> BenchVocabulary:
    from weft.decoders import embedded

    return _wrap("embedded", embedded.tokenizer().backend_tokenizer, end="<|end|>")


def _wrap(name: str, backend: Any, *, end: str) -> BenchVocabulary:
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=end, clean_up_tokenization_spaces=False)
    byte_of = {letter: byte for byte, letter in enumerate(_byte_letters())}
    added = backend.get_added_tokens_decoder()
    spellings = backend.get_vocab(with_added_tokens=True)
    tokens: list[bytes | None] = [None] * (max(spellings.values()) + 1)
    for spelling, token_id in spellings.items():
        if token_id not in added:
            tokens[token_id] = bytes(byte_of[letter] for letter in spelling)

    def encode(text: str) -> list[int]:
        ids: list[int] = backend.encode(text, add_special_tokens=False).ids
        return ids

    return BenchVocabulary(name, tokens, backend.token_to_id(end), encode, tokenizer)


def _byte_letters() -> list[str]:
    """The printable letter by which byte-level BPE files write each byte: itself, or the next one from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) if byte in printable else chr(0x100 + hidden.index(byte)) for byte in range(256)]
