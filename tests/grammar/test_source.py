import pytest

from weft.errors import GrammarError
from weft.grammar.source import Source, did_you_mean, one_of


def test_where_shows_the_line_with_carets_under_the_mistake():
    source = Source('start: block\nblock: "{" stmnt* "}"\n', "cpp.lark")
    at = source.text.index("stmnt")
    assert source.where(at, at + 5) == ('cpp.lark:2:12\n   2 | block: "{" stmnt* "}"\n     |            ^^^^^')


def test_where_at_the_end_of_the_text_points_behind_the_last_character():
    assert Source("a: (\n\n", "g").where(6, 7) == "g:1:5\n   1 | a: (\n     |     ^"


def test_a_long_line_is_cut_around_the_mistake():
    where = Source("x" * 1000 + "!" + "y" * 1000, "g").where(1000, 1001)
    head, line, carets = where.split("\n")
    assert head == "g:1:1001"
    assert line == "   1 | ..." + "x" * 50 + "!" + "y" * 49 + "..."
    assert carets.index("^") == line.index("!")


def test_tabs_and_wide_characters_keep_the_caret_in_place():
    assert Source("\tx!", "g").where(2, 3).split("\n")[1:] == ["   1 |  x!", "     |   ^"]
    assert Source("漢!", "g").where(1, 2).split("\n")[1:] == ["   1 | 漢!", "     |   ^"]


@pytest.mark.parametrize(
    ("text", "what", "where"),
    [
        (b'a: "\xff"', "byte 0xff is not valid UTF-8", "g:1:5"),
        ("a:\n\0", "NUL character in a grammar text", "g:2:1"),
        ("\ud800", "lone surrogate U+D800 in a grammar text", "g:1:1"),
        ("", "grammar text is empty", "g"),
        (" \n", "grammar text is empty", "g"),
        ("x" * 11, "grammar text is too long: 11 of at most 10 characters", "g"),
    ],
)
def test_texts_that_cannot_be_read(text, what, where):
    with pytest.raises(GrammarError) as caught:
        Source.read(text, "g", max_size=10)
    assert caught.value.what == what
    assert caught.value.where.split("\n")[0] == where


def test_a_byte_order_mark_is_skipped():
    assert Source.read("\ufeffa", "g").text == "a"


def test_one_of_names_a_few_and_counts_the_rest():
    assert one_of(["b"]) == "b"
    assert one_of("edcba") == "one of a, b, c, d, e"
    assert one_of("fedcba") == "one of a, b, c, d (and 2 more)"


def test_did_you_mean_finds_the_nearest_name():
    assert did_you_mean("stmnt", ["stmt", "expr"]) == "did you mean 'stmt'?"
    assert did_you_mean("zzz", ["stmt", "expr"]) == ""
