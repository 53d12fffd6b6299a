"""Codes of different codecs are never mixed unnoticed."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from valle_core.codes.identity import from_dict, hash_tensors, require_same, to_dict
from valle_core.plugin import UserError
from valle_testing.fakes.audio import FakeCodec

IDENTITY = FakeCodec().identity


def test_the_same_codec_passes_and_another_is_refused_naming_both_and_the_difference():
    require_same(IDENTITY, dataclasses.replace(IDENTITY), "dataset 'd' holds codes of")
    other = dataclasses.replace(IDENTITY, name="dac", weights_hash="f" * 16)
    with pytest.raises(UserError) as caught:
        require_same(IDENTITY, other, "dataset 'd' holds codes of")
    for part in ("dataset 'd'", "'fake'", "'dac'", "differ in name, weights_hash"):
        assert part in str(caught.value)


def test_an_identity_survives_json_and_a_damaged_one_is_named():
    assert from_dict(to_dict(IDENTITY), "x.json") == IDENTITY
    with pytest.raises(UserError, match=r"x\.json"):
        from_dict({"name": "fake"}, "x.json")
    with pytest.raises(UserError, match="'hop' must be int"):
        from_dict({**to_dict(IDENTITY), "hop": "320"}, "x.json")


def test_the_hash_sees_names_values_shapes_and_dtypes_but_not_the_order():
    a, b = torch.arange(6.0), torch.ones(2, 3, dtype=torch.bfloat16)
    first = hash_tensors({"a": a, "b": b})
    assert len(first) == 16
    assert first == hash_tensors({"b": b, "a": a.clone()})
    assert hash_tensors({"a": torch.tensor(1.0)})
    changed = [{"a": a, "c": b}, {"a": a + 1, "b": b}, {"a": a.view(2, 3), "b": b}, {"a": a.double(), "b": b}]
    assert len({first, *(hash_tensors(tensors) for tensors in changed)}) == 5
