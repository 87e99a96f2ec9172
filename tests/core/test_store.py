"""The store of masks, whose short cuts begin where a node of the vocabulary's trie has a large subtree.

So: 39,000 tokens, and every bit of every mask against a walk of each token's bytes, without trie and store. All
grammars share one vocabulary, as in use, so that an entry that passes for another one is seen."""

import functools
import os
import random

import numpy as np
import pytest

import weft
from weft import _core
from weft.grammar.grammar import (
    Alt,
    And,
    Expression,
    Grammar,
    Literal,
    Not,
    Pattern,
    Ref,
    Repeat,
    Seq,
    Spelled,
    Terminal,
)
from weft.grammar.recognizer import Recognizer

EFFORT = float(os.environ.get("WEFT_TEST_EFFORT", "1"))


@functools.cache
def vocabulary() -> weft.Vocabulary:
    rng = random.Random(0)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    weights = [1 / (i + 2) for i in range(26)]
    words = {
        "".join(rng.choices(letters, weights, k=rng.choice((1, 2, 3, 3, 4, 4, 5, 6, 8, 12)))) for _ in range(16_000)
    }
    tokens = {bytes([b]) for b in range(256)} | {w.encode() for w in words}
    sample = sorted(words)
    for _ in range(9_000):
        word = rng.choice(sample)
        tokens.add(
            rng.choice([" ", '"', "(", "\\", " \\n", '":', '","', '", "', "é", "z", "zz", "\n"]).encode()
            + word.encode()
        )
        tokens.add((word + rng.choice(['"', '",', '":', "}", '"}', " ", "z,", "\\", "1", "99,", "é", '", "'])).encode())
    for _ in range(3_000):
        tokens.add((str(rng.randrange(10 ** rng.randint(1, 7))) + rng.choice(["", "", ",", "}", '"', "abc"])).encode())
        tokens.add("".join(rng.choices("éüñ漢字😀aб ", k=rng.randint(1, 5))).encode()[: rng.randint(1, 12)])
        tokens.add("".join(rng.choices('azb",\\n ', k=rng.randint(2, 14))).encode())
        tokens.add("".join(rng.choices("mnz", k=rng.randint(2, 40))).encode())
    ordered: list[bytes | None] = sorted(tokens)
    ordered += [rng.choice(ordered) for _ in range(200)]  # duplicates
    rng.shuffle(ordered)
    return weft.Vocabulary([*ordered, None, None], eos=[len(ordered)])


def by_bytes(grammar: Grammar, text: bytes) -> np.ndarray:
    """The mask after a text: every token is read byte by byte."""
    v = vocabulary()
    recognizer = Recognizer(grammar)
    assert recognizer.feed(text) == len(text)
    allowed = np.zeros((v.size + 31) // 32 * 32, bool)
    for i, token in enumerate(v.tokens):
        if token:
            read = recognizer.feed(token)
            allowed[i] = read == len(token)
            recognizer.rollback(read)
    for i in v.eos:
        allowed[i] = recognizer.is_complete
    return np.packbits(allowed, bitorder="little").view(np.uint32)


def check(grammar: Grammar, begin: bytes = b"", steps: int = 4, seed: int = 0) -> None:
    v, rng = vocabulary(), random.Random(seed)
    matcher = weft.compile(grammar, v).matcher()
    ids = {token: i for i, token in enumerate(v.tokens)}
    matcher.commit(*(ids[bytes([b])] for b in begin))
    for _ in range(steps):
        mask, expected = matcher.mask(), by_bytes(grammar, matcher.text)
        if (mask != expected).any():
            wrong = np.flatnonzero(np.unpackbits((mask ^ expected).view(np.uint8), bitorder="little"))
            found = [(v.tokens[i], bool(mask[i >> 5] >> (i & 31) & 1)) for i in wrong[:10]]
            raise AssertionError(
                f"{grammar}\nafter {matcher.text!r}: {len(wrong)} wrong bits: (token, in the mask) {found}"
            )
        allowed = np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little"))
        allowed = allowed[~np.isin(allowed, v.eos)]
        if not len(allowed):
            return
        matcher.commit(int(rng.choice(allowed)))


def s(*items: Expression) -> Grammar:
    return Grammar("s", {"s": Seq(items)})


CHAR = r'([^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-f]{4})'
QUOTE = Literal(b'"')
WORDS = [b"e", b"te", b"name", b"tea", b"zero", b"h\xc3\xa9"]


def test_inside_a_string() -> None:
    for string in (f'"{CHAR}*"', r'"[^"]*"', r'"([^"\\]|\\.)*"'):
        check(s(Pattern(string)), b'"')
        check(s(Pattern(string), Repeat(Seq((Literal(b","), Pattern(string))), 0, None)), b'"')


@pytest.mark.parametrize("begin", ["", '"', '"e', '"te', '"tea', '"na', '"zero'])
def test_a_string_that_is_none_of_some_words(begin: str) -> None:
    """States that read nearly all bytes as another state does."""
    key = And((Pattern(f"{CHAR}*"), Not(Alt(tuple(Literal(w) for w in WORDS)))))
    check(s(QUOTE, key, QUOTE, Literal(b":")), begin.encode(), seed=len(begin))
    key = And((Pattern("[a-z]{1,30}"), Not(Pattern("te*a?|n.*e"))))
    check(s(QUOTE, key, Pattern('"?')), begin.encode(), seed=len(begin))
    check(s(QUOTE, Not(Pattern("te.*|(zero)+")), Pattern("\0")), begin.encode(), seed=len(begin))


COUNTS = [
    *[(0, 9), (0, 10), (9, 9), (3, 12), (9, None), (12, None)],
    *[(0, 23), (0, 24), (0, 25), (24, 26), (1, 40), (40, 40), (0, 1000)],
]


@pytest.mark.parametrize("low, high", COUNTS)
def test_inside_a_counted_string(low: int, high: int | None) -> None:
    count = f"{{{low},{'' if high is None else high}}}"
    seed = low + (high or 0)
    check(s(Pattern(f'"{CHAR}{count}"')), b'"', seed=seed)
    check(s(Pattern(f'"[^"]{count}"'), Pattern('(,"[a-z]*")*')), b'"', seed=seed)
    check(s(Pattern(f'"{CHAR}{count}"')), b'"' + b"e" * max(0, min(low, high or low) - 3), seed=seed)
    if high is not None:
        check(s(Pattern(f'"{CHAR}{count}"'), Literal(b",")), b'"' + b"a" * max(0, high - 2), seed=seed)
        check(s(Pattern(f'"{CHAR}{count}"'), Literal(b",")), b'"' + b"a" * max(0, high - 1) + b"\\", seed=seed)


@pytest.mark.parametrize("low, high", COUNTS)
def test_counted_parts_in_a_row(low: int, high: int | None) -> None:
    count = f"{{{low},{'' if high is None else high}}}"
    seed = low + (high or 0)
    check(s(Pattern(f"[a-y]{count}[0-9]{{0,9}}"), Pattern("[}z]")), b"", seed=seed)
    check(s(Pattern(f"[a-z]{count}[0-9]{count}é*"), Pattern('"?,')), b"", seed=seed)
    check(s(Pattern(f"[a-z]{count}")), b"", seed=seed)
    check(s(Pattern(f"[a-z]{count}"), Pattern("[a-f0-9]+,")), b"", seed=seed)


@pytest.mark.parametrize("low, high", [(9, 12), (0, 9), (2, 25)])
@pytest.mark.parametrize("begin", ["", "z", "a", "az", "zzza", "zzzzzzzz", "zzzzzzzza", "zzzzzzzzz"])
def test_a_unit_that_comes_back_to_its_start(low: int, high: int, begin: str) -> None:
    check(s(Pattern(f"([a-y]*z){{{low},{high}}}[,1]")), begin.encode(), seed=low)


def test_spelled_strings() -> None:
    text = Spelled(
        Pattern("[^e]{0,30}|[a-f\n]*"), ((10, Literal(b"\\n")), (34, Literal(b'\\"')), (92, Literal(b"\\\\")))
    )
    check(s(QUOTE, text, QUOTE), b'"')
    check(s(QUOTE, text, QUOTE), b'"aa\\')


def test_large_cycles_keep_their_names_apart() -> None:
    """Two automata with the same cycle of 300 states, numbered in other ways: their states must not be mixed up."""
    cycle = "([a-m]{150}[n-z]{150})"
    chain = "q[0-9]{300}"
    check(s(Pattern(f"p{cycle}*")), b"p" + b"m" * 75, steps=1)
    check(s(Pattern(f"p{cycle}*|{chain}")), b"p" + b"m" * 75, steps=1)
    check(s(Pattern(f"p{cycle}*|{chain}")), b"p" + b"m" * 149, steps=1)
    check(s(Pattern(f"p{cycle}*")), b"p" + b"m" * 149, steps=1)
    for n in (74, 98, 149):
        for regex in (f"p{cycle}*", f"p{cycle}*|{chain}", f"p{cycle}*|{chain}[a-z]{{200}}"):
            check(s(Pattern(regex)), b"p" + b"m" * n, steps=1)


def test_tokens_across_many_terminals() -> None:
    def listed(item: Expression, comma: Expression) -> Expression:
        return Repeat(Seq((item, Repeat(Seq((comma, item)), 0, None))), 0, 1)

    json = Grammar(
        "value",
        {
            "value": Alt((Ref("STRING"), Ref("NUMBER"), Ref("object"), Ref("array"))),
            "object": Seq((Pattern(r"\{[ \n]*"), listed(Ref("pair"), Pattern(", ?")), Literal(b"}"))),
            "pair": Seq((Ref("STRING"), Pattern(": ?"), Ref("value"))),
            "array": Seq((Literal(b"["), listed(Ref("value"), Literal(b",")), Literal(b"]"))),
        },
        {"STRING": Terminal(Pattern(f'"{CHAR}*"')), "NUMBER": Terminal(Pattern(r"-?(0|[1-9]\d*)(\.\d+)?"))},
    )
    for seed, begin in enumerate((b"", b"{", b'{"a', b'{"a":', b'["a",', b"[[[1", b'{"a":{"b":[1,2', b'{"a":"')):
        check(json, begin, seed=seed)


@pytest.mark.parametrize("seed", range(int(12 * EFFORT)))
def test_random_chains_of_wide_terminals(seed: int) -> None:
    rng = random.Random(seed)

    def wide() -> Expression:
        unit = rng.choice(["[a-z]", '[^"]', "[^z]", CHAR, "([a-m]|n[a-z])", "([a-y]*z)", "[a-zé漢]", "(.|\n)"])
        low = rng.randint(0, 12)
        count = rng.choice(["*", "+", f"{{{low},{low + rng.randint(1, 20)}}}", f"{{{low},}}", "?"])
        pattern = Pattern(unit + count)
        if rng.random() < 0.3:
            return And((pattern, Not(Alt(tuple(Literal(w) for w in rng.sample(WORDS, 3))))))
        return pattern

    parts = [
        rng.choice([wide(), wide(), Literal(rng.choice([b'"', b",", b"z", b": "]))]) for _ in range(rng.randint(1, 5))
    ]
    grammar = Grammar("s", {"s": Alt((Seq(tuple(parts)), Seq((wide(), Ref("s"), Literal(b"z")))))})
    try:
        weft.compile(grammar, vocabulary())
    except weft.BudgetExceeded:  # counts of counts
        return
    check(grammar, seed=seed, steps=3)


def test_a_store_that_forgets_at_once_changes_no_answer() -> None:
    large, small = vocabulary(), weft.Vocabulary(vocabulary().tokens, vocabulary().eos)
    limit = 60_000  # about five entries
    small._core = _core.Vocabulary(list(small.tokens), list(small.eos), {}, limit)
    string, number = Pattern(rf'"{CHAR}*"'), Pattern(r"-?[0-9]{1,12}(\.[0-9]+)?")
    pair = Seq((string, Literal(b":"), Alt((number, And((string, Not(Literal(b'"te"'))))))))
    grammar = s(Repeat(pair, 0, None))
    kept, forgotten = (weft.compile(grammar, v).matcher() for v in (large, small))
    for byte in b'"name":12.5"te":"zero""te":"h\xc3\xa9':
        assert (kept.mask() == forgotten.mask()).all(), kept.text
        assert small.core.store_bytes < 2 * limit
        for reading in (kept, forgotten):
            reading.commit(large.tokens.index(bytes([byte])))
    assert large.core.store_bytes > 2 * limit
