"""What a GPU would show, seen on a CPU: dtypes under autocast, and whether a compiled backbone is one graph."""

from __future__ import annotations

import pytest
import torch
from valle_attention_sdpa.options import KernelOptions
from valle_attention_sdpa.sdpa import sdpa
from valle_llama.backbone import LlamaBackbone
from valle_llama.options import LlamaOptions, LlamaSizes

from valle_core.types import PackedMask, SequenceMask
from valle_kit.mixed_rows import MixedRows
from valle_testing.fakes.rule_kernel import RuleKernel


class Noting(RuleKernel):
    """Keeps the dtypes it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.dtypes = []

    def __call__(self, q, k, v, mask, *, scale=None):
        self.dtypes.append((q.dtype, k.dtype, v.dtype))
        return super().__call__(q, k, v, mask, scale=scale)


def backbone(kernel) -> LlamaBackbone:
    torch.manual_seed(0)
    sizes = LlamaSizes.of(LlamaOptions(d_model=16, n_layers=2, n_heads=2, n_kv_heads=1))
    return LlamaBackbone(sizes, kernel)


def masks():
    lengths = torch.tensor([5, 9])
    zeros = torch.zeros_like(lengths)
    yield SequenceMask(lengths=lengths, prefix=zeros, query_start=zeros.clone(), form="causal", uncached=True)
    yield SequenceMask(lengths=lengths, prefix=lengths * torch.tensor([0, 1]), query_start=zeros, uncached=True)


def test_queries_keys_and_values_have_one_dtype_under_autocast():
    """The rotation gave queries and keys in float32, which flash and cudnn refuse."""
    kernel = Noting()
    model = backbone(kernel)
    with torch.autocast("cpu", torch.bfloat16):
        for mask in masks():
            model(torch.randn(2, 9, 16), mask, torch.arange(9).expand(2, 9))
        packed = PackedMask(offsets=torch.tensor([0, 5, 9]), prefix=torch.tensor([0, 4]))
        model(torch.randn(1, 9, 16), packed, torch.arange(9)[None])
    assert set(kernel.dtypes) == {(torch.bfloat16,) * 3}


@pytest.mark.slow
def test_a_compiled_backbone_is_one_graph():
    """Reading whether rows start behind 0 broke it in each layer."""
    model = backbone(MixedRows(sdpa(KernelOptions()), frozenset({"causal", "full"})))
    for mask in masks():
        torch._dynamo.reset()
        found = torch._dynamo.explain(model)(torch.randn(2, 9, 16), mask, torch.arange(9).expand(2, 9))
        assert found.graph_break_count == 0, found.break_reasons
