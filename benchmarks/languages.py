"""Grammars that mean the same to weft and to llguidance, each with texts and a third party that knows what is right.

lark      JSON, SQL and C of the benchmarks, and small ones
regex     regular expressions
schema    schemas of MaskBench, once without white space and once with all of JSON's
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any

import jsonschema
import regex
from llguidance import LLMatcher

import weft
from benchmarks.data import Json, cfg_cases, maskbench_sample
from benchmarks.longest_match import Oracle
from benchmarks.property_order import in_declared_order
from weft import _core
from weft.errors import BudgetExceeded
from weft.grammar.constraint import DEFAULT_LIMITS, KINDS
from weft.schemas.json_schema import COMPACT

BLANKS = r"[ \t\n\r]*"
MOST_TEXT = 1500  # characters of an instance

REGEXES = {
    "date": (r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", ["2026-11-23", "1999-01-05"]),
    "identifier": (r"[A-Za-z_][A-Za-z0-9_]*", ["snake_case_name", "x1"]),
    "words": (r"[a-z]+( [a-z]+)*\.", ["the quick brown fox jumps.", "a."]),
    "number": (r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", ["-12.5e+10", "0", "1234567.25"]),
    "choice": (r"yes|no|maybe|notwithstanding", ["maybe", "notwithstanding"]),
    "counted": (r"([ab]{2,5}c){3}", ["abcaabbcbabac"]),
    "mail": (r"[a-z0-9.]+@[a-z0-9]+(\.[a-z]{2,4}){1,2}", ["ada.lovelace@example.co.uk"]),
    "unicode": (r"[а-яё ]+[!?]", ["привет мир!"]),
    "quoted": (r'"([^"\\\n]|\\["\\nt])*"', [r'"say \"hi\" and leave\n"']),
    "dotted": (r"(.|\n)*END", ["any text\nat all END"]),
}

LARKS = {
    "brackets": ('start: "(" start ")" start |', ["(()(()))()", "((()))"]),
    "sums": (
        'start: start "+" term | term\nterm: term "*" item | item\nitem: /[0-9]+/ | "(" start ")"',
        ["12+3*(4+56)*7", "(((1)))"],
    ),
    "palindrome": ('start: "a" start "a" | "b" start "b" | "c"', ["abbacabba"]),
    "calls": ('start: NAME "(" [start ("," start)*] ")" | NAME\nNAME: /[a-z]+/', ["f(g(x,y),h(),z)"]),
    "log lines": (
        'start: line+\nline: LEVEL ": " TEXT "\\n"\nLEVEL: "INFO" | "WARN"\nTEXT: /[a-z][a-z ]*/',
        ["INFO: started\nWARN: low disk space\n"],
    ),
    "tags": ('start: "<a>" start* "</a>" | "<b>" start* "</b>" | /[0-9]/', ["<a><b>1</b>2<a></a></a>"]),
}

DIALECT = {  # what llguidance adds to Lark files, and weft reads too
    "%json": (
        '// lexing: scannerless\nstart: "n=" %json {"type": "integer", "minimum": -20} ";"',
        ["n=-12;", "n=123456;"],
    ),
    "%regex": ('start: "say " WORDS\nWORDS: %regex {"substring_words": "to be or not to be"}', ["say or not to"]),
}


@dataclass(frozen=True)
class Language:
    """`is_prefix` and `explain` look at a text that one engine reads to its last byte and the other does not."""

    group: str
    name: str
    texts: Sequence[str]
    weft: Callable[[], Any]
    llguidance: Callable[[], str]
    is_prefix: Callable[[bytes], bool | None]
    explain: Callable[[bytes, bool], str | None]


def every(*, texts: int, schemas: int) -> Iterator[Language]:
    for name, (text, sentences) in cfg_cases().items():
        yield lark_language(f"{name}.lark", name, text, sentences[:texts])
    for name, (text, sentences) in LARKS.items():
        yield lark_language("small Lark files", name, text, sentences)
    for name, (text, sentences) in DIALECT.items():
        yield dialect_language(name, text, sentences)
    for name, (pattern, sentences) in REGEXES.items():
        yield regex_language(name, pattern, sentences)
    rows = maskbench_sample(schemas, 11)
    for row in rows:
        yield schema_language("schemas, compact", row, COMPACT)
    for row in rows:
        yield schema_language("schemas, JSON's white space", row, BLANKS)


def lark_language(group: str, name: str, text: str, sentences: Sequence[str]) -> Language:
    oracle = Oracle(text)

    def explain(read: bytes, weft_goes_on: bool) -> str | None:
        return _ignored_at_an_edge(oracle, read) if weft_goes_on else _lexed_another_way(oracle, read)

    return Language(
        group,
        name,
        sentences,
        lambda: weft.from_lark(text),
        lambda: LLMatcher.grammar_from_lark(text),
        oracle.is_prefix,
        explain,
    )


def _ignored_at_an_edge(oracle: Oracle, read: bytes) -> str | None:
    lexemes = oracle.lexemes(read)
    if all(oracle.ignored.intersection(names) for _, names in lexemes):
        return "ignored text before the first lexeme"
    if oracle.ignored.intersection(lexemes[-1][1]):
        return "ignored text behind the last lexeme"
    return None


def _lexed_another_way(oracle: Oracle, read: bytes) -> str | None:
    """Why llguidance, which looks only for terminals that its parser expects, reads on where weft stops.

    Each reason is put to the proof: the text is written so that both definitions read it as llguidance did, with a
    blank between two lexemes or with a plain name in place of a keyword, and then it must be the beginning of a
    sentence by the oracle.
    """
    lexemes = oracle.lexemes(read)
    pieces = [lexeme for lexeme, _ in lexemes]
    keywords = [i for i in range(max(0, len(lexemes) - 60), len(lexemes)) if oracle.is_keyword(*lexemes[i])][::-1]
    for chosen in ((), *combinations(keywords, 1), *combinations(keywords[:4], 2)):
        renamed = ["zqzq" if i in chosen else piece for i, piece in enumerate(pieces)]
        for cut in range(len(renamed[-1])):
            blank = " " if cut else ""
            asked = "".join([*renamed[:-1], renamed[-1][:cut], blank, renamed[-1][cut:]])
            if (cut or chosen) and oracle.is_prefix(asked.encode()):
                reasons = ["a keyword is read as a name"] if chosen else []
                reasons += ["two lexemes touch where all terminals together would read a longer one"] if cut else []
                return " and ".join(reasons)
    return None


def dialect_language(name: str, text: str, sentences: Sequence[str]) -> Language:
    """No third party reads this dialect: both engines must agree on every byte."""
    return Language(
        "llguidance's dialect",
        name,
        sentences,
        lambda: weft.from_lark(text),
        lambda: LLMatcher.grammar_from_lark(text),
        lambda text: None,
        lambda text, weft_goes_on: None,
    )


def regex_language(name: str, pattern: str, sentences: Sequence[str]) -> Language:
    compiled = regex.compile(pattern)

    def is_prefix(text: bytes) -> bool | None:
        try:
            return compiled.fullmatch(text.decode(), partial=True) is not None
        except UnicodeDecodeError:
            return None  # inside a character

    return Language(
        "regular expressions",
        name,
        sentences,
        lambda: weft.from_regex(pattern),
        lambda: LLMatcher.grammar_from_regex(pattern),
        is_prefix,
        lambda text, weft_goes_on: None,
    )


def schema_language(group: str, row: Json, whitespace: str) -> Language:
    schema = row["schema"]
    grammar = cache(lambda: weft.from_json_schema(schema, whitespace=whitespace))
    reader = cache(lambda: Completer(grammar()))
    known: dict[int, bool | None] = {}

    def is_prefix(text: bytes) -> bool | None:
        """Proof by example: weft's shortest completion is valid. What weft refuses, this cannot judge."""
        state = reader().state(text)
        if state not in known:
            known[state] = _is_valid(reader().complete(text), schema)
        return known[state]

    compact = whitespace == COMPACT
    options = {"whitespace_flexible": not compact}
    instances = [in_declared_order(schema, schema, test["data"]) for test in row["tests"] if test["valid"]]
    texts = [json.dumps(value, ensure_ascii=False, separators=(",", ":") if compact else None) for value in instances]
    return Language(
        group,
        row["id"],
        [text for text in texts if len(text) <= MOST_TEXT][:2],
        grammar,
        lambda: LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides=options),
        is_prefix,
        _explain_json,
    )


class Completer:
    """A grammar without a vocabulary, compiled once: what is read so far, and the shortest text that begins so."""

    def __init__(self, grammar: Any):
        native = DEFAULT_LIMITS._native()
        self.constraint = _core.Constraint(_core.build(grammar, KINDS, native, None), None, native)

    def state(self, text: bytes) -> int:
        """The same number for texts that can go on in the same ways; -1 if this one cannot."""
        reader = _core.Recognizer(self.constraint)
        return reader.state if reader.feed(text) == len(text) else -1

    def complete(self, text: bytes) -> bytes | None:
        """None if there is no such text, or if the search for it ran out of its limits."""
        try:
            return _core.complete_canvas(self.constraint, [text, None], 2_000_000)
        except BudgetExceeded:
            return None


def _is_valid(text: bytes | None, schema: Json) -> bool | None:
    if text is None:
        return None
    try:
        jsonschema.validate(json.loads(text), schema)
    except jsonschema.ValidationError:
        return False
    return True


def _explain_json(text: bytes, weft_goes_on: bool) -> str | None:
    """The places where the engines mean something else by JSON, or by the regular expressions of a schema."""
    return next((label for who, ending, label in _JSON_READINGS if who == weft_goes_on and ending.search(text)), None)


_JSON_READINGS = [  # weft goes on, how the text ends, why
    (True, re.compile(rb"\x7f$"), "a string may hold DEL"),
    (True, re.compile(rb"\\/$"), r"a string may hold \/"),
    (True, re.compile(rb"\\u[0-9a-fA-F]+$"), r"a string may hold \u escapes of characters that need none"),
    (False, re.compile(rb"[^{\[,: \t\n\r][ \t\n\r]+[,:]?$"), "white space before a comma or a colon"),
    (False, re.compile(rb"T\d\d:\d\d:6$"), "a leap second in any minute of the day"),
    (False, re.compile(rb"\xef\xbb\xbf$"), r"U+FEFF is no white space for \s, which in ECMA-262 it is"),
]
