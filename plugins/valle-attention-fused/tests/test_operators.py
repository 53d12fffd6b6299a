"""The operators as torch sees them: shapes without running them, gradients, whole graphs under `torch.compile`."""

from __future__ import annotations

import pytest
import torch
from valle_attention_fused import kernel
from valle_attention_fused.operators import attend, step
from valle_attention_fused.options import FusedOptions

from valle_core.types import PackedMask, SequenceMask

pytestmark = pytest.mark.usefixtures("unchecked_integers")
TESTS = ("test_schema", "test_autograd_registration", "test_faketensor")


def inputs(*, strided=False, learns=True):
    q, k, v = (torch.randn(1, 5, h, 16, generator=torch.Generator().manual_seed(h)) for h in (2, 1, 1))
    views = [x.transpose(1, 2) for x in (q, k, v)]
    return [(x if strided else x.contiguous()).requires_grad_(learns) for x in views]


@pytest.mark.parametrize("strided", [False, True])
def test_the_operator_of_whole_rows_says_of_itself_what_is_so(strided):
    lengths, zeros = torch.tensor([4]), torch.tensor([0])
    torch.library.opcheck(
        attend, (*inputs(strided=strided), lengths, zeros, zeros, None, 0, 0.25, 0.0), test_utils=TESTS
    )


def test_the_operator_of_steps_says_of_itself_what_is_so():
    lengths, zeros = torch.tensor([4]), torch.tensor([0])
    q, k, v = inputs(strided=True, learns=False)
    torch.library.opcheck(step, (q[:, :, :1], k, v, lengths, zeros, lengths - 1, 0, 0.25, 0.0), test_utils=TESTS)


@pytest.mark.slow
@pytest.mark.parametrize("packed", [False, True])
def test_it_compiles_to_one_graph(packed):
    """Nothing in it looks at a value, for rows and for packed segments."""
    lengths = torch.tensor([5])
    mask = PackedMask(offsets=torch.tensor([0, 2, 5]), prefix=torch.tensor([0, 3])) if packed else None
    mask = mask or SequenceMask.causal(lengths)
    fused = kernel.build(FusedOptions())
    compiled = torch.compile(lambda q, k, v: fused(q, k, v, mask), backend="aot_eager", fullgraph=True)
    for x, y in zip(_with_gradients(fused, mask), _with_gradients(lambda *a: compiled(*a[:3]), mask), strict=True):
        torch.testing.assert_close(x, y)


def _with_gradients(run, mask):
    lent = inputs()
    out = run(*lent, mask)
    return out, *torch.autograd.grad(out.square().sum(), lent)
