"""Longest match, token by token: every bit of a mask against the definition, tried out on all short texts."""

import itertools
import random

import oracles
import pytest

from weft.errors import BudgetExceeded, DeadEnd
from weft.grammar.constraint import Constraint, Limits, compile
from weft.grammar.grammar import Alt, Grammar, Literal, Pattern, Ref, Repeat, Seq, Special, Terminal
from weft.grammar.lark import from_lark
from weft.grammar.recognizer import Recognizer
from weft.grammar.vocabulary import Vocabulary
from weft.infill.check import check


def constraint(lark: str, tokens: str, **limits) -> Constraint:
    """A grammar over a vocabulary of words that are separated by `|`; the end token comes last."""
    words = [word.encode() for word in tokens.split("|")]
    return compile(from_lark(lark), Vocabulary([*words, None], eos=[len(words)]), limits=Limits(**limits))


def allowed(matcher) -> list[str]:
    """The tokens of a mask as text, the end token as `$`."""
    words, mask = matcher.constraint.vocabulary.tokens, matcher.mask()
    return ["$" if word is None else word.decode() for i, word in enumerate(words) if mask[i >> 5] >> (i & 31) & 1]


def after(c: Constraint, text: str) -> list[str]:
    matcher = c.matcher()
    for letter in text:
        matcher.commit(c.vocabulary.tokens.index(letter.encode()))
    return allowed(matcher)


def test_a_lexeme_that_grows_leaves_nothing_for_its_neighbour():
    c = constraint('start: A B\nA: /a+/\nB: "a"', "a|aa")
    assert allowed(c.matcher()) == []
    assert not c.matcher().is_complete


def test_ignored_text_parts_what_would_grow_together():
    c = constraint('start: A B\nA: /a+/\nB: /a/\n%ignore " "', "a|aa| |a a| a")
    assert allowed(c.matcher()) == ["a", "aa", " ", "a a", " a"]
    assert after(c, "a") == ["a", "aa", " ", "a a", " a"]
    assert after(c, "a a") == [" ", "$"]


def test_a_longer_terminal_forbids_the_cut():
    c = constraint('start: "1" "e" "5" | "1" "e" "6"\nNUMBER: /1e5/\nx: NUMBER', "1|e|5|6|1e|e5|1e5|1e6|e6")
    assert after(c, "1") == ["e", "e5", "e6"]  # x is not used, so 1e5 is no lexeme here
    c = constraint('start: "1" "e" ("5" | "6") | NUMBER "!"\nNUMBER: /1e5/', "1|e|5|6|!|1e|e5|1e5|1e6|e6")
    assert after(c, "1e") == ["5", "6"]
    assert after(c, "1e5") == ["!"]
    assert after(c, "1e6") == ["$"]


def test_a_number_runs_into_a_name():
    c = constraint("start: (NUMBER | NAME)+\nNUMBER: /[0-9]+(e[0-9]+)?/\nNAME: /[a-z]+/", "1|e|x|1e|1ex|e1|1e1e|xe1")
    assert after(c, "1") == ["1", "e", "x", "1e", "1ex", "e1", "1e1e", "xe1", "$"]
    c = constraint("start: NUMBER NAME NUMBER\nNUMBER: /[0-9]+(e[0-9]+)?/\nNAME: /e/", "1|e|1e|e1|ee|1e1|ee1")
    assert after(c, "1") == ["1", "e", "1e", "e1", "1e1"]  # only 1e1e1 and its like: in 1e1 the e belongs to the NUMBER
    assert after(c, "1e") == ["1", "1e", "1e1"]


def test_what_loses_always_is_never_offered():
    c = constraint('start: "a" | B B\nB.1: /a/', "a|aa")
    assert allowed(c.matcher()) == ["a", "aa"]
    assert after(c, "a") == ["a"]


def test_a_keyword_without_case_is_a_string_as_well():
    c = constraint('start: "select"i NAME "a.b"i\nNAME: /[a-z.]+/i\n%ignore " "', "select|SELECT| |a.b|A.B|acb| a.B")
    assert allowed(c.matcher()) == ["select", "SELECT", " "]
    matcher = c.matcher()
    matcher.commit(1, 2)
    assert "acb" in allowed(matcher) and "select" in allowed(matcher)  # it may go on: selecta
    matcher.commit(5, 2)
    assert allowed(matcher) == [" ", "a.b", "A.B", " a.B"]


def test_an_unclosed_comment_may_still_be_closed():
    c = constraint('start: "x" "/" "*" "x"\nCOMMENT: /\\/\\*[^*]*\\*\\//\n%ignore COMMENT', "x|/|*|*x|*/|xx|x/|x*/")
    assert after(c, "x/") == ["/", "*", "*x", "*/"]
    assert after(c, "x/*") == ["x", "/", "*", "*/", "xx", "x/", "x*/"]
    assert after(c, "x/*x") == ["x", "/", "*", "*/", "xx", "x/", "x*/", "$"]


def test_a_terminal_that_is_ignored_may_be_read_as_well():
    c = constraint('start: WS | "a" WS "b"\nWS: " "\n%ignore WS', "a|b| |  ")
    assert allowed(c.matcher()) == ["a", " ", "  "]
    assert after(c, " ") == ["a", " ", "  ", "$"]
    assert after(c, "a") == [" ", "  "]


def test_special_tokens_stand_between_lexemes():
    grammar = Grammar(
        "start",
        {"start": Seq((Ref("A"), Special("<x>"), Ref("A"), Ref("B")))},
        {"A": Terminal(Pattern("a+")), "B": Terminal(Pattern("b|a+c"))},
        lexer=True,
    )
    vocabulary = Vocabulary([b"a", b"b", b"ab", b"c", None, None], eos=[5], specials={"<x>": 4})
    matcher = compile(grammar, vocabulary).matcher()

    def ids():
        mask = matcher.mask()
        return [i for i in range(vocabulary.size) if mask[i >> 5] >> (i & 31) & 1]

    assert ids() == [0]
    matcher.commit(0)
    assert ids() == [0, 4]
    matcher.commit(4, 0)
    assert ids() == [0, 1, 2]
    matcher.commit(2)
    assert ids() == [5]


def test_many_boundaries_are_refused_not_tried():
    words = " | ".join(f'"{word}"' for word in map("".join, itertools.product("ab", repeat=9)))
    with pytest.raises(BudgetExceeded):
        constraint(f"start: (A | B)+\nA: {words}\nB: /[ab]/ | /a{{3}}.{{60}}c/", "a|b", dfa_states=60)


LITERALS = [b"a", b"b", b"ab", b"aa", b"ba", b"bb"]
PATTERNS = ["a+", "ab?", "[ab]{1,2}", "b+", "ab*", "a(ba)*", "b|aa", "[ab]+", "aab", "(ab)+"]


def overlapping_grammar(rng) -> tuple[Grammar, bytes]:
    """Terminals that run into one another, and the letters that they are made of."""
    names = [f"T{i}" for i in range(rng.randint(1, 3))]
    terminals = {
        name: Terminal(
            Pattern(rng.choice(PATTERNS)) if rng.random() < 0.7 else Literal(rng.choice(LITERALS)),
            rng.choice([0, 0, 0, 1, -1]),
        )
        for name in names
    }
    named = {t.expression: Ref(name) for name, t in terminals.items()}
    ignored = rng.choice([[" ", " +", " b?"], ["b", "b+"], []])
    if ignored:
        terminals["WS"] = Terminal(Pattern(rng.choice(ignored)))

    def body(depth: int):
        kind = rng.randrange(6) if depth else 0
        match kind:
            case 0 | 1:
                literal = Literal(rng.choice(LITERALS))
                return rng.choice(
                    [Ref(rng.choice(names)), Ref(rng.choice(names)), named.get(literal, literal), Ref("x")]
                )
            case 2 | 3:
                return Seq(tuple(body(depth - 1) for _ in range(rng.randint(1, 3))))
            case 4:
                return Alt(tuple(body(depth - 1) for _ in range(rng.randint(1, 2))))
            case _:
                return Repeat(body(depth - 1), rng.randint(0, 1), rng.choice([None, 2]))

    b = named.get(Literal(b"b"), Literal(b"b"))
    inner = Seq((Ref("T0"), Ref("x"), b)) if rng.random() < 0.3 else body(2)
    productions = {"start": body(2), "x": Alt((inner, Ref("T0")))}
    ignore = ("WS",) if ignored else ()
    return Grammar("start", productions, terminals, ignore, lexer=True), b"ab " if " " in "".join(ignored) else b"ab"


def completion(matcher, text: bytes, letters: bytes) -> bytes | None:
    """A sentence that begins with what the matcher has read, found by its own masks: shortest first."""
    queue, seen = [(matcher, text)], set()
    for reading, so_far in queue:
        if reading.is_complete:
            return so_far
        mask = reading.mask()
        for i, letter in enumerate(letters):
            if mask[0] >> i & 1:
                longer = reading.fork()
                longer.commit(i)
                if longer.state not in seen:
                    seen.add(longer.state)
                    queue.append((longer, so_far + bytes([letter])))
    return None


@pytest.mark.parametrize("seed", range(60))
def test_masks_are_what_the_definition_says(seed, monkeypatch):
    rng = random.Random(seed)
    grammar, letters = overlapping_grammar(rng)
    known = {}
    plain = oracles.regular_spans

    def spans(expression, text, g):  # of a terminal over a text, each piece looked at once
        pieces = [(i, j) for i in range(len(text) + 1) for j in range(i, len(text) + 1)]
        for i, j in pieces:
            if (expression, text[i:j]) not in known:
                known[expression, text[i:j]] = (0, j - i) in plain(expression, text[i:j], g)
        return frozenset((i, j) for i, j in pieces if known[expression, text[i:j]])

    monkeypatch.setattr(oracles, "regular_spans", spans)
    sentences = oracles.sentences(grammar, [bytes([x]) for x in letters], 7 if len(letters) == 2 else 5)
    prefixes = {text[:i] for text in sentences for i in range(len(text) + 1)}
    words = [bytes(w) for n in (2, 3) for w in itertools.product(letters, repeat=n)]
    tokens = [bytes([x]) for x in letters] + rng.sample(words, 8)
    c = compile(grammar, Vocabulary([*tokens, None], eos=[len(tokens)]))
    for text in oracles.texts([bytes([x]) for x in letters], 2):
        matcher = c.matcher()
        try:
            for byte in text:
                matcher.commit(letters.index(byte))
        except DeadEnd:
            assert text not in prefixes
            continue
        assert matcher.is_complete == (text in sentences)
        mask = matcher.mask()
        for i, token in enumerate(tokens):
            if text + token in prefixes:
                assert mask[0] >> i & 1, (text, token)
            elif mask[0] >> i & 1:  # no short text proves it: then a long one must
                matcher.commit(i)
                witness = completion(matcher, text + token, letters)
                assert witness is not None and oracles.accepts(grammar, witness), (text, token, witness)
                matcher.rollback(1)


def readings(c: Constraint, text: bytes) -> list[bytes]:
    matcher, masks = c.matcher(), []
    for byte in text:
        masks.append(matcher.mask().tobytes())
        matcher.commit(c.vocabulary.tokens.index(bytes([byte])))
    return masks


def test_memory_that_was_given_back_is_learnt_again():
    lark = 'start: expr+\nexpr: NAME | "(" expr* ")" | "let" NAME "=" expr\nNAME: /[a-z]+/\n%ignore /[ ]+/'
    letters = [bytes([x]) for x in b"abelt()= "]
    words = [a + b for a in letters for b in letters] + [a + b + c for a in letters for b in letters for c in letters]
    vocabulary = Vocabulary([*letters, *words, None], eos=[len(letters) + len(words)])
    text = b"let a = (a (b ((let lete = le) t)) (((a b)))) (a)" * 3
    small = compile(from_lark(lark), vocabulary, limits=Limits(cache_bytes=20_000))
    expected = readings(compile(from_lark(lark), vocabulary), text)
    assert readings(small, text) == expected
    assert readings(small, text) == expected
    assert readings(compile(from_lark(lark), vocabulary), text) == expected  # shares what the first one has learnt


def test_the_same_place_is_known_at_another_depth():
    c = constraint('start: e\ne: "(" e ")" | "[" e "]" | "x"', "(|)|[|]|x|))|)]|])|]]|x)|x]|(x|)))")
    assert after(c, "((x") == [")", "))"]
    assert after(c, "[((x") == [")", "))"]
    assert after(c, "[(x") == [")", ")]"]
    assert after(c, "(([x") == ["]", "])"]
    assert after(c, "((((x") == [")", "))", ")))"]


LETTERS = ["a", "b", " ", "\n", "é", "ü", "漢", "字", "😀", '"', "#"]
PARTS = [
    "[aé]+", "é+b?", "[^ a]+", "[ab]*漢", "漢字?", "[éü漢]", '"[^"]*"', '"([^"\\n]|é)*"', "[^\\x00-\\x7f]+",
    "a(é|ü)*b", "#[^\\n]*", "(ab|é漢)+", "[a-zé]", "😀[^😀]*😀", '[^\\n"é]+',
]  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_bits_are_the_tokens_that_can_be_read_byte_by_byte(seed):
    rng = random.Random(seed)
    names = [f"T{i}" for i in range(rng.randint(2, 4))]
    terminals = {n: Terminal(Pattern(rng.choice(PARTS)), rng.randint(0, 1)) for n in names}
    ignore = tuple(rng.sample(["BLANK", "LINE"], rng.randint(0, 2)))
    terminals |= {n: Terminal(Pattern({"BLANK": "[ \\n]+", "LINE": "#[^\\n]*\\n"}[n])) for n in ignore}
    refs = [Ref(n) for n in names]
    shape = Alt(
        (Seq((rng.choice(refs), Ref("s"), rng.choice(refs))), Repeat(rng.choice(refs), 0, None), Seq(tuple(refs)))
    )
    grammar = Grammar("s", {"s": shape}, terminals, ignore, lexer=True)
    texts = ["".join(rng.choices(LETTERS, k=rng.choice((1, 1, 2, 3, 5, 9)))).encode() for _ in range(250)]
    tokens = [t[rng.choice((0, 0, 0, 1)) : rng.choice((99, 99, -1))] or b"a" for t in texts]
    matcher = compile(grammar, Vocabulary([*tokens, None], [250])).matcher()
    recognizer = Recognizer(grammar)
    for _ in range(6):
        mask = matcher.mask()
        found = [t for t in range(251) if mask[t >> 5] >> (t & 31) & 1]
        wanted = []
        for token, text in enumerate(tokens):
            count = recognizer.feed(text)
            wanted += [token] if count == len(text) else []
            recognizer.rollback(count)
        assert found == wanted + [250] * matcher.is_complete, (grammar, matcher.text)
        if not wanted:
            break
        token = rng.choice(wanted)
        matcher.commit(token)
        recognizer.feed(tokens[token])


@pytest.mark.parametrize("seed", range(40))
def test_lexemes_that_run_together_across_ignored_ones(seed):
    """Two ignored terminals over the letters of all the others: what parts two lexemes may be a sequence of both."""
    rng = random.Random(seed)
    base = oracles.random_grammar(rng, lexer=True)
    ignored = {n: Terminal(Pattern(rng.choice(["b+", "ab", "ba?", "aab", "a", "bba"]))) for n in ("BLANK", "LINE")}
    grammar = Grammar("start", base.productions, {**base.terminals, **ignored}, tuple(ignored), lexer=True)
    language = oracles.sentences(grammar, "ab", 7)
    recognizer = Recognizer(grammar)
    for text in oracles.texts("ab", 7):
        count = recognizer.feed(text)
        assert (count == len(text) and recognizer.is_complete) == (text in language), (grammar, text)
        if count < len(text):
            assert not any(sentence.startswith(text[: count + 1]) for sentence in language), (grammar, text)
        elif language and not recognizer.is_complete and len(text) < 4:
            witness = check(grammar, text).witness
            assert witness is not None and oracles.accepts(grammar, witness), (grammar, text, witness)
        recognizer.rollback(count)
