"""Lark grammars of JSON, SQL and C with twenty texts each. Engines get the same file; a slow one stops at its cap."""

from __future__ import annotations

from benchmarks.data import Json, cfg_cases
from benchmarks.vocabularies import BenchVocabulary


def jobs(vocabulary: BenchVocabulary, *, cap_s: float) -> list[Json]:
    return [
        {
            "task": "lark",
            "id": name,
            "lark": lark,
            "texts": [vocabulary.encode(text) for text in texts],
            "cap_s": cap_s,
        }
        for name, (lark, texts) in cfg_cases().items()
    ]
