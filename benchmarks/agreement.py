"""Masks of weft and llguidance along the same texts, every bit of them; each difference is put into a named class.

Both engines also answer byte by byte: weft's Recognizer, and llguidance's matcher fed with the 256 tokens of one byte.
So a token on which the masks differ is of one of two kinds.

    no parting    both could read all its bytes: then the mask that forbids it is narrower than its own engine
    parting       at some byte one engine goes on and the other stops: the engines read the grammar in two ways

Tokens that begin with the same parting share it. A third party says who is right at each parting: for Lark files an
Earley recogniser over longest matches (`longest_match.py`), for regular expressions the package `regex`, for schemas a
witness that `jsonschema` judges. What has no class, and what the third party holds against weft, is unexplained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import languages
from benchmarks.data import Json
from benchmarks.engines import Llguidance, Refused, Weft
from benchmarks.languages import Language
from benchmarks.report import markdown
from benchmarks.vocabularies import BenchVocabulary
from weft import _core

UNEXPLAINED = "UNEXPLAINED"


@dataclass
class Agreement:
    """What was compared in one group of grammars, and the differing bits by class."""

    grammars: int = 0
    refused: int = 0
    masks: int = 0
    differing_masks: int = 0
    judged: int = 0  # partings that the third party was asked about
    classes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, label: str, prefix: bytes, token: bytes) -> None:
        self.classes[label] += 1
        self.examples.setdefault(label, f"{prefix[-30:]!r} + {token!r}")

    def to_json(self) -> Json:
        return {
            "grammars": self.grammars,
            "refused": self.refused,
            "masks": self.masks,
            "differing masks": self.differing_masks,
            "differing bits": sum(self.classes.values()),
            "judged": self.judged,
            "classes": dict(self.classes.most_common()),
            "examples": self.examples,
        }


def compare(vocabulary: BenchVocabulary, *, texts: int, schemas: int, told: Callable[[str], None]) -> dict[str, Json]:
    """Group of grammars -> what was found in it."""
    comparer = Comparer(vocabulary)
    groups: dict[str, Agreement] = {}
    for language in languages.every(texts=texts, schemas=schemas):
        told(f"{language.group}: {language.name}")
        comparer.compare(language, groups.setdefault(language.group, Agreement()))
    return {name: group.to_json() for name, group in groups.items()}


class Comparer:
    def __init__(self, vocabulary: BenchVocabulary):
        self.vocabulary = vocabulary
        self.weft, self.other = Weft(vocabulary), Llguidance(vocabulary)
        self.engines = {"weft": self.weft, "llguidance": self.other}
        self.tokens = self.weft.vocabulary.tokens
        self.byte_ids = {token[0]: i for i, token in enumerate(vocabulary.tokens) if token and len(token) == 1}

    def compare(self, language: Language, into: Agreement) -> None:
        try:
            self.weft.use(language.weft)
            self.other.use(language.llguidance)
        except Refused:
            into.refused += 1
            return
        into.grammars += 1
        for text in language.texts:
            self._walk(language, text, into)

    def _walk(self, language: Language, text: str, into: Agreement) -> None:
        self.weft.reset()
        self.other.reset()
        reader, prefix = _core.Recognizer(self.weft.constraint._core), b""
        for token_id in [*self.vocabulary.encode(text), None]:
            self.weft.mask()
            self.other.mask()
            ours, theirs = self._bits(self.weft), self._bits(self.other)
            differ = np.flatnonzero(ours != theirs)
            into.masks += 1
            into.differing_masks += bool(len(differ))
            judge = _Judge(self, language, reader, prefix, into)
            for candidate in differ.tolist():
                judge.explain(candidate, bool(ours[candidate]))
            if token_id is None:
                return
            stopped = [name for name, engine in self.engines.items() if not engine.commit(token_id)]
            if stopped:
                into.add(f"{' and '.join(stopped)} refused the text here", prefix, self.tokens[token_id] or b"")
                return
            data = self.tokens[token_id] or b""
            reader.feed(data)
            prefix += data

    def _bits(self, engine: Weft | Llguidance) -> NDArray[np.bool_]:
        bits = np.unpackbits(engine.words[0].view(np.uint8), bitorder="little")[: self.vocabulary.size]
        return bits.astype(bool)


class _Judge:
    """Explains the differing tokens of one position."""

    def __init__(self, comparer: Comparer, language: Language, reader: Any, prefix: bytes, into: Agreement):
        self.comparer, self.language, self.reader, self.prefix, self.into = comparer, language, reader, prefix, into
        self.partings: dict[bytes, tuple[str, bool]] = {}  # the bytes up to the parting -> class, weft goes on
        self.forced: bytes | None = None

    def explain(self, token_id: int, weft_allows: bool) -> None:
        token = self.comparer.tokens[token_id]
        self.into.add(self._label(token_id, token, weft_allows), self.prefix, token or b"")

    def _label(self, token_id: int, token: bytes | None, weft_allows: bool) -> str:
        who = "weft" if weft_allows else "llguidance"
        if not token:
            return f"{UNEXPLAINED}: {who} allows a special token"
        if self.comparer.vocabulary.tokens[token_id] is None and weft_allows:
            return "weft: an added token that the tokenizer does not call special is text"
        parting = next((self.partings[token[:n]] for n in range(1, len(token) + 1) if token[:n] in self.partings), None)
        if parting is None:
            ours = self.reader.feed(token)
            self.reader.rollback(ours)
            theirs = self.comparer.other.matcher.validate_tokens([self.comparer.byte_ids[byte] for byte in token])
            if ours == theirs:
                return self._narrower(token, ours, weft_allows)
            parting = self.partings[token[: min(ours, theirs) + 1]] = self._parting(token, ours, theirs)
        label, weft_goes_on = parting
        return label if weft_goes_on == weft_allows else f"{UNEXPLAINED}: {who} allows what its engine cannot read"

    def _narrower(self, token: bytes, read: int, weft_allows: bool) -> str:
        """Both engines read the token byte by byte, or neither: one of the masks is not its engine's answer."""
        if read < len(token) or not weft_allows:
            return f"{UNEXPLAINED}: {'weft' if weft_allows else 'llguidance'} allows; both read {read} bytes of it"
        if self.forced is None:
            self.forced = self.comparer.other.matcher.compute_ff_bytes()
        if self.forced.startswith(token) or (self.forced and token.startswith(self.forced)):
            return "weft: text is forced here, and llguidance allows one way to cut it into tokens"
        return f"{UNEXPLAINED}: llguidance forbids a token that it reads byte by byte"

    def _parting(self, token: bytes, ours: int, theirs: int) -> tuple[str, bool]:
        text, weft_goes_on = self.prefix + token[: min(ours, theirs) + 1], ours > theirs
        right = self.language.is_prefix(text)
        self.into.judged += right is not None
        label = self.language.explain(text, weft_goes_on)
        who = "weft" if weft_goes_on else "llguidance"
        if right is not None and right != weft_goes_on:
            return f"{UNEXPLAINED}: {who} goes on, the third party not, or the other way ({label})", weft_goes_on
        if label is None:
            return f"{UNEXPLAINED}: {who} goes on", weft_goes_on
        return f"{who}: {label}", weft_goes_on


def tables(result: Json, *, short: bool = False) -> str:
    """`result`: {"date", "vocabulary", "size", "groups": what `compare` returned}; `short`: without examples."""
    groups, size = result["groups"], result["size"]
    described = f"{result['date']}, vocabulary {result['vocabulary']}, {size:,} bits a mask."
    return f"{described}\n\n{_summary(groups, size)}\n\n{_classes(groups, short)}"


def _summary(groups: dict[str, Json], size: int) -> str:
    """One line per group. What is unexplained should be nothing."""
    lines = []
    for name, group in groups.items():
        unexplained = sum(n for label, n in group["classes"].items() if label.startswith(UNEXPLAINED))
        counts = [group[key] for key in ("grammars", "refused", "masks")] + [group["masks"] * size]
        counts += [group[key] for key in ("differing masks", "differing bits", "judged")] + [unexplained]
        lines.append([name, *(f"{count:,}" for count in counts)])
    head = ["weft and llguidance", "grammars", "refused by one", "masks", "bits", "masks that differ"]
    return markdown([*head, "bits that differ", "places judged by a third party", "unexplained"], lines)


def _classes(groups: dict[str, Json], short: bool) -> str:
    """Who allows the token, and why the other does not; with the end of the text so far and one such token."""
    lines = []
    for name, group in groups.items():
        for label, count in group["classes"].items():
            example = group["examples"][label].replace("|", "\\|").replace("`", "'")
            lines.append([name, label, f"{count:,}", *([] if short else [f"`{example}`"])])
    return markdown(["grammars", "allowed by, since", "bits", *([] if short else ["for example"])], lines)
