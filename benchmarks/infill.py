"""Canvases out of valid texts: what is cut out, or not yet committed, can be put back, so no answer may be "no".

spans     a program or an instance without 1, 2 or 3 random pieces: elastic holes, and rigid ones as long as the
          pieces were in tokens
growth    the same on longer and longer texts
stages    a text of at most 64 or 256 tokens, padded with end tokens, as a diffusion run leaves it with 0 to 90 % of
          the slots committed, in random order or in the order of the embedded model's confidence
retry     what published engines do in a hole: propose tokens, check one at a time, from nothing each time
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.data import Json, maskbench_sample, rows
from benchmarks.maskbench import dump
from benchmarks.property_order import in_declared_order
from benchmarks.vocabularies import BenchVocabulary

TASKS = ("spans", "retry", "stages", "rigid")
STAGES = (90, 75, 50, 25, 10, 0)  # per cent committed; the easy ones first
SLOTS = (64, 256)
PROPOSALS = 8
ALL_MASKS_S = 60.0  # CPU time for the masks of all slots of one text, at all stages
TRIES = 100  # after so many refusals in one place the published engines give up
LENGTHS = (250, 500, 1000, 2000, 4000, 8000, 16000)  # bytes, of the curve
LONGEST_PIECE = 60
MODEL_CONTEXT = 500  # tokens that the embedded model can order

Text = tuple[str, Json, str]  # id, {"language": name} or {"schema": ...}, the text


def jobs(vocabulary: BenchVocabulary, *, share: float, seed: int, all_masks_s: float) -> list[Json]:
    """All jobs, `share` of each kind, task by task; within a task in a random order."""
    chance = random.Random(seed)
    texts = {"cpp": programs(), "json": instances(language="json"), "schema": instances(language=None)}
    for some in texts.values():
        chance.shuffle(some)
    out: list[Json] = []
    for kind, some in texts.items():
        for number, text in enumerate(_some(some, 97, share)):
            elastic, rigid = _spans(vocabulary, kind, text, (1, 2, 3), chance)
            out += [elastic, rigid] if number < 30 * share else [elastic]
        for text in _some(some, 30, share):
            out.append(_retry(vocabulary, kind, text, chance))
        out += (job | {"all_masks_s": all_masks_s} for job in _stages(vocabulary, kind, some, share, chance))
    for kind in ("cpp", "json"):
        out += _growth(vocabulary, kind, texts[kind], max(1, round(5 * share)), chance)
    chance.shuffle(out)
    return sorted(out, key=lambda job: TASKS.index(job["task"]))


def programs() -> list[Text]:
    return [
        (row["id"], {"language": "cpp"}, row["prompt"] + row["canonical_solution"])
        for row in rows("humaneval_cpp.jsonl.xz")
    ]


def instances(*, language: str | None) -> list[Text]:
    """One valid instance of each of 400 schemas of MaskBench, with its schema or with the grammar of all JSON."""
    out = []
    for row in maskbench_sample(400, 7):
        schema = row["schema"]
        texts = [dump(in_declared_order(schema, schema, test["data"])) for test in row["tests"] if test["valid"]]
        texts = [text for text in texts if 40 <= len(text) <= 4000]
        if texts:
            out.append((row["id"], {"language": language} if language else {"schema": schema}, max(texts, key=len)))
    return out


def _some(texts: list[Text], count: int, share: float) -> list[Text]:
    return texts[: max(2, round(count * share))]


def _spans(
    vocabulary: BenchVocabulary, kind: str, text: Text, counts: Sequence[int], chance: random.Random
) -> list[Json]:
    name, grammar, content = text
    cases = [cut(content, count, chance) for count in counts]
    canvases = [
        {"fragments": fragments, "pieces": [vocabulary.encode(piece) for piece in pieces]}
        for fragments, pieces in cases
    ]
    job = {"id": name, "split": kind, "ids": vocabulary.encode(content), "canvases": canvases} | grammar
    return [{"task": task} | job for task in ("spans", "rigid")]


def cut(text: str, count: int, chance: random.Random) -> tuple[list[str], list[str]]:
    """`count` random pieces of up to LONGEST_PIECE characters and the count + 1 fragments around them."""
    part = len(text) // count
    fragments, pieces, end = [], [], 0
    for number in range(count):
        size = chance.randint(1, min(LONGEST_PIECE, part // 2))
        start = number * part + chance.randint(0, part - size)
        fragments.append(text[end:start])
        end = start + size
        pieces.append(text[start:end])
    return [*fragments, text[end:]], pieces


def _growth(
    vocabulary: BenchVocabulary, kind: str, texts: list[Text], each: int, chance: random.Random
) -> Iterator[Json]:
    for length in LENGTHS:
        for number in range(each):
            joined = ("growth", texts[0][1], _joined(kind, texts, length, chance))
            elastic, _ = _spans(vocabulary, kind, joined, (3,), chance)
            yield elastic | {"id": f"growth {length} {number}", "length": length}


def _joined(kind: str, texts: list[Text], length: int, chance: random.Random) -> str:
    """Whole texts, one after the other, until `length` bytes are passed."""
    out: list[str] = []
    while sum(len(part.encode()) + 2 for part in out) < length:
        out.append(chance.choice(texts)[2])
    return "[" + ", ".join(out) + "]" if kind == "json" else "\n".join(out)


def _stages(
    vocabulary: BenchVocabulary, kind: str, texts: list[Text], share: float, chance: random.Random
) -> Iterator[Json]:
    for slots in SLOTS:
        fitting = [(text, vocabulary.encode(text[2])) for text in texts]
        fitting = [(text, ids) for text, ids in fitting if slots // 4 <= len(ids) <= slots]
        for (name, grammar, content), ids in fitting[: max(1, round(4 * share))]:
            padded = ids + [vocabulary.eos] * (slots - len(ids))
            anyhow = list(range(slots))
            chance.shuffle(anyhow)
            orders = {"random": anyhow, "confidence": by_confidence(vocabulary, content, ids, slots)}
            for how, order in orders.items():
                job = {"task": "stages", "id": f"{name}, {how}", "split": kind, "slots": slots, "how": how, "ids": ids}
                if order:
                    yield job | {"padded": padded, "order": order, "stages": STAGES} | grammar


def by_confidence(vocabulary: BenchVocabulary, text: str, ids: list[int], slots: int) -> list[int]:
    """The positions in the order in which the embedded masked model is surest of what stands there; [] if too long.

    The model has a vocabulary of its own: a token is settled when the last of the model's tokens that it overlaps is.
    """
    import torch

    from weft.decoders import embedded, hf

    if not _MODEL:
        torch.set_num_threads(1)
        _MODEL.extend([hf.masked(embedded.masked(), embedded.tokenizer()), embedded.tokenizer()])
    model, tokenizer = _MODEL
    own = tokenizer.encode(text, add_special_tokens=False)
    target = own + [model.vocabulary.eos[0]] * (slots - len(ids))
    if len(target) > MODEL_CONTEXT:
        return []
    canvas, rank = [model.mask_id] * len(target), [0] * len(target)
    for step in range(32):
        open_ = [i for i, token in enumerate(canvas) if token == model.mask_id]
        if not open_:
            break
        sure = torch.log_softmax(model.logits(canvas).float(), -1)[range(len(target)), target]
        for i in sorted(open_, key=lambda i: -sure[i])[: -(-len(target) // 32)]:
            canvas[i], rank[i] = target[i], step
    own_ends = _ends([model.vocabulary.tokens[token] or b"" for token in own])
    ends = _ends([vocabulary.tokens[token] or b"" for token in ids])
    settled, first = [], 0
    for end in ends:
        last = next(i for i, other in enumerate(own_ends) if other >= end)
        settled.append(max(rank[first : last + 1]))
        first = last if own_ends[last] > end else last + 1
    settled += rank[len(own) :]
    return sorted(range(slots), key=lambda position: settled[position])


_MODEL: list[Any] = []  # the embedded model and its tokenizer, once loaded


def _ends(tokens: list[bytes]) -> list[int]:
    out, end = [], 0
    for token in tokens:
        end += len(token)
        out.append(end)
    return out


def _retry(vocabulary: BenchVocabulary, kind: str, text: Text, chance: random.Random) -> Json:
    """The first hole of a canvas with three: tokens to propose in uniform order, and the one that stood there."""
    name, grammar, content = text
    fragments, pieces = cut(content, 3, chance)
    texts = [i for i, token in enumerate(vocabulary.tokens) if token and i != vocabulary.eos]
    ids = vocabulary.encode(content)
    job = {"task": "retry", "id": f"{name} retry", "split": kind, "ids": ids, "fragments": fragments}
    return job | {"right": vocabulary.encode(pieces[0])[0], "proposals": chance.sample(texts, TRIES)} | grammar
