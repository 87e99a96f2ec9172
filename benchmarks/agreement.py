"""Masks of weft and llguidance along the same texts, bit by bit; every difference is put into a named class.

Both read the same Lark files, which they define in two ways: llguidance looks for the longest match among the terminals
that the parser expects, weft among all of them, and with weft a keyword is never an identifier (ARCHITECTURE.md). So
for each bit that differs, a slow oracle of weft's definition (`longest_match.py`) says who is right by it, and the
lexemes say why.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np

from benchmarks.data import cfg_cases
from benchmarks.engines import Engine, Llguidance, Weft
from benchmarks.longest_match import Oracle
from benchmarks.report import markdown
from benchmarks.vocabularies import BenchVocabulary

ASKED_PER_MASK = 6  # differing bits put to the oracle at one place, spread evenly over the ids


def compare(vocabulary: BenchVocabulary, *, texts: int) -> str:
    """Two tables: how many bits differ per grammar, and the classes of the differences with an example each."""
    weft, other = Weft(vocabulary), Llguidance(vocabulary)
    summary, classes = [], []
    for grammar, (lark, cases) in cfg_cases().items():
        counts, examples = _walk(weft, other, lark, [vocabulary.encode(text) for text in cases[:texts]], vocabulary)
        head = ("masks", "bits", "masks that differ", "bits that differ", "asked")
        summary.append([grammar, *(f"{counts[key]:,}" for key in head)])
        for label, seen in sorted(examples.items(), key=lambda entry: -len(entry[1])):
            classes.append([grammar, label, str(len(seen)), seen[0].replace("|", "\\|")])
    counted = ["grammar", "masks", "bits set", "masks that differ", "bits that differ", "asked the oracle"]
    return markdown(counted, summary) + "\n\n" + markdown(["grammar", "class", "asked bits", "for example"], classes)


def _walk(
    weft: Engine, other: Engine, lark: str, texts: list[list[int]], vocabulary: BenchVocabulary
) -> tuple[Counter[str], dict[str, list[str]]]:
    oracle = Oracle(lark)
    weft.compile_lark(lark)
    other.compile_lark(lark)
    text_ids = np.array([token is not None for token in vocabulary.tokens])
    counts: Counter[str] = Counter()
    examples: dict[str, list[str]] = defaultdict(list)
    for ids in texts:
        weft.reset()
        other.reset()
        prefix = b""
        for token_id in ids:
            weft.mask()
            other.mask()
            ours, theirs = _bits(weft, vocabulary), _bits(other, vocabulary)
            differ = np.flatnonzero((ours != theirs) & text_ids)
            counts += Counter({"masks": 1, "bits": int(ours.sum()), "bits that differ": len(differ)})
            counts["masks that differ"] += bool(len(differ))
            for candidate in differ[:: max(1, len(differ) // ASKED_PER_MASK)]:
                token = vocabulary.tokens[candidate] or b""
                counts["asked"] += 1
                label = _label(oracle, prefix, token, bool(ours[candidate]))
                examples[label].append(f"`{prefix[-30:]!r}` + `{token!r}`")
            if not weft.commit(token_id) or not other.commit(token_id):
                examples["the text itself was refused"].append(f"`{prefix[-30:]!r}`")
                break
            prefix += vocabulary.tokens[token_id] or b""
    return counts, examples


def _bits(engine: Engine, vocabulary: BenchVocabulary) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    bits = np.unpackbits(engine.words[0].view(np.uint8), bitorder="little")[: vocabulary.size]
    return bits.astype(bool)


def _label(oracle: Oracle, prefix: bytes, token: bytes, weft_allows: bool) -> str:
    right = oracle.is_prefix(prefix + token)
    who = "weft allows" if weft_allows else "llguidance allows"
    if right != weft_allows:
        return f"{who}; BY THE ORACLE WEFT IS WRONG"
    return f"{who}: {_why(oracle, prefix, token, weft_allows)}"


def _why(oracle: Oracle, prefix: bytes, token: bytes, weft_allows: bool) -> str:
    """The first lexeme under the token that the two definitions cut or name in different ways."""
    if not prefix.strip():
        return "ignored text in front of the first lexeme, in one token with it"
    if weft_allows and token != token.rstrip():
        return "ignored text behind the last lexeme"
    start = 0
    for lexeme, names in oracle.lexemes(prefix + token):
        start += len(lexeme.encode())
        if start < len(prefix):
            continue
        literal = next((t for t in oracle.terminals if t[0] in names and t[2][1] and lexeme.isalpha()), None)
        if literal:
            return "a keyword is never an identifier"
    return "neither of the above; right by the longest match among all terminals"
