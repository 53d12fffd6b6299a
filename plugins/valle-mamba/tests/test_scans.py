"""Both scans against the recurrence spelled out, position by position."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from valle_mamba.block_scan import block_scan
from valle_mamba.scan_blocks import Blocks
from valle_mamba.selective_scan import selective_scan


def selective_steps(u, dt, A, B, C, keep=None, state=None):
    h = u.new_zeros(u.shape[0], *A.shape) if state is None else state
    ys = []
    for t in range(u.shape[1]):
        a = torch.exp(dt[:, t, None] * A) * (1.0 if keep is None else keep[:, t, None, None])
        h = a * h + (dt[:, t] * u[:, t])[:, None] * B[:, t, :, None]
        ys.append((C[:, t, :, None] * h).sum(1))
    return torch.stack(ys, 1), h


def block_steps(x, dt, A, B, C, segment=None, state=None):
    rows, T, H, P = x.shape
    G, N = B.shape[2:]
    h = x.new_zeros(rows, H, N, P) if state is None else state.unflatten(-1, (H // G, P)).transpose(2, 3).flatten(1, 2)
    B, C = (part.repeat_interleave(H // G, dim=2) for part in (B, C))
    ys = []
    for t in range(T):
        a = torch.exp(dt[:, t] * A)
        if segment is not None and t:
            a = a * (segment[:, t] == segment[:, t - 1])[:, None]
        h = a[..., None, None] * h + (dt[:, t, :, None] * B[:, t])[..., None] * x[:, t, :, None]
        ys.append((C[:, t, :, :, None] * h).sum(2))
    return torch.stack(ys, 1), h.unflatten(1, (G, -1)).transpose(2, 3).flatten(3)


def selective_case(rows, T, d, N, dtype=torch.float64, decay=2.0):
    torch.manual_seed(T)
    u, dt = torch.randn(rows, T, d, dtype=dtype), F.softplus(3 * torch.randn(rows, T, d, dtype=dtype))
    B, C = torch.randn(rows, T, N, dtype=dtype), torch.randn(rows, T, N, dtype=dtype)
    return u, dt, -torch.exp(decay * torch.randn(N, d, dtype=dtype)), B, C


def block_case(rows, T, H, P, G, N, dtype=torch.float64, decay=2.0):
    torch.manual_seed(T)
    x, dt = torch.randn(rows, T, H, P, dtype=dtype), F.softplus(3 * torch.randn(rows, T, H, dtype=dtype))
    B, C = torch.randn(rows, T, G, N, dtype=dtype), torch.randn(rows, T, G, N, dtype=dtype)
    return x, dt, -torch.exp(decay * torch.randn(H, dtype=dtype)), B, C


def compare(scan, steps, case, *more, tolerance=1e-9):
    ours, theirs = ([x.clone().requires_grad_() for x in case] for _ in range(2))
    (y, final), (wanted, last) = scan(*ours, *more), steps(*theirs, *more)
    near = {"atol": tolerance, "rtol": tolerance}
    torch.testing.assert_close(y, wanted, **near)
    torch.testing.assert_close(final.detach(), last.detach(), **near)
    weight = torch.randn_like(y)
    (y * weight).sum().backward()
    (wanted * weight).sum().backward()
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad, other.grad, **near)
    with torch.no_grad():
        torch.testing.assert_close(scan(*case, *more)[0], y.detach(), **near)


@pytest.mark.parametrize("size", [(1, 1, 4, 2), (2, 5, 4, 3), (3, 37, 8, 4), (2, 129, 130, 70)])
@pytest.mark.parametrize("what", ["plain", "state", "segments"])
def test_the_selective_scan_is_the_recurrence(size, what):
    rows, T, d, N = size
    keep = (torch.rand(rows, T) > 0.2).double() if what == "segments" else None
    state = torch.randn(rows, N, d).double() if what != "plain" else None
    compare(selective_scan, selective_steps, selective_case(*size), keep, state)


@pytest.mark.parametrize("size", [(1, 1, 2, 3, 1, 4), (2, 5, 4, 3, 2, 4), (2, 64, 4, 3, 4, 5), (2, 200, 4, 8, 2, 6)])
@pytest.mark.parametrize("what", ["plain", "state", "segments"])
def test_the_block_scan_is_the_recurrence(size, what):
    rows, T, H, P, G, N = size
    segment = (torch.rand(rows, T) > 0.95).cumsum(1) if what == "segments" else None
    state = torch.randn(rows, G, N, H // G * P).double() if what != "plain" else None
    compare(block_scan, block_steps, block_case(*size), segment, state)


def test_segments_may_begin_where_chunks_do():
    starts = torch.zeros(1, 200, dtype=torch.long).index_fill(1, torch.tensor([30, 64, 128, 150]), 1)
    compare(block_scan, block_steps, block_case(1, 200, 4, 3, 2, 5, decay=-2.0), starts.cumsum(1), None)
    keep = 1.0 - torch.zeros(1, 200).index_fill(1, torch.tensor([15, 30, 120]), 1).double()
    compare(selective_scan, selective_steps, selective_case(1, 200, 4, 3, decay=-2.0), keep, None)


@torch.no_grad()
@pytest.mark.parametrize("which", ["selective", "block"])
def test_float32_holds_over_long_rows_with_long_and_short_decays(which):
    """A float32 sum of a long row's exponents would lose the digits of the decays that matter."""
    T = 4096
    if which == "selective":
        scan, steps, case = selective_scan, selective_steps, selective_case(1, T, 8, 4, decay=3.0)
    else:
        scan, steps, case = block_scan, block_steps, block_case(1, T, 8, 4, 1, 4, decay=3.0)
    case[1][:, T // 2 :] *= 1e-3  # a fast half, then a slow one
    single = [x.float() for x in case]
    y, final = scan(*single)
    wanted, last = steps(*(x.double() for x in single))
    scale = wanted.abs().amax()
    assert bool(y.isfinite().all())
    assert ((y - wanted).abs().amax() / scale).item() < 1e-5
    assert ((final - last).abs().amax() / last.abs().amax()).item() < 1e-5
    exact = scan(*case)[0]
    torch.testing.assert_close(exact, steps(*case)[0], atol=1e-9, rtol=1e-9)


def test_decays_that_leave_nothing_give_no_nan():
    u, dt, A, B, C = selective_case(1, 40, 4, 3, dtype=torch.float32)
    given = [x.requires_grad_() for x in (u, dt * 1e4, A * 1e4, B, C)]
    y, _ = selective_scan(*given)
    y.sum().backward()
    assert all(bool(x.isfinite().all()) for x in (y, u.grad, B.grad, C.grad))
    x, dt, A, B, C = block_case(1, 200, 2, 4, 1, 3, dtype=torch.float32)
    given = [part.requires_grad_() for part in (x, dt * 1e4, A * 1e4, B, C)]
    y, _ = block_scan(*given)
    y.sum().backward()
    assert all(bool(part.isfinite().all()) for part in (y, x.grad, B.grad, C.grad))


@torch.no_grad()
@pytest.mark.parametrize("which", ["selective", "block"])
def test_positions_with_a_step_of_zero_leave_the_state(which):
    case = selective_case(2, 30, 4, 3) if which == "selective" else block_case(2, 130, 4, 3, 2, 5)
    scan = selective_scan if which == "selective" else block_scan
    T = case[0].shape[1]
    still = [case[0], case[1].clone(), *case[2:]]
    still[1][:, T - 7 :] = 0
    short = [part[:, : T - 7] if part.ndim > 2 else part for part in case]
    torch.testing.assert_close(scan(*still)[1], scan(*short)[1], atol=1e-12, rtol=1e-12)


def test_the_steps_in_python_are_a_fraction_of_the_positions():
    for B, T, numbers in ((1, 1024, 16 * 1024), (16, 1024, 16 * 1024), (1, 4096, 1024), (4, 200, 64 * 1024)):
        blocks = Blocks.of(B, T, numbers)
        assert len(blocks.blocks()) * blocks.length <= T / 8 + blocks.length
        covered = [chunk for block in blocks.blocks() for chunk in range(block.start, block.stop)]
        assert covered == list(range(blocks.chunks))
        assert blocks.chunks * blocks.length >= T
        assert [row for group in blocks.groups(B) for row in range(group.start, group.stop)] == list(range(B))


def test_the_operation_behind_the_scan_keeps_its_promises_to_torch():
    u, dt, A, B, C = selective_case(2, 5, 4, 3)
    given = [x.requires_grad_() for x in (u, dt, A, B, C)]
    torch.library.opcheck(
        torch.ops.valle_mamba.selective_scan.default,
        (*given, None, None),
        test_utils=("test_schema", "test_faketensor", "test_autograd_registration"),
    )
