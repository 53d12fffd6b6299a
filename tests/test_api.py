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


def test_the_names_stand_once_in_what_type_checkers_read():
    stub = ast.parse(Path(api.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    aliases = [alias for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    (renamed,) = [ast.literal_eval(node.value) for node in stub.body if isinstance(node, ast.Assign)]
    assert renamed == sorted(alias.asname or "" for alias in aliases if alias.asname != alias.name)
    assert sorted(alias.asname or "" for alias in aliases) == dir(api)


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
