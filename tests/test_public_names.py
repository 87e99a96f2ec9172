"""The public names: one that appears or disappears by accident fails here. Adding one is a decision."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import weft
from weft import _core

NAMES = """
    BudgetExceeded Canvas Constraint DeadEnd Grammar GrammarError HOLE Limits Matcher SchemaError Solver Status
    Verdict Vocabulary VocabularyError WeftError
    check compile denoise fill from_gbnf from_json_schema from_lark from_pydantic from_regex generate load
    to_gbnf to_lark
""".split()


def test_the_public_names_are_these() -> None:
    assert sorted(weft.__all__) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_can_be_imported_and_is_documented(name: str) -> None:
    if name in ("denoise", "fill", "generate"):
        pytest.importorskip("torch")
    value = getattr(weft, name)
    assert name in dir(weft)
    assert name == "HOLE" or (value.__doc__ or "").strip(), f"weft.{name} has no docstring"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'from_yaml'"):
        weft.from_yaml  # noqa: B018


def test_importing_weft_and_its_grammars_imports_no_model_runtime() -> None:
    code = (
        "import sys, weft; weft.from_json_schema, weft.check, weft.compile, weft.Canvas; "
        "heavy = {'torch', 'transformers', 'typer', 'rich', 'pydantic'}; "
        "print(sorted({module.partition('.')[0] for module in sys.modules} & heavy))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output == "[]\n"


def test_without_torch_a_decoder_says_what_to_install() -> None:
    code = "import sys; sys.modules['torch'] = None; import weft; weft.generate"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stderr.splitlines()[-2:] == [
        "weft.errors.WeftError: weft.generate needs the package torch",
        '  hint: pip install "weft[hf]"',
    ]


def test_the_typed_face_of_the_native_module_has_its_names() -> None:
    """mypy believes _core.pyi; here somebody looks."""
    tree = ast.parse((Path(weft.__file__).parent / "_core.pyi").read_text(encoding="utf-8"))
    typed = {
        node.name: {method.name for method in node.body if isinstance(method, ast.FunctionDef)} - {"__init__"}
        if isinstance(node, ast.ClassDef)
        else None
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    }
    native = {
        name: {method for method in vars(value) if not method.startswith("_")} if isinstance(value, type) else None
        for name, value in vars(_core).items()
        if not name.startswith("_")
    }
    del typed["Limits"], native["Limits"]  # numbers only
    assert typed == native
