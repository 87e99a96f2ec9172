"""Every exception that weft raises.

    WeftError
    +-- GrammarError       a grammar, regex or production is wrong (span in a source)
    +-- SchemaError        a JSON Schema cannot be kept exactly (JSON pointer)
    +-- VocabularyError    a tokenizer or token table is not what it claims to be
    +-- DeadEnd            nothing can continue here, or a token does not fit (text so far)
    +-- BudgetExceeded     a limit was reached before the answer was known (limit, spent)

Each has the same four attributes, `what`, `where`, `expected` and `hint`, so that tools need not read prose.
"""


class WeftError(ValueError):
    """What went wrong, where, what was expected instead, and a way out."""

    def __init__(self, what: str, *, where: str = "", expected: str = "", hint: str = ""):
        self.what, self.where, self.expected, self.hint = what, where, expected, hint
        super().__init__(what, where, expected, hint)

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines += ["  " + line for line in self.where.split("\n")]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.__dict__.copy())


def _rebuild(kind: type[WeftError], attributes: dict[str, object]) -> WeftError:
    error = kind.__new__(kind)
    error.__dict__.update(attributes)
    error.args = (error.what, error.where, error.expected, error.hint)
    return error


class GrammarError(WeftError):
    """A grammar or regular expression that cannot be read or compiled."""


class SchemaError(WeftError):
    """A JSON Schema that cannot be turned into a grammar without changing its meaning."""


class VocabularyError(WeftError):
    """A tokenizer whose tokens are not a fixed string of bytes each, or a token id that does not exist."""


class DeadEnd(WeftError):
    """No token fits here, or the given one does not. `text` holds the bytes committed so far."""

    def __init__(self, what: str, *, text: bytes = b"", where: str = "", expected: str = "", hint: str = ""):
        super().__init__(what, where=where, expected=expected, hint=hint)
        self.text = text


class BudgetExceeded(WeftError):
    """A limit was reached before the answer was known. `limit` and `spent` are in the unit that `what` names."""

    def __init__(
        self, what: str, *, limit: int = 0, spent: int = 0, where: str = "", expected: str = "", hint: str = ""
    ):
        super().__init__(what, where=where, expected=expected, hint=hint)
        self.limit, self.spent = limit, spent
