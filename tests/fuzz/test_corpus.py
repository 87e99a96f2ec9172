"""Every input that once failed under the fuzzer, run again; and a little of what it does, on what it starts from."""

import os
from pathlib import Path

import pytest
from fuzz.canvases import play
from fuzz.run import CORPUS, replay, run
from fuzz.texts import KINDS

EFFORT = float(os.environ.get("WEFT_TEST_EFFORT", "1"))


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.json")), ids=lambda path: path.stem)
def test_an_input_that_once_failed(path: Path) -> None:
    replay(path)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_mutated_is_walked(kind: str) -> None:
    texts = [text for text in dict.fromkeys(KINDS[kind][0]()) if len(text) < 500]  # languages take their time
    assert "walked" in {run(kind, text, seed) for seed, text in enumerate(texts)}


@pytest.mark.parametrize("seed", range(int(30 * EFFORT)))
def test_a_random_canvas(seed: int) -> None:
    play(seed)
