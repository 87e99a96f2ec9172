"""Imports point left: core <- grammar <- {schemas, infill} <- decoders <- command line. Read from the sources."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDER_OF = {
    "weft.grammar": ROOT / "grammar",
    "weft.schemas": ROOT / "schemas",
    "weft.infill": ROOT / "infill",
    "weft.decoders": ROOT / "decoders",
    "weft.models": ROOT / "core" / "weft" / "models",
}
MAY_IMPORT = {
    "weft.grammar": {"weft.grammar"},
    "weft.schemas": {"weft.grammar", "weft.schemas"},
    "weft.infill": {"weft.grammar", "weft.infill"},
    "weft.decoders": {"weft.grammar", "weft.schemas", "weft.infill", "weft.decoders", "weft.models"},
    "weft.models": {"weft.grammar", "weft.schemas", "weft.infill", "weft.decoders", "weft.models"},
}
# A method of a lower layer that hands over to a higher one, inside the method: (file, module it names).
HANDS_OVER = {("grammar/constraint.py", "weft.infill.solver"), ("grammar/constraint.py", "weft.infill.canvas")}
ONLY_IN = {
    "lark": {"weft.grammar"},
    "torch": {"weft.decoders", "weft.models"},
    "transformers": {"weft.decoders", "weft.models"},
    "safetensors": {"weft.decoders", "weft.models"},
    "typer": {"weft.cli"},
}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of every import of a file, wherever it stands in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield node.lineno, "." * node.level + (node.module or "")
            elif node.module == "weft":
                yield from ((node.lineno, f"weft.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, node.module or ""


def layer(module: str) -> str | None:
    """The layer that a module belongs to; None for the package root and for other people's modules."""
    return next((name for name in FOLDER_OF if module == name or module.startswith(name + ".")), None)


def sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def package() -> list[tuple[str, Path]]:
    """(layer or module, file) for every file of the package."""
    root = ROOT / "core" / "weft"
    files = [(name, path) for name, folder in FOLDER_OF.items() for path in sources(folder)]
    return files + [(f"weft.{path.stem}", path) for path in sorted(root.glob("*.py"))]


PACKAGE = [pytest.param(name, path, id=str(path.relative_to(ROOT))) for name, path in package()]


@pytest.mark.parametrize("name, path", PACKAGE)
def test_imports_point_left(name: str, path: Path) -> None:
    if name not in MAY_IMPORT:
        return
    file = path.relative_to(ROOT).as_posix()
    wrong = [
        f"{file}:{line} imports {module}"
        for line, module in imports(path)
        if layer(module) not in MAY_IMPORT[name] | {None} and (file, module) not in HANDS_OVER
    ]
    assert wrong == []


@pytest.mark.parametrize("name, path", PACKAGE)
def test_heavy_packages_stay_in_their_layer(name: str, path: Path) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for line, module in imports(path)
        if name not in ONLY_IN.get(module.partition(".")[0], {name})
    ]
    assert wrong == []


@pytest.mark.parametrize("name, path", PACKAGE)
def test_a_layer_does_not_reach_up_through_the_public_names(name: str, path: Path) -> None:
    """`import weft` in a layer would hide which layer it uses; the command line and the models may."""
    if name in ("weft.cli", "weft.__main__", "weft.models"):
        return
    assert [line for line, module in imports(path) if module == "weft"] == []


def test_imports_are_absolute_and_of_weft() -> None:
    """`import grammar` works from the repository's root only, and makes a second copy of `weft.grammar`."""
    folders = [*FOLDER_OF.values(), *(ROOT / name for name in ("tests", "examples", "benchmarks", "tools"))]
    files = sorted((ROOT / "core" / "weft").glob("*.py")) + [path for folder in folders for path in sources(folder)]
    generic = {"grammar", "schemas", "infill", "decoders", "core", "examples", "tools"}
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in files
        for line, module in imports(path)
        if module.startswith(".") or module.partition(".")[0] in generic
    ]
    assert wrong == []


def test_only_the_bindings_know_python() -> None:
    python = re.compile(r'#\s*include\s*[<"](Python\.h|nanobind/|pybind11/)')
    knows = [
        path.name
        for path in sorted((ROOT / "core" / "src").glob("*"))
        if path.suffix in {".cpp", ".hpp"} and python.search(path.read_text(encoding="utf-8"))
    ]
    assert knows in ([], ["bindings.cpp"])


def test_the_check_sees_a_wrong_import(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "import torch\nfrom weft.decoders.hf import causal\nfrom .source import Span\nfrom weft import infill\n"
    )
    assert [module for _, module in imports(wrong)] == ["torch", "weft.decoders.hf", ".source", "weft.infill"]
    assert [layer(module) for _, module in imports(wrong)] == [None, "weft.decoders", None, "weft.infill"]
