"""transformers: the adapters agree with the plain model, and GrammarLogitsProcessor keeps every way to generate valid.

The models are random and tiny: they want anything but what the grammar says.
"""

import copy
import itertools
import json

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from tokenizers import Tokenizer, decoders, models, pre_tokenizers  # noqa: E402
from transformers import (  # noqa: E402
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
)

from weft.decoders import hf  # noqa: E402
from weft.decoders.generate import generate  # noqa: E402
from weft.decoders.models import CausalModel, MaskedModel  # noqa: E402
from weft.errors import BudgetExceeded, WeftError  # noqa: E402
from weft.grammar.constraint import compile  # noqa: E402
from weft.grammar.grammar import Alt, Grammar, Literal  # noqa: E402
from weft.grammar.vocabulary import Vocabulary  # noqa: E402
from weft.schemas.json_schema import from_json_schema  # noqa: E402

LETTERS = "abcdefghijklmnop()[]<>"
PAD, BEGIN, END = 22, 23, 24
WIDTH = 28


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Models this small lose time to threads that wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tokenizer():
    pieces = {letter: at for at, letter in enumerate(LETTERS)} | {"<pad>": PAD, "<s>": BEGIN, "</s>": END}
    inner = Tokenizer(models.BPE(pieces, []))
    inner.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    inner.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>", pad_token="<pad>", padding_side="left"
    )


def llama(seed=0, layers=2):
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=WIDTH,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=128,
        pad_token_id=PAD,
        bos_token_id=BEGIN,
        eos_token_id=END,
        initializer_range=0.6,
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture(scope="module")
def lm(tokenizer):
    return hf.causal(llama(), tokenizer)


# Balanced brackets of three kinds around a letter, up to three deep: every opening one must be remembered.
SENTENCES = {
    ("".join(p[0] for p in around) + letter + "".join(p[1] for p in reversed(around))).encode()
    for depth in range(4)
    for around in itertools.product(["()", "[]", "<>"], repeat=depth)
    for letter in "abc"
}


def finite(sentences, vocabulary):
    return compile(Grammar("start", {"start": Alt(tuple(map(Literal, sorted(sentences))))}), vocabulary)


@pytest.fixture(scope="module")
def constraint(lm):
    return finite(SENTENCES, lm.vocabulary)


def written(constraint, sequence, start):
    """The text after the prompt; padding and the end token write nothing."""
    return constraint.vocabulary.decode(sequence[start:].tolist())


# -- the causal adapter


def test_a_causal_model_keeps_the_protocol(lm):
    assert isinstance(lm, CausalModel)
    assert (lm.vocab_size, lm.context_size) == (WIDTH, 128)
    assert lm.vocabulary.size == WIDTH
    assert lm.vocabulary.tokens[:3] == (b"a", b"b", b"c")
    assert lm.vocabulary.tokens[22:] == (None,) * 6
    assert lm.vocabulary.eos == (END,)
    assert lm.encode("ab") == [0, 1]
    assert lm.encode("") == [BEGIN]


def window_model():
    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=WIDTH,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        sliding_window=4,
        initializer_range=0.6,
    )
    return MistralForCausalLM(config).eval()


def gpt2_model():
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=WIDTH, n_embd=16, n_layer=2, n_head=2, n_positions=64)).eval()


@pytest.mark.parametrize("make", [llama, window_model, gpt2_model])
def test_the_cache_agrees_with_reading_from_the_start(tokenizer, make):
    model = make()
    lm = hf.causal(model, tokenizer)

    def after(tokens):
        with torch.inference_mode():
            return model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0]

    def same(rows, tokens):
        return torch.allclose(rows, after(tokens)[-len(rows) :], atol=1e-4)

    state = lm.start()
    assert same(state.feed([1, 2, 3, 4, 5]), [1, 2, 3, 4, 5])
    assert same(state.feed([6, 7, 8], rows=3), [1, 2, 3, 4, 5, 6, 7, 8])
    state.crop(6)
    assert state.length == 6
    other = state.fork()
    assert same(state.feed([9, 10], rows=2), [1, 2, 3, 4, 5, 6, 9, 10])
    assert same(other.feed([11]), [1, 2, 3, 4, 5, 6, 11])
    other.crop(2)
    assert same(other.feed([12]), [1, 2, 12])
    assert same(state.feed([13]), [1, 2, 3, 4, 5, 6, 9, 10, 13])
    state.crop(0)
    assert same(state.feed([3]), [3])


def test_what_a_state_cannot_do_is_refused(lm):
    state = lm.start()
    with pytest.raises(WeftError, match="have no 2 rows"):
        state.feed([1], rows=2)
    with pytest.raises(WeftError, match="cannot go back to 3 tokens"):
        state.crop(3)


def test_generate_writes_what_transformers_writes(lm, constraint):
    ids = torch.tensor([lm.encode("abc")])
    processor = hf.GrammarLogitsProcessor(constraint, prompt_len=3)
    theirs = lm.model.generate(ids, logits_processor=[processor], max_new_tokens=20, do_sample=False)
    assert generate(lm, "abc", constraint, max_tokens=20).data == written(constraint, theirs[0], 3)


def test_a_checkpoint_by_path(lm, constraint, tmp_path):
    lm.model.save_pretrained(tmp_path)
    lm.tokenizer.save_pretrained(tmp_path)
    loaded = hf.causal(str(tmp_path))
    assert loaded.vocabulary is lm.vocabulary
    assert generate(loaded, "abc", constraint).text == generate(lm, "abc", constraint).text
    with pytest.raises(WeftError, match="no checkpoint can be loaded"):
        hf.causal(str(tmp_path / "missing"))
    with pytest.raises(WeftError, match="without a tokenizer"):
        hf.causal(llama())


def test_a_tokenizer_is_loaded_by_path_or_name_without_its_model(tmp_path, tokenizer, lm):
    tokenizer.save_pretrained(tmp_path)
    loaded = hf.load_tokenizer(tmp_path)
    assert Vocabulary.from_tokenizer(loaded).tokens == lm.vocabulary.tokens[: len(tokenizer)]
    assert Vocabulary.from_tokenizer(hf.load_tokenizer()).size == 1_100  # the embedded one
    with pytest.raises(WeftError, match="no tokenizer can be loaded from 'no/such/name'"):
        hf.load_tokenizer("no/such/name")


def test_without_a_network_a_name_is_refused_with_a_way_out(monkeypatch):
    def unreachable(name, **load):
        raise OSError("We couldn't connect to the hub\nand so on")

    monkeypatch.setattr(hf.AutoTokenizer, "from_pretrained", unreachable)
    with pytest.raises(WeftError) as caught:
        hf.load_tokenizer("some/name")
    assert (caught.value.where, caught.value.hint) == (
        "We couldn't connect to the hub",
        "without a network, give the path of a folder",
    )


def test_the_tokenizer_comes_from_the_revision_of_the_model(monkeypatch, tokenizer):
    asked = []
    monkeypatch.setattr(hf.AutoModelForCausalLM, "from_pretrained", lambda name, **load: llama())
    monkeypatch.setattr(hf.AutoTokenizer, "from_pretrained", lambda name, **load: asked.append(load) or tokenizer)
    hf.causal("some/name", revision="v2", dtype="float32")
    assert asked == [{"revision": "v2"}]


# -- the masked adapter


def test_a_masked_model_scores_slots():
    torch.manual_seed(0)
    model = BertForMaskedLM(
        BertConfig(vocab_size=WIDTH, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    ).eval()
    inner = Tokenizer(models.BPE({"a": 0, "</s>": 1}, []))
    inner.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="</s>", mask_token="<mask>")
    plain, shifted = hf.masked(model, tokenizer), hf.masked(model, tokenizer, mask_id=0, shift=1)
    assert isinstance(plain, MaskedModel)
    assert (plain.mask_id, shifted.mask_id) == (2, 0)
    assert (plain.vocabulary.tokens[0], shifted.vocabulary.tokens[0]) == (b"a", None)  # a placeholder is never text
    with torch.inference_mode():
        rows = model(input_ids=torch.tensor([[0, 2, 2, 1]])).logits[0]
    assert torch.equal(plain.logits([0, 2, 2, 1]), rows)
    assert torch.equal(shifted.logits([0, 2, 2, 1])[1:], rows[:-1])
    assert (plain.encode(""), shifted.encode("")) == ([], [1])  # the row before a slot scores it
    model.config.logit_shift = 1
    assert torch.equal(hf.masked(model, tokenizer).logits([0, 2])[1], plain.logits([0, 2])[0])
    with pytest.raises(WeftError, match="shift=2"):
        hf.masked(model, tokenizer, shift=2)


# -- the logits processor


PROMPTS = ["abc", "ponm"]


def run(lm, processor, prompts=PROMPTS[:1], **settings):
    inputs = lm.tokenizer(prompts, return_tensors="pt", padding=True)
    torch.manual_seed(settings.pop("seed", 0))
    output = lm.model.generate(
        **inputs, logits_processor=[processor], max_new_tokens=settings.pop("max_new_tokens", 16), **settings
    )
    return [written(processor.constraint, row, inputs["input_ids"].shape[1]) for row in output]


WAYS = {
    "greedy": {"do_sample": False},
    "sample": {"do_sample": True, "temperature": 2.0},
    "sample, cut hard": {"do_sample": True, "top_k": 2, "top_p": 0.3},
    "beams": {"num_beams": 4, "do_sample": False},
    "beams, all of them": {"num_beams": 4, "num_return_sequences": 4, "do_sample": False},
    "beams, sampled": {"num_beams": 3, "do_sample": True, "temperature": 2.0},
    "several sequences": {"do_sample": True, "num_return_sequences": 5, "temperature": 2.0},
    "padded batch": {"prompts": PROMPTS, "do_sample": False},
    "padded batch, sampled": {"prompts": PROMPTS, "do_sample": True, "temperature": 2.0},
    "padded batch of beams": {"prompts": PROMPTS, "num_beams": 3, "do_sample": False},
    "prompt lookup": {"prompts": ["((a))((b))(a"], "prompt_lookup_num_tokens": 3, "do_sample": False},
    "prompt lookup, sampled": {"prompts": ["((a))((b))(a"], "prompt_lookup_num_tokens": 3, "do_sample": True},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("is_told", [True, False])
def test_every_way_to_generate_is_valid(lm, constraint, way, is_told):
    settings = dict(WAYS[way])
    prompts = settings.pop("prompts", PROMPTS[:1])
    length = max(len(prompt) for prompt in prompts)
    processor = hf.GrammarLogitsProcessor(constraint, prompt_len=length if is_told else None)
    for seed in range(6):  # one processor for all of them
        texts = run(lm, processor, prompts, seed=seed, **settings)
        assert len(texts) == len(prompts) * settings.get("num_return_sequences", 1)
        assert set(texts) <= SENTENCES, texts


@pytest.mark.parametrize("do_sample", [False, True])
@pytest.mark.parametrize("is_told", [True, False])
def test_assisted_decoding_is_valid(lm, constraint, do_sample, is_told):
    processor = hf.GrammarLogitsProcessor(constraint, prompt_len=3 if is_told else None)
    plain = run(lm, hf.GrammarLogitsProcessor(constraint), do_sample=False)
    for seed in range(6):
        assistant = llama(seed=seed, layers=1)
        texts = run(lm, processor, seed=seed, assistant_model=assistant, do_sample=do_sample)
        assert set(texts) <= SENTENCES
        if not do_sample:
            assert texts == plain
    twin = copy.deepcopy(lm.model)  # an assistant that is nearly always right: long drafts are taken
    assert run(lm, processor, assistant_model=twin, do_sample=False) == plain


def test_prompt_lookup_writes_what_greedy_writes(lm, constraint):
    prompts = ["((a))((b))(a"]
    plain = run(lm, hf.GrammarLogitsProcessor(constraint), prompts, do_sample=False)
    assert run(lm, hf.GrammarLogitsProcessor(constraint), prompts, prompt_lookup_num_tokens=4, do_sample=False) == plain


def test_one_processor_serves_prompt_after_prompt(lm, constraint):
    processor = hf.GrammarLogitsProcessor(constraint)
    for prompt in ["aaaa", "abc", "abc", "((((", "p", "gfedcba"]:
        fresh = run(lm, hf.GrammarLogitsProcessor(constraint), [prompt], do_sample=False)
        assert run(lm, processor, [prompt], do_sample=False) == fresh
    turn = "abc" + run(lm, processor, ["abc"], do_sample=False)[0].decode() + "ponm"  # the next turn of a talk
    assert set(run(lm, processor, [turn], do_sample=False)) <= SENTENCES


def test_the_budget_of_a_processor_is_kept(lm, constraint):
    for budget in (1, 2, 3, 5):
        processor = hf.GrammarLogitsProcessor(constraint, max_tokens=budget)
        for seed in range(5):
            texts = run(lm, processor, seed=seed, do_sample=True, temperature=3.0, max_new_tokens=budget)
            assert set(texts) <= SENTENCES
    with pytest.raises(BudgetExceeded):
        hf.GrammarLogitsProcessor(finite([b"abc"], lm.vocabulary), max_tokens=2)


def test_old_histories_are_forgotten(lm, constraint, monkeypatch):
    monkeypatch.setattr(hf, "_MOST_NODES", 8)
    processor = hf.GrammarLogitsProcessor(constraint)
    for seed in range(3):
        texts = run(lm, processor, PROMPTS, seed=seed, num_beams=4, num_return_sequences=2, do_sample=True)
        assert set(texts) <= SENTENCES
        assert processor._size <= 8 + 8 * 8


def test_a_finished_row_may_only_end(lm, constraint):
    processor = hf.GrammarLogitsProcessor(constraint, prompt_len=1)
    rows = torch.tensor([[5, 0, END, PAD], [5, 16, 0, 17], [5, 3, 3, 3]])  # ended, complete, refused
    scores = torch.zeros(3, WIDTH)
    out = processor(rows, scores)
    assert [row.isfinite().nonzero().flatten().tolist() for row in out] == [[END], [END], [END]]
    assert scores.eq(0).all()  # the scores that came in are somebody else's


def test_a_processor_needs_the_whole_history(constraint):
    with pytest.raises(WeftError, match="needs the whole history of every row"):
        hf.GrammarLogitsProcessor(constraint)(torch.tensor([1, 2]), torch.zeros(2, WIDTH))
    with pytest.raises(WeftError, match="shorter than its prompt"):
        hf.GrammarLogitsProcessor(constraint, prompt_len=3)(torch.tensor([[1, 2]]), torch.zeros(1, WIDTH))


# -- the embedded model


def test_the_embedded_model_writes_json_that_a_schema_accepts():
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 20},
            "age": {"type": "integer", "minimum": 0, "maximum": 150},
        },
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    lm = hf.load_causal()
    constraint = compile(from_json_schema(schema), lm.vocabulary)
    results = [generate(lm, "A person as JSON: ", constraint, temperature=1.0, seed=seed) for seed in range(3)]
    ids = torch.tensor([lm.encode("A person as JSON: ")])
    processor = hf.GrammarLogitsProcessor(constraint)
    beams = lm.model.generate(
        ids, logits_processor=[processor], max_new_tokens=60, num_beams=3, num_return_sequences=3, do_sample=False
    )
    for text in [result.text for result in results] + [written(constraint, row, ids.shape[1]) for row in beams]:
        person = json.loads(text)
        assert list(person) == ["name", "age"]
        assert isinstance(person["name"], str)
        assert 0 <= person["age"] <= 150
