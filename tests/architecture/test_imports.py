"""Who may import whom, beyond what import-linter checks: plugins the open part of the core, the core no plugin."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(
    path.parent
    for folder in ("plugins", "tests/third_party")
    for path in (ROOT / folder).glob("*/pyproject.toml")
    if path.parent.name.replace("-", "_") not in {"valle_data", "valle_testing", "valle_kit", "valle_language"}
)
WINGS = {"valle_data", "valle_bench", "valle_testing", "valle_kit", "valle_language"}
"""Stand on the core; import-linter holds their order."""

FOR_PLUGINS = {"valle_core", "valle_kit", "valle_language"}
"""What a plugin may import of ours besides itself; its tests also `valle_testing`."""

ON_THE_API = {"valle-serve"}
"""Stand on the Python API `valle`, as the command line does."""

OPEN = {"plugin", "types", "interfaces", "codes", "sequence", "reading"}
"""What every plugin may see of the core."""

WITH_COMMANDS = OPEN | {"api"}
"""What a plugin that brings commands or hooks may see as well."""


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of every import of a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "valle_core":
                yield from ((node.lineno, f"valle_core.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, node.module


def allowed(plugin: Path) -> set[str]:
    groups = tomllib.loads((plugin / "pyproject.toml").read_text())["project"].get("entry-points", {})
    return WITH_COMMANDS if {"valle.commands", "valle.hooks", "valle.reference"} & set(groups) else OPEN


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_a_plugin_sees_only_the_open_part_of_the_core_and_no_other_plugin(plugin):
    own = plugin.name.replace("-", "_")
    wrong = []
    for path in sorted((plugin / "src").rglob("*.py")):
        for line, module in imported(path):
            top, _, rest = module.partition(".")
            part = rest.partition(".")[0]
            if (
                (top == "valle_core" and part not in allowed(plugin))
                or (top.startswith("valle_") and top not in FOR_PLUGINS | {own})
                or (top == "valle" and plugin.name not in ON_THE_API)
            ):
                wrong.append(f"{path.relative_to(plugin)}:{line} {module}")
    assert not wrong


def test_core_and_command_line_import_no_plugin():
    names = {plugin.name.replace("-", "_") for plugin in PLUGINS}
    wings = [ROOT / "plugins" / wing.replace("_", "-") / "src" for wing in WINGS - {"valle_bench"}]
    for folder in (ROOT / "valle_core", ROOT / "cli" / "src", ROOT / "benchmarks" / "src", *wings):
        for path in folder.rglob("*.py"):
            found = {module.partition(".")[0] for _, module in imported(path)}
            assert not found & names, path
            if folder.name == "valle_core":
                assert not found & (WINGS | {"valle_cli"}), path


CALLS = {"eval", "exec", "compile", "__import__"}
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
UNSAFE = {
    "yaml.load",
    "yaml.unsafe_load",
    "yaml.full_load",
    "np.load",
    "numpy.load",
    "torch.load",
    "torch.save",
    "os.system",
}
GUARDS = {
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "torch.load": ("weights_only", True),
}
SHIPPED = sorted([*(ROOT / "valle_core").rglob("*.py"), *(ROOT / "cli" / "src").rglob("*.py"),
                  *(ROOT / "benchmarks" / "src").rglob("*.py"), *(ROOT / "plugins").glob("*/src/**/*.py")])  # fmt: skip


def executing(tree: ast.AST) -> Iterator[str]:
    """What could turn data into code, by line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from (f"{node.lineno}: imports {name}" for name in names if name.partition(".")[0] in MODULES)
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        guard, safe = GUARDS.get(name, ("", None))
        guarded = any(word.arg == guard and getattr(word.value, "value", None) is safe for word in node.keywords)
        if name in CALLS or (name in UNSAFE and not guarded) or any(word.arg == "shell" for word in node.keywords):
            yield f"{node.lineno}: calls {name}"
        if any(word.arg == "allow_pickle" and getattr(word.value, "value", None) is True for word in node.keywords):
            yield f"{node.lineno}: allows pickles"


def test_nothing_turns_data_into_code():
    assert len(SHIPPED) > 150
    wrong = {str(path.relative_to(ROOT)): list(executing(ast.parse(path.read_text("utf-8")))) for path in SHIPPED}
    assert not {name: found for name, found in wrong.items() if found}


@pytest.mark.parametrize(
    "source",
    ["eval('1')", "import pickle", "from pickle import load", "yaml.load(f)", "torch.load(f)", "np.load(f)",
     "torch.load(f, weights_only=False)", "np.load(f, allow_pickle=True)", "run('x', shell=True)"],
)  # fmt: skip
def test_the_search_for_code_execution_finds_it(source):
    assert list(executing(ast.parse(source)))


def test_the_search_for_code_execution_lets_safe_reading_pass():
    assert not list(executing(ast.parse("yaml.safe_load(f); torch.load(f, weights_only=True); re.compile('x')")))


@pytest.mark.parametrize("command", ["train", "prepare", "synth", "transcribe"])
def test_help_of_a_command_imports_no_torch(command):
    code = (
        "import sys; from valle_cli.main import run\n"
        f"code = run([{command!r}, '--help'])\n"
        "heavy = {'torch', 'lhotse', 'transformers', 'accelerate', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\nsys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_every_plugin_is_described_without_importing_torch():
    code = (
        "import sys; from valle_core.registry.registry import Registry\n"
        "registry = Registry.open()\n"
        "count = sum(entry.status == 'ok' for kind in registry.rows for entry in registry.entries(kind.name))\n"
        "assert count >= 20, count\nassert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
