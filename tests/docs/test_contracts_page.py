"""`docs/contracts.md` is what the code says now, and says it all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from valle_core import interfaces
from valle_core.plugin import PluginSpec
from valle_testing import contract_page, suite
from valle_testing.kinds import every_kind

PAGE = Path(__file__).parents[2] / "docs" / "contracts.md"


@pytest.fixture(scope="module")
def text() -> str:
    return contract_page.page()


def test_the_committed_page_is_what_the_code_says(text):
    assert PAGE.read_text(encoding="utf-8") == text, "the contracts changed; run `make docs` and commit the page"


@pytest.mark.slow
def test_another_process_writes_the_same_page(text, tmp_path):
    out = tmp_path / "contracts.md"
    subprocess.run([sys.executable, "-m", "valle_testing.contract_page", str(out)], check=True)
    assert out.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("kind", [row for row in every_kind() if row.suite], ids=lambda kind: kind.name)
def test_a_kind_has_its_words_its_checks_and_its_factory(text, kind):
    row = next(line for line in text.splitlines() if line.startswith(f"| `{kind.name}` |"))
    assert all(f"`{word}`" in row for word in kind.owed | kind.words)
    assert (f"`{kind.spec.__name__}`" if kind.spec is not PluginSpec else "`(options") in row
    section = text.partition(f"### Enforced for `{kind.name}`")[2].partition("\n## ")[0]
    for check in suite.checks_of(kind.name):
        assert f"| `{check.__name__}` |" in section


def test_every_member_of_every_protocol_is_there(text):
    protocols = [one for one in vars(interfaces).values() if getattr(one, "_is_protocol", False)]
    mine = [one for one in protocols if one.__module__ == interfaces.__name__]
    assert len(mine) >= 11
    for protocol in mine:
        section = text.partition(f"### {protocol.__name__}\n")[2].partition("\n### ")[0]
        for name in vars(protocol):
            if not name.startswith("_") or name == "__call__":
                assert f"| `{name}" in section, f"{protocol.__name__}.{name}"


def test_shapes_and_meanings_stand_in_the_tables(text):
    assert "| `codebooks` | `Float [Q V d] \\| None` | [Q, V, d] vectors whose sum over levels is the" in text
    assert "Raises `UserError` for codes outside 0 … V − 1. |" in text
    assert "Codec.encode: “padding never changes a row”" in text
