"""Which reader a tokenizer or a file wants."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from weft.errors import VocabularyError
from weft.grammar.tokenizers.byte_tables import (
    RANK_LINE,
    read_encoding,
    read_ranks,
    read_tekken,
    read_tekkenizer,
)
from weft.grammar.tokenizers.sentencepiece import read_sentencepiece
from weft.grammar.tokenizers.slow import read_slow_byte_level, read_slow_sentencepiece
from weft.grammar.tokenizers.table import Table, load_json, required
from weft.grammar.tokenizers.tokenizer_json import fast_tokenizer, read_json, serialized


def read(tokenizer: Any) -> Table:
    if isinstance(tokenizer, (str, os.PathLike)):
        return read_path(Path(tokenizer))
    if isinstance(tokenizer, bytes):
        raise VocabularyError("a tokenizer cannot be read from bytes", expected="an object or a path")
    kind = type(tokenizer).__name__
    if callable(getattr(tokenizer, "to_str", None)) and hasattr(tokenizer, "id_to_token"):  # tokenizers.Tokenizer
        return read_json(load_json(serialized(tokenizer), kind), tokenizer)
    if hasattr(tokenizer, "_mergeable_ranks") and hasattr(tokenizer, "_special_tokens"):  # tiktoken.Encoding
        return read_encoding(tokenizer)
    if hasattr(tokenizer, "id_to_piece") and hasattr(tokenizer, "is_byte") and hasattr(tokenizer, "get_piece_size"):
        return read_sentencepiece(tokenizer)
    if hasattr(tokenizer, "id_to_byte_piece") and hasattr(
        tokenizer, "num_special_tokens"
    ):  # mistral-common's Tekkenizer
        return read_tekkenizer(tokenizer)
    if hasattr(tokenizer, "sp_model") and hasattr(tokenizer, "get_vocab"):
        return _with_names(read_slow_sentencepiece(tokenizer), tokenizer)
    # Wrappers: transformers' fast tokenizers, mistral-common and what holds one of them, remote code around tiktoken.
    for attribute in ("backend_tokenizer", "instruct_tokenizer", "tokenizer", "_model", "model"):
        inner = getattr(tokenizer, attribute, None)
        if inner is not None and inner is not tokenizer and not isinstance(inner, (str, int, dict, list)):
            return _with_names(read(inner), tokenizer)
    if isinstance(getattr(tokenizer, "byte_decoder", None), dict) and hasattr(tokenizer, "get_vocab"):
        return _with_names(read_slow_byte_level(tokenizer), tokenizer)
    raise VocabularyError(
        f"{kind} is not a tokenizer whose tokens are known to be fixed strings of bytes",
        expected="a tokenizer of transformers, tokenizers, tiktoken, sentencepiece or mistral-common, or a path",
        hint="weft.Vocabulary(tokens, eos) takes the bytes of every token as they are",
    )


def _with_names(table: Table, tokenizer: Any) -> Table:
    """What transformers knows beyond the tokenizer that it wraps: special tokens, and which one ends a text."""
    names, ids = getattr(tokenizer, "all_special_tokens", None), getattr(tokenizer, "all_special_ids", None)
    for name, token_id in zip(names or (), ids or (), strict=False):
        if isinstance(token_id, int):
            table.specials.setdefault(str(name), token_id)
            table.tokens.pop(token_id, None)
    end = getattr(tokenizer, "eos_token_id", None)
    table.eos += [end] if isinstance(end, int) else list(end or ())
    return table


def read_path(path: Path) -> Table:
    if path.is_dir():
        return _read_folder(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise VocabularyError(
            f"no tokenizer can be read from {str(path)!r}",
            where=error.strerror or type(error).__name__,
            expected="a tokenizer.json, tekken.json, sentencepiece model, tiktoken rank file, or a folder with one",
            hint="for a checkpoint by name: weft.decoders.hf.load_tokenizer(name)",
        ) from None
    if data.lstrip()[:1] == b"{":
        content = load_json(data, str(path))
        if isinstance(content.get("vocab"), list) and isinstance(content.get("config"), dict):
            return read_tekken(content)
        tokenizer = fast_tokenizer(data)
        # The package has the last word: it gives new ids to added tokens whose ids in the file leave gaps.
        return read_json(content if tokenizer is None else load_json(serialized(tokenizer), str(path)), tokenizer)
    if RANK_LINE.match(data[: data.find(b"\n") + 1 or None]):
        return read_ranks(data)
    processor = required("sentencepiece", "a sentencepiece model").SentencePieceProcessor()
    try:
        processor.LoadFromSerializedProto(data)
    except RuntimeError as error:
        raise VocabularyError(
            f"{str(path)!r} is no tokenizer that we know",
            where=str(error)[:200],
            expected="a tokenizer.json, a tekken.json, a sentencepiece model or a tiktoken rank file",
        ) from None
    return read_sentencepiece(processor)


def _read_folder(folder: Path) -> Table:
    names = ["tokenizer.json", "tekken.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model"]
    names += sorted(path.name for path in folder.glob("*.tiktoken"))
    file = next((folder / name for name in names if (folder / name).is_file()), None)
    if file is None:
        raise VocabularyError(f"the folder {str(folder)!r} has no tokenizer", expected=f"one of {', '.join(names)}")
    table = read_path(file)

    def setting(name: str) -> dict[str, Any]:
        beside = folder / name
        return load_json(beside.read_bytes(), str(beside)) if beside.is_file() else {}

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
