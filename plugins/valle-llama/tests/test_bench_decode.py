"""The decoding benchmark compares equal tokens before it compares times."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from valle_llama import bench_decode
from valle_llama.bench_decode import Size, compare, read_rate
from valle_llama.plugin import DECODE

pytest.importorskip("transformers")


def test_all_settings_say_the_same_tokens_and_the_threads_are_given_back():
    before = torch.get_num_threads()
    rows = DECODE.load(sizes=[Size(d_model=64, n_layers=2)], new_tokens=12, prompt_tokens=9, repeats=1, threads=1,
                            compiled=False)  # fmt: skip
    assert torch.get_num_threads() == before
    assert {row.setting for row in rows} >= {"generate, dynamic cache", "generate, static cache", "valle, layers"}
    assert all(row.match for row in rows)
    assert max(row.ratio for row in rows if row.setting.startswith("generate")) == 1.0


def test_other_tokens_are_a_mismatch(monkeypatch):
    real = bench_decode._backbone

    def spoiled(*how):
        backbone = real(*how)
        backbone.layers[0].mlp.up_proj.weight = torch.nn.Parameter(backbone.layers[0].mlp.up_proj.weight * -30)
        return backbone

    monkeypatch.setattr(bench_decode, "_backbone", spoiled)
    rows = compare(sizes=[Size(d_model=64, n_layers=2)], new_tokens=12, prompt_tokens=9, repeats=1, compiled=False)
    assert {row.match for row in rows if row.setting.startswith("valle")} == {False}


def test_a_read_rate_is_bytes_per_second():
    assert 1e7 < read_rate(1 << 20, tries=3) < 1e13


def test_the_spec_imports_no_torch():

    code = "import sys, valle_llama.plugin, valle_llama.options; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
