"""What every test may ask for. Nothing here needs the network, an accelerator or a checkpoint."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Models this small make threads wait for each other: on a busy machine two take 20 times as long as one.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def data() -> Callable[[str], Path]:
    """data("maskbench.jsonl.xz"): a file of the shared test data; the test is skipped where there is none."""
    folders = [Path(os.environ["WEFT_DATA"])] if os.environ.get("WEFT_DATA") else []
    folders.append(ROOT.parent / "shared" / "data")

    def find(name: str) -> Path:
        for folder in folders:
            if (folder / name).exists():
                return folder / name
        pytest.skip(f"no {name}: set WEFT_DATA to the folder of the shared data")

    return find


class Ran(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """command("check", "--regex", "a+", stdin="aa"): the `weft` command in this process."""
    from weft.cli import main

    def run(*arguments: str, stdin: str = "") -> Ran:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        capsys.readouterr()
        try:
            main(arguments)
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Ran(code, *capsys.readouterr())

    return run
