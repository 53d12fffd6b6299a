"""Our scans against mamba-ssm's reference functions, which need no CUDA.

mamba-ssm's package imports its compiled scan, which a machine without CUDA does not have; the two modules that hold the
references are loaded from their files with stand-ins for what they import and never call.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch.nn import functional as F
from valle_mamba.block_scan import block_scan
from valle_mamba.selective_scan import selective_scan

FOUND = importlib.util.find_spec("mamba_ssm")
assert FOUND is not None, "mamba-ssm is not in this environment"
PACKAGE = Path(str(FOUND.origin)).parent

REFERENCE = "mamba-ssm"

NEVER_CALLED = {
    "selective_scan_cuda": (),
    "mamba_ssm": (),
    "mamba_ssm.utils": (),
    "mamba_ssm.utils.torch": ("custom_bwd", "custom_fwd"),
    "mamba_ssm.ops": (),
    "mamba_ssm.ops.triton": (),
    "mamba_ssm.ops.triton.layer_norm": ("_layer_norm_fwd",),
    "mamba_ssm.ops.triton.ssd_combined": ("mamba_chunk_scan_combined",),
}


def reference(place, monkeypatch):
    for name, attributes in NEVER_CALLED.items():
        stand_in = ModuleType(name)
        for attribute in attributes:
            setattr(stand_in, attribute, lambda function, **_: function)
        monkeypatch.setitem(sys.modules, name, stand_in)
    spec = importlib.util.spec_from_file_location("reference", PACKAGE / place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("T", [1, 17, 130])
def test_the_selective_scan_is_selective_scan_ref(seed, T, monkeypatch, parity):
    theirs = reference("ops/selective_scan_interface.py", monkeypatch).selective_scan_ref
    torch.manual_seed(seed)
    u, dt = torch.randn(2, T, 24), F.softplus(torch.randn(2, T, 24))
    A, B, C = -torch.exp(torch.randn(24, 5)), torch.randn(2, T, 5), torch.randn(2, T, 5)
    given = [x.requires_grad_() for x in (u, dt, A, B, C)]
    y, final = selective_scan(u, dt, A.mT.contiguous(), B, C)
    mine = torch.autograd.grad(y.square().sum(), given)
    wanted, last = theirs(u.mT, dt.mT, A, B.mT, C.mT, return_last_state=True)
    other = torch.autograd.grad(wanted.square().sum(), given)
    what = f"selective_scan_ref, T = {T}, seed {seed}"
    parity(REFERENCE, what, y, wanted.mT, within=1e-5)
    parity(REFERENCE, f"{what}, last state", final, last.mT, within=1e-5)
    for name, ours, reference_ in zip(("u", "dt", "A", "B", "C"), mine, other, strict=True):
        parity(REFERENCE, f"{what}, gradient of {name}", ours, reference_, within=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_the_block_scan_is_ssd_minimal_discrete(seed, monkeypatch, parity):
    theirs = reference("modules/ssd_minimal.py", monkeypatch).ssd_minimal_discrete
    torch.manual_seed(seed)
    x, dt = torch.randn(2, 192, 4, 8), F.softplus(torch.randn(2, 192, 4) - 2)
    A, B, C = -torch.exp(torch.randn(4)), torch.randn(2, 192, 4, 6), torch.randn(2, 192, 4, 6)
    y, final = block_scan(x, dt, A, B, C)
    wanted, last = theirs(x * dt[..., None], A * dt, B, C, block_len=32)
    parity(REFERENCE, f"ssd_minimal_discrete, T = 192, seed {seed}", y, wanted, within=1e-5)
    parity(REFERENCE, f"ssd_minimal_discrete, last state, seed {seed}", final, last.mT, within=1e-5)


def test_the_kernels_are_called_in_their_own_layout(monkeypatch):
    """The references stand where the kernels would: what is checked is shapes and order of arguments, no kernel."""
    from valle_mamba import kernels

    interface = reference("ops/selective_scan_interface.py", monkeypatch)
    minimal = reference("modules/ssd_minimal.py", monkeypatch).ssd_minimal_discrete
    interface.selective_scan_fn = interface.selective_scan_ref
    monkeypatch.setitem(sys.modules, "mamba_ssm.ops.selective_scan_interface", interface)
    torch.manual_seed(0)
    u, dt, A = torch.randn(2, 40, 24), torch.rand(2, 40, 24), -torch.rand(5, 24)
    B, C = torch.randn(2, 40, 5), torch.randn(2, 40, 5)
    for found, wanted in zip(
        kernels.selective_scan(u, dt, A, B, C, None, None), selective_scan(u, dt, A, B, C), strict=True
    ):
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-5)

    def combined(x, dt, A, B, C, chunk_size, *, return_final_states):
        B, C = (part.repeat_interleave(x.shape[2] // part.shape[2], dim=2) for part in (B, C))
        return minimal(x * dt[..., None], A * dt, B, C, block_len=chunk_size)

    module = sys.modules["mamba_ssm.ops.triton.ssd_combined"]
    monkeypatch.setattr(module, "mamba_chunk_scan_combined", combined)
    x, dt, A = torch.randn(2, 128, 4, 8), torch.rand(2, 128, 4), -torch.rand(4)
    B, C = torch.randn(2, 128, 2, 6), torch.randn(2, 128, 2, 6)
    for found, wanted in zip(kernels.block_scan(x, dt, A, B, C, None, None), block_scan(x, dt, A, B, C), strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-5)
