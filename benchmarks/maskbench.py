"""MaskBench: a seeded sample of real JSON Schemas, each with instances that are valid or not.

An instance is `json.dumps(..., ensure_ascii=False)` with the default separators, in the real tokenizer's tokens.
"""

from __future__ import annotations

import json
from typing import Any

from benchmarks.data import Json, maskbench_sample
from benchmarks.property_order import in_declared_order
from benchmarks.vocabularies import BenchVocabulary


def jobs(vocabulary: BenchVocabulary, *, size: int, seed: int) -> list[Json]:
    return [job(vocabulary, row) for row in maskbench_sample(size, seed)]


def job(vocabulary: BenchVocabulary, row: Json) -> Json:
    return {
        "task": "schema",
        "id": row["id"],
        "split": row["split"],
        "schema": row["schema"],
        "tests": [_test(vocabulary, row["schema"], test) for test in row["tests"]],
    }


def _test(vocabulary: BenchVocabulary, schema: Json, test: Json) -> Json:
    text = dump(test["data"])
    result: dict[str, Any] = {"valid": test["valid"], "ids": vocabulary.encode(text)}
    if test["valid"]:
        reordered = dump(in_declared_order(schema, schema, test["data"]))
        if reordered != text:
            result["reordered"] = vocabulary.encode(reordered)
    return result


def dump(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
