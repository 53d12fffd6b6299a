"""Runs `valle` in this process, and makes plugins that live in a temporary folder."""

from __future__ import annotations

import sys

import pytest

from valle_cli.main import run
from valle_testing.fakes.distribution import announce


@pytest.fixture
def valle(capsys):
    """`valle("list-plugins", "--json")` → (exit code, stdout, stderr)."""

    def valle(*argv: str) -> tuple[int, str, str]:
        code = run(list(argv))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return valle


@pytest.fixture
def install(tmp_path, monkeypatch):
    """`install("acme", {"valle.arch": {"x": "acme_mod:SPEC"}}, acme_mod="source")` puts a distribution on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[str] = []

    def install(distribution: str, entries: dict[str, dict[str, str]], **modules: str) -> None:
        announce(tmp_path, distribution, entries, **modules)
        made.extend(modules)

    yield install
    for name in made:
        sys.modules.pop(name, None)
