"""Models on a GPU: what they write is valid there too, the same as on the CPU, and their time is counted as theirs."""

import json

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import numpy as np  # noqa: E402
from toy_solver import ToyVocabulary, engine  # noqa: E402
from transformers import LogitsProcessorList  # noqa: E402

import weft  # noqa: E402
from weft.decoders import embedded, hf  # noqa: E402
from weft.decoders.denoise import denoise  # noqa: E402
from weft.decoders.diffusion_gemma import GrammarCanvasProcessor  # noqa: E402
from weft.decoders.fill import fill  # noqa: E402
from weft.decoders.generate import generate  # noqa: E402
from weft.decoders.models import MaskedModel  # noqa: E402
from weft.decoders.policies import Dream, EntropyBudget, Factor, Threshold, TopK  # noqa: E402
from weft.infill.canvas import HOLE, Canvas, Hole  # noqa: E402

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")]

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0, "maximum": 130}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
PROMPT = "a person with name and age as JSON:\n"
PRECISIONS = [torch.float32, torch.bfloat16, torch.float16]


@pytest.fixture(scope="module")
def grammar() -> weft.Grammar:
    return weft.from_json_schema(SCHEMA)


def is_person(text: str) -> bool:
    value = json.loads(text)
    return list(value) == ["name", "age"] and isinstance(value["name"], str) and 0 <= value["age"] <= 130


@pytest.fixture(scope="module", params=PRECISIONS, ids=str)
def causal(request) -> hf.CausalLM:
    return hf.CausalLM(embedded.causal().to("cuda", request.param), embedded.tokenizer())


@pytest.fixture(scope="module", params=PRECISIONS, ids=str)
def masked(request) -> hf.MaskedLM:
    return hf.masked(embedded.masked().to("cuda", request.param), embedded.tokenizer())


@pytest.mark.parametrize("options", [{}, {"temperature": 1.0, "top_k": 40, "top_p": 0.9, "seed": 0}], ids=str)
def test_generated_text_is_valid(causal, grammar, options) -> None:
    constraint = weft.compile(grammar, causal.vocabulary)
    assert is_person(generate(causal, PROMPT, constraint, max_tokens=60, **options).text)


@pytest.mark.parametrize("options", [{"do_sample": True, "temperature": 2.0}, {"num_beams": 3}], ids=str)
def test_model_generate_stays_valid(causal, grammar, options) -> None:
    constraint = weft.compile(grammar, causal.vocabulary)
    processor = hf.GrammarLogitsProcessor(constraint, max_tokens=60)
    prompt = causal.tokenizer([PROMPT] * 2, return_tensors="pt").to("cuda")
    rows = causal.model.generate(
        **prompt, logits_processor=LogitsProcessorList([processor]), max_new_tokens=60, **options
    )[:, prompt["input_ids"].shape[1] :]
    assert all(is_person(text) for text in causal.tokenizer.batch_decode(rows, skip_special_tokens=True))


def test_holes_are_filled(causal) -> None:
    constraint = weft.compile(weft.load("cpp"), causal.vocabulary)
    canvas = Canvas("int add(int a, int b) {\n    return ", HOLE, ";\n}\nint main() { return add(", Hole(1), ", 2); }")
    result = fill(causal, canvas, constraint)
    assert weft.check(weft.load("cpp"), result.text).status is weft.Status.COMPLETE


@pytest.mark.parametrize(
    "policy",
    [TopK(4), Threshold(0.9), Factor(1.0), EntropyBudget(0.1), Dream(8)],
    ids=lambda policy: type(policy).__name__,
)
def test_denoised_text_is_valid(masked, grammar, policy) -> None:
    constraint = weft.compile(grammar, masked.vocabulary)
    for options in ({}, {"temperature": 1.0, "seed": 0}, {"masks": False}, {"max_steps": 2}):
        assert is_person(denoise(masked, PROMPT, constraint, length=32, block=16, policy=policy, **options).text)


def test_the_text_is_that_of_the_cpu(grammar) -> None:
    for adapter, load, write in (
        (hf.CausalLM, embedded.causal, lambda lm, c: generate(lm, PROMPT, c, max_tokens=60)),
        (hf.masked, embedded.masked, lambda lm, c: denoise(lm, PROMPT, c, length=32, policy=TopK(2))),
    ):
        here, there = (adapter(load().to(device), embedded.tokenizer()) for device in ("cpu", "cuda"))
        constraint = weft.compile(grammar, here.vocabulary)
        assert write(here, constraint).ids == write(there, constraint).ids


def test_the_time_of_the_gpu_is_the_models() -> None:
    """Scores come back before they are computed; who reads them first waits, and that is not sampling."""
    vocabulary = ToyVocabulary([b"a", b"b", None, None], eos=[2])

    class Slow:
        mask_id, vocab_size = 3, 4

        def __init__(self):
            self.vocabulary = vocabulary

        def encode(self, text: str) -> list[int]:
            return []

        def logits(self, tokens):
            torch.cuda._sleep(400_000_000)  # cycles: 0.2 s
            return torch.zeros(len(tokens), 4, device="cuda")

    slow = Slow()
    assert isinstance(slow, MaskedModel)
    constraint = engine("weft")([b"ab", b"ba"], vocabulary)
    denoise(slow, "", constraint, length=2)  # what CUDA does once
    for options in ({}, {"masks": False}, {"max_steps": 1}):
        timings = denoise(slow, "", constraint, length=2, **options).timings
        assert timings.model_s > 10 * (timings.sampling_s + timings.constraint_s)


def test_a_canvas_of_scores_stays_where_it_is() -> None:
    vocabulary = ToyVocabulary([b"a", b"b", None], eos=[2])
    constraint = engine("weft")([b"ab", b"ba"], vocabulary)
    scores = torch.tensor(np.arange(12.0).reshape(2, 2, 3), dtype=torch.bfloat16)
    ids = torch.zeros(2, 0, dtype=torch.long)
    here = GrammarCanvasProcessor(constraint, prompt_len=0)(ids, scores, 1)
    there = GrammarCanvasProcessor(constraint, prompt_len=0)(ids.cuda(), scores.cuda(), 1)
    assert there.is_cuda and torch.equal(here, there.cpu())
