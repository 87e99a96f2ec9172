"""The models that ship with weft, loaded from the package's own files: nothing is downloaded, float32, on the CPU.

    tokenizer = embedded.tokenizer()         # 1,100 byte-level BPE tokens, shared by both models
    model = embedded.causal()                # LlamaForCausalLM: left to right, with a KV cache, fill-in-the-middle
    model = embedded.masked()                # LlamaForCausalLM that sees both ways: masked diffusion

How they were made and how good they are: core/weft/models/README.md. `folder` is an ordinary saved checkpoint, so that
whatever loads any transformers model by path loads these.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from weft.errors import WeftError

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast


def folder(name: Literal["causal", "masked"]) -> Path:
    """Where the checkpoint of one of the two models lies: config.json, model.safetensors, tokenizer.json."""
    path = Path(str(files("weft.models"))) / name
    if not (path / "model.safetensors").is_file():
        raise WeftError(
            f"the embedded {name} model is not there",
            where=str(path),
            expected="config.json, model.safetensors and tokenizer.json",
            hint=f"reinstall weft, or make it: python -m weft.models.train --only {name} --out {path.parent}",
        )
    return path


def tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer of both models. Every byte is a token; a special token is never text."""
    from transformers import PreTrainedTokenizerFast

    loaded: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(folder("causal"), local_files_only=True)
    return loaded


def causal() -> LlamaForCausalLM:
    """A new copy of the causal model, ready to generate."""
    return _load("causal")


def masked() -> LlamaForCausalLM:
    """A new copy of the masked-diffusion model; row i of its logits (batch, length, vocabulary) scores slot i + 1.

    Open slots hold the tokenizer's `mask_token_id`. `hf.masked` reads the shift of the rows from the model's config.
    """
    return _load("masked")


def _load(name: Literal["causal", "masked"]) -> LlamaForCausalLM:
    import torch
    from transformers import LlamaForCausalLM

    with no_bars():
        model: Any = LlamaForCausalLM.from_pretrained(folder(name), local_files_only=True, dtype=torch.float32)
    loaded: LlamaForCausalLM = model.eval()
    return loaded


def one_thread() -> None:
    """Has torch compute in one thread from now on: in models this small several would wait for each other.

    For programs that run nothing but the embedded models; it holds for the whole process.
    """
    import torch

    torch.set_num_threads(1)


@contextmanager
def no_bars() -> Iterator[None]:
    """No progress bars of transformers: for files that load in a blink, or where nobody looks."""
    from transformers.utils import logging as named

    logging: Any = named
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
