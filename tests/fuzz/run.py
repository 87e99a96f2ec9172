"""Hostile grammars, schemas, regular expressions, vocabularies, token streams and canvases, until the time is over.

    make fuzz                                                   under the sanitizers
    PYTHONPATH=tests python -m fuzz.run --seconds 60            on the build that is installed
    PYTHONPATH=tests python -m fuzz.run --only lark --seed 7

A text is a known one with a few mutations (texts.py). It must give an answer or a WeftError within a time limit; then a
random walk checks what a Matcher says (walks.py). A canvas is a seed (canvases.py). What fails is kept in
tests/fuzz/corpus; tests/fuzz/test_corpus.py keeps running it.
"""

from __future__ import annotations

import argparse
import faulthandler
import hashlib
import json
import random
import sys
import time
from pathlib import Path

from fuzz.canvases import play
from fuzz.texts import KINDS, ROOT, mutated
from fuzz.walks import walk

import weft

CORPUS = Path(__file__).resolve().parent / "corpus"
TIME_LIMIT_S = 60
CANVAS = "canvas"


def run(kind: str, text: str, seed: int, *, plain: bool = False) -> str:
    """Reads, compiles and walks one input: "walked" or "refused". Raises what must not happen."""
    try:
        if kind == CANVAS:
            play(seed)
        else:
            walk(KINDS[kind][1](text), seed, plain=plain)
    except weft.WeftError:
        if kind == CANVAS:  # it is small, and whole
            raise
        return "refused"
    except (json.JSONDecodeError, RecursionError):
        if kind != "schema":  # there the JSON reader of Python comes first
            raise
        return "refused"
    return "walked"


def replay(path: Path) -> None:
    """Runs a kept input again."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    run(kept["kind"], kept["text"], kept["seed"], plain=kept.get("plain", True))


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", choices=sorted([*KINDS, CANVAS]))
    options = parser.parse_args(argv)
    rng = random.Random(options.seed)
    kinds = [options.only] if options.only else sorted([*KINDS, *[CANVAS] * 3])
    known = {kind: texts() for kind, (texts, _) in KINDS.items()}
    counts = {"walked": 0, "refused": 0, "failed": 0}
    print(f"seed {options.seed}", flush=True)
    deadline = time.monotonic() + options.seconds
    CORPUS.mkdir(exist_ok=True)
    while time.monotonic() < deadline:
        kind, seed, plain = rng.choice(kinds), rng.randrange(1 << 30), rng.random() < 0.3
        text = "" if kind == CANVAS else mutated(rng, rng.choice(known[kind]))
        kept = json.dumps({"kind": kind, "seed": seed, "plain": plain, "text": text}, indent=1)
        path = CORPUS / f"{kind}-{hashlib.sha256(kept.encode()).hexdigest()[:12]}.json"
        path.write_text(kept, encoding="utf-8")  # first, for an input that takes the process down is the one to keep
        faulthandler.dump_traceback_later(TIME_LIMIT_S, exit=True)  # works inside native code, where a signal waits
        try:
            counts[run(kind, text, seed, plain=plain)] += 1
        except (
            AssertionError,
            ArithmeticError,
            LookupError,
            TypeError,
            ValueError,
            RuntimeError,
            OSError,
            MemoryError,
        ) as error:
            counts["failed"] += 1
            print(f"{path.relative_to(ROOT)}: {type(error).__name__}: {str(error)[:2000]}", flush=True)
        else:
            path.unlink()
        finally:
            faulthandler.cancel_dump_traceback_later()
    print(", ".join(f"{count:,} {name}" for name, count in counts.items()))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
