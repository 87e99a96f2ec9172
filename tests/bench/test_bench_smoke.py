"""The benchmark harness on three tiny schemas and a toy vocabulary: verdicts, a refusal, property order, a table."""

from pathlib import Path
from types import SimpleNamespace

import pytest


@pytest.fixture
def bench(root: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    pytest.importorskip("weft._core")
    # The repository's root is never on the path in tests, where `grammar` would be a second `weft.grammar`.
    package = root / "benchmarks"
    monkeypatch.syspath_prepend(str(root))
    assert package.is_dir()
    from benchmarks import engines, maskbench, measure, report
    from benchmarks.vocabularies import BenchVocabulary

    words = [b'{"', b'": ', b", ", b"true", b"12", b'"}', b"name", b"age"]
    tokens: list[bytes | None] = [None, *words, *(bytes([byte]) for byte in range(256))]

    def encode(text: str) -> list[int]:
        rest, ids = text.encode(), []
        while rest:
            token_id = next(i for i, token in enumerate(tokens) if token and rest.startswith(token))
            ids.append(token_id)
            rest = rest[len(tokens[token_id] or b"") :]
        return ids

    vocabulary = BenchVocabulary("toy", tokens, 0, encode)
    engine = engines.Weft(vocabulary)

    def run(name: str, schema: object, *tests: tuple[bool, object]) -> dict[str, object]:
        row = {"id": name, "split": "toy", "schema": schema, "tests": [{"valid": v, "data": d} for v, d in tests]}
        job = maskbench.job(vocabulary, row)
        return {"engine": "weft", "id": name, "split": "toy", **measure.run_schema(engine, job)}

    return SimpleNamespace(run=run, report=report)


PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name"],
    "additionalProperties": False,
}


def test_three_schemas(bench: SimpleNamespace) -> None:
    person = bench.run("person", PERSON, (True, {"name": "Ada", "age": 12}), (False, {"age": 12}), (False, {"name": 1}))
    order = bench.run("order", PERSON, (True, {"age": 12, "name": "Ada"}))
    refused = bench.run("refused", {"type": "nonsense"}, (True, []))
    assert [test["accepted"] for test in person["tests"]] == [True, False, False]
    assert bench.report.is_right(person)
    assert len(person["tests"][0]["masks_us"]) == len(person["tests"][0]["commits_us"]) > 5
    assert refused["refused"]
    counts = bench.report.verdicts([person, order, refused])
    assert (counts["schemas"], counts["refused"], counts["invalid accepted"]) == (3, 1, 0)
    assert counts["valid rejected"] == counts["of these, only for property order"]
    assert "person" in bench.report.slow_table([person])


def test_percentiles_and_ratios(bench: SimpleNamespace) -> None:
    figures = bench.report.Figures(["weft", "other"])
    figures.percentiles("mask, us,", {"weft": [1.0, 3.0], "other": [4.0, 4.0]}, (-1, 100))
    assert figures.rows == [["mask, us, mean", "2", "4", "0.5"], ["mask, us, max", "3", "4", "0.75"]]
