"""From tensors to the compiled functions: fills in the job and runs it on torch's threads."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from valle_attention_cpu import backward as slopes
from valle_attention_cpu import compiled, forward, steps
from valle_attention_cpu import job as at
from valle_attention_cpu.runs import Run, table
from valle_kit.openmp import Team

ALONE = 500_000
"""Products of a query's and a key's entry up to which waking other threads costs more than it gives."""


def attend(
    q: Float[Tensor, "B H Tq Dh"],
    k: Float[Tensor, "B Hk Tk Dh"],
    v: Float[Tensor, "B Hk Tk Dh"],
    runs: Sequence[Run],
    *,
    window: int,
    scale: float,
    logs: bool,
) -> tuple[Float[Tensor, "B H Tq Dh"], Float[Tensor, "B H Tq"] | None]:
    """Outputs, zeros where no run has a query, and with `logs` the log-sum-exp of every query for `differentiate`."""
    B, H, Tq, Dh = q.shape
    Hk = k.shape[1]
    counts = [run[-1] for run in runs]
    made = torch.empty if sum(counts) == B * Tq else torch.zeros  # no run has a query of another
    out = made(B, Tq, H, Dh, dtype=q.dtype).transpose(1, 2)  # as the projection behind it reads it
    lse = q.new_zeros(B, H, Tq) if logs else None
    if not runs:
        return out, lse
    call = _Call(q, k, v, out, runs, window, scale)
    if not logs and max(counts) * (H // Hk) <= steps.MOST:
        call.run("step", len(runs) * Hk, steps.scratch(Dh))
    else:
        kept = lse if lse is not None else q.new_empty(B, H, Tq)
        call.put(at.LSE, kept.data_ptr(), *kept.stride()[:2])
        call.run("forward", call.items, forward.scratch(Dh))
    return out, lse


def differentiate(
    grad: Float[Tensor, "B H Tq Dh"],
    q: Float[Tensor, "B H Tq Dh"],
    k: Float[Tensor, "B Hk Tk Dh"],
    v: Float[Tensor, "B Hk Tk Dh"],
    out: Float[Tensor, "B H Tq Dh"],
    lse: Float[Tensor, "B H Tq"],
    runs: Sequence[Run],
    *,
    window: int,
    scale: float,
) -> tuple[Float[Tensor, "B H Tq Dh"], Float[Tensor, "B Hk Tk Dh"], Float[Tensor, "B Hk Tk Dh"]]:
    """Gradients of queries, keys and values."""
    Dh = q.shape[3]
    dq = torch.zeros_like(out)
    dk, dv = (k.new_zeros(*k.shape[:3], slopes.padded(Dh)) for _ in range(2))
    if runs:
        call = _Call(q, k, v, out, runs, window, scale)
        call.tensor(at.GRAD, grad)
        call.put(at.DQ, dq.data_ptr(), dk.data_ptr(), dv.data_ptr(), k.shape[2])
        call.put(at.LSE, lse.data_ptr(), *lse.stride()[:2])
        call.run("backward", len(runs) * k.shape[1], slopes.scratch(Dh))
    return dq, dk[..., :Dh], dv[..., :Dh]


class _Call:
    """One job, and what must live until it is done. A decoding step spends as long here as on a thousand keys."""

    def __init__(
        self, q: Tensor, k: Tensor, v: Tensor, out: Tensor, runs: Sequence[Run], window: int, scale: float
    ) -> None:
        H, Hk, Dh = q.shape[1], k.shape[1], q.shape[3]
        self.slots = [0] * at.SLOTS
        for slot, x in ((at.Q, q), (at.K, k), (at.V, v), (at.OUT, out)):
            self.tensor(slot, x)
        lines, self.items = table(runs, H // Hk, Hk)
        self.alive = array("q", lines), array("f", (scale,))
        addresses = [one.buffer_info()[0] for one in self.alive]
        self.put(at.RUNS, addresses[0], len(runs), Hk, H // Hk, Dh, window, addresses[1])
        self.work = sum([run[-1] * run[4] for run in runs]) * H * Dh

    def put(self, slot: int, *values: int) -> None:
        """Neighbouring slots."""
        self.slots[slot : slot + len(values)] = values

    def tensor(self, slot: int, x: Tensor) -> None:
        """An address and its strides for row, head and position."""
        self.slots[slot : slot + 4] = x.data_ptr(), *x.stride()[:3]

    def run(self, name: compiled.Name, items: int, scratch: int) -> None:
        """Every item once, on as many threads as it is worth."""
        team = Team(1 if self.work <= ALONE else items)
        scratches = torch.empty(scratch * team.size, dtype=torch.float32)
        self.put(at.ITEMS, items, scratches.data_ptr(), scratch, team.rank, team.size)
        job = array("q", self.slots)
        address = job.buffer_info()[0]
        job[at.COUNTER] = address + at.COUNT * job.itemsize
        team.run(compiled.address(name), address)
