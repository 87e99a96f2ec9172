"""contract: what from_json_schema keeps of a schema, keyword by keyword.

    report = contract({"type": "array", "uniqueItems": True})
    report.refused      (Clause("#/uniqueItems", "uniqueItems", "refused", "'uniqueItems' cannot be enforced ..."),)
    report.is_exact     False

"exact" means that no text of an invalid value is generated on account of this keyword. "refused" raises in
from_json_schema; with ignore=[keyword] it is left to whoever validates the result. "annotation" says nothing about
validity.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from weft.errors import SchemaError
from weft.schemas.json_schema import from_json_schema
from weft.schemas.keywords import HANDLERS
from weft.schemas.references import INNER, MAPS
from weft.schemas.schema import Limits


class Clause(NamedTuple):
    """One keyword at one place."""

    pointer: str
    keyword: str
    kept: str  # "exact", "refused", "ignored" or "annotation"
    why: str = ""


class Contract(NamedTuple):
    """The clauses of one schema, in document order."""

    clauses: tuple[Clause, ...]

    @property
    def is_exact(self) -> bool:
        return not self.refused and not self.ignored

    @property
    def refused(self) -> tuple[Clause, ...]:
        return tuple(clause for clause in self.clauses if clause.kept == "refused")

    @property
    def ignored(self) -> tuple[Clause, ...]:
        return tuple(clause for clause in self.clauses if clause.kept == "ignored")

    def __str__(self) -> str:
        shown = [clause for clause in self.clauses if clause.kept != "annotation"]
        return "\n".join(
            f"{clause.kept:8} {clause.pointer}" + (f": {clause.why}" if clause.why else "") for clause in shown
        )


def contract(
    schema: Any, *, ignore: Collection[str] = (), documents: Mapping[str, Any] | None = None, limits: Limits = Limits()
) -> Contract:
    """What from_json_schema keeps of this schema; it never raises for a keyword.

    Keywords that were refused are left out one after the other, so that the report names all of them.
    """
    refused: dict[str, tuple[str, str]] = {}  # pointer -> keyword, why
    left_out = set(ignore)
    whole = ""
    for _ in range(len(HANDLERS) + 1):
        try:
            from_json_schema(schema, ignore=left_out, documents=documents, limits=limits)
            break
        except SchemaError as error:
            pointer = error.where.removeprefix("at ")
            keyword = pointer.rpartition("/")[2]
            if keyword not in HANDLERS or keyword in left_out:
                whole = error.what
                break
            refused[pointer] = (keyword, error.what)
            left_out.add(keyword)
    clauses = []
    names = dict(refused.values())
    for pointer, keyword in _keywords(schema):
        if keyword not in HANDLERS and keyword not in ("then", "else", "minContains", "maxContains"):
            clauses.append(Clause(pointer, keyword, "annotation"))
        elif keyword in ignore:
            clauses.append(Clause(pointer, keyword, "ignored"))
        elif pointer in refused:
            clauses.append(Clause(pointer, keyword, "refused", refused[pointer][1]))
        elif keyword in names:
            # once the keyword is ignored nobody has looked at its other places: claim nothing
            clauses.append(Clause(pointer, keyword, "refused", names[keyword]))
        else:
            clauses.append(Clause(pointer, keyword, "exact"))
    if whole:
        clauses.append(Clause("#", "", "refused", whole))
    return Contract(tuple(clauses))


def _keywords(schema: Any) -> list[tuple[str, str]]:
    """(pointer, keyword) of every keyword, in document order."""
    out: list[tuple[str, str]] = []
    stack: list[tuple[Any, str, int]] = [(schema, "#", 0)]
    while stack:
        raw, pointer, depth = stack.pop()
        if not isinstance(raw, dict) or depth > 1_000:
            continue
        inner: list[tuple[Any, str, int]] = []
        for key, value in raw.items():
            at = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            out.append((at, key))
            if key in MAPS and isinstance(value, dict):
                inner += [
                    (item, f"{at}/{name.replace('~', '~0').replace('/', '~1')}", depth + 1)
                    for name, item in value.items()
                ]
            elif key in INNER:
                items = enumerate(value) if isinstance(value, list) else ()
                inner += [(item, f"{at}/{i}", depth + 1) for i, item in items]
                if isinstance(value, dict):
                    inner.append((value, at, depth + 1))
        stack.extend(reversed(inner))
    return out
