"""The package of a third party in this environment, put on the path without being installed."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch

from valle_bench.reference import references_of
from valle_cli.main import run
from valle_core.api import write_audio
from valle_core.assemble.part import build
from valle_core.registry.registry import Registry
from valle_core.types import SequenceMask
from valle_testing.fakes.distribution import announce
from valle_testing.installed import check_plugin


@pytest.fixture
def registry(package, project, tmp_path, monkeypatch):
    announce(tmp_path, project["name"], project["entry-points"], version=project["version"])
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
        ("command", "acme roundtrip", "ok", ""),
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


@pytest.fixture
def valle(registry, capsys, tmp_path, monkeypatch):
    """`valle("acme", "roundtrip", …)` → exit code, stdout, stderr; in a folder with two recordings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("a", "b"):
        write_audio(tmp_path / f"{name}.wav", 0.1 * np.sin(np.arange(4000) / 9), 16000)

    def valle(*argv: str) -> tuple[int, str, str]:
        code = run(list(argv))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return valle


def test_its_command_is_listed_and_its_help_has_slots_options_and_those_of_the_plugin(valle):
    assert "  acme roundtrip " in valle("--help")[1]
    assert "Listen to what a codec keeps.\n" in valle("acme")[1]
    assert "Encode recordings with a codec and decode them again" in valle("acme")[1]
    code, out, _ = valle("acme", "roundtrip", "--codec", "tiny", "--help")
    assert code == 0
    for text in ("Usage: valle acme roundtrip", "FILES", "--levels", "how many levels of the codes", "--codec",
                 "--json", "--config", "--set", "--quiet", "codec tiny (valle-codec-tiny", "--codec.weights",
                 "valle acme roundtrip take.wav --codec tiny --out copies"):  # fmt: skip
        assert text in out, text


def test_its_command_runs_with_flags_a_file_and_set_and_prints_text_or_json(valle, tmp_path):
    (tmp_path / "run.yaml").write_text("codec: mel-gl\nout: from-file\nlevels: 2\n")
    code, out, _ = valle("acme", "roundtrip", "a.wav", "b.wav", "--config", "run.yaml", "--set", "codec=tiny")
    assert code == 0
    assert out.splitlines() == [f"{name}.wav: 13 frames -> from-file/{name}.wav" for name in ("a", "b")]
    code, out, _ = valle("acme", "roundtrip", "a.wav", "--out", "copies", "--quiet", "--json")
    assert (code, json.loads(out)) == (0, [{"file": "a.wav", "frames": 13, "out": "copies/a.wav"}])
    assert (tmp_path / "copies" / "a.wav").is_file()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "missing FILES. See: valle acme roundtrip --help"),
        (("a.wav", "--levels", "-1"), "--levels must be at least 0, got -1"),
        (("a.wav", "--levles", "1"), "there is no option --levles. Did you mean '--levels'? See --help"),
        (("a.wav", "--codec", "tinny"), "there is no codec 'tinny'. Did you mean 'tiny'?"),
        (("a.wav", "--codec.sise", "x"), "there is no option --codec.sise of codec 'tiny'."),
        (("none.wav",), "audio 'none.wav' "),
    ],
)
def test_what_is_wrong_on_its_command_line_is_one_line_and_exit_code_two(valle, words, line):
    code, out, err = valle("acme", "roundtrip", *words)
    assert (code, out) == (2, "")
    assert f"error: {line}" in err


def test_safe_switches_its_command_off(valle):
    code, _, err = valle("acme", "roundtrip", "a.wav", "--safe")
    assert code == 2
    assert "--safe" in err
