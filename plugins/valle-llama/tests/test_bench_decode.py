"""The decoding benchmark compares equal tokens before it compares times."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from valle_llama import bench_decode
from valle_llama.bench_decode import compare, read_rate
from valle_llama.bench_ways import Size
from valle_llama.plugin import DECODE

pytest.importorskip("transformers")
pytest.importorskip("numba")


SMALL = {"sizes": [Size(d_model=64, n_layers=2)], "new_tokens": 12, "prompt_tokens": 9, "repeats": 1, "threads": 1}


def test_all_settings_say_the_same_tokens_and_the_threads_are_given_back():
    before = torch.get_num_threads()
    rows = DECODE.load(**SMALL)
    assert torch.get_num_threads() == before
    alone = {row.setting for row in rows if row.batch == 1}
    assert alone >= {"generate, dynamic cache", "generate, static cache", "valle, layers"}
    assert all(row.match for row in rows if "int8" not in row.setting)
    assert max(row.ratio for row in rows if row.setting.startswith("generate") and row.batch == 1) == 1.0
    fused, int8, *together = [row for row in rows if "fused" in row.setting]
    assert fused.logits < 1e-4 < int8.logits < 1
    assert int8.roofline > 1.5 * fused.roofline
    assert [row.batch for row in together] == [16, 16]
    assert all(row.invariant for row in (fused, int8, *together))


def test_a_part_is_one_size():
    assert bench_decode.compare.parts == tuple(map(str, bench_decode.SIZES))
    assert not compare(**SMALL, part="d 128, 2 layers")
    assert {row.size for row in compare(**SMALL, part="d 64, 2 layers")} == {"d 64, 2 layers"}


def test_other_tokens_are_a_mismatch(monkeypatch):
    real = bench_decode.backbone_of

    def spoiled(*how):
        backbone = real(*how)
        if how[-1] != "int8":
            backbone.layers[0].mlp.up_proj.weight = torch.nn.Parameter(backbone.layers[0].mlp.up_proj.weight * -30)
        return backbone

    monkeypatch.setattr(bench_decode, "backbone_of", spoiled)
    rows = [row for row in compare(**SMALL) if row.setting.startswith("valle") and "int8" not in row.setting]
    assert {row.match for row in rows} == {False}
    assert min(row.logits for row in rows) > 0.01


def test_a_read_rate_is_bytes_per_second():
    assert 1e7 < read_rate(1 << 20, tries=3) < 1e13


def test_the_spec_imports_no_torch():

    code = "import sys, valle_llama.plugin, valle_llama.options; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
