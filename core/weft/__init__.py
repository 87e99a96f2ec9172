"""Grammar-constrained output: which tokens may stand here, so that the whole can still become a sentence?

The public names. What calls a model is looked up on first use: `import weft` imports neither torch nor transformers.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
from weft.infill.solver import Solver
from weft.schemas.embed import from_lark
from weft.schemas.json_schema import from_json_schema
from weft.schemas.pydantic import from_pydantic

if TYPE_CHECKING:
    from weft.decoders.denoise import denoise
    from weft.decoders.fill import fill
    from weft.decoders.generate import generate

__version__ = "0.1.0"

__all__ = [
    "HOLE",
    "BudgetExceeded",
    "Canvas",
    "Constraint",
    "DeadEnd",
    "Grammar",
    "GrammarError",
    "Limits",
    "Matcher",
    "SchemaError",
    "Solver",
    "Status",
    "Verdict",
    "Vocabulary",
    "VocabularyError",
    "WeftError",
    "check",
    "compile",
    "denoise",
    "fill",
    "from_gbnf",
    "from_json_schema",
    "from_lark",
    "from_pydantic",
    "from_regex",
    "generate",
    "load",
    "to_gbnf",
    "to_lark",
]

_DECODERS = {name: f"weft.decoders.{name}" for name in ("denoise", "fill", "generate")}


def __getattr__(name: str) -> Any:
    if name not in _DECODERS:
        raise AttributeError(f"module 'weft' has no attribute {name!r}")
    try:
        globals()[name] = getattr(import_module(_DECODERS[name]), name)
    except ModuleNotFoundError as error:
        raise WeftError(f"weft.{name} needs the package {error.name}", hint='pip install "weft[hf]"') from None
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_DECODERS})
