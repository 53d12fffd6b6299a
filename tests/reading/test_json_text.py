"""Infinity in JSON is refused but where a format of others has it."""

from __future__ import annotations

import math

import pytest

from valle_core.reading.json_text import loads, read_json


def test_infinities_are_read_only_where_they_are_asked_for(tmp_path):
    text = '{"time_step_limit": [0.0, Infinity, -Infinity]}'
    with pytest.raises(ValueError, match="holds Infinity, which is not a number"):
        loads(text)
    (tmp_path / "config.json").write_text(text)
    found = read_json(tmp_path / "config.json", infinities=True)["time_step_limit"]
    assert found == [0.0, math.inf, -math.inf]
    with pytest.raises(ValueError, match="holds NaN, which is not a number"):
        loads("[NaN]", infinities=True)
