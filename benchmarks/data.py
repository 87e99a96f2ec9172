"""What the engines are asked: schemas with instances, grammars with texts, in the folder named by WEFT_DATA."""

from __future__ import annotations

import json
import lzma
import os
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
Json = Any  # a parsed JSON document


def data_folder() -> Path:
    """The folder of third-party data: $WEFT_DATA, else ../shared/data beside the repository."""
    for folder in (os.environ.get("WEFT_DATA"), ROOT.parent / "shared" / "data"):
        if folder and Path(folder).is_dir():
            return Path(folder)
    raise SystemExit("benchmarks: no data; set WEFT_DATA to the folder that holds maskbench.jsonl.xz")


def rows(name: str) -> Iterator[Json]:
    with lzma.open(data_folder() / name, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def maskbench_sample(size: int, seed: int, *, at_least: int = 15) -> list[Json]:
    """About `size` schemas of MaskBench: from every split in proportion, `at_least` where it has them, shuffled."""
    splits: dict[str, list[Json]] = defaultdict(list)
    for row in rows("maskbench.jsonl.xz"):
        if row["split"].startswith("BFCL"):
            row["split"] = "BFCL"
        splits[row["split"]].append(row)
    total = sum(map(len, splits.values()))

    def shares(target: int) -> dict[str, int]:
        return {
            name: min(len(split), max(at_least, round(target * len(split) / total))) for name, split in splits.items()
        }

    target = next((n for n in range(total + 1) if sum(shares(n).values()) >= size), total)
    chance = random.Random(seed)
    sample = [row for name in sorted(splits) for row in chance.sample(splits[name], min(size, shares(target)[name]))]
    chance.shuffle(sample)
    return sample[:size]


def cfg_cases() -> dict[str, tuple[str, list[str]]]:
    """Grammar name -> (Lark text, sentences of it)."""
    folder = data_folder() / "bench"
    return {
        name: ((folder / f"{name}.lark").read_text("utf-8"), json.loads((folder / f"{name}.json").read_text("utf-8")))
        for name in ("json", "sql", "c")
    }


def schema_suite(draft: str) -> list[Json]:
    """The required groups of the JSON-Schema-Test-Suite for one draft."""
    return [
        group
        for group in rows("json_schema_test_suite.jsonl.xz")
        if group["draft"] == draft and not group["file"].startswith("optional/")
    ]
