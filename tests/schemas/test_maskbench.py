"""A stratified sample of MaskBench: no invalid instance may be accepted, nearly every valid one must be."""

import json
import lzma
from collections.abc import Callable
from pathlib import Path
from random import Random

from weft.errors import WeftError
from weft.grammar.recognizer import Recognizer
from weft.schemas.json_schema import from_json_schema

SAMPLE = 240


def test_sample(data: Callable[[str], Path]) -> None:
    with lzma.open(data("maskbench.jsonl.xz"), "rt") as lines:
        rows = [json.loads(line) for line in lines]
    by_split: dict[str, list[dict[str, object]]] = {}
    for row in rows:
        by_split.setdefault(row["split"], []).append(row)
    rng = Random(20261123)
    sample = []
    for split in sorted(by_split):
        found = by_split[split]
        sample += rng.sample(found, min(len(found), max(4, round(SAMPLE * len(found) / len(rows)))))
    right, refused, rejected = 0, [], []
    invalid_accepted = []
    for row in sample:
        try:
            recognizer = Recognizer(from_json_schema(row["schema"]))
        except WeftError as error:
            refused.append((row["id"], error.what))
            continue
        fully = True
        for test in row["tests"]:
            text = json.dumps(test["data"], ensure_ascii=False).encode()
            fits = recognizer.feed(text)
            got = fits == len(text) and recognizer.is_complete
            recognizer.rollback(fits)
            if got and not test["valid"]:
                invalid_accepted.append((row["id"], text[:200]))
            elif test["valid"] and not got:
                rejected.append((row["id"], text[max(0, fits - 40) : fits + 40]))
                fully = False
        right += fully
    print(f"\n{right} of {len(sample)} right; {len(refused)} refused; {len(rejected)} rejected (mostly other orders)")
    assert invalid_accepted == []
    assert right >= 0.93 * len(sample), (refused, rejected)
