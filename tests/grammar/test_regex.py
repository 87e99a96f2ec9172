import random
import re

import oracles
import pytest

from weft.errors import GrammarError
from weft.grammar.grammar import Alt, Grammar, Pattern, Seq
from weft.grammar.recognizer import Recognizer
from weft.grammar.regex import (
    chars,
    complement,
    fold_case,
    from_regex,
    has_lazy,
    is_nullable,
    read_regex,
    width,
    without_empty,
    write_regex,
)

PATTERNS = [
    "a+|b",
    "(ab?){1,3}",
    "[^a]b*?",
    "(?i)A|(?-i:B)",
    "(a|)(b|a{2})?",
    "a*b*",
    "(?:a+b?)+",
    "[a-b]|",
    "()",
    "a{0}b",
]


def test_a_pattern_is_one_terminal():
    assert from_regex("a+") == Grammar("start", {"start": Pattern("a+")})
    assert from_regex("") == Grammar("start", {"start": Seq(())})


def test_the_error_of_look_around_in_full():
    with pytest.raises(GrammarError) as caught:
        from_regex("ab(?=c)")
    assert str(caught.value) == (
        "look-around is not supported\n"
        "  <regex>:1:3\n"
        "     1 | ab(?=c)\n"
        "       |   ^\n"
        "  expected: a pattern without (?=...), (?!...), (?<=...), (?<!...)\n"
        "  hint: say the same with & and ~ on terminals of a Lark grammar"
    )


@pytest.mark.parametrize(
    ("pattern", "what", "column"),
    [
        ("a(b", "group does not end", 2),
        ("a)", "unbalanced ')'", 2),
        ("x[a", "character class does not end", 2),
        ("[b-a]", "range ends before it starts", 2),
        ("[\\d-z]x[a-\\d]", "a class cannot end a range", 9),
        ("[[:alpha:]]", "POSIX classes are not supported", 2),
        ("a|*", "nothing to repeat before '*'", 3),
        ("{2}", "nothing to repeat before '{'", 1),
        ("a{3,2}", "repeat counts are in the wrong order: {3,2}", 2),
        ("a{9999999999}", "repeat count is too large", 2),
        ("a++", "possessive repeats are not supported", 2),
        ("(?>a)", "atomic groups are not supported", 1),
        ("(?<!a)b", "look-around is not supported", 1),
        ("(?P=x)", "back-references are not supported", 1),
        ("(a)\\1", "back-references are not supported", 4),
        ("\\bx", "word boundaries are not supported", 1),
        ("\\A", "'\\A' is not needed", 1),
        ("\\q", "unknown escape '\\q'", 1),
        ("a\\", "pattern ends in a backslash", 2),
        ("\\x4", "escape needs 2 hexadecimal digits", 1),
        ("\\u{110000}", "no such code point", 1),
        ("\\p{Greek}", "unknown Unicode property 'Greek'", 1),
        ("a^b", "'^' in the middle of a pattern", 2),
        ("x(^b)", "'^' in the middle of a pattern", 3),
        ("a$b", "'$' in the middle of a pattern", 2),
        ("(a$|c)b", "'$' in the middle of a pattern", 3),
        ("(a$)*", "an anchor cannot be repeated", 3),
        ("(" * 1000, "groups are nested too deeply: more than 100 levels", 101),
        ("a" + "*" * 1000, "more than 100 repeats of one item", 102),
    ],
)
def test_mistakes_are_shown_where_they_are(pattern, what, column):
    with pytest.raises(GrammarError) as caught:
        from_regex(pattern)
    assert (caught.value.what, caught.value.where.split("\n")[0]) == (what, f"<regex>:1:{column}")


def test_unknown_flags_and_long_patterns_are_refused():
    with pytest.raises(GrammarError, match="unknown regex flag 'q'"):
        from_regex("a", "q")
    with pytest.raises(GrammarError, match="11 of at most 10"):
        from_regex("a" * 11, max_size=10)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_tree_written_out_matches_the_same_texts(pattern):
    tree = read_regex(pattern)
    written, rest = re.compile(write_regex(tree)), without_empty(tree)
    for text in (t.decode() for t in oracles.texts("abAB", 4)):
        expected = re.fullmatch(pattern, text) is not None
        assert (text, written.fullmatch(text) is not None) == (text, expected)
        if rest != Alt(()):
            assert (text, re.fullmatch(write_regex(rest), text) is not None) == (text, expected and text != "")
    assert is_nullable(tree) == (re.fullmatch(pattern, "") is not None)


@pytest.mark.parametrize(
    "pattern", [*PATTERNS, '[^\\x00-\\x1f"\\\\]', "\\w\\W|[\\d_]\\S", "[\\]\\-\\^&~|/]", "é|[α-ω]|😀", "."]
)
def test_the_core_reads_a_tree_written_out_alike(pattern):
    rng = random.Random(pattern)
    texts = ["".join(rng.choice('aAbB1_-]^/&\\" \té😀β\n') for _ in range(rng.randint(0, 3))) for _ in range(300)]
    first, second = Recognizer(from_regex(pattern)), Recognizer(from_regex(write_regex(read_regex(pattern))))

    def accepts(reader, text):
        fits = reader.feed(text.encode())
        whole = fits == len(text.encode()) and reader.is_complete
        reader.rollback(fits)
        return whole

    expected = [t for t in texts if re.fullmatch(pattern, t, re.ASCII)]
    if "(?i" not in pattern:  # with re.ASCII, Python folds the case of ASCII only
        assert [t for t in texts if accepts(first, t)] == expected
    assert [t for t in texts if accepts(first, t)] == [t for t in texts if accepts(second, t)]


def test_how_a_tree_is_written():
    assert write_regex(read_regex("(?s).")) == "(?s:.)"
    assert write_regex(read_regex("[\\]\\-^\\\\/]")) == "[\\-\\/\\\\-\\^]"
    assert write_regex(read_regex("[^\\x00-\\x1f]\\.\u2028")) == "[^\\x00-\\x1f]\\.\\u2028"
    assert write_regex(read_regex("(?:ab)*(c|d)e{2}f{3,}?")) == "(?:ab)*(?:c|d)e{2}f{3,}?"
    assert write_regex(read_regex("[\\w-]\\D", "u"), unicode_classes=True) == "[\\w\\-]\\D"


def test_unicode_classes_are_those_of_python():
    for letter in "dws":
        found = read_regex("\\" + letter, "u")
        inside = re.compile("\\" + letter)
        assert all(any(a <= i <= b for a, b in found.ranges) == bool(inside.match(chr(i))) for i in range(0x3000))


def test_properties_are_written_out():
    assert oracles.accepts(from_regex("\\p{Lu}\\pL\\P{Letter}"), "Äß1")
    assert not oracles.accepts(from_regex("\\p{Lu}"), "ä")


def test_sets_of_characters():
    assert chars([(5, 6), (1, 2), (3, 4)]).ranges == ((1, 6),)
    assert chars([(0xD000, 0xE000)]).ranges == ((0xD000, 0xD7FF), (0xE000, 0xE000))
    assert complement(complement(chars([(3, 9)]))).ranges == ((3, 9),)
    assert fold_case(chars([(0x61, 0x62)])).ranges == ((0x41, 0x42), (0x61, 0x62))


def test_width_and_laziness():
    assert [width(read_regex(p)) for p in ("", "ab", "a|b", "a{3}", "a|bc", "a*")] == [0, 2, 1, 3, None, None]
    assert [has_lazy(read_regex(p)) for p in ("a*", "(a|b*?)c")] == [False, True]
