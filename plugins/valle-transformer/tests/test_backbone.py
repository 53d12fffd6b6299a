"""The transformer against the suite of backbones, and what only it does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from valle_transformer.factory import build
from valle_transformer.options import TransformerOptions
from valle_transformer.plugin import SPEC
from valle_transformer.positions import SinusoidalPositions

from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask
from valle_kit.key_value_cache import KeyValueCache
from valle_testing import suite
from valle_testing.fakes.rule_kernel import RuleKernel
from valle_testing.suites.arch.batch import batch, close, finished, ready


def small(**changes):
    options = {"d_model": 32, "n_layers": 3, "n_heads": 4, "dropout": 0.3, "max_length": 24} | changes
    return build(TransformerOptions(**options), attention=RuleKernel())


test_the_backbone_conforms = suite.conformance("arch", small, spec=SPEC)
test_the_adaptive_backbone_conforms = suite.conformance(
    "arch",
    lambda **changes: small(adaptive_norm=True, **changes),
    spec=SPEC,
    slow=("compiles_without_a_difference",),
)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_heads": 5}, r"arch.n_heads is 5, which does not divide arch.d_model 32. Try: --arch.n-heads 4"),
        ({"n_layers": 0}, r"arch.n_layers must be at least 1, got 0"),
        ({"d_model": 33, "n_heads": 3}, r"needs? an even width"),
        ({"max_length": 0}, r"arch\.max_length must be at least 1, got 0"),
        ({"dropout": 1.0}, r"arch.dropout must be in \[0, 1\), got 1.0"),
    ],
)
def test_impossible_sizes_are_refused_before_weights_are_made(changes, message, monkeypatch):
    monkeypatch.setattr(torch.nn, "Linear", lambda *_: pytest.fail("a weight was made"))
    with pytest.raises(UserError, match=message):
        small(**changes)


def test_gradient_checkpointing_runs_each_layer_again():
    backbone = ready(lambda: small(gradient_checkpointing=True), training=True)
    runs = []
    for layer in backbone.layers:
        layer.up.register_forward_hook(lambda *_: runs.append(1))
    finished(backbone, batch(backbone, [9])).sum().backward()
    assert len(runs) == 2 * backbone.n_layers


def test_the_condition_moves_an_adaptive_backbone_only():
    for adaptive in (False, True):
        backbone = ready(lambda adaptive=adaptive: small(adaptive_norm=adaptive))
        for name, parameter in backbone.named_parameters():
            if "modulation" in name:
                torch.nn.init.normal_(parameter, std=0.1)
        rows = batch(backbone, [6, 4])
        first = backbone(rows.x, rows.mask, rows.positions, condition=rows.condition).h
        second = backbone(rows.x, rows.mask, rows.positions, condition=-rows.condition).h
        assert torch.equal(first, second) != adaptive


def test_packed_segments_may_have_conditions_of_their_own():
    backbone = ready(lambda: small(adaptive_norm=True))
    for name, parameter in backbone.named_parameters():
        if "modulation" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    rows = batch(backbone, [6, 6])
    apart = backbone(rows.x, SequenceMask.causal(rows.lengths), rows.positions, condition=rows.condition).h
    mask = PackedMask(offsets=torch.tensor([0, 6, 12]), prefix=torch.tensor([0, 0]))
    x, positions = rows.x.view(1, 12, -1), rows.positions.reshape(1, 12)
    close(backbone(x, mask, positions, condition=rows.condition).h.view_as(apart), apart, "packed with conditions")


def test_an_adaptive_backbone_without_a_condition_is_refused():
    backbone = ready(lambda: small(adaptive_norm=True))
    rows = batch(backbone, [6])
    with pytest.raises(UserError, match="adaptive_norm is on and the model gives no condition"):
        backbone(rows.x, rows.mask, rows.positions)


def test_fresh_states_neither_vanish_nor_explode():
    """The stream keeps its scale through many layers, which is what the scaled initialisation is for."""
    backbone = ready(lambda: small(d_model=64, n_layers=12))
    rows = batch(backbone, [24])
    with torch.no_grad():
        out = backbone(rows.x, rows.mask, rows.positions, keep=(0,))
    assert 0.5 < (out.h.std() / out.kept[0].std()).item() < 2.0


def test_steps_of_a_cache_never_read_the_device(monkeypatch):
    """Neither uniform nor ragged steps ask for a value, so a GPU never waits."""
    backbone = ready(small)
    rows = batch(backbone, [6, 6])
    monkeypatch.setattr(KeyValueCache, "_waits", lambda self: True)
    for padded in (True, False):
        cache = backbone.new_cache(2, 12, torch.float32, torch.device("cpu"))
        with monkeypatch.context() as patch, torch.no_grad():
            for name in ("item", "tolist", "__bool__", "__int__"):
                patch.setattr(torch.Tensor, name, lambda *_: pytest.fail("the device was read"))
            for a in range(3):
                start = torch.full((2,), a)
                mask = SequenceMask(
                    lengths=start + 1,
                    prefix=torch.zeros_like(start),
                    query_start=start,
                    form="causal",
                    padded=padded,
                )
                backbone(rows.x[:, a : a + 1], mask, start[:, None], cache=cache)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("how", ["autocast", "bfloat16"])
def test_steps_in_bfloat16_stay_near_the_full_forward(how, padded):
    backbone = ready(small)
    dtype = torch.float32
    if how == "bfloat16":
        dtype, backbone = torch.bfloat16, backbone.bfloat16()
    rows = batch(backbone, [8, 8])
    x = rows.x.to(dtype)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=how == "autocast"):
        whole = backbone.finish(backbone(x, SequenceMask.causal(rows.lengths), rows.positions).h)
        cache = backbone.new_cache(2, 8, dtype, torch.device("cpu"))
        for a, n in ((0, 6), (6, 1), (7, 1)):
            start = torch.full((2,), a)
            mask = replace(SequenceMask.causal(start + n, query_start=start), padded=padded)
            out = backbone(x[:, a : a + n], mask, rows.positions[:, a : a + n], cache=cache)
        last = backbone.finish(out.h)[:, 0]
    close(last.float(), whole[:, 7].float(), "the last step", tolerance=0.05)


@pytest.mark.slow
def test_the_compiled_backbone_gives_the_same_states_and_gradients():
    backbone = ready(lambda: small(dropout=0.0), training=True)
    compiled = torch.compile(backbone)
    for mask in (SequenceMask.causal(torch.tensor([9, 5])), SequenceMask.full(torch.tensor([9, 5]))):
        rows = batch(backbone, [9, 5])
        gradients = []
        for run in (backbone, compiled):
            backbone.zero_grad()
            h = backbone.finish(run(rows.x, mask, rows.positions).h)
            h.square().sum().backward()
            gradients.append((h.detach(), [p.grad.clone() for p in backbone.parameters()]))
        close(gradients[1][0], gradients[0][0], "compiled states")
        for plain, fast in zip(gradients[0][1], gradients[1][1], strict=True):
            close(fast, plain, "compiled gradient", tolerance=1e-3)


@pytest.mark.parametrize("d_model", [32, 192, 1024])
def test_positions_start_as_loud_as_embeddings(d_model):
    positions = SinusoidalPositions(500, d_model)
    added = positions(torch.zeros(1, 500, d_model), torch.arange(500)[None])
    assert float(added.detach().square().mean().sqrt()) == pytest.approx(d_model**-0.5, rel=0.02)
