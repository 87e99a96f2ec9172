"""Grammar-constrained output: which tokens may stand here, so that the whole can still become a sentence?

The public names, looked up on first use: `import weft` takes milliseconds, and torch comes with the first decoder.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weft.decoders.denoise import denoise
    from weft.decoders.fill import fill
    from weft.decoders.generate import generate
    from weft.errors import BudgetExceeded, DeadEnd, GrammarError, SchemaError, VocabularyError, WeftError
    from weft.grammar.constraint import Constraint, Limits, compile
    from weft.grammar.gbnf import from_gbnf, to_gbnf
    from weft.grammar.grammar import Grammar
    from weft.grammar.lark import load, to_lark
    from weft.grammar.matcher import Matcher
    from weft.grammar.regex import from_regex
    from weft.grammar.verdict import Status, Verdict
    from weft.grammar.vocabulary import Vocabulary
    from weft.infill.canvas import HOLE, Canvas
    from weft.infill.check import check
    from weft.schemas.embed import from_lark
    from weft.schemas.json_schema import from_json_schema
    from weft.schemas.pydantic import from_pydantic

__version__ = "0.1.0"

_HOME = {
    "weft.errors": ("BudgetExceeded", "DeadEnd", "GrammarError", "SchemaError", "VocabularyError", "WeftError"),
    "weft.grammar.grammar": ("Grammar",),
    "weft.grammar.lark": ("load", "to_lark"),
    "weft.grammar.gbnf": ("from_gbnf", "to_gbnf"),
    "weft.grammar.regex": ("from_regex",),
    "weft.grammar.vocabulary": ("Vocabulary",),
    "weft.grammar.constraint": ("Constraint", "Limits", "compile"),
    "weft.grammar.matcher": ("Matcher",),
    "weft.grammar.verdict": ("Status", "Verdict"),
    "weft.schemas.embed": ("from_lark",),
    "weft.schemas.json_schema": ("from_json_schema",),
    "weft.schemas.pydantic": ("from_pydantic",),
    "weft.infill.canvas": ("HOLE", "Canvas"),
    "weft.infill.check": ("check",),
    "weft.decoders.generate": ("generate",),
    "weft.decoders.fill": ("fill",),
    "weft.decoders.denoise": ("denoise",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'weft' has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})


__all__ = sorted(_MODULE_OF)
