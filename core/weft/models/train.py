"""Makes the embedded default models: text, tokenizer, a causal transformer, and a masked-diffusion one out of it.

    python -m weft.models.train --out my_models              # the causal model, then the masked one
    python -m weft.models.train --only masked --minutes 10   # what can be learned in ten minutes

The masked model starts from the weights of the causal one, which then sees both ways: to take over words of its prompt
is what a small model learns last, and the causal one has learned it (Gong et al. 2025, DiffuLLaMA; Ye et al. 2025,
Dream). From scratch, in the same time, it never does.

A run with `--steps` repeats bit for bit on one machine, one version of torch and one number of threads; a run with
`--minutes` stops by the clock and does not. Objective of the masked model: Nie et al. 2025, "Large Language Diffusion
Models" (LLaDA), supervised fine-tuning: draw t, mask a share t of the answer's slots, weigh the loss by 1/t.
Optimizer of the matrices: Muon (Jordan et al. 2024); of everything else: AdamW.
"""

import argparse
import copy
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import torch
import torch.nn.functional as F
from rich.progress import Progress, TextColumn, TimeRemainingColumn
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from weft.models import rows
from weft.models.rows import END, MASK, PAD, SPECIALS, Row

VOCABULARY = 1100
PIECES = r" ?[\p{L}_]+|\p{N}{1,2}|[^\p{L}\p{N}_]+"  # words, two digits at most, runs of punctuation and space
STEPS = {"causal": 3000, "masked": 3400}
PEAK = {"causal": 0.02, "masked": 0.007}  # learning rate of the matrices; everything else learns at a fifth of it
WARM_UP, FLOOR = 0.02, 0.02  # fractions: of the run, of the peak
TAIL = 0.2  # weight of an end token after the first: most slots of a canvas are such, and they are soon learned

LEFT_TO_RIGHT = 3  # one in so many steps of the masked model is one of the causal model, so that it unlearns nothing
WINDOWS = torch.tensor([4, 8, 16, 16, 32])  # slots of a block

Report = Callable[[float, str], None]  # share done, what to show


def train_tokenizer(*, seed: int = 0, texts: int = 40_000) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer: every byte is a token, and a special token is never text."""
    rng = Random(seed)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    examples = (rows.example(rng) for _ in range(texts))
    tokenizer.train_from_iterator((one.prompt + one.answer for one in examples), trainer)
    fast: Any = PreTrainedTokenizerFast
    loaded: PreTrainedTokenizerFast = fast(
        tokenizer_object=tokenizer,
        pad_token=SPECIALS[PAD],
        eos_token=SPECIALS[END],
        bos_token=SPECIALS[END],
        mask_token=SPECIALS[MASK],
        additional_special_tokens=list(SPECIALS[3:]),
        clean_up_tokenization_spaces=False,
        model_max_length=512,
        padding_side="left",
    )
    return loaded


def causal_model(size: int) -> LlamaForCausalLM:
    """An untrained causal transformer over `size` token ids."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=size, hidden_size=160, intermediate_size=432, num_hidden_layers=6, num_attention_heads=5,
            num_key_value_heads=5, max_position_embeddings=512, tie_word_embeddings=True, initializer_range=0.03,
            pad_token_id=PAD, bos_token_id=END, eos_token_id=END,
        )
    )  # fmt: skip


def masked_model(causal: LlamaForCausalLM) -> LlamaForCausalLM:
    """The causal transformer with its eyes opened: every token sees all others, and row i still scores token i + 1."""
    config = copy.deepcopy(causal.config)
    config.is_causal = config.use_cache = False
    config.mask_token_id, config.logit_shift = MASK, 1
    model = LlamaForCausalLM(config)
    model.load_state_dict(causal.state_dict())
    return model


def causal_loss(model: Any, batch: list[Row]) -> Any:
    width = max(len(row.ids) for row in batch)
    ids = torch.tensor([row.ids + [PAD] * (width - len(row.ids)) for row in batch])  # (batch, width)
    learned = torch.tensor([row.learned + [False] * (width - len(row.ids)) for row in batch])
    hidden = model.model(input_ids=ids[:, :-1]).last_hidden_state  # rows are padded on the right: causal hides it
    logits = model.lm_head(hidden[learned[:, 1:]])  # (learned tokens, vocabulary)
    return F.cross_entropy(logits.float(), ids[:, 1:][learned[:, 1:]])


def masked_loss(model: Any, batch: list[Row], draw: torch.Generator) -> Any:
    """One row in four loses slots all over, the others as in decoding by blocks: in a window, and all after it."""
    width = max(len(row.ids) for row in batch)
    ids = torch.tensor([[PAD] * (width - len(row.ids)) + row.ids for row in batch])  # (batch, width)
    learned = torch.tensor([[False] * (width - len(row.ids)) + row.learned for row in batch])
    tail = (ids == END) & (ids.roll(1, 1) == END)
    slots, place = learned.sum(1), learned.cumsum(1) - 1  # (batch), (batch, width)
    rolled = torch.rand((3, len(batch)), generator=draw)
    by_block = torch.arange(len(batch)) % 4 != 0
    start = torch.where(by_block, (rolled[0] * (learned & ~tail).sum(1)).long(), 0)
    stop = torch.where(by_block, (start + WINDOWS[(rolled[1] * len(WINDOWS)).long()]).minimum(slots), slots)
    window = learned & (place >= start[:, None]) & (place < stop[:, None])
    rate = (torch.randperm(len(batch), generator=draw) + rolled[2]) / len(batch)  # LLaDA's t, spread evenly
    count = (rate * (stop - start)).floor() + 1  # as many open slots as t asks for: less noise than a coin for each
    order = torch.rand(ids.shape, generator=draw).masked_fill(~window, 2).argsort(1).argsort(1)
    is_open = order < count[:, None]
    noisy = ids.masked_fill(is_open | (learned & (place >= stop[:, None])), MASK)
    hidden = model.model(input_ids=noisy, attention_mask=(ids != PAD).long()).last_hidden_state
    logits = model.lm_head(hidden[:, :-1][is_open[:, 1:]])  # (open slots, vocabulary): the row before a slot scores it
    losses = F.cross_entropy(logits.float(), ids[is_open], reduction="none")
    worth = torch.where(tail, TAIL, 1.0)
    weight = worth * ((stop - start) / count)[:, None]
    return (losses * weight[is_open]).sum() / worth[window].sum()


def train(
    name: str,
    tokenizer: PreTrainedTokenizerFast,
    *,
    seed: int = 0,
    steps: int | None = None,
    minutes: float | None = None,
    batch: int = 32,
    causal: LlamaForCausalLM | None = None,
    report: Report = lambda done, note: None,
) -> Any:
    """A trained "causal" or "masked" model: after `steps`, or after `minutes` if those are given.

    The masked model needs a trained `causal` one to start from; it is left as it is.
    """
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    size = len(tokenizer)
    assert (name == "masked") == (causal is not None), "the masked model starts from a causal one"
    model: Any = masked_model(causal) if causal else causal_model(size)
    model.set_attn_implementation("eager")  # half the time of the fused kernel, whose backward is slow on short rows
    masked_data = batches("masked", tokenizer, seed=seed, size=batch)
    causal_data = batches("causal", tokenizer, seed=seed + (name == "masked"), size=batch)
    optimizers = _optimizers(model, PEAK[name])
    peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    total = steps or STEPS[name]
    begin, cpu, step, smooth = time.monotonic(), time.process_time(), 0, math.log(size)
    model.train()
    while (done := (time.monotonic() - begin) / 60 / minutes if minutes else step / total) < 1:
        scale = min(1.0, done / WARM_UP + 0.01) * (FLOOR + (1 - FLOOR) * (1 + math.cos(math.pi * done)) / 2)
        for optimizer, rates in zip(optimizers, peaks, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * scale
        model.config.is_causal = name == "causal" or step % LEFT_TO_RIGHT == LEFT_TO_RIGHT - 1
        with torch.autocast("cpu", torch.bfloat16):
            if model.config.is_causal:
                loss = causal_loss(model, next(causal_data))
            else:
                loss = masked_loss(model, next(masked_data), draw)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if model.config.is_causal == (name == "causal"):
            smooth += 0.02 * (loss.item() - smooth)
        step += 1
        report(done, f"step {step} loss {smooth:.3f}")
    spent = (
        f"{(time.monotonic() - begin) / 60:.1f} min, {(time.process_time() - cpu) / 60:.1f} of them on the processor"
    )
    model.config.is_causal = name == "causal"
    report(1.0, f"step {step} loss {smooth:.3f}, {spent}")
    return model.eval()


def batches(name: str, tokenizer: PreTrainedTokenizerFast, *, seed: int, size: int) -> Iterator[list[Row]]:
    """The rows that the model called `name` learns from."""

    def encode(text: str) -> list[int]:
        return tokenizer.backend_tokenizer.encode(text).ids if text else []

    return rows.batches(rows.causal_row if name == "causal" else rows.masked_row, encode, seed=seed, size=size)


def _optimizers(model: Any, peak: float) -> list[torch.optim.Optimizer]:
    inner = [value for key, value in model.named_parameters() if value.ndim == 2 and "layers" in key]
    chosen = {id(value) for value in inner}
    rest = [value for value in model.parameters() if id(value) not in chosen]
    return [
        torch.optim.Muon(inner, lr=peak, momentum=0.95, weight_decay=0.01, adjust_lr_fn="original"),
        torch.optim.AdamW(rest, lr=peak / 5, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def save(model: Any, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Writes the layout that every transformers loader reads; weights in half the bytes, to be loaded as float32."""
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    config = folder / "config.json"
    settings = json.loads(config.read_text())
    settings["dtype"] = "float32"
    config.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m weft.models.train", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--out", type=Path, default=Path("models"), help="where causal/ and masked/ go (default: models)"
    )
    parser.add_argument(
        "--only", choices=STEPS, help="train one model; masked: out of causal/ in --out, or the shipped"
    )
    parser.add_argument("--steps", type=int, help=f"steps of training (default: {STEPS})")
    parser.add_argument("--minutes", type=float, help="stop by the clock instead; the result is then not reproducible")
    parser.add_argument("--batch", type=int, default=32, help="rows a step (default: 32)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="default: 2")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.use_deterministic_algorithms(True)
    settings = {key: getattr(arguments, key) for key in ("seed", "steps", "minutes", "batch")}
    tokenizer = train_tokenizer(seed=arguments.seed)
    for name in [arguments.only] if arguments.only else list(STEPS):
        causal = _trained_causal(arguments.out) if name == "masked" else None
        with _shown(name) as report:
            model = train(name, tokenizer, **settings, causal=causal, report=report)
        save(model, tokenizer, arguments.out / name)


def _trained_causal(out: Path) -> LlamaForCausalLM:
    folder = next(parent / "causal" for parent in (out, Path(__file__).parent) if (parent / "causal").is_dir())
    kind: Any = LlamaForCausalLM
    model: LlamaForCausalLM = kind.from_pretrained(folder, dtype=torch.float32)
    return model


@contextmanager
def _shown(name: str) -> Iterator[Report]:
    """A bar on a terminal; elsewhere a line at every hundredth of the run."""
    columns = (*Progress.get_default_columns()[:3], TimeRemainingColumn(), TextColumn("{task.fields[note]}"))
    last = -1
    with Progress(*columns) as bars:
        task = bars.add_task(name, total=1.0, note="")

        def report(done: float, note: str) -> None:
            nonlocal last
            bars.update(task, completed=done, note=note)
            if not bars.console.is_terminal and int(100 * done) > last:
                last = int(100 * done)
                print(f"{name} {last:3}% {note}", flush=True)

        yield report


if __name__ == "__main__":
    main()
