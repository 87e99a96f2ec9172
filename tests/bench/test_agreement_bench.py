"""Masks compared with llguidance: nothing unexplained where both are right, and no wrong bit goes unnoticed."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

LARK = r"""
start: "let" NAME "=" value
value: NAME | "[" [value ("," value)*] "]" | /[0-9]+/
NAME: /[a-z]+/
%ignore " "
"""


@pytest.fixture
def bench(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    pytest.importorskip("weft._core")
    pytest.importorskip("llguidance")
    pytest.importorskip("transformers")
    monkeypatch.syspath_prepend(str(root))
    from benchmarks import agreement, languages
    from benchmarks.vocabularies import load_vocabulary

    comparer = agreement.Comparer(load_vocabulary("embedded"))
    language = languages.lark_language("toy", "toy", LARK, ["let x = [a, 12]"])
    yield SimpleNamespace(agreement=agreement, comparer=comparer, language=language)


def compare(bench: SimpleNamespace) -> Any:
    found = bench.agreement.Agreement()
    bench.comparer.compare(bench.language, found)
    return found


def test_every_difference_has_a_class(bench: SimpleNamespace) -> None:
    found = compare(bench)
    assert found.masks > 8 and found.judged > 0
    assert not [label for label in found.classes if label.startswith("UNEXPLAINED")]
    assert found.classes["weft: ignored text before the first lexeme"] > 0
    assert found.classes["llguidance: two lexemes touch where all terminals together would read a longer one"] > 0


def test_a_wrong_bit_is_unexplained(bench: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    weft, right = bench.comparer.weft, bench.comparer.weft.mask

    def wrong() -> None:
        right()
        weft.out[:] ^= 1 << 20  # in each word one bit is turned over

    monkeypatch.setattr(weft, "mask", wrong)
    found = compare(bench)
    assert sum(count for label, count in found.classes.items() if label.startswith("UNEXPLAINED")) > 50
