r"""Small C++ functions, each with the comment and the signature that ask for it.

    prompt   // returns the larger of a and b\nint max2(int a, int b) {
    answer   \n    return a > b ? a : b;\n}

functions.txt holds the patterns, with `|` between wordings and `$x` for names, so that every function comes in many
spellings; `_formula`, `_branch` and `_loop` make new patterns. Headers are left out: `PRELUDE` is what g++ must see.
"""

import re
from functools import cache
from importlib.resources import files
from random import Random
from typing import NamedTuple

from weft.models.json_text import Example

PRELUDE = "#include <algorithm>\n#include <cmath>\n#include <iostream>\n#include <string>\n#include <vector>\n"
NUMBERS = ("a b c", "x y z", "a b c", "x y z", "m n k", "p q r", "first second third", "left right other", "u v w")
SPELLINGS = {  # of the names that are not numbers; a word that stands twice is drawn twice as often
    "n": "n n n count limit",
    "v": "v values v values xs items data numbers list",
    "e": "x e value item",
    "s": "s text s text str word line",
    "r": "result result total out res",
}
OPERATORS = {"+": "plus", "-": "minus", "*": "times"}
COMPARED = {"<": "less than", ">": "greater than", "==": "equal to", "!=": "different from"}


class Pattern(NamedTuple):
    """A function in all its spellings."""

    says: str  # "returns the sum of $a and $b | adds two numbers"
    head: str  # "int add|sum|plus(int $a, int $b) {"
    body: str  # lines without indentation


@cache
def patterns() -> tuple[Pattern, ...]:
    """The functions of functions.txt."""
    texts = (files("weft.models") / "functions.txt").read_text("utf-8").strip().split("\n\n")
    return tuple(_read(text) for text in texts)


def _read(text: str) -> Pattern:
    says, head, *body, brace = text.split("\n")
    assert says.startswith("// ") and head.endswith(" {") and brace == "}", text
    return Pattern(says.removeprefix("// "), head, "\n".join(line.removeprefix("    ") for line in body))


def _formula(rng: Random) -> Pattern:
    """`returns a times b plus 3`: what the comment says decides every token of the body."""
    first, second = rng.choice(list(OPERATORS)), rng.choice(list(OPERATORS))
    last = rng.choice(("$c", "$a", str(rng.randint(1, 20)), str(rng.randint(1, 9))))
    kind = rng.choice(("int", "int", "double", "long"))
    parameters = ", ".join(f"{kind} ${name}" for name in ("abc" if last == "$c" else "ab"))
    return Pattern(
        f"returns $a {OPERATORS[first]} $b {OPERATORS[second]} {last}",
        f"{kind} compute|combine|formula|f|apply({parameters}) {{",
        f"return $a {first} $b {second} {last};",
    )


def _branch(rng: Random) -> Pattern:
    """`returns a + b if a is less than 3, else 0`."""
    test = rng.choice(list(COMPARED))
    bound = rng.choice(("$b", str(rng.randint(0, 20))))
    yes, no = rng.sample(("$a", "$b", "0", "1", "-1", "$a + $b", "$a * $b", "2 * $a"), 2)
    bodies = (
        f"return $a {test} {bound} ? {yes} : {no};",
        f"if ($a {test} {bound}) {{\n    return {yes};\n}}\nreturn {no};",
    )
    return Pattern(
        f"returns {yes} if $a is {COMPARED[test]} {bound}, else {no}",
        "int choose|pick|select|decide(int $a, int $b) {",
        rng.choice(bodies),
    )


def _loop(rng: Random) -> Pattern:
    """`adds up i * i for i from 1 to n`."""
    term = rng.choice(("i", "i * i", "2 * i", "i + 1", "i * $a", "$a - i"))
    start, past = rng.choice((("0", "<"), ("1", "<="), ("2", "<=")))
    parameters = "int $n, int $a" if "$a" in term else "int $n"
    return Pattern(
        f"adds up {term} for i from {start} to $n" + (" - 1" if past == "<" else ""),
        f"int sum_of|series|accumulate|add_up({parameters}) {{",
        f"int $r = 0;\nfor (int i = {start}; i {past} $n; ++i) {{\n    $r += {term};\n}}\nreturn $r;",
    )


def _spell(rng: Random, pattern: Pattern) -> dict[str, str]:
    """A spelling of the pattern's names in which no two are the same."""
    code = pattern.head + pattern.body
    taken = set(re.findall(r"(?<!\$)\b[A-Za-z_]\w*", code))
    used = sorted(set(re.findall(r"\$(\w)", code)))
    while True:
        spell = dict(zip("abc", rng.choice(NUMBERS).split(), strict=True))
        spell |= {name: rng.choice(words.split()) for name, words in SPELLINGS.items()}
        chosen = {spell[name] for name in used}
        if len(chosen) == len(used) and not chosen & taken:
            return spell


def function(rng: Random) -> tuple[str, str, str]:
    """A comment, a signature up to `{`, and the rest of a function."""
    pattern = rng.choice(patterns())
    make = rng.choice((None, None, None, None, None, None, None, _formula, _branch, _loop))
    if make:
        pattern = make(rng)
    spell = _spell(rng, pattern)

    def spelled(text: str) -> str:
        return re.sub(r"\$(\w)", lambda match: spell[match[1]], text)

    before, names, after = re.fullmatch(r"(.* )([\w|]+)(\(.*)", pattern.head).groups()  # type: ignore[union-attr]
    says = spelled(rng.choice(pattern.says.split(" | ")))
    head = spelled(f"{before}{rng.choice(names.split('|'))}{after}")
    lines = spelled(pattern.body).split("\n")
    if len(lines) == 1 and rng.random() < 0.15:
        return says, head, f" {lines[0]} }}"
    return says, head, "".join(f"\n    {line}" for line in lines) + "\n}"


def example(rng: Random) -> Example:
    """One request with its C++ answer: the rest of a function, or the whole of it."""
    says, head, rest = function(rng)
    dice = rng.random()
    if dice < 0.5:
        return Example("cpp", f"// {says}\n{head}", rest)
    if dice < 0.75:
        return Example("cpp", f"// {says}\n", head + rest)
    if dice < 0.88:
        return Example("cpp", head, rest)
    request = rng.choice(("A C++ function that {}:\n", "C++: {}\n", "Write a C++ function that {}.\n"))
    return Example("cpp", request.format(says), head + rest)
