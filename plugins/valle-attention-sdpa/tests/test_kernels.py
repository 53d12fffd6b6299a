"""Every kernel that runs on a CPU against the suite, in every dtype it declares."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from valle_attention_sdpa import eager, plugin, sdpa
from valle_attention_sdpa.options import KernelOptions

from valle_core.plugin import UserError
from valle_core.types import SequenceMask
from valle_testing import suite
from valle_testing.suites.attention import checks as attention

KERNELS = {
    "eager": (eager.build, plugin.EAGER),
    "sdpa": (sdpa.sdpa, plugin.SDPA),
    "math": (sdpa.math, plugin.MATH),
    "flash": (sdpa.flash, plugin.FLASH),
}


def conformance(name):
    build, spec = KERNELS[name]
    return suite.conformance("attention", build(KernelOptions()), spec.capabilities, spec=spec)


test_eager_conforms = conformance("eager")
test_sdpa_conforms = conformance("sdpa")
test_math_conforms = conformance("math")
test_flash_conforms = conformance("flash")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("check", attention.CHECKS, ids=lambda check: check.__name__)
def test_the_kernel_passes_the_suite_in_16_bits(check, name, dtype):
    build, spec = KERNELS[name]
    check(build(KernelOptions()), spec.capabilities, dtype=dtype)


@pytest.mark.parametrize("check", attention.CHECKS, ids=lambda check: check.__name__)
def test_a_back_end_without_mask_tensors_passes_the_suite(check):
    """What `flash` does on CUDA, with a back end that runs here."""
    backend = sdpa.SDPBackend.MATH
    check(sdpa.SdpaKernel("flash", backend, dtypes={}, maskless=("cpu",)), plugin.FLASH.capabilities)


@pytest.mark.parametrize("check", attention.CHECKS, ids=lambda check: check.__name__)
def test_a_back_end_without_grouped_heads_passes_the_suite(check):
    """What `mem_efficient` does on CUDA, with a back end that runs here."""
    backend = sdpa.SDPBackend.MATH
    check(sdpa.SdpaKernel("mem_efficient", backend, dtypes={}, grouped=False), plugin.MEM_EFFICIENT.capabilities)


def test_a_back_end_of_older_pytorch_that_refuses_grouped_heads_gets_them_repeated(monkeypatch):
    tried = []

    def older(q, k, v, *, enable_gqa, **how):
        tried.append(enable_gqa)
        if enable_gqa:
            raise RuntimeError("No available kernel. Aborting execution.")
        return computed(q, k, v, **how)

    computed = sdpa.scaled_dot_product_attention
    monkeypatch.setattr(sdpa, "scaled_dot_product_attention", older)
    kernel = sdpa.flash(KernelOptions())
    random = torch.Generator().manual_seed(3)
    q, k = torch.randn(2, 4, 6, 8, generator=random), torch.randn(2, 2, 6, 8, generator=random)
    mask = SequenceMask.causal(torch.tensor([6, 4]))
    found = [kernel(q, k, k, mask) for _ in range(2)]
    assert tried == [True, False, False]
    for out in found:
        torch.testing.assert_close(out, eager.build(KernelOptions())(q, k, k, mask))


@pytest.mark.parametrize(("B", "Tq", "Tk"), [(0, 3, 3), (2, 0, 3), (2, 3, 0)])
def test_no_back_end_is_asked_for_nothing(B, Tq, Tk, monkeypatch):
    """Flash of older PyTorch refuses rows without keys or queries."""
    monkeypatch.setattr(sdpa, "scaled_dot_product_attention", None)
    q, k = torch.full((B, 4, Tq, 8), torch.nan, requires_grad=True), torch.zeros(B, 2, Tk, 8)
    start = torch.zeros(B, dtype=torch.long)
    out = sdpa.flash(KernelOptions())(q, k, k, SequenceMask.causal(start, query_start=start))
    assert torch.equal(out, torch.zeros(B, 4, Tq, 8))
    out.sum().backward()
    assert not q.grad.any()


@pytest.mark.parametrize("check", attention.CHECKS, ids=lambda check: check.__name__)
def test_a_kernel_that_must_not_look_at_values_passes_the_suite(check, monkeypatch):
    """What every kernel does on CUDA: the padding is cleared, whatever lies in it."""
    monkeypatch.setattr(sdpa, "may_look", lambda device: False)
    check(sdpa.sdpa(KernelOptions()), plugin.SDPA.capabilities)


@pytest.mark.parametrize("name", ["mem_efficient", "cudnn"])
def test_a_kernel_for_cuda_is_refused_on_a_cpu(name):
    q = torch.zeros(1, 2, 3, 8)
    with pytest.raises(UserError, match=f"attention '{name}' cannot run here: needs cuda .* found cpu .* Try: --atten"):
        getattr(sdpa, name)(KernelOptions())(q, q, q, SequenceMask.causal(torch.tensor([3])))
    assert getattr(plugin, name.upper()).devices == ("cuda",)


def test_a_back_end_pytorch_refuses_is_a_user_error():
    """The device list is not the last word: PyTorch itself may refuse a shape or dtype."""
    kernel = sdpa.SdpaKernel("cudnn", sdpa.SDPBackend.CUDNN_ATTENTION, dtypes={})
    q = torch.zeros(1, 2, 3, 8)
    with pytest.raises(UserError, match="attention 'cudnn' cannot run here"):
        kernel(q, q, q, SequenceMask.causal(torch.tensor([3])))


@pytest.mark.parametrize("name", KERNELS)
def test_heads_that_do_not_divide_are_refused(name):
    q, k = torch.zeros(1, 4, 3, 8), torch.zeros(1, 3, 3, 8)
    with pytest.raises(UserError, match="3 key heads do not divide 4 query heads"):
        KERNELS[name][0](KernelOptions())(q, k, k, SequenceMask.causal(torch.tensor([3])))


def test_causal_rows_get_no_mask_tensor():
    arguments = sdpa.ArgumentsOfMask().arguments(SequenceMask.causal(torch.tensor([5, 2])), 5, 5)
    assert arguments.visible is None
    assert arguments.causal


def test_a_step_gets_one_line_of_keys_for_each_row():
    arguments = sdpa.ArgumentsOfMask().arguments(
        SequenceMask.causal(torch.tensor([5, 2]), query_start=torch.tensor([4, 1])), 1, 5
    )
    assert arguments.visible is not None
    assert arguments.visible.shape == (2, 1, 1, 5)


def test_layers_of_one_forward_share_their_arguments():
    by_mask, mask = sdpa.ArgumentsOfMask(), SequenceMask.full(torch.tensor([5, 2]))
    assert by_mask.arguments(mask, 5, 5) is by_mask.arguments(mask, 5, 5)


UNREAD = {
    "causal": SequenceMask.causal(torch.tensor([6, 4])),
    "full": SequenceMask.full(torch.tensor([6, 4])),
    "causal without padding": replace(SequenceMask.causal(torch.tensor([6, 6])), padded=False),
    "step": SequenceMask.causal(torch.tensor([6, 4]), query_start=torch.tensor([5, 3])),
    "chunk without padding": replace(
        SequenceMask.causal(torch.tensor([6, 6]), query_start=torch.tensor([3, 3])), padded=False
    ),
}


@pytest.mark.parametrize("name", UNREAD)
def test_what_a_mask_promises_is_not_read_from_the_device(name, monkeypatch):
    """A look at a tensor's value makes a GPU wait for everything before it."""
    mask, kernel = UNREAD[name], sdpa.sdpa(KernelOptions())
    monkeypatch.setattr(sdpa, "may_look", lambda device: False)  # as on a GPU
    queries = 1 if name == "step" else 3 if name.startswith("chunk") else 6
    q, k = torch.randn(2, 4, queries, 8), torch.randn(2, 2, 6, 8)
    for word in ("item", "tolist", "__bool__", "__int__", "__float__"):
        monkeypatch.setattr(torch.Tensor, word, lambda *_: pytest.fail("the device was read"))
    kernel(q, k, k, mask)
