"""From result lines to Markdown tables; the last column group is the ratio weft / peer, so below 1 weft is better."""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.data import Json
from benchmarks.workers import RESULTS

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


def read_run(name: str) -> tuple[Json, dict[str, list[Json]]]:
    """The header of the last run and its rows per engine."""
    path = RESULTS / f"{name}.jsonl"
    if not path.exists():
        raise SystemExit(f"benchmarks: no results yet; run `python -m benchmarks {name}`")
    header, *lines = path.read_text("utf-8").splitlines()
    engines: dict[str, list[Json]] = defaultdict(list)
    for line in lines:
        row = json.loads(line)
        engines[row["engine"]].append(row)
    return json.loads(header), dict(engines)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|:--" + "|--:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


class Figures:
    """Rows of numbers under engine columns, with ratio columns when weft is among the engines."""

    def __init__(self, engines: Sequence[str]):
        self.engines = list(engines)
        self.peers = [name for name in engines if name != "weft"] if "weft" in engines else []
        self.rows: list[list[str]] = []

    def add(self, label: str, values: dict[str, float], *, ratios: bool = False) -> None:
        cells = [number(values[name]) for name in self.engines]
        shares = [number(_ratio(values["weft"], values[peer])) if ratios else "" for peer in self.peers]
        self.rows.append([label, *cells, *shares])

    def percentiles(self, label: str, samples: dict[str, list[float]], points: Sequence[float]) -> None:
        for point in points:
            name = {"p100": "max", "p-1": "mean"}.get(f"p{point:g}", f"p{point:g}")
            self.add(f"{label} {name}", {e: percentile(samples[e], point) for e in self.engines}, ratios=True)

    def table(self) -> str:
        return markdown(["", *self.engines, *(f"weft / {peer}" for peer in self.peers)], self.rows)


def percentile(values: list[float], point: float) -> float:
    """-1 asks for the mean."""
    if not values:
        return math.nan
    return float(np.mean(values) if point == -1 else np.percentile(values, point))


def number(value: float) -> str:
    if math.isnan(value):
        return "-"
    if float(value).is_integer() or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _ratio(ours: float, theirs: float) -> float:
    return ours / theirs if theirs else math.nan


def is_right(row: Json) -> bool:
    return row.get("tests") is not None and all(test["accepted"] == test["valid"] for test in row["tests"])


def timings(rows: Iterable[Json], key: str) -> list[float]:
    return [value for row in rows for test in row.get("tests", []) for value in test[key]]


def verdicts(rows: list[Json]) -> dict[str, int]:
    """Counts over schemas and instances; "order": valid instances that pass with properties in declared order."""
    ran = [row for row in rows if row.get("fatal") != "skipped"]
    tests = [test for row in ran for test in row.get("tests", [])]
    return {
        "schemas": len(ran),
        "fully right": sum(map(is_right, ran)),
        "refused": sum(row.get("refused") is not None for row in ran),
        "out of time or memory": sum("fatal" in row for row in ran),
        "schemas with a valid instance rejected": sum(
            any(t["valid"] and not t["accepted"] for t in row.get("tests", [])) for row in ran
        ),
        "schemas with an invalid instance accepted": sum(
            any(not t["valid"] and t["accepted"] for t in row.get("tests", [])) for row in ran
        ),
        "valid instances": sum(t["valid"] for t in tests),
        "valid rejected": sum(t["valid"] and not t["accepted"] for t in tests),
        "of these, only for property order": sum(bool(t.get("accepted_reordered")) for t in tests),
        "invalid instances": sum(not t["valid"] for t in tests),
        "invalid accepted": sum(not t["valid"] and t["accepted"] for t in tests),
        "mask against commit": sum(bool(t.get("contradiction")) for t in tests),
    }


def maskbench_table(header: Json, engines: dict[str, list[Json]]) -> str:
    figures = Figures(list(engines))
    counts = {name: verdicts(rows) for name, rows in engines.items()}
    for label in next(iter(counts.values())):
        figures.add(label, {name: float(count[label]) for name, count in counts.items()})
    figures.add("tokens", {name: float(len(timings(rows, "masks_us"))) for name, rows in engines.items()})
    _time_rows(figures, engines)
    hello = header["workers"]
    figures.add("RSS after start, MB", {name: hello[name]["rss_mb"] for name in engines}, ratios=True)
    peaks = {name: max([row.get("peak_mb", 0.0) for row in rows], default=math.nan) for name, rows in engines.items()}
    figures.add("peak RSS, MB", peaks, ratios=True)
    return figures.table() + "\n\n" + _common_table(engines)


def _time_rows(figures: Figures, engines: dict[str, list[Json]]) -> None:
    compiled = {n: [r["compile_us"] / 1e3 for r in rows if r.get("refused", "") is None] for n, rows in engines.items()}
    figures.percentiles("compile, ms,", compiled, (-1, 50, 90, 99, 100))
    masks = {name: timings(rows, "masks_us") for name, rows in engines.items()}
    figures.percentiles("mask, us,", masks, (-1, 50, 90, 99, 99.9, 100))
    commits = {name: timings(rows, "commits_us") for name, rows in engines.items()}
    figures.percentiles("commit, us,", commits, (-1, 50, 99, 100))


def _common_table(engines: dict[str, list[Json]]) -> str:
    """Times on the schemas that all of these engines get right, so that no engine gains by refusing hard ones."""
    enough = {name: rows for name, rows in engines.items() if not any(r.get("fatal") == "skipped" for r in rows)}
    right = [{row["id"] for row in rows if is_right(row)} for rows in enough.values()]
    common = set.intersection(*right) if right else set()
    figures = Figures(list(enough))
    _time_rows(figures, {name: [row for row in rows if row["id"] in common] for name, rows in enough.items()})
    return f"The same on the {len(common)} schemas that all of {', '.join(enough)} get right:\n\n{figures.table()}"


def splits_table(engines: dict[str, list[Json]]) -> str:
    splits = sorted({row["split"] for rows in engines.values() for row in rows})
    lines = []
    for split in splits:
        inside = {name: [row for row in rows if row["split"] == split] for name, rows in engines.items()}
        size = max(map(len, inside.values()))
        lines.append([split, str(size), *(str(sum(map(is_right, rows))) for rows in inside.values())])
    return markdown(["fully right", "schemas", *engines], lines)


def refusals_table(rows: list[Json], *, top: int = 25) -> str:
    """Why schemas were refused, most frequent reason first, with one schema each."""
    reasons = Counter(row["refused"] for row in rows if row.get("refused"))
    example = {row["refused"]: row["id"] for row in rows if row.get("refused")}
    lines = [[_cell(reason), str(count), _cell(example[reason])] for reason, count in reasons.most_common(top)]
    return markdown(["refused because", "schemas", "for example"], lines)


def wrong_table(rows: list[Json], *, top: int = 40) -> str:
    lines = []
    for row in rows:
        if "fatal" in row and row["fatal"] != "skipped":
            lines.append([_cell(row["id"]), row["fatal"], ""])
        for i, test in enumerate(row.get("tests", [])):
            if test["accepted"] != test["valid"]:
                kind = "invalid accepted" if test["accepted"] else "valid rejected"
                kind += " (order)" if test.get("accepted_reordered") else ""
                lines.append([_cell(row["id"]), kind, f"instance {i}, token {test['at']}"])
    return markdown(["wrong", "how", "where"], sorted(lines, key=lambda line: line[1])[:top])


def slow_table(rows: list[Json], *, top: int = 25) -> str:
    masks = [
        (us, row["id"], i, position, position == 0)
        for row in rows
        for i, test in enumerate(row.get("tests", []))
        for position, us in enumerate(test["masks_us"])
    ]
    total = sum(mask[0] for mask in masks) or 1.0
    lines = [
        [f"{us:,.0f}", f"{us / total:.1%}", _cell(name), str(i), str(position)]
        for us, name, i, position, _ in sorted(masks, reverse=True)[:top]
    ]
    slow = markdown(["mask, us", "of all mask time", "schema or grammar", "text", "token"], lines)
    compiles = sorted((row for row in rows if "compile_us" in row), key=lambda row: -row["compile_us"])[:top]
    lines = [
        [f"{row['compile_us']:,.0f}", f"{row.get('front_us') or math.nan:,.0f}", _cell(row["id"]), row["refused"] or ""]
        for row in compiles
    ]
    return slow + "\n\n" + markdown(["compile, us", "of it schema to grammar", "schema", "refused"], lines)


def cfg_table(engines: dict[str, list[Json]]) -> str:
    lines = []
    for grammar in dict.fromkeys(row["id"] for rows in engines.values() for row in rows):
        mean: dict[str, float] = {}
        for name, rows in engines.items():
            row = next(row for row in rows if row["id"] == grammar)
            masks = timings([row], "masks_us")
            mean[name] = percentile(masks, -1)
            accepted = sum(test["accepted"] for test in row.get("tests", []))
            told = row.get("refused") or row.get("fatal") or f"{accepted} accepted"
            shown = [percentile(masks, point) for point in (-1, 50, 90, 99, 100)]
            commit = percentile(timings([row], "commits_us"), 50)
            ratio = _ratio(mean.get("weft", math.nan), mean[name])
            numbers = [row.get("compile_us", math.nan) / 1e3, *shown, commit, ratio]
            lines.append([grammar, name, *map(number, numbers), str(len(masks)), _cell(told)])
    head = ["grammar", "engine", "compile ms", "mask mean us", "p50", "p90", "p99", "max", "commit p50 us"]
    return markdown([*head, "weft / it", "tokens", "texts"], lines)


def suite_table(engines: dict[str, list[Json]], groups: dict[str, list[bool]]) -> str:
    """`groups`: id -> the validity of each of its tests, which a schema that was not compiled has no rows for."""
    lines = []
    for name, rows in engines.items():
        count = suite_counts(rows, groups)
        lines.append([name, *map(str, count)])
    head = ["JSON-Schema-Test-Suite", "tests", "right", "wrongly accepted", "wrongly rejected", "not compiled"]
    return markdown(head, lines)


def suite_files_table(engines: dict[str, list[Json]], groups: dict[str, list[bool]]) -> str:
    files = sorted({row["split"] for rows in engines.values() for row in rows})
    lines = []
    for file in files:
        cells = []
        for rows in engines.values():
            total, *counts = suite_counts([row for row in rows if row["split"] == file], groups)
            cells.append(" / ".join(map(str, counts)))
        lines.append([file, str(total), *cells])
    return markdown(["right / accepted / rejected / not compiled", "tests", *engines], lines)


def suite_counts(rows: list[Json], groups: dict[str, list[bool]]) -> tuple[int, int, int, int, int]:
    total = sum(len(groups[row["id"]]) for row in rows)
    tests = [test for row in rows for test in row.get("tests", [])]
    right = sum(test["accepted"] == test["valid"] for test in tests)
    accepted = sum(test["accepted"] and not test["valid"] for test in tests)
    rejected = sum(test["valid"] and not test["accepted"] for test in tests)
    return total, right, accepted, rejected, total - len(tests)


def memory_table(engines: dict[str, list[Json]]) -> str:
    """Resident memory after each tenth of the stream."""
    lines = []
    for name, rows in engines.items():
        rss = [row["rss_mb"] for row in rows if "rss_mb" in row]
        marks = [rss[min(len(rss) - 1, len(rss) * i // 10)] for i in range(11)] if rss else []
        growth = (marks[10] - marks[5]) if marks else math.nan
        lines.append([name, str(len(rows)), *(f"{mark:,.0f}" for mark in marks), number(growth)])
    tenths = [f"{i * 10} %" for i in range(11)]
    return markdown(["RSS in MB", "schemas", *tenths, "growth, second half"], lines)


def described(header: Json) -> str:
    floor = ", ".join(f"{name} {hello.get('floor_us', math.nan):.2f}" for name, hello in header["workers"].items())
    versions = ", ".join(f"{name} {version}" for name, version in header["versions"].items())
    return (
        f"{header['date']}, {header['cpu']}, vocabulary {header['vocabulary']}; {versions}; one thread, CPU time, "
        f"engines in turns on one CPU. The clock itself costs (us): {floor}."
    )


def inject(readme: Path, sections: dict[str, str]) -> None:
    """Put the sections between the markers of `readme`."""
    before, found, rest = readme.read_text("utf-8").partition(BEGIN)
    body, closed, after = rest.partition(END)
    if not found or not closed:
        raise SystemExit(f"benchmarks: {readme} has no {BEGIN} ... {END}")
    readme.write_text(f"{before}{BEGIN}\n{renewed(body, sections)}\n{END}{after}", "utf-8")


def renewed(text: str, sections: dict[str, str]) -> str:
    """`text` with these sections in place of its own; those that were not measured again stay as they are."""
    old = [part.strip() for part in re.split(r"(?m)^(?=### )", text)]
    kept = {part.partition("\n")[0][4:]: part for part in old if part.startswith("### ")}
    return "\n\n".join((kept | {name: f"### {name}\n\n{body}" for name, body in sections.items()}).values())


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
