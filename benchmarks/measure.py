"""What is timed, inside a worker: one schema with its instances, or one grammar with its texts.

At each token of a text the mask is filled and timed, the bit of the token is looked at (not timed), and the token is
committed and timed. A text is accepted when every bit was set and the end is accepting. Clocks are CPU time: of the
thread for masks and commits, of the process for compiling, which includes the matcher that is then ready to be asked.
"""

from __future__ import annotations

import gc
import resource
import time
from typing import Any, cast

from benchmarks.data import Json
from benchmarks.engines import Engine, Refused


def run_schema(engine: Engine, job: Json) -> Json:
    """Compile job["schema"], then judge every one of job["tests"]: {valid, ids, reordered: ids or None}."""
    result = _compile(lambda: engine.compile_schema(job["schema"]))
    if result["refused"] is None:
        result["front_us"] = getattr(engine, "front_us", None)
        result["tests"] = [_judge(engine, test) for test in job["tests"]]
    return result | {"rss_mb": rss_mb(), "peak_mb": peak_mb()}


def run_lark(engine: Engine, job: Json) -> Json:
    """Compile job["lark"], then walk job["texts"] (lists of ids) until job["cap_s"] seconds of CPU time are spent."""
    result = _compile(lambda: engine.compile_lark(job["lark"]))
    started = time.process_time()
    result["tests"] = []
    for ids in job["texts"] if result["refused"] is None else []:
        engine.reset()
        result["tests"].append(walk(engine, ids, deadline=started + job["cap_s"]))
        if time.process_time() > started + job["cap_s"]:
            break
    return result | {"rss_mb": rss_mb(), "peak_mb": peak_mb()}


TASKS = {"schema": run_schema, "lark": run_lark}


def _compile(compile_it: Any) -> Json:
    gc.collect()
    gc.disable()
    started = time.process_time_ns()
    try:
        compile_it()
        refused, message = None, None
    except Refused as error:
        refused, message = error.reason, str(error)[:400]
    return {"compile_us": (time.process_time_ns() - started) / 1e3, "refused": refused, "message": message}


def _judge(engine: Engine, test: Json) -> Json:
    engine.reset()
    result = walk(engine, test["ids"])
    if test["valid"] and not result["accepted"] and test.get("reordered"):
        engine.reset()
        result["accepted_reordered"] = walk(engine, test["reordered"])["accepted"]
    return {"valid": test["valid"]} | result


def walk(engine: Engine, ids: list[int], *, deadline: float | None = None) -> Json:
    """One text through the engine; `at` is the position of the token that was refused, len(ids) for the end."""
    clock = time.thread_time_ns
    bits = memoryview(cast(Any, engine.words)).cast("B").cast("I")
    masks_us: list[float] = []
    commits_us: list[float] = []
    result: Json = {"accepted": False, "at": None, "masks_us": masks_us, "commits_us": commits_us}
    for position, token_id in enumerate(ids):
        if deadline is not None and time.process_time() > deadline:
            return result | {"cut": True}
        started = clock()
        engine.mask()
        masks_us.append((clock() - started) / 1e3)
        if not bits[token_id >> 5] >> (token_id & 31) & 1:
            return result | {"at": position}
        started = clock()
        committed = engine.commit(token_id)
        commits_us.append((clock() - started) / 1e3)
        if not committed:
            return result | {"at": position, "contradiction": True}  # the mask had allowed it
    if not engine.is_complete():
        return result | {"at": len(ids)}
    return result | {"accepted": True}


def floor_us() -> float:
    """What the clock itself adds to each mask and commit: the median of two readings in a row."""
    clock = time.thread_time_ns
    readings = []
    for _ in range(2001):
        started = clock()
        readings.append(clock() - started)
    return sorted(readings)[1000] / 1e3


def rss_mb() -> float:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() / 1e6


def peak_mb() -> float:
    """Of this program alone: ru_maxrss would begin at what the parent held when it started this process."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1e3
