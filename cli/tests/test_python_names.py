"""The public names of `valle`: light to import, complete, typed, and what the commands themselves call."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import valle

COMMANDS = Path(__file__).parents[1] / "src" / "valle_cli" / "commands"
FUNCTIONS = [valle.load, valle.prepare, valle.train, valle.list_plugins, valle.Speaker.speak, valle.Speech.save]


def test_importing_it_imports_nothing_heavy():
    code = (
        "import sys, valle; dir(valle); valle.list_plugins; valle.UserError\n"
        "print(sorted({'torch', 'numpy', 'pydantic', 'typer', 'valle_cli', 'valle_data'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_every_public_name_is_there_and_no_other():
    assert dir(valle) == valle.__all__ == sorted(valle.__all__)
    assert all(getattr(valle, name) is not None for name in valle.__all__)
    assert {"load", "prepare", "train", "list_plugins", "Speaker", "Speech", "Run", "UserError"} <= set(valle.__all__)
    with pytest.raises(AttributeError, match="module 'valle' has no attribute 'sing'"):
        _ = valle.sing


def test_it_says_its_version():
    assert valle.__version__ == importlib.metadata.version("valle")


def test_type_checkers_see_the_names_that_there_are():
    tree = ast.parse(Path(valle.__file__).read_text(encoding="utf-8"))
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in checked.body if isinstance(node, ast.ImportFrom)]
    typed = {alias.name: node.module for node in imports for alias in node.names}
    assert sorted(typed) == valle.__all__
    for name, module in typed.items():
        assert getattr(sys.modules[module], name) is getattr(valle, name)
    assert (Path(valle.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__qualname__)
def test_signatures_are_typed_and_described(function):
    signature = inspect.signature(function)
    described = inspect.getdoc(function)
    assert signature.return_annotation is not inspect.Signature.empty
    for name, parameter in signature.parameters.items():
        if name == "self":
            continue
        assert parameter.annotation is not inspect.Parameter.empty, name
        assert f"{name}: " in described or function is valle.Speech.save, f"{name} is not described"
    assert "Raises:\n    UserError:" in described


@pytest.mark.parametrize(
    ("command", "stands_on"),
    [("train", "valle.training"), ("synth", "valle.speaker"), ("list_plugins", "valle.plugins")],
)
def test_a_command_works_through_the_python_api_alone(command, stands_on):
    """Beside it, a command only reads options and prints: it opens no model, no dataset and no training itself."""
    tree = ast.parse((COMMANDS / f"{command}.py").read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert stands_on in imported
    others = {name for name in imported if name.startswith("valle_") and not name.startswith("valle_cli.")}
    assert others <= {
        "valle_core.command",
        "valle_core.plugin",
        "valle_core.config.schema",
        "valle_core.registry.catalog",
        "valle_core.synthesis.options",
        "valle_core.synthesis.request",
        "valle_kit.written_answers",  # what is printed
    }


def test_preparation_of_both_is_one():
    from valle import preparation
    from valle_data.commands.prepare import prepared
    from valle_data.preparation.open import open_preparation

    assert "open_preparation(" in inspect.getsource(prepared)
    assert "open_preparation(" in inspect.getsource(preparation.prepare)
    assert preparation.open_preparation is open_preparation
