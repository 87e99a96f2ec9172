"""The diffusion table on a few tiny canvases: who is right, what is counted, and nothing invalid under a grammar."""

import itertools
import json
import shutil
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")


@pytest.fixture
def bench(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    # The repository's root is never on the path in tests, where `grammar` would be a second `weft.grammar`.
    monkeypatch.syspath_prepend(str(root))
    from benchmarks import denoise

    return denoise


def test_json_is_right_when_it_is_what_was_asked_for(bench: ModuleType) -> None:
    place, person = (
        next(task for task in bench.json_tasks(Random(0)) if key in task.is_right.args[0]["properties"])
        for key in ("country", "email")
    )
    assert place.is_right('{"city": "Oslo", "country": "Norway", "population": 5}')
    assert not place.is_right('{"city": "Oslo", "country": "Italy", "population": 5}')
    assert not place.is_right('{"country": "Norway", "city": "Oslo", "population": 5}')
    assert not place.is_right('{"city": "Oslo", "country": "Norway"')
    assert person.is_right('{"name": "Zoë Diaz", "age": 3, "email": "zoe.diaz@mail.com"}')
    assert not person.is_right('{"name": "Zoë Diaz", "age": 3, "email": "ada.diaz@mail.com"}')
    assert not person.is_right('{"name": "Zoë Diaz", "age": 300, "email": "zoe.diaz@mail.com"}')


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_cpp_is_right_when_it_does_what_the_comment_says(bench: ModuleType, tmp_path: Path) -> None:
    compiler = bench.Compiler(tmp_path)
    tasks = bench.cpp_tasks(Random(0), compiler)
    task = next(task for task in tasks if "larger of a and b" in task.prompt or "maximum of a and b" in task.prompt)
    assert task.given.endswith("(int a, int b) {")
    assert task.is_right(f"{task.given} if (b < a) return a; return b; }}")
    assert not task.is_right(f"{task.given} return a; }}")
    assert not task.is_right(f"{task.given} return a > b ? a : b;")
    assert not task.is_right(f"{task.given} while (true); }}")
    assert bench._trial("void f(int n) {", "}") is None
    assert bench._trial("int f(std::vector<int>& v) {", "return 0;}") is None


def test_every_answer_under_a_grammar_is_valid_and_counted(bench: ModuleType) -> None:
    from weft.decoders import embedded, hf

    dlm = hf.masked(embedded.masked(), embedded.tokenizer())
    tasks = [next(task for task in bench.json_tasks(Random(2)) if "host" in task.prompt)]
    policies = {name: bench.POLICIES[name] for name in ("4 a step", "8 a step")}
    rows = list(bench.run(dlm, tasks, policies, length=32, block=16))
    assert [(row["policy"], row["grammar"]) for row in rows] == list(itertools.product(policies, (False, True)))
    for row in rows[1::2]:
        assert row["valid"] and row["parses"] and list(json.loads(row["text"])) == ["host", "port", "enabled"]
        assert row["commits"] + row["forced"] == 32
    lines = bench.table([*rows, rows[1] | {"text": None, "valid": False}]).split("\n")
    assert len(lines) == 2 + 4
    assert lines[3].startswith("| JSON, 4 a step | with | 2 | 50% | 100% |")
