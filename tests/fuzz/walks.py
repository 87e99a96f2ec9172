"""A random walk through a grammar, on a hostile vocabulary and with little memory, that checks what a Matcher says.

A bit is set exactly when a Recognizer, which knows no vocabulary and no masks, can read the token's bytes. Around it:
fork, rollback, drafts, forced tokens, a budget that must leave a way out, and a twin whose caches are always full.
"""

from __future__ import annotations

import random
from functools import cache

import numpy as np

import weft
from weft import _core
from weft.grammar.recognizer import Recognizer

STEPS = 10
SAMPLE = 40  # tokens that are read byte by byte at each step

BYTES: list[bytes | None] = [bytes([byte]) for byte in range(256)]
TOKENS: list[bytes | None] = [*BYTES]
TOKENS += b'": ", " {" }} [] true null 12 -0. e+ \xc3\xa9 \xf0\x9f int if ab aab (( )) // /* */ \\u00'.split(b" ")
TOKENS += [b"  ", b"int ", b"\r\n", None]
PLAIN = 0  # the vocabulary that old inputs were kept for


@cache
def vocabulary(number: int) -> weft.Vocabulary:
    if number == PLAIN:
        return weft.Vocabulary(TOKENS, eos=[len(TOKENS) - 1])
    rng = random.Random(number)
    tokens = [*TOKENS] if number % 2 else rng.sample(TOKENS, 60)  # the second cannot spell every text
    tokens += [rng.choice([t for t in TOKENS if t]) for _ in range(30)]  # duplicates
    tokens += [b"", None, b"a" * 70, b" " * 3999 + b"\n", b'"' * 77, b"\xf0\x9f\x98\x80" * 9, b"\xbf\xbf"]
    tokens += [b"".join(rng.choices([t for t in TOKENS if t], k=rng.randint(2, 9))) for _ in range(1500 * (number % 3))]
    rng.shuffle(tokens)
    eos = rng.sample(range(len(tokens)), rng.choice((0, 1, 3)))
    special = len(tokens)
    made = weft.Vocabulary([*tokens, None], eos, specials={"tool": special, "<tool>": special})
    if number % 4 == 3:  # hardly any entry is still there when it is asked for again
        made._core = _core.Vocabulary(list(made.tokens), list(made.eos), made.specials, 2_000)
    return made


def bits(mask: np.ndarray) -> set[int]:
    return set(np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little")).tolist())


def walk(grammar: weft.Grammar, seed: int, *, plain: bool) -> None:
    """Raises AssertionError where an answer is wrong, WeftError where the grammar is refused."""
    rng = random.Random(seed)
    words = vocabulary(PLAIN if plain else rng.randrange(8))
    constraint = weft.compile(grammar, words)
    twin = weft.compile(grammar, words, limits=weft.Limits(cache_bytes=rng.choice((10_000, 200_000)))).matcher()
    # where some byte is no token, a budget is a search over tokens, of seconds
    budget = rng.randint(0, STEPS + 5) if rng.random() < 0.4 and set(BYTES) <= set(words.tokens) else None
    matcher, free, recognizer = constraint.matcher(budget), constraint.matcher(), Recognizer(grammar)
    every = [id_ for id_ in range(words.size) if id_ not in words.eos]
    for _ in range(STEPS):
        mask = matcher.mask()
        allowed, legal = bits(mask), bits(free.mask())
        assert all(id_ < words.size for id_ in allowed), "a bit beyond the vocabulary"
        assert allowed <= legal, "a budget allows more than the grammar"
        assert budget is not None or allowed == legal, "two matchers at one place differ"
        assert bits(twin.mask()) == legal, "with small caches the mask is another one"
        reads(recognizer, words, legal, {*rng.sample(every, min(len(every), SAMPLE)), *sorted(legal)[:SAMPLE]})
        assert not words.eos or matcher.is_complete == (words.eos[0] in allowed), "an end token at the wrong place"
        assert budget is None or allowed or not words.eos, "the budget leaves no way out"
        forbidden = rng.choice(every)
        if forbidden not in allowed:
            refuses(matcher, forbidden)
        assert (matcher.mask() == mask).all(), "a refused token changed the mask"
        drafts(matcher, [rng.choice(sorted(allowed) or [0]), rng.randrange(words.size)])
        choices = [id_ for id_ in sorted(allowed) if words.tokens[id_]]
        if not choices:
            break
        token = rng.choice(choices)
        fork = matcher.fork()
        for reading in (matcher, free, twin):
            reading.commit(token)
        if rng.random() < 0.3:
            for reading in (matcher, free, twin):
                reading.rollback(1)
            assert (matcher.mask() == mask).all(), "rollback did not bring the mask back"
        else:
            assert recognizer.feed(words.tokens[token] or b"") == len(words.tokens[token] or b"")
        assert (fork.mask() == mask).all(), "a fork moved with its origin"
    matcher.rollback(len(matcher.tokens))


def reads(recognizer: Recognizer, words: weft.Vocabulary, legal: set[int], asked: set[int]) -> None:
    for id_ in asked:
        token = words.tokens[id_]
        if id_ in words.eos or id_ in words.specials.values():
            continue
        count = recognizer.feed(token or b"")
        assert (id_ in legal) == (bool(token) and count == len(token or b"")), f"the bit of {token!r} is wrong"
        recognizer.rollback(count)


def refuses(matcher: weft.Matcher, token: int) -> None:
    try:
        matcher.commit(token)
    except weft.DeadEnd:
        return
    raise AssertionError(f"token {token} is not in the mask, yet it was committed")


def drafts(matcher: weft.Matcher, draft: list[int]) -> None:
    legal, masks, ahead = matcher.count_legal(draft), matcher.masks(draft), matcher.fork()
    for step, token in enumerate(draft[:legal]):
        assert (ahead.mask() == masks[step]).all(), "the masks of a draft are not those of its tokens"
        ahead.commit(token)
    assert (ahead.mask() == masks[legal]).all()
    assert legal == len(draft) or draft[legal] not in bits(ahead.mask())
    ahead = matcher.fork()
    for token in matcher.forced()[:5]:
        assert bits(ahead.mask()) == {token}, "a forced token is not the only one"
        ahead.commit(token)
