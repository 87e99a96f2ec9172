"""The README is true: its snippets run, its commands run, its files exist; and every example runs as it stands."""

import re
import runpy
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines()]


def test_two_commands_come_first_and_install_what_is_tested() -> None:
    first, second = (block.strip() for block in blocks("sh")[:2])
    assert first.startswith('pip install -c constraints.txt ".[hf]" && weft generate --schema ')
    assert second == 'pip install -c constraints.txt ".[test]" && pytest'
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set(re.findall(r'"\.\[(\w+)\]"', README)) <= extras.keys()


def test_constraints_are_exact_and_name_no_host() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*", line)] == []


def test_python_snippets_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "readme"}
    for block in blocks("python"):
        line = README[: README.index(block)].count("\n")
        exec(compile("\n" * line + block, str(ROOT / "README.md"), "exec"), namespace)
    assert namespace["person"].name is not None


@pytest.mark.parametrize("line", sorted({line.partition("&& ")[2] or line for line in COMMANDS if "weft " in line}))
def test_commands_run(line: str, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    if "--model" in line:
        pytest.skip("needs a checkpoint from the network")
    monkeypatch.chdir(ROOT)
    program, *arguments = shlex.split(line)
    ran = command(*arguments)
    assert program == "weft"
    assert (ran.code, ran.err) == ((1 if "check" in arguments else 0), "")
    assert ran.out.strip()


def test_every_named_file_exists() -> None:
    links = re.findall(r"\]\(([\w./-]+)\)", README)
    folders = re.findall(r"`([\w/]+/)`", README)
    paths = re.findall(r"[\w/]+\.schema\.json", README)
    assert [name for name in links + folders + paths if not (ROOT / name).exists()] == []


def test_there_is_a_place_for_measured_results() -> None:
    assert README.count("<!-- bench:begin -->") == README.count("<!-- bench:end -->") == 1
    assert README.index("<!-- bench:begin -->") < README.index("<!-- bench:end -->")


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_example_runs(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out.strip()
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 60, "an example fits on a screen"
