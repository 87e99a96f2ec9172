import random
import re

import lark
import oracles
import pytest

from weft.errors import GrammarError
from weft.grammar import lark_definitions
from weft.grammar.grammar import Alt, And, Grammar, Literal, Not, Pattern, Ref, Repeat, Seq, Special, Terminal
from weft.grammar.lark import from_lark, load, to_lark
from weft.grammar.recognizer import Recognizer
from weft.grammar.source import Source

TEXTS = oracles.texts("ab", 4)


def test_the_error_of_an_undefined_rule_in_full():
    text = 'start: block\nblock: "{" stmnt* "}"\nstmt: "x"\n'
    with pytest.raises(GrammarError) as caught:
        from_lark(text, name="cpp.lark")
    assert str(caught.value) == (
        "nonterminal 'stmnt' is never defined\n"
        "  cpp.lark:2:12\n"
        '     2 | block: "{" stmnt* "}"\n'
        "       |            ^^^^^\n"
        "  expected: one of block, start, stmt\n"
        "  hint: did you mean 'stmt'?"
    )


@pytest.mark.parametrize(
    ("text", "what", "at"),
    [
        ('start: "a"\nstart: "b"', "'start' is defined twice", "2:1"),
        ("%declare X\nstart: X", "%declare is not supported: a declared terminal has no text", "1:1"),
        ('start: A\nA: "x" B\nB: A "y"', "terminal 'A' is made of itself", "3:4"),
        ('A: b\nb: "x"\nstart: A', "rule 'b' inside terminal 'A'", "1:4"),
        ("start: NUMBER", "terminal 'NUMBER' is never defined", "1:8"),
        ('begin: "x"', "start rule 'start' is not defined", None),
        ('start: "abc', "string does not end on its line", "1:8"),
        ("start: /abc", "regular expression does not end", "1:8"),
        ('start: /a\nb/\nx: "y"', "regular expression does not end on its line", "1:8"),
        ("start: /ab(?=a)/", "look-around is not supported", "1:11"),
        ("start: /a/l", "regex flag 'l' is not supported", "1:11"),
        ('start: ""', "empty string", "1:8"),
        ('start: ("a"', "unexpected end of line", "1:12"),
        ('start: "a")', "unexpected ')'", "1:11"),
        ('start "a"', "unexpected '\"a\"'", "1:7"),
        ('start: "a"~5..2', "repeat counts are in the wrong order: 5 and 2", "1:11"),
        ('start: "a"~200000', "number is too large: 200000 of at most 100000", "1:11"),
        ("start[lazy]: /x/", "unexpected '['", "1:6"),
        ('%json {"a": 1}\nstart: "x"', "'%json' stands outside a rule", "1:1"),
        ('start: %json {"type": }', "the value of '%json' is not JSON: Expecting value", "1:23"),
        ('start: %json {"type": "object"}', "'%json' is not supported here", "1:8"),
        ("start: %json", "'%json' without a value", "1:8"),
        ("start: <[^1]>", "special token <[^1]> is not supported", "1:8"),
        ("A: <|x|>\nstart: A", "special token inside a terminal", "1:4"),
        ('start: A & B\nA: "a"\nB: "b"', "'&' outside a terminal", "1:8"),
        ('start: "\\ud800"', "bad escape '\\ud800'", "1:9"),
        ('start: "b".."a"', "range ends before it starts: 'b' to 'a'", "1:8"),
        ('start: "ab".."c"', "the ends of a range are single characters", "1:8"),
        ('%import commn.X\nstart: "a"', "cannot import from 'commn'", "1:9"),
        ('%import common.NUMBR\nstart: "a"', "'common' does not define 'NUMBR'", "1:16"),
        ('%import .x.y\nstart: "a"', "relative imports are not supported", "1:9"),
        ('%override X: "a"\nstart: "a"', "%override of 'X', which is not defined", "1:11"),
        ('fooBar: "x"', "name in mixed case", "1:1"),
        ('start: x{"a","b"}\nx{y}: y', "'x' is given 2 of 1 template arguments", "1:8"),
        ('start: x\nx{y}: y', "'x' is given 0 of 1 template arguments", "1:8"),
        ('start: x{"a"}\nx{y}: x{z{y}}\nz{q}: q "1"', "templates do not come to an end: more than 9 expansions", "2:9"),
        ("start: T\nT: /a*?b+/", "the meaning of a lazy repeat depends on Python's `re` here", "2:1"),
        ("start: /()/", "this terminal matches only the empty text", "1:8"),
        ("# nothing", "start rule 'start' is not defined", None),
    ],
)  # fmt: skip
def test_mistakes_are_shown_where_they_are(text, what, at):
    with pytest.raises(GrammarError) as caught:
        from_lark(text, name="g", max_expansions=9)
    assert caught.value.what == what
    assert caught.value.where.split("\n")[0] == (f"g:{at}" if at else "g")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        "start: " + "(" * 900 + '"a"' + ")" * 900,
        "A: " + "~" * 5000 + '"a"\nstart: A',
        'A0: "x"\n' + "".join(f"A{i}: A{i - 1} A{i - 1}\n" for i in range(1, 60)) + "start: A59",
        'A0: "x"\n' + "".join(f'A{i}: A{i - 1} "y"\n' for i in range(1, 2000)) + "start: A1999",
        "t0{x}: x x\n" + "".join(f"t{i}{{x}}: t{i - 1}{{t{i - 1}{{x}}}}\n" for i in range(1, 30)) + 'start: t29{"a"}',
        "start: /" + "(" * 100_000 + "/",
        'start: %json {"a":' + "[" * 100_000,
        'start: "a"\n' + "\\" * 300_000,
        "start: " + "a" * 300_000,
        "x" * 1_000_001,
    ],
    ids=lambda text: text[:12],
)
def test_hostile_texts_end_in_an_error(text):
    with pytest.raises(GrammarError) as caught:
        from_lark(text, max_expansions=1000)
    assert len(str(caught.value)) < 2000


def test_a_long_chain_of_rules_is_no_problem():
    text = "start: a0\n" + "".join(f"a{i}: a{i + 1}\n" for i in range(2000)) + 'a2000: "x"'
    assert len(from_lark(text).productions) == 2002


WORDS = (
    """
    0 7 a F g Z _ é é1 _x1 x-y 12 -12 +5 1.5 -1.5 .5 1. 1e5 1.5E-3 +1e+7 1e -- ab AB aB1
    "" "a" "a\\"b" "a\\" 'a' #x //x /*x*/ /**/ /*x --x
""".split()
    + [
        " ",
        "\t",
        "  \t",
        "\n",
        "\r\n",
        "\n\n",
        "\r",
        " \n",
        "# x",
        "#x\n",
        "// x y",
        "/* a\n * b */",
        '"a b"',
        '"a\nb"',
        "-- a b",
    ]
)


@pytest.mark.parametrize(
    "name",
    """CNAME CPP_COMMENT CR C_COMMENT DECIMAL DIGIT ESCAPED_STRING FLOAT HEXDIGIT INT LCASE_LETTER LETTER LF NEWLINE
    NUMBER SH_COMMENT SIGNED_FLOAT SIGNED_INT SIGNED_NUMBER SQL_COMMENT UCASE_LETTER WORD WS WS_INLINE""".split(),
)
def test_the_terminals_of_common_are_those_of_lark(name):
    text = f"start: {name}\n%import common.{name}"
    (theirs,) = lark.Lark(text, parser="lalr").terminals
    regex = re.compile(theirs.pattern.to_regexp())
    grammar = from_lark(text)
    lexemes = [word for word in WORDS if (found := regex.match(word)) and found.end() == len(word)]
    assert lexemes
    assert [word for word in WORDS if oracles.accepts(grammar, word)] == lexemes


def test_names_of_a_library_keep_apart_and_what_it_declares_is_a_mistake_only_where_it_is_used(monkeypatch):
    library = Source('%declare _GAP\na: _a "x"\n_a: "y"\nb: _GAP', "python.lark")
    monkeypatch.setattr(lark_definitions, "library_source", lambda name: library)
    assert oracles.accepts(from_lark("start: a\n%import python.a"), "yx")
    with pytest.raises(GrammarError) as caught:
        from_lark("start: b\n%import python.b")
    assert (caught.value.what, caught.value.where.split("\n")[0]) == (
        "terminal '_GAP' is never defined",
        "python.lark:4:4",
    )


def test_a_string_in_single_quotes_gets_a_hint():
    with pytest.raises(GrammarError) as caught:
        from_lark("start: 'a'")
    assert caught.value.hint == "a string stands in double quotes"


def test_what_no_text_can_use_is_left_out():
    grammar = from_lark('start: A\nunused: B\nA: "a" C\nB: "b"\nC: "c"')
    assert grammar == Grammar(
        "start", {"start": Ref("A")}, {"A": Terminal(Seq((Literal(b"a"), Literal(b"c"))))}, lexer=True
    )


def test_an_embedded_grammar_is_merged_under_new_names():
    inner = Grammar("start", {"start": Seq((Ref("x"), Ref("T"))), "x": Literal(b"1")}, {"T": Terminal(Literal(b"2"))})
    grammar = from_lark('start: "<" %json {"a": 1} ">"', scannerless=True, embed={"json": lambda value: inner})
    assert [t for t in (b"<12>", b"12", b"<>") if oracles.accepts(grammar, t)] == [b"<12>"]


def test_an_embedded_grammar_under_a_lexer_is_refused():
    with pytest.raises(GrammarError, match="in a grammar with a lexer"):
        from_lark("start: %json {}", embed={"json": lambda value: Grammar("start", {"start": Seq(())})})


def test_a_value_behind_a_regex_of_several_lines():  # found by fuzzing: a KeyError
    grammar = from_lark('start: /a # b\n c/x%regex {"substring_chars": "d"}\n')
    assert [t for t in ("ac", "acd", "ad") if oracles.accepts(grammar, t)] == ["ac", "acd"]


def test_load_reads_a_shipped_language_or_says_which_there_are():
    assert load("json").lexer
    with pytest.raises(GrammarError, match="no language is called 'jsn'"):
        load("jsn")


def test_a_printed_grammar():
    grammar = Grammar(
        "root",
        {
            "root": Seq((Repeat(Ref("Item 1"), 1, 3), Ref("T"), Special(7), Special("<x>"))),
            "Item 1": Alt((Literal(b'"\n'), Pattern("a/b|\\x5d"), Seq(()), Repeat(Literal(b"z"), 2, None))),
            "start": And((Ref("T"), Not(Pattern("a")))),
        },
        {"T": Terminal(Seq((Pattern("[a-c]"), Repeat(Alt((Literal(b"1"), Literal(b"2"))), 0, 1))), 2)},
        lexer=True,
    )
    assert to_lark(grammar) == (
        "start: item_1~1..3 T <[7]> <x>\n"
        'item_1: "\\"\\n" | /a\\/b|\\]/ |  | "z"~2 "z"*\n'
        "start_2: T_1\n"
        'T.2: /[a-c]/ ("1" | "2")?\n'
        "T_1: T & ~/a/\n"
    )


def test_a_grammar_without_a_lexer_says_so_and_prints_nothing_that_lark_refuses():
    grammar = Grammar("s", {"s": Seq((Pattern("a*"), Ref("t"), Alt(())))}, {"t": Terminal(Pattern("b?"))})
    assert to_lark(grammar) == '// lexing: scannerless\nstart: /a+/? t nothing\nt: /b/?\nnothing: "x" nothing\n'


def test_str_shows_every_grammar_even_what_lark_cannot_say():
    grammar = Grammar("s", {"s": Seq((Literal(b"\xff"), Special("x"), Ref("t"), Not(Literal(b"a"))))})
    assert str(grammar) == ("// lexing: scannerless\nstart: <Literal(text=b'\\xff')> <Special(token='x')> t ~\"a\"\n")


@pytest.mark.parametrize(
    ("grammar", "what"),
    [
        (Grammar("s", {"s": Literal(b"\xff")}), "bytes that are no characters have no form in Lark"),
        (Grammar("s", {"s": Special("x")}), "special token 'x' has no form in Lark"),
        (Grammar("s", {"s": Ref("t")}), "'t' is never defined"),
    ],
)
def test_what_lark_cannot_say_is_refused(grammar, what):
    with pytest.raises(GrammarError) as caught:
        to_lark(grammar)
    assert caught.value.what == what


@pytest.mark.parametrize(
    "case", [c for c in oracles.suite() if {"lark", "gbnf", "regex"} & c.keys()], ids=lambda c: c["name"]
)
def test_what_is_printed_accepts_the_same_texts(case):
    text = to_lark(oracles.grammar_of(case))
    back = from_lark(text)
    assert [t for t in case["yes"] if not oracles.accepts(back, t)] == []
    assert [t for t in case["no"] if oracles.accepts(back, t)] == []
    assert to_lark(back) == text


@pytest.mark.parametrize("seed", range(60))
def test_random_grammars_survive_printing(seed):
    grammar = oracles.random_grammar(random.Random(seed), lexer=seed % 3 == 0)
    back = from_lark(to_lark(grammar))
    assert [t for t in TEXTS if oracles.accepts(back, t)] == [t for t in TEXTS if oracles.accepts(grammar, t)]


@pytest.mark.parametrize("seed", range(30))
def test_lark_itself_reads_what_is_printed_and_agrees(seed):
    grammar = oracles.random_grammar(random.Random(seed), operators=False)
    theirs = lark.Lark(to_lark(grammar), parser="earley", lexer="dynamic_complete")

    def accepts(text):
        try:
            theirs.parse(text.decode())
        except lark.exceptions.UnexpectedInput:
            return False
        return True

    short = oracles.texts("ab", 3)
    assert [t for t in short if accepts(t)] == [t for t in short if oracles.accepts(grammar, t)]


LEXED = {
    "json": (["[1, 2.5, {}]", '{"a":[true,null]}', " 1 "], ["[1 2", "tru e", '{"a" 1}', "01"]),
    "sql": (["SELECT * FROM a", "SELECT a FROM b WHERE c = 'x' AND d IN (1, 2)"], ["SELECT", "SELECTFROM a"]),
    "c": (
        ["int main(void) { return 0; }", "int x = 1 + 2 * 3;", "int f(int a) { if (a) return a++; }"],
        ["int", "int x = ;"],
    ),
}


@pytest.mark.parametrize("name", LEXED)
def test_lark_itself_and_weft_read_the_same_files_alike(name, data):
    text = (data("bench") / f"{name}.lark").read_text()
    grammar = from_lark(text)
    theirs = lark.Lark(text, parser="earley", lexer="basic")
    yes, no = LEXED[name]
    for sample in [*yes, *no]:
        try:
            theirs.parse(sample)
            ok = True
        except lark.exceptions.LarkError:
            ok = False
        assert (sample, ok) == (sample, sample in yes)
        reader = Recognizer(grammar)
        assert (sample, reader.feed(sample.encode()) == len(sample) and reader.is_complete) == (sample, sample in yes)
