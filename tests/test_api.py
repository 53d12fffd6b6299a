"""The curated public names: each resolves, each is typed, and asking for none imports nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from valle_core import api


def test_every_public_name_resolves():
    missing = [name for name in dir(api) if getattr(api, name, None) is None]
    assert dir(api)
    assert not missing


def test_type_checkers_see_the_names_that_run():
    tree = ast.parse(Path(api.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {
        alias.asname or alias.name: f"{node.module}:{alias.name}"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == api._WHERE


def test_a_name_that_is_not_public_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'Synthesiser'"):
        api.Synthesiser  # noqa: B018


def test_importing_it_and_its_light_names_imports_neither_torch_nor_typer():
    code = (
        "import sys; from valle_core.api import Registry, UserError, TRAIN_SCHEMA, resolve, hookimpl\n"
        "print([name for name in ('torch', 'typer', 'lhotse', 'transformers') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
