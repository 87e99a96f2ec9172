"""The `weft` command: generate, fill, check, convert, mask.

    weft generate --schema person.schema.json "A person as JSON: "     model -> valid text, shown as it is written
    weft fill     --language cpp "while (<HOLE>) { <HOLE> }"            text with holes -> valid text
    weft check    --schema person.schema.json answer.json             text  -> verdict
    weft convert  person.schema.json --to gbnf                        format -> format
    weft mask     --schema person.schema.json '{"name": '              prefix -> the tokens that may come next

`-` is standard input, `--json` prints one JSON object. Exit codes: 0 yes, 1 no, 2 the command or its input is wrong.
A user's mistake is a message with a caret on standard error, never a traceback.
"""

from __future__ import annotations

import enum
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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

SchemaOption = Annotated[str | None, typer.Option("--schema", metavar="FILE", help="A JSON Schema.")]
GrammarOption = Annotated[
    str | None, typer.Option("--grammar", metavar="FILE", help="A grammar: Lark, GBNF, regex or JSON Schema.")
]
RegexOption = Annotated[str | None, typer.Option("--regex", metavar="PATTERN", help="A regular expression.")]
LanguageOption = Annotated[str | None, typer.Option("--language", metavar="NAME", help="A language that weft ships.")]
PydanticOption = Annotated[
    str | None, typer.Option("--pydantic", metavar="MODULE:CLASS", help="A Pydantic model or dataclass to import.")
]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="How --grammar is written, where its name and text do not tell.")
]
IgnoreOption = Annotated[
    list[str] | None,
    typer.Option("--ignore", metavar="KEYWORD", help="Leave a keyword out of the JSON Schema; may be repeated."),
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", metavar="PATH", help="A transformers checkpoint; the embedded model if left out."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


# --- commands -------------------------------------------------------------------------------------------------------


@app.command(epilog='Example: `weft generate --schema person.schema.json "A person as JSON: "`')
def generate(
    prompt: Annotated[str, typer.Argument(help="The text to go on from; - reads it from standard input.")],
    schema: SchemaOption = None,
    grammar: GrammarOption = None,
    regex: RegexOption = None,
    language: LanguageOption = None,
    pydantic: PydanticOption = None,
    format: FormatOption = None,
    ignore: IgnoreOption = None,
    model: ModelOption = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="The output is finished within this many tokens.")] = 256,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 takes the most probable token.")] = 0.0,
    top_k: Annotated[int | None, typer.Option(min=1, help="Sample among the k most probable tokens.")] = None,
    top_p: Annotated[float | None, typer.Option(min=0.0, max=1.0, help="Sample in the top p of probability.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same text.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Let a model write text that the grammar accepts, shown as it is written."""
    wanted = read_grammar(schema, grammar, regex, language, pydantic, format, ignore)
    text = read_text(prompt) if prompt == "-" else prompt
    lm = load_model(model)
    constraint = weft.compile(wanted, lm.vocabulary)
    started = time.perf_counter()
    result = weft.generate(
        lm,
        text,
        constraint,
        max_tokens=max_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
        on_text=None if as_json else show,
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


@app.command(epilog='Example: `weft fill --schema person.schema.json \'{"name": <HOLE>, "age": <HOLE>}\'`')
def fill(
    text: Annotated[str, typer.Argument(help="Text with <HOLE> or <HOLE:4> markers; - reads standard input.")],
    schema: SchemaOption = None,
    grammar: GrammarOption = None,
    regex: RegexOption = None,
    language: LanguageOption = None,
    pydantic: PydanticOption = None,
    format: FormatOption = None,
    ignore: IgnoreOption = None,
    model: ModelOption = None,
    prompt: Annotated[str, typer.Option(help="What the model reads before the text.")] = "",
    max_tokens: Annotated[int, typer.Option(min=0, help="Each hole is finished within this many tokens.")] = 64,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 takes the most probable token.")] = 0.0,
    top_k: Annotated[int | None, typer.Option(min=1, help="Sample among the k most probable tokens.")] = None,
    top_p: Annotated[float | None, typer.Option(min=0.0, max=1.0, help="Sample in the top p of probability.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same text.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Let a model fill the holes of a text, so that the whole is a sentence of the grammar.

    Exit code 1 if no filling is one.
    """
    wanted = read_grammar(schema, grammar, regex, language, pydantic, format, ignore)
    canvas = weft.Canvas.from_text(read_text(text).removesuffix("\n") if text == "-" else text)
    lm = load_model(model)
    constraint = weft.compile(wanted, lm.vocabulary)
    started = time.perf_counter()
    try:
        result = weft.fill(
            lm,
            canvas,
            constraint,
            prompt=prompt,
            max_tokens=max_tokens,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=seed,
        )
    except weft.DeadEnd as error:
        print(describe(error), file=sys.stderr)
        raise typer.Exit(1) from None
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


@app.command(epilog='Example: `echo \'{"name": "Ada"\' | weft check --schema person.schema.json -`')
def check(
    file: Annotated[str, typer.Argument(help="The text to judge; - reads standard input.")] = "-",
    text: Annotated[str | None, typer.Option("--text", help="The text itself, in place of a file.")] = None,
    canvas: Annotated[bool, typer.Option("--canvas", help="<HOLE> in the text stands for any bytes.")] = False,
    schema: SchemaOption = None,
    grammar: GrammarOption = None,
    regex: RegexOption = None,
    language: LanguageOption = None,
    pydantic: PydanticOption = None,
    format: FormatOption = None,
    ignore: IgnoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Is a text a sentence of the grammar (COMPLETE), the beginning of one (OPEN), or neither (DEAD)?

    With --canvas: can its holes be filled so that it is one (OPEN), or not (DEAD)? UNKNOWN is beyond the limits.
    Exit code 0 only for COMPLETE, and for OPEN with --canvas.

    One line feed at the end of a file is left out where the grammar has no place for it.
    """
    wanted = read_grammar(schema, grammar, regex, language, pydantic, format, ignore)
    source = read_text(file) if text is None else text

    def judge(given: str) -> weft.Verdict:
        return weft.check(wanted, weft.Canvas.from_text(given) if canvas else given)

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
    to: Annotated[Target, typer.Option("--to", help="The format to print.")],
    format: Annotated[
        Format | None, typer.Option("--from", help="The format of FILE, where its name and text do not tell.")
    ] = None,
    ignore: IgnoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a grammar in another format; it accepts the same language."""
    grammar = parse_grammar(read_text(file), file, format, ignore)
    text = weft.to_lark(grammar) if to is Target.LARK else weft.to_gbnf(grammar)
    if as_json:
        print_json(format=to.value, text=text)
    else:
        print(text, end="" if text.endswith("\n") else "\n")


@app.command(epilog="Example: `weft mask --schema person.schema.json '{\"name\": '`")
def mask(
    prefix: Annotated[str, typer.Argument(help="The text so far; - reads it from standard input.")] = "",
    schema: SchemaOption = None,
    grammar: GrammarOption = None,
    regex: RegexOption = None,
    language: LanguageOption = None,
    pydantic: PydanticOption = None,
    format: FormatOption = None,
    ignore: IgnoreOption = None,
    tokenizer: Annotated[
        str | None, typer.Option("--tokenizer", metavar="PATH", help="A tokenizer; the embedded one if left out.")
    ] = None,
    sample: Annotated[int, typer.Option(min=0, help="Show at most this many of the tokens.")] = 20,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Only tokens that leave the text completable within this many tokens.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Which tokens may come next, so that the whole can still become a sentence?

    Exit code 1 if the text so far can not be continued at all.
    """
    wanted = read_grammar(schema, grammar, regex, language, pydantic, format, ignore)
    text = read_text(prefix) if prefix == "-" else prefix
    vocabulary = load_vocabulary(tokenizer)
    matcher = weft.compile(wanted, vocabulary).matcher(max_tokens=max_tokens)
    try:
        matcher.commit(*spell(vocabulary, text.encode()))
    except weft.DeadEnd as error:
        print(describe(error), file=sys.stderr)
        raise typer.Exit(1) from None
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


def read_text(name: str) -> str:
    """The text of a file, or of standard input for "-"."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return data.decode("utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{name}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{name}: not UTF-8 at byte {error.start}") from None


def read_grammar(
    schema: str | None,
    grammar: str | None,
    regex: str | None,
    language: str | None,
    pydantic: str | None,
    format: Format | None,
    ignore: list[str] | None,
) -> weft.Grammar:
    """The one grammar that the options name."""
    given: list[tuple[str | None, Callable[[str], weft.Grammar]]] = [
        (schema, lambda name: parse_grammar(read_text(name), name, Format.JSON_SCHEMA, ignore)),
        (grammar, lambda name: parse_grammar(read_text(name), name, format, ignore)),
        (regex, weft.from_regex),
        (language, weft.load),
        (pydantic, lambda name: weft.from_pydantic(import_class(name))),
    ]
    chosen = [(value, build) for value, build in given if value is not None]
    if len(chosen) != 1:
        options = "--schema, --grammar, --regex, --language, --pydantic"
        raise typer.BadParameter(f"give exactly one of {options}; {len(chosen)} given")
    value, build = chosen[0]
    return build(value)


def parse_grammar(text: str, name: str, format: Format | None, ignore: list[str] | None) -> weft.Grammar:
    match format or sniff(text, name):
        case Format.LARK:
            return weft.from_lark(text, name=name)
        case Format.GBNF:
            return weft.from_gbnf(text, name=name)
        case Format.REGEX:
            return weft.from_regex(text.removesuffix("\n"), name=name)
        case Format.JSON_SCHEMA:
            return weft.from_json_schema(parse_json(text, name), ignore=ignore or ())


def sniff(text: str, name: str) -> Format:
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
    raise typer.BadParameter(f"{name}: neither its name nor its text tells the format; name it")


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
    except (ImportError, AttributeError, ValueError) as error:
        raise typer.BadParameter(f"--pydantic {name}: {error}; expected module:Class") from None


def load_model(name: str | None) -> Any:
    try:
        from weft.decoders import hf
    except ModuleNotFoundError as error:
        raise weft.WeftError(f"{error.name} is not installed", hint='pip install "weft[hf]"') from None
    with Console(stderr=True).status(f"loading {name or 'the embedded model'}"):
        return hf.load_causal(name)


def load_vocabulary(name: str | None) -> Vocabulary:
    """The tokenizer of a file, a folder or a checkpoint's name; the embedded one needs nothing but weft."""
    if name is None:
        from weft.decoders import embedded

        name = str(embedded.folder("causal"))
    return weft.Vocabulary.from_tokenizer(name)


# --- output ---------------------------------------------------------------------------------------------------------


def show(text: str) -> None:
    print(text, end="", flush=True)


def print_json(**fields: object) -> None:
    print(json.dumps(fields, ensure_ascii=False))


def describe(error: weft.WeftError) -> str:
    return f"{type(error).__name__}: {error}"


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
    try:
        app(None if arguments is None else list(arguments))
    except weft.WeftError as error:
        print(describe(error), file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
