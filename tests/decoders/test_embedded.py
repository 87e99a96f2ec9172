"""The shipped models load, are what README.md of weft.models says, and can be made again."""

import json
from pathlib import Path
from random import Random

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from weft.decoders import embedded, hf  # noqa: E402
from weft.decoders.denoise import denoise  # noqa: E402
from weft.errors import WeftError  # noqa: E402
from weft.models import cpp_text, evaluate, json_text, rows, train  # noqa: E402

SPECIALS = {"<|pad|>": 0, "<|end|>": 1, "<|mask|>": 2, "<|fim_prefix|>": 3, "<|fim_suffix|>": 4, "<|fim_middle|>": 5}


@pytest.fixture(scope="module")
def tokenizer():
    return embedded.tokenizer()


@pytest.fixture(scope="module")
def token_bytes(tokenizer) -> list[bytes | None]:
    """The bytes of every token, read from the names that byte-level BPE gives them; None for specials."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in plain]
    byte_of = {chr(byte): byte for byte in plain} | {chr(256 + i): byte for i, byte in enumerate(hidden)}
    names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    return [None if name in SPECIALS else bytes(byte_of[character] for character in name) for name in names]


def test_the_specials_have_their_ids_and_are_no_text(tokenizer):
    assert {name: tokenizer.convert_tokens_to_ids(name) for name in SPECIALS} == SPECIALS
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.mask_token_id) == (0, 1, 2)
    assert sorted(tokenizer.all_special_ids) == [0, 1, 2, 3, 4, 5]
    assert tokenizer.decode([0, 1, 2, 3, 4, 5], skip_special_tokens=True) == ""
    assert tokenizer("a").input_ids == [tokenizer.convert_tokens_to_ids("a")]  # nothing is put around a text


def test_every_byte_is_a_token(tokenizer, token_bytes):
    assert 1000 <= len(tokenizer) <= 2000
    assert {bytes([byte]) for byte in range(256)} <= set(token_bytes)
    assert len({token for token in token_bytes if token is not None}) == len(tokenizer) - len(SPECIALS)


@pytest.mark.parametrize(
    "text", ['{"name": "Zoë", "tags": []}', "int f(int a) {\n    return a;\n}", " \t\n漢字 🙂 ", ""]
)
def test_text_survives_the_tokenizer(tokenizer, text):
    assert tokenizer.decode(tokenizer(text).input_ids) == text


def test_decoding_concatenates_the_bytes_of_the_tokens(tokenizer, token_bytes):
    rng = Random(0)
    text_ids = [token_id for token_id, token in enumerate(token_bytes) if token is not None]
    for _ in range(200):
        ids = rng.choices(text_ids, k=rng.randint(0, 20))
        assert tokenizer.decode(ids) == b"".join(token_bytes[i] for i in ids).decode("utf-8", errors="replace")


def test_both_models_have_one_tokenizer_and_fit_into_ten_megabytes():
    folders = [embedded.folder("causal"), embedded.folder("masked")]
    assert sum(path.stat().st_size for folder in folders for path in folder.iterdir()) <= 10_000_000
    assert len({(folder / "tokenizer.json").read_bytes() for folder in folders}) == 1


def test_the_checkpoints_are_ordinary_ones_that_load_by_path():
    for name, loaded in (("causal", embedded.causal()), ("masked", embedded.masked())):
        model = AutoModelForCausalLM.from_pretrained(embedded.folder(name))
        assert type(model) is type(loaded) and model.dtype == torch.float32
    tokenizer = AutoTokenizer.from_pretrained(embedded.folder("masked"))
    assert tokenizer.decode(tokenizer("int x;").input_ids) == "int x;"


def test_greedy_text_is_the_same_with_and_without_a_cache(tokenizer):
    model = embedded.causal()
    ids = tokenizer("A person with name, age and city as JSON:\n", return_tensors="pt").input_ids
    with_cache, without = (
        model.generate(ids, do_sample=False, max_new_tokens=24, use_cache=use_cache) for use_cache in (True, False)
    )
    assert with_cache.tolist() == without.tolist()
    assert tokenizer.decode(with_cache[0, ids.shape[1] :]).startswith('{"name": "')


def test_the_causal_model_fills_in_the_middle(tokenizer):
    parts = (3, "int add(int a, int b) {\n    return a", 4, "b;\n}", 5)
    ids = [i for part in parts for i in ([part] if isinstance(part, int) else tokenizer(part).input_ids)]
    output = embedded.causal().generate(torch.tensor([ids]), do_sample=False, max_new_tokens=8)[0, len(ids) :].tolist()
    assert output[-1] == tokenizer.eos_token_id
    assert 0 < len(output) < 8


def test_the_masked_model_scores_every_slot(tokenizer):
    dlm = hf.masked(embedded.masked(), tokenizer)
    left, right = (tokenizer(text).input_ids for text in ('name, age\n{"name": "Ada Hill', " 41}"))
    ids = [*left, dlm.mask_id, *tokenizer("age").input_ids, dlm.mask_id, *right]
    logits = dlm.logits(ids)
    assert logits.shape == (len(ids), len(tokenizer))
    assert dlm.mask_id == tokenizer.mask_token_id == 2
    assert tokenizer.decode(logits[len(left)].argmax()) == '", "'
    changed = dlm.logits([*ids[:-1], tokenizer("]").input_ids[0]])
    assert not torch.equal(changed[len(left)], logits[len(left)])  # what comes after a slot counts, too


@pytest.mark.parametrize("asked", ["year", "genre", "artist"])
def test_the_masked_model_takes_over_the_keys_of_its_prompt(tokenizer, asked):
    dlm = hf.masked(embedded.masked(), tokenizer)
    left = tokenizer(f'title, {asked}\n{{"title": "Open Water", "').input_ids
    assert tokenizer.decode(dlm.logits([*left, *[dlm.mask_id] * 30])[len(left)].argmax()) == asked
    answer = json.loads(denoise(dlm, "name, age\n", length=32, block=16).text)
    assert list(answer) == ["name", "age"]


def test_the_text_of_the_training_is_right():
    rng = Random(3)
    for one in (json_text.example(rng) for _ in range(500)):
        json.loads(one.answer)
        assert one.prompt
    for one in (cpp_text.example(rng) for _ in range(500)):
        assert evaluate.is_balanced(one.prompt + one.answer)
        assert not {"{a}", "{{", "}}"} & set(one.answer.split())


def test_the_rows_of_one_seed_are_always_the_same(tokenizer):
    first, again = (next(train.batches("masked", tokenizer, seed=5, size=4)) for _ in range(2))
    assert first == again
    assert all(len(row.ids) == len(row.learned) <= 2 * rows.LONGEST for row in first)


def test_end_tokens_are_learned_only_where_the_text_is_over(tokenizer):
    batch = next(train.batches("masked", tokenizer, seed=1, size=256))
    assert any(not learned for row in batch for learned in row.learned[row.learned.index(True) :])  # a template
    for row in batch:
        answer = row.ids[row.learned.index(True) :]
        end = answer.index(rows.END) if rows.END in answer else len(answer)
        assert set(answer[end:]) <= {rows.END}
        assert not row.learned[0]  # the row before a slot scores it


@pytest.mark.parametrize("name", ["causal", "masked", "taught"])
def test_a_few_steps_of_training_make_a_checkpoint(name, tokenizer, tmp_path):
    reports = []
    start = {"causal": None, "masked": embedded.causal(), "taught": embedded.masked()}[name]
    how = {"steps": 2, "batch": 4, "answers": 8, "start": start}
    model = train.train(name, tokenizer, **how, report=lambda done, note: reports.append(done))
    train.save(model, tokenizer, tmp_path)
    logits = AutoModelForCausalLM.from_pretrained(tmp_path)(input_ids=torch.tensor([[6, 7, 8]])).logits
    assert logits.shape == (1, 3, len(tokenizer)) and logits.isfinite().all()
    assert reports == [0.0, 0.5, 1.0]


def test_a_model_that_is_not_there_says_how_to_make_it(monkeypatch, tmp_path):
    monkeypatch.setattr(embedded, "files", lambda package: Path(tmp_path))
    with pytest.raises(WeftError, match="embedded masked model is not there") as caught:
        embedded.masked()
    assert "weft.models.train" in caught.value.hint


def test_brackets_in_strings_do_not_count():
    assert evaluate.is_balanced("char f() { return \"}\"[0] == '{' ? 1 : 0; } // )")
    assert not evaluate.is_balanced("int f() { return (1; }")


def test_an_answer_is_like_the_text_with_other_values_and_names():
    asked = json_text.Example("json", "name, tags\n", '{"name": "Ada", "tags": ["new"]}')
    assert evaluate.is_like(asked, '{"name": "Max", "tags": []}')
    assert not any(
        evaluate.is_like(asked, text) for text in ('{"name": 1, "tags": []}', '{"name": "Ada"}', '{"name": "')
    )
    asked = json_text.Example("cpp", "// adds x and y\n", "int add(int x, int y) {\n    return x + y;\n}")
    assert evaluate.is_like(asked, "int plus(int x, int y) { return x + y; }")
    assert not evaluate.is_like(asked, "int add(int x, int y) {\n    return x + x;\n}")


def test_none_of_the_longest_rows_is_left_out(tokenizer):
    def make(rng, one, encode):
        return rows.Row([6] * one, [True] * one)

    lengths = iter([*range(1, 11)] * rows.CHUNK)
    batches = rows.batches(make, None, lambda rng: next(lengths), seed=0, size=500)
    assert sorted(len(row.ids) for _ in range(5) for row in next(batches)) == sorted([*range(1, 11)] * 250)
