"""Exit codes, one-line errors, root help and commands of plugins."""

from __future__ import annotations

import re

import pytest

from valle_cli.commands.table import COMMANDS

APP = """
import typer
from dataclasses import dataclass
from valle_core.api import Schema, Section
from valle_core.plugin import CommandSpec, UserError
HELLO = CommandSpec(name="hello", api=1, summary="Says hello", app="acme_hello:app")
OLD = CommandSpec(name="old", api=9, summary="Too new", app="acme_hello:app")
LOST = CommandSpec(name="lost", api=1, summary="Nowhere", app="acme_hello:nothing")
EMPTY = CommandSpec(name="empty", api=2, summary="Names nothing")
TAKEN = CommandSpec(name="taken", api=2, summary="Takes --json", run="acme_hello:hello", schema="acme_hello:SCHEMA")
NO_SCHEMA = CommandSpec(name="no schema", api=2, summary="A list", run="acme_hello:hello", schema="acme_hello:app")
@dataclass(frozen=True)
class Own:
    json: bool = False
SCHEMA = Schema(sections=(Section("own", Own, flat=True),))
app = typer.Typer()
@app.command()
def hello(name: str = "you", fail: str = ""):
    if fail == "user":
        raise UserError("the name is wrong")
    if fail == "interrupt":
        raise KeyboardInterrupt
    if fail == "bug":
        raise RuntimeError("two\\nlines")
    if fail == "exit":
        raise typer.Exit(7)
    print("hello", name)
"""
OF_API_1 = "warning: command '{}': written for command API 1, this valle-core has 2; works until the next\n"
BROKEN = "raise SystemExit(1)"


@pytest.fixture
def hello(install):
    entries = {name: f"acme_hello:{name.upper()}" for name in ("hello", "old", "lost", "empty", "taken")}
    entries["no schema"] = "acme_hello:NO_SCHEMA"
    install("acme", {"valle.commands": {**entries, "shot": "acme_shot:SPEC"}}, acme_hello=APP, acme_shot=BROKEN)


def test_help_lists_every_built_in_command_with_its_summary(valle):
    for argv in ([], ["--help"], ["-h"], ["help"]):
        code, out, _ = valle(*argv)
        assert code == 0
        for command in COMMANDS:
            assert f"  {command.name} " in out
            assert command.summary in out


def test_help_lists_commands_of_plugins_and_survives_broken_ones(valle, hello):
    code, out, err = valle("--help")
    assert code == 0
    assert re.search(r"^  hello +Says hello$", out, re.MULTILINE)
    assert re.search(r"^  shot +\(broken\)$", out, re.MULTILINE)
    assert err == ""


def test_a_command_of_a_plugin_runs(valle, hello):
    assert valle("hello", "--name", "world") == (0, "hello world\n", OF_API_1.format("hello"))


@pytest.mark.parametrize(
    ("fail", "code", "line"),
    [
        ("user", 2, "error: the name is wrong\n"),
        ("interrupt", 130, "error: interrupted\n"),
        ("bug", 1, "error: RuntimeError: two lines (unexpected; --debug shows the traceback)\n"),
        ("exit", 7, ""),
    ],
)
def test_failures_are_one_line_and_an_exit_code(valle, hello, fail, code, line):
    assert valle("hello", "--fail", fail) == (code, "", OF_API_1.format("hello") + line)


@pytest.mark.parametrize("position", [0, 1, 3])
def test_a_traceback_is_shown_only_with_debug_which_stands_anywhere(valle, hello, position):
    argv = ["hello", "--fail", "user"]
    argv.insert(position, "--debug")
    code, _, err = valle(*argv)
    assert code == 2
    assert "Traceback" in err
    assert err.endswith("error: the name is wrong\n")


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["hello", "--nmae", "x"], "error: there is no option --nmae. Did you mean '--name'? See --help"),
        (["shot"], "error: command 'shot' (acme 1.0) is broken: importing acme_shot called sys.exit(1)."),
        (["old"], "error: command 'old' (acme 1.0) is incompatible: written for command API 9"),
        (["lost"], "error: command 'lost' (acme 1.0) is broken: AttributeError"),
        (["empty"], "error: command 'empty' (acme 1.0) is broken: acme_hello:EMPTY names no function to run."),
        (["taken"], "error: command 'taken' (acme 1.0) is broken: every command has its own --json, so"),
        (
            ["no", "schema"],
            "error: command 'no schema' (acme 1.0) is broken: acme_hello:app is a Typer, expected",
        ),
        (["helo"], "error: there is no command 'helo'. Did you mean 'hello'? See: valle --help"),
        (["bench", "strtup"], "error: there is no command 'bench strtup'. Did you mean 'bench startup'?"),
        (["--nonsense"], "error: unknown option '--nonsense'."),
        (["list-plugins", "--kid"], "error: valle list-plugins: unrecognized arguments: --kid"),
        (["list-plugins", "--kind", "x"], "error: valle list-plugins: argument --kind: invalid choice: 'x'"),
    ],
)
def test_what_cannot_be_run_is_said_in_one_line(valle, hello, argv, line):
    code, out, err = valle(*argv)
    assert (code, out) == (2, "")
    assert err.removeprefix(OF_API_1.format(argv[0])).startswith(line)
    assert err.removeprefix(OF_API_1.format(argv[0])).count("\n") == 1


def test_a_known_command_whose_plugin_is_missing_says_what_to_install(valle, tmp_path, monkeypatch):
    info = tmp_path / "valle-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: valle\nVersion: 0.1.0\n\n")
    (info / "entry_points.txt").write_text("[valle.directory]\nvalle = valle_cli.known:KNOWN\n")
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    assert valle("corpus") == (
        2, "", "error: command 'corpus' is not installed. Install it with: pip install valle-corpus\n",
    )  # fmt: skip


def test_of_two_commands_of_one_name_the_distribution_picks_one(valle, hello, install):
    install("rival", {"valle.commands": {"hello": "acme_hello:HELLO"}})
    code, _, err = valle("hello")
    assert code == 2
    assert err.startswith("error: two plugins provide command 'hello': ")
    assert err.endswith((". Choose one: valle acme:hello\n", ". Choose one: valle rival:hello\n"))
    assert valle("acme:hello") == (0, "hello you\n", OF_API_1.format("acme:hello"))


def test_safe_leaves_out_the_commands_of_others(valle, hello):
    assert "hello" not in valle("--safe", "--help")[1]
    assert valle("hello", "--safe")[0] == 2


def test_a_group_lists_its_commands(valle):
    for argv in (["bench"], ["bench", "--help"]):
        code, out, _ = valle(*argv)
        assert code == 0
        assert "bench startup" in out


def test_the_version_is_that_of_the_distribution(valle):
    code, out, _ = valle("--version")
    assert code == 0
    assert out.startswith("valle 0.")


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_has_help_with_examples(valle, command):
    code, out, _ = valle(*command.split(), "--help")
    assert code == 0
    assert "xamples" in out
    assert f"valle {command}" in out
