"""Makes the embedded default models: text, tokenizer, a causal transformer, and a masked-diffusion one out of it.

    python -m weft.models.train --out my_models              # the causal model, then the masked one
    python -m weft.models.train --only masked --minutes 10   # what can be learned in ten minutes
    python -m weft.models.train --only taught                # the masked model goes on, with answers of its own

The masked model starts from the weights of the causal one, which then sees both ways: to take over words of its prompt
is what a small model learns last, and the causal one has learned it (Gong et al. 2025, DiffuLLaMA; Ye et al. 2025,
Dream). From scratch, in the same time, it never does.

A run with `--steps` repeats bit for bit on one machine, one version of torch and one number of threads; a run with
`--minutes` stops by the clock and does not, nor does one on a GPU. Objective of the masked model: Nie et al. 2025,
"Large Language Diffusion Models" (LLaDA), supervised fine-tuning: draw t, mask a share t of the answer's slots, weigh
the loss by 1/t.
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
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from rich.progress import Progress, TextColumn, TimeRemainingColumn
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from weft.models import evaluate, rows
from weft.models.json_text import Example
from weft.models.rows import END, MASK, PAD, SPECIALS, Row

VOCABULARY = 1100
PIECES = r" ?[\p{L}_]+|\p{N}{1,2}|[^\p{L}\p{N}_]+"  # words, two digits at most, runs of punctuation and space
STEPS = {"causal": 3000, "masked": 3400, "taught": 1000}
PEAK = {"causal": 0.02, "masked": 0.007, "taught": 0.005}  # learning rate of the matrices, the rest: a fifth of it
WARM_UP, FLOOR = 0.02, 0.02  # fractions: of the run, of the peak
TAIL = 0.2  # weight of an end token after the first: most slots of a canvas are such, and they are soon learned

LEFT_TO_RIGHT = 3  # one in so many steps of the masked model is one of the causal model, so that it unlearns nothing
WINDOWS = torch.tensor([4, 8, 16, 16, 32])  # slots of a block

MOMENTUM, DECAY = 0.95, 0.01  # of Muon

OWN = 0.5  # share of the examples that a model being taught answers itself
ASKED = 2048  # prompts that it is asked at once
STRIDE = 32  # widths that a GPU has graphs for

Report = Callable[[float, str], None]  # share done, what to show
Batch = tuple[Tensor, Tensor]  # ids; learned, as in rows.Row: (batch, width) each


class Task(NamedTuple):
    """What a step learns: (batch, width) each."""

    shown: Tensor  # ids that the model sees
    ids: Tensor  # those that it should find
    weight: Tensor  # of each slot in the loss


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


def padded(batch: list[Row]) -> Batch:
    """Rows of one width, filled up on the right: a fused kernel may not see a whole block of hidden keys first."""
    width = max(len(row.ids) for row in batch)
    ids = [row.ids + [PAD] * (width - len(row.ids)) for row in batch]
    learned = [row.learned + [False] * (width - len(row.learned)) for row in batch]
    return torch.tensor(ids), torch.tensor(learned)


def causal_task(batch: Batch) -> Task:
    ids, learned = batch
    return Task(ids, ids, learned / learned.sum())


def masked_task(batch: Batch, draw: torch.Generator) -> Task:
    """One row in four loses slots all over, the others as in decoding by blocks: in a window, and all after it."""
    ids, learned = batch
    where = ids.device
    tail = (ids == END) & (ids.roll(1, 1) == END)
    slots, place = learned.sum(1), learned.cumsum(1) - 1  # (batch), (batch, width)
    rolled = torch.rand((3, len(ids)), generator=draw, device=where)
    by_block = torch.arange(len(ids), device=where) % 4 != 0
    start = torch.where(by_block, (rolled[0] * (learned & ~tail).sum(1)).long(), 0)
    windows = WINDOWS.to(where)[(rolled[1] * len(WINDOWS)).long()]
    stop = torch.where(by_block, (start + windows).minimum(slots), slots)
    window = learned & (place >= start[:, None]) & (place < stop[:, None])
    mixed = torch.randperm(len(ids), generator=draw, device=where)
    rate = (mixed + rolled[2]) / len(ids)  # LLaDA's t, spread evenly
    count = (rate * (stop - start)).floor() + 1  # as many open slots as t asks for: less noise than a coin for each
    order = torch.rand(ids.shape, generator=draw, device=where).masked_fill(~window, 2).argsort(1).argsort(1)
    is_open = order < count[:, None]
    shown = ids.masked_fill(is_open | (learned & (place >= stop[:, None])), MASK)
    worth = torch.where(tail, TAIL, 1.0)
    weight = worth * ((stop - start) / count)[:, None] / (worth * window).sum()
    return Task(shown, ids, weight * is_open)


def loss(model: Any, task: Task) -> Tensor:
    """The weighted cross entropy of a task, which the row before a slot scores."""
    attended = None if model.config.is_causal else (task.shown != PAD).long()
    hidden = model.model(input_ids=task.shown, attention_mask=attended).last_hidden_state[:, :-1]
    weight, ids = task.weight[:, 1:], task.ids[:, 1:]
    if hidden.device.type == "cpu":  # a captured graph has one shape, whatever is learned
        chosen = weight > 0
        hidden, weight, ids = hidden[chosen], weight[chosen], ids[chosen]
    logits = model.lm_head(hidden).float().flatten(0, -2)  # (slots, vocabulary)
    return (F.cross_entropy(logits, ids.flatten(), reduction="none") * weight.flatten()).sum()


class Learner:
    """Gives every parameter its gradient, and returns the loss.

    On a GPU the 1,600 kernels of a step are captured once for every width, rounded up, and then launched together.
    PERF: a step of 256 rows on an H100 took 75 ms with kernels launched one by one and torch.optim.Muon, and takes 15.
    """

    def __init__(self, model: Any, device: str):
        self.model, self.device, self.pool = model, device, None
        self.captured: dict[tuple[bool, int], tuple[Any, Task, Tensor]] = {}
        for value in model.parameters():
            value.grad = torch.zeros_like(value)  # stays in one place: graphs write there

    def __call__(self, task: Task) -> Tensor:
        if self.device == "cpu":
            return self._learn(task)
        width = task.ids.shape[1]
        task = Task(*(F.pad(part, (0, -width % STRIDE)) for part in task))  # PAD is 0, as is the weight of no slot
        key = bool(self.model.config.is_causal), task.ids.shape[1]
        if key not in self.captured:
            self.captured[key] = self._capture(task)
        graph, static, result = self.captured[key]
        for mine, given in zip(static, task, strict=True):
            mine.copy_(given)
        graph.replay()
        return result

    def _learn(self, task: Task) -> Tensor:
        torch._foreach_zero_([value.grad for value in self.model.parameters()])
        with torch.autocast(self.device, torch.bfloat16, cache_enabled=False):
            result = loss(self.model, task)
        result.backward()  # type: ignore[no-untyped-call]
        return result.detach()

    def _capture(self, task: Task) -> tuple[Any, Task, Tensor]:
        aside: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(2):
                self._learn(task)
        torch.cuda.current_stream().wait_stream(aside)
        graph: Any = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool):
            result = self._learn(task)
        self.pool = graph.pool()
        return graph, task, result


def train(
    name: str,
    tokenizer: PreTrainedTokenizerFast,
    *,
    seed: int = 0,
    steps: int | None = None,
    minutes: float | None = None,
    batch: int = 32,
    rate: float | None = None,
    answers: int = 0,
    device: str = "cpu",
    workers: int = 0,
    start: LlamaForCausalLM | None = None,
    report: Report = lambda done, note: None,
) -> Any:
    """A trained "causal" or "masked" model: after `steps`, or after `minutes` if those are given.

    The masked model needs a trained causal one to `start` from, "taught" a masked one, which learns from `answers` of
    its own; either is left as it is.
    """
    torch.manual_seed(seed)
    draw = torch.Generator(device).manual_seed(seed)
    assert (name == "causal") == (start is None), "the masked model starts from a causal one, and goes on from itself"
    model: Any = masked_model(start) if start else causal_model(len(tokenizer))
    model.to(device)
    # The fused kernel takes twice the time on a CPU, where its backward is slow on short rows; on a GPU it led to NaN.
    model.set_attn_implementation("eager")
    own = own_answers(model, tokenizer, answers, seed=seed) if name == "taught" else []
    masked_data = _fed("masked", tokenizer, own, seed=seed, size=batch, workers=workers)
    causal_data = _fed("causal", tokenizer, [], seed=seed + (name != "causal"), size=batch, workers=workers)
    learn, optimizers = Learner(model, device), _optimizers(model, rate or PEAK[name])
    peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    total = steps or STEPS[name]
    begin, cpu, step, note = time.monotonic(), time.process_time(), 0, ""
    smooth = torch.tensor(math.log(len(tokenizer)), device=device)
    model.train()
    while (done := (time.monotonic() - begin) / 60 / minutes if minutes else step / total) < 1:
        scale = min(1.0, done / WARM_UP + 0.01) * (FLOOR + (1 - FLOOR) * (1 + math.cos(math.pi * done)) / 2)
        for optimizer, rates in zip(optimizers, peaks, strict=True):
            for group, peak in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = peak * scale
        model.config.is_causal = name == "causal" or step % LEFT_TO_RIGHT == LEFT_TO_RIGHT - 1
        ids, learned = next(causal_data if model.config.is_causal else masked_data)
        one = ids.to(device, non_blocking=True), learned.to(device, non_blocking=True)
        lost = learn(causal_task(one) if model.config.is_causal else masked_task(one, draw))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        if model.config.is_causal == (name == "causal"):
            smooth.lerp_(lost, 0.02)
        if step % 20 == 0:  # to read a number is to wait for the GPU
            note = f"loss {smooth.item():.3f}"
        step += 1
        report(done, f"step {step} {note}")
    spent = (
        f"{(time.monotonic() - begin) / 60:.1f} min, {(time.process_time() - cpu) / 60:.1f} of them on the processor"
    )
    model.config.is_causal = name == "causal"
    report(1.0, f"step {step} loss {smooth.item():.3f}, {spent}")
    return model.cpu().eval()


def own_answers(model: Any, tokenizer: PreTrainedTokenizerFast, count: int, *, seed: int) -> list[Example]:
    """What the masked model answers to `count` prompts, a slot at a time, where it does as well as the text.

    A prompt of the text has many answers, and a model that commits several slots at once mixes them up; it cannot where
    it has one that it is surest of. Source: Kim & Rush 2016, as Gu et al. 2018 have it for parallel decoding.
    """
    rng = Random(f"answers {seed}")
    asked = sorted((rows.example(rng) for _ in range(count)), key=lambda one: len(one.prompt))
    own: list[Example] = []
    for i in range(0, count, ASKED):
        some = asked[i : i + ASKED]
        with torch.autocast(model.device.type, torch.bfloat16):
            texts = evaluate.denoise_text(model.eval(), tokenizer, some, length=64, block=16, each=1)
        own += [one._replace(answer=text) for one, text in zip(some, texts, strict=True) if evaluate.is_like(one, text)]
    return own


def batches(
    name: str, tokenizer: PreTrainedTokenizerFast, own: list[Example] | None = None, *, seed: int, size: int
) -> Iterator[list[Row]]:
    """The rows that the model called `name` learns from; half of them from its `own` answers, if there are any."""

    def encode(text: str) -> list[int]:
        return tokenizer.backend_tokenizer.encode(text).ids if text else []

    def draw(rng: Random) -> Example:
        return rng.choice(own) if own and rng.random() < OWN else rows.example(rng)

    make = rows.causal_row if name == "causal" else rows.masked_row
    return rows.batches(make, encode, draw, seed=seed, size=size)


class _Fed(IterableDataset[Batch]):
    def __init__(self, name: str, tokenizer: PreTrainedTokenizerFast, own: list[Example], seed: int, size: int):
        self.name, self.tokenizer, self.own, self.seed, self.size = name, tokenizer, own, seed, size

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        seed = self.seed + 1000 * (worker.id if worker else 0)
        for batch in batches(self.name, self.tokenizer, self.own, seed=seed, size=self.size):
            yield padded(batch)


def _fed(
    name: str, tokenizer: PreTrainedTokenizerFast, own: list[Example], *, seed: int, size: int, workers: int
) -> Iterator[Batch]:
    """The batches, in an order that the seed and the number of workers decide."""
    return iter(DataLoader(_Fed(name, tokenizer, own, seed, size), batch_size=None, num_workers=workers))


class Muon(torch.optim.Optimizer):
    """torch.optim.Muon with the matrices of one shape in one product, which takes a tenth of the kernels."""

    def __init__(self, parameters: list[Any], *, lr: float):
        super().__init__(parameters, {"lr": lr})
        shapes = dict.fromkeys(value.shape for value in parameters)
        self.alike = [[value for value in parameters if value.shape == shape] for shape in shapes]
        self.momenta = [[torch.zeros_like(value) for value in some] for some in self.alike]

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        rate = self.param_groups[0]["lr"]
        for some, momenta in zip(self.alike, self.momenta, strict=True):
            high, wide = some[0].shape
            gradients = [value.grad for value in some]
            torch._foreach_lerp_(momenta, gradients, 1 - MOMENTUM)
            steps = torch.stack(torch._foreach_lerp(gradients, momenta, MOMENTUM)).bfloat16()  # (matrices, high, wide)
            found = _orthogonal(steps.mT).mT if high > wide else _orthogonal(steps)
            torch._foreach_mul_(some, 1 - rate * DECAY)
            torch._foreach_add_(some, list(found.float()), alpha=-rate * max(1, high / wide) ** 0.5)


def _orthogonal(steps: Tensor) -> Tensor:
    """The nearest matrices with singular values of about 1, by five Newton-Schulz iterations."""
    a, b, c = 3.4445, -4.775, 2.0315
    steps = steps / steps.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(5):
        gram = steps @ steps.mT
        steps = torch.baddbmm(steps, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), steps, beta=a)
    return steps


def _optimizers(model: Any, peak: float) -> list[torch.optim.Optimizer]:
    inner = [value for key, value in model.named_parameters() if value.ndim == 2 and "layers" in key]
    chosen = {id(value) for value in inner}
    rest = [value for value in model.parameters() if id(value) not in chosen]
    return [
        Muon(inner, lr=peak),
        torch.optim.AdamW(rest, fused=True, lr=peak / 5, betas=(0.9, 0.98), weight_decay=0.0),
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
        "--only",
        choices=STEPS,
        help="train one model; masked: out of causal/ in --out, or the shipped; taught: masked/ goes on with itself",
    )
    parser.add_argument("--steps", type=int, help=f"steps of training (default: {STEPS})")
    parser.add_argument("--minutes", type=float, help="stop by the clock instead; the result is then not reproducible")
    parser.add_argument("--batch", type=int, default=32, help="rows a step (default: 32; 256 suits a GPU)")
    parser.add_argument("--rate", type=float, help=f"peak learning rate of the matrices (default: {PEAK})")
    parser.add_argument("--answers", type=int, default=24_576, help="prompts of a model being taught (default: 24576)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="default: 2")
    parser.add_argument("--device", default="cpu", help="cuda: on a GPU, not bit for bit (default: cpu)")
    parser.add_argument("--workers", type=int, default=0, help="processes that make text for a GPU (default: 0)")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.use_deterministic_algorithms(arguments.device == "cpu")
    options = ("seed", "steps", "minutes", "batch", "rate", "answers", "device", "workers")
    settings = {key: getattr(arguments, key) for key in options}
    tokenizer = train_tokenizer(seed=arguments.seed)
    for name in [arguments.only] if arguments.only else ["causal", "masked"]:
        start = _trained(arguments.out, {"masked": "causal", "taught": "masked"}[name]) if name != "causal" else None
        with _shown(name) as report:
            model = train(name, tokenizer, **settings, start=start, report=report)
        save(model, tokenizer, arguments.out / ("causal" if name == "causal" else "masked"))


def _trained(out: Path, name: str) -> LlamaForCausalLM:
    folder = next(parent / name for parent in (out, Path(__file__).parent) if (parent / name).is_dir())
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
