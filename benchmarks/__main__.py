"""`python -m benchmarks`: each command runs its part, prints its table, and leaves its rows in benchmarks/results."""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

import benchmarks
from benchmarks import cfg as cfg_part
from benchmarks import infill as infill_part
from benchmarks import infill_report, report
from benchmarks import maskbench as maskbench_part
from benchmarks import suite as suite_part
from benchmarks.data import ROOT, Json
from benchmarks.engines import ENGINES
from benchmarks.vocabularies import load_vocabulary
from benchmarks.workers import RESULTS, Worker, in_turns

app = typer.Typer(add_completion=False, help=benchmarks.__doc__, rich_markup_mode=None)
console = Console(stderr=True)

Engines = Annotated[str, typer.Option(help=f"Comma separated: {', '.join(ENGINES)}.")]
Vocab = Annotated[str, typer.Option(help="deepseek (129k) or tekken (131k).")]
Cpu = Annotated[int, typer.Option(help="The CPU that all workers are pinned to.")]
Limit = Annotated[float, typer.Option(help="CPU seconds for one job; then the engine is killed: a timeout.")]
Cap = Annotated[float, typer.Option(help="CPU seconds for one engine in the whole run; then it is skipped.")]
TOLD = ("task", "id", "split", "length", "slots", "how")  # of a job, in its row of results
LAST_CPU = max(os.sched_getaffinity(0))


@app.callback(invoke_without_command=True)
def everything(
    context: typer.Context,
    scale: Annotated[
        float, typer.Option(help="Of every sample, if no part is named; 1 is what the README shows.")
    ] = 1.0,
) -> None:
    if context.invoked_subcommand is not None:
        return
    parts: dict[str, Callable[[], None]] = {  # `make bench`
        "maskbench": lambda: maskbench(schemas=round(549 * scale)),
        "cfg": lambda: cfg(cap_s=12.0 * scale),
        "suite": suite,
        "memory": lambda: memory(schemas=round(7500 * scale)),
        "agree": lambda: agree(texts=max(1, round(10 * scale)), schemas=round(120 * scale)),
        "infill": lambda: infill(share=scale),
        "denoise": lambda: denoise(max(1, round(28 * scale)), only="JSON,C++" if shutil.which("g++") else "JSON"),
    }
    for name, part in parts.items():
        before = _cpu_s()
        part()
        console.print(f"{name}: {_cpu_s() - before:,.0f} s of CPU time")
    table(inject=ROOT / "README.md")
    console.print(f"all: {_cpu_s():,.0f} s of CPU time")


@app.command()
def maskbench(
    engines: Engines = "weft,llguidance,xgrammar,outlines-core",
    vocabulary: Vocab = "deepseek",
    schemas: Annotated[int, typer.Option(help="Size of the stratified sample.")] = 549,
    seed: int = 20261123,
    cpu: Cpu = LAST_CPU,
    limit_s: Limit = 60.0,
    cap_s: Cap = 300.0,
) -> None:
    """JSON Schemas of MaskBench: mask, commit and compile times, and every verdict."""
    jobs = maskbench_part.jobs(load_vocabulary(vocabulary), size=schemas, seed=seed)
    _run("maskbench", jobs, engines, vocabulary, cpu, limit_s, cap_s)
    header, per_engine = report.read_run("maskbench")
    print(report.maskbench_table(header, per_engine))
    print(f"\n{report.splits_table(per_engine)}")
    if "weft" in per_engine:
        print(f"\n{report.refusals_table(per_engine['weft'])}\n\n{report.wrong_table(per_engine['weft'])}")


@app.command()
def cfg(
    engines: Engines = "weft,llguidance,xgrammar",
    vocabulary: Vocab = "deepseek",
    cpu: Cpu = LAST_CPU,
    cap_s: Annotated[float, typer.Option(help="CPU seconds of masks and commits per engine and grammar.")] = 12.0,
) -> None:
    """Lark grammars of JSON, SQL and C: mask times along real texts."""
    jobs = cfg_part.jobs(load_vocabulary(vocabulary), cap_s=cap_s)
    _run("cfg", jobs, engines, vocabulary, cpu, limit_s=5 * cap_s, cap_s=1e9)
    print(report.cfg_table(report.read_run("cfg")[1]))


@app.command()
def suite(
    engines: Engines = "weft,llguidance,xgrammar",
    vocabulary: Vocab = "deepseek",
    draft: str = "draft2020-12",
    cpu: Cpu = LAST_CPU,
    limit_s: Limit = 20.0,
) -> None:
    """The JSON-Schema-Test-Suite: right, wrongly accepted, wrongly rejected, not compiled."""
    jobs = suite_part.jobs(load_vocabulary(vocabulary), draft=draft)
    _run("suite", jobs, engines, vocabulary, cpu, limit_s, cap_s=1e9)
    header, per_engine = report.read_run("suite")
    print(report.suite_table(per_engine, header["groups"]))
    print(f"\n{report.suite_files_table(per_engine, header['groups'])}")
    if "weft" in per_engine:
        print(f"\n{report.refusals_table(per_engine['weft'])}\n\n{report.wrong_table(per_engine['weft'])}")


@app.command()
def memory(
    engines: Engines = "weft",
    vocabulary: Vocab = "deepseek",
    schemas: Annotated[int, typer.Option(help="How many distinct schemas go through each process.")] = 7500,
    cpu: Cpu = LAST_CPU,
    limit_s: Limit = 60.0,
) -> None:
    """Resident memory of one process while distinct schemas stream through it."""
    tokens = load_vocabulary(vocabulary)
    _run("memory", maskbench_part.jobs(tokens, size=schemas, seed=0), engines, vocabulary, cpu, limit_s, cap_s=1e9)
    print(report.memory_table(report.read_run("memory")[1]))


@app.command()
def infill(
    vocabulary: Vocab = "deepseek",
    quick: Annotated[bool, typer.Option("--quick", help="A sample that takes less than a minute.")] = False,
    share: Annotated[float, typer.Option(help="Of the canvases; 1 is about 97 texts of each kind.")] = 1.0,
    only: Annotated[str, typer.Option(help="Only these tasks.")] = ",".join(infill_part.TASKS),
    seed: int = 20261123,
    cpu: Cpu = LAST_CPU,
    limit_s: Limit = 200.0,
) -> None:
    """Canvases of C++ and JSON: verdicts, masks and commits, by size, by stage of a run, and beside retrying."""
    all_masks_s = 4.0 if quick else infill_part.ALL_MASKS_S
    jobs = infill_part.jobs(
        load_vocabulary(vocabulary), share=0.05 if quick else share, seed=seed, all_masks_s=all_masks_s
    )
    jobs = [job for job in jobs if job["task"] in only.split(",")]
    _run("infill", jobs, "weft", vocabulary, cpu, limit_s, cap_s=30.0 if quick else 1e9)
    print(infill_report.tables(report.read_run("infill")[1]["weft"]))


@app.command()
def denoise(
    prompts: Annotated[int, typer.Option(help="Prompts of each kind.")] = 28,
    length: Annotated[int, typer.Option(help="Open slots of a canvas.")] = 64,
    block: Annotated[int, typer.Option(help="Slots that are filled before the next ones open.")] = 16,
    only: Annotated[str, typer.Option(help="Only these prompts.")] = "JSON,C++",
    seed: int = 20261123,
) -> None:
    """The embedded diffusion model with and without a grammar, at 1 to 8 tokens a step: valid, right, passes."""
    from benchmarks import denoise as denoise_part

    RESULTS.mkdir(exist_ok=True)
    rows = []
    with open(RESULTS / "denoise.jsonl", "w", encoding="utf-8") as out:
        for row in denoise_part.rows(prompts, only.split(","), length=length, block=block, seed=seed):
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            out.flush()
            rows.append(row)
    head = f"{prompts} prompts of each kind, canvases of {length} slots in blocks of {block}, temperature 0."
    text = f"{head}\n\n{denoise_part.table(rows)}\n"
    (RESULTS / "denoise.md").write_text(text, "utf-8")
    print(text)


@app.command()
def agree(
    vocabulary: Vocab = "deepseek",
    texts: Annotated[int, typer.Option(help="Texts per large Lark grammar.")] = 10,
    schemas: Annotated[int, typer.Option(help="Schemas of MaskBench, asked twice each.")] = 120,
) -> None:
    """Every bit of every mask of weft and llguidance on grammars that mean the same; each difference has a class."""
    from benchmarks import agreement

    tokens = load_vocabulary(vocabulary)
    with console.status("") as status:
        groups = agreement.compare(tokens, texts=texts, schemas=schemas, told=status.update)
    result = {"date": time.strftime("%Y-%m-%d"), "vocabulary": vocabulary, "size": tokens.size, "groups": groups}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "agree.json").write_text(json.dumps(result, indent=1), "utf-8")
    print(agreement.tables(result))


@app.command()
def slow(
    run: Annotated[str, typer.Argument(help="maskbench, cfg, suite or memory.")] = "maskbench",
    engine: str = "weft",
    top: int = 25,
) -> None:
    """The slowest masks and compiles of the last run, with the place of each."""
    print(report.slow_table(report.read_run(run)[1][engine], top=top))


@app.command()
def table(inject: Annotated[Path | None, typer.Option(help="A README with the bench markers.")] = None) -> None:
    """Every table of the last runs, into results/table.md; what was not run again stays."""
    file = RESULTS / "table.md"
    text = report.renewed(file.read_text("utf-8") if file.exists() else "", _tables(short=False))
    file.write_text(text + "\n", "utf-8")
    if inject:
        report.inject(inject, _tables(short=True))
    print(text)


def _tables(*, short: bool) -> dict[str, str]:
    """By part, what there are results of; `short` for a README."""
    from benchmarks import agreement

    bodies: dict[str, Callable[[Json, dict[str, list[Json]]], str]] = {
        "maskbench": report.maskbench_table,
        "cfg": lambda header, rows: report.cfg_table(rows),
        "suite": lambda header, rows: report.suite_table(rows, header["groups"]),
        "memory": lambda header, rows: report.memory_table(rows),
        "infill": lambda header, rows: infill_report.tables(rows["weft"], short=short),
    }
    parts = {}
    for name, body in bodies.items():
        if (RESULTS / f"{name}.jsonl").exists():
            header, rows = report.read_run(name)
            parts[name] = f"{report.described(header)}\n\n{body(header, rows)}"
    if (RESULTS / "agree.json").exists():
        result = json.loads((RESULTS / "agree.json").read_text("utf-8"))
        parts["agree"] = agreement.tables(result, short=short)
    if (RESULTS / "denoise.md").exists():
        parts["denoise"] = (RESULTS / "denoise.md").read_text("utf-8").strip()
    return parts


def _cpu_s() -> float:
    """Of this process and of all workers that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _run(name: str, jobs: list[Json], engines: str, vocabulary: str, cpu: int, limit_s: float, cap_s: float) -> None:
    """Every job to every engine, in turns; rows go to results/<name>.jsonl as they come."""
    unknown = [engine for engine in engines.split(",") if engine not in ENGINES]
    if unknown:
        raise typer.BadParameter(f"no engine {unknown[0]!r}; there are {', '.join(ENGINES)}")
    RESULTS.mkdir(exist_ok=True)
    workers = {engine: Worker(engine, vocabulary, cpu=cpu) for engine in engines.split(",")}
    for engine, worker in workers.items():
        if "fatal" in worker.start():
            raise SystemExit(f"benchmarks: {engine} does not start; see {RESULTS / engine}.log")
    header = {
        "date": time.strftime("%Y-%m-%d"),
        "cpu": _cpu_name(),
        "vocabulary": vocabulary,
        "versions": {engine: _version(engine) for engine in workers},
        "workers": {engine: worker.hello for engine, worker in workers.items()},
        "groups": {job["id"]: [test["valid"] for test in job["tests"]] for job in jobs} if name == "suite" else {},
    }
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        open(RESULTS / f"{name}.jsonl", "w", encoding="utf-8") as out,
        Progress(*columns, TimeRemainingColumn(), console=console) as progress,
    ):
        out.write(json.dumps(header) + "\n")
        bar = progress.add_task(name, total=len(jobs))
        for turn, job in enumerate(jobs):
            for engine, result in in_turns(workers, job, turn, limit_s=limit_s, cap_s=cap_s).items():
                row = {"engine": engine} | {key: job[key] for key in TOLD if key in job} | result
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
            progress.update(bar, advance=1, description=f"{name} {job['id'][:40]:40}")
    for worker in workers.values():
        worker.close()


def _version(engine: str) -> str:
    try:
        return version(engine.removesuffix("-lenient").removesuffix("-compliant"))
    except PackageNotFoundError:
        return "from source"


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


if __name__ == "__main__":
    os.chdir(ROOT)
    app()
