"""The package of a third party in this environment, put on the path without being installed."""

from __future__ import annotations

import sys

import pytest
import torch

from valle_bench.reference import references_of
from valle_core.assemble.part import build
from valle_core.registry.registry import Registry
from valle_core.types import SequenceMask
from valle_testing.installed import check_plugin


@pytest.fixture
def registry(package, project, installer, tmp_path, monkeypatch):
    installer(tmp_path, project["name"], project["version"], project["entry-points"])
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(package / "src"))
    yield Registry.open()
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_valle"]:
        sys.modules.pop(name)


def test_all_are_listed_as_usable_under_the_names_they_announce(registry, project):
    mine = [entry for entry in registry.entries() if entry.distribution == "acme-valle"]
    assert [(entry.kind.name, entry.name, entry.status, entry.why) for entry in mine] == [
        ("arch", "acme-retention", "ok", ""),
        ("sampler", "acme-eta", "ok", ""),
        ("acme-voicing", "acme-energy", "ok", ""),
        ("reference", "acme-twin", "ok", ""),
    ]
    assert {entry.version for entry in mine} == {project["version"]}


@pytest.mark.parametrize(
    ("kind", "name"),
    [("arch", "acme-retention"), ("sampler", "acme-eta"), ("acme-voicing", "acme-energy")],
)
def test_each_passes_the_suite_of_its_kind(registry, kind, name):
    report = check_plugin(registry, kind, name)
    assert report.ok, report.table()


def test_the_suite_of_a_kind_of_its_own_catches_a_fault(registry, monkeypatch):
    from acme_valle import voicing

    monkeypatch.setattr(voicing.EnergyVoicing, "__call__", lambda self, wav, rate: torch.ones(len(wav), dtype=bool))
    report = check_plugin(registry, "acme-voicing", "acme-energy")
    failed = {outcome.check for outcome in report.outcomes if outcome.verdict == "failed"}
    assert failed == {"silence_is_not_voiced", "there_is_one_answer_per_frame"}


def test_its_reference_stands_beside_its_backbone_and_computes_the_same(registry):
    (spec,) = references_of(registry, "arch", "acme-retention")
    selected = registry.select("arch", "acme-retention")
    backbone = build(selected, selected.options_type()(d_model=32, n_layers=2), attention=None).eval()
    x = torch.randn(2, 7, 32)
    lengths = torch.full((2,), 7)
    start = torch.zeros_like(lengths)
    mask = SequenceMask(lengths=lengths, prefix=start, query_start=start)
    with torch.no_grad():
        ours = backbone.finish(backbone(x, mask, torch.arange(7).expand(2, 7)).h)
        torch.testing.assert_close(spec.load(backbone).forward(x), ours, atol=1e-5, rtol=0)


def test_it_depends_on_the_core_and_nothing_else_of_valle(project):
    assert project["dependencies"] == ["valle-core>=0.1"]
