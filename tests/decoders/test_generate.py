"""generate: the text is a sentence, within the budget, and the model is asked only where there is a choice."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from toy_matcher import ToyConstraint  # noqa: E402

from weft.decoders.generate import generate, stream  # noqa: E402
from weft.decoders.models import CausalModel, CausalState  # noqa: E402
from weft.decoders.result import Stop  # noqa: E402
from weft.errors import BudgetExceeded, WeftError  # noqa: E402
from weft.grammar.constraint import compile  # noqa: E402
from weft.grammar.grammar import Alt, Grammar, Literal  # noqa: E402
from weft.grammar.vocabulary import Vocabulary  # noqa: E402

LETTERS = Vocabulary([bytes([byte]) for byte in b"abcdefgh"] + [b"ab", b"cd", None, None], [10, 11])
BEGIN = 0


class ToyLM:
    """Scores are a function of the tokens read so far. It counts its calls and the tokens that they read."""

    context_size: int | None = None

    def __init__(self, vocabulary, scores=lambda tokens: {}):
        self.vocabulary, self.scores = vocabulary, scores
        self.vocab_size = vocabulary.size
        self.calls = []

    def encode(self, text):
        return [BEGIN, *(self.vocabulary.tokens.index(bytes([byte])) for byte in text.encode())]

    def start(self):
        return ToyState(self)


class ToyState:
    def __init__(self, lm):
        self.lm, self.tokens = lm, []

    @property
    def length(self):
        return len(self.tokens)

    def feed(self, tokens, *, rows=1):
        self.lm.calls.append(list(tokens))
        out = torch.zeros(rows, self.lm.vocab_size)
        self.tokens += tokens
        for row in range(rows):
            seen = self.tokens[: len(self.tokens) - rows + row + 1]
            for token_id, score in self.lm.scores(seen).items():
                out[row, token_id] = score
        return out

    def crop(self, length):
        del self.tokens[length:]

    def fork(self):
        other = ToyState(self.lm)
        other.tokens = list(self.tokens)
        return other


def test_a_table_of_scores_is_a_model():
    assert isinstance(ToyLM(LETTERS), CausalModel)
    assert isinstance(ToyLM(LETTERS).start(), CausalState)


def test_the_model_chooses_among_legal_tokens():
    lm = ToyLM(LETTERS, lambda tokens: {7: 9.0, 2: 5.0, 1: 3.0})  # h, c, b
    result = generate(lm, "", ToyConstraint([b"ae", b"be", b"ce"], LETTERS))
    assert (result.text, result.ids) == ("ce", [2, 4])
    assert result.stop is Stop.COMPLETE
    assert result.is_complete


def test_forced_text_costs_no_model_call():
    lm = ToyLM(LETTERS, lambda tokens: {5: 1.0})
    result = generate(lm, "h", ToyConstraint([b"egfh", b"egdh"], LETTERS))
    assert result.text == "egfh"
    assert lm.calls == [[BEGIN, 7, 4, 6]]  # the prompt and the forced e, g in one pass; h needs none
    assert (result.model_calls, result.forced, result.commits) == (1, 3, 1)


def test_a_choice_of_tokens_is_no_forced_text():
    # The text ab is forced, but it may be written as [ab] or as [a, b]: the model is asked.
    result = generate(ToyLM(LETTERS, lambda tokens: {8: 1.0}), "", ToyConstraint([b"abe"], LETTERS))
    assert (result.ids, result.model_calls, result.forced) == ([8, 4], 1, 1)
    result = generate(ToyLM(LETTERS, lambda tokens: {0: 1.0}), "", ToyConstraint([b"abe"], LETTERS))
    assert (result.ids, result.model_calls, result.forced) == ([0, 1, 4], 1, 2)


def test_the_model_ends_where_the_grammar_lets_it():
    constraint = ToyConstraint([b"e" * n for n in range(1, 9)], LETTERS)
    result = generate(ToyLM(LETTERS, lambda tokens: {11: float(len(tokens))}), "", constraint)
    assert (result.text, result.stop, result.model_calls) == ("e", Stop.END, 1)
    result = generate(ToyLM(LETTERS, lambda tokens: {4: 1.0}), "", constraint)
    assert (result.text, result.stop) == ("e" * 8, Stop.COMPLETE)  # several end tokens are no choice


def test_the_output_is_finished_within_the_budget():
    sentences = [b"e" * n + b"f" * n for n in range(1, 9)]
    constraint = ToyConstraint(sentences, LETTERS)
    lm = ToyLM(LETTERS, lambda tokens: {4: 1.0})  # e for ever
    assert [generate(lm, "", constraint, max_tokens=n).text for n in (2, 3, 5, 6, 99)] == [
        "ef",
        "ef",
        "eeff",
        "eeefff",
        "eeeeeeeeffffffff",
    ]
    assert generate(lm, "", ToyConstraint([b"e" * n for n in range(9)], LETTERS), max_tokens=4).stop is Stop.BUDGET


def test_a_budget_in_which_nothing_fits_is_refused_at_once():
    lm = ToyLM(LETTERS)
    with pytest.raises(BudgetExceeded) as caught:
        generate(lm, "", ToyConstraint([b"eee"], LETTERS), max_tokens=2)
    assert caught.value.limit == 2
    assert lm.calls == []


def test_the_context_of_the_model_is_a_budget_too():
    lm = ToyLM(LETTERS, lambda tokens: {4: 1.0})
    lm.context_size = 6
    constraint = ToyConstraint([b"e" * n + b"f" for n in range(9)], LETTERS)
    assert generate(lm, "h", constraint).text == "eeef"
    with pytest.raises(BudgetExceeded, match="no room for 0 tokens"):
        generate(lm, "hhhhh", constraint)


def test_the_seed_decides():
    constraint = ToyConstraint([bytes([x, y, z]) for x in b"cdef" for y in b"efgh" for z in b"efgh"], LETTERS)
    lm = ToyLM(LETTERS)
    texts = [generate(lm, "", constraint, temperature=1.0, seed=seed).text for seed in range(30)]
    assert texts == [generate(lm, "", constraint, temperature=1.0, seed=seed).text for seed in range(30)]
    assert len(set(texts)) > 15
    best = ToyLM(LETTERS, lambda tokens: {2: 2.0, 3: 1.0, 4: 1.0})
    assert {generate(best, "", constraint, temperature=9.0, top_k=1, seed=seed).text[0] for seed in range(9)} == {"c"}
    assert {generate(best, "", constraint, temperature=1.0, top_p=0.1, seed=seed).text[0] for seed in range(9)} == {"c"}


def test_pieces_are_whole_characters():
    bytewise = Vocabulary([bytes([byte]) for byte in range(256)] + [None], [256])
    constraint = ToyConstraint(["aé€😀z".encode(), b"q"], bytewise)
    pieces = []
    result = generate(ToyLM(bytewise), [97], constraint, on_text=pieces.append)
    assert "".join(pieces) == result.text == "aé€😀z"
    text = stream(
        ToyLM(bytewise, lambda tokens: {97: 1.0}), [97], ToyConstraint(["é€".encode(), "éa".encode()], bytewise)
    )
    assert list(text) == ["é", "a"]
    assert text.result.text == "éa"


def test_bytes_that_are_no_text_show_as_replacement_characters():
    bytewise = Vocabulary([bytes([byte]) for byte in range(256)] + [None], [256])
    text = stream(ToyLM(bytewise), [97], ToyConstraint([b"a\xc3"], bytewise))
    assert "".join(text) == "a\ufffd"
    assert text.result.data == b"a\xc3"


def test_a_stream_may_be_left():
    text = stream(ToyLM(LETTERS, lambda tokens: {4: 1.0}), "", ToyConstraint([b"e" * n for n in range(9)], LETTERS))
    assert [next(text), next(text)] == ["e", "e"]
    text.close()
    assert text.result.stop is Stop.CANCELLED
    assert (text.result.text, text.result.is_complete) == ("ee", True)
    assert list(text) == []


def test_without_a_constraint_the_model_is_free():
    lm = ToyLM(LETTERS, lambda tokens: {7: 1.0} if len(tokens) < 4 else {10: 1.0})
    result = generate(lm, "", None)
    assert (result.text, result.stop) == ("hhh", Stop.END)
    assert generate(lm, "", None, max_tokens=2).stop is Stop.BUDGET


def test_a_model_narrower_or_wider_than_the_vocabulary():
    narrow = ToyLM(LETTERS)
    narrow.vocab_size = 5
    assert generate(narrow, "", ToyConstraint([b"h", b"e", b"b"], LETTERS)).text == "b"
    with pytest.raises(WeftError, match="no token is legal here that the model has a score for"):
        generate(narrow, "", ToyConstraint([b"g", b"h"], LETTERS))
    wide = ToyLM(LETTERS, lambda tokens: {99: 9.0, 7: 1.0})
    wide.vocab_size = 100
    assert generate(wide, "", ToyConstraint([b"g", b"h"], LETTERS)).text == "h"


def test_scores_that_are_no_numbers_do_no_harm():
    constraint = ToyConstraint([b"g", b"h"], LETTERS)
    for bad in (math.nan, -math.inf):
        lm = ToyLM(LETTERS, lambda tokens, bad=bad: dict.fromkeys(range(12), bad))
        assert generate(lm, "", constraint).text == "g"
        assert generate(lm, "", constraint, temperature=1.0, seed=1).text in ("g", "h")


def test_a_prompt_without_tokens_is_refused():
    with pytest.raises(WeftError, match="the prompt has no tokens"):
        generate(ToyLM(LETTERS), [], ToyConstraint([b"g"], LETTERS))


def test_the_time_is_told_apart():
    times = generate(ToyLM(LETTERS), "", ToyConstraint([b"gg", b"gh", b"h"], LETTERS)).timings
    parts = (times.model_s, times.constraint_s, times.sampling_s)
    assert min(parts) > 0
    assert sum(parts) <= times.total_s


@pytest.mark.parametrize(
    ("engine", "slack"),
    [
        ("toy", None),
        ("toy", 0),
        ("toy", 1),
        ("core", None),
        *(("core", n) for n in (0, 1)),
    ],
)
def test_every_text_is_a_sentence_whatever_the_model_wants(engine, slack):
    rng = np.random.default_rng(0)
    for _ in range(60):
        sentences = {
            bytes(rng.choice(list(b"abcdefgh"), rng.integers(0, 6)).tolist()) for _ in range(int(rng.integers(1, 7)))
        }
        toy = constraint = ToyConstraint(sentences, LETTERS)
        if engine == "core":
            constraint = compile(Grammar("start", {"start": Alt(tuple(map(Literal, sorted(sentences))))}), LETTERS)
        noise = rng.normal(size=(97, LETTERS.size))
        lm = ToyLM(LETTERS, lambda tokens, noise=noise: dict(enumerate(noise[sum(tokens) % 97])))
        budget = None if slack is None else max(1, int(toy.cost(b"")) + slack)
        for temperature in (0.0, 2.0):
            result = generate(lm, "", constraint, max_tokens=budget, temperature=temperature, seed=1)
            assert result.data in sentences
            assert budget is None or len(result.ids) <= budget
            assert result.is_complete
            assert result.commits + result.forced == len(result.ids)
