"""The official JSON Schema test suite: nothing wrongly accepted, and a baseline that may only get better.

`suite_baseline.json` lists what is not right yet: draft -> "file | group | description" -> "refused" or "rejected".
Write it anew after an improvement:  python tests/schemas/test_suite.py [folder of the data]
"""

import json
import lzma
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from weft.errors import WeftError
from weft.grammar.recognizer import Recognizer
from weft.schemas.json_schema import from_json_schema

BASELINE = Path(__file__).with_name("suite_baseline.json")
DRAFTS = {
    "draft4": "http://json-schema.org/draft-04/schema#",
    "draft6": "http://json-schema.org/draft-06/schema#",
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}
# contentEncoding and contentMediaType are annotations since 2019-09; draft 7 lets an implementation assert them.
ANNOTATIONS = ("optional/content.json",)


def run(folder: Path, draft: str) -> tuple[int, dict[str, str]]:
    """(tests, what was not right)."""
    documents = json.loads(lzma.decompress((folder / "json_schema_test_suite_remotes.json.xz").read_bytes()))
    total, failures = 0, {}
    with lzma.open(folder / "json_schema_test_suite.jsonl.xz", "rt") as lines:
        rows = [json.loads(line) for line in lines]
    for row in rows:
        if row["draft"] != draft or row["file"] in ANNOTATIONS:
            continue
        total += len(row["tests"])
        for description, outcome in run_group(row, documents, DRAFTS[draft]):
            failures[f"{row['file']} | {row['group']} | {description}"] = outcome
    return total, failures


def run_group(row: dict[str, Any], documents: dict[str, Any], uri: str) -> list[tuple[str, str]]:
    schema = row["schema"]
    if isinstance(schema, dict) and "$schema" not in schema:
        schema = {"$schema": uri, **schema}
    ignore = (
        ("format",) if row["file"] == "format.json" else ()
    )  # that file wants annotations, optional/format assertions
    try:
        recognizer = Recognizer(from_json_schema(schema, documents=documents, ignore=ignore))
    except WeftError as error:
        if "no value satisfies" in str(error):
            return [(test["description"], "rejected") for test in row["tests"] if test["valid"]]
        return [(test["description"], "refused") for test in row["tests"]]
    out = []
    for test in row["tests"]:
        text = json.dumps(test["data"], ensure_ascii=False)
        try:
            encoded = text.encode()
        except UnicodeEncodeError:
            encoded = json.dumps(test["data"]).encode()
        fits = recognizer.feed(encoded)
        got = fits == len(encoded) and recognizer.is_complete
        recognizer.rollback(fits)
        if got != test["valid"]:
            out.append((test["description"], "WRONGLY ACCEPTED" if got else "rejected"))
    return out


@pytest.mark.parametrize("draft", DRAFTS)
def test_suite(draft: str, data: Callable[[str], Path]) -> None:
    total, failures = run(data("json_schema_test_suite.jsonl.xz").parent, draft)
    known = json.loads(BASELINE.read_text())[draft]
    print(f"\n{draft}: {total - len(failures)} of {total} right")
    assert [name for name, outcome in failures.items() if outcome == "WRONGLY ACCEPTED"] == []
    assert [name for name in failures if name not in known] == []


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data")
    found = {draft: run(folder, draft)[1] for draft in DRAFTS}
    BASELINE.write_text(json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    print({draft: len(failures) for draft, failures in found.items()})
