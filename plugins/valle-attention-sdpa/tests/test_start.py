"""What a start does not wait for: TorchDynamo, a second to load, which masks of few rows alone need."""

from __future__ import annotations

import runpy
import sys

import pytest
import valle_attention_sdpa.arguments


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_importing_the_kernel_loads_no_torchdynamo(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.nn.attention.bias", None)  # to import it is an error now
    assert "ArgumentsOfMask" in runpy.run_module(valle_attention_sdpa.arguments.__name__)
