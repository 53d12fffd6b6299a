"""The package of a third party in this environment, put on the path without being installed."""

from __future__ import annotations

import sys

import pytest

from valle_core.registry.registry import Registry
from valle_testing.installed import check_plugin


@pytest.fixture
def registry(package, project, installer, tmp_path, monkeypatch):
    installer(tmp_path, project["name"], project["version"], project["entry-points"])
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(package / "src"))
    yield Registry.open()
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_valle"]:
        sys.modules.pop(name)


def test_both_are_listed_as_usable_under_the_names_they_announce(registry, project):
    mine = [entry for entry in registry.entries() if entry.distribution == "acme-valle"]
    assert [(entry.kind.name, entry.name, entry.status, entry.why) for entry in mine] == [
        ("arch", "acme-retention", "ok", ""),
        ("sampler", "acme-eta", "ok", ""),
    ]
    assert {entry.version for entry in mine} == {project["version"]}


@pytest.mark.parametrize(("kind", "name"), [("arch", "acme-retention"), ("sampler", "acme-eta")])
def test_each_passes_the_suite_of_its_kind(registry, kind, name):
    report = check_plugin(registry, kind, name)
    assert report.ok, report.table()


def test_it_depends_on_the_core_and_nothing_else_of_valle(project):
    assert project["dependencies"] == ["valle-core>=0.1"]
