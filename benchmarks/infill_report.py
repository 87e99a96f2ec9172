"""Tables of the infill run, in ms. A bar is what was asked for, and whether it is reached."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from benchmarks.data import Json
from benchmarks.infill import LENGTHS, TASKS
from benchmarks.report import markdown, number, percentile

NAMES = {"cpp": "C++", "json": "JSON, any", "schema": "JSON, by schema"}
SPAN_BARS = {"verdict": {50: 2.0, 99: 20.0}, "commit": {50: 0.5}, "mask": {50: 5.0}}  # ms for C++; JSON: a tenth
STAGE_BARS = {"verdict": {50: 10.0}, "admit": {50: 20.0}}
POINTS = (50, 99, 100)


def tables(rows: list[Json], *, short: bool = False) -> str:
    """`short`: one line for all stages of all runs of one size."""
    parts = [
        _counts(rows),
        _spans(rows, "spans"),
        _spans(rows, "rigid"),
        _stages(rows, short),
        _growth(rows),
        _retry(rows),
    ]
    return "\n\n".join(part for part in parts if part)


def _counts(rows: list[Json]) -> str:
    """What was asked, and how it ended. No answer is left out of the times."""
    lines = []
    for task in TASKS:
        for kind in NAMES:
            some = [row for row in rows if row["task"] == task and row["split"] == kind]
            ran = [row for row in some if row.get("fatal") != "skipped"]
            answers = [answer for row in ran for answer in _answers(row)]
            counts = (
                sum("refused" in row for row in ran),
                len(answers),
                sum(not answer["unknown"] and not answer["wrong"] for answer in answers),
                sum(bool(answer["unknown"]) for answer in answers),
                sum(bool(answer["wrong"]) for answer in answers),
                sum("fatal" in row for row in ran),
                len(some) - len(ran),
            )
            if some:
                lines.append([f"{task}, {NAMES[kind]}", str(len(some)), *map(str, counts)])
    head = ["", "texts", "not in the language", "canvases", "right", "unknown", "wrong", "texts killed", "left out"]
    return markdown(head, lines)


def _answers(row: Json) -> list[Json]:
    if "us" in row:
        return [row]
    answers: list[Json] = row.get("canvases", row.get("stages", []))
    return answers


def _spans(rows: list[Json], task: str) -> str:
    lines = []
    bars = SPAN_BARS if task == "spans" else {}
    for kind in NAMES:
        mine = [row for row in rows if row["task"] == task and row["split"] == kind and "length" not in row]
        canvases = [canvas for row in mine for canvas in row.get("canvases", ())]
        for spans in sorted({canvas["spans"] for canvas in canvases}):
            some = [canvas for canvas in canvases if canvas["spans"] == spans]
            sizes = [percentile([canvas[size] for canvas in some], 50) for size in ("bytes", "slots")]
            unknown = sum(bool(canvas["unknown"]) for canvas in some)
            cells = _cells(some, ("verdict", "commit", "mask"), POINTS)
            judged = _judged(some, bars, 1.0 if kind == "cpp" else 0.1)
            lines.append([f"{NAMES[kind]}, {spans}", str(len(some)), *map(number, sizes), *cells, str(unknown), judged])
    what = "elastic holes" if task == "spans" else "rigid holes"
    head = [what, "canvases", "bytes", "tokens cut", *_heads(("verdict", "commit", "mask"), POINTS), "unknown", "bars"]
    return markdown(head, lines) if lines else ""


def _stages(rows: list[Json], short: bool) -> str:
    groups: dict[tuple[str, int, str, int], list[Json]] = defaultdict(list)
    for row in rows:
        for stage in row.get("stages", ()):
            fine = ("", -1) if short else (row["how"], stage["per_cent"])
            groups[row["split"], row["slots"], *fine].append(stage)
    points = POINTS if short else (50, 100)
    lines = []
    for kind, slots, how, per_cent in sorted(groups):
        some = groups[kind, slots, how, per_cent]
        cells = _cells(some, ("verdict", "mask", "all masks", "admit", "commit", "retry"), points)
        unknown = sum(bool(set(stage["unknown"]) - {"retry"}) for stage in some)
        label = f"{NAMES[kind]}, {slots}" + ("" if short else f", {how}, {per_cent} %")
        lines.append([label, str(len(some)), *cells, str(unknown), _judged(some, STAGE_BARS, 1.0)])
    names = ("verdict", "mask", "all masks", "admit 8", "commit 8", "8 checks without lengths")
    what = "slots, 0 to 90 % committed" if short else "slots, order, committed"
    return markdown([what, "canvases", *_heads(names, points), "unknown", "bars"], lines) if lines else ""


def _growth(rows: list[Json]) -> str:
    """The curve of the verdict with the text: medians, and the exponent of the power of the size that fits them."""
    lines = []
    for kind in NAMES:
        points: dict[int, list[tuple[float, float]]] = defaultdict(list)
        for row in rows:
            if row["split"] == kind and "length" in row:
                points[row["length"]] += [(c["bytes"], c["us"]["verdict"] / 1e3) for c in row.get("canvases", ())]
        curve = [np.median(points[length], axis=0) for length in sorted(points) if points[length]]
        if len(curve) < 3:
            continue
        sizes, ms = np.array(curve).T
        slope = np.polyfit(np.log(sizes), np.log(ms), 1)[0]
        drawn = "".join("▁▂▃▄▅▆▇█"[round(7 * value / max(ms))] for value in ms)
        cells = [f"{number(value)} at {number(round(size))}" for size, value in zip(sizes, ms, strict=True)]
        lines.append([NAMES[kind], *cells, *[""] * (len(LENGTHS) - len(cells)), drawn, f"bytes ^ {slope:.2f}"])
    head = ["verdict p50 at so many bytes, three spans", *[""] * len(LENGTHS), "curve", "grows as"]
    return markdown(head, lines) if lines else ""


def _retry(rows: list[Json]) -> str:
    lines = []
    for kind in NAMES:
        some = [row for row in rows if row["task"] == "retry" and row["split"] == kind and "tries" in row]
        if not some:
            continue
        spent = sum(row["us"]["tries"] for row in some) / 1e3
        accepted = sum(row["accepted"] for row in some)
        tries = sum(row["tries"] for row in some)
        ours = [(row["us"]["mask"] + row["us"]["commit"]) / 1e3 for row in some if "commit" in row["us"]]
        check = spent / tries
        price = spent / accepted if accepted else math.nan
        cells = [price, check, percentile(ours, -1), price / percentile(ours, -1), check / percentile(ours, -1)]
        gave_up = len(some) - accepted
        lines.append([NAMES[kind], str(len(some)), number(tries / max(1, accepted)), str(gave_up), *map(number, cells)])
    head = [
        "first of three holes",
        "canvases",
        "checks per accepted token",
        "gave up after 100",
        "retry by weft's own checks, ms per token",
    ]
    head += [
        "retry, ms, if the first proposal is right",
        "weft, ms: mask and commit",
        "retry / weft",
        "right first / weft",
    ]
    return markdown(head, lines) if lines else ""


def _heads(names: Sequence[str], points: Sequence[int]) -> list[str]:
    return [
        f"{name if p == points[0] else ''} {'max' if p == 100 else f'p{p}'}".strip() for name in names for p in points
    ]


def _cells(answers: list[Json], names: Sequence[str], points: Sequence[int]) -> list[str]:
    return [number(percentile(_ms(answers, name), point)) for name in names for point in points]


def _ms(answers: list[Json], name: str) -> list[float]:
    return [answer["us"][name] / 1e3 for answer in answers if name in answer["us"]]


def _judged(answers: list[Json], bars: dict[str, dict[int, float]], scale: float) -> str:
    """Every bar that is not reached, as figure / bar."""
    missed = []
    for name, points in bars.items():
        for point, bar in points.items():
            value = percentile(_ms(answers, name), point)
            if math.isnan(value):
                missed.append(f"{name}: no answer")
            elif value > bar * scale:
                missed.append(f"{name} p{point} {number(value / (bar * scale))} x")
    return ", ".join(missed) or ("reached" if bars else "")
