"""ECMA-262 patterns: search, anchors, classes, look-ahead, and what is refused."""

import json
from random import Random

import pytest

from weft.errors import SchemaError
from weft.grammar.recognizer import Recognizer
from weft.schemas import patterns
from weft.schemas.json_schema import from_json_schema


def accepts(schema: object, value: object) -> bool:
    recognizer = Recognizer(from_json_schema(schema))
    text = json.dumps(value, ensure_ascii=False).encode()
    return bool(recognizer.feed(text) == len(text) and recognizer.is_complete)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("b", ["b", "abc"], ["", "ac"]),
        ("^a|b$", ["ax", "xb"], ["xa", "bx"]),
        ("^(a|b$)", ["ax", "b"], ["bx", "xa"]),
        ("(^a|b)c$", ["ac", "xbc"], ["xac", "acx"]),
        ("^[^a-c]$", ["d", "é", "😀", '"', "\n"], ["a", "", "dd"]),
        ("^.$", ["x", "😀"], ["\n", "\u2028", "xx"]),
        ("^\\d\\w\\s$", ["1_ ", "9a\u00a0"], ["٣a ", "1é ", "1a_"]),
        ("^\\u00e9\\x41\\cA$", ["éA\x01"], ["éA"]),
        ("^\\ud83d\\ude00+$", ["😀😀"], ["😀x"]),
        ("^\\p{Lu}\\P{L}$", ["É1"], ["é1", "ÉA"]),
        ("^(?!foo)[a-z]+$", ["fo", "barfoo"], ["foo", "foobar", ""]),
        ("^(?=.*\\d)(?=.*[a-z]).{3,}$", ["a1x", "12c"], ["123", "a1"]),
        ("^a(?!b)", ["ac", "a"], ["ab", "b"]),
        ("^(?!^ab|cd).*", ["xab", "a"], ["ab", "abx", "cdx"]),
        ("^((?!mode)(?!Mode).)*$", ["", "mod", "moMod", "é"], ["mode", "xMode", "modemode", "\n"]),
        ("^x(?:(?!-$)[a-z-]){2,3}$", ["xa-b", "x--a"], ["xa-", "xa", "xab-", "xabcd"]),
        ("(?:(?=[ab]c)[a-c]|d)e", ["de"], ["ae", "ace"]),
        ("^(?:)*a()+$", ["a"], ["", "aa"]),
        ("^[a-z]{2,3}?$", ["ab", "abc"], ["a", "abcd"]),
        ("^(?:ab){2}$", ["abab"], ["ab", "ababab"]),
        ("^\\/\\-$", ["/-"], ["\\/-"]),
        ("^[\\]\\-\\\\]+$", ["]-\\"], ["[", "/"]),
        ("^a{,2}$", ["a{,2}"], ["a"]),
        ("", ["", "anything"], []),
        ("^$", [""], ["x"]),
        ("^[^]$", ["\n"], [""]),
    ],
)
def test_meaning(pattern: str, yes: list[str], no: list[str]) -> None:
    schema = {"type": "string", "pattern": pattern}
    assert [text for text in yes if not accepts(schema, text)] == []
    assert [text for text in no if accepts(schema, text)] == []
    search = patterns.searcher(pattern).search
    assert [text for text in yes if not search(text)] == []
    assert [text for text in no if search(text)] == []


@pytest.mark.parametrize(
    "pattern",
    [
        "(a",
        "a)",
        "[a",
        "*a",
        "a**",
        "a{2,1}",
        "(a)\\1",
        "(?<=a)b",
        "\\bword",
        "\\",
        "[z-a]",
        "\\p{Nope}",
        "^(?:(?!ab).)*b",
        "(" * 200,
        "a{9999999}",
    ],
)
def test_refused(pattern: str) -> None:
    with pytest.raises(SchemaError) as caught:
        from_json_schema({"properties": {"x": {"pattern": pattern}}})
    assert caught.value.where == "at #/properties/x/pattern"


def test_random_patterns_agree_with_python() -> None:
    rng = Random(7)
    pieces = ["a", "b", "[ab]", "[^a]", ".", "(?:a|b)", "(?:ab)*", "b?", "a+", "a{1,2}", "^", "$", "|"]
    pieces += ["(?!ab)", "(?=.b)", "(?!^a)", "(?:(?!ab).)*$", "(?:(?=[ab]b?$)[ab]){1,3}$"]
    words = ["", "a", "b", "ab", "ba", "aab", "abab", "c", "bb", "acb"]
    tried = 0
    while tried < 150:
        pattern = "".join(rng.choice(pieces) for _ in range(rng.randint(1, 5)))
        try:
            recognizer = Recognizer(from_json_schema({"type": "string", "pattern": pattern}))
        except SchemaError:
            continue
        tried += 1
        for word in words:
            text = f'"{word}"'.encode()
            fits = recognizer.feed(text)
            got = fits == len(text) and recognizer.is_complete
            recognizer.rollback(fits)
            assert got == bool(patterns.searcher(pattern).search(word)), (pattern, word)


def test_a_sequence_is_not_an_alternative_of_the_same_parts() -> None:
    assert accepts({"type": "string", "pattern": "^ab$"}, "ab")
    assert not accepts({"type": "string", "pattern": "^(a|b)$"}, "ab")
    assert accepts({"type": "string", "pattern": "^(a|b)$"}, "b")
