"""Exit codes, one-line errors, root help and commands of plugins."""

from __future__ import annotations

import json
import re

import pytest

from valle_cli import main
from valle_cli.known import HOUSE, KNOWN
from valle_core.registry.registry import Registry
from valle_testing.fakes.distribution import announce

COMMANDS = [name for home in HOUSE for name in KNOWN[home]["command"]]

APP = """
from dataclasses import dataclass
from valle_core.api import CommandResult, Schema, Section
from valle_core.plugin import CommandSpec, UserError
def spec(name, summary, run="acme_hello:hello", schema="acme_hello:SCHEMA", api=2):
    return CommandSpec(name=name, api=api, summary=summary, run=run, schema=schema)
HELLO, AGED, OLD = spec("hello", "Says hello"), spec("aged", "Of before", api=1), spec("old", "Too new", api=9)
LOST, EMPTY = spec("lost", "Nowhere", run="acme_hello:nothing"), spec("empty", "Names nothing", run="")
TAKEN = spec("taken", "Takes --json", schema="acme_hello:TOO_MUCH")
NO_SCHEMA = spec("no schema", "A list", schema="acme_hello:hello")
@dataclass(frozen=True)
class Hello:
    name: str = "you"
    fail: str = ""
@dataclass(frozen=True)
class TooMuch:
    json: bool = False
SCHEMA = Schema(sections=(Section("own", Hello, flat=True),))
TOO_MUCH = Schema(sections=(Section("own", TooMuch, flat=True),))
def hello(context):
    own = context.options("own")
    if own.fail == "user":
        raise UserError("the name is wrong")
    if own.fail == "interrupt":
        raise KeyboardInterrupt
    if own.fail == "bug":
        raise RuntimeError("two\\nlines")
    if own.fail == "another":
        return CommandResult(text="", facts=None, code=context.command("hello", "--name", 3, "--fail", "exit") + 1)
    return CommandResult(text=f"hello {own.name}", facts=[own.name], code=7 if own.fail == "exit" else 0)
"""
OF_API_1 = "warning: command 'aged': written for command API 1, this valle-core has 2; works until the next\n"
BROKEN = "raise SystemExit(1)"


@pytest.fixture
def hello(install):
    entries = {name: f"acme_hello:{name.upper()}" for name in ("hello", "aged", "old", "lost", "empty", "taken")}
    entries["no schema"] = "acme_hello:NO_SCHEMA"
    install("acme", {"valle.commands": {**entries, "shot": "acme_shot:SPEC"}}, acme_hello=APP, acme_shot=BROKEN)


def test_help_lists_every_built_in_command_with_its_summary(valle):
    for argv in ([], ["--help"], ["-h"], ["help"]):
        code, out, _ = valle(*argv)
        assert code == 0
        for command in COMMANDS:
            assert f"  {command} " in out
            assert Registry.open().find("command", command).spec.summary in out


def test_help_before_a_command_is_its_help_after_it(valle):
    for words in (["bench", "startup"], ["data"]):
        assert valle("help", *words) == valle(*words, "--help")
    code, _, err = valle("help", "trian")
    assert (code, err) == (2, "error: there is no command 'trian'. Did you mean 'train'? See: valle --help\n")


def test_help_lists_commands_of_plugins_and_survives_broken_ones(valle, hello):
    code, out, err = valle("--help")
    assert code == 0
    assert re.search(r"^  hello +Says hello$", out, re.MULTILINE)
    assert re.search(r"^  shot +\(broken\)$", out, re.MULTILINE)
    assert err == ""


def test_a_command_of_a_plugin_runs(valle, hello):
    assert valle("hello", "--name", "world") == (0, "hello world\n", "")
    assert valle("aged", "--name", "world") == (0, "hello world\n", OF_API_1)


@pytest.mark.parametrize(
    ("fail", "code", "line"),
    [
        ("user", 2, "error: the name is wrong\n"),
        ("interrupt", 130, "error: interrupted\n"),
        (
            "bug",
            1,
            "error: acme 1.0, acme_hello.py line 27: RuntimeError: two lines (unexpected; --debug shows the "
            "traceback)\n",
        ),
    ],
)
def test_failures_are_one_line_and_an_exit_code(valle, hello, fail, code, line):
    assert valle("hello", "--fail", fail) == (code, "", line)


def test_a_command_gives_its_exit_code_and_runs_others(valle, hello):
    assert valle("hello", "--fail", "exit") == (7, "hello you\n", "")
    assert valle("hello", "--fail", "another") == (8, "hello 3\n", "")
    assert valle("hello", "--fail", "another", "--json") == (8, "", "hello 3\n")


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
            "error: command 'no schema' (acme 1.0) is broken: acme_hello:hello is a function, expected",
        ),
        (["helo"], "error: there is no command 'helo'. Did you mean 'hello'? See: valle --help"),
        (["bench", "strtup"], "error: there is no command 'bench strtup'. Did you mean 'bench startup'?"),
        (["--nonsense"], "error: unknown option '--nonsense'."),
        (["list-plugins", "--kid"], "error: there is no option --kid. Did you mean '--kind'? See --help"),
        (["list-plugins", "--kind", "x"], "error: there is no kind 'x'. Kinds: arch, attention"),
        (["plugins", "info"], "error: missing NAME. See: valle plugins info --help"),
    ],
)
def test_what_cannot_be_run_is_said_in_one_line(valle, hello, argv, line):
    code, out, err = valle(*argv)
    assert (code, out) == (2, "")
    assert err.startswith(line)
    assert err.count("\n") == 1


DIRECTORY = {"valle.directory": {"valle": "valle_cli.known:KNOWN"}}


def test_a_known_command_whose_plugin_is_missing_says_what_to_install(valle, tmp_path, monkeypatch):
    announce(tmp_path, "valle", DIRECTORY)
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    assert valle("corpus") == (
        2,
        "",
        "error: command 'corpus' is not installed. "
        "Install it with: valle plugins install valle-corpus\n",
    )  # fmt: skip


def test_a_checkout_older_than_its_commands_is_installed_again_from_its_folder(valle, tmp_path, monkeypatch):
    for name, entries in (("valle", DIRECTORY), ("valle-data", {})):
        info = announce(tmp_path, name, entries)
        origin = {"url": f"file:///tree/{name}", "dir_info": {"editable": True}}
        (info / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    again = "Install it with: pip install -e /tree/valle-data\n"
    assert valle("data", "stats") == (2, "", f"error: command 'data stats' is not installed. {again}")
    code, _, err = valle("--help")
    assert code == 0
    assert f"warning: valle-data lacks commands. {again}" in err


def test_of_two_commands_of_one_name_the_distribution_picks_one(valle, hello, install):
    install("rival", {"valle.commands": {"hello": "acme_hello:HELLO"}})
    code, _, err = valle("hello")
    assert code == 2
    assert err.startswith("error: two plugins provide command 'hello': ")
    assert err.endswith((". Choose one: valle acme:hello\n", ". Choose one: valle rival:hello\n"))
    assert valle("acme:hello") == (0, "hello you\n", "")


def test_safe_leaves_out_the_commands_of_others(valle, hello):
    assert "hello" not in valle("--safe", "--help")[1]
    assert valle("hello", "--safe")[0] == 2


def test_a_group_of_others_has_a_title_too(valle, install):
    spec = "from valle_core.plugin import CommandSpec\ndef spec(name, **more):\n"
    spec += "    return CommandSpec(name=name, api=2, summary='s', run='-:-', **more)\n"
    spec += "ONE, TWO = spec('acme one', group='Do as Acme does'), spec('acme two')\n"
    install("acme", {"valle.commands": {"acme one": "acme_two:ONE", "acme two": "acme_two:TWO"}}, acme_two=spec)
    code, out, err = valle("acme")
    assert (code, err) == (0, "")
    assert out.startswith("Usage: valle acme COMMAND [ARGS]...\n\nDo as Acme does.\n\nCommands:\n  acme one  s\n")


def test_a_built_in_command_that_somebody_announces_too_is_never_replaced_in_silence(valle, install):
    spec = "from valle_core.plugin import CommandSpec\nSPEC = CommandSpec(name='demo', api=2, summary='', run='-:-')"
    install("acme", {"valle.commands": {"demo": "acme_demo:SPEC"}}, acme_demo=spec)
    code, _, err = valle("demo", "--help")
    assert code == 2
    assert err.startswith("error: two plugins provide command 'demo': ")
    assert valle("--safe", "demo", "--help")[0] == 0
    assert valle("valle:demo", "--help")[0] == 0


def test_a_group_lists_its_commands(valle):
    for argv in (["bench"], ["bench", "--help"]):
        code, out, _ = valle(*argv)
        assert code == 0
        assert "bench startup" in out


def test_the_version_is_that_of_the_distribution(valle):
    code, out, _ = valle("--version")
    assert code == 0
    assert out.startswith("valle 0.")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(valle, command):
    code, out, _ = valle(*command.split(), "--help")
    assert code == 0
    assert "xamples" in out
    assert f"valle {command}" in out


@pytest.mark.parametrize(
    ("given", "wanted"),
    [({}, "10000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
    ids=["nothing", "a number", "a policy"],
)
def test_threads_soon_sleep_unless_the_user_says_how_they_wait(given, wanted, monkeypatch):
    environment = dict(given)
    monkeypatch.setattr(main.os, "environ", environment)
    main.share_cores()
    assert environment.get("GOMP_SPINCOUNT") == wanted
