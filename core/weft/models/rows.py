"""Examples as token ids, in the shapes that the two models learn from.

    causal    prompt answer <|end|>                                   loss on the answer
              <|fim_prefix|> left <|fim_suffix|> right <|fim_middle|> middle <|end|>
    masked    prompt | answer <|end|> <|end|> ...                     every slot after | may be masked
              prompt fixed | hole | fixed | hole <|end|> <|end|>      an infilling template: only holes may be masked

Text is cut before it is tokenized, as it is when somebody asks for a hole to be filled. An inner hole has as many slots
as its text has tokens; end tokens stand only where the text is over, as `weft.infill` has it.
"""

from collections.abc import Callable, Iterator
from itertools import count, islice
from math import ceil
from random import Random
from typing import NamedTuple

from weft.models import cpp_text, json_text
from weft.models.json_text import Example

PAD, END, MASK, FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE = range(6)
SPECIALS = ("<|pad|>", "<|end|>", "<|mask|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
CANVASES = (32, 32, 40, 48, 64, 64, 96)  # slots that a diffusion answer is given; the rest is <|end|>
LARGEST = 128  # canvas, for answers that fit into none of those
LONGEST = 256  # tokens of a row
CHUNK = 2048  # examples that are sorted by length together

Encode = Callable[[str], list[int]]


class Row(NamedTuple):
    ids: list[int]
    learned: list[bool]  # causal: counted in the loss; masked: may be masked


Make = Callable[[Random, Example, Encode], Row | None]


def example(rng: Random) -> Example:
    """Three JSON records for two C++ functions."""
    return json_text.example(rng) if rng.random() < 0.6 else cpp_text.example(rng)


def _cuts(rng: Random, text: str, count: int) -> list[int]:
    """`count` cut positions, most of them where a word or a number begins or ends."""
    edges = [i for i in range(1, len(text)) if text[i].isalnum() != text[i - 1].isalnum() or text[i].isspace()]
    pool = edges if rng.random() < 0.7 and len(edges) >= count else list(range(len(text) + 1))
    return sorted(rng.sample(pool, min(count, len(pool))))


def causal_row(rng: Random, one: Example, encode: Encode) -> Row:
    dice = rng.random()
    if dice < 0.25 and len(one.answer) > 4:
        text = one.prompt + one.answer
        left, right = (len(one.prompt) + cut for cut in _cuts(rng, one.answer, 2))
        given = [FIM_PREFIX, *encode(text[:left]), FIM_SUFFIX, *encode(text[right:]), FIM_MIDDLE]
        answer = encode(text[left:right])
    elif dice < 0.3:
        given, answer = [END], encode(one.answer if one.kind == "json" else one.prompt + one.answer)
    else:
        given, answer = encode(one.prompt), encode(one.answer)
    return Row([*given, *answer, END], [False] * len(given) + [True] * (len(answer) + 1))


def masked_row(rng: Random, one: Example, encode: Encode) -> Row | None:
    """None if the answer is longer than the longest canvas."""
    prompt = encode(one.prompt)
    if rng.random() < 0.25 and len(one.answer) > 12:
        ids = prompt if rng.random() < 0.6 or one.kind == "cpp" else [END]  # the row before a slot scores it
        learned = [False] * len(ids)
        cuts = _cuts(rng, one.answer, rng.randint(1, 6))
        for i, (start, stop) in enumerate(zip([0, *cuts], [*cuts, len(one.answer)], strict=True)):
            part = encode(one.answer[start:stop])
            ids, learned = ids + part, learned + [bool(i % 2)] * len(part)
        spare = rng.randint(0, 6) if len(cuts) % 2 else 0  # the last part is a hole
        return Row(ids + [END] * spare, learned + [True] * spare) if any(learned) else None
    answer = encode(one.answer)
    if len(answer) >= LARGEST:
        return None
    slots = [length for length in CANVASES if length > len(answer)] or [LARGEST]
    answer += [END] * (rng.choice(slots) - len(answer))
    return Row(prompt + answer, [False] * len(prompt) + [True] * len(answer))


def batches(
    make: Make, encode: Encode, draw: Callable[[Random], Example] = example, *, seed: int, size: int
) -> Iterator[list[Row]]:
    """Endless batches of rows of similar length, always the same for one seed."""
    rng = Random(seed)
    while True:
        made = (make(rng, draw(rng), encode) for _ in count())
        fit = (row for row in made if row and len(row.ids) <= LONGEST)
        rows = sorted(islice(fit, size * ceil(CHUNK / size)), key=lambda row: len(row.ids))
        groups = [rows[i : i + size] for i in range(0, len(rows), size)]  # whole ones: none of the longest is left out
        rng.shuffle(groups)
        yield from groups
