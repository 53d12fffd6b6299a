"""What the suite does not ask of the kernel: threads, masks that promise too much, where the compiled code is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from valle_attention_cpu import call, compiled, job, steps
from valle_attention_cpu.kernel import build
from valle_attention_cpu.options import CpuOptions
from valle_attention_cpu.runs import runs_of, table
from valle_attention_cpu.vectors import LANES

from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask


@pytest.fixture
def two_threads(monkeypatch) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    monkeypatch.setattr(call, "ALONE", 0)
    yield
    torch.set_num_threads(before)


def inputs(T: int, queries: int | None = None) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(T)
    return [torch.randn(2, 4, t, 16, generator=random).requires_grad_() for t in (queries or T, T, T)]


def found(q, k, v, mask):
    out = build(CpuOptions())(q, k, v, mask)
    return out, *torch.autograd.grad(out.square().sum(), (q, k, v))


def test_two_threads_give_the_bits_of_one(two_threads):
    mask = SequenceMask(lengths=torch.tensor([70, 50]), prefix=torch.tensor([0, 20]), query_start=torch.zeros(2).long())
    given = inputs(70)
    together = found(*given, mask)
    step = SequenceMask.causal(mask.lengths, query_start=mask.lengths - 1)
    q, k, v = (x.detach() for x in inputs(70, 1))
    stepped = build(CpuOptions())(q, k, v, step)
    torch.set_num_threads(1)
    assert all(map(torch.equal, together, found(*given, mask)))
    assert torch.equal(stepped, build(CpuOptions())(q, k, v, step))


@pytest.mark.parametrize("queries", [1, 9], ids=["step", "block"])
def test_a_mask_that_promises_more_keys_than_there_are_reads_none_beyond(queries):
    start, end = torch.tensor([8, 8]), torch.tensor([9, 9])
    mask = SequenceMask(lengths=end + 10**9, prefix=end + 10**9, query_start=start if queries == 1 else start * 0)
    right = SequenceMask(lengths=end, prefix=end, query_start=mask.query_start)
    q, k, v = (x.detach() for x in inputs(9, queries))
    assert torch.equal(build(CpuOptions())(q, k, v, mask), build(CpuOptions())(q, k, v, right))
    assert runs_of(PackedMask(offsets=torch.tensor([0, 4, 99]), prefix=torch.tensor([9, 0])), 6, 6) == [
        (0, 0, 0, 0, 4, 4, 4),
        (0, 4, 4, 0, 2, 0, 2),
    ]


def test_rows_without_queries_are_no_runs():
    mask = SequenceMask.causal(torch.tensor([5, 0, 3]), query_start=torch.tensor([0, 0, 3]))
    runs = runs_of(mask, 5, 5)
    assert runs == [(0, 0, 0, 0, 5, 0, 5)]
    lines, items = table([*runs, *runs], group=LANES, key_heads=3)
    assert items == 2 * 3 * 5
    assert lines[job.BEFORE :: job.COLUMNS] == [0, 15]


@pytest.mark.parametrize("width", [8, 16, 40, 64, 96, 128])
def test_few_queries_and_a_block_of_them_agree(monkeypatch, width):
    mask = SequenceMask.causal(torch.tensor([300, 140]), query_start=torch.tensor([297, 137]))
    random = torch.Generator().manual_seed(width)
    q, k, v = (torch.randn(2, 4, t, width, generator=random) for t in (3, 300, 300))
    few = build(CpuOptions())(q, k, v, mask)
    row = replace(mask, lengths=mask.lengths[1:], prefix=mask.prefix[1:], query_start=mask.query_start[1:])
    assert torch.equal(few[1:], build(CpuOptions())(q[1:], k[1:, :, :140], v[1:, :, :140], row))
    monkeypatch.setattr(steps, "MOST", 0)
    assert torch.allclose(few, build(CpuOptions())(q, k, v, mask), atol=1e-6)


def test_compiled_code_is_kept_by_the_source_it_came_from(monkeypatch):
    """numba looks at one file alone; the number in the closure makes changes of any other one count."""
    name = compiled._forward(compiled._stamp()).__closure__[0].cell_contents
    assert name == compiled._stamp()
    monkeypatch.setattr(compiled.Path, "read_bytes", lambda path: b"changed")
    assert compiled._stamp() != name


def test_it_runs_inside_a_compiled_model():
    q, k, v = (x.detach() for x in inputs(9))
    mask, kernel = SequenceMask.causal(torch.tensor([9, 4])), build(CpuOptions())
    model = torch.compile(lambda q, k, v: kernel(q + 0, k, v, mask) * 2, backend="eager")
    assert torch.equal(model(q, k, v), 2 * kernel(q, k, v, mask))


def test_another_device_is_refused():
    q = torch.zeros(1, 1, 1, 8, device="meta")
    with pytest.raises(UserError, match=r"'cpu' cannot run here: needs a CPU, found meta\. Try: --attention sdpa"):
        build(CpuOptions())(q, q, q, SequenceMask.causal(torch.zeros(1, dtype=torch.long, device="meta")))
