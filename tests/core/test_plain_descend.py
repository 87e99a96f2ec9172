"""Masks against the plain descend of the vocabulary: a token is allowed exactly when its bytes can be read one by one.

Masker, store and summaries of the trie are shortcuts; Recognizer takes every byte through the frontier and knows none
of them. The vocabulary is small, but its subtrees are large enough for every shortcut to be taken.
"""

import random

import numpy as np
import pytest

from weft.grammar.constraint import Constraint, compile
from weft.grammar.grammar import Alt, And, Expression, Grammar, Literal, Not, Pattern, Ref, Repeat, Seq, Spelled
from weft.grammar.recognizer import Recognizer
from weft.grammar.vocabulary import Vocabulary

CHAR = Pattern(r'[^"\\\x00-\x1f]|\\(?:["\\bfnrt]|u00[01][0-9a-fA-F])')
TEXT = Repeat(CHAR, 0, None)
SPACE = Pattern(r"(?: |\r?\n[ \t]{0,40})?")
ESCAPES = tuple((c, Pattern(rf"\\u{c:04x}")) for c in range(32)) + ((34, Literal(b'\\"')), (92, Literal(b"\\\\")))


def tokens() -> list[bytes | None]:
    """3,000 tokens that look like a model's: words with and without a blank, digits, brackets, scripts, cut UTF-8."""
    rng = random.Random(3)
    syllables = ["na", "me", "ty", "pe", "id", "con", "fig", "er", "s", "ing", "data", "x", "ab", "e"]
    found = {bytes([b]) for b in range(256)}

    def more(alphabet: list[str] | str, longest: int, total: int) -> None:
        while len(found) < total:
            found.add("".join(rng.choice(alphabet) for _ in range(rng.randint(1, longest))).encode())

    more(syllables, 4, 700)
    while len(found) < 1500:
        word = "".join(rng.choice(syllables) for _ in range(rng.randint(1, 4)))
        found.add((rng.choice([" ", '"', '":"', " é"]) + rng.choice([word, word.capitalize()])).encode())
    more("你好世界的一是不了人我在有他", 3, 2100)
    more('{}[]":, \n\\0.-ueE+/', 5, 2500)
    more("0123456789", 4, 2800)
    more("\u2028\u2029\ud7ff\ue000\U00010000\U0010ffff\u0800\u07ff\x80a", 3, 2900)
    while len(found) < 3000:
        found.add(bytes(rng.choice(b'\xe2\x80\xa8\xf0\x9f\xc2\xed\xa0a"') for _ in range(rng.randint(2, 4))))
    found |= {b" " * n for n in (2, 3, 4, 8, 16, 60)} | {b"-" * 30, b"a" * 40, b"\n" + b" " * 20, "的".encode() * 12}
    return [*sorted(found), b"name", b'"', None]  # two tokens that are there twice


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    texts = tokens()
    return Vocabulary(texts, [len(texts) - 1])


def plain(texts: list[bytes | None], grammar: Grammar, text: bytes) -> set[int]:
    reader = Recognizer(grammar)
    assert reader.feed(text) == len(text)
    first, out = set(reader.allowed_bytes()), set()
    for token, piece in enumerate(texts):
        if piece is None or piece[0] not in first:
            continue
        taken = reader.feed(piece)
        if taken == len(piece):
            out.add(token)
        reader.rollback(taken)
    return out | ({len(texts) - 1} if reader.is_complete else set())


def agrees(constraint: Constraint, texts: list[bytes | None], rng: random.Random, steps: int) -> None:
    matcher = constraint.matcher()
    for _ in range(steps):
        got = set(np.flatnonzero(np.unpackbits(matcher.mask().view(np.uint8), bitorder="little")).tolist())
        assert got == plain(texts, constraint.grammar, matcher.text), (constraint.grammar, matcher.text)
        going = sorted(t for t in got if texts[t] is not None)
        if not going:
            return
        closing = [t for t in going if (texts[t] or b"")[:1] in b'"}],']
        matcher.commit(rng.choice(closing if closing and rng.random() < 0.3 else going))


def pattern(rng: random.Random) -> Expression:
    """The inside of a JSON string, as schemas lower it."""
    kind = rng.randrange(10)
    word = rng.choice(["name", "id", "x", "a", "é", "的", "data"])
    if kind == 0:
        return TEXT
    if kind == 1 and rng.random() < 0.3:
        return Repeat(Pattern("(?:[a-f]|na)*[ ,x]"), *rng.choice([(0, 12), (9, 20), (12, None)]))
    if kind == 1:
        return Repeat(CHAR, *rng.choice([(0, 3), (1, 12), (0, 40), (2, 300), (30, None), (1, None)]))
    if kind == 2:
        words = rng.sample([b"name", b"names", b"id", b"ab", "é".encode()], 3)
        return And((TEXT, Not(Alt(tuple(Literal(w) for w in words)))))
    if kind == 3:
        texts = [f"(?s:.)*{word}(?s:.)*", f"{word}.*", f"[^{word[0]}]*", r"[\s\S]{1,20}", ".{2,5}"]
        return Spelled(Pattern(rng.choice(texts)), ESCAPES)
    if kind == 4:
        texts = [r"[a-z0-9\-]{1,63}", r"[A-Z]?[a-z]*", r"\d{4}-\d{2}", r"(?:[a-z]+\.)*[a-z]+", r"[^\x00-\x1f\"\\]{3}"]
        return Pattern(rng.choice(texts))
    if kind == 5:
        some = Pattern(rng.choice([r"[a-z/\-]+", r"(?:[a-z][0-9]?)+", r"[^\"\\\x00-\x1f]*e"]))
        return And((some, Repeat(CHAR, 0, rng.choice([5, 30, 70]))))
    if kind == 6:
        return Seq((Literal(word.encode()), Repeat(CHAR, 0, rng.choice([4, 20]))))
    if kind == 7:
        return Spelled(Alt((Pattern("(?s:.)*na(?s:.)*"), Pattern("(?s:.)*\u2028(?s:.)*"), Literal(b"id"))), ESCAPES)
    if kind == 8:
        return And((Spelled(Pattern(".*" + word + ".*"), ESCAPES), Not(Pattern(".*e"))))
    words = rng.sample([b"name", b"names", b"type", b"configs", "é".encode(), b"", b"- -"], 4)
    return Alt(tuple(Literal(w) for w in words))


def value(rng: random.Random, depth: int) -> Expression:
    kind = rng.randrange(7 if depth else 4)
    if kind <= 1:
        return Seq((Literal(b'"'), pattern(rng), Literal(b'"')))
    if kind == 2:
        return Pattern(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
    if kind == 3:
        return Ref("any")
    if kind == 4:
        item = value(rng, depth - 1)
        more = Repeat(Seq((Literal(b","), Ref("space"), item)), 0, rng.choice([2, 12, None]))
        return Seq((Literal(b"["), Ref("space"), item, more, Literal(b"]")))
    fields: list[Expression] = []
    for key in rng.sample([b"name", b"id", b"type", "é的".encode()], 2):
        pair = Seq((Literal(b'"' + key + b'":'), Ref("space"), value(rng, depth - 1), Literal(b","), Ref("space")))
        fields.append(Repeat(pair, 0, 1) if rng.random() < 0.5 else pair)
    fields.append(Seq((Literal(b'"'), pattern(rng), Literal(b'":'), value(rng, depth - 1))))
    return Seq((Literal(b"{"), Ref("space"), *fields, Ref("space"), Literal(b"}")))


def json_like(rng: random.Random) -> Grammar:
    text = Seq((Literal(b'"'), TEXT, Literal(b'"')))
    more = Repeat(Seq((Literal(b","), Ref("any"))), 0, None)
    array = Seq((Literal(b"["), Repeat(Seq((Ref("any"), more)), 0, 1), Literal(b"]")))
    anything = Alt((text, Pattern("-?[0-9]+"), array))
    return Grammar("root", {"root": value(rng, 2), "space": SPACE, "any": anything})


@pytest.mark.parametrize("seed", range(40))
def test_json_like_grammars(vocabulary: Vocabulary, seed: int) -> None:
    rng = random.Random(seed)
    constraint = compile(json_like(rng), vocabulary)
    for _ in range(2):
        agrees(constraint, tokens(), rng, 8)


@pytest.mark.parametrize("seed", range(30))
def test_free_text(vocabulary: Vocabulary, seed: int) -> None:
    """Without quotes around it: states that accept everywhere, and lexemes that end in the middle of tokens."""
    rng = random.Random(seed)
    between = Literal(rng.choice([b"", b" ", b"s", b'"', "。".encode()]))
    root = Seq((Ref("a"), Repeat(Seq((between, Ref("b"))), 0, None)))
    agrees(compile(Grammar("root", {"root": root, "a": pattern(rng), "b": pattern(rng)}), vocabulary), tokens(), rng, 6)
