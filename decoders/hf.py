"""Models of Hugging Face transformers: adapters to our two protocols, and a logits processor for `model.generate`.

lm = hf.causal("path or name")                        # or hf.causal(model, tokenizer)
dlm = hf.masked(llada, tokenizer, mask_id=126336)     # shift=1 where row i scores slot i + 1 (Dream)
processor = hf.GrammarLogitsProcessor(constraint)     # for model.generate(..., logits_processor=[processor])
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache, LogitsProcessor

from weft.decoders.sampling import apply_mask
from weft.errors import DeadEnd, WeftError
from weft.grammar.tokenizers.table import END_NAMES
from weft.grammar.vocabulary import Vocabulary

if TYPE_CHECKING:
    from weft.grammar.constraint import Constraint
    from weft.grammar.matcher import Matcher

# What `from_pretrained` of a tokenizer is told as well: where to look, and what to trust.
_WHERE = frozenset(
    {"cache_dir", "force_download", "local_files_only", "revision", "subfolder", "token", "trust_remote_code"}
)

_MOST_NODES = 1 << 16  # histories that a processor remembers before it forgets those that nobody is writing any more


def causal(model: Any, tokenizer: Any = None, **load: Any) -> CausalLM:
    """A causal model, ready for `weft.generate`.

    Args:
        model: a transformers model, or the path or name of a checkpoint.
        tokenizer: its tokenizer, if it is not the one that is stored with the checkpoint.
        load: passed on to `from_pretrained` (dtype, device_map, revision, ...).
    Raises:
        WeftError: there is no such checkpoint, or no tokenizer for it.
    """
    if isinstance(model, str) or hasattr(model, "__fspath__"):
        return CausalLM(_pretrained(AutoModelForCausalLM, model, **load), tokenizer or _tokenizer(model, load))
    return CausalLM(model, tokenizer or _tokenizer(getattr(model, "name_or_path", ""), load))


def load_causal(name: str | None = None, **load: Any) -> CausalLM:
    """The checkpoint with this path or name; the embedded model, offline, if no name is given."""
    if name is not None:
        return causal(name, **load)
    from weft.decoders import embedded

    return CausalLM(embedded.causal(), embedded.tokenizer(), in_the_middle=False)  # it writes better left to right


def load_tokenizer(name: str | None = None, **load: Any) -> Any:
    """The tokenizer of the checkpoint with this path or name; the embedded one, offline, if no name is given.

    It is what transformers loads, and `weft.compile(grammar, tokenizer)` takes it. Masks as wide as a model's
    scores come from `load_causal(name).vocabulary`, or from `Vocabulary.from_tokenizer(tokenizer, size=...)`.

    Args:
        load: passed on to `from_pretrained` (revision, token, ...).
    Raises:
        WeftError: there is no such checkpoint, or it has no tokenizer.
    """
    if name is not None:
        return _pretrained(AutoTokenizer, name, **load)
    from weft.decoders import embedded

    return embedded.tokenizer()


def masked(model: Any, tokenizer: Any, *, mask_id: int | None = None, shift: int | None = None) -> MaskedLM:
    """A masked-diffusion model, ready for `weft.denoise`.

    Args:
        model: called with `input_ids` (1, length), it returns `logits` (1, length, vocab), each slot seeing all others.
        mask_id: the placeholder token; the tokenizer's mask token if not given.
        shift: 0 if row i of the logits scores slot i (LLaDA, BERT), 1 if row i scores slot i + 1 (Dream); if not given,
            what the model's config says in `logit_shift`, else 0.
    """
    if mask_id is None:
        mask_id = getattr(tokenizer, "mask_token_id", None)
    if mask_id is None:
        raise WeftError(
            "the placeholder token of this model is not known", hint="masked(model, tokenizer, mask_id=...)"
        )
    if shift is None:
        shift = getattr(model.config, "logit_shift", 0)
    if shift not in (0, 1):
        raise WeftError(f"shift={shift!r} is not known", expected="0: row i scores slot i; 1: row i scores slot i + 1")
    return MaskedLM(model, tokenizer, mask_id, shift)


def _pretrained(kind: Any, name: Any, **load: Any) -> Any:
    try:
        return kind.from_pretrained(name, **load)
    except (OSError, ValueError, ImportError) as error:
        what = "tokenizer" if kind is AutoTokenizer else "checkpoint"
        raise WeftError(
            f"no {what} can be loaded from {str(name)!r}",
            where=str(error).strip().split("\n")[0][:300],
            expected="a folder with a checkpoint, or a name on the hub that can be reached or is in the cache",
            hint="without a network, give the path of a folder",
        ) from error


def _tokenizer(name: Any, load: dict[str, Any]) -> Any:
    """The tokenizer beside a model, from the same place and revision."""
    if not name:
        raise WeftError("this model comes without a tokenizer", hint="hf.causal(model, tokenizer)")
    return load_tokenizer(name, **{key: value for key, value in load.items() if key in _WHERE})


class _Adapter:
    """What both kinds of model share: the tokenizer, the vocabulary, the width of a row of scores."""

    def __init__(self, model: Any, tokenizer: Any):
        self.model, self.tokenizer = model.eval(), tokenizer
        self._vocabulary: Vocabulary | None = None
        config = model.config.get_text_config() if hasattr(model.config, "get_text_config") else model.config
        self.config = config
        head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
        width = getattr(getattr(head, "weight", None), "shape", (0,))[0]
        self.vocab_size: int = int(width or config.vocab_size)

    @property
    def device(self) -> torch.device:
        return cast(torch.device, self.model.device)

    @property
    def vocabulary(self) -> Vocabulary:
        """Bytes of every token, as wide as a row of scores."""
        if self._vocabulary is None:
            self._vocabulary = self._read_vocabulary()
        return self._vocabulary

    def _read_vocabulary(self) -> Vocabulary:
        """End tokens are those of the model, of its tokenizer, and those that its family is known to use."""
        ends: list[int] = []
        for source in (self.model.config, getattr(self.model, "generation_config", None), self.tokenizer):
            end = getattr(source, "eos_token_id", None)
            ends += [end] if isinstance(end, int) else list(end or ())
        ends = [end for end in dict.fromkeys(ends) if 0 <= end < self.vocab_size]
        vocabulary = Vocabulary.from_tokenizer(self.tokenizer, size=self.vocab_size, eos=ends or None)
        more = [at for name, at in vocabulary.specials.items() if name in END_NAMES and at not in vocabulary.eos]
        if more:
            vocabulary = Vocabulary.from_tokenizer(self.tokenizer, size=self.vocab_size, eos=[*vocabulary.eos, *more])
        return vocabulary

    def encode(self, text: str) -> list[int]:
        """The tokens of a prompt, with the begin token where the model wants one."""
        return [int(token_id) for token_id in self.tokenizer(text)["input_ids"]]

    def _begin(self) -> int:
        """What stands before the first token of a text that has nothing before it."""
        for source in (self.tokenizer, self.config):
            for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
                if isinstance(token_id := getattr(source, name, None), int):
                    return token_id
        raise WeftError("an empty prompt needs a begin token", hint="give a prompt, or token ids")


class CausalLM(_Adapter):
    """A CausalModel over any transformers model with a language-model head.

    Args:
        in_the_middle: whether `weft.fill` shows it the text behind a hole, where it has special tokens for that.
    """

    def __init__(self, model: Any, tokenizer: Any, *, in_the_middle: bool = True):
        super().__init__(model, tokenizer)
        self.in_the_middle = in_the_middle
        self.can_skip_rows = "logits_to_keep" in inspect.signature(model.forward).parameters

    @property
    def context_size(self) -> int | None:
        """The most tokens that one sequence may have, None if there is no such limit."""
        size = getattr(self.config, "max_position_embeddings", None) or getattr(self.config, "n_positions", None)
        return int(size) if size else None

    def encode(self, text: str) -> list[int]:
        """The tokens of a prompt, with the begin token where the model wants one; never empty."""
        return super().encode(text) or [self._begin()]

    def start(self) -> CausalLMState:
        """A new, empty sequence."""
        return CausalLMState(self)


class CausalLMState:
    """One sequence in a key-value cache.

    Subtle: a cache that cannot forget (sliding windows, state-space layers) is thrown away by `crop`, and the sequence
    is read again with the next `feed`. Right either way; only dearer.
    """

    def __init__(self, lm: CausalLM):
        self.lm = lm
        self.tokens: list[int] = []
        self._cached = 0  # how many of `tokens` are in the cache
        self._cache: Any = None  # the model makes the kind that it needs

    @property
    def length(self) -> int:
        return len(self.tokens)

    @torch.inference_mode()
    def feed(self, tokens: Sequence[int], *, rows: int = 1) -> torch.Tensor:
        """The scores after each of the last `rows` of these tokens, float (rows, vocab), on the model's device."""
        if not 1 <= rows <= len(tokens):
            raise WeftError(f"{len(tokens)} tokens have no {rows} rows of scores", expected="1 <= rows <= len(tokens)")
        self.tokens += tokens
        unread = torch.tensor([self.tokens[self._cached :]], device=self.lm.device)  # (1, n)
        options: dict[str, Any] = {"logits_to_keep": rows} if self.lm.can_skip_rows else {}
        out = self.lm.model(input_ids=unread, past_key_values=self._cache, use_cache=True, **options)
        self._cache = out.get("past_key_values")
        self._cached = 0 if self._cache is None else len(self.tokens)
        return cast(torch.Tensor, out.logits[0, -rows:])

    def crop(self, length: int) -> None:
        """Forgets everything after the first `length` tokens."""
        if not 0 <= length <= len(self.tokens):
            raise WeftError(f"cannot go back to {length} tokens", expected=f"0 to {len(self.tokens)}")
        surplus = self._cached - length
        del self.tokens[length:]
        if surplus <= 0:
            return
        if length == 0 or not _forgets(self._cache):
            self._cache, self._cached = None, 0
        else:
            self._cache.crop(-surplus)
            self._cached = length

    def fork(self) -> CausalLMState:
        """A copy that goes its own way."""
        other = copy.copy(self)
        other.tokens = list(self.tokens)
        if _forgets(self._cache):
            # Growing and cropping bind new tensors in a layer, so that shallow copies of the layers do not meet again.
            other._cache = copy.copy(self._cache)
            other._cache.layers = [copy.copy(layer) for layer in self._cache.layers]
        else:
            other._cache, other._cached = None, 0
        return other


def _forgets(cache: Any) -> bool:
    """Every layer keeps all its keys, so that the last ones can be cut off exactly."""
    from transformers.cache_utils import DynamicLayer

    return isinstance(cache, DynamicCache) and all(type(layer) is DynamicLayer for layer in cache.layers)


class MaskedLM(_Adapter):
    """A MaskedModel over any transformers model that sees the whole canvas."""

    def __init__(self, model: Any, tokenizer: Any, mask_id: int, shift: int):
        super().__init__(model, tokenizer)
        self.mask_id, self.shift = mask_id, shift

    def _read_vocabulary(self) -> Vocabulary:
        vocabulary = super()._read_vocabulary()
        if self.mask_id < vocabulary.size and vocabulary.tokens[self.mask_id] is not None:
            tokens = [None if at == self.mask_id else token for at, token in enumerate(vocabulary.tokens)]
            vocabulary = Vocabulary(tokens, vocabulary.eos, specials=vocabulary.specials)
        return vocabulary

    def encode(self, text: str) -> list[int]:
        """The tokens of a prompt; not empty if it takes the row before a slot to score it."""
        ids = super().encode(text)
        return ids if ids or not self.shift else [self._begin()]

    @torch.inference_mode()
    def logits(self, tokens: Sequence[int]) -> torch.Tensor:
        """The scores of every slot given all others, float (len(tokens), vocab); row i is about slot i."""
        ids = torch.tensor([list(tokens)], device=self.device)  # (1, length)
        rows = cast(torch.Tensor, self.model(input_ids=ids).logits[0])
        return (
            torch.cat([rows[:1], rows[:-1]]) if self.shift else rows
        )  # the first slot of a shifted model has no scores


class _Node:
    """A history after the prompt: the matcher that has read it, or None if no text of the grammar starts so."""

    __slots__ = ("children", "matcher")

    def __init__(self, matcher: Matcher | None):
        self.matcher = matcher
        self.children: dict[int, _Node] = {}


class GrammarLogitsProcessor(LogitsProcessor):
    """Keeps `model.generate` inside the grammar: greedy, sampling, beams, padded batches, drafts of any kind.

    The state of a row is looked up by the tokens after its prompt, never by "the last token": beams change places, and
    assisted decoding goes back. Histories are kept as a tree of forked matchers, so that a call costs one commit a row.

    Args:
        constraint: compiled for the vocabulary of this model.
        prompt_len: tokens before the first generated one, padding included: `input_ids.shape[1]`. If not given, it is
            the length of the first call, and again of any call whose rows do not go on from rows seen before. Give it
            where a new prompt could be taken for the continuation of the last run.
        max_tokens: the text is finished within so many tokens; pass the same number as max_new_tokens.
    Raises:
        BudgetExceeded: no sentence fits into max_tokens.
    Rows that are finished, and drafted rows that the grammar has refused before, may only end.
    """

    supports_continuous_batching = False  # there a processor sees one new token a row, and no history

    def __init__(self, constraint: Constraint, prompt_len: int | None = None, *, max_tokens: int | None = None):
        self.constraint, self.prompt_len, self.max_tokens = constraint, prompt_len, max_tokens
        words = -(-constraint.vocabulary.size // 32)
        self._end = np.zeros(words, np.uint32)
        for token_id in constraint.vocabulary.eos:
            self._end[token_id // 32] |= np.uint32(1 << token_id % 32)
        self.reset()

    def reset(self) -> None:
        """Forgets what it has seen: the next call starts a new text."""
        self._start = self.prompt_len
        self._prompts: set[tuple[int, ...]] = set()
        self._root = _Node(self.constraint.matcher(max_tokens=self.max_tokens))
        self._size = 1

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        if input_ids.dim() != 2:
            raise WeftError(
                "GrammarLogitsProcessor needs the whole history of every row",
                where=f"input_ids has the shape {tuple(input_ids.shape)}",
                expected="(rows, length)",
                hint="continuous batching does not give it",
            )
        rows = input_ids.tolist()
        start = self._locate(rows)
        masks = np.stack([self._mask(self._node(row[start:])) for row in rows])  # (rows, words)
        if self._size > _MOST_NODES:
            self._forget(row[start:] for row in rows)
        return cast(torch.FloatTensor, apply_mask(scores.clone(), masks))

    def _locate(self, rows: list[list[int]]) -> int:
        """Where the prompt ends."""
        length = len(rows[0])
        if self.prompt_len is not None:
            if length < self.prompt_len:
                raise WeftError(
                    f"a row of {length} tokens is shorter than its prompt", expected=f"prompt_len={self.prompt_len}"
                )
            return self.prompt_len
        if self._start is None or not all(self._goes_on(row, self._start) for row in rows):
            self.reset()
            self._start = length
            self._prompts = {tuple(row) for row in rows}
        return self._start

    def _goes_on(self, row: list[int], start: int) -> bool:
        """Whoever draws a token has asked for the scores before it: the history without its last token is known."""
        if len(row) < start or tuple(row[:start]) not in self._prompts:
            return False
        node: _Node | None = self._root
        for token_id in row[start:-1]:
            node = node.children.get(token_id) if node is not None else None
        return node is not None

    def _node(self, history: list[int]) -> _Node:
        node = self._root
        for token_id in history:
            child = node.children.get(token_id)
            if child is None:
                child = node.children[token_id] = _Node(_after(node.matcher, token_id))
                self._size += 1
            node = child
        return node

    def _mask(self, node: _Node) -> np.ndarray[Any, np.dtype[np.uint32]]:
        if node.matcher is None or node.matcher.is_stopped:
            return self._end
        mask = node.matcher.mask()
        return mask if mask.any() else self._end

    def _forget(self, histories: Iterable[list[int]]) -> None:
        old, self._root, self._size = self._root, _Node(self._root.matcher), 1
        for history in histories:
            before, node = old, self._root
            for token_id in history:
                before = before.children[token_id]
                if token_id not in node.children:
                    node.children[token_id] = _Node(before.matcher)
                    self._size += 1
                node = node.children[token_id]


def _after(matcher: Matcher | None, token_id: int) -> Matcher | None:
    if matcher is None or matcher.is_stopped:
        return matcher  # padding after the end
    child = matcher.fork()
    try:
        child.commit(token_id)
    except DeadEnd:
        return None
    return child
