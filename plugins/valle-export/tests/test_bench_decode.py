"""The exported step says the tokens that we say, so that the speeds beside each other mean something."""

from __future__ import annotations

import pytest

pytest.importorskip("onnxscript")

from valle_export.onnx import bench_decode
from valle_export.plugin import DECODE

from valle_core.plugin import UserError


def test_equal_tokens_at_a_small_size(monkeypatch):
    monkeypatch.setattr(bench_decode, "SIZES", ((64, 1),))
    rows = bench_decode.compare(new_tokens=6, prompt_tokens=5, repeats=1, threads=1)
    assert [(row.setting, row.match) for row in rows] == [("exported ONNX", True), ("valle", True)]
    assert rows[0].ratio == 1
    assert rows[1].ratio == pytest.approx(rows[1].tokens_per_s / rows[0].tokens_per_s)
    assert DECODE.loads.endswith("bench_decode:compare")


def test_what_is_missing_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setattr(bench_decode, "find_spec", lambda name: None if name == "onnxruntime" else object())
    with pytest.raises(UserError, match=r"needs onnxruntime\. Install it with: .*valle-export\[onnx\]"):
        bench_decode.compare()
