"""Tables in a README: what was measured again is replaced, all else stays."""

from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def report(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(root))
    from benchmarks import report

    return report


def test_only_sections_that_were_measured_again_are_replaced(report: ModuleType, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"top\n{report.BEGIN}\n### one\n\nold 1\n\n### two\n\nold 2\n{report.END}\nbottom\n", "utf-8")
    report.inject(readme, {"two": "new 2", "three": "new 3"})
    expected = "### one\n\nold 1\n\n### two\n\nnew 2\n\n### three\n\nnew 3"
    assert readme.read_text("utf-8") == f"top\n{report.BEGIN}\n{expected}\n{report.END}\nbottom\n"


def test_a_readme_without_markers_is_refused(report: ModuleType, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"{report.END} {report.BEGIN}", "utf-8")
    with pytest.raises(SystemExit, match="has no"):
        report.inject(readme, {})
