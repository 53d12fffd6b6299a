"""What is said where torchscale is not installed; with it, see tests/references."""

from __future__ import annotations

import pytest
import torch
from valle_retnet import torchscale_engine
from valle_retnet.factory import build
from valle_retnet.options import RetNetOptions
from valle_retnet.plugin import TORCHSCALE

from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask


@pytest.fixture
def without(monkeypatch):
    monkeypatch.setattr(torchscale_engine, "find_spec", lambda name: None)


def test_the_second_engine_names_the_install_line(without):
    with pytest.raises(UserError, match=r"pip install torchscale"):
        build(RetNetOptions(engine="torchscale"))


def test_the_benchmark_row_names_the_install_line(without):
    assert (TORCHSCALE.bench, TORCHSCALE.part) == ("arch", "retnet")
    with pytest.raises(UserError, match="--no-deps torchscale"):
        TORCHSCALE.load(build(RetNetOptions(d_model=32)))


@pytest.mark.parametrize(
    ("mask", "word"),
    [
        (SequenceMask.full(torch.tensor([3])), "full or mixed rows"),
        (PackedMask(offsets=torch.tensor([0, 3]), prefix=torch.tensor([0])), "packed segments"),
    ],
)
def test_what_the_second_engine_cannot_do_is_refused_by_name(mask, word):
    with pytest.raises(UserError, match=word):
        torchscale_engine._causal(mask, None)
