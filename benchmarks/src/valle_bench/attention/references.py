"""The references that valle-bench brings to `bench attention` (standard library and `valle_core.plugin` only)."""

from __future__ import annotations

from valle_core.plugin import ReferenceSpec

DENSE = ReferenceSpec(
    name="torch-dense-mask",
    api=1,
    summary="PyTorch's scaled dot product attention with a dense mask, made at each call",
    bench="attention",
    title="torch, dense mask",
    loads="valle_bench.attention.dense:dense",
)
