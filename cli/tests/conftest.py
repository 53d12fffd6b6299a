"""Runs `valle` in this process, and makes plugins that live in a temporary folder."""

from __future__ import annotations

import sys
import textwrap

import pytest

from valle_cli.main import run


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
        info = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = [f"[{group}]\n" + "".join(f"{n} = {v}\n" for n, v in names.items()) for group, names in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(lines))
        for name, source in modules.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
            made.append(name)

    yield install
    for name in made:
        sys.modules.pop(name, None)
