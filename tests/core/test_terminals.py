"""Terminals against Python's `re`: every text of a small alphabet, and repeats near both ends of their count."""

import itertools
import os
import random
import re
from typing import Any

import pytest
from reference import after, bits, nullable, regular

import weft
from weft.grammar.grammar import Alt, And, Expression, Grammar, Literal, Not, Pattern, Ref, Seq, Spelled
from weft.grammar.recognizer import Recognizer
from weft.grammar.verdict import Status
from weft.infill.canvas import HOLE, Canvas

VOCABULARY = weft.Vocabulary([b"a", None], [1])
EFFORT = float(os.environ.get("WEFT_TEST_EFFORT", "1"))
TEXTS = ["".join(word) for n in range(6) for word in itertools.product("abc", repeat=n)]


def accepts(expression: Expression, text: str | bytes) -> bool:
    recognizer = Recognizer(Grammar("s", {"s": expression}))
    data = text.encode() if isinstance(text, str) else text
    return recognizer.feed(data) == len(data) and recognizer.is_complete


def accepted(expression: Expression, texts: list[str]) -> list[str]:
    recognizer, out = Recognizer(Grammar("s", {"s": expression})), []
    for text in texts:
        data = text.encode()
        read = recognizer.feed(data)
        if read == len(data) and recognizer.is_complete:
            out.append(text)
        recognizer.rollback(read)
    return out


def random_regex(rng: random.Random, depth: int) -> str:
    kind = rng.randrange(10)
    if depth == 0 or kind < 3:
        return rng.choice(
            ["a", "b", "c", ".", "[ab]", "[^a]", "[^b-z]", "ab", r"\w", r"\x61", "(?i:A)", "(?i:[^B])", ""]
        )
    if kind < 6:
        return "".join(random_regex(rng, depth - 1) for _ in range(rng.randint(1, 3)))
    inside = f"(?:{random_regex(rng, depth - 1)})"
    if kind == 6:
        return "(" + "|".join(random_regex(rng, depth - 1) for _ in range(rng.randint(1, 3))) + ")"
    if kind == 7:
        return inside + rng.choice(["*", "+", "?", "*?", "+?", "??"])
    low = rng.randint(0, 3)
    return inside + rng.choice([f"{{{low}}}", f"{{{low},}}", f"{{{low},{low + rng.randint(0, 3)}}}", f"{{,{low}}}"])


@pytest.mark.parametrize("seed", range(int(60 * EFFORT)))
def test_a_random_pattern_matches_what_python_matches(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(3):
        regex = random_regex(rng, 3)
        compiled = re.compile(re.sub(r"\{,(\d)", r"{0,\1", regex))
        assert accepted(Pattern(regex), TEXTS) == [t for t in TEXTS if compiled.fullmatch(t)], regex


@pytest.mark.parametrize("seed", range(int(20 * EFFORT)))
def test_and_not_of_random_patterns(seed: int) -> None:
    rng = random.Random(seed)
    one, two, three = (random_regex(rng, 2) for _ in range(3))
    a, b, c = ({t for t in TEXTS if re.fullmatch(re.sub(r"\{,(\d)", r"{0,\1", r), t)} for r in (one, two, three))
    where = (one, two, three)
    assert set(accepted(And((Pattern(one), Pattern(two))), TEXTS)) == a & b, where
    assert set(accepted(And((Pattern(one), Not(Pattern(two)), Not(Pattern(three)))), TEXTS)) == a - b - c, where
    assert set(accepted(Not(Pattern(one)), TEXTS)) == set(TEXTS) - a, where
    joined = {x + y for x in a & b for y in c}
    assert set(accepted(Seq((And((Pattern(one), Pattern(two))), Pattern(three))), TEXTS)) == joined & set(TEXTS), where
    joined = {x + y for x in c for y in a & b}
    assert set(accepted(Seq((Pattern(three), And((Pattern(one), Pattern(two))))), TEXTS)) == joined & set(TEXTS), where


def test_an_empty_part_makes_the_whole_empty() -> None:
    nothing = And((Literal(b"a"), Literal(b"b")))
    assert accepted(Seq((nothing, Literal(b"c"))), TEXTS) == []
    assert accepted(Seq((Literal(b"c"), nothing)), TEXTS) == []
    assert accepted(Seq((nothing, And((Pattern("[abc]*"), Not(Literal(b"b")))))), TEXTS) == []


# (unit, texts that it matches): units that cannot go on where they may end are counted, the others are copied.
UNITS = [
    ("a", ["a"]),
    ("[^b]", ["a", "c", "é"]),
    ("a*b", ["b", "ab", "aab"]),
    ("(?:ab|ac)", ["ab", "ac"]),
    ("(?:a|bc*a)", ["a", "ba", "bcca"]),
    (r"(?:[^b\\]|\\.)", ["a", "é", r"\b", r"\\"]),
    ("(?:a|aa)", ["a", "aa"]),
    ("(?:ab?)", ["a", "ab"]),
]
BEHIND = [
    ("", [""]),
    ("b", ["b"]),
    ("b?", ["", "b"]),
    ("b{9,11}", ["b" * 9, "b" * 10, "b" * 11]),
    ("(?:ba)*", ["", "ba"]),
    ("d{0,9}b?", ["", "d", "d" * 9 + "b"]),
]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit[0])
@pytest.mark.parametrize("behind", BEHIND, ids=lambda behind: behind[0])
def test_counted_repeats_near_both_ends(unit: tuple[str, list[str]], behind: tuple[str, list[str]]) -> None:
    rng = random.Random(0)
    for low, high in ((9, 9), (0, 9), (3, 12), (9, None), (10, 30), (0, 40)):
        regex = f"{unit[0]}{{{low},{'' if high is None else high}}}{behind[0]}"
        ends = {low - 1, low, low + 1, (high or 20) - 1, high or 20, (high or 20) + 1}
        texts = []
        for count in sorted(n for n in ends if n >= 0):
            for _ in range(3):
                text = "".join(rng.choice(unit[1]) for _ in range(count)) + rng.choice(behind[1])
                texts += [text, text + rng.choice("abcd"), text[:-1], text + rng.choice(unit[1])]
        assert accepted(Pattern(regex), texts) == [t for t in texts if matches(regex, t)], regex


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit[0])
@pytest.mark.parametrize("behind", BEHIND, ids=lambda behind: behind[0])
def test_counted_repeats_around_holes(unit: tuple[str, list[str]], behind: tuple[str, list[str]]) -> None:
    rng = random.Random(0)
    for low, high in ((9, 9), (0, 9), (9, None), (10, 12)):
        regex = f"{unit[0]}{{{low},{'' if high is None else high}}}{behind[0]}"
        item = Seq((Literal(b"<"), Pattern(regex), Literal(b">")))
        many = Alt((Ref("item"), Seq((Ref("item"), Ref("many")))))
        constraint = weft.compile(Grammar("many", {"many": many, "item": item}), VOCABULARY)
        state = regular(Pattern(f"(?:<{regex}>)+"), Grammar("s", {}))
        for _ in range(round(5 * EFFORT)):
            counts = [rng.randint(max(low - 2, 0), high or low + 3) for _ in range(rng.randint(1, 2))]
            text = "".join(f"<{''.join(rng.choice(unit[1]) for _ in range(n))}{rng.choice(behind[1])}>" for n in counts)
            cuts = sorted(rng.sample(range(len(text) + 1), 2 * rng.randint(1, min(3, (len(text) + 1) // 2))))
            kept = [text[a:b] for a, b in itertools.pairwise([0, *cuts, len(text)])][::2]
            parts = [part for fragment in kept for part in (fragment, HOLE)][:-1]
            status = constraint.solver(Canvas(*parts)).verdict.status
            assert (status is Status.OPEN) == fits(state, parts), (regex, parts)


def fits(state: Any, parts: list[Any]) -> bool:
    """Whether the holes can be filled: all derivatives that some filling leads to."""
    reached = {state}
    for part in parts:
        if part is not HOLE:
            for byte in part.encode():
                reached = {after(state, byte) for state in reached}
            continue
        todo = list(reached)
        while todo:
            state = todo.pop()
            fresh = {after(state, byte) for byte in "<abcdé\\>".encode()} - reached
            reached |= fresh
            todo += fresh
    return any(nullable(state) for state in reached)


def matches(regex: str, text: str) -> bool:
    """As `re` would find, were it not for its backtracking."""
    rest = regular(Pattern(regex), Grammar("s", {}))
    for byte in text.encode():
        rest = after(rest, byte)
    return nullable(rest)


def test_a_count_knows_the_middle_of_a_unit_from_the_place_between_two() -> None:
    assert accepts(Pattern("(a*b){9,12}c"), "b" * 9 + "c")
    assert not accepts(Pattern("(a*b){9,12}c"), "b" * 9 + "ac")
    assert not accepts(Pattern("(a*b){9,12}"), "b" * 12 + "a")
    assert accepts(Pattern("(a*b){9,12}"), "ab" * 12)


def test_huge_counts_of_one_letter_need_no_states() -> None:
    recognizer = Recognizer(Grammar("s", {"s": Pattern("a{3,1000000000}b")}))
    assert recognizer.feed(b"aab") == 2
    assert recognizer.feed(b"a" * 5000 + b"b") == 5001
    assert recognizer.is_complete


CLASSES = r"""[é-ü] [^é] [\u07ff-\u0801] [\ud7f0-\ue010] [\uffff-\U00010001] [^\x00-\U0010fffe] [a\u20ac\U0001f600]"""


@pytest.mark.parametrize("regex", CLASSES.split())
def test_classes_are_made_of_whole_characters(regex: str) -> None:
    edges = """0 61 7f 80 e8 e9 fc fd 7fe 7ff 800 801 802 20ac d7ef d7f0 d7ff e000 e010 e011 fffe ffff
        10000 10001 10002 1f600 10fffe 10ffff""".split()
    texts = [chr(int(c, 16)) for c in edges]
    assert accepted(Pattern(regex), texts) == [t for t in texts if re.fullmatch(regex, t)]


@pytest.mark.parametrize(
    "data",
    "c080 c1bf e09fbf eda080 edbfbf f08fbfbf f4908080 f5808080 80 ff c3 e282".split(),
)
def test_what_is_not_utf8_is_no_character(data: str) -> None:
    anything = Pattern("(?s:.)*")
    for expression in (Pattern("[^a]"), anything, Not(Literal(b"a")), And((anything, Not(Literal(b"a"))))):
        assert not accepts(expression, bytes.fromhex(data))


def test_case_folds_within_the_documented_blocks() -> None:
    for a, b in ("aA", "zZ", "éÉ", "þÞ", "αΑ", "яЯ", "ёЁ"):
        for regex in (a, b, f"[{a}]", f"[{b}]"):
            assert accepted(Pattern(regex, "i"), [a, b]) == [a, b]
            assert accepted(Pattern(f"(?i:{regex})"), [a, b]) == [a, b]
        assert accepted(Pattern(f"[^{a}]", "i"), [a, b, "1"]) == ["1"]
    assert accepted(Pattern("÷", "i"), ["÷", "×"]) == ["÷"]


def test_spelled_characters() -> None:
    string = Spelled(Pattern("[ab]{0,3}|c"), ((97, Literal(b"\\a")), (99, Pattern("x+"))))
    assert accepted(string, ["", "b", "bb", "\\a", "\\ab\\a", "a", "\\a\\a\\a\\a", "c", "x", "xxx", "\\"]) == [
        "", "b", "bb", "\\a", "\\ab\\a", "x", "xxx"
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(int(10 * EFFORT)))
def test_masks_inside_a_terminal(seed: int) -> None:
    rng = random.Random(seed)
    tokens = ["a", "b", "c", "ab", "ca", "bca", "aa"]
    vocabulary = weft.Vocabulary([*(t.encode() for t in tokens), None], eos=[7])
    regex = "".join(rng.choice(["[ab]", "a?", "(b|ca)", "c??", "(a|)"]) for _ in range(4))  # at most 8 letters
    every = ("".join(w) for n in range(9) for w in itertools.product("abc", repeat=n))
    words = [w for w in every if re.fullmatch(regex, w)]
    matcher, text = weft.compile(Grammar("s", {"s": Pattern(regex)}), vocabulary).matcher(), ""
    while True:
        legal = {i for i, t in enumerate(tokens) if any(w.startswith(text + t) for w in words)}
        assert bits(matcher.mask()) == legal | ({7} if text in words else set()), (regex, text)
        if not legal:
            break
        token = rng.choice(sorted(legal))
        matcher.commit(token)
        text += tokens[token]
