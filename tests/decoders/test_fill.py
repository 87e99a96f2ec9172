"""weft.fill with a scripted causal model and a list of sentences for a grammar."""

import pytest
import torch
from toy_solver import ENGINES, ToyConstraint, ToyVocabulary, engine

from weft.decoders.fill import fill, fim_tokens
from weft.errors import BudgetExceeded, DeadEnd, WeftError
from weft.infill.canvas import HOLE, Canvas, Hole

LETTERS = "abcx=+;() "


@pytest.fixture(params=ENGINES)
def constrain(request):
    return engine(request.param)


class Scripted:
    """A causal model that writes what `answers` says after a text; a state that keeps what it was fed."""

    context_size = None

    def __init__(self, answers=None, specials=(), tokens=(), fallback="a"):
        names = ["<bos>", "<eos>", *specials]
        texts = [c.encode() for c in LETTERS] + [t.encode() for t in tokens]
        self.vocabulary = ToyVocabulary(
            [*texts, *[None] * len(names)],
            eos=[len(texts) + 1],
            specials={name: len(texts) + i for i, name in enumerate(names)},
        )
        self.vocab_size = self.vocabulary.size
        self.answers, self.fallback, self.fed = answers or {}, fallback, []

    def id(self, text: str) -> int:
        specials = self.vocabulary.specials
        return specials[text] if text in specials else self.vocabulary.tokens.index(text.encode())

    def encode(self, text: str) -> list[int]:
        return [self.id("<bos>"), *[LETTERS.index(c) for c in text]]

    def show(self, ids) -> str:
        names = {i: name for name, i in self.vocabulary.specials.items()}
        return "".join(names.get(i) or self.vocabulary.tokens[i].decode() for i in ids)

    def start(self):
        return State(self)


class State:
    def __init__(self, lm):
        self.lm, self.ids = lm, []

    @property
    def length(self):
        return len(self.ids)

    def crop(self, length):
        del self.ids[length:]

    def feed(self, tokens, *, rows=1):
        assert tokens
        self.ids += tokens
        self.lm.fed.append(self.lm.show(tokens))
        text = self.lm.show(self.ids).removeprefix("<bos>")
        scores = torch.zeros(1, self.lm.vocab_size)
        wish = self.lm.answers.get(text, self.lm.fallback)
        for rank, name in enumerate([wish] if isinstance(wish, str) else wish):
            scores[0, self.lm.id(name)] = 9.0 - rank
        return scores


def test_two_holes_are_written_from_left_to_right(constrain) -> None:
    lm = Scripted({"x=": "b", "x=b": ";", "x=b;x=": "c", "x=b;x=c": "<eos>"})
    sentences = [b"x=%b;x=%b" % (p, q) for p in (b"a", b"b", b"bb") for q in (b"a", b"c", b"cc")]
    result = fill(lm, Canvas("x=", HOLE, ";x=", HOLE), constrain(sentences, lm.vocabulary))
    assert (result.text, result.holes) == ("x=b;x=c", ["b", "c"])
    assert (result.model_calls, result.commits, result.forced) == (4, 2, 0)
    assert result.ids == [lm.id("b"), lm.id("c")]


def test_what_was_read_is_not_read_again(constrain) -> None:
    lm = Scripted({"x=": "b", "x=b": ";", "x=b;x=": "c", "x=b;x=c": "<eos>"})
    sentences = [b"x=%b;x=%b" % (p, q) for p in (b"a", b"b", b"bb") for q in (b"a", b"c", b"cc")]
    fill(lm, Canvas("x=", HOLE, ";x=", HOLE), constrain(sentences, lm.vocabulary))
    assert lm.fed == ["<bos>x=", "b", ";x=", "c"]


def test_the_text_on_the_right_keeps_the_hole_fillable(constrain) -> None:
    lm = Scripted({"(": ["(", "a"], "((": ["a"]}, fallback="(")
    sentences = [b"(a)", b"((a))", b"(((a)))"]
    result = fill(lm, Canvas("(", HOLE, "))"), constrain(sentences, lm.vocabulary))
    assert (result.text, result.holes) == ("((a))", ["(a"])


def test_a_token_of_the_right_fragment_closes_only_where_the_hole_may_end(constrain) -> None:
    lm = Scripted({"a(": "b", "a(b": "+", "a(b+": "c", "a(b+c": ")"}, fallback=")")
    sentences = [b"a(b)", b"a((b+c))", b"a(b+c)", b"a((b))"]
    assert fill(lm, Canvas("a(", HOLE, ")"), constrain(sentences, lm.vocabulary)).holes == ["b+c"]
    lm = Scripted({"a(": "(", "a((": "b", "a((b": ")", "a((b)": ")"})
    assert fill(lm, Canvas("a(", HOLE, ")"), constrain(sentences, lm.vocabulary)).holes == ["(b)"]


def test_forced_tokens_are_not_sampled(constrain) -> None:
    lm = Scripted()
    result = fill(lm, Canvas("x", HOLE, ";"), constrain([b"x=ab;"], lm.vocabulary))
    assert (result.text, result.model_calls, result.forced, result.commits) == ("x=ab;", 0, 3, 0)


def test_a_hole_may_stay_empty_and_a_canvas_may_have_none(constrain) -> None:
    lm = Scripted({"a": ";"})
    assert fill(lm, Canvas("a", HOLE, ";"), constrain([b"a;", b"ab;"], lm.vocabulary)).holes == [""]
    assert fill(lm, Canvas("a;"), constrain([b"a;"], lm.vocabulary)).text == "a;"


def test_a_hole_is_closed_within_its_budget(constrain) -> None:
    lm = Scripted(fallback="(")
    sentences = [b"(" * n + b"a" + b")" * n for n in range(6)]
    for budget, expected in ((1, "a"), (2, "a"), (3, "(a)"), (5, "((a))"), (9, "((((a))))")):
        result = fill(lm, Canvas(HOLE), constrain(sentences, lm.vocabulary), max_tokens=budget)
        assert result.text == expected
        assert len(result.ids) <= budget
    with pytest.raises(BudgetExceeded, match="hole 0 cannot be filled with 0 tokens"):
        fill(lm, Canvas(HOLE), constrain(sentences, lm.vocabulary), max_tokens=0)


def test_each_hole_has_its_own_budget(constrain) -> None:
    lm = Scripted(fallback="a")
    sentences = [b"a" * n + b";" + b"a" * k for n in range(5) for k in range(5)]
    result = fill(lm, Canvas(HOLE, ";", HOLE), constrain(sentences, lm.vocabulary), max_tokens=[1, 3])
    assert result.holes == ["a", "aaa"]


def test_rigid_holes_take_exactly_their_slots(constrain) -> None:
    lm = Scripted({"": "b", "b": "b", "bb": "b"}, tokens=["bb"], fallback="c")
    result = fill(lm, Canvas(Hole(2), ";"), constrain([b"b;", b"bb;", b"bbb;", b"bc;"], lm.vocabulary))
    assert (result.text, result.holes) == ("bb;", ["bb"])
    lm = Scripted({"": "b", "b": "<eos>"})
    assert fill(lm, Canvas(Hole(3)), constrain([b"b", b"bb", b"bbb"], lm.vocabulary)).text == "b"


def test_fixed_tokens_are_part_of_the_text(constrain) -> None:
    lm = Scripted(tokens=["x="])
    canvas = Canvas([lm.id("x=")], HOLE, [lm.id(";")])
    assert fill(lm, canvas, constrain([b"x=a;", b"x=b;"], lm.vocabulary)).text == "x=a;"


def test_a_prompt_is_read_and_not_part_of_the_sentence(constrain) -> None:
    lm = Scripted({"c x=": "b"})
    result = fill(lm, Canvas("x=", HOLE), constrain([b"x=a", b"x=b"], lm.vocabulary), prompt="c ")
    assert result.text == "x=b"


def test_a_hole_is_closed_before_the_context_is_full(constrain) -> None:
    lm = Scripted(fallback="(")
    lm.context_size = 4  # the begin token and three more
    sentences = [b"(" * n + b"a" + b")" * n for n in range(6)]
    result = fill(lm, Canvas(HOLE), constrain(sentences, lm.vocabulary), max_tokens=None)
    assert result.text == "(a)"


QWEN = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|endoftext|>")


def test_fill_in_the_middle_tokens_are_used_where_the_model_has_them(constrain) -> None:
    asked = "<|fim_prefix|>x=<|fim_suffix|>;a<|fim_middle|>"
    lm = Scripted({asked: "b", asked + "b": "<|endoftext|>"}, specials=QWEN)
    constraint = constrain([b"x=a;a", b"x=b;a", b"x=bb;a"], lm.vocabulary)
    result = fill(lm, Canvas("x=", HOLE, ";a"), constraint)
    assert (result.text, result.holes) == ("x=b;a", ["b"])
    assert lm.fed == ["<bos>" + asked, "b"]


def test_a_model_that_fills_badly_in_the_middle_is_not_asked_to(constrain) -> None:
    lm = Scripted({"x=": "b", "x=b": ";"}, specials=QWEN)
    lm.in_the_middle = False
    assert fill(lm, Canvas("x=", HOLE, ";a"), constrain([b"x=b;a", b"x=c;a"], lm.vocabulary)).text == "x=b;a"
    assert "<|fim_prefix|>" not in "".join(lm.fed)


def test_a_last_hole_is_plain_continuation(constrain) -> None:
    lm = Scripted({"x=": "b", "x=b": "<eos>"}, specials=QWEN)
    assert fill(lm, Canvas("x=", HOLE), constrain([b"x=a", b"x=b", b"x=bb"], lm.vocabulary)).text == "x=b"
    assert lm.fed == ["<bos>x=", "b"]


@pytest.mark.parametrize(
    ("specials", "asked"),
    [
        (("<fim_prefix>", "<fim_suffix>", "<fim_middle>"), "<fim_prefix>a<fim_suffix>;<fim_middle>"),
        (("▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>"), "▁<PRE>a▁<SUF>;▁<MID>"),
        (("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"), "<｜fim▁begin｜>a<｜fim▁hole｜>;<｜fim▁end｜>"),
        (("[SUFFIX]", "[PREFIX]", "[MIDDLE]"), "[SUFFIX];[PREFIX]a"),
    ],
)
def test_families_of_fill_in_the_middle_tokens(specials, asked, constrain) -> None:
    lm = Scripted({asked: "b"}, specials=specials)
    assert fill(lm, Canvas("a", HOLE, ";"), constrain([b"aa;", b"ab;"], lm.vocabulary)).text == "ab;"
    assert lm.fed == ["<bos>" + asked]
    assert fim_tokens(Scripted().vocabulary) is None


def test_the_same_seed_gives_the_same_text(constrain) -> None:
    lm = Scripted({}, fallback=list("abc"))
    constraint = constrain([b"x=abc", b"x=bca", b"x=cab", b"x=aab", b"x=bcc"], lm.vocabulary)
    canvas = Canvas("x=", HOLE)
    texts = [fill(lm, canvas, constraint, temperature=20.0, seed=seed).text for seed in (1, 1, 2, 3, 4, 5, 6)]
    assert texts[0] == texts[1]
    assert len(set(texts)) > 1


@pytest.mark.parametrize(
    ("canvas", "more", "error", "message"),
    [
        (Canvas("b", HOLE), {}, DeadEnd, "no filling of the canvas is a sentence"),
        (Canvas("a", HOLE), {"temperature": -1}, WeftError, "a temperature of -1"),
        (Canvas("a", HOLE), {"max_tokens": -1}, WeftError, "max_tokens is -1"),
        (Canvas("a", HOLE), {"max_tokens": [1, 2]}, WeftError, "2 numbers for 1 elastic holes"),
    ],
)
def test_mistakes_are_refused(canvas, more, error, message, constrain) -> None:
    lm = Scripted()
    with pytest.raises(error, match=message):
        fill(lm, canvas, constrain([b"aa", b"ab"], lm.vocabulary), **more)


def test_what_the_constraint_cannot_settle_is_an_error_only_if_nothing_is_left() -> None:
    lm = Scripted({"": "a"})
    sentences = [b"aa", b"bb"]
    unsure = ToyConstraint(sentences, lm.vocabulary, unknown=frozenset({(0, lm.id("a"))}))
    result = fill(lm, Canvas(HOLE), unsure)
    assert (result.text, result.unknown > 0) == ("bb", True)
    nothing = ToyConstraint(sentences, lm.vocabulary, unknown=frozenset((0, i) for i in range(lm.vocab_size)))
    with pytest.raises(BudgetExceeded, match="could not settle"):
        fill(lm, Canvas(HOLE), nothing)
