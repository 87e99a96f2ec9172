"""Verdicts and shortest witnesses of canvases with elastic holes, against all short texts, where lexemes touch."""

import itertools
import random
import re
from functools import cache

import pytest

import weft
from weft.infill.canvas import HOLE, Canvas
from weft.infill.check import check
from weft.infill.solver import SolverLimits

LONGEST = 6  # texts up to this length are listed

GRAMMARS = {  # alphabet, grammar
    "names": ("a1 +", 'start: item+\nitem: NAME | NUMBER | NAME "+" item\nNAME: /a[a1]*/\nNUMBER: /1+/\n%ignore " "'),
    "operators": ("a+= ", 'start: NAME (OP NAME)*\nNAME: "a"\nOP: "+" | "++" | "=" | "+="\n%ignore " "'),
    "keywords": ("if ;", 'start: (NAME | "if") ";" start?\nNAME: /[if]+/\n%ignore " "'),
    "comments": ('a"\n#', 'start: ("a" | STRING)+\nSTRING: /"[^"\\n]*"/\n%ignore /#[^\\n]*/\n%ignore "\\n"'),
    "brackets": ("a() ", 'start: call\ncall: "a" ("(" call* ")")?\n%ignore " "'),
    "no blanks": ("ab", "start: A B? | B A start\nA: /a+/\nB: /b|ab/"),
    "run into one another": ("ab", "start: (A | B)+\nA: /aa/\nB: /ba*b/"),
    "scannerless": ("a1 +", 'start: item+\nitem: NAME | NUMBER | NAME "+" item\nNAME: /a[a1]*/\nNUMBER: /1+/'),
}


def grammar(name: str) -> weft.Grammar:
    return weft.from_lark(GRAMMARS[name][1], scannerless=name == "scannerless")


@cache
def sentences(name: str) -> tuple[str, ...]:
    letters = GRAMMARS[name][0]
    vocabulary = weft.Vocabulary([letter.encode() for letter in letters] + [None], [len(letters)])
    constraint = weft.compile(grammar(name), vocabulary)
    out = []
    for length in range(LONGEST + 1):
        for text in itertools.product(range(len(letters)), repeat=length):
            matcher = constraint.matcher()
            if matcher.count_legal(list(text)) == length:
                matcher.commit(*text)
                if matcher.is_complete:
                    out.append("".join(letters[i] for i in text))
    return tuple(out)


def canvases(name: str, seed: int, count: int) -> list[Canvas]:
    rng = random.Random(seed)
    out = []
    for _ in range(count):
        parts = [HOLE if rng.random() < 0.45 else "".join(rng.choices(GRAMMARS[name][0], k=rng.randint(1, 3)))]
        for _ in range(rng.randint(0, 3)):
            parts.append(
                HOLE if isinstance(parts[-1], str) else "".join(rng.choices(GRAMMARS[name][0], k=rng.randint(1, 3)))
            )
        out.append(Canvas(*parts))
    return out


@pytest.mark.parametrize("name", GRAMMARS)
def test_the_witness_is_a_shortest_sentence(name: str) -> None:
    grammar_, texts = grammar(name), sentences(name)
    for canvas in canvases(name, 1, 60):
        pattern = re.compile("".join(".*" if p == HOLE else re.escape(p.decode()) for p in canvas.parts), re.DOTALL)
        fitting = [text for text in texts if pattern.fullmatch(text)]
        verdict = check(grammar_, canvas)
        if verdict.witness is None:
            assert not fitting, canvas
            continue
        assert pattern.fullmatch(verdict.witness), (canvas, verdict.witness)
        assert check(grammar_, verdict.witness).status is weft.Status.COMPLETE, (canvas, verdict.witness)
        if fitting or len(verdict.witness) <= LONGEST:
            assert len(verdict.witness) == min(map(len, fitting)), (canvas, verdict.witness)


@pytest.mark.parametrize("name", GRAMMARS)
def test_solver_and_check_agree_on_verdicts_and_masks(name: str) -> None:
    grammar_ = grammar(name)
    letters = GRAMMARS[name][0]
    constraint = weft.compile(grammar_, weft.Vocabulary([x.encode() for x in letters] + [None], [len(letters)]))
    seen = set()
    for canvas in canvases(name, 2, 60):
        if HOLE not in canvas.parts:
            continue
        solver = constraint.solver(canvas)
        assert solver.verdict.status is check(grammar_, canvas).status, canvas
        seen.add(solver.verdict.status)
        if solver.verdict.status is weft.Status.OPEN:
            words = solver.mask(0)
            for token_id in range(len(letters)):
                at = canvas.parts.index(HOLE)
                longer = Canvas(*canvas.parts[:at], letters[token_id], *canvas.parts[at:])
                allowed = bool(int(words[0]) >> token_id & 1)
                assert allowed == (check(grammar_, longer).status is weft.Status.OPEN), longer
    assert len(seen) == 2


@pytest.mark.parametrize("scannerless", [True, False])
def test_holes_where_a_box_has_many_states(scannerless: bool) -> None:
    # what a hole leaves open of it is found once, and what comes later in it is not looked at again
    names = [f"p{i}" for i in range(40)]
    items = " ".join(f'("{name}" ":" (N | "(" start ")") ","{"" if i % 3 else "?"})?' for i, name in enumerate(names))
    source = f'start: {items} "end"\nN: /[0-9]+/'
    grammar_ = weft.from_lark(source if scannerless else source + '\n%ignore " "', scannerless=scannerless)
    constraint = weft.compile(grammar_, weft.Vocabulary([bytes([b]) for b in range(256)] + [None], [256]))
    rng, seen = random.Random(5), set()
    for _ in range(60):
        chosen = [name for name in names if rng.random() < 0.7]
        text = "".join(f"{name}:{rng.choice(['1', '22', '(p3:4,end)'])}," for name in chosen) + "end"
        cuts = sorted(rng.sample(range(len(text) + 1), 2 * rng.randint(1, 3)))
        parts = [text[a:b] for a, b in zip([0, *cuts[1::2]], [*cuts[::2], len(text)], strict=True)]
        if rng.random() < 0.5:  # most of these cannot be mended
            parts[-1] = parts[-1][rng.randint(0, 9) :].replace(rng.choice(chosen), rng.choice(chosen))
        canvas = Canvas(
            *itertools.islice(itertools.chain.from_iterable((part, HOLE) for part in parts), 2 * len(parts) - 1)
        )
        status = constraint.solver(canvas).verdict.status
        assert status is check(grammar_, canvas).status, canvas
        seen.add(status)
    assert len(seen) == 2


def expression(rng: random.Random, depth: int) -> str:
    if depth == 0:
        return rng.choice(["a", "b", "ab", "bba", "[ab]"])
    left, right = expression(rng, depth - 1), expression(rng, depth - 1)
    return rng.choice([f"{left}{right}", f"({left}|{right})", f"({left}){rng.choice('*+?')}{right}"])


@pytest.mark.parametrize("seed", range(30))
def test_holes_inside_of_terminals(seed: int) -> None:
    # texts between holes that a terminal may read from several of its states
    rng = random.Random(seed)
    one, other = expression(rng, 3), expression(rng, 2)
    grammar_ = weft.from_lark(f'start: ONE (OTHER | "baa")*\nONE: /{one}/\nOTHER: /{other}/', scannerless=True)
    constraint = weft.compile(grammar_, weft.Vocabulary([b"a", b"b", None], [2]))
    language = re.compile(f"({one})({other}|baa)*")
    texts = ("".join(letters) for length in range(10) for letters in itertools.product("ab", repeat=length))
    sentences_ = [text for text in texts if language.fullmatch(text)]
    for _ in range(40):
        fragments = ["".join(rng.choices("ab", k=rng.randint(0, 4))) for _ in range(rng.randint(2, 4))]
        canvas = Canvas(*itertools.chain(*((fragment, HOLE) for fragment in fragments[:-1])), fragments[-1])
        status, fits = constraint.solver(canvas).verdict.status, re.compile(".*".join(fragments))
        if any(map(fits.fullmatch, sentences_)):
            assert status is weft.Status.OPEN, canvas
        elif status is not weft.Status.DEAD:  # a longer one
            witness = check(grammar_, canvas).witness or ""
            assert fits.fullmatch(witness) and language.fullmatch(witness), canvas


@pytest.mark.parametrize("longest", [5, 20, 22, 24, 60])
def test_holes_in_a_counted_terminal(longest: int) -> None:
    schema = weft.from_json_schema({"type": "string", "maxLength": longest})
    constraint = weft.compile(schema, weft.Vocabulary([bytes([b]) for b in range(256)] + [None], [256]))
    for canvas, status in (
        (Canvas('"', HOLE, "yz", HOLE, '"'), weft.Status.OPEN),
        (Canvas('"' + "a" * (longest - 2), HOLE, "x", HOLE, 'z"'), weft.Status.OPEN),
        (Canvas('"' + "a" * (longest - 1), HOLE, "x", HOLE, 'z"'), weft.Status.DEAD),
        (Canvas('"', HOLE, "x" * longest, HOLE, '\\n"'), weft.Status.DEAD),
    ):
        assert constraint.solver(canvas).verdict.status is status, canvas


@pytest.mark.parametrize("limit", [100, 100_000])
def test_a_hostile_canvas_is_undecided_not_dead(limit: int) -> None:
    constraint = weft.compile(grammar("brackets"), weft.Vocabulary([b"a", b"(", b")", b" ", None], [4]))
    canvas = Canvas(*itertools.chain.from_iterable(("a(", HOLE) for _ in range(200)))
    solver = constraint.solver(canvas, limits=SolverLimits(max_items=limit))
    assert solver.verdict.status in (weft.Status.UNKNOWN, weft.Status.OPEN)
    assert (solver.verdict.status is weft.Status.UNKNOWN) == (limit == 100)
