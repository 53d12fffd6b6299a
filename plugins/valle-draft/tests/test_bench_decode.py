"""The benchmark of drafts compares equal tokens before it compares times."""

from __future__ import annotations

import pytest
from valle_draft import bench_decode
from valle_draft.plugin import DECODE


def test_planted_drafts_hold_as_often_as_they_should_and_change_no_token(monkeypatch):
    monkeypatch.setattr(bench_decode, "SIZES", {"small": (64, 2)})
    monkeypatch.setattr(bench_decode, "HOLDING", (0.0, 1.0))
    rows = DECODE.load(sizes=["small"], new_tokens=25, prompt_tokens=5, repeats=1)
    assert all(row.match for row in rows)
    assert [row.per_step for row in rows] == [1.0, 1.0, 4.0, 1.0, 4.0]
    assert rows[0].ratio == pytest.approx(1.0)
    assert not DECODE.load(part="other", compiled=True)
