"""Vocabulary: tokens are their bytes, and a tokenizer for which that is not so is refused."""

import base64
import gc
import importlib.util
import json
import pickle
import sys
import weakref
from pathlib import Path

import pytest

from weft.errors import VocabularyError
from weft.grammar.vocabulary import Vocabulary

tokenizers = pytest.importorskip("tokenizers")
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers  # noqa: E402


def byte_alphabet() -> dict[int, str]:
    """byte -> the character that byte-level BPE spells it with, written down the long way."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + at) for at, byte in enumerate(others)}


def byte_level(*more: bytes, added: tuple[str, ...] = (), special: tuple[str, ...] = ("<|endoftext|>",)) -> Tokenizer:
    spell = byte_alphabet()
    vocab = {spell[byte]: byte for byte in range(256)}
    merges = []
    for text in more:  # each is merged from its first byte and the rest of it, which must be there already
        left, right = spell[text[0]], "".join(spell[byte] for byte in text[1:])
        vocab[left + right] = len(vocab)
        merges.append((left, right))
    tokenizer = Tokenizer(models.BPE(vocab, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in added])
    tokenizer.add_special_tokens(list(special))
    return tokenizer


def byte_fallback(decoder: decoders.Decoder) -> Tokenizer:
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "a", "b", "▁a", "ab", "é", "\n"]
    tokenizer = Tokenizer(
        models.BPE(
            {piece: at for at, piece in enumerate(pieces)},
            [("▁", "a"), ("a", "b")],
            unk_token="<unk>",
            byte_fallback=True,
        )
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoder
    tokenizer.add_special_tokens(["<s>", "</s>"])
    return tokenizer


LLAMA = decoders.Sequence(
    [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(content=" ", left=1, right=0)]
)


# -- the value


def test_tokens_are_bytes_and_ends_and_specials_are_none():
    vocabulary = Vocabulary([b"a", b"</s>", b"<tool>", b"", bytearray(b"b"), None], [1], specials={"<tool>": 2})
    assert vocabulary.tokens == (b"a", None, None, None, b"b", None)
    assert vocabulary.eos == (1,)
    assert vocabulary.specials == {"<tool>": 2}
    assert (vocabulary.size, len(vocabulary)) == (6, 6)
    assert vocabulary.decode([0, 4, 1, 0]) == b"aba"


@pytest.mark.parametrize(
    ("tokens", "eos", "specials", "message"),
    [
        (["a"], [], {}, "token 0 is 'a'"),
        ([b"a"], [1], {}, "end token 1 does not exist"),
        ([b"a"], [-1], {}, "end token -1 does not exist"),
        ([b"a"], ["a"], {}, "end token 'a' is not a token id"),
        ([b"a"], [], {"<x>": 7}, "special token '<x>' 7 does not exist"),
        ([b"a"], None, {}, "None is not a list of tokens"),
    ],
)
def test_what_is_no_vocabulary_is_refused(tokens, eos, specials, message):
    with pytest.raises(VocabularyError) as caught:
        Vocabulary(tokens, eos, specials=specials)
    assert caught.value.what == message


def test_an_unknown_id_is_refused_when_decoding():
    with pytest.raises(VocabularyError, match="token 1 does not exist"):
        Vocabulary([b"a"], []).decode([0, 1])


def test_equal_tokens_make_equal_vocabularies():
    first, second = Vocabulary([b"a", b"bc", None], [2]), Vocabulary([b"a", b"bc", None], [2])
    assert first == second
    assert len({first, second}) == 1
    assert first != Vocabulary([b"ab", b"c", None], [2])  # the same bytes, cut elsewhere
    assert first != Vocabulary([b"a", b"bc", None], [])


def test_pickling_keeps_one_vocabulary_per_process():
    vocabulary = pickle.loads(pickle.dumps(Vocabulary([b"a", None], [1], specials={"</s>": 1})))
    assert pickle.loads(pickle.dumps(vocabulary)) is vocabulary
    assert (vocabulary.tokens, vocabulary.eos, vocabulary.specials) == ((b"a", None), (1,), {"</s>": 1})


# -- byte-level BPE


def test_byte_level_pieces_are_bytes():
    vocabulary = Vocabulary.from_tokenizer(byte_level(b"th", b" th", "é".encode()))
    assert vocabulary.tokens[:256] == tuple(bytes([byte]) for byte in range(256))
    assert vocabulary.tokens[256:] == (b"th", b" th", "é".encode(), None)
    assert vocabulary.eos == (259,)
    assert vocabulary.specials == {"<|endoftext|>": 259}


def test_added_tokens_are_text_unless_they_are_special():
    tokenizer = byte_level(added=("<tool>", "数 x", "  "), special=("<|im_end|>", "<|fim|>"))
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    assert vocabulary.tokens[256:] == (b"<tool>", "数 x".encode(), b"  ", None, None)
    assert vocabulary.eos == (259,)
    assert vocabulary.specials == {"<|im_end|>": 259, "<|fim|>": 260}


def test_an_added_token_is_what_the_tokenizer_decodes_even_if_that_is_odd():
    # Every letter of "naïve" is one of the byte alphabet too, so tokenizers decodes the token as the bytes they spell.
    tokenizer = byte_level(added=("naïve",))
    assert tokenizer.decode([256]) == "na\ufffdve"
    assert Vocabulary.from_tokenizer(tokenizer).tokens[256] == b"na\xefve"


def test_several_end_tokens():
    tokenizer = byte_level(special=("<|endoftext|>", "<|im_start|>", "<|im_end|>"))
    assert Vocabulary.from_tokenizer(tokenizer).eos == (256, 258)
    assert Vocabulary.from_tokenizer(tokenizer, eos="<|im_start|>").eos == (257,)
    assert Vocabulary.from_tokenizer(tokenizer, eos=[10, "<|im_end|>"]).eos == (10, 258)
    assert Vocabulary.from_tokenizer(tokenizer, eos=[10]).tokens[10] is None


def test_without_an_end_token_it_is_refused_unless_one_is_given():
    tokenizer = byte_level(special=())
    with pytest.raises(VocabularyError, match="no end token is known for this BPE tokenizer") as caught:
        Vocabulary.from_tokenizer(tokenizer)
    assert "eos=" in caught.value.hint
    assert Vocabulary.from_tokenizer(tokenizer, eos=[]).eos == ()
    with pytest.raises(VocabularyError, match="'</s>' is not a special token"):
        Vocabulary.from_tokenizer(tokenizer, eos="</s>")


def test_a_model_wider_than_its_tokenizer_has_unused_ids():
    vocabulary = Vocabulary.from_tokenizer(byte_level(), size=320)
    assert (vocabulary.size, vocabulary.tokens[257:]) == (320, (None,) * 63)


def test_ids_that_the_model_lacks_are_left_out():
    tokenizer = byte_level(special=("</s>", "<|extra|>"))
    vocabulary = Vocabulary.from_tokenizer(tokenizer, size=257)
    assert (vocabulary.size, vocabulary.eos, vocabulary.specials) == (257, (256,), {"</s>": 256})
    with pytest.raises(VocabularyError, match="no end token"):
        Vocabulary.from_tokenizer(tokenizer, size=200)


def test_ids_may_have_gaps():
    tokenizer = Tokenizer(models.BPE({"a": 1, "b": 4, "</s>": 6}, []))
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens(["</s>"])
    assert Vocabulary.from_tokenizer(tokenizer).tokens == (None, b"a", None, None, b"b", None, None)


# -- sentencepiece and its relatives


def test_byte_fallback_pieces_are_bytes():
    vocabulary = Vocabulary.from_tokenizer(byte_fallback(LLAMA))
    assert vocabulary.tokens[:3] == (None, None, None)
    assert vocabulary.tokens[3:259] == tuple(bytes([byte]) for byte in range(256))
    assert vocabulary.tokens[259:] == (b" ", b"a", b"b", b" a", b"ab", "é".encode(), b"\n")
    assert vocabulary.specials == {"<s>": 1, "</s>": 2, "<unk>": 0}
    assert vocabulary.eos == (2,)


def test_metaspace_writes_blanks():
    pieces = [("<unk>", 0.0), ("</s>", 0.0), ("▁", -1.0), ("▁a", -1.0), ("b", -1.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(["</s>"])
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    assert vocabulary.tokens == (None, None, b" ", b" a", b"b")
    assert vocabulary.specials == {"<unk>": 0, "</s>": 1}


def test_a_normaliser_that_is_lossy_on_the_way_in_does_no_harm():
    tokenizer = byte_level()
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    assert Vocabulary.from_tokenizer(tokenizer).tokens[65] == b"A"


# -- refusals


def words(decoder: decoders.Decoder | None) -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0, "</s>": 1, "a": 2, "##b": 3, "c</w>": 4}, unk_token="<unk>"))
    tokenizer.add_special_tokens(["</s>"])
    if decoder is not None:
        tokenizer.decoder = decoder
    return tokenizer


@pytest.mark.parametrize(
    ("decoder", "reason"),
    [
        (None, "it has no decoder, so its tokens are joined with blanks"),
        (decoders.WordPiece(), "WordPiece writes a blank or none before a token"),
        (decoders.BPEDecoder(), "the blank that ends a word is written only if another word follows"),
        (decoders.CTC(), "CTC drops a token that repeats the one before it"),
        (decoders.Sequence([decoders.Fuse(), decoders.Replace("ab", "x")]), "may reach over several tokens"),
        (decoders.Sequence([decoders.Fuse(), decoders.Strip(" ", 0, 1)]), "cuts off the end of the text"),
    ],
)
def test_a_tokenizer_that_looks_at_neighbours_is_refused(decoder, reason):
    with pytest.raises(VocabularyError, match="this tokenizer cannot be used: .*" + reason):
        Vocabulary.from_tokenizer(words(decoder))


def test_fused_words_are_fine():
    assert Vocabulary.from_tokenizer(words(decoders.Fuse())).tokens == (None, None, b"a", b"##b", b"c</w>")


def test_the_check_catches_what_the_file_does_not_say():
    class Cleaning:
        """Decodes a blank before a full stop away, as transformers once did by default."""

        def __init__(self, inner):
            self.inner = inner

        def to_str(self):
            return self.inner.to_str()

        def id_to_token(self, token_id):
            return self.inner.id_to_token(token_id)

        def decode(self, ids, skip_special_tokens):
            return self.inner.decode(ids, skip_special_tokens=skip_special_tokens).replace(" .", ".")

        def encode(self, text, add_special_tokens):
            return self.inner.encode(text, add_special_tokens=add_special_tokens)

    with pytest.raises(VocabularyError, match="what a token writes depends on the tokens beside it") as caught:
        Vocabulary.from_tokenizer(Cleaning(byte_level(b"th")))
    assert "tokens [" in caught.value.where


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"model": 3}',
        '{"model": {"type": "BPE", "vocab": {"a": "b"}, "merges": []}, "decoder": {"type": "Fuse"}}',
        '{"model": {"type": "BPE", "vocab": {"a": 99999999999}, "merges": []}, "decoder": {"type": "Fuse"}}',
        '{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}, "decoder": {"type": "Later"}}',
        '{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}, "decoder": 7}',
        '{"model": {"type": "BPE", "vocab": {"a": 0}}, "decoder": {"type": "Fuse"}, "added_tokens": [{}]}',
        '{"model": {"type": "BPE", "vocab": {}, "merges": []}, "decoder": {"type": "Fuse"}}',
        '{"model": {"type": "BPE", "vocab": {"\\ud800": 0}}, "decoder": {"type": "Fuse"}}',
        '{"config": {}, "vocab": []}',
        '{"config": {"default_num_special_tokens": 9, "default_vocab_size": 3}, "vocab": []}',
        '{"config": {"default_num_special_tokens": 1, "default_vocab_size": 3}, "vocab": [{"token_bytes": "?"}]}',
        "[" * 100_000,
        "YQ== 0\nnonsense\n",
        "YQ== 99999999999\n",
    ],
)
def test_a_broken_file_is_refused(tmp_path, content):
    if content.startswith("[" * 9):
        content = '{"model": ' + content
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(VocabularyError):
        Vocabulary.from_tokenizer(path, eos=[])


def test_what_is_no_tokenizer_is_refused(tmp_path):
    for thing in (3, None, b"{}", object(), tmp_path / "missing", tmp_path):
        with pytest.raises(VocabularyError):
            Vocabulary.from_tokenizer(thing)


# -- files


def test_a_folder_tells_the_width_and_the_end_tokens(tmp_path):
    byte_level(special=("<|endoftext|>", "<|user|>", "<|pause|>")).save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "config.json").write_text('{"vocab_size": 272}')
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [257]}')
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": {"content": "<|pause|>"}}')
    vocabulary = Vocabulary.from_tokenizer(tmp_path)
    assert vocabulary.size == 272
    assert sorted(vocabulary.eos) == [256, 257, 258]
    assert Vocabulary.from_tokenizer(str(tmp_path / "tokenizer.json")).eos == (256,)


def test_a_tokenizer_json_is_read_without_the_package_that_wrote_it(tmp_path, monkeypatch):
    byte_level(b"th").save(str(tmp_path / "tokenizer.json"))
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    assert Vocabulary.from_tokenizer(tmp_path).tokens[256] == b"th"


def test_a_rank_file_needs_its_end_token(tmp_path):
    path = tmp_path / "toy.tiktoken"
    path.write_bytes(
        b"".join(base64.b64encode(text) + b" %d\n" % at for at, text in enumerate([b"a", b"\xff", b" the"]))
    )
    with pytest.raises(VocabularyError, match="no end token"):
        Vocabulary.from_tokenizer(path)
    vocabulary = Vocabulary.from_tokenizer(path, specials={"<|endoftext|>": 4})
    assert vocabulary.tokens == (b"a", b"\xff", b" the", None, None)
    assert vocabulary.eos == (4,)


def test_a_tekken_file_puts_the_specials_first(tmp_path):
    ranks = [
        {
            "rank": at,
            "token_bytes": base64.b64encode(text).decode(),
            "token_str": text.decode() if text.isascii() else None,
        }
        for at, text in enumerate([b"a", b"\xff", b" b", b"left out"])
    ]
    config = {"default_vocab_size": 7, "default_num_special_tokens": 4}
    path = tmp_path / "tekken.json"
    path.write_text(json.dumps({"config": config, "vocab": ranks}))
    vocabulary = Vocabulary.from_tokenizer(tmp_path)
    assert vocabulary.tokens == (None, None, None, None, b"a", b"\xff", b" b")
    assert vocabulary.specials == {"<unk>": 0, "<s>": 1, "</s>": 2, "[INST]": 3}
    assert vocabulary.eos == (2,)
    named = [{"rank": 0, "token_str": "<s>"}, {"rank": 1, "token_str": "</s>"}]
    path.write_text(json.dumps({"config": config, "vocab": ranks, "special_tokens": named}))
    assert Vocabulary.from_tokenizer(path).specials == {"<s>": 0, "</s>": 1, "<SPECIAL_2>": 2, "<SPECIAL_3>": 3}


def test_a_tiktoken_encoding():
    tiktoken = pytest.importorskip("tiktoken")
    ranks = {bytes([byte]): byte for byte in range(256)} | {b"th": 256}
    encoding = tiktoken.Encoding("toy", pat_str=r"\w+|\W", mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 260})
    vocabulary = Vocabulary.from_tokenizer(encoding)
    assert vocabulary.tokens[255:] == (b"\xff", b"th", None, None, None, None)
    assert vocabulary.eos == (260,)


def test_a_sentencepiece_model(tmp_path):
    sentencepiece = pytest.importorskip("sentencepiece")
    sentences = ["the cat sat on the mat", "a cat and a dog", "dogs and cats that sat"] * 20
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences),
        model_prefix=str(tmp_path / "toy"),
        vocab_size=300,
        byte_fallback=True,
        user_defined_symbols=["<tool>"],
        hard_vocab_limit=False,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "toy.model"))
    vocabulary = Vocabulary.from_tokenizer(processor)
    assert vocabulary.specials == {"<unk>": 0, "<s>": 1, "</s>": 2}
    assert vocabulary.eos == (2,)
    assert vocabulary.tokens[3:5] == (b"<tool>", b"\x00")
    assert vocabulary.decode(processor.encode("the dog é")) == " the dog é".encode()
    assert Vocabulary.from_tokenizer(tmp_path / "toy.model") is vocabulary


# -- transformers


def test_a_fast_tokenizer_of_transformers():
    transformers = pytest.importorskip("transformers")
    inner = byte_level(b"th", special=("<s>", "</s>"))
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="</s>", pad_token="<pad>", additional_special_tokens=["<x>"]
    )
    vocabulary = Vocabulary.from_tokenizer(fast)
    assert vocabulary.tokens[256] == b"th"
    assert vocabulary.eos == (258,)
    assert set(vocabulary.specials) == {"<s>", "</s>", "<pad>", "<x>"}


def test_the_vocabulary_of_a_tokenizer_is_kept_as_long_as_it_is_used():
    tokenizer = byte_level(b"th")
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    assert Vocabulary.from_tokenizer(tokenizer) is vocabulary
    assert (
        Vocabulary.from_tokenizer(byte_level(b"th")) is vocabulary
    )  # another one with the same tokens: masks are shared
    assert Vocabulary.from_tokenizer(vocabulary) is vocabulary
    tokenizer.add_tokens(["<new>"])
    assert Vocabulary.from_tokenizer(tokenizer).tokens[-1] == b"<new>"
    ghost = weakref.ref(vocabulary)
    del vocabulary
    gc.collect()
    assert ghost() is None


def test_a_tokenizer_with_a_part_that_only_python_knows_is_refused():
    class Letters:
        def pre_tokenize(self, text):
            pass

    tokenizer, custom = byte_level(), pre_tokenizers.PreTokenizer.custom(Letters())
    for part in (custom, pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), custom])):
        tokenizer.pre_tokenizer = part
        with pytest.raises(VocabularyError, match="this tokenizer has parts that only Python knows"):
            Vocabulary.from_tokenizer(tokenizer)


def test_a_broken_tokenizer_file_is_refused(tmp_path):
    (tmp_path / "tokenizer.json").write_text('{"version": "9", "model": {"type": "BPE", "vocab": {}, "merges": []}}')
    with pytest.raises(VocabularyError, match=r"this tokenizer\.json cannot be read"):
        Vocabulary.from_tokenizer(tmp_path / "tokenizer.json")


# -- real ones, where an optional package brings them


def packaged(package: str, path: str) -> Path:
    """A file that an installed package ships; the package is not imported."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / path).exists():
            return Path(folder) / path
    return pytest.skip(f"needs {path} from the package {package} (pip install --no-deps {package})")


def test_tekken():
    vocabulary = Vocabulary.from_tokenizer(packaged("mistral_common", "data/tekken_240911.json"))
    assert vocabulary.size == 131_072
    assert vocabulary.tokens[1000:1256] == tuple(bytes([byte]) for byte in range(256))
    assert sum(token is None for token in vocabulary.tokens) == 1000
    assert vocabulary.eos == (2,)


@pytest.mark.parametrize(
    ("name", "size"), [("tokenizer.model.v1", 32_000), ("mistral_instruct_tokenizer_240323.model.v3", 32_768)]
)
def test_sentencepiece_of_mistral(name, size):
    pytest.importorskip("sentencepiece")
    vocabulary = Vocabulary.from_tokenizer(packaged("mistral_common", f"data/{name}"))
    assert (vocabulary.size, vocabulary.eos) == (size, (2,))
    assert {bytes([byte]) for byte in range(256)} <= set(vocabulary.tokens)


def test_deepseek():
    folder = "litellm_core_utils/tokenizers"
    vocabulary = Vocabulary.from_tokenizer(packaged("litellm", f"{folder}/deepseek_tokenizer.json"))
    assert vocabulary.size == 129_280
    assert b"<think>" in vocabulary.tokens  # added, not special
    assert "<｜end▁of▁sentence｜>" in vocabulary.specials


def test_a_tokenizer_that_normalises_but_decodes_exactly():
    vocabulary = Vocabulary.from_tokenizer(
        packaged("litellm", "litellm_core_utils/tokenizers/anthropic_tokenizer.json")
    )
    assert vocabulary.size == 65_000
