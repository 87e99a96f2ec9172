import random

import oracles
import pytest

from weft.errors import BudgetExceeded, GrammarError
from weft.grammar.gbnf import from_gbnf, to_gbnf
from weft.grammar.grammar import Alt, And, Grammar, Literal, Not, Pattern, Ref, Repeat, Seq, Special, Spelled, Terminal
from weft.grammar.lark import from_lark, load

TEXTS = oracles.texts("ab", 4)


def test_the_error_of_an_undefined_rule_in_full():
    with pytest.raises(GrammarError) as caught:
        from_gbnf('root ::= (\n  item\n  itm)\nitem ::= "x"\n', name="list.gbnf")
    assert str(caught.value) == (
        "rule 'itm' is never defined\n"
        "  list.gbnf:3:3\n"
        "     3 |   itm)\n"
        "       |   ^^^\n"
        "  expected: one of item, root\n"
        "  hint: did you mean 'item'?"
    )


@pytest.mark.parametrize(
    ("text", "what", "at"),
    [
        ('root ::= "a', "string does not end on its line", "1:10"),
        ("root ::= [a", "character class does not end on its line", "1:10"),
        ("root ::= []", "character class is empty", "1:10"),
        ("root ::= [^]", "character class is empty", "1:10"),
        ("root ::= [b-a]", "range ends before it starts: 'b' to 'a'", "1:10"),
        ('root ::= ("a"', "unexpected end of line", "1:14"),
        ('root ::= "a")', "unexpected ')'", "1:13"),
        ('root ::= * "a"', "unexpected '*'", "1:10"),
        ('a ::= "x"', "root rule 'root' is not defined", None),
        ('root ::= "x"\nroot ::= "y"', "rule 'root' is defined twice", "2:1"),
        ('root ::= "x" a ::= "y"', "unexpected '::='", "1:16"),
        ('root ::= "\\q"', "unknown escape '\\q'", "1:11"),
        ('root ::= "\\ud800"', "'\\ud800' is not a character", "1:11"),
        ('root ::= "a"{3,2}', "repeat counts are in the wrong order: 3 and 2", "1:13"),
        ('root ::= "a"{,2}', "repeat without a lower count", "1:13"),
        ('root ::= "a"{200000}', "repeat count is too large: at most 100000", "1:13"),
        ("root ::= !<x>", "'!<x>' is not supported: which tokens it allows depends on the vocabulary", "1:10"),
        ("root ::= <[x]>", "a token id is a number", "1:10"),
        ('root: "a"', "unexpected character ':'", "1:5"),
        ("root ::= /a/", "unexpected character '/'", "1:10"),
        ("(" * 100_000, "brackets are nested too deeply: more than 200 levels", "1:201"),
        ('root ::= "a"' + "*" * 100_000, "repeats are nested too deeply: more than 200 levels", "1:213"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_mistakes_are_shown_where_they_are(text, what, at):
    with pytest.raises(GrammarError) as caught:
        from_gbnf(text, name="g")
    assert caught.value.what == what
    assert caught.value.where.split("\n")[0] == (f"g:{at}" if at else "g")


def test_a_printed_grammar():
    grammar = Grammar(
        "s",
        {
            "s": Seq((Repeat(Ref("Item 1"), 1, 3), Ref("T"), Special(7), Special("<x>"))),
            "Item 1": Alt((Literal(b'"\n'), Pattern("ab|[^\\n]c"), Seq(()), Repeat(Literal(b"z"), 2, None))),
        },
        {"T": Terminal(Pattern("(?i)k-")), "unused": Terminal(Literal(b"u"))},
    )
    assert to_gbnf(grammar) == (
        'root ::= Item-1{1,3} T <[7]> <x>\nItem-1 ::= "\\"\\n" | ("ab" | [^\\n] "c") | "" | "z"{2,}\nT ::= [Kk] "-"\n'
    )


def test_and_and_not_become_the_rules_of_their_automaton():
    grammar = Grammar("s", {"s": And((Pattern("[a-cé]{1,2}"), Not(Pattern(".*b"))))})
    assert to_gbnf(grammar) == (
        "root ::= regular-0\n"
        'regular-0 ::= [acé] regular-1 | "b" regular-2\n'
        'regular-1 ::= "" | [acé] regular-3\n'
        "regular-2 ::= [acé] regular-3\n"
        'regular-3 ::= ""\n'
    )


def test_an_automaton_with_too_many_states_is_refused():
    grammar = Grammar("s", {"s": Not(Pattern("a{50}"))})
    with pytest.raises(BudgetExceeded) as caught:
        to_gbnf(grammar, max_states=10)
    assert caught.value.limit == 10


def test_other_spellings_are_written_out():
    grammar = Grammar("s", {"s": Spelled(Pattern("[a-z\\n]+"), ((10, Literal(b"\\n")), (98, Literal(b"B"))))})
    assert to_gbnf(grammar) == 'root ::= ([ac-z] | "\\\\n" | "B")+\n'


def test_nothing_is_a_rule_without_a_sentence():
    assert to_gbnf(Grammar("s", {"s": Alt(())})) == 'root ::= nothing\nnothing ::= "x" nothing\n'


@pytest.mark.parametrize(
    ("grammar", "what"),
    [
        (Grammar("s", {"s": Literal(b"\xff")}), "bytes that are no characters have no form in GBNF"),
        (Grammar("s", {"s": Special("x")}), "special token 'x' has no form in GBNF"),
        (Grammar("s", {"s": Ref("t")}), "'t' is never defined"),
        (Grammar("s", {}), "start symbol 's' is never defined"),
    ],
)
def test_what_gbnf_cannot_say_is_refused(grammar, what):
    with pytest.raises(GrammarError) as caught:
        to_gbnf(grammar)
    assert caught.value.what == what


@pytest.mark.parametrize("case", [c for c in oracles.suite() if {"gbnf", "regex"} & c.keys()], ids=lambda c: c["name"])
def test_what_is_printed_accepts_the_same_texts(case):
    text = to_gbnf(oracles.grammar_of(case))
    back = from_gbnf(text)
    assert [t for t in case["yes"] if not oracles.accepts(back, t)] == []
    assert [t for t in case["no"] if oracles.accepts(back, t)] == []
    assert to_gbnf(back) == text


@pytest.mark.parametrize("seed", range(40))
def test_random_grammars_survive_printing(seed):
    grammar = oracles.random_grammar(random.Random(seed))
    back = from_gbnf(to_gbnf(grammar))
    assert [t for t in TEXTS if oracles.accepts(back, t)] == [t for t in TEXTS if oracles.accepts(grammar, t)]


def test_a_lexer_that_cannot_matter_is_left_out():
    text = 'start: "[" (WORD ("," WORD)*)? "]" "if"?\nWORD: /[a-z]+/\n%ignore /[ ]+/\n'
    assert to_gbnf(from_lark(text)) == (
        "root ::= blanks start_1\n"
        'start_1 ::= "[" blanks (regular-0 blanks ("," blanks regular-0 blanks)*)? "]" blanks ("if" blanks)?\n'
        "blanks ::= IGNORE_1*\n"
        'IGNORE_1 ::= " "+\n'
        'regular-0 ::= [a-hj-z] regular-1 | "i" regular-2\n'
        'regular-1 ::= "" | [a-z] regular-1\n'
        'regular-2 ::= "" | [a-eg-z] regular-1 | "f" regular-3\n'
        "regular-3 ::= [a-z] regular-1\n"
    )


def test_the_json_language_prints_without_its_lexer():
    back = from_gbnf(to_gbnf(load("json")))
    assert [t for t in ('{"a": [1, -2.5e3]}', " [ ] ", "1") if not oracles.accepts(back, t)] == []
    assert [t for t in ("1 2", '{"a" 1}', "tru e", "01") if oracles.accepts(back, t)] == []


def test_a_lexer_that_matters_is_refused_by_name():
    with pytest.raises(GrammarError) as caught:
        to_gbnf(from_lark('start: "int" NAME\nNAME: /[a-z]+/\n%ignore " "'))
    assert caught.value.what == (
        "this grammar cannot be printed without its lexer: behind 'int', the 'a' of NAME could also be the next "
        "character of a longer NAME"
    )


@pytest.mark.parametrize("seed", range(60))
def test_random_grammars_without_their_lexer_accept_the_same_texts(seed):
    grammar = oracles.random_grammar(random.Random(seed), lexer=True)
    try:
        text = to_gbnf(grammar)
    except GrammarError as error:
        assert error.what.startswith("this grammar cannot be printed without its lexer")
        return
    back = from_gbnf(text)
    assert [t for t in TEXTS if oracles.accepts(back, t)] == [t for t in TEXTS if oracles.accepts(grammar, t)]
