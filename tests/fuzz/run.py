"""Hostile grammars, schemas, regular expressions and token streams, until the time is over.

    make fuzz                                   under the sanitizers
    python tests/fuzz/run.py --seconds 60       on the build that is installed
    python tests/fuzz/run.py --only lark --seed 7

Each input is a known text with a few mutations. It must give an answer or a WeftError within a time limit. Then a
random walk checks that a mask means what it says: a token in it can be committed, a token outside it can not, and a
rollback brings the mask back. What fails is kept in tests/fuzz/corpus; tests/fuzz/test_corpus.py keeps running it.
"""

from __future__ import annotations

import argparse
import faulthandler
import hashlib
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import weft

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CORPUS = HERE / "corpus"
TIME_LIMIT_S = 20
STEPS = 12

TOKENS: list[bytes | None] = [bytes([byte]) for byte in range(256)]
TOKENS += b'": ", " {" }} [] true null 12 -0. e+ \xc3\xa9 \xf0\x9f int if ab aab (( )) // /* */ \\u00'.split(b" ")
TOKENS += [b"  ", b"int ", b"\r\n", None]
VOCABULARY = weft.Vocabulary(TOKENS, eos=[len(TOKENS) - 1])

REGEXES = [
    "a*b|c+", "(a|b)*abb", "[a-z]{3,8}", r"\d{1,3}(\.\d+)?", r"[^\"\\]|\\.", "é+|ü{2}", "(a*)*", "(?i:select)",
    r"\p{L}+\s*", "a{0,1000}", "((a{1,9}){1,9}){1,9}", "", "()", "[]a]", "(?=a)b", r"\b\w+\b",
]  # fmt: skip
GBNFS = [
    'root ::= "(" root ")" | [a-z]+ | root root\n',
    'root ::= item ("," ws item)*\nitem ::= "a"{2,5} | [^\\x00-\\x1f"]\nws ::= [ \\t]*\n',
    'root ::= a | b\na ::= b "x" | \nb ::= a "y"\n',
]
LARKS = [
    'start: "[" start* "]"\n',
    'start: expr\nexpr: expr "+" expr | NUMBER | "(" expr ")"\n%import common.NUMBER\n%ignore " "\n',
    'start: stmt+\nstmt: "if" A block | A "=" A ";"\nblock: "{" stmt* "}"\nA: /[a-z_]\\w*/\n%ignore /\\s+/\n',
    'start: _sep{item, ","}\n_sep{x, s}: x (s x)*\nitem: A | B\nA.2: "a"\nB: /[ab]/i ~ 1..3\n',
]
SCHEMAS: list[object] = [
    {"type": "object", "properties": {"a": {"type": "integer", "minimum": -5, "maximum": 17}}, "required": ["a"]},
    {"type": "array", "items": {"$ref": "#"}, "maxItems": 3},
    {"anyOf": [{"const": {"x": [1, "é", None]}}, {"enum": ["a", 1.5, True]}, {"type": "string", "pattern": "^a+$"}]},
    {"$defs": {"t": {"type": "object", "properties": {"l": {"$ref": "#/$defs/t"}}}}, "$ref": "#/$defs/t"},
    {"type": "string", "minLength": 2, "maxLength": 1000, "format": "date"},
    {"type": "number", "exclusiveMinimum": 0.25, "multipleOf": 0.5},
    {"prefixItems": [{"type": "boolean"}, {"type": "null"}], "items": False, "minItems": 1},
]
SPICE = ["*", "+", "?", "|", "(", ")", "[", "]", "{", "}", '"', "\\", "/", "{99999999}", "~ 3..1", "::=", ":", "\n",
         "\0", "é", "\ud7ff", "\U0010ffff", "%ignore", "%import common.WS", "$ref", "1e999", "-", "^", "#", "start",
         "root"]  # fmt: skip


def mutated(rng: random.Random, text: str) -> str:
    for _ in range(rng.choice((0, 1, 1, 2, 3, 8))):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.choice((0, 1, 1, 3, 10)))
        other = rng.randrange(len(text) + 1)
        new = rng.choice((rng.choice(SPICE), "", text[other : other + rng.randrange(20)], chr(rng.randrange(32, 127))))
        text = text[:start] + new * rng.choice((1, 1, 1, 2, 50)) + text[end:]
    return text


def languages() -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted((ROOT / "grammar" / "library").glob("*.lark"))]


KINDS: dict[str, tuple[Callable[[], list[str]], Callable[[str], weft.Grammar]]] = {
    "regex": (lambda: REGEXES, lambda text: weft.from_regex(text)),
    "gbnf": (lambda: GBNFS, lambda text: weft.from_gbnf(text)),
    "lark": (lambda: LARKS * 4 + languages(), lambda text: weft.from_lark(text)),
    "schema": (
        lambda: [json.dumps(schema) for schema in SCHEMAS],
        lambda text: weft.from_json_schema(json.loads(text)),
    ),
}


def run(kind: str, text: str, seed: int) -> str:
    """Reads, compiles and walks one input: "walked" or "refused". Raises what must not happen."""
    try:
        grammar = KINDS[kind][1](text)
        matcher = weft.compile(grammar, VOCABULARY).matcher()
        walk(matcher, random.Random(seed))
    except weft.WeftError:
        return "refused"
    except (json.JSONDecodeError, RecursionError):
        if kind != "schema":  # there the JSON reader of Python comes first
            raise
        return "refused"
    return "walked"


def walk(matcher: weft.Matcher, rng: random.Random) -> None:
    depth = 0
    for _ in range(STEPS):
        mask = matcher.mask().copy()
        allowed = np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little"))
        assert allowed.size == 0 or allowed[-1] < len(TOKENS), "a bit beyond the vocabulary"
        forbidden = rng.randrange(len(TOKENS))
        if forbidden not in allowed:
            try:
                matcher.commit(forbidden)
            except weft.DeadEnd:
                pass
            else:
                raise AssertionError(f"token {forbidden} is not in the mask, yet it was committed")
        assert (matcher.mask() == mask).all(), "a refused token changed the mask"
        if allowed.size == 0:
            assert matcher.is_stopped or not matcher.is_complete, "complete, and yet no end token is allowed"
            break
        matcher.commit(int(rng.choice(allowed)))
        depth += 1
        if rng.random() < 0.3:
            matcher.rollback(1)
            depth -= 1
            assert (matcher.mask() == mask).all(), "rollback did not bring the mask back"
    matcher.rollback(depth)


def replay(path: Path) -> None:
    """Runs a kept input again."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    run(kept["kind"], kept["text"], kept["seed"])


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", choices=sorted(KINDS))
    options = parser.parse_args(argv)
    rng = random.Random(options.seed)
    seeds = {kind: texts() for kind, (texts, _) in KINDS.items() if options.only in (None, kind)}
    counts = {"walked": 0, "refused": 0, "failed": 0}
    print(f"seed {options.seed}", flush=True)
    deadline = time.monotonic() + options.seconds
    CORPUS.mkdir(exist_ok=True)
    while time.monotonic() < deadline:
        kind = rng.choice(sorted(seeds))
        text, seed = mutated(rng, rng.choice(seeds[kind])), rng.randrange(1 << 30)
        kept = json.dumps({"kind": kind, "seed": seed, "text": text}, indent=1)
        path = CORPUS / f"{kind}-{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:12]}.json"
        path.write_text(kept, encoding="utf-8")  # first, for an input that takes the process down is the one to keep
        faulthandler.dump_traceback_later(TIME_LIMIT_S, exit=True)  # works inside native code, where a signal waits
        try:
            counts[run(kind, text, seed)] += 1
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
            print(f"{path.relative_to(ROOT)}: {type(error).__name__}: {error}", flush=True)
        else:
            path.unlink()
        finally:
            faulthandler.cancel_dump_traceback_later()
    print(", ".join(f"{count:,} {name}" for name, count in counts.items()))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
