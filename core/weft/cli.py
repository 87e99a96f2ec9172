"""The `weft` command: generate, fill, check, convert, mask.

    weft generate --schema person.schema.json "A person as JSON: "     model -> valid text, shown as it is written
    weft fill     --language cpp "while (<HOLE>) { <HOLE> }"            text with holes -> valid text
    weft check    --schema person.schema.json answer.json             text  -> verdict
    weft convert  person.schema.json --to gbnf                        format -> format
    weft mask     --schema person.schema.json '{"name": '              prefix -> the tokens that may come next

`-` is standard input, `--json` prints one JSON object. Exit codes: 0 yes, 1 no, 2 the command or its input is wrong.
A user's mistake is a message with a caret on standard error, never a traceback; a mistake of ours is one, and exits
with 3.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import inspect
import io
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, get_type_hints

import typer
from rich.console import Console

import weft
from weft.grammar.source import Source

if TYPE_CHECKING:
    from weft.grammar.vocabulary import Vocabulary

app = typer.Typer(
    name="weft",
    help="Grammar-constrained output for language models: generate, fill, check, convert grammars, look at masks.",
    epilog="`-` stands for standard input. Exit codes: 0 yes, 1 no, 2 the command or its input is wrong.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Format(enum.Enum):
    """The ways to write a grammar down."""

    LARK = "lark"
    GBNF = "gbnf"
    REGEX = "regex"
    JSON_SCHEMA = "json-schema"


class Target(enum.Enum):
    """The formats that weft prints."""

    LARK = "lark"
    GBNF = "gbnf"


SUFFIXES = {".lark": Format.LARK, ".gbnf": Format.GBNF, ".regex": Format.REGEX, ".json": Format.JSON_SCHEMA}

IgnoreOption = Annotated[
    list[str] | None,
    typer.Option("--ignore", metavar="KEYWORD", help="Leave a keyword out of the JSON Schema; may be repeated."),
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", help="A transformers checkpoint by path or name; else the embedded model."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@dataclasses.dataclass
class GrammarOptions:
    """The grammar of a command: exactly one of the first five."""

    schema: Annotated[str | None, typer.Option("--schema", metavar="FILE", help="A JSON Schema.")] = None
    grammar: Annotated[
        str | None, typer.Option("--grammar", metavar="FILE", help="A grammar: Lark, GBNF, regex or JSON Schema.")
    ] = None
    regex: Annotated[str | None, typer.Option("--regex", metavar="PATTERN", help="A regular expression.")] = None
    language: Annotated[
        str | None, typer.Option("--language", metavar="NAME", help="A language that weft ships: json, cpp, ...")
    ] = None
    pydantic: Annotated[
        str | None, typer.Option("--pydantic", metavar="MODULE:CLASS", help="A Pydantic model or dataclass to import.")
    ] = None
    format: Annotated[
        Format | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="lark, gbnf, regex or json-schema: how --grammar is written, where its name and text do not tell.",
        ),
    ] = None
    ignore: IgnoreOption = None

    def read(self) -> weft.Grammar:
        sources: dict[str, Callable[[str], weft.Grammar]] = {
            "schema": lambda name: parse_grammar(read_file(name), name, Format.JSON_SCHEMA, self.ignore),
            "grammar": lambda name: parse_grammar(read_file(name), name, self.format, self.ignore),
            "regex": weft.from_regex,
            "language": weft.load,
            "pydantic": lambda name: weft.from_pydantic(import_class(name)),
        }
        given = [name for name in sources if getattr(self, name) is not None]
        if len(given) != 1:
            raise weft.WeftError(
                f"{len(given)} grammars are given" if given else "no grammar is given",
                where=" ".join(f"--{name} {getattr(self, name)}" for name in given),
                expected="one of " + ", ".join(f"--{name}" for name in sources),
            )
        return sources[given[0]](getattr(self, given[0]))


@dataclasses.dataclass
class SamplingOptions:
    """How a token is chosen, as `weft.generate` and `weft.fill` take it."""

    temperature: Annotated[
        float, typer.Option(min=0.0, metavar="T", help="0 takes the most probable token, 1 samples as the model does.")
    ] = 0.0
    top_k: Annotated[int | None, typer.Option(min=1, metavar="K", help="Sample among the K most probable tokens.")] = (
        None
    )
    top_p: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, metavar="P", help="Sample in the top P of probability.")
    ] = None
    seed: Annotated[int | None, typer.Option(metavar="N", help="The same seed gives the same text.")] = None


def grouped(function: Callable[..., None]) -> Callable[..., None]:
    """A command whose parameters that are dataclasses stand for an option per field."""
    hints = get_type_hints(function, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if dataclasses.is_dataclass(hint)}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in groups:
            parameters.append(parameter.replace(annotation=hints[name], kind=parameter.KEYWORD_ONLY))
            continue
        fields = inspect.signature(groups[name], eval_str=True).parameters.values()
        parameters += [field.replace(kind=field.KEYWORD_ONLY) for field in fields]

    @functools.wraps(function)
    def command(**given: Any) -> None:
        made = {
            name: group(**{field.name: given.pop(field.name) for field in dataclasses.fields(group)})
            for name, group in groups.items()
        }
        function(**given, **made)

    vars(command)["__signature__"] = inspect.Signature(parameters)
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


# --- commands -------------------------------------------------------------------------------------------------------


@app.command(epilog='Example: `weft generate --schema person.schema.json "A person as JSON: "`')
@grouped
def generate(
    prompt: Annotated[str, typer.Argument(help="The text to go on from; - reads it from standard input.")],
    grammar: GrammarOptions,
    sampling: SamplingOptions,
    model: ModelOption = None,
    max_tokens: Annotated[
        int, typer.Option(min=1, metavar="N", help="The output is finished within this many tokens.")
    ] = 256,
    as_json: JsonOption = False,
) -> None:
    """Let a model write text that the grammar accepts, shown as it is written."""
    wanted = grammar.read()
    text = read_argument(prompt)
    lm = load_model(model)
    constraint = weft.compile(wanted, lm.vocabulary)
    started = time.perf_counter()
    result = weft.generate(
        lm, text, constraint, max_tokens=max_tokens, on_text=None if as_json else show, **vars(sampling)
    )
    if as_json:
        print_json(
            text=result.text,
            complete=result.is_complete,
            stop=str(result.stop),
            tokens=result.ids,
            model_calls=result.model_calls,
            forced=result.forced,
            seconds=round(time.perf_counter() - started, 3),
        )
    else:
        print()
    raise typer.Exit(0 if result.is_complete else 1)


@app.command(epilog='Example: `weft fill --schema person.schema.json \'{"name": "<HOLE>", "age": <HOLE>}\'`')
@grouped
def fill(
    text: Annotated[str, typer.Argument(help="Text with <HOLE> or <HOLE:4> markers; - reads standard input.")],
    grammar: GrammarOptions,
    sampling: SamplingOptions,
    model: ModelOption = None,
    prompt: Annotated[str, typer.Option(help="What the model reads before the text.")] = "",
    max_tokens: Annotated[
        int, typer.Option(min=0, metavar="N", help="Each hole is finished within this many tokens.")
    ] = 64,
    as_json: JsonOption = False,
) -> None:
    """Let a model fill the holes of a text, so that the whole is a sentence of the grammar.

    Exit code 1 if no filling is one.
    """
    wanted = grammar.read()
    given = read_argument(text)
    canvas = weft.Canvas.from_text(given.removesuffix("\n") if text == "-" else given)
    lm = load_model(model)
    constraint = weft.compile(wanted, lm.vocabulary)
    started = time.perf_counter()
    try:
        result = weft.fill(
            lm, canvas, constraint, prompt=read_argument(prompt), max_tokens=max_tokens, **vars(sampling)
        )
    except weft.DeadEnd as error:
        refuse(reason(wanted, canvas) or error, as_json)
    if as_json:
        print_json(
            text=result.text,
            complete=result.is_complete,
            holes=result.holes,
            tokens=result.ids,
            model_calls=result.model_calls,
            forced=result.forced,
            seconds=round(time.perf_counter() - started, 3),
        )
    else:
        print(result.text)
    raise typer.Exit(0 if result.is_complete else 1)


def reason(grammar: weft.Grammar, canvas: weft.Canvas) -> weft.WeftError | None:
    """Why no filling of a canvas is a sentence, where that can be said without a vocabulary."""
    try:
        return weft.check(grammar, canvas).error
    except weft.WeftError:
        return None


@app.command(epilog='Example: `echo \'{"name": "Ada"\' | weft check --schema person.schema.json -`')
@grouped
def check(
    grammar: GrammarOptions,
    file: Annotated[str, typer.Argument(help="The text to judge; - reads standard input.")] = "-",
    text: Annotated[str | None, typer.Option("--text", help="The text itself, in place of a file.")] = None,
    canvas: Annotated[bool, typer.Option("--canvas", help="<HOLE> in the text stands for any bytes.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Is a text a sentence of the grammar (COMPLETE), the beginning of one (OPEN), or neither (DEAD)?

    With --canvas: can its holes be filled so that it is one (OPEN), or not (DEAD)? UNKNOWN is beyond the limits.
    Exit code 0 only for COMPLETE, and for OPEN with --canvas.

    One line feed at the end of a file is left out where the grammar has no place for it.
    """
    wanted = grammar.read()
    source = read_file(file, hint="--text TEXT judges a text that is no file") if text is None else written_out(text)

    def judge(given: str) -> weft.Verdict:
        name = "<text>" if text is not None or file == "-" else file
        return weft.check(wanted, weft.Canvas.from_text(given) if canvas else given, name=name)

    verdict = judge(source)
    if verdict.status is weft.Status.DEAD and text is None and source.endswith("\n"):
        shorter = judge(source.removesuffix("\n"))
        verdict = verdict if shorter.status is weft.Status.DEAD else shorter
    if as_json:
        print_json(
            status=verdict.status.name,
            offset=verdict.offset,
            expected=list(verdict.expected),
            witness=verdict.witness,
            error=None if verdict.error is None else str(verdict.error),
        )
    else:
        print(verdict.status.name)
        if verdict.error is not None:
            print(verdict.error)
        elif verdict.status is not weft.Status.COMPLETE and verdict.expected:
            print(f"  expected: {', '.join(map(str, verdict.expected))}")
        if verdict.witness is not None and verdict.status is weft.Status.OPEN:
            print(f"  witness: {verdict.witness}")
    good = {weft.Status.COMPLETE, weft.Status.OPEN} if canvas else {weft.Status.COMPLETE}
    raise typer.Exit(0 if verdict.status in good else 1)


@app.command(epilog="Example: `weft convert person.schema.json --to gbnf > person.gbnf`")
def convert(
    file: Annotated[str, typer.Argument(help="A Lark, GBNF, regex or JSON Schema file; - reads standard input.")],
    to: Annotated[Target, typer.Option("--to", metavar="FORMAT", help="The format to print: lark or gbnf.")],
    format: Annotated[
        Format | None,
        typer.Option(
            "--from",
            metavar="FORMAT",
            help="lark, gbnf, regex or json-schema: how FILE is written, where its name and text do not tell.",
        ),
    ] = None,
    ignore: IgnoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a grammar in another format; it accepts the same language."""
    grammar = parse_grammar(read_file(file), file, format, ignore, option="--from")
    text = weft.to_lark(grammar) if to is Target.LARK else weft.to_gbnf(grammar)
    if as_json:
        print_json(format=to.value, text=text)
    else:
        print(text, end="" if text.endswith("\n") else "\n")


@app.command(epilog="Example: `weft mask --schema person.schema.json '{\"name\": '`")
@grouped
def mask(
    grammar: GrammarOptions,
    prefix: Annotated[str, typer.Argument(help="The text so far; - reads it from standard input.")] = "",
    tokenizer: Annotated[
        str | None,
        typer.Option(
            "--tokenizer",
            metavar="NAME",
            help="A tokenizer's file, or a checkpoint, path or name; else the embedded one.",
        ),
    ] = None,
    sample: Annotated[int, typer.Option(min=0, metavar="N", help="Show at most this many of the tokens.")] = 20,
    max_tokens: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Only tokens that leave the text completable within this many tokens."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Which tokens may come next, so that the whole can still become a sentence?

    Exit code 1 if the text so far can not be continued at all.
    """
    wanted = grammar.read()
    text = read_argument(prefix)
    vocabulary = load_vocabulary(tokenizer)
    matcher = weft.compile(wanted, vocabulary).matcher(max_tokens=max_tokens)
    try:
        matcher.commit(*spell(vocabulary, text.encode()))
    except weft.DeadEnd as error:
        refuse(error, as_json)
    allowed = bits(matcher.mask())
    ends = [token_id for token_id in allowed if token_id in vocabulary.eos]
    shown = [token_id for token_id in allowed if vocabulary.tokens[token_id] is not None][:sample]
    if as_json:
        print_json(
            complete=matcher.is_complete,
            size=vocabulary.size,
            allowed=len(allowed),
            end_allowed=bool(ends),
            sample=[{"id": token_id, "text": written(vocabulary, token_id)} for token_id in shown],
        )
        return
    print(f"text      {'complete' if matcher.is_complete else 'open'}")
    print(f"allowed   {len(allowed):,} of {vocabulary.size:,} tokens")
    print(f"end       {'yes' if ends else 'no'}")
    rest = len(allowed) - len(ends) - len(shown)
    if shown:
        more = f"  (and {rest:,} more)" if rest else ""
        print(f"tokens    {'  '.join(repr(written(vocabulary, token_id)) for token_id in shown)}{more}")


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if version:
        print(f"weft {weft.__version__}")
        raise typer.Exit


# --- input ----------------------------------------------------------------------------------------------------------


def read_file(name: str, *, hint: str = "") -> str:
    """The text of a file, or of standard input for "-"."""
    if name == "-" and sys.stdin.isatty():
        print("reading standard input, up to an end of file", file=sys.stderr)
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return data.decode("utf-8")
    except OSError as error:
        raise weft.WeftError(f"{name!r} cannot be read: {error.strerror}", expected="a file, or -", hint=hint) from None
    except UnicodeDecodeError as error:
        raise weft.WeftError(f"{name!r} is not UTF-8", where=f"byte {error.start}", expected="UTF-8") from None


def read_argument(text: str) -> str:
    """A text given on the command line, or standard input for "-"."""
    return read_file(text) if text == "-" else written_out(text)


def written_out(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise weft.WeftError("an argument is not UTF-8", where=ascii(text), expected="UTF-8") from None
    return text


def parse_grammar(
    text: str, name: str, format: Format | None, ignore: list[str] | None, *, option: str = "--format"
) -> weft.Grammar:
    text = text.removeprefix("\ufeff")  # some editors put a byte order mark in front
    match format or sniff(text, name, option):
        case Format.LARK:
            return weft.from_lark(text, name=name)
        case Format.GBNF:
            return weft.from_gbnf(text, name=name)
        case Format.REGEX:
            return weft.from_regex(text.removesuffix("\n"), name=name)
        case Format.JSON_SCHEMA:
            return weft.from_json_schema(parse_json(text, name), ignore=ignore or ())


def sniff(text: str, name: str, option: str) -> Format:
    """The format of a grammar, from the end of its name, else from what only that format has in its text."""
    known = SUFFIXES.get(Path(name).suffix.lower())
    if known is not None:
        return known
    stripped = text.lstrip()
    if stripped.startswith("{") or stripped in ("true\n", "false\n", "true", "false"):
        return Format.JSON_SCHEMA
    if "::=" in text:
        return Format.GBNF
    if any(line.partition(":")[0].strip(" ?!").isidentifier() for line in text.splitlines() if ":" in line):
        return Format.LARK
    raise weft.WeftError(
        f"neither the name nor the text of {name!r} tells which format it has",
        expected="a name that ends in " + ", ".join(SUFFIXES),
        hint=f"{option} " + "|".join(kind.value for kind in Format),
    )


def parse_json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = Source(text, name).where(error.pos, error.pos + 1)
        raise weft.SchemaError(f"not JSON: {error.msg}", where=where, expected="a JSON Schema") from None
    except RecursionError:
        raise weft.SchemaError("nested too deep to read as JSON", where=name, expected="a JSON Schema") from None


def import_class(name: str) -> Any:
    """The object that "package.module:Name" means, looked up from the working directory too."""
    module, _, attribute = name.partition(":")
    sys.path.insert(0, os.getcwd())
    try:
        found = __import__(module, fromlist=[attribute])
        return getattr(found, attribute)
    except (ImportError, AttributeError, ValueError, SyntaxError) as error:
        raise weft.WeftError(
            f"{name!r} cannot be imported",
            where=str(error),
            expected="module:Class",
            hint="run weft where module.py is",
        ) from None


def load_model(name: str | None) -> Any:
    with loading(name):
        from weft.decoders import embedded, hf

        if name is None:
            embedded.one_thread()
        return hf.load_causal(name)


def load_vocabulary(name: str | None) -> Vocabulary:
    """The tokenizer of a file, a folder or a checkpoint's name; the embedded one needs nothing but weft."""
    if name is None:
        from weft.decoders import embedded

        return weft.Vocabulary.from_tokenizer(str(embedded.folder("causal")))
    if Path(name).exists():
        return weft.Vocabulary.from_tokenizer(name)
    with loading(name):
        from weft.decoders import hf

        return weft.Vocabulary.from_tokenizer(hf.load_tokenizer(name))


@contextmanager
def loading(name: str | None) -> Iterator[None]:
    """A sign of life while a model loads; what loads one by name draws bars of its own."""
    terminal = Console(stderr=True)
    try:
        if name is None:
            with terminal.status("loading the embedded model"):
                yield
        else:
            import logging

            logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # every retry of a connection, else
            if terminal.is_terminal:
                terminal.print(f"loading {name}", highlight=False)
                yield
            else:
                from weft.decoders import embedded

                with embedded.no_bars():
                    yield
    except ModuleNotFoundError as error:
        raise weft.WeftError(f"{error.name} is not installed", hint='pip install "weft[hf]"') from None


# --- output ---------------------------------------------------------------------------------------------------------


def show(text: str) -> None:
    print(text, end="", flush=True)


def print_json(**fields: object) -> None:
    print(json.dumps(fields, ensure_ascii=False))


def describe(error: weft.WeftError) -> str:
    return f"{type(error).__name__}: {error}"


def refuse(error: weft.WeftError, as_json: bool) -> NoReturn:
    """The answer is no, and this is why."""
    if as_json:
        print_json(complete=False, error=describe(error))
    else:
        print(describe(error), file=sys.stderr)
    raise typer.Exit(1) from None


def written(vocabulary: Vocabulary, token_id: int) -> str:
    return (vocabulary.tokens[token_id] or b"").decode("utf-8", errors="backslashreplace")


def bits(mask: Any) -> list[int]:
    """The positions of the bits that are set."""
    return [
        32 * word + bit for word, value in enumerate(mask.tolist()) if value for bit in range(32) if value >> bit & 1
    ]


def spell(vocabulary: Vocabulary, text: bytes) -> list[int]:
    """Token ids whose bytes are the text. Any spelling does: a mask depends on the bytes alone."""
    ids = {token: token_id for token_id, token in enumerate(vocabulary.tokens) if token}
    longest = max(map(len, ids), default=0)
    last: list[int] = [0] + [-1] * len(text)  # last[end] = where the last token of a spelling of text[:end] begins
    for start in range(len(text)):
        if last[start] >= 0:
            for end in range(start + 1, min(start + longest, len(text)) + 1):
                if last[end] < 0 and text[start:end] in ids:
                    last[end] = start
    if last[len(text)] < 0:
        raise weft.VocabularyError("the tokenizer has no tokens for this text", where=repr(text))
    spelled: list[int] = []
    end = len(text)
    while end:
        spelled.append(ids[text[last[end] : end]])
        end = last[end]
    return spelled[::-1]


def main(arguments: Iterable[str] | None = None) -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")  # whatever the terminal says: what is read is UTF-8 too
    try:
        app(None if arguments is None else list(arguments))
    except weft.WeftError as error:
        print(describe(error), file=sys.stderr)
        sys.exit(2)
    except Exception:  # only here: Python would exit with 1, which is the answer "no"
        traceback.print_exc()
        sys.exit(3)


if __name__ == "__main__":
    main()
