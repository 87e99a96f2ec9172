"""One adapter per engine, all with the same verbs: compile, reset, mask, commit, is_complete.

`mask()` writes the packed bits into `words`, a buffer that the engine reuses, as serving engines call it. To add an
engine, write a class here and name it in ENGINES.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import Json
from benchmarks.vocabularies import BenchVocabulary


class Refused(Exception):
    """The engine cannot compile this; `reason` is short enough for a histogram."""

    def __init__(self, reason: str, message: str = ""):
        self.reason = reason
        super().__init__(message or reason)


class Engine(Protocol):
    words: NDArray[np.int32]  # (1, ceil(vocabulary / 32))

    def compile_schema(self, schema: Json) -> None: ...
    def compile_lark(self, text: str) -> None: ...
    def reset(self) -> None: ...
    def mask(self) -> None: ...
    def commit(self, token_id: int) -> bool: ...
    def is_complete(self) -> bool: ...


def empty_words(vocabulary: BenchVocabulary) -> NDArray[np.int32]:
    return np.zeros((1, (vocabulary.size + 31) // 32), np.int32)


class Weft:
    def __init__(self, vocabulary: BenchVocabulary):
        import weft
        from weft.errors import BudgetExceeded, DeadEnd, GrammarError, SchemaError

        self.weft, self.dead_end = weft, DeadEnd
        self.from_json_schema, self.from_lark = weft.from_json_schema, weft.from_lark  # imported now, not when timed
        self.mistakes = (SchemaError, GrammarError, BudgetExceeded)
        if vocabulary.tokenizer is None:
            self.vocabulary = weft.Vocabulary(vocabulary.tokens, [vocabulary.eos])
        else:
            self.vocabulary = weft.Vocabulary.from_tokenizer(
                vocabulary.tokenizer, size=vocabulary.size, eos=[vocabulary.eos]
            )
        self.native = self.vocabulary.core  # built now, as the peers do
        self.languages: dict[str, Any] = {}  # name -> Constraint
        self.prepared = ""  # what `measure_infill` compiled last
        self.words = empty_words(vocabulary)
        self.out = self.words[0].view(np.uint32)

    def compile_schema(self, schema: Json) -> None:
        self.use(lambda: self.from_json_schema(schema))

    def compile_lark(self, text: str) -> None:
        self.use(lambda: self.from_lark(text))

    def compile_language(self, name: str) -> None:
        """One of the languages that ship with weft; compiled once."""
        if name not in self.languages:
            self.use(lambda: self.weft.load(name))
            self.languages[name] = self.constraint
        self.constraint = self.languages[name]

    def use(self, read: Callable[[], Any]) -> None:
        """Compile the Grammar that `read` returns."""
        started = time.process_time_ns()
        try:
            grammar = read()
            self.front_us = (time.process_time_ns() - started) / 1e3  # schema -> grammar; the core does the rest
            self.constraint = self.weft.compile(grammar, self.vocabulary)
            self.matcher = self.constraint.matcher()
        except self.mistakes as error:
            raise Refused(error.what, str(error)) from error

    def reset(self) -> None:
        self.matcher = self.constraint.matcher()

    def mask(self) -> None:
        self.matcher.mask(out=self.out)

    def commit(self, token_id: int) -> bool:
        try:
            self.matcher.commit(token_id)
        except self.dead_end:
            return False
        return True

    def is_complete(self) -> bool:
        return bool(self.matcher.is_complete)


class Llguidance:
    options: Any = None

    def __init__(self, vocabulary: BenchVocabulary):
        import llguidance
        import llguidance.hf

        self.matcher_type = llguidance.LLMatcher
        self.tokenizer = llguidance.hf.from_tokenizer(
            vocabulary.tokenizer, n_vocab=vocabulary.size, eos_token=vocabulary.eos
        )
        self.words = empty_words(vocabulary)
        self.address, self.size_bytes = self.words.ctypes.data, self.words.nbytes

    def compile_schema(self, schema: Json) -> None:
        if isinstance(schema, bool) and self.options:
            raise Refused("options need an object schema")
        text = json.dumps(schema)
        self.use(lambda: self.matcher_type.grammar_from_json_schema(text, overrides=self.options))

    def compile_lark(self, text: str) -> None:
        self.use(lambda: self.matcher_type.grammar_from_lark(text))

    def use(self, read: Callable[[], str]) -> None:
        """Compile the grammar that `read` returns."""
        try:
            grammar = read()
        except ValueError as error:
            raise Refused(str(error)[:60], str(error)) from error
        self.matcher = self.matcher_type(self.tokenizer, grammar, log_level=0)
        if self.matcher.is_error():
            raise Refused(self.matcher.get_error().split("\n")[0][:60], self.matcher.get_error())

    def reset(self) -> None:
        self.matcher.reset()

    def mask(self) -> None:
        self.matcher.unsafe_compute_mask_ptr(self.address, self.size_bytes)

    def commit(self, token_id: int) -> bool:
        return bool(self.matcher.consume_token(token_id))

    def is_complete(self) -> bool:
        return bool(self.matcher.is_accepting())


class LlguidanceLenient(Llguidance):
    options: Any = {"lenient": True, "coerce_one_of": True}


class Xgrammar:
    strict = True

    def __init__(self, vocabulary: BenchVocabulary):
        import torch
        import xgrammar

        torch.set_num_threads(1)
        info = xgrammar.TokenizerInfo.from_huggingface(
            vocabulary.tokenizer, vocab_size=vocabulary.size, stop_token_ids=[vocabulary.eos]
        )
        self.compiler = xgrammar.GrammarCompiler(info, max_threads=1)
        self.matcher_type = xgrammar.GrammarMatcher
        self.words = empty_words(vocabulary)
        self.bitmask = torch.from_numpy(self.words)

    def compile_schema(self, schema: Json) -> None:
        text = json.dumps(schema)
        self._compile(lambda: self.compiler.compile_json_schema(text, strict_mode=self.strict))

    def compile_lark(self, text: str) -> None:
        self._compile(lambda: self.compiler.compile_lark(text))

    def _compile(self, compiled: Callable[[], Any]) -> None:
        try:
            self.matcher = self.matcher_type(compiled())
        except (RuntimeError, ValueError) as error:
            raise Refused(str(error).strip().split("\n")[-1][:60], str(error)) from error

    def reset(self) -> None:
        self.matcher.reset()

    def mask(self) -> None:
        if not self.matcher.fill_next_token_bitmask(self.bitmask):
            self.words.fill(-1)  # False: every token is allowed, and nothing was written

    def commit(self, token_id: int) -> bool:
        return bool(self.matcher.accept_token(token_id))

    def is_complete(self) -> bool:
        return bool(self.matcher.is_completed())


class XgrammarCompliant(Xgrammar):
    strict = False


class OutlinesCore:
    def __init__(self, vocabulary: BenchVocabulary):
        import outlines_core

        self.outlines = outlines_core
        ids: dict[bytes, list[int]] = {}
        for token_id, token in enumerate(vocabulary.tokens):
            if token and token_id != vocabulary.eos:
                ids.setdefault(token, []).append(token_id)
        self.vocabulary = outlines_core.Vocabulary(vocabulary.eos, ids)
        self.words = empty_words(vocabulary)

    def compile_schema(self, schema: Json) -> None:
        from outlines_core.json_schema import build_regex_from_schema

        try:
            self.index = self.outlines.Index(build_regex_from_schema(json.dumps(schema)), self.vocabulary)
        except (ValueError, TypeError) as error:
            raise Refused(str(error)[:60], str(error)) from error
        self.reset()

    def compile_lark(self, text: str) -> None:
        raise Refused("regular grammars only")

    def reset(self) -> None:
        self.guide = self.outlines.Guide(self.index)

    def mask(self) -> None:
        self.guide.write_mask_into(self.words.ctypes.data, self.words.size, 4)

    def commit(self, token_id: int) -> bool:
        try:
            self.guide.advance(token_id, return_tokens=False)
        except ValueError:
            return False
        return True

    def is_complete(self) -> bool:
        return bool(self.guide.is_finished())


ENGINES: dict[str, Callable[[BenchVocabulary], Engine]] = {
    "weft": Weft,
    "llguidance": Llguidance,
    "llguidance-lenient": LlguidanceLenient,
    "xgrammar": Xgrammar,
    "xgrammar-compliant": XgrammarCompliant,
    "outlines-core": OutlinesCore,
}
