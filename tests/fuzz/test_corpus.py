"""Every input that once failed under tests/fuzz/run.py, run again."""

from pathlib import Path

import pytest
from fuzz.run import CORPUS, replay


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.json")), ids=lambda path: path.stem)
def test_an_input_that_once_failed(path: Path) -> None:
    replay(path)
