"""How often the embedded models are right without a grammar: the table of README.md.

    python -m weft.models.evaluate --prompts 100

JSON is valid if `json.loads` takes it, and has its keys if they are those of the request, in order. C++ is balanced if
its brackets pair up, and compiles if `g++ -fsyntax-only` takes it (left out where there is none). Prompts are drawn
like the text of the training, with another seed; a few of them the models will have seen.
"""

import argparse
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from weft.models import cpp_text, json_text
from weft.models.cpp_text import PRELUDE
from weft.models.json_text import Example

SEED = 1_000_003
Decoder = Callable[[list[Example]], list[str]]
PAIRS = {")": "(", "]": "[", "}": "{"}


def is_balanced(code: str) -> bool:
    """Brackets pair up, outside of strings, characters and comments."""
    code = re.sub(r"//[^\n]*|\"(\\.|[^\"\\\n])*\"|'(\\.|[^'\\\n])*'", "", code)
    stack: list[str] = []
    for character in code:
        if character in "([{":
            stack.append(character)
        elif character in PAIRS and (not stack or stack.pop() != PAIRS[character]):
            return False
    return not stack


class Compiler:
    """g++ with the headers parsed once."""

    def __init__(self, folder: Path):
        self.found = shutil.which("g++") is not None
        self.header = folder / "prelude.hpp"
        self.header.write_text(PRELUDE)
        if self.found:
            subprocess.run(
                ["g++", "-std=c++17", "-x", "c++-header", self.header, "-o", f"{self.header}.gch"], check=True
            )

    def accepts(self, code: str) -> bool:
        command = ["g++", "-std=c++17", "-fsyntax-only", "-x", "c++", "-include", str(self.header), "-"]
        return subprocess.run(command, input=code, text=True, capture_output=True, timeout=60).returncode == 0


def judge(one: Example, answer: str, compiler: Compiler) -> dict[str, bool]:
    """What is right about an answer."""
    if one.kind == "json":
        try:
            value = json.loads(answer)
        except ValueError:
            return {"valid": False, "keys": False}
        return {"valid": True, "keys": _keys(value) == _keys(json.loads(one.answer))}
    code = one.prompt + answer if one.answer[:1].isspace() else answer
    balanced = is_balanced(code) and "{" in code
    compiles = {"compiles": balanced and compiler.accepts(code)} if compiler.found else {}
    return {"balanced": balanced} | compiles


def _keys(value: Any) -> Any:
    if isinstance(value, list):
        return [_keys(item) for item in value]
    return list(value) if isinstance(value, dict) else None


def is_like(one: Example, answer: str) -> bool:
    """An answer of the same kind as the text's: JSON with its keys and types, C++ that is the same but for names."""
    if one.kind == "json":
        try:
            return bool(_types(json.loads(answer)) == _types(json.loads(one.answer)))
        except ValueError:
            return False
    return _nameless(one.prompt + answer) == _nameless(one.prompt + one.answer)


def _types(value: Any) -> Any:
    """What a value is made of; lists in an object may have any length."""
    if isinstance(value, list):
        return [_types(item) for item in value]
    if isinstance(value, dict):
        return [(key, list if isinstance(item, list) else _types(item)) for key, item in value.items()]
    return type(value)


def _nameless(code: str) -> str:
    """Code with every word replaced by how many others came before it, and blanks left out."""
    words: dict[str, str] = {}
    code = re.sub(r"[A-Za-z_]\w*", lambda match: words.setdefault(match[0], f"w{len(words)} "), code)
    return re.sub(r"\s+", " ", re.sub(r"(?<=\W)\s+|\s+(?=\W)", "", code))


def _prompts(tokenizer: Any, examples: list[Example]) -> tuple[Tensor, Tensor]:
    """Prompts as ids, padded on the left, and 1 where there is a token: (batch, width) each."""
    ids = [tokenizer(one.prompt).input_ids for one in examples]
    width = max(map(len, ids))
    padded = torch.tensor([[tokenizer.pad_token_id] * (width - len(row)) + row for row in ids])
    return padded, torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in ids])


def _texts(tokenizer: Any, answers: Tensor) -> list[str]:
    """Each row up to its first end token."""
    end = tokenizer.eos_token_id
    return [tokenizer.decode(row[: [*row, end].index(end)]) for row in answers.tolist()]


def continue_text(model: Any, tokenizer: Any, examples: list[Example], *, temperature: float) -> list[str]:
    """Answers of a causal model; greedy at temperature 0."""
    torch.manual_seed(SEED)
    ids, attended = (part.to(model.device) for part in _prompts(tokenizer, examples))
    how = {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature else {"do_sample": False}
    output = model.generate(ids, attention_mask=attended, max_new_tokens=128, **how)
    return _texts(tokenizer, output[:, ids.shape[1] :])


@torch.inference_mode()
def denoise_text(
    model: Any, tokenizer: Any, examples: list[Example], *, length: int, block: int, each: int
) -> list[str]:
    """Answers of a masked model: in each step the `each` most confident slots of the leftmost open block."""
    prompt, attended = (part.to(model.device) for part in _prompts(tokenizer, examples))
    canvas = torch.full((len(examples), length), tokenizer.mask_token_id, device=model.device)
    ids = torch.cat((prompt, canvas), dim=1)
    attended = torch.cat((attended, torch.ones_like(canvas)), dim=1)
    for start in range(prompt.shape[1], ids.shape[1], block):
        stop = start + block
        while (is_open := ids[:, start:stop] == tokenizer.mask_token_id).any():
            rows = model(input_ids=ids, attention_mask=attended).logits
            logits = rows[:, start - 1 : stop - 1]  # (batch, block, vocabulary): the row before a slot scores it
            logits[..., tokenizer.mask_token_id] = -torch.inf
            confidence, best = logits.softmax(-1).max(-1)
            chosen = confidence.where(is_open, -1).topk(min(each, block), dim=1).indices
            ids[:, start:stop].scatter_(1, chosen, best.gather(1, chosen))
    return _texts(tokenizer, ids[:, prompt.shape[1] :])


def decoders(causal: Any, masked: Any, tokenizer: Any, length: int) -> Iterator[tuple[str, Decoder]]:
    """Name and decoder of every row of the table."""
    for temperature in (0.0, 0.7, 1.0):
        name = f"causal, temperature {temperature}" if temperature else "causal, greedy"
        yield name, partial(continue_text, causal, tokenizer, temperature=temperature)
    for block in (16, 32):
        for each in (1, 2, 4, 8):
            name = f"diffusion, blocks of {block}, {each} a step"
            yield name, partial(denoise_text, masked, tokenizer, length=length, block=block, each=each)


def main() -> None:
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(prog="python -m weft.models.evaluate", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--models", type=Path, default=here, help="folder of causal/ and masked/ (default: the shipped)"
    )
    parser.add_argument("--prompts", type=int, default=100, help="prompts of each kind (default: 100)")
    parser.add_argument("--length", type=int, default=64, help="slots of a canvas (default: 64)")
    parser.add_argument("--show", type=int, default=0, help="print this many answers of every row")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="default: cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    tokenizer = AutoTokenizer.from_pretrained(arguments.models / "causal")
    causal, masked = (
        AutoModelForCausalLM.from_pretrained(arguments.models / name, dtype=torch.float32).to(arguments.device)
        for name in ("causal", "masked")
    )
    rng = Random(SEED)
    suites = [[make(rng) for _ in range(arguments.prompts)] for make in (json_text.example, cpp_text.example)]
    with tempfile.TemporaryDirectory() as folder:
        compiler = Compiler(Path(folder))
        titles = ["valid", "keys", "balanced", "compiles"][: 4 if compiler.found else 3]
        heads = [("JSON " if title in ("valid", "keys") else "C++ ") + title for title in titles]
        print(f"| {arguments.prompts} prompts of each kind | " + " | ".join(heads) + " |")
        print("|---" * (len(titles) + 1) + "|")
        for name, decode in decoders(causal, masked, tokenizer, arguments.length):
            right: dict[str, list[bool]] = {title: [] for title in titles}
            for examples in suites:
                answers = decode(examples)
                for one, answer in zip(examples, answers, strict=True):
                    for title, value in judge(one, answer, compiler).items():
                        right[title].append(value)
                for one, answer in list(zip(examples, answers, strict=True))[: arguments.show]:
                    print(f"    {one.prompt!r} -> {answer!r}")
            cells = [f"{sum(values) / len(values):.2f}" for values in right.values()]
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
