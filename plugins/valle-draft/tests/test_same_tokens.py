"""Drafts that are checked change nothing: tokens are those of one a step, sampled or greedy, in a batch or alone."""

from __future__ import annotations

from functools import partial
from importlib import import_module

import pytest
import torch
import torch.nn.functional as F
from valle_draft.heads import DraftHeads, HeadDrafter
from valle_draft.layer_skip import EarlyExit
from valle_draft.options import HeadsOptions

from valle_core.api import Prompted, Registry, SamplerChain, SamplingView, build, decode_autoregressive, row_seeds
from valle_core.plugin import UserError
from valle_core.types import SequenceMask
from valle_kit.drafting import decode_drafted

D, V = 16, 11
"""V tokens and, behind them, stop."""


class Greedy:
    def choose(self, logits, view):
        return logits.argmax(-1)


class Never:
    """A processor with a state: no token twice in a row."""

    def process(self, logits, view):
        last = view.state.get("last", torch.full((len(logits),), -1))
        counts = view.state.get("counts", torch.zeros(len(logits)))
        view.state["counts"] = counts + 1
        if view.history.shape[1]:
            last = view.history[:, -1]
        view.state["last"] = last
        barred = torch.arange(logits.shape[1]) == last[:, None]
        return logits.masked_fill(barred & (view.state["counts"] > 1)[:, None], -torch.inf)


def backbone_of(arch):
    registry = Registry.open()
    torch.manual_seed(0)
    plugin, kernel = registry.select("arch", arch), registry.select("attention", "sdpa")
    given = build(kernel, load(kernel.spec.options)()) if "attention" in plugin.spec.needs else None
    options = load(plugin.spec.options)(d_model=D, n_layers=3, n_heads=2)
    return build(plugin, options, attention=given).eval()


def load(name):
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


def drafter_of(name, backbone, prompted):
    if name == "heads":
        torch.manual_seed(5)
        heads = DraftHeads(HeadsOptions(), D)
        torch.nn.init.normal_(heads.outer.weight, std=0.2)
        return HeadDrafter(heads, backbone, prompted.condition)
    return EarlyExit(backbone, prompted.condition, 2)


def spoken(decode, backbone, chain, *, rows=1, stop=V, branches=1, seed=3, given=lambda prompted: (), **more):
    draw = torch.Generator().manual_seed(seed)
    table, weight = torch.randn(V + 1, D, generator=draw), torch.randn(V + 1, D, generator=draw)
    weight[V] -= 0.3
    lengths = torch.tensor([4, 2, 7, 3][:rows]).repeat(branches)
    x = torch.randn(len(lengths), int(lengths.max()), D, generator=draw)
    condition = torch.randn(len(lengths), D, generator=draw)
    prompted = Prompted(
        x=x,
        mask=SequenceMask.causal(lengths),
        positions=torch.arange(x.shape[1]).expand(len(lengths), -1),
        condition=condition,
    )

    def head(h, rows):
        logits = F.linear(h, weight) * 2
        return logits if branches == 1 else logits.chunk(2)[0] * 1.5 - logits.chunk(2)[1] * 0.5

    view = SamplingView(seeds=row_seeds(seed, range(rows), device="cpu"), capacity=20, stop=V if stop >= 0 else None)

    def embed(token, rows):
        return table[token].repeat(branches, 1)[:, None]

    more |= {"bounds": [20, 17, 9, 1][:rows], "stop": stop, "branches": branches}
    return decode(*given(prompted), backbone, prompted, embed, head, chain, view, **more)


CASES = [
    ("llama", "heads", [Greedy()], 1, 1),
    ("llama", "layer-skip", [], 1, 1),
    ("llama", "heads", [Never()], 4, 1),
    ("llama", "layer-skip", [Greedy()], 3, 2),
    ("transformer", "layer-skip", [], 3, 1),
    ("mixtral", "heads", [], 1, 2),
]


@pytest.mark.parametrize(("arch", "name", "samplers", "rows", "branches"), CASES)
def test_the_tokens_are_those_of_one_a_step(arch, name, samplers, rows, branches):
    backbone, chain = backbone_of(arch), SamplerChain(samplers)
    for seed, stop in ((0, V), (1, -1)):
        more = {"rows": rows, "branches": branches, "stop": stop, "seed": seed}
        plain = spoken(decode_autoregressive, backbone, chain, **more)
        found = spoken(decode_drafted, backbone, chain, given=partial(three_drafts, name, backbone), **more)
        assert found.stopped == plain.stopped
        assert [row.tolist() for row in found.tokens] == [row.tolist() for row in plain.tokens]
        assert found.steps <= plain.steps


def three_drafts(name, backbone, prompted):
    return drafter_of(name, backbone, prompted), 3, []


def test_layers_that_agree_save_steps():
    """An exit behind all layers but one, which adds next to nothing."""
    backbone = backbone_of("llama")
    for weight in backbone.layers[2].parameters():
        torch.nn.init.zeros_(weight)
    more = {"chain": SamplerChain([]), "stop": -1}
    plain = spoken(decode_autoregressive, backbone, **more)
    found = spoken(decode_drafted, backbone, given=partial(three_drafts, "layer-skip", backbone), **more)
    assert found.tokens[0].tolist() == plain.tokens[0].tolist()
    assert (plain.steps, found.steps) == (19, 5)


@pytest.mark.parametrize("arch", ["llama", "retnet"])
def test_drafts_without_a_check_save_steps_in_any_backbone(arch):
    backbone = backbone_of(arch)
    more = {"rows": 3, "given": partial(three_drafts, "heads", backbone)}
    found = spoken(decode_drafted, backbone, SamplerChain([]), stop=-1, unchecked=True, **more)
    assert [len(row) for row in found.tokens] == [20, 17, 9]
    assert found.steps == 5


def test_what_cannot_be_checked_is_refused():
    backbone = backbone_of("retnet")
    with pytest.raises(UserError, match="leave --drafts out, or add --unchecked"):
        spoken(decode_drafted, backbone, SamplerChain([]), given=partial(three_drafts, "heads", backbone))
    with pytest.raises(UserError, match="do not go with --max-context; leave one of the two out"):
        spoken(
            decode_drafted, backbone, SamplerChain([]), given=partial(three_drafts, "heads", backbone), unchecked=True,
            max_context=4,
        )  # fmt: skip
