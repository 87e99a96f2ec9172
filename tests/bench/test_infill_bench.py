"""The canvas benchmark on a toy vocabulary: what was cut out fits back in, and the tables say what was missed."""

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

TOKENS: list[bytes | None] = [None, b'{"', b'": ', b"true", b"ab", b'"}', *(bytes([byte]) for byte in range(256))]
TEXT = '{"ab": true, "x": [1, 2]}'


@pytest.fixture
def bench(root: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    pytest.importorskip("weft._core")
    monkeypatch.syspath_prepend(str(root))
    from benchmarks import engines, infill, infill_report, measure_infill
    from benchmarks.vocabularies import BenchVocabulary

    engine = engines.Weft(BenchVocabulary("toy", TOKENS, 0, encode))
    return SimpleNamespace(engine=engine, infill=infill, measure=measure_infill, report=infill_report)


def encode(text: str) -> list[int]:
    rest, ids = text.encode(), []
    while rest:
        token_id = next(i for i, token in enumerate(TOKENS) if token and rest.startswith(token))
        ids.append(token_id)
        rest = rest[len(TOKENS[token_id] or b"") :]
    return ids


def test_pieces_and_fragments_are_the_text(bench: SimpleNamespace) -> None:
    for seed in range(50):
        fragments, pieces = bench.infill.cut(TEXT, 3, random.Random(seed))
        woven = "".join(part for pair in zip(fragments, [*pieces, ""], strict=True) for part in pair)
        assert woven == TEXT and all(pieces)


def test_right_answers_are_counted_as_right(bench: SimpleNamespace) -> None:
    case = {"fragments": ['{"a', ": true, ", "1, 2]}"], "pieces": [encode('b"'), encode('"x": [')]}
    job = {"language": "json", "ids": encode(TEXT), "canvases": [case]}
    rows = [
        {"task": "spans", "split": "json", **bench.measure.run_spans(bench.engine, job)},
        {"task": "rigid", "split": "json", **bench.measure.run_rigid(bench.engine, job)},
    ]
    ids = encode("[true]")
    order = [2, 0, 3, 1]
    order_of = {"padded": [*ids, 0], "order": order, "stages": [75, 25], "all_masks_s": 4.0}
    stages = {"language": "json", "ids": ids, **order_of}
    run = bench.measure.run_stages(bench.engine, stages)
    rows.append({"task": "stages", "split": "json", "slots": 4, "how": "random", **run})
    answers: list[Any] = [row for part in rows for row in part.get("canvases", part.get("stages"))]
    assert [(answer["wrong"], answer["unknown"]) for answer in answers] == [([], [])] * 4
    assert all({"verdict", "mask", "commit"} <= set(answer["us"]) for answer in answers)
    table = bench.report.tables(rows)
    assert "JSON, any, 4, random, 75 %" in table
    assert "| spans, JSON, any | 1 | 0 | 1 | 1 | 0 | 0 | 0 | 0 |" in table


def test_a_wrong_answer_is_counted_as_wrong(bench: SimpleNamespace) -> None:
    case = {"fragments": ["[", "}"], "pieces": [encode("1")]}
    job = {"language": "json", "ids": encode("[1]"), "canvases": [case]}
    row = {"task": "spans", "split": "json", **bench.measure.run_spans(bench.engine, job)}
    assert row["canvases"][0]["wrong"] == ["verdict"]
    assert "| spans, JSON, any | 1 | 0 | 1 | 0 | 0 | 1 | 0 | 0 |" in bench.report.tables([row])


def test_retry_agrees_with_the_mask(bench: SimpleNamespace) -> None:
    job = {"language": "json", "ids": encode("[true, 1]"), "fragments": ["[", "1]"], "right": encode("true")[0]}
    row = bench.measure.run_retry(bench.engine, job | {"proposals": encode("}]x1t")})
    assert row["wrong"] == []
    assert (row["tries"], row["accepted"]) == (4, True)


def test_a_text_that_is_no_sentence_is_not_asked_about(bench: SimpleNamespace) -> None:
    job = {"language": "json", "ids": encode("[1"), "canvases": []}
    assert bench.measure.run_spans(bench.engine, job) == {"refused": "the whole text is not a sentence"}
