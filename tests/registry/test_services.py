"""What the core asks other distributions for, and what a user reads where the one that has it is missing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from valle_cli.known import KNOWN
from valle_core.plugin import UserError
from valle_core.registry import directory
from valle_core.registry.scan import SERVICES, Found, Scan, scan

IN_A_CHECKOUT = "pip install --requirement requirements.txt (in a checkout of valle)"
ROOT = Path(__file__).parents[2]
COMMAND_LINE = Found("valle.directory", "valle", "valle_cli.known:KNOWN", "valle", "0.1.0")


def asked() -> list[tuple[str, str]]:
    """The name and the distribution of every `service(…)` in the core and the benchmarks that are written out."""
    calls = [
        node
        for folder in ("valle_core", "benchmarks/src")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "service"
    ]
    words = [[one.value if isinstance(one, ast.Constant) else "" for one in call.args] for call in calls]
    return [(str(name), str((more or ["valle-data"])[0])) for name, _, *more in words if name]


@pytest.mark.parametrize(("name", "home"), asked())
def test_every_call_names_the_distribution_that_has_the_service(name, home):
    homes = {found.distribution for found in scan().found if (found.group, found.name) == (SERVICES, name)}
    assert homes == {home}
    assert home in KNOWN


def test_the_calls_are_found():
    assert {("adapters", "valle-lora"), ("mixed-rows", "valle-kit"), ("index", "valle-data")} <= set(asked())


@pytest.mark.parametrize(
    ("there", "ending"),
    [
        ((), f"which is not installed. Install it with: {IN_A_CHECKOUT}"),
        (("valle",), "which is not installed. Install it with: valle plugins install valle-lora"),
        (
            ("valle", "valle-lora"),
            "which does not announce 'adapters'. Install it with: valle plugins install -U valle-lora",
        ),
    ],
)
def test_a_missing_distribution_is_named_with_what_installs_it(monkeypatch, there, ending):
    found = Scan((COMMAND_LINE,) if "valle" in there else (), frozenset(there))
    monkeypatch.setattr(directory, "scan", lambda: found)
    with pytest.raises(UserError) as caught:
        directory.service("adapters", "--adapter is asked for", "valle-lora")
    assert str(caught.value) == f"--adapter is asked for. That needs valle-lora, {ending}"
