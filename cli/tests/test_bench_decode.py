"""`valle bench decode` shows what the plugins' cases measured, and refuses on a busy machine."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from valle_draft import bench_decode as draft_decode
from valle_export.onnx import bench_decode as onnx_decode
from valle_llama import bench_decode

from valle_bench import machine
from valle_bench.runner import ask as asking
from valle_bench.runner.here import converse_here
from valle_core.plugin import UserError

ROWS = [
    bench_decode.Measurement(size="d 64, 2 layers", setting=setting, compiled="", match=match, tokens_per_s=rate,
                             call_s=1.0, ratio=rate / 100, roofline=400.0, share=rate / 400)
    for setting, match, rate in (("generate, dynamic cache", True, 100.0), ("valle, layers", False, 250.0))
]  # fmt: skip


@pytest.fixture
def measured(monkeypatch) -> list[dict[str, object]]:
    """The settings with which the case was run, instead of measuring."""
    settings: list[dict[str, object]] = []

    def compare(**given):
        settings.append(given)
        return ROWS if given["part"] == compare.parts[0] else []

    compare.parts = bench_decode.compare.parts

    def nothing(**given):
        return []

    nothing.parts = ()
    monkeypatch.setattr(bench_decode, "compare", compare)
    monkeypatch.setattr(onnx_decode, "compare", nothing)
    monkeypatch.setattr(draft_decode, "compare", nothing)
    monkeypatch.setattr(asking, "converse", converse_here)
    monkeypatch.setattr(machine, "cores_in_use", lambda: 0.0)
    return settings


def test_the_table_has_ratio_roofline_and_match(valle, measured):
    code, out, _ = valle("bench", "decode")
    head, theirs, ours = out.splitlines()[:3]
    assert code == 0
    assert head.split()[-6:] == ["tokens/s", "ratio", "x", "alone", "roofline", "share"]
    assert theirs.split()[-5:] == ["100.0", "1.00", "1.00", "400", "0.25"]
    assert ours.split()[-5:] == ["250.0", "2.50", "1.00", "400", "0.62"]
    assert " yes " in theirs
    assert " NO " in ours
    assert [given["part"] for given in measured] == [str(size) for size in bench_decode.SIZES]


def test_files_and_json_say_where_the_numbers_come_from(valle, measured, tmp_path):
    code, out, _ = valle("bench", "decode", "--quick", "--json", "--out", str(tmp_path / "results"))
    report = json.loads(out)
    assert code == 0
    assert {"commit", "date", "command", "processor", "cores", "torch", "quick"} <= set(report["facts"])
    assert json.loads((tmp_path / "results" / "decode.json").read_text()) == report
    assert sorted(p.name for p in (tmp_path / "results").iterdir()) == ["decode.json", "decode.md", "decode.png"]
    assert {given["repeats"] for given in measured} == {2}
    assert "compiled" not in measured[0]


def test_generate_compiles_itself_where_it_is_asked_to(valle, measured):
    code, _, _ = valle("bench", "decode", "--compiled")
    assert code == 0
    assert all(given["compiled"] is True for given in measured)


def test_the_cost_of_the_same_bits_in_any_batch_is_told(valle, measured, monkeypatch):
    both = [replace(ROWS[0], setting=name, batch=16, tokens_per_s=rate, invariant=same)
            for name, rate, same in (("a", 300.0, True), ("b", 400.0, False), ("c", 200.0, True))]  # fmt: skip
    monkeypatch.setattr(bench_decode, "compare", lambda **given: both)
    _, out, _ = valle("bench", "decode")
    assert "d 64, 2 layers, batch 16: the same bits in any batch at 0.75 x the tokens/s of 'b'" in out


def test_a_busy_machine_is_refused_before_anything_is_measured(valle, measured, monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "cores_in_use", lambda: 0.8)
    code, out, err = valle("bench", "decode", "--quick", "--out", str(tmp_path / "results"))
    assert (code, out) == (2, "")
    assert err.startswith("error: other processes keep 0.80 of a core busy")
    assert not measured
    assert not (tmp_path / "results").exists()
    code, out, _ = valle("bench", "decode", "--quick", "--force", "--json")
    assert json.loads(out)["facts"]["forced"] is True


def test_an_out_that_is_a_file_is_refused(valle, measured, tmp_path):
    (tmp_path / "results").write_text("mine")
    code, _, err = valle("bench", "decode", "--out", str(tmp_path / "results"))
    assert code == 2
    assert "is a file" in err
    assert not measured


def test_a_case_that_gives_no_rows_says_why(valle, measured, monkeypatch):
    def missing(**given):
        raise UserError("llama needs transformers. Install it with: pip install transformers")

    monkeypatch.setattr(bench_decode, "compare", missing)
    code, out, err = valle("bench", "decode", "--quiet")
    assert (code, out) == (2, "")
    assert err.lstrip() == "error: llama: llama needs transformers. Install it with: pip install transformers\n"
    monkeypatch.setattr(bench_decode, "compare", lambda **given: [{"tokens_per_s": 1.0}])
    code, out, err = valle("bench", "decode", "--quiet")
    assert (code, out) == (2, "")
    assert "llama: it gave rows that are not dataclasses. Tell its author" in err
