"""Rigid canvases where a yes is looked for with few tokens first, and where counts are read once: by every filling.

Which tokens are tried first depends on how many states the lexer has; a keyword of 220 letters makes any lexer large.
"""

import os
import random
from functools import cache
from typing import Any

import pytest
from readers import Element, Reader, Truth
from reference import bits

import weft
from weft.errors import DeadEnd
from weft.grammar.constraint import Constraint
from weft.grammar.gbnf import from_gbnf
from weft.grammar.grammar import Grammar
from weft.grammar.lark import from_lark
from weft.grammar.regex import from_regex
from weft.grammar.verdict import Status
from weft.infill.canvas import Canvas, Hole
from weft.infill.solver import Solver, SolverLimits

EFFORT = float(os.environ.get("WEFT_TEST_EFFORT", "1"))
LONG = "k" * 220
HALVES = ["k" * 100, "k" * 120]
# whole ones, parts of them (bytes that are no UTF-8 are written as surrogates), and one that strings do not hold
CHARACTERS = ['"', "é", "中é", "中x", "é\udce4", "\udce4\udcb8", "\udcad", '\udcad"', "\udcad\udce4", '""', "x"]

LARK = {  # tokens, grammar
    "names": (
        ["x", "if", "i", "f", "k", "(", ")", ")(", "))", "if(", "x)", ";", " ", "; ", "x "],
        'start: item+\nitem: NAME ";" | "if" "(" NAME? ")" item | "(" item* ")" ";"? | KEY\n'
        'NAME: /[a-jl-z]+/\n%ignore " "',
    ),
    "names without a blank": (
        ["x", "i", "f", "(", "if(", ")(", "))", "x)", ";x", ");", *HALVES],
        'start: item+\nitem: NAME ";" | "if" "(" NAME? ")" item | "(" item* ")" | KEY item\n'
        'NAME: /[a-z]+/\n%ignore " "',
    ),
    "blanks of two letters": (
        ["x", "if", "(", ")", "))", "if(", "  ", "/*", "*/", "x/"],
        'start: item+\nitem: NAME NAME | "if" "(" NAME ")" | "(" item* ")" | KEY\nNAME: /[a-jl-z]+/\n'
        '%ignore "  "\n%ignore /[\\/][*]([^*]|[*]+[^*\\/])*[*]+[\\/]/',
    ),
    "keywords that begin names": (
        ["i", "f", "if", "fi", "e", "ife", ";", " ", "f;", "e i"],
        'start: stmt+\nstmt: "if" NAME ";" | "ife" stmt | "i" "if" ";" | NAME NAME ";" | KEY\n'
        'NAME: /[a-jl-z]+/\n%ignore " "',
    ),
    "numbers": (
        ["1", "5", "e", "1e", "e5", "(", ")", ")(", "1)", "(1e", *HALVES],
        'start: item+\nitem: INT | FLOAT | "e" | "(" item* ")" | KEY\nINT: /[15]+/\nFLOAT: /[15]+e[15]+/',
    ),
    "numbers apart": (
        ["1", "5", "e", "1e", "e5", "(", ")", ")(", "1)", " ", " e"],
        'start: item+\nitem: INT "e" | FLOAT | "(" item* ")" | KEY\nINT: /[15]+/\nFLOAT: /[15]+e[15]+/\n%ignore " "',
    ),
    "owed across blanks": (
        ["1", "5", "e", "5;", " ", "!", "1e", ";", "e "],
        'start: item+\nitem: INT "e" INT ";" | FLOAT "!" | KEY\nINT: /[15]/\nFLOAT: /1e *5/\n%ignore " "',
    ),
    "owed by one caller": (
        ["1", "e", "<", ">", "(", ")", "]", "e1", "1(", "1e"],
        'start: "<" b ">" | INT b "]" | FLOAT | KEY\nb: "e" INT | "(" b ")"\nINT: /1+/\nFLOAT: /1+e1+/',
    ),
    "signs": (
        ["x", "+", "++", "+=", "=", "x+", "(", ")", "))", "=(", "+++", " "],
        'start: sum ("=" sum | "+=" sum)?\nsum: item ("+" item)*\n'
        'item: "++"? base "++"? | KEY\nbase: "x" | "(" sum ")"\n%ignore " "',
    ),
    "signs without a blank": (
        ["x", "++", "+=", "x+", "(", ")", "))", "=(", "+++", "+("],
        'start: sum ("=" sum | "+=" sum)?\nsum: item ("+" item)*\n'
        'item: "++"? base "++"? | KEY\nbase: "x" | "(" sum ")"',
    ),
    "comments and strings": (
        ["x", '"', "#", "\n", '"x', '" ', ";", '";', "#;", " "],
        'start: item+\nitem: STRING ";" | "x" ";" | KEY\nSTRING: /"[^"\\n]*"/\n%ignore /#[^\\n]*/\n%ignore /[ \\n]/',
    ),
    "letters of two bytes": (
        ["é", "ö", "\udca9", "x", "<", ">", "x>", "<é", ";"],
        'start: item+\nitem: NAME ";" | "<" NAME ">" | KEY\nNAME: /[a-jl-zéö]+/',
    ),
    "strings of characters": (
        [*CHARACTERS, "#"],
        'start: ("#"? STRING | KEY)+\nSTRING: /"[^"x]*"/\n%ignore /#[^#"]*#/',
    ),
    "ignored or read": (["a", "b", "ab", "ba", "bb", *HALVES], "start: (A | B A | KEY)+\nA: /a+/\nB: /b+/\n%ignore B"),
    "special tokens": (
        ["x", "1", "e", "1e", "(", ")", "x)", " ", "e<"],
        'start: item+\nitem: <|a|> NAME | INT <|a|> | FLOAT | "(" item* ")" <|b|> | KEY\n'
        'NAME: /[a-jl-z]+/\nINT: /1+/\nFLOAT: /1+e1+/\n%ignore " "',
    ),
}
GBNF = {
    "brackets": (
        ["x", "(", ")", "[", "]", ")(", "))", "x)", "]]", "[("],
        'root ::= item+\nitem ::= "(" item* ")" | "[" item* "]" | "x"',
    ),
    "brackets without bytes": (
        ["x", "((", ")(", "))", "x)", "[", "][", "]]"],
        'root ::= item+\nitem ::= "(" item* ")" | "[" item* "]" | "x"',
    ),
    "words": (
        ["a", "n", "d", "an", "nd", " ", "or", "(", ")", "))", "not", "t("],
        'root ::= any\nany ::= all (" or " all)*\nall ::= one (" and " one)*\none ::= "not"? ("a" | "(" any ")")',
    ),
    "two callees": (
        ["((a", "(b", "((b", "(a", ")", "))", ")))", "[", "]", "])", "a", "b"],
        'root ::= "(" (p | q | root) ")"\np ::= ("a" | "[" p "]")+\nq ::= "b" | "[" q "]"',
    ),
    "an end": (
        ["[", "]", "x", "]]", "[x", "x]", "[]", ","],
        'root ::= "[" item? "]"\nitem ::= (root | "x") ("," item)?',
    ),
    "strings of characters": (CHARACTERS, 'root ::= ("\\"" [^"x]* "\\"")+'),
    "characters that may end": (CHARACTERS, 'root ::= [^"x]+ ("\\"" | "中" root "中")'),
    "special tokens": (["x", "(", ")", "))", "x)"], 'root ::= item+\nitem ::= "(" item* ")" | "x" <|a|> | <|b|>'),
}

LONGEST = {"lexed blanks of two letters": 5, "lexed comments and strings": 5}  # what was begun has many texts


def encoded(pieces: list[str]) -> list[bytes]:
    return [piece.encode("utf-8", "surrogateescape") for piece in pieces]


class Case:
    def __init__(self, name: str):
        lexed = name.startswith("lexed ")
        pieces, text = LARK[name[6:]] if lexed else GBNF[name]
        tokens = encoded(pieces)
        if lexed:
            text = text.replace("KEY", f'"{LONG}"')
        self.grammar: Grammar = from_lark(text) if lexed else from_gbnf(text)
        self.end = len(tokens)
        self.tokens: list[bytes | None] = [*tokens, None, None, None]
        specials = {"<|a|>": self.end + 1, "<|b|>": self.end + 2} if "special" in name else None
        self.vocabulary = weft.Vocabulary(self.tokens, [self.end], specials=specials)
        self.constraint: Constraint = weft.compile(self.grammar, self.vocabulary)
        self.truth = Truth(Reader(self.grammar), self.tokens, self.end, specials)


case_of = cache(Case)
NAMES = [*(f"lexed {name}" for name in LARK), *GBNF]


def solver_of(constraint: Constraint, elements: list[Element], limits: SolverLimits | None = None) -> Solver:
    canvas = Canvas(*([e] if isinstance(e, int) else Hole(1) if e is None else e for e in elements))
    return constraint.solver(canvas, limits=limits)


def open_canvas(rng: random.Random, case: Case, length: int) -> list[Element]:
    """A sentence with end tokens behind it, most of its tokens taken out again; or any tokens among slots."""
    size = length - rng.choice([0, 0, 1, 3])
    ids: list[Any] = case.truth.sentence(rng, size) or [rng.randrange(len(case.tokens)) for _ in range(size)]
    ids += [case.end] * (length - size)
    share = rng.choice([0.95, 0.7, 0.4])
    out: list[Element] = [None if rng.random() < share else token for token in ids]
    if rng.random() < 0.5:  # perhaps nothing fits any more
        out[rng.randrange(length)] = rng.randrange(len(case.tokens))
    if rng.random() < 0.3 and isinstance(token := out[at := rng.randrange(length)], int):
        out[at] = case.tokens[token] or token
    return out


def agree(solver: Solver, truth: Truth, elements: list[Element], positions: list[int] | None = None) -> bool:
    """Verdict and masks; elements are positions, but for text."""
    expected = truth.is_open(elements)
    is_whole = None not in elements
    wanted = Status.DEAD if not expected else Status.COMPLETE if is_whole else Status.OPEN
    assert solver.verdict.status is wanted, elements
    places = [at for at, element in enumerate(elements) if not isinstance(element, bytes)]
    for position in range(len(places)) if positions is None else positions:
        assert bits(solver.mask(position)) == truth.mask(elements, places[position]), (elements, position)
    assert solver.unknown == 0
    return expected


@pytest.mark.parametrize("name", NAMES)
def test_every_mask_of_a_canvas_is_what_all_fillings_say(name: str) -> None:
    case = case_of(name)
    rng = random.Random(name)
    seen = {True: 0, False: 0}
    for _ in range(int(18 * EFFORT)):
        elements = open_canvas(rng, case, rng.randint(2, LONGEST.get(name, 9)))
        solver = solver_of(case.constraint, elements)
        seen[agree(solver, case.truth, elements)] += 1
        places = [at for at, element in enumerate(elements) if not isinstance(element, bytes)]
        slots = [position for position, at in enumerate(places) if elements[at] is None]
        if not slots or solver.verdict.status is Status.DEAD:
            continue
        assert solver.min_slots_to_close() == case.truth.fewest(elements)
        for _ in range(3):
            proposals = []
            for position in rng.sample(slots, len(slots)):
                tokens = sorted(bits(solver.mask(position)))
                proposals.append(
                    (position, rng.choice(tokens) if rng.random() < 0.9 else rng.randrange(len(case.tokens)))
                )
            expected = case.truth.admitted(elements, [(places[position], token) for position, token in proposals])
            assert solver.admit(proposals) == proposals[: len(expected)], (elements, proposals)
    assert min(seen.values()) > 2 or EFFORT < 1, seen


# Masks from below and from above, where the exact way is not allowed to take long


@pytest.mark.parametrize("name", NAMES)
def test_a_mask_between_two_bounds_is_the_exact_one_or_unknown(name: str) -> None:
    case = case_of(name)
    rng = random.Random(f"bounds {name}")
    limits = SolverLimits(max_states=300)  # a fiftieth of which may be spent on the exact way
    decided = 0
    for _ in range(int(12 * EFFORT)):
        elements = open_canvas(rng, case, rng.randint(4, LONGEST.get(name, 9)))
        exact = solver_of(case.constraint, elements)
        brief = solver_of(case.constraint, elements, limits)
        for position, token_id in enumerate(exact.ids):
            before = brief.unknown
            if token_id is None and exact.verdict.status is brief.verdict.status:
                mask = brief.mask(position)
                assert brief.unknown > before or bits(mask) == bits(exact.mask(position)), (elements, position)
                decided += brief.unknown == before
    assert decided > 5


# Counted repeats: words are read once, far from the bounds

COUNTED = {
    "up to 40": "[a-c]{0,40}",
    "30 to 60 pieces": "(ab|c){30,60}",
    "at least 30": "(a|bc){30,}",
    "exactly 40": "[ab]{40}c",
    "near bounds": "(a|bb){15,19}",
    "one more than a word": "[a-c]{17,34}",
    "two counts": "a{0,25}(b|ca){20,25}",
    "count within a count": "(a[bc]{2,3}){18,21}",
    "characters": "[a-b\xe9]{18,37}",
}
PIECES = ["a", "b", "c", "ab", "ca", "abc", "bb", "é", "é"]
WORDS = {
    "short": [piece.encode() for piece in PIECES],
    "long": [*(piece.encode() for piece in PIECES), b"c" * 20, b"ab" * 11, b"a" * 18],
    "some bytes": [b"ab", b"c", b"bc", b"\xc3", b"\xa9a", b"b" * 17, b"aa"],
}


@cache
def counted(pattern: str, words: str) -> tuple[Constraint, Truth, list[bytes | None]]:
    tokens = [*WORDS[words], None]
    grammar = from_regex(COUNTED[pattern])
    constraint = weft.compile(grammar, weft.Vocabulary(tokens, [len(tokens) - 1]))
    return constraint, Truth(Reader(grammar), tokens, len(tokens) - 1), tokens


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("pattern", COUNTED)
def test_counts_of_a_canvas_are_those_of_all_fillings(pattern: str, words: str) -> None:
    constraint, truth, tokens = counted(pattern, words)
    end = len(tokens) - 1
    rng = random.Random(f"{pattern} {words}")
    seen = {True: 0, False: 0}
    for count in range(int(8 * EFFORT)):
        size = rng.choice([1, 3, 12, 25, 40])
        ids = truth.sentence(rng, size) or truth.sentence(rng, 45) or [0]
        ids = ids[: ids.index(end)] if end in ids else ids
        if count % 4 == 1:  # shorter or longer than it was
            ids = ids[rng.randint(1, 9) :] if rng.random() < 0.5 else ids + ids[-9:]
        share = rng.choice([0.9, 0.5, 0.1])
        elements: list[Element] = [None if rng.random() < share else token for token in ids]
        if count % 3 == 2:
            elements.insert(rng.randint(0, len(elements)), rng.choice([b"c", b"bb", b"ab" * 3, b"a"]))
        elements += [None] * rng.choice([0, 0, 1, 5]) + [end] * rng.choice([0, 0, 1])
        places = [at for at, element in enumerate(elements) if not isinstance(element, bytes)]
        positions = rng.sample(range(len(places)), min(4, len(places)))
        seen[agree(solver_of(constraint, elements), truth, elements, positions)] += 1
    assert seen[True]


@pytest.mark.parametrize("gbnf", [False, True], ids=["schema", "gbnf"])
@pytest.mark.parametrize(("low", "high"), [(0, 40), (20, 60), (33, 34), (100, 300), (7, None)])
def test_slots_of_a_counted_string_are_so_many_characters(low: int, high: int | None, gbnf: bool) -> None:
    """Slots of 1 to 20 characters: sums are all that counts."""
    schema = {"type": "string", "minLength": low, **({} if high is None else {"maxLength": high})}
    counts = f"{{{low},{'' if high is None else high}}}"
    grammar = from_gbnf(f'root ::= "\\"" [a-z]{counts} "\\""') if gbnf else weft.from_json_schema(schema)
    tokens = [b"x", b"yz", b"abcde", b"l" * 20, b'"', b'x"', b'"x', None]
    end = len(tokens) - 1
    sizes = [1, 2, 5, 20]
    constraint = weft.compile(grammar, weft.Vocabulary(tokens, [end]))
    top = 10**6 if high is None else high

    def fits(fixed: int, slots: int) -> bool:
        """Some tokens of letters make as many as are missing: with one letter a slot at least, all from `slots` on."""
        sums = {0}
        for _ in range(slots):
            sums = {a + b for a in sums for b in sizes}
        return any(low <= fixed + total <= top for total in sums)

    for fixed in sorted(
        {0, 1, 15, 16, 17, 18, low - 21, low - 17, low - 1, low, top - 21, top - 17, top - 2, top, top + 1}
    ):
        if not 0 <= fixed <= 400:
            continue
        for slots in (1, 2, 4):
            for left in {0, fixed // 2, fixed}:
                solver = constraint.solver(Canvas('"' + "q" * left, Hole(slots), "q" * (fixed - left) + '"'))
                expected = {token for token, size in enumerate(sizes) if fits(fixed + size, slots - 1)}
                assert solver.verdict.status is (Status.OPEN if expected else Status.DEAD), (fixed, slots, left)
                assert all(bits(solver.mask(position)) == expected for position in {0, slots - 1}), (fixed, slots, left)
        solver = constraint.solver(Canvas('"' + "q" * fixed, Hole(3)))  # an open tail: the string ends in it
        # with one more token of letters or none, and the last letter perhaps in front of the quote
        expected = {
            token for token, size in enumerate(sizes) if any(fits(fixed + size + k, n) for k in (0, 1) for n in (0, 1))
        }
        expected |= {4 + k for k in (0, 1) if low <= fixed + k <= top}
        assert bits(solver.mask(0)) == expected, fixed


# Long rows of slots

BRACKETS = {
    "scannerless": from_gbnf('root ::= item+\nitem ::= "(" item* ")" | "[" item* "]" | "x"'),
    "lexed": from_lark('start: item+\nitem: "(" item* ")" | "[" item* "]" | "x"'),
    "lexed, many states": from_lark(f'start: item+\nitem: "(" item* ")" | "[" item* "]" | "x" | "{LONG}"'),
    "lexed, many states and blanks": from_lark(
        f'start: item+\nitem: "(" item* ")" | "[" item* "]" | NAME | "{LONG}"\nNAME: /[a-jl-z]+/\n%ignore " "'
    ),
}
SIGNS = [b"(", b")", b"[", b"]", b"x"]


def vocabulary_of(longer: list[bytes], bytes_too: bool) -> weft.Vocabulary:
    more = [bytes([b]) for b in range(256) if bytes([b]) not in SIGNS] if bytes_too else []
    tokens = [*SIGNS, *longer, None, *more]
    return weft.Vocabulary(tokens, [len(SIGNS) + len(longer)])


@pytest.mark.parametrize("bytes_too", [False, True], ids=["few bytes", "all bytes"])
@pytest.mark.parametrize("name", BRACKETS)
def test_long_tails_have_room_for_what_is_open(name: str, bytes_too: bool) -> None:
    """Each token closes one bracket at most, so depth and slots are all that counts."""
    constraint = weft.compile(BRACKETS[name], vocabulary_of([], bytes_too))
    end = len(SIGNS)

    def of_signs(solver: Solver, position: int) -> set[int]:
        return {token for token in bits(solver.mask(position)) if token <= end}

    for slots, depth in [*((200, depth) for depth in (1, 198, 199, 200, 201)), (2000, 7)]:
        if slots == 200 or name != "lexed, many states" or not bytes_too:  # without a blank nothing bounds what is left
            opened = ("([" * depth)[:depth]
            close = SIGNS.index(b")" if opened[-1] == "(" else b"]")
            solver = constraint.solver(Canvas(opened, Hole(slots)))
            if depth > slots:
                assert solver.verdict.status is Status.DEAD
                continue
            assert solver.verdict.status is Status.OPEN, (slots, depth)
            first = {close} | ({4} if depth < slots else set()) | ({0, 2} if depth + 2 <= slots else set())
            assert of_signs(solver, 0) == first, (slots, depth)
            if slots == 2000 and bytes_too and "many" in name:
                continue  # a keyword may have begun in any slot: too many readings
            last = {1} if depth == slots else {1, 3, 4, end} if slots - depth > 1 else {1, 4, end}
            assert of_signs(solver, slots - 1) == last, (slots, depth)
            assert solver.unknown == 0
            if end in last:
                fork = solver.fork()
                fork.commit({slots - 1: end})
                assert of_signs(fork, 0) == (
                    first if depth + 3 <= slots else first - {0, 2} - ({4} if depth + 1 == slots else set())
                )


def forced_by_masks(solver: Solver) -> dict[int, int]:
    """What must stand in slots, told by whole masks, one after the other."""
    fork, forced = solver.fork(), {}
    before = -1
    while before < len(forced):
        before = len(forced)
        for position in (p for p, token in enumerate(fork.ids) if token is None):
            if len(mask := bits(fork.mask(position))) == 1:
                forced[position] = mask.pop()
        fork.commit({position: token for position, token in forced.items() if fork.ids[position] is None})
    return forced


@pytest.mark.parametrize("bytes_too", [False, True], ids=["few bytes", "all bytes"])
@pytest.mark.parametrize("name", sorted(LARK.keys() - {"special tokens"}))
def test_masks_of_late_slots_are_what_can_be_committed(name: str, bytes_too: bool) -> None:
    """Far behind the beginning of a tail the sentence may have ended long ago."""
    pieces, grammar = LARK[name]
    texts = encoded(pieces)
    more = [bytes([b]) for b in range(256) if bytes([b]) not in texts] if bytes_too else []
    tokens = [*texts, None, *more]
    constraint = weft.compile(from_lark(grammar.replace("KEY", f'"{LONG}"')), weft.Vocabulary(tokens, [len(texts)]))
    for slots in (17, 26):
        solver = constraint.solver(Canvas(Hole(slots)))
        for position in (10, 13, slots - 3, slots - 2, slots - 1):
            mask = bits(solver.mask(position))
            for token in range(len(texts) + 1):
                assert bool(solver.admit([(position, token)])) == (token in mask), (slots, position, tokens[token])
        if not bytes_too:
            assert solver.forced() == forced_by_masks(solver)
        assert solver.unknown == 0


@pytest.mark.parametrize(
    ("grammar", "free"),
    [
        (from_regex("a{1,14}b?"), 15),
        (from_regex("a{3}b?"), 4),
        (from_regex("a+|b"), 20),
        (from_gbnf('root ::= "(" root ")" | "a"'), 19),  # it has an odd length
        (from_gbnf('root ::= ("(" root ")" | "a") "b"?'), 20),
        (from_lark("start: NAME\nNAME: /a{1,14}/\n"), 14),
        (from_lark('start: NAME\nNAME: /a{1,14}/\n%ignore " "'), 20),
        (from_lark('start: NAME " "~0..15\nNAME: "a"\n'), 16),
        (from_lark('start: NAME\nNAME: "a"\n%ignore /b{2}/'), 19),
    ],
)
def test_end_tokens_are_forced_where_the_text_cannot_go_on(grammar: Grammar, free: int) -> None:
    tokens = [b"a", b"b", b" ", b"(", b")", None]
    solver = weft.compile(grammar, weft.Vocabulary(tokens, [5])).solver(Canvas(Hole(20)))
    forced = solver.forced()
    assert forced == forced_by_masks(solver)
    assert [position for position, token in forced.items() if token == 5] == list(range(20))[free:]


@pytest.mark.parametrize("bytes_too", [False, True], ids=["few bytes", "all bytes"])
@pytest.mark.parametrize("name", ["scannerless", "lexed, many states and blanks"])
def test_long_tails_where_a_token_closes_two(name: str, bytes_too: bool) -> None:
    constraint = weft.compile(BRACKETS[name], vocabulary_of([b"))", b"]]", b")]", b"x)"], bytes_too))
    end = len(SIGNS) + 4
    for depth in (1, 140):
        solver = constraint.solver(Canvas("(" * depth, Hole(100)))
        assert solver.verdict.status is Status.OPEN
        first = {0, 1, 2, 4, 8} | ({5} if depth > 1 else set())
        assert {token for token in bits(solver.mask(0)) if token <= end} == first, depth
        last = {1, 3, 4, 5, 6, 7, 8, end}  # `)]` closes what was opened in the slots
        assert {token for token in bits(solver.mask(99)) if token <= end} == last, depth
    assert constraint.solver(Canvas("(" * 201, Hole(100))).verdict.status is Status.DEAD
    assert bits(constraint.solver(Canvas("(" * 200, Hole(100))).mask(77)) == {5}
    solver = constraint.solver(Canvas("(" * 199, Hole(100)))
    assert bits(solver.mask(0)) == bits(solver.mask(99)) == {1, 5, 8}


@pytest.mark.parametrize("name", BRACKETS)
def test_long_rows_of_slots_in_the_middle(name: str) -> None:
    """No end token helps here: what is opened is closed by so many slots."""
    constraint = weft.compile(BRACKETS[name], vocabulary_of([], False))
    for slots in (60, 150):
        for opened, closed in (
            (1, 1),
            (40, 1),
            (slots // 2, slots // 2),
            (slots + 3, 3),
            (slots + 4, 3),
            (3, slots + 3),
            (3, slots + 4),
        ):
            solver = constraint.solver(Canvas("(" * opened, Hole(slots), ")" * closed))
            missing = opened - closed  # brackets to close, or to open, in the slots
            if abs(missing) > slots:
                assert solver.verdict.status is Status.DEAD, (slots, opened, closed)
                continue
            assert solver.verdict.status is Status.OPEN, (slots, opened, closed)
            spare = slots - abs(missing)
            if spare == 0:
                assert bits(solver.mask(0)) == bits(solver.mask(slots - 1)) == {1 if missing > 0 else 0}
                continue
            assert spare > 2
            assert bits(solver.mask(0)) == {0, 1, 2, 4}, (slots, opened, closed)
            assert bits(solver.mask(slots - 1)) == {0, 1, 3, 4} - (set() if missing < slots else {0}), (
                slots,
                opened,
                closed,
            )


# Orders after orders

FOLLOWED = [
    "lexed names",
    "lexed numbers",
    "lexed signs",
    "lexed special tokens",
    "lexed owed by one caller",
    "brackets",
    "words",
]


def follow(solver: Solver, constraint: Constraint, truth: Truth, rng: random.Random, orders: int) -> None:
    """Random orders; what the solver says is what one says that begins with the same tokens, and what is true."""
    others = [solver]
    for _ in range(orders):
        solver = rng.choice(others)
        ids: list[Element] = list(solver.ids)
        kind = rng.randrange(6)
        slots = [at for at, token in enumerate(ids) if token is None]
        if kind == 0 and len(others) < 4:
            others.append(solver.fork())
            continue
        if kind == 1 and len(slots) < len(ids):
            again = [at for at, token in enumerate(ids) if token is not None]
            solver.remask(rng.sample(again, rng.randint(1, len(again))))
        elif kind == 2:
            try:
                solver.rollback(rng.randint(1, 2))
            except ValueError:
                continue
        elif slots:
            at = rng.choice(slots)
            tokens = sorted(truth.mask(ids, at))
            wrong = [token for token in range(len(truth.tokens)) if token not in tokens]
            if rng.random() < 0.3 and wrong:
                with pytest.raises(DeadEnd):
                    solver.commit({at: rng.choice(wrong)})
            else:
                solver.commit({at: rng.choice(tokens)})
        ids = list(solver.ids)
        fresh = solver_of(constraint, ids)
        some = rng.sample(range(len(ids)), min(3, len(ids)))
        assert agree(solver, truth, ids, some)
        assert agree(fresh, truth, ids, some)
        proposals = [(at, rng.choice(sorted(truth.mask(ids, at)))) for at in rng.sample(range(len(ids)), len(ids))]
        assert solver.admit(proposals) == truth.admitted(ids, proposals) == fresh.admit(proposals)


@pytest.mark.parametrize("name", FOLLOWED)
def test_solvers_that_follow_one_another_say_what_fresh_ones_say(name: str) -> None:
    case = case_of(name)
    rng = random.Random(name)
    for _ in range(int(3 * EFFORT)):
        size = rng.randint(4, 9)
        if case.truth.is_open([None] * size):
            follow(solver_of(case.constraint, [None] * size), case.constraint, case.truth, rng, 20)


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("pattern", ["30 to 60 pieces", "two counts"])
def test_solvers_of_counts_that_follow_one_another_say_what_fresh_ones_say(pattern: str, words: str) -> None:
    constraint, truth, _ = counted(pattern, words)
    rng = random.Random(f"{pattern} {words}")
    follow(solver_of(constraint, [None] * 42), constraint, truth, rng, int(6 * EFFORT))


def test_a_token_that_two_places_allow_is_one_token() -> None:
    grammar = from_gbnf('root ::= t t root | "a" | [ab]\nt ::= "a"+')
    solver = weft.compile(grammar, weft.Vocabulary([b"a", None], [1])).solver(Canvas(Hole(3)))
    assert [bits(solver.mask(position)) for position in range(3)] == [{0}, {0, 1}, {0, 1}]
    assert solver.forced() == {0: 0}
