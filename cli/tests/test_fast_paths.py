"""What must answer at once imports neither torch nor pydantic nor Typer, whatever is installed."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from valle_core.registry.registry import Registry

HEAVY = ("torch", "numpy", "pydantic", "typer", "rich", "yaml", "pluggy", "transformers", "importlib.metadata")
ALLOWED = {"--version": {"importlib.metadata"}}


@pytest.mark.parametrize(
    "command", ["--help", "--version", "list-plugins", "list-plugins --json", "bench",
                "plugins info greedy", "plugins uninstall greedy --dry-run", "no-such-command"],
)  # fmt: skip
def test_a_fast_command_imports_nothing_heavy(command):
    code = (
        "import sys; from valle_cli.main import run\n"
        f"run({command.split()!r})\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ast.literal_eval(done.stderr.splitlines()[-1]))
    assert loaded <= ALLOWED.get(command, set())


def test_help_of_no_command_imports_torch_or_numpy():
    names = Registry.open(environ={}, safe=True).names("command")
    code = (
        "import sys; from valle_cli.main import run\n"
        f"for name in {list(names)!r}:\n"
        "    assert run([*name.split(), '--help']) == 0, name\n"
        "    assert 'typer' in sys.modules and not {'torch', 'numpy'} & {*sys.modules}, name"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_options_of_no_plugin_import_torch_or_numpy():
    code = (
        "import sys; from valle_core.registry.registry import Registry\n"
        "registry = Registry.open(environ={}, safe=True)\n"
        "for kind in registry.rows:\n"
        "    for entry in registry.entries(kind.name):\n"
        "        if entry.status == 'ok' and getattr(entry.spec, 'options', ''):\n"
        "            registry.select(kind.name, entry.name).options_type()\n"
        "            assert not {'torch', 'numpy'} & {*sys.modules}, entry.name\n"
        "assert 'valle_llama.options' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
