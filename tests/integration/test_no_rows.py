"""A batch of no rows gives no rows from every backbone, with and without a cache."""

from __future__ import annotations

import pytest
import torch

from valle_core.assemble.part import build
from valle_core.registry.registry import Registry
from valle_core.types import SequenceMask
from valle_kit.mixed_rows import MixedRows


@pytest.mark.parametrize("name", Registry.open().names("arch"))
@torch.no_grad()
def test_no_rows_give_no_rows(name):
    registry = Registry.open()
    if registry.find("arch", name).status != "ok":
        pytest.skip(f"{name} is not usable here")
    arch, kernel = registry.select("arch", name), registry.select("attention", "sdpa")
    attention = None
    if "attention" in arch.spec.needs:
        attention = MixedRows(build(kernel, kernel.options_type()()), kernel.spec.capabilities)
    backbone = build(arch, arch.options_type()(d_model=64, n_layers=1), attention=attention).eval()
    none = torch.zeros(0, dtype=torch.long)
    x, positions = torch.zeros(0, 3, 64), torch.zeros(0, 3, dtype=torch.long)
    for mask in (SequenceMask.causal(none), SequenceMask.full(none)):
        assert backbone.finish(backbone(x, mask, positions).h).shape == (0, 3, 64)
    cache = backbone.new_cache(0, 4, torch.float32, torch.device("cpu"))
    out = backbone(x[:, :1], SequenceMask.causal(none), positions[:, :1], cache=cache)
    assert backbone.finish(out.h).shape == (0, 1, 64)
