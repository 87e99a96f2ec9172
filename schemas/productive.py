r"""Whether a grammar has a text at all: recursion may have no end.

    root: "{" "\"a\":" root "}"        no finite text
    root: "{" ("\"a\":" root)? "}"     {}

A search from the root nearly always finds one; else all productions are looked at until nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable

from weft.grammar.grammar import Alt, Expression, Literal, Ref, Repeat, Seq

MAX_SEARCH = 50  # productions inside each other that are searched depth first before all are looked at


def is_productive(productions: dict[str, Expression]) -> bool:
    """Whether some finite text can come from the root, patterns taken to match something."""
    productive: set[str] = set()
    searched: set[str] = set()

    def search(name: str) -> bool:
        # depth first, through what a shortest text needs: nearly always enough
        if name not in productive:
            if name in searched or len(searched) > MAX_SEARCH:
                return False
            searched.add(name)
            if fits(productions[name], search):
                productive.add(name)
        return name in productive

    def fits(expression: Expression, of: Callable[[str], bool]) -> bool:
        if isinstance(expression, Ref):
            return of(expression.name)
        if isinstance(expression, Literal):
            return True
        if isinstance(expression, Seq):
            for item in expression.items:
                if not fits(item, of):
                    return False
        elif isinstance(expression, Alt):
            return any(fits(item, of) for item in expression.items)
        elif isinstance(expression, Repeat):
            return expression.min == 0 or fits(expression.item, of)
        return True

    grown = not search("root")
    while grown and "root" not in productive:
        grown = False
        for name in reversed(productions):  # what is nested stands later
            if name not in productive and fits(productions[name], productive.__contains__):
                productive.add(name)
                grown = True
    return "root" in productive
