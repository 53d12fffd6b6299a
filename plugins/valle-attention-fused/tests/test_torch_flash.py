"""The kernels in the place of torch's flash attention: what they compute there, and that they leave when asked."""

from __future__ import annotations

import pytest
import torch
from torch.nn import attention
from torch.nn.functional import scaled_dot_product_attention
from valle_attention_fused import torch_flash

OPERATORS = ("_scaled_dot_product_flash_attention", "_scaled_dot_product_flash_attention_backward")


def on_cuda():
    """Which of the operators somebody computes from Python."""
    names = [f"aten::{name}" for name in OPERATORS]
    return [name for name in names if "torch_flash" in torch._C._dispatch_dump(name)]


@pytest.mark.skipif(not hasattr(attention, "register_flash_attention_impl"), reason="torch has no registry")
def test_it_is_registered_active_and_gone_as_asked(monkeypatch):
    monkeypatch.setattr("torch.nn.attention._registry._FLASH_ATTENTION_IMPLS", {})
    assert torch_flash.NAME not in attention.list_flash_attention_impls()
    torch_flash.register()
    assert attention.list_flash_attention_impls() == [torch_flash.NAME]
    attention.activate_flash_attention_impl(torch_flash.NAME)
    try:
        assert attention.current_flash_attention_impl() == torch_flash.NAME
    finally:
        attention.restore_flash_attention_impl()
    assert attention.current_flash_attention_impl() is None


@pytest.mark.usefixtures("unchecked_integers")
@pytest.mark.parametrize(("causal", "queries", "keys"), [(True, 7, 7), (False, 7, 7), (False, 9, 4), (False, 3, 7)])
def test_it_computes_what_torch_computes(causal, queries, keys):
    random = torch.Generator().manual_seed(7)
    sizes = (queries, keys, keys)
    q, k, v = (torch.randn(2, 2, T, 16, generator=random).requires_grad_() for T in sizes)
    wanted = scaled_dot_product_attention(q, k, v, is_causal=causal)
    weights = torch.linspace(-1, 1, wanted.numel()).view_as(wanted)
    gradients = torch.autograd.grad(wanted, (q, k, v), weights)
    with torch.no_grad():
        out, lse, *_, seed, offset, _ = torch_flash.forward(q, k, v, is_causal=causal)
        found = torch_flash.backward(weights, q, k, v, out, lse, None, None, queries, keys, 0.0, causal, seed, offset)
    torch.testing.assert_close(out, wanted, atol=2e-5, rtol=2e-5)
    scores = q @ k.mT / 4
    if causal:
        scores = scores.masked_fill(torch.ones(queries, keys).triu(1).bool(), -torch.inf)
    torch.testing.assert_close(lse, scores.logsumexp(-1), atol=2e-5, rtol=2e-5)
    torch.testing.assert_close(found, gradients, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("message", "how"),
    [
        ("dropout_p must be 0, got 0.1", {"dropout_p": 0.1}),
        ("return_debug_mask must be False", {"return_debug_mask": True}),
        ("as many keys as queries, got 2 and 3", {"is_causal": True}),
        ("scale must be above 0, got -1", {"scale": -1.0}),
    ],
)
def test_what_it_cannot_do_is_said(message, how):
    q, k = torch.zeros(1, 1, 3, 16), torch.zeros(1, 1, 2, 16)
    with pytest.raises(RuntimeError, match=message):
        torch_flash.forward(q, k, k, **how)
