"""A command whose options come from the plugins on its own command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pytest

from valle_cli.interpreter import Command, interpret
from valle_cli.known import KNOWN
from valle_cli.main import run
from valle_cli.option_table import attribute_texts
from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section, Slot
from valle_core.plugin import CommandSpec, UserError
from valle_core.registry.registry import Registry

PLUGINS = """
from dataclasses import dataclass, field
from valle_core.plugin import PluginSpec
def spec(name, options, kind="arch", **more):
    return PluginSpec(kind=kind, name=name, api=1, summary="", factory="acme_nets:none", options="acme_nets:" + options,
                      **more)
BIG, SMALL = spec("big", "Big", advisories=("Big is slow.",)), spec("small", "Small")
KEEP, TRIM = spec("keep", "Keep", "sampler"), spec("trim", "Trim", "sampler")
@dataclass(frozen=True, kw_only=True)
class Big:
    '''Options.

    Attributes:
        hidden_size: width of [B, T, D],
            in numbers.
        tied: share the tables.
    '''
    hidden_size: int = 512
    tied: bool = True
@dataclass(frozen=True, kw_only=True)
class Small:
    depth: int = field(default=2, metadata={"help": "how deep it is"})
@dataclass(frozen=True, kw_only=True)
class Keep:
    p: float = 0.9
    k: int = 5
@dataclass(frozen=True, kw_only=True)
class Trim:
    p: float = 0.1
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """Numbers of a run.

    Attributes:
        steps: optimizer steps.
    """

    steps: int = 10
    mode: Literal["fast", "slow"] = "fast"
    levels: tuple[int, ...] = (0,)
    shuffle: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    sum_embeddings: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Own:
    """Options of the command.

    Attributes:
        text: what to say
        out: file to write
        loud: not softly
    """

    text: str = ""
    out: str = "a.wav"
    loud: bool = False


SCHEMA = Schema(
    (Slot("arch", "arch", "big"), Slot("sampler", "sampler", ("keep",), many=True)),
    (
        Section("own", Own, flat=True, help="Options", positional=("text",)),
        Section("training", Training, flat=True, help="The run"),
        Section("model", Model),
    ),
)


@pytest.fixture
def command(install, capsys, monkeypatch):
    """`command("--steps 3")` → (exit code, what the function received, stdout, stderr)."""
    names = {"big": "BIG", "small": "SMALL"}
    samplers = {"keep": "KEEP", "trim": "TRIM"}
    install(
        "acme",
        {
            "valle.arch": {name: f"acme_nets:{spec}" for name, spec in names.items()},
            "valle.sampler": {name: f"acme_nets:{spec}" for name, spec in samplers.items()},
        },
        acme_nets=PLUGINS,
    )
    monkeypatch.setenv("COLUMNS", "120")

    def command(line: str):
        received: list = []

        def train(context: CommandContext) -> CommandResult | None:
            """Train [something]."""
            own = context.options("own")
            received.append((context.resolved, own.text, own.out))
            return CommandResult(text="it is done", facts={"done": True}, code=7) if own.loud else None

        spec = CommandSpec(name="train", api=2, summary="", run="-", examples=("valle train --arch big",))
        monkeypatch.setattr(
            "valle_cli.main._dispatch",
            lambda words, safe: interpret(Command(spec, SCHEMA, train), words, Registry.open(safe=safe)),
        )
        code = run(line.split())
        captured = capsys.readouterr()
        return code, received[0] if received else None, captured.out, captured.err

    return command


def test_help_has_a_panel_for_each_selected_plugin_with_help_and_default(command):
    _, received, out, _ = command("--arch small --sampler keep --sampler trim --help")
    assert received is None
    for text in (
        "arch small (acme 1.0)", "--arch.depth", "how deep it is [default: 2]", "sampler keep (acme 1.0)",
        "sampler trim (acme 1.0)", "--sampler.p", "The run", "--steps", "optimizer steps [default: 10]", "fast|slow",
        "--no-shuffle", "--no-model.sum-embeddings", "Train [something].", "valle train --arch big", "what to say",
    ):  # fmt: skip
        assert text in out, text
    assert out.count("--sampler.p") == 2
    assert "hidden-size" not in out


def test_help_shows_every_word_that_is_read_and_what_it_takes(command):
    page = command("--arch small --sampler trim -h")[2]
    shown = {word for word in page.replace(",", " ").split() if word.startswith("-")}
    assert shown == {
        "--arch", "--sampler", "--arch.depth", "--sampler.p", "--out", "--loud", "--no-loud", "--steps", "--mode",
        "--levels", "--shuffle", "--no-shuffle", "--model.sum-embeddings", "--no-model.sum-embeddings", "--config",
        "--set", "--json", "--help", "-h",
    }  # fmt: skip
    lines = {line.split()[1]: line.split()[2] for line in page.splitlines() if line.startswith("│ --")}
    assert (lines["--steps"], lines["--mode"], lines["--config"]) == ("INTEGER", "fast|slow", "FILE")
    assert "<bool>" not in page


def test_a_paragraph_of_the_help_is_wrapped_to_the_terminal_only(capsys):
    from valle_cli.help_page import show

    show("tell", "Tell it.\n\nThis is written\non two lines.", [], ())
    assert " This is written on two lines." in capsys.readouterr().out


def test_a_value_that_looks_like_a_slots_flag_picks_no_plugin(command):
    _, (resolved, text, out), _, _ = command("--out --arch small")
    assert (resolved.part("arch").name, text, out) == ("big", "small", "--arch")


def test_help_reads_texts_from_the_docstring_and_keeps_brackets(command):
    out = command("--help")[2]
    assert "width of [B, T, D], in numbers [default: 512]" in " ".join(out.replace("│", " ").split())


def test_help_follows_the_plugin_named_in_the_file(command, tmp_path):
    (tmp_path / "run.yaml").write_text("arch: {name: small, depth: 9}")
    assert "--arch.depth" in command(f"--config {tmp_path}/run.yaml --help")[2]
    assert "--arch.depth" in command("--set arch=small --help")[2]
    assert "--arch.depth" in command("--set arch.name=small --help")[2]


def test_options_of_plugins_sections_and_the_command_itself_arrive(command):
    line = (
        "hello --arch.hidden-size 3 --no-arch.tied --steps=4 --levels 1 --levels 2 --model.sum-embeddings --out b.wav"
    )
    code, (resolved, text, out), _, _ = command(line)
    assert (code, text, out) == (0, "hello", "b.wav")
    big = resolved.part("arch").options
    assert (big.hidden_size, big.tied) == (3, False)
    training = resolved.sections["training"]
    assert (training.steps, training.levels) == (4, (1, 2))
    assert resolved.sections["model"].sum_embeddings


def test_flags_beat_set_and_set_beats_the_file(command, tmp_path):
    (tmp_path / "run.yaml").write_text("steps: 1\nmode: slow\narch: {hidden_size: 1}")
    line = f"--config={tmp_path}/run.yaml --set arch.hidden_size=2 --set steps=2 --steps 3"
    resolved = command(line)[1][0]
    assert resolved.sections["training"].steps == 3
    assert resolved.sections["training"].mode == "slow"
    assert resolved.part("arch").options.hidden_size == 2


def test_options_of_a_chain_go_to_the_plugin_named_before_them(command):
    resolved = command("--sampler keep --sampler.p 0.5 --sampler.k 7 --sampler trim --sampler.p 0.2")[1][0]
    assert [(part.name, part.options.p) for part in resolved.parts["sampler"]] == [("keep", 0.5), ("trim", 0.2)]


def test_advisories_of_what_was_chosen_are_shown_on_stderr(command):
    assert command("")[3] == "note: arch 'big': Big is slow.\n"
    assert command("--arch small")[3] == ""


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (
            "--arch planned --help",
            "arch 'planned' is not installed. Install it with: valle plugins install valle-planned",
        ),
        ("--arch bgi", "there is no arch 'bgi'. Did you mean 'big'?"),
        ("--arch.hiden-size 3", "there is no option --arch.hiden-size of arch 'big'. Did you mean '--arch.h"),
        ("--arch.depth 3", "there is no option --arch.depth of arch 'big'."),
        ("--sampler.q 3", "there is no option --sampler.q of sampler 'keep'. Options: --sampler.p, --sampler.k"),
        ("--model.sum 3", "there is no option --model.sum."),
        ("--stesp 3", "there is no option --stesp. Did you mean '--steps'? See --help"),
        ("--steps", "--steps needs a value"),
        ("--steps many", "--steps: expected an integer, got 'many'"),
        ("--mode medium", "--mode: expected one of fast, slow, got 'medium'"),
        ("--config nowhere.yaml", "cannot read nowhere.yaml: No such file or directory."),
        ("--set arch.hiden_size=3", "--set arch.hiden_size: arch 'big' has no option 'hiden_size'. Did you mean"),
        ("-5 --steps 3", "there is no option -5. A text that begins with - goes behind --, after all options: valle "),
        ("one two", "unexpected argument 'two'. See: valle train --help"),
        ("--json=yes", "--json takes no value, got 'yes'"),
        ("-h=yes", "-h takes no value, got 'yes'"),
        ("--hepl", "there is no option --hepl. Did you mean '--help'? See --help"),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_one_line_and_exit_code_two(command, monkeypatch, line, error):
    monkeypatch.setitem(KNOWN, "valle-planned", {"arch": ("planned",)})
    code, received, out, err = command(line)
    assert (code, received, out) == (2, None, "")
    assert err.startswith(f"error: {error}")
    assert err.count("\n") == 1


def test_words_after_two_dashes_are_the_commands_own(command):
    assert command("--steps 3 -- --steps")[1][1] == "--steps"


def test_what_a_command_returns_is_printed_as_text_or_as_json_with_its_exit_code(command):
    assert command("--loud --arch small")[::2] == (7, "it is done\n")
    assert command("--loud --arch small --json")[::2] == (7, '{"done": true}\n')
    assert command("--arch small --json")[::2] == (0, "")


def test_own_options_may_stand_in_the_file_and_positionals_too(command, tmp_path):
    (tmp_path / "run.yaml").write_text("text: from the file\nout: b.wav")
    assert command(f"--config {tmp_path}/run.yaml --set out=c.wav")[1][1:] == ("from the file", "c.wav")


def test_a_command_line_is_resolved_once_and_with_one_registry(command, monkeypatch):
    from valle_cli import interpreter

    calls: list = []
    plain = interpreter.resolve
    monkeypatch.setattr(interpreter, "resolve", lambda *given, **more: calls.append(given) or plain(*given, **more))
    command("--arch small --sampler keep")
    assert len(calls) == 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """What was given.

    Attributes:
        yes: do not ask
    """

    yes: bool = field(default=False, metadata={"short": "-y"})
    loud: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class More(Given):
    """And more.

    Attributes:
        names: who
        kind: which
    """

    names: tuple[str, ...]
    kind: str = field(default="arch", metadata={"one_of": "kinds"})
    more: tuple[str, ...] = ()


ASKING = CommandSpec(name="ask", api=2, summary="", run="-")
OF_WORDS = Schema(sections=(Section("given", More, flat=True, help="Options", positional=("names",), rest="more"),))


@pytest.fixture
def asked(capsys):
    """What a command without slots receives, or prints."""

    def asked(line: str):
        received = []

        def take(context: CommandContext) -> None:
            """Take it."""
            received.append(context.options("given"))

        interpret(Command(ASKING, OF_WORDS, take), line.split(), Registry.open())
        return received[0] if received else capsys.readouterr().out

    return asked


def test_short_options_and_the_words_behind_two_dashes_have_their_own_places(asked):
    found = asked("a -y b --no-loud -- -y --deep x")
    assert (found.names, found.yes, found.loud, found.more) == (("a", "b"), True, False, ("-y", "--deep", "x"))
    assert asked("a").more == ()


def test_a_switch_that_nothing_could_have_turned_on_has_no_other_side(asked):
    with pytest.raises(UserError, match="there is no option --no-yes"):
        asked("a --no-yes")
    out = asked("--help")
    assert "--no-loud" in out
    assert "--no-yes" not in out


def test_help_has_the_texts_of_inherited_options_and_the_kinds_there_are(asked):
    out = " ".join(asked("--help").replace("│", " ").split())
    assert "do not ask" in out
    assert "which; one of: arch, attention, codec" in out


def test_texts_of_attributes_are_read_with_their_continuations():
    class Documented:
        """Title.

        Attributes:
            one: first
                line.
            two (int): second.

        More text: not an attribute.
        """

    assert attribute_texts(Documented) == {"one": "first line.", "two": "second."}
