"""The mixer of `mamba`, with Hugging Face's parameter names (Gu and Dao 2023, arXiv 2312.00752, figure 3)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from valle_kit.onednn import linear
from valle_mamba.cache import Memory
from valle_mamba.convolution import convolution_step, last_inputs
from valle_mamba.engine import Engine
from valle_mamba.merge import Merge
from valle_mamba.reading import Reading
from valle_mamba.sizes import MambaSizes

DT_RANGE = (1e-3, 1e-1)
"""Fresh step sizes are drawn between these, evenly in their logarithm (section 3.6)."""


class Direction(nn.Module):
    """What one direction owns: convolution, step sizes, what is written and read, decays, skip."""

    def __init__(self, sizes: MambaSizes) -> None:
        super().__init__()
        d, N, rank = sizes.d_inner, sizes.d_state, sizes.dt_rank
        self.split = (rank, N, N)
        self.conv1d = nn.Conv1d(d, d, sizes.d_conv, groups=d, bias=sizes.conv_bias)
        self.x_proj = nn.Linear(d, rank + 2 * N, bias=False)
        self.dt_proj = nn.Linear(rank, d)
        self.A_log = nn.Parameter(torch.arange(1.0, N + 1).log().repeat(d, 1))
        self.A_log._no_weight_decay = True  # pyright: ignore[reportAttributeAccessIssue]
        self.D = nn.Parameter(torch.ones(d))
        if self.conv1d.bias is not None:
            nn.init.zeros_(self.conv1d.bias)
        nn.init.uniform_(self.dt_proj.weight, -(rank**-0.5), rank**-0.5)
        with torch.no_grad():
            self.dt_proj.bias.copy_(fresh_dt_bias(d))

    def read(
        self,
        x: Float[Tensor, "B T d"],
        segment: Int[Tensor, "B T"] | None,
        valid: Tensor | None,
        memory: Memory | None,
        engine: Engine,
    ) -> Float[Tensor, "B T d"]:
        """One pass over x, in the order in which it lies. `memory` is gone on from and brought up to date."""
        kernels = engine.serves(x, packed=segment is not None, continued=memory is not None and not memory.fresh)
        u = engine.convolution(kernels)(x, self.conv1d, segment, None if memory is None else memory.conv)
        u, dt, A, B, C = self._selected(u)
        if memory is not None and valid is not None:
            dt = dt.masked_fill(~valid.unsqueeze(-1), 0.0)
        keep = None if segment is None else starts_kept(segment, u.dtype)
        start = None if memory is None else memory.state
        y, end = engine.selective_scan(kernels)(u, dt, A.mT.contiguous(), B, C, keep, start)
        if memory is not None:
            memory.replace(end, last_inputs(x, memory.conv, memory.new))
        return torch.addcmul(y, u, self.D.to(u.dtype))

    def advance(self, x: Float[Tensor, "B d"], memory: Memory) -> Float[Tensor, "B d"]:
        """One position, the memory written in place."""
        u, dt, A, B, C = self._selected(convolution_step(x, self.conv1d, memory.conv))
        state = memory.state
        state.mul_((dt.unsqueeze(1) * A.mT).exp_()).addcmul_((dt * u).unsqueeze(1), B.unsqueeze(-1))
        return torch.addcmul(torch.matmul(C.unsqueeze(1), state).squeeze(1), u, self.D.to(u.dtype))

    def _selected(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """u, Δ, A, B, C for the scan, in float32 at least."""
        wide = torch.promote_types(u.dtype, torch.float32)
        dt, B, C = self.x_proj(u).split(self.split, dim=-1)
        dt = F.softplus(F.linear(dt, self.dt_proj.weight).to(wide) + self.dt_proj.bias.to(wide))
        return u.to(wide), dt, -self.A_log.to(wide).exp(), B.to(wide), C.to(wide)


class MambaMixer(Direction):
    """Projection in, scan in one or both directions, gate, projection out."""

    def __init__(self, sizes: MambaSizes, engine: Engine, *, bidirectional: bool) -> None:
        super().__init__(sizes)
        self.engine = engine
        self.in_proj = linear(sizes.d_model, 2 * sizes.d_inner, bias=sizes.bias)
        self.out_proj = linear(sizes.d_inner, sizes.d_model, bias=sizes.bias)
        self.reverse = Direction(sizes) if bidirectional else None
        self.merge = Merge(sizes.d_inner) if bidirectional else None

    def forward(
        self, x: Float[Tensor, "B T D"], reading: Reading, memory: Memory | None = None
    ) -> Float[Tensor, "B T D"]:
        u, z = self.in_proj(x).chunk(2, dim=-1)
        y = self.read(u, reading.segment, reading.valid, memory, self.engine)
        if reading.backward is not None and self.reverse is not None and self.merge is not None:
            back = reading.backward
            second = self.reverse.read(self.merge.taken(u, back), back.segment, None, None, self.engine)
            y = self.merge(y, second, back)
        return self.out_proj((y * F.silu(z.to(y.dtype))).to(x.dtype))

    def step(self, x: Float[Tensor, "B D"], memory: Memory) -> Float[Tensor, "B D"]:
        """One position of every row."""
        u, z = self.in_proj(x).chunk(2, dim=-1)
        y = self.advance(u, memory)
        return self.out_proj((y * F.silu(z.to(y.dtype))).to(x.dtype))


def fresh_dt_bias(width: int) -> Float[Tensor, "width"]:
    """Biases whose softplus lies in `DT_RANGE`."""
    low, high = (math.log(bound) for bound in DT_RANGE)
    dt = torch.exp(torch.rand(width) * (high - low) + low)
    return dt + torch.log(-torch.expm1(-dt))


def starts_kept(segment: Int[Tensor, "B T"], dtype: torch.dtype) -> Float[Tensor, "B T"]:
    """0 at the first position of each segment but the row's first, else 1."""
    same = torch.ones_like(segment, dtype=dtype)
    same[:, 1:] = (segment[:, 1:] == segment[:, :-1]).to(dtype)
    return same
