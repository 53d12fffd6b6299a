"""When the kernels are chosen. What they compute needs CUDA and is not tested here."""

from __future__ import annotations

import pytest
import torch
from valle_mamba import engine as module
from valle_mamba.engine import Engine
from valle_mamba.factory import build_mamba
from valle_mamba.options import MambaOptions

from valle_core.plugin import UserError


class On:
    """Stands for a tensor on some device."""

    def __init__(self, device, dtype=torch.float32):
        self.device, self.dtype = torch.device(device), dtype


def engine(wanted="auto", missing=()):
    return Engine(wanted=wanted, missing=missing)


@pytest.mark.parametrize(
    ("chosen", "x", "packed", "continued", "serves"),
    [
        (engine(), On("cuda"), False, False, True),
        (engine(), On("cuda", torch.bfloat16), False, False, True),
        (engine("kernels"), On("cuda"), False, False, True),
        (engine(), On("cuda", torch.float64), False, False, False),
        (engine(), On("cpu"), False, False, False),
        (engine(), On("cuda"), True, False, False),
        (engine(), On("cuda"), False, True, False),
        (engine("kernels"), On("cuda"), True, False, False),
        (engine("torch"), On("cuda"), False, False, False),
        (engine(missing=("causal_conv1d",)), On("cuda"), False, False, False),
    ],
)
def test_kernels_serve_whole_rows_on_cuda_where_they_are_installed(chosen, x, packed, continued, serves):
    assert chosen.serves(x, packed=packed, continued=continued) == serves


def test_kernels_that_were_asked_for_are_not_replaced_in_silence(monkeypatch):
    with pytest.raises(UserError, match=r"runs on CUDA in float32, bfloat16 or float16, not on cpu in float32"):
        engine("kernels").serves(On("cpu"), packed=False, continued=False)
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs mamba_ssm and causal_conv1d, not installed"):
        build_mamba(MambaOptions(engine="kernels"), attention=None)
    assert Engine.of("auto", "mamba").missing == ("mamba_ssm", "causal_conv1d")


def test_what_is_installed_is_found_without_being_imported(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: object())
    assert Engine.of("auto", "mamba").missing == ()
