"""Sampled tokens of checked drafts follow the model's distribution: a chi-square test against every way there is."""

from __future__ import annotations

from itertools import product

import pytest
import torch
import torch.nn.functional as F
from valle_draft.heads import DraftHeads, HeadDrafter
from valle_draft.layer_skip import EarlyExit
from valle_draft.options import HeadsOptions

from valle_core.api import Prompted, Registry, SamplerChain, SamplingView, build, row_seeds
from valle_core.types import SequenceMask
from valle_kit.drafting import decode_drafted

D, V, ROWS = 16, 6, 400
LIMIT = 20.5
"""Of chi-square with V − 1 = 5 degrees of freedom, which one of a thousand samples exceeds."""


def part(kind: str, name: str, options: dict, **parts):
    plugin = Registry.open().select(kind, name)
    return build(plugin, plugin.options_type()(**options), **parts)


@torch.inference_mode()
@pytest.mark.parametrize(("name", "unchecked", "fits"), [("heads", 0, 1), ("layer-skip", 0, 1), ("heads", 1, 0)])
def test_the_third_token_is_drawn_as_often_as_it_should_be(name, unchecked, fits):
    torch.manual_seed(2)
    sizes = {"d_model": D, "n_layers": 2, "n_heads": 2}
    backbone = part("arch", "llama", sizes, attention=part("attention", "sdpa", {})).eval()
    table, weight, prompt = torch.randn(V, D), torch.randn(V, D), torch.randn(1, 3, D)
    heads = DraftHeads(HeadsOptions(), D).eval()
    drafter = EarlyExit(backbone, None, 1) if name == "layer-skip" else HeadDrafter(heads, backbone, None)
    given = Prompted(x=prompt, mask=SequenceMask.causal(torch.tensor([3])), positions=torch.arange(3)[None])
    third, steps = [], 0
    for row in range(ROWS):  # one by one: in a batch a draft must hold in all rows
        found = decode_drafted(
            drafter, 2, [], backbone, given, lambda token, rows: table[token][:, None],
            lambda h, rows: F.linear(h, weight), SamplerChain([]),
            SamplingView(seeds=row_seeds(11, [row], device="cpu"), capacity=4), bounds=[4], stop=-1,
            unchecked=bool(unchecked),
        )  # fmt: skip
        third.append(found.tokens[0][2])
        steps += found.steps
    assert steps < 2.9 * ROWS  # of 3 without drafts
    ways = torch.tensor(list(product(range(V), repeat=2)))
    x = torch.cat([prompt.expand(len(ways), -1, -1), table[ways]], 1)
    h = backbone(x, SequenceMask.causal(torch.full((len(ways),), 5)), torch.arange(5).expand(len(ways), -1)).h
    p = F.linear(backbone.finish(h[:, 2:]), weight).softmax(-1)  # of the first, second and third token
    first, second = (p[torch.arange(len(ways)), place, ways[:, place]] for place in range(2))
    expected = ROWS * (first * second) @ p[:, 2]
    counts = torch.stack(third).bincount(minlength=V)
    statistic = float(((counts - expected) ** 2 / expected).sum())
    assert (statistic < LIMIT) == bool(fits), statistic
