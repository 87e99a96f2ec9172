"""A grammar in `generate` of a tiny random DiffusionGemma: every canvas is a sentence, whenever it stops."""

import pytest
import torch
from toy_solver import ENGINES, ToyVocabulary, engine

from weft.errors import DeadEnd, WeftError
from weft.infill.canvas import HOLE, Canvas, Hole

transformers = pytest.importorskip("transformers", minversion="5.20")
if not hasattr(transformers, "DiffusionGemmaForBlockDiffusion"):
    pytest.skip("this transformers has no DiffusionGemma", allow_module_level=True)

from weft.decoders.diffusion_gemma import GrammarCanvasProcessor  # noqa: E402

OPEN, CLOSE, A, EOS, PAD = 0, 1, 2, 14, 15
BRACKETS = ToyVocabulary([b"(", b")", b"a", *[None] * 13], eos=[EOS])
WIDTH = 6


@pytest.fixture(params=ENGINES)
def constrain(request):
    return engine(request.param)


def balanced(pairs: int) -> list[bytes]:
    level: set[bytes] = {b""}
    out = set(level)
    for _ in range(pairs):
        level = {text[:i] + b"()" + text[i:] for text in level for i in range(len(text) + 1)}
        out |= level
    return sorted(out)


@pytest.fixture(scope="module")
def model():
    attention = {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16}
    text = attention | {
        "vocab_size": 16,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "layer_types": ["sliding_attention", "full_attention"],
        "global_head_dim": 16,
        "num_experts": 2,
        "top_k_experts": 1,
        "moe_intermediate_size": 16,
        "max_position_embeddings": 128,
        "pad_token_id": PAD,
        "eos_token_id": EOS,
        "bos_token_id": 13,
    }
    vision = attention | {
        "model_type": "gemma4_vision",
        "hidden_size": 32,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "position_embedding_size": 16,
    }
    config = transformers.DiffusionGemmaConfig(text_config=text, vision_config=vision, canvas_length=WIDTH)
    torch.manual_seed(0)
    return transformers.DiffusionGemmaForBlockDiffusion(config).eval()


def write(model, processor, **more):
    torch.manual_seed(1)
    prompt = torch.tensor([[3, 4, 5], [6, 7, 8]])
    processors = transformers.LogitsProcessorList([processor] if processor else [])
    more = {"max_new_tokens": WIDTH, "max_denoising_steps": 4, "disable_compile": True, "eos_token_id": EOS} | more
    out = model.generate(prompt, logits_processor=processors, pad_token_id=PAD, **more)
    return out.sequences[:, prompt.shape[1] :].tolist()


def text_of(ids: list[int]) -> bytes:
    """The text before the first end token; after it there is only padding or nothing."""
    ids = [*ids, EOS]
    end = ids.index(EOS)
    assert set(ids[end + 1 :]) <= {EOS, PAD}
    return b"".join(BRACKETS.tokens[token_id] or b"?" for token_id in ids[:end])


@pytest.mark.parametrize("steps", [1, 2, 6])
def test_every_canvas_is_a_sentence(model, steps: int, constrain) -> None:
    sentences = balanced(3)
    processor = GrammarCanvasProcessor(constrain(sentences, BRACKETS), prompt_len=3)
    for ids in write(model, processor, max_denoising_steps=steps):
        assert text_of(ids) in sentences


def test_it_is_a_sentence_when_the_model_stops_early(model, constrain) -> None:
    sentences = balanced(3)
    steps = []

    class Spy(GrammarCanvasProcessor):
        def __call__(self, input_ids, scores, cur_step):
            steps.append(cur_step)
            return super().__call__(input_ids, scores, cur_step)

    processor = Spy(constrain(sentences, BRACKETS), prompt_len=3)
    got = write(model, processor, max_denoising_steps=30, stability_threshold=0, confidence_threshold=100.0)
    assert steps == [30]
    assert all(text_of(ids) in sentences for ids in got)


def test_a_text_may_go_over_several_canvases(model, constrain) -> None:
    sentences = [text for text in balanced(5) if len(text) >= 8]
    processor = GrammarCanvasProcessor(constrain(sentences, BRACKETS), prompt_len=3, max_new_tokens=2 * WIDTH)
    got = write(model, processor, max_new_tokens=2 * WIDTH)
    assert all(text_of(ids) in sentences for ids in got)


def test_fixed_tokens_stay(model, constrain) -> None:
    sentences = [b"(a)(a)", b"a", b"(())", b"(a)"]
    canvas = Canvas([OPEN], Hole(2), [CLOSE])
    processor = GrammarCanvasProcessor(constrain(sentences, BRACKETS), prompt_len=3, canvas=canvas)
    assert [text_of(ids) for ids in write(model, processor)] == [b"(())"] * 2


def test_masks_are_soft_and_the_joint_filling_is_the_argmax(constrain) -> None:
    """{ab, ba} with a preferred in both slots: both letters stay possible in both, and the argmax is a sentence."""
    constraint = constrain([b"(a", b"a("], BRACKETS)
    scores = torch.zeros(1, 2, 16)
    scores[0, :, A] = torch.tensor([2.0, 1.0])
    scores[0, :, CLOSE] = 5.0
    out = GrammarCanvasProcessor(constraint, prompt_len=0)(torch.zeros(1, 0, dtype=torch.long), scores, 3)
    assert out.argmax(-1).tolist() == [[A, OPEN]]
    assert (out[0].isfinite().nonzero() == torch.tensor([[0, OPEN], [0, A], [1, OPEN], [1, A]])).all()
    assert out[0, 0, A] == 2.0
    assert out[0, 1].max() == pytest.approx(1.0, abs=0.01)
    assert scores[0, 0, CLOSE] == 5.0


def test_mistakes_are_refused(constrain) -> None:
    constraint = constrain([b"((()))"], BRACKETS)
    ids, scores = torch.zeros(1, 0, dtype=torch.long), torch.zeros(1, 4, 16)
    with pytest.raises(DeadEnd, match="no filling"):
        GrammarCanvasProcessor(constraint, prompt_len=0)(ids, scores, 1)
    with pytest.raises(WeftError, match="at most 4"):
        GrammarCanvasProcessor(constraint, prompt_len=0)(torch.zeros(1, 4, dtype=torch.long), scores, 1)
    with pytest.raises(WeftError, match="needs a canvas of tokens"):
        GrammarCanvasProcessor(constraint, prompt_len=0, canvas=Canvas("(", HOLE))
