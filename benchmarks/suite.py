"""The JSON-Schema-Test-Suite as a decoder sees it: is exactly the valid instance a sentence of the schema's grammar?

Instances are written without spaces, properties in the order given. Remote documents are not provided.
"""

from __future__ import annotations

import json

from benchmarks.data import Json, schema_suite
from benchmarks.vocabularies import BenchVocabulary


def jobs(vocabulary: BenchVocabulary, *, draft: str) -> list[Json]:
    return [_job(vocabulary, group) for group in schema_suite(draft)]


def _job(vocabulary: BenchVocabulary, group: Json) -> Json:
    schema = group["schema"]
    if group["draft"] == "draft7" and isinstance(schema, dict):
        schema = {"$schema": "http://json-schema.org/draft-07/schema#"} | schema
    tests = [
        {"valid": test["valid"], "description": test["description"], "ids": vocabulary.encode(_dump(test["data"]))}
        for test in group["tests"]
    ]
    file = group["file"].removesuffix(".json")
    return {"task": "schema", "id": f"{file}: {group['group']}", "split": file, "schema": schema, "tests": tests}


def _dump(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
