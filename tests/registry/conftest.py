"""Distributions made of a dist-info folder and a few modules, put on `sys.path` for one test."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from valle_testing.fakes.distribution import announce

SPEC = """
from valle_core.plugin import PluginSpec, Requirement
SPEC = PluginSpec(kind={kind!r}, name={name!r}, api={api}, summary="made for a test",
                  factory={module!r} + ":build", options={module!r} + ":Options", {more})
"""


class Site:
    """A folder like site-packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: list[str] = []

    def add(self, distribution: str, entries: dict[str, dict[str, str]], version: str = "1.0", **modules: str) -> None:
        """A distribution with entry points {group: {name: value}} and modules {name: source}."""
        scripts = {"console_scripts": {"other": "other:main"}}
        announce(self.folder, distribution, scripts | entries, version=version, **modules)
        self.modules += modules

    def plugin(
        self,
        distribution: str,
        name: str,
        *,
        kind: str = "arch",
        api: int = 1,
        version: str = "1.0",
        before: str = "",
        after: str = "",
        more: str = "",
    ) -> None:
        """A distribution with one plugin whose spec module runs `before` first; `after` defines Options and build."""
        module = f"{distribution.replace('-', '_')}_{name.replace('-', '_')}_{version.replace('.', '_')}"
        source = textwrap.dedent(before) + SPEC.format(kind=kind, name=name, api=api, module=module, more=more)
        entries = {f"valle.{kind}": {name: f"{module}:SPEC"}}
        self.add(distribution, entries, version, **{module: source + textwrap.dedent(after)})


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An empty site folder on `sys.path`; its modules are forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    made = Site(folder)
    yield made
    for name in made.modules:
        sys.modules.pop(name, None)
