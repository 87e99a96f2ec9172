"""One process per engine, driven over pipes: a job is a line of JSON, and so is its result.

All workers are pinned to one CPU and only one of them has a job at a time. A worker that spends more CPU time on a job
than its limit is killed: "timeout"; one that dies: "crash"; the next job gets a fresh worker.
"""

from __future__ import annotations

import contextlib
import gc
import json
import math
import os
import resource
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.data import ROOT, Json
from benchmarks.engines import ENGINES
from benchmarks.measure import TASKS, floor_us, peak_mb, rss_mb
from benchmarks.vocabularies import load_vocabulary

RESULTS = Path(__file__).parent / "results"
START_LIMIT_S = 300.0


@dataclass(frozen=True)
class Allowance:
    """What an engine may spend on a job, and which share of the jobs it is asked."""

    limit_s: float = math.inf  # CPU time; the run's own limit if that is less
    memory_bytes: int = 12 << 30
    every: int = 1  # only every n-th job


# An Index over 129k tokens takes seconds and gigabytes for many schemas; what it cannot do is a result too.
ALLOWANCES = {"outlines-core": Allowance(limit_s=10.0, memory_bytes=6 << 30, every=12)}


class Worker:
    """The process of one engine. `ask` never raises: what went wrong is the value of "fatal" in the result."""

    def __init__(self, engine: str, vocabulary: str, *, cpu: int):
        self.engine, self.vocabulary, self.cpu = engine, vocabulary, cpu
        self.allowance = ALLOWANCES.get(engine, Allowance())
        self.process: subprocess.Popen[bytes] | None = None
        self.hello: Json = {}
        self.spent_s = 0.0  # CPU time on jobs so far

    def start(self) -> Json:
        """Load engine and vocabulary; {"rss_mb", "init_s", "floor_us"} or {"fatal"}."""
        command = [sys.executable, "-m", "benchmarks.workers", self.engine, self.vocabulary, str(self.cpu)]
        RESULTS.mkdir(exist_ok=True)
        with open(RESULTS / f"{self.engine}.log", "ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
        spent_s = self.spent_s
        self.hello = self._receive(START_LIMIT_S)
        self.spent_s = spent_s
        return self.hello

    def ask(self, job: Json, *, limit_s: float) -> Json:
        if self.process is None:
            self.start()
        if self.process is None:
            return {"fatal": "start"}
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(job).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return {"fatal": self._stop("crash")}
        return self._receive(min(limit_s, self.allowance.limit_s))

    def close(self) -> None:
        if self.process is not None:
            self._stop("")

    def _receive(self, limit_s: float) -> Json:
        assert self.process is not None and self.process.stdout is not None
        pipe, answer = self.process.stdout.fileno(), b""
        cpu_start, wall_end = self._cpu_s(), time.monotonic() + 10 * limit_s
        while not answer.endswith(b"\n"):
            if select.select([pipe], [], [], 1.0)[0]:
                chunk = os.read(pipe, 1 << 20)
                if not chunk:
                    return {"fatal": self._stop("crash")}
                answer += chunk
            elif self._cpu_s() - cpu_start > limit_s or time.monotonic() > wall_end:
                self.spent_s += limit_s
                return {"fatal": self._stop("timeout")}
        self.spent_s += self._cpu_s() - cpu_start
        result: Json = json.loads(answer)
        return result

    def _cpu_s(self) -> float:
        assert self.process is not None
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except FileNotFoundError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _stop(self, why: str) -> str:
        assert self.process is not None and self.process.stdin is not None and self.process.stdout is not None
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):  # what the dead process never read
            self.process.stdin.close()
        self.process.stdout.close()
        self.process = None
        return why


def in_turns(workers: dict[str, Worker], job: Json, turn: int, *, limit_s: float, cap_s: float) -> dict[str, Json]:
    """The same job for every engine, one after the other, starting with another one each turn.

    An engine that has spent `cap_s` seconds of CPU time on jobs is skipped from then on, and one that is allowed only
    every n-th job is skipped in between.
    """
    names = list(workers)
    results = {}
    for name in names[turn % len(names) :] + names[: turn % len(names)]:
        skipped = workers[name].spent_s > cap_s or turn % workers[name].allowance.every > 0
        results[name] = {"fatal": "skipped"} if skipped else workers[name].ask(job, limit_s=limit_s)
    return results


def serve(engine_name: str, vocabulary_name: str, cpu: int) -> None:
    """The worker's side of the pipe."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever an engine prints goes to the log
    os.sched_setaffinity(0, {cpu})
    memory_bytes = ALLOWANCES.get(engine_name, Allowance()).memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))

    def answer(value: Any) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    vocabulary = load_vocabulary(vocabulary_name)
    started = time.process_time()
    engine = ENGINES[engine_name](vocabulary)
    init_s = time.process_time() - started
    gc.collect()
    gc.freeze()  # what was loaded for good is not looked at again before each compile
    answer({"init_s": init_s, "rss_mb": rss_mb(), "peak_mb": peak_mb(), "floor_us": floor_us()})
    tasks = TASKS
    if engine_name == "weft":  # no peer answers for canvases, and none should hold weft in its memory
        from benchmarks import measure_infill

        tasks = TASKS | measure_infill.TASKS
    for line in sys.stdin:
        job = json.loads(line)
        answer(tasks[job["task"]](engine, job))


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
