"""Masked diffusion with and without a grammar: the embedded model on JSON and C++ prompts, 1 to 8 tokens a step.

    prompt    a city with city, country and population as JSON:
    canvas    64 open slots
    answer    {"city": "Oslo", "country": "Norway", "population": 61203}

    valid     a sentence of the grammar: of the schema for JSON, of library/cpp.lark for C++
    parses    json.loads takes it; g++ compiles it
    right     JSON: the keys that were asked for, in order, and values that fit each other (a country its city, an email
              its name, as many items as were asked for); C++: what the comment says, tried on a few arguments

Every slot is closed after a forward pass has scored it: by a token that the policy chose among the legal ones, or by
the only legal one that is left (`forced`; without a grammar: what follows the end and is not read). Each run is checked
for it.
"""

from __future__ import annotations

import itertools
import json
import re
import resource
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import jsonschema

import weft
from benchmarks.data import Json
from benchmarks.report import markdown
from weft.decoders import embedded, hf
from weft.decoders.models import MaskedModel
from weft.decoders.policies import CommitPolicy, Threshold, TopK
from weft.errors import BudgetExceeded
from weft.infill.canvas import Hole
from weft.models import cpp_text, json_text
from weft.models.evaluate import Compiler

POLICIES: dict[str, CommitPolicy] = {**{f"{k} a step": TopK(k) for k in (1, 2, 4, 8)}, "surer than .9": Threshold(0.9)}
STRING, INTEGER, NUMBER, BOOLEAN = ({"type": name} for name in ("string", "integer", "number", "boolean"))
STRINGS = {"type": "array", "items": STRING}
KINDS: dict[str, dict[str, Json]] = {  # of the records that are asked for: key -> schema
    "person": {"name": STRING, "age": {"type": "integer", "minimum": 0, "maximum": 130}, "email": STRING},
    "city": {"city": STRING, "country": STRING, "population": INTEGER},
    "user": {"id": INTEGER, "role": {"enum": ["admin", "editor", "viewer", "guest"]}, "active": BOOLEAN},
    "book": {"title": STRING, "author": STRING, "year": INTEGER, "tags": STRINGS},
    "server": {"host": STRING, "port": INTEGER, "enabled": BOOLEAN},
    "product": {"product": STRING, "price": NUMBER, "in_stock": BOOLEAN, "colors": STRINGS},
    "order": {
        "customer": STRING,
        "items": {
            "type": "array",
            "items": {"type": "object", "properties": {"name": STRING, "quantity": INTEGER},
                      "required": ["name", "quantity"], "additionalProperties": False},
        },
        "total": NUMBER,
    },
}  # fmt: skip
ARGUMENTS = {  # of a C++ function, by type: what it is tried on
    "int": ("0", "1", "2", "3", "7", "12"),
    "unsigned": ("1", "2", "6"),
    "long": ("1", "4", "9"),
    "double": ("0.5", "2.0", "-3.25"),
    "bool": ("true", "false"),
    "char": ("'a'", "'Z'", "'5'"),
    "std::string": ('std::string("level")', 'std::string("a b")', 'std::string("Zebra")'),
    "std::vector<int>": ("std::vector<int>{3}", "std::vector<int>{1, 2, 3}", "std::vector<int>{4, -2, 4, 0}"),
    "std::vector<double>": ("std::vector<double>{0.5}", "std::vector<double>{1.5, 2.5, -1.0}"),
    "std::vector<std::string>": ('std::vector<std::string>{"ab"}', 'std::vector<std::string>{"x", "yz", "x"}'),
}


class Task(NamedTuple):
    """A prompt, the grammar that its answer keeps to, and who says whether the answer is right."""

    kind: str  # "JSON" or "C++"
    prompt: str
    given: str  # the beginning of the text; all after it is open
    grammar: weft.Grammar
    parses: Callable[[str], bool]
    is_right: Callable[[str], bool]


def json_tasks(rng: Random) -> Iterator[Task]:
    """Records of every kind in turns; each prompt names the keys, in one of the wordings of the training."""
    for kind, properties in itertools.cycle(KINDS.items()):
        memo: Json = {}
        value = {key: json_text.FIELDS[key](rng, memo) for key in properties}
        prompt = json_text.request(rng, kind, value, "")
        if not all(key in prompt for key in properties):
            continue
        schema = {
            "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
        }  # fmt: skip
        yield Task("JSON", prompt, "", weft.from_json_schema(schema), _is_json, partial(_is_asked, schema))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _is_asked(schema: Json, text: str) -> bool:
    value: Json = json.loads(text) if _is_json(text) else None
    if not jsonschema.Draft202012Validator(schema).is_valid(value) or list(value) != list(schema["properties"]):
        return False
    if "country" in value:
        return (value["city"], value["country"]) in json_text.PLACES
    if "email" in value:
        plain = value["name"].lower().translate(str.maketrans("éëöüí", "eeoui"))
        return bool(value["email"].split("@")[0] == plain.replace(" ", "."))
    return True


def cpp_tasks(rng: Random, compiler: Compiler) -> Iterator[Task]:
    """A comment, and a signature on the canvas, of functions that can be tried on arguments."""
    grammar = weft.load("cpp")
    while True:
        says, head, rest = cpp_text.function(rng)
        trial = _trial(head, rest)
        if trial:
            yield Task("C++", f"// {says}\n", head, grammar, compiler.accepts, partial(_runs, compiler, trial))


def _trial(head: str, rest: str) -> str | None:
    """A program that compares `asked`, put in for the first line, with this function; None for other kinds of types."""
    match = re.fullmatch(r"(?:[\w:<>]+) (\w+)\((.*)\) \{", head)
    if not match or head.startswith("void"):
        return None
    name, parameters = match[1], match[2].split(", ")
    types = [re.sub(r"^const (.*)&", r"\1", parameter.rpartition(" ")[0]) for parameter in parameters]
    if not all(kind in ARGUMENTS for kind in types):
        return None
    calls = [", ".join(values) for values in itertools.product(*(ARGUMENTS[kind] for kind in types))]
    tests = "".join(f"    if (asked::{name}({call}) != known::{name}({call})) return 1;\n" for call in calls)
    return f"namespace known {{\n{head}{rest}\n}}\nint main() {{\n{tests}}}\n"


def _limits() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (2, 2))
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))


def _runs(compiler: Compiler, trial: str, text: str) -> bool:
    if not compiler.accepts(text):
        return False
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "trial"
        code = f"namespace asked {{\n{text}\n}}\n{trial}"
        command = ["g++", "-std=c++17", "-x", "c++", "-include", str(compiler.header), "-", "-o", str(program)]
        if subprocess.run(command, input=code, text=True, capture_output=True, timeout=120).returncode:
            return False
        try:
            done = subprocess.run([program], capture_output=True, timeout=20, preexec_fn=_limits)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


def rows(prompts: int, kinds: Sequence[str], *, length: int, block: int, seed: int) -> Iterator[Json]:
    """What the embedded model answers to `prompts` prompts of each kind."""
    embedded.one_thread()
    dlm = hf.masked(embedded.masked(), embedded.tokenizer())
    with tempfile.TemporaryDirectory() as folder:
        compiler = Compiler(Path(folder))
        tasks = {"JSON": json_tasks(Random(seed)), "C++": cpp_tasks(Random(seed), compiler)}
        if "C++" in kinds and not compiler.found:
            raise SystemExit("benchmarks: C++ needs g++; --only JSON does without")
        for kind in kinds:
            yield from run(dlm, itertools.islice(tasks[kind], prompts), POLICIES, length=length, block=block)


def run(
    dlm: MaskedModel, tasks: Iterable[Task], policies: dict[str, CommitPolicy], *, length: int, block: int
) -> Iterator[Json]:
    """A row for every task and policy, without the grammar and with it."""
    for task in tasks:
        constraint = weft.compile(task.grammar, dlm.vocabulary)
        for name, policy in policies.items():
            for grammar in (None, constraint):
                row = {"kind": task.kind, "prompt": task.prompt, "policy": name, "grammar": grammar is not None}
                yield row | _answer(dlm, task, grammar, policy, length, block)


def _answer(
    dlm: MaskedModel, task: Task, constraint: weft.Constraint | None, policy: CommitPolicy, length: int, block: int
) -> Json:
    given = dlm.encode(task.given) if task.given else []
    canvas = weft.Canvas(given, Hole(length))
    try:
        masks = task.kind == "JSON"  # those of C++ are dear: tokens are tried one by one
        result = weft.denoise(dlm, task.prompt, constraint, canvas=canvas, block=block, policy=policy, masks=masks)
    except BudgetExceeded as error:
        return {"text": None, "gave_up": str(error), "valid": False, "parses": False, "right": False}
    assert result.history is not None
    steps = result.history.steps
    scored = [step for step in steps if step.committed]  # each is what one forward pass over all open slots led to
    assert len(scored) == result.model_calls, "a pass without a commit, or commits without a pass"
    assert sum(len(step.committed) + len(step.forced) for step in scored) == length, "a slot that no pass has scored"
    text = result.text
    return {
        "text": text,
        "valid": weft.check(task.grammar, text).status is weft.Status.COMPLETE,
        "parses": task.parses(text),
        "right": task.is_right(text),
        "passes": result.model_calls,
        "commits": result.commits,
        "forced": result.forced,
        "refused": result.refused,
        "unknown": result.unknown,
        "tokens": len(result.ids),
        "model_s": result.timings.model_s,
        "constraint_s": result.timings.constraint_s,
    }


def table(rows: Iterable[Json]) -> str:
    """One line for each kind of prompt, policy and grammar; rates are shares of all prompts, the rest means."""
    groups: dict[tuple[str, str, bool], list[Json]] = defaultdict(list)
    for row in rows:
        groups[row["kind"], row["policy"], row["grammar"]].append(row)
    head = ["", "grammar", "prompts", "valid", "parses", "right", "passes", "tokens a pass", "forced", "refused",
            "UNKNOWN", "model ms a pass", "constraint ms a pass"]  # fmt: skip
    return markdown(head, (_line(*key, groups[key]) for key in groups))


def _line(kind: str, policy: str, grammar: bool, rows: list[Json]) -> list[str]:
    done = [row for row in rows if row["text"] is not None]

    def mean(name: str, per: str | None = None, scale: float = 1.0) -> str:
        total = sum(row[per] for row in done) if per else len(done)
        return f"{scale * sum(row[name] for row in done) / total:.1f}" if total else "-"

    rates = [f"{sum(row[name] for row in rows) / len(rows):.0%}" for name in ("valid", "parses", "right")]
    unknown = sum(row["unknown"] for row in done) + len(rows) - len(done)
    return [
        f"{kind}, {policy}", "with" if grammar else "without", str(len(rows)), *rates, mean("passes"),
        mean("commits", "passes"), mean("forced"), mean("refused"), str(unknown), mean("model_s", "passes", 1e3),
        mean("constraint_s", "passes", 1e3),
    ]  # fmt: skip
