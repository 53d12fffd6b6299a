"""The block masks against the rule of masks; the kernel against the suite, uncompiled, and once compiled (slow)."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from valle_attention_flex.blocks import BLOCK, block_mask, ranges_of
from valle_attention_flex.kernel import build
from valle_attention_flex.options import FlexOptions
from valle_attention_flex.plugin import FLEX

from valle_core.plugin import UserError
from valle_core.types import SequenceMask
from valle_testing.suites.attention.cases import cases, inputs_for, visible
from valle_testing.suites.attention.checks import CHECKS
from valle_testing.suites.attention.rule import compare
from valle_testing.suites.attention.shapes import long_cases

CASES = [case for case in (*cases(), *long_cases("cpu")) if case.needs <= FLEX.capabilities]


@pytest.fixture
def plain():
    """Without this, PyTorch traces FlexAttention even where it is not compiled, which takes half a minute."""
    with torch.compiler.set_stance("force_eager"):
        yield


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_blocks_and_ranges_are_the_rule(case):
    ranges = ranges_of(case.mask, case.queries, case.keys)
    blocks = block_mask(ranges, case.queries, case.keys)
    seen = visible(case)
    b, i, j = torch.meshgrid(*(torch.arange(n) for n in seen.shape), indexing="ij")
    assert torch.equal(blocks.mask_mod(b, b, i, j) & ranges.used[..., None], seen)
    assert torch.equal(ranges.seen, seen.any(1))
    kinds = torch.zeros(len(seen), -(-case.queries // BLOCK), -(-case.keys // BLOCK), dtype=torch.long)
    for kind, (counts, places) in enumerate(
        ((blocks.kv_num_blocks, blocks.kv_indices), (blocks.full_kv_num_blocks, blocks.full_kv_indices)), start=1
    ):
        for row, query, key in product(*map(range, kinds.shape)):
            if key in places[row, 0, query, : counts[row, 0, query]]:
                assert not kinds[row, query, key], "a block is listed twice"
                kinds[row, query, key] = kind
    for row, query, key in product(*map(range, kinds.shape)):
        queries = slice(query * BLOCK, (query + 1) * BLOCK)
        part = seen[row, queries, key * BLOCK : (key + 1) * BLOCK]
        assert not part.any() or kinds[row, query, key], "a block that is seen is left out"
        whole = part[ranges.used[row, queries]].all()
        assert whole or kinds[row, query, key] != 2, "a block that is not seen in full has no mask"


SUITE = [check for check in CHECKS if check.__name__ != "stays_on_its_device"]


@pytest.mark.parametrize("check", SUITE, ids=lambda check: check.__name__)
def test_it_passes_the_suite_uncompiled(check, plain):
    check(build(FlexOptions(compile=False)), FLEX.capabilities)


@pytest.mark.slow
def test_it_passes_compiled():
    kernel = build(FlexOptions())
    for case in CASES:
        if case.name in ("causal, 257 long", "prefix, 257 long", "step, 257 long"):
            compare(kernel, case, inputs_for(case, 2, width=64), gradients=False)


def test_learning_on_a_cpu_is_refused_in_one_line():
    q = torch.zeros(1, 1, 3, 8, requires_grad=True)
    with pytest.raises(UserError, match=r"^attention 'flex' has no backward pass on a CPU\. Try: --attention sdpa$"):
        build(FlexOptions(compile=False))(q, q, q, SequenceMask.causal(torch.tensor([3])))


def test_a_back_end_is_asked_for_by_name():
    assert build(FlexOptions(backend="flash"))._settings == {"BACKEND": "FLASH"}
    assert build(FlexOptions())._settings is None


def test_layers_of_one_forward_share_a_block_mask(plain, monkeypatch):
    kernel, mask, given = build(FlexOptions(compile=False)), SequenceMask.causal(torch.tensor([3])), []
    monkeypatch.setattr(kernel, "_attend", lambda q, k, v, *, block_mask, **how: (given.append(block_mask), q)[1])
    q = torch.zeros(1, 1, 3, 8)
    kernel(q, q, q, mask)
    kernel(q, q, q, mask)
    assert given[0] is given[1]
