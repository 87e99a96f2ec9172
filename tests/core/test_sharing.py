"""One constraint, many readers: threads, and tables that are thrown away under live matchers, forks and rollbacks."""

import os
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from reference import bits, random_grammar

import weft
from weft.grammar.grammar import Alt, And, Grammar, Literal, Not, Pattern, Ref, Repeat, Seq, Terminal
from weft.grammar.matcher import Matcher, fill_masks
from weft.grammar.recognizer import Recognizer

EFFORT = float(os.environ.get("WEFT_TEST_EFFORT", "1"))
LETTERS = 'ab(){}[]",: 01x\\é'
_rng = random.Random(5)
TOKENS = sorted(
    {"".join(_rng.choices(LETTERS, k=_rng.choice((1, 1, 2, 2, 3, 5)))).encode() for _ in range(1500)}
    | {c.encode() for c in LETTERS}
)
EOS = len(TOKENS)

JSON = Grammar(
    "value",
    {
        "value": Alt((Ref("STRING"), Ref("NUMBER"), Ref("object"), Ref("array"))),
        "object": Seq((Literal(b"{"), Repeat(Ref("pairs"), 0, 1), Literal(b"}"))),
        "pairs": Alt((Seq((Ref("pairs"), Literal(b","), Ref("pair"))), Ref("pair"))),
        "pair": Seq((Ref("STRING"), Literal(b":"), Ref("value"))),
        "array": Seq((Literal(b"["), Repeat(Seq((Ref("value"), Literal(b","))), 0, None), Literal(b"]"))),
    },
    {
        "STRING": Terminal(Seq((Literal(b'"'), And((Pattern(r"[^\"\\]{0,30}"), Not(Pattern("a+|b")))), Literal(b'"')))),
        "NUMBER": Terminal(Pattern("0|1[01]*")),
    },
)
_BRACKET = Alt((Seq((Literal(b"("), Ref("s"), Literal(b")"))), Seq((Literal(b"["), Ref("s"), Literal(b"]")))))
BRACKETS = Grammar("s", {"s": Repeat(_BRACKET, 0, None)})
AMBIGUOUS = Grammar(
    "s", {"s": Alt((Seq((Ref("s"), Ref("s"))), Pattern("[ab]"), Seq((Literal(b"("), Ref("s"), Literal(b")")))))}
)
LEXED = Grammar(
    "s",
    {
        "s": Repeat(
            Alt((Ref("NAME"), Ref("NUMBER"), Seq((Literal(b"("), Ref("s"), Literal(b")"))), Literal(b"ab"))), 0, None
        )
    },
    {
        "NAME": Terminal(Pattern("[abx]+")),
        "NUMBER": Terminal(Pattern("[01]+(x[01]+)?")),
        "BLANK": Terminal(Pattern(" +")),
    },
    ("BLANK",),
    lexer=True,
)
GRAMMARS = {"json": JSON, "brackets": BRACKETS, "ambiguous": AMBIGUOUS, "lexed": LEXED}


def new_vocabulary() -> weft.Vocabulary:
    return weft.Vocabulary([*TOKENS, None], eos=[EOS])


def pick(mask: np.ndarray, rng: random.Random) -> int | None:
    allowed = sorted(bits(mask) - {EOS})
    return rng.choice(allowed) if allowed else None


def walk(matcher: Matcher, seed: int, steps: int) -> list[bytes]:
    """A walk with rollbacks and forks. What it saw is returned: all masks, as bytes."""
    rng, seen, others = random.Random(seed), [], [matcher.fork()]
    for _ in range(steps):
        mask = matcher.mask()
        seen.append(mask.tobytes())
        token = pick(mask, rng)
        if token is not None:
            matcher.commit(token)
        action = rng.random()
        if action < 0.15 and matcher.tokens:
            matcher.rollback(rng.randint(1, len(matcher.tokens)))
        elif action < 0.3:
            others.append(matcher.fork())
        elif action < 0.45:
            matcher = others[rng.randrange(len(others))].fork()
        elif action < 0.55:
            seen.append(bytes(matcher.is_complete) + str(matcher.forced()[:20]).encode())
        elif action < 0.65:
            seen.append(matcher.masks([t for t in (token, 3, 5) if t is not None]).tobytes())
        if len(others) > 8:
            del others[rng.randrange(len(others))]
    for other in others:
        seen.append(other.mask().tobytes())
    return seen


# Memory


@pytest.mark.parametrize("name", GRAMMARS)
@pytest.mark.parametrize("cache_bytes", [0, 20_000, 200_000])
def test_small_caches_change_no_answer(name: str, cache_bytes: int) -> None:
    vocabulary = new_vocabulary()
    large = weft.compile(GRAMMARS[name], vocabulary)
    small = weft.compile(GRAMMARS[name], vocabulary, limits=weft.Limits(cache_bytes=cache_bytes))
    for seed in range(int(3 * EFFORT)):
        assert walk(small.matcher(), seed, 60) == walk(large.matcher(), seed, 60)


@pytest.mark.parametrize("seed", range(int(10 * EFFORT)))
def test_small_caches_change_no_answer_for_random_grammars(seed: int) -> None:
    vocabulary = weft.Vocabulary([b"a", b"b", b"ab", b"ba", b"bb", b"aaa", None], eos=[6])
    grammar = random_grammar(random.Random(seed))
    seen = []
    for cache_bytes in (0, 1 << 26):
        constraint = weft.compile(grammar, vocabulary, limits=weft.Limits(cache_bytes=cache_bytes))
        rng, matchers = random.Random(seed), [constraint.matcher()]
        out: list[object] = []
        for _ in range(60):
            matcher = rng.choice(matchers)
            mask = matcher.mask()
            out.append((mask.tolist(), matcher.is_complete, matcher.forced()[:9]))
            allowed = sorted(bits(mask) - {6})
            if allowed:
                matchers.append(matcher.fork())
                matcher.commit(rng.choice(allowed))
            if len(matchers) > 6:
                del matchers[rng.randrange(6)]
        seen.append(out)
    assert seen[0] == seen[1]


def test_what_a_constraint_has_learnt_stays_within_its_limit() -> None:
    vocabulary = new_vocabulary()
    constraint = weft.compile(JSON, vocabulary, limits=weft.Limits(cache_bytes=300_000))
    largest = 0
    for seed in range(40):
        walk(constraint.matcher(), seed, 60)
        largest = max(largest, constraint.size_bytes)
    assert largest < 1_500_000  # one step between two looks at the limit may add some


def test_a_long_text_is_kept_through_many_clearances() -> None:
    constraint = weft.compile(BRACKETS, new_vocabulary(), limits=weft.Limits(cache_bytes=50_000))
    matcher = constraint.matcher()
    opening, closing = TOKENS.index(b"("), TOKENS.index(b")")
    for _ in range(3000):
        matcher.commit(opening)
    other = constraint.matcher()
    for seed in range(20):
        walk(other.fork(), seed, 20)
    assert TOKENS[closing] == b")" and closing in bits(matcher.mask())
    for _ in range(3000):
        matcher.commit(closing)
    assert matcher.is_complete
    matcher.rollback(1)
    assert not matcher.is_complete
    matcher.rollback(5999)
    assert matcher.is_complete
    assert (matcher.mask() == other.mask()).all()


def test_a_recognizer_reads_on_through_clearances() -> None:
    small = Recognizer(JSON, limits=weft.Limits(cache_bytes=0))
    text = b'{"x":[' + b'{"ba":1,"":[]},' * 3000 + b"]}"
    assert small.feed(text) == len(text)
    assert small.is_complete
    small.rollback(len(text) - 10)
    assert not small.is_complete
    assert small.feed(text[10:]) == len(text) - 10
    assert small.is_complete


# Threads


def in_threads(jobs: list[Callable[[], object]]) -> list[object]:
    barrier = threading.Barrier(len(jobs))

    def run(job: Callable[[], object]) -> object:
        barrier.wait()
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))  # raises what a job raised


@pytest.mark.parametrize("name", GRAMMARS)
@pytest.mark.parametrize("cache_bytes", [100_000, 64 << 20])
def test_threads_share_a_constraint(name: str, cache_bytes: int) -> None:
    limits = weft.Limits(cache_bytes=cache_bytes)
    alone = weft.compile(GRAMMARS[name], new_vocabulary())
    expected = [walk(alone.matcher(), seed, 40) for seed in range(6)]
    shared = weft.compile(GRAMMARS[name], new_vocabulary(), limits=limits)
    assert in_threads([lambda s=s: walk(shared.matcher(), s, 40) for s in range(6)]) == expected


def test_threads_compile_on_one_vocabulary() -> None:
    vocabulary = new_vocabulary()

    def job(seed: int) -> object:
        rng, out = random.Random(seed), []
        for _ in range(6):
            grammar = rng.choice(list(GRAMMARS.values()))
            out.append(walk(weft.compile(grammar, vocabulary).matcher(), rng.randrange(3), 8))
        return out

    jobs = [lambda s=s: job(s) for s in (1, 2, 3, 1, 2, 3)]
    found = in_threads(jobs)
    vocabulary = new_vocabulary()
    assert found == [job(1), job(2), job(3)] * 2


@pytest.mark.parametrize("threads", [1, 3, 16])
def test_masks_of_many_matchers_at_once(threads: int) -> None:
    vocabulary = new_vocabulary()
    constraints = [weft.compile(g, vocabulary, limits=weft.Limits(cache_bytes=100_000)) for g in GRAMMARS.values()]
    matchers = []
    for seed in range(24):
        rng, matcher = random.Random(seed), constraints[seed % len(constraints)].matcher()
        for _ in range(seed % 7):
            if (token := pick(matcher.mask(), rng)) is not None:
                matcher.commit(token)
        matchers.append(matcher)
    out = np.full((len(matchers), len(constraints[0].empty_mask())), 0xFFFFFFFF, np.uint32)
    fill_masks(matchers, out, threads=threads)
    assert (out == np.array([m.mask() for m in matchers])).all()


def test_matchers_die_in_other_threads_than_they_were_born_in() -> None:
    constraint = weft.compile(JSON, new_vocabulary(), limits=weft.Limits(cache_bytes=50_000))
    pool = [constraint.matcher() for _ in range(64)]

    def job(seed: int) -> object:
        rng = random.Random(seed)
        for _ in range(150):
            with lock:
                matcher = pool.pop(rng.randrange(len(pool))) if pool else constraint.matcher()
            token = pick(matcher.mask(), rng)
            if token is not None:
                matcher.commit(token)
            with lock:
                pool.append(matcher if rng.random() < 0.7 else matcher.fork())
            del matcher
        return None

    lock = threading.Lock()
    assert in_threads([lambda s=s: job(s) for s in range(4)]) == [None] * 4
    reference = weft.compile(JSON, new_vocabulary())
    for matcher in pool:
        twin = reference.matcher()
        twin.commit(*matcher.tokens)
        assert (twin.mask() == matcher.mask()).all()


def test_a_constraint_lives_as_long_as_its_matchers() -> None:
    matcher = weft.compile(JSON, new_vocabulary()).matcher()
    twin = matcher.fork()
    del matcher
    twin.commit(TOKENS.index(b"["))
    assert TOKENS.index(b"]") in bits(twin.mask())
