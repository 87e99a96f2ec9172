"""The `weft` command: verdicts and exit codes, standard input, JSON, formats, and what a user's mistake looks like."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
needs_model = pytest.mark.skipif(importlib.util.find_spec("transformers") is None, reason="needs weft[hf]")

SCHEMA = (
    '{"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"], "additionalProperties": false}'
)


@pytest.fixture
def schema(tmp_path: Path) -> str:
    path = tmp_path / "age.schema.json"
    path.write_text(SCHEMA)
    return str(path)


@pytest.mark.parametrize(
    "text, status, code", [('{"age": 36}', "COMPLETE", 0), ('{"age": 3', "OPEN", 1), ('{"name', "DEAD", 1)]
)
def test_check_prints_the_verdict_and_only_complete_exits_0(
    command: Command, schema: str, text: str, status: str, code: int
) -> None:
    ran = command("check", "--schema", schema, "--text", text)
    assert (ran.code, ran.out.splitlines()[0], ran.err) == (code, status, "")


def test_check_reads_standard_input_and_files(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("aab")
    assert command("check", "--regex", "a+b", "-", stdin="aab").out == "COMPLETE\n"
    assert command("check", "--regex", "a+b", str(path)).out == "COMPLETE\n"


def test_check_leaves_out_a_final_line_feed_only_where_it_does_not_fit(command: Command) -> None:
    assert command("check", "--regex", "a+", "-", stdin="aa\n").code == 0
    assert command("check", "--regex", "a+\\n", "-", stdin="aa\n").code == 0
    assert command("check", "--regex", "a+", "-", stdin="aa\n\n").code == 1
    assert command("check", "--regex", "a+", "--text", "aa\n").code == 1


def test_check_as_json(command: Command) -> None:
    found = json.loads(command("check", "--regex", "ab*c", "--text", "abb", "--json").out)
    assert (found["status"], found["witness"], found["error"]) == ("OPEN", "abbc", None)
    found = json.loads(command("check", "--regex", "ab*c", "--text", "abx", "--json").out)
    assert (found["status"], found["offset"], found["witness"]) == ("DEAD", 2, None)


@pytest.mark.parametrize(
    "text, status, code", [("a<HOLE>c", "OPEN", 0), ("abc", "COMPLETE", 0), ("a<HOLE>a", "DEAD", 1)]
)
def test_check_of_a_canvas(command: Command, text: str, status: str, code: int) -> None:
    ran = command("check", "--regex", "ab*c", "--canvas", "-", stdin=text + "\n")
    assert (ran.code, ran.out.splitlines()[0]) == (code, status)
    assert command("check", "--regex", "ab*c", "--text", "a<HOLE>c").out.startswith("DEAD")


def test_check_of_a_canvas_that_counts_in_tokens_is_a_mistake(command: Command) -> None:
    ran = command("check", "--regex", "ab*c", "--canvas", "--text", "a<HOLE:2>c")
    assert (ran.code, ran.out) == (2, "")
    assert "vocabulary" in ran.err


@needs_model
def test_fill_writes_the_holes_as_the_grammar_wants_them(command: Command, schema: str) -> None:
    ran = command("fill", "--schema", schema, "--max-tokens", "20", '{"age": <HOLE>}')
    assert (ran.code, ran.err) == (0, "")
    assert isinstance(json.loads(ran.out)["age"], int)


@needs_model
def test_fill_as_json_from_standard_input(command: Command) -> None:
    ran = command("fill", "--regex", "x[a-c]{2}y[0-9]z", "--json", "-", stdin="x<HOLE>y<HOLE>z\n")
    found = json.loads(ran.out)
    assert (ran.code, found["complete"]) == (0, True)
    first, second = found["holes"]
    assert found["text"] == f"x{first}y{second}z"


@needs_model
def test_fill_of_a_text_that_no_filling_completes_exits_1(command: Command) -> None:
    ran = command("fill", "--regex", "ab*c", "a<HOLE>a")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "DeadEnd: no filling of the holes makes 'a' fit\n"
    found = json.loads(command("fill", "--regex", "ab*c", "a<HOLE:2>a", "--json").out)
    assert (found["complete"], found["error"].splitlines()[0]) == (
        False,
        "DeadEnd: no filling of the canvas is a sentence",
    )


@pytest.mark.parametrize("to", ["lark", "gbnf"])
def test_convert_prints_a_grammar_of_the_same_language(command: Command, schema: str, tmp_path: Path, to: str) -> None:
    ran = command("convert", schema, "--to", to)
    assert (ran.code, ran.err) == (0, "")
    converted = tmp_path / f"converted.{to}"
    converted.write_text(ran.out)
    assert command("check", "--grammar", str(converted), "--text", '{"age": 36}').code == 0
    assert command("check", "--grammar", str(converted), "--text", '{"age": "36"}').code == 1


@pytest.mark.parametrize(
    "text", ['root ::= "a" root | "b"\n', 'start: "a" start | "b"\n', '{"type": "string", "enum": ["b"]}']
)
def test_convert_tells_the_format_from_the_text(command: Command, text: str) -> None:
    assert command("convert", "-", "--to", "lark", stdin=text).code == 0


def test_convert_asks_for_the_format_where_nothing_tells(command: Command) -> None:
    ran = command("convert", "-", "--to", "lark", stdin="[0-9]+")
    assert (ran.code, ran.out) == (2, "")
    assert "hint: --from lark|gbnf|regex|json-schema" in ran.err
    assert "hint: --format lark" in command("check", "--grammar", "-", "--text", "1", stdin="[0-9]+").err
    assert command("convert", "-", "--from", "regex", "--to", "lark", stdin="[0-9]+\n").code == 0


def test_mask_counts_the_tokens_that_may_come_next(command: Command) -> None:
    found = json.loads(command("mask", "--regex", "(yes|no)", "y", "--json").out)
    assert found["complete"] is False
    assert {token["text"] for token in found["sample"]} <= {"e", "es"}
    assert found["allowed"] == len(found["sample"]) > 0
    found = json.loads(command("mask", "--regex", "(yes|no)", "yes", "--json").out)
    assert (found["complete"], found["end_allowed"], found["sample"]) == (True, True, [])


def test_mask_of_a_text_that_does_not_fit_exits_1(command: Command) -> None:
    ran = command("mask", "--regex", "(yes|no)", "z")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("DeadEnd: ")


def test_mask_as_json_says_why_a_text_does_not_fit(command: Command) -> None:
    ran = command("mask", "--regex", "(yes|no)", "z", "--json")
    assert (ran.code, ran.err) == (1, "")
    assert json.loads(ran.out)["error"].startswith("DeadEnd: ")


def test_mask_takes_a_tokenizer_by_its_name(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    hf = pytest.importorskip("weft.decoders.hf")
    given = []
    monkeypatch.setattr(hf, "load_tokenizer", lambda name, load=hf.load_tokenizer: given.append(name) or load())
    ran = command("mask", "--regex", "(yes|no)", "--tokenizer", "some/checkpoint")
    assert (ran.code, ran.err, given) == (0, "", ["some/checkpoint"])
    assert "of 1,100 tokens" in ran.out


@needs_model
def test_generate_writes_what_the_grammar_accepts(command: Command, schema: str) -> None:
    ran = command("generate", "--schema", schema, "--max-tokens", "40", "A person as JSON: ")
    assert (ran.code, ran.err) == (0, "")
    assert isinstance(json.loads(ran.out)["age"], int)


def test_the_embedded_model_runs_in_one_thread(command: Command) -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        command("generate", "--regex", "[ab]", "A letter: ")
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@needs_model
def test_generate_as_json_and_the_same_seed_gives_the_same_text(command: Command) -> None:
    arguments = ("generate", "--regex", "[a-z]{3,8}", "--temperature", "1", "--seed", "7", "--json", "-")
    first, second = (json.loads(command(*arguments, stdin="A word: ").out) for _ in range(2))
    assert first["text"] == second["text"]
    assert 3 <= len(first["text"]) <= 8
    assert first["complete"] is True


@needs_model
def test_a_checkpoint_by_path_writes_no_bars_where_nobody_looks(command: Command) -> None:
    from weft.decoders import embedded

    ran = command("generate", "--regex", "[ab]", "--model", str(embedded.folder("causal")), "A letter: ")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out in ("a\n", "b\n")


@needs_model
def test_generate_refuses_a_budget_in_which_no_sentence_fits(command: Command, schema: str) -> None:
    ran = command("generate", "--schema", schema, "--max-tokens", "1", "A person as JSON: ")
    assert (ran.code, ran.out) == (2, "")
    assert "Traceback" not in ran.err


def test_a_file_that_does_not_fit_is_named_in_the_message(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "answer.txt"
    path.write_text("aax")
    assert command("check", "--regex", "a+", str(path)).out.splitlines()[2] == f"  {path}:1:3"
    assert command("check", "--regex", "a+", "-", stdin="aax").out.splitlines()[2] == "  <text>:1:3"


def test_a_byte_order_mark_before_a_grammar_is_no_part_of_it(command: Command, tmp_path: Path) -> None:
    for name, text in (("s.json", SCHEMA), ("g.lark", 'start: "a"\n'), ("g.gbnf", 'root ::= "a"\n')):
        path = tmp_path / name
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
        assert command("convert", str(path), "--to", "lark").code == 0


def test_a_broken_schema_shows_the_place_and_a_caret(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text('{\n  "type": object\n}\n')
    ran = command("check", "--schema", str(path), "--text", "{}")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines()[:4] == [
        "SchemaError: not JSON: Expecting value",
        f"  {path}:2:11",
        '     2 |   "type": object',
        "       |           ^",
    ]


def test_a_broken_grammar_shows_the_place_and_a_caret(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "broken.lark"
    path.write_text('start: "{" stmnt* "}"\n')
    ran = command("check", "--grammar", str(path), "--text", "{}")
    assert ran.code == 2
    assert ran.err.startswith("GrammarError: ")
    assert "broken.lark:1:12" in ran.err
    assert "^^^^^" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "--schema", "no-such-file.json", "--text", "{}"),
        ("check", "--text", "{}"),
        ("check", "--regex", "a", "--language", "json", "--text", "{}"),
        ("check", "--language", "klingon", "--text", "{}"),
        ("check", "--regex", "(", "--text", "{}"),
        ("check", "--pydantic", "no_such_module:Person", "--text", "{}"),
        ("check", "--pydantic", "json", "--text", "{}"),
        ("generate", "--regex", "a", "--model", "no/such/checkpoint", "prompt"),
        ("mask", "--regex", "a", "--tokenizer", "no/such/tokenizer"),
        ("convert", "grammar.lark", "--to", "yaml"),
        ("check", "--regex", "a", "."),
        ("check", "--schema", ".", "--text", "{}"),
        ("check", "--regex", "a", "--text", "\udcff"),
        ("mask", "--regex", "a", "\udcff"),
        ("generate", "--regex", "a", "\udcff"),
        ("generate", "--regex", "a", "--top-p", "0", "prompt"),
        ("generate", "--regex", "a", "--temperature", "nan", "prompt"),
        ("fill", "--regex", "a", "a<HOLE:0>"),
        ("paint",),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_2(command: Command, arguments: tuple[str, ...]) -> None:
    ran = command(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.strip()
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("content, what", [(b"\xff", "is not UTF-8"), (b"", "not JSON")])
def test_a_schema_file_that_is_no_text_or_empty(command: Command, tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "schema.json"
    path.write_bytes(content)
    ran = command("check", "--schema", str(path), "--text", "{}")
    assert (ran.code, ran.out) == (2, "")
    assert what in ran.err


@needs_model
def test_an_empty_text_is_a_text(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    assert command("check", "--regex", "a*", str(path)).out == "COMPLETE\n"
    assert command("check", "--regex", "a*", "-").out == "COMPLETE\n"
    assert command("mask", "--regex", "a*", "-").code == 0
    assert json.loads(command("generate", "--regex", "[ab]", "-", "--json").out)["text"] in ("a", "b")


def test_a_reader_that_goes_away_leaves_no_traceback() -> None:
    command = [sys.executable, "-m", "weft", "convert", "-", "--from", "regex", "--to", "gbnf"]
    with subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1) as ran:
        assert ran.stdin and ran.stdout and ran.stderr
        ran.stdout.close()
        ran.stdin.write(b"a{3}")
        ran.stdin.close()
        assert (ran.stderr.read(), ran.wait()) == (b"", 1)


def test_who_is_asked_for_standard_input_in_a_terminal_is_told() -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    os.write(ours, b"a\n\x04")
    command = [sys.executable, "-m", "weft", "check", "--regex", "a"]
    ran = subprocess.run(command, stdin=theirs, capture_output=True, text=True, check=False, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "COMPLETE\n")
    assert ran.stderr == "reading standard input, up to an end of file\n"


def test_an_interrupt_leaves_no_traceback(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("weft.cli.read_file", interrupted)
    ran = command("check", "--regex", "a", "-")
    assert (ran.code, "Traceback" in ran.err) == (130, False)


def test_a_mistake_of_ours_is_never_the_answer_no(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weft.check", lambda *_, **__: 1 // 0)
    ran = command("check", "--regex", "a", "--text", "a")
    assert (ran.code, ran.out) == (3, "")
    assert "ZeroDivisionError" in ran.err


def test_text_beyond_ascii_is_utf_8_whatever_the_terminal_says() -> None:
    command = [sys.executable, "-m", "weft", "check", "--regex", "é+", "--text", "é"]
    ran = subprocess.run([*command, "--json"], capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (ran.returncode, json.loads(ran.stdout.decode())["witness"]) == (0, "é")


def test_help_shows_examples(command: Command) -> None:
    for name in ("generate", "fill", "check", "convert", "mask"):
        ran = command(name, "--help")
        assert ran.code == 0
        assert "Example: " in ran.out


def test_python_dash_m_weft_is_the_same_command() -> None:
    ran = subprocess.run([sys.executable, "-m", "weft", "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout == "weft 0.1.0\n"
