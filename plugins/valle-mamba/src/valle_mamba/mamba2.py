"""The mixer of `mamba2`, with Hugging Face's parameter names (Dao and Gu 2024, arXiv 2405.21060, section 7)."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from valle_kit.onednn import linear
from valle_mamba.cache import Memory
from valle_mamba.convolution import convolution_step, last_inputs
from valle_mamba.engine import Engine
from valle_mamba.mamba import fresh_dt_bias
from valle_mamba.merge import Merge
from valle_mamba.reading import Reading
from valle_mamba.sizes import Mamba2Sizes

A_RANGE = (1.0, 16.0)
"""Fresh decay rates −A are drawn evenly between these."""


class Direction(nn.Module):
    """What one direction owns: convolution, bias of the step sizes, decays, skip."""

    def __init__(self, sizes: Mamba2Sizes) -> None:
        super().__init__()
        width, H = sizes.conv_width, sizes.n_heads
        self.heads, self.groups, self.limit = (H, sizes.head_dim), (sizes.n_groups, sizes.d_state), sizes.dt_limit
        self.split = (sizes.d_inner, sizes.n_groups * sizes.d_state, sizes.n_groups * sizes.d_state)
        self.conv1d = nn.Conv1d(width, width, sizes.d_conv, groups=width, bias=sizes.conv_bias)
        if self.conv1d.bias is not None:
            nn.init.zeros_(self.conv1d.bias)
        self.dt_bias = nn.Parameter(fresh_dt_bias(H))
        self.A_log = nn.Parameter(torch.empty(H).uniform_(*A_RANGE).log())
        self.A_log._no_weight_decay = True  # pyright: ignore[reportAttributeAccessIssue]
        self.D = nn.Parameter(torch.ones(H))

    def read(
        self,
        xBC: Float[Tensor, "B T C"],
        dt: Float[Tensor, "B T H"],
        segment: Int[Tensor, "B T"] | None,
        valid: Tensor | None,
        memory: Memory | None,
        engine: Engine,
    ) -> Float[Tensor, "B T d"]:
        """One pass over what the projection gave, in the order in which it lies; `memory` is brought up to date."""
        kernels = engine.serves(xBC, packed=segment is not None, continued=memory is not None and not memory.fresh)
        parts = engine.convolution(kernels)(xBC, self.conv1d, segment, None if memory is None else memory.conv)
        x, dt, A, B, C = self._selected(parts, dt)
        if memory is not None and valid is not None:
            dt = dt.masked_fill(~valid.unsqueeze(-1), 0.0)
        start = None if memory is None else memory.state
        y, end = engine.block_scan(kernels)(x, dt, A, B, C, segment, start)
        if memory is not None:
            memory.replace(end, last_inputs(xBC, memory.conv, memory.new))
        return torch.addcmul(y, x, self.D.to(x.dtype).unsqueeze(-1)).flatten(2)

    def advance(self, xBC: Float[Tensor, "B C"], dt: Float[Tensor, "B H"], memory: Memory) -> Float[Tensor, "B d"]:
        """One position, the memory written in place."""
        x, dt, A, B, C = self._selected(convolution_step(xBC, self.conv1d, memory.conv), dt)
        groups, width = self.groups[0], self.heads[1]
        share = (dt * A).exp_().repeat_interleave(width, dim=-1).unflatten(-1, (groups, 1, -1))  # [B, G, 1, W]
        new = (x * dt.unsqueeze(-1)).view_as(share)
        memory.state.mul_(share).addcmul_(B.unsqueeze(-1), new)
        y = torch.matmul(C.unsqueeze(-2), memory.state).view_as(x)
        return torch.addcmul(y, x, self.D.to(x.dtype).unsqueeze(-1)).flatten(1)

    def _selected(self, parts: Tensor, dt: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """x, Δ, A, B, C for the scan, in float32 at least."""
        wide = torch.promote_types(parts.dtype, torch.float32)
        x, B, C = parts.to(wide).split(self.split, dim=-1)
        dt = F.softplus(dt.to(wide) + self.dt_bias.to(wide))
        if self.limit != (0.0, float("inf")):
            dt = dt.clamp(*self.limit)
        A = -self.A_log.to(wide).exp()
        return x.unflatten(-1, self.heads), dt, A, B.unflatten(-1, self.groups), C.unflatten(-1, self.groups)


class GatedNorm(nn.Module):
    """RMS norm of y · SiLU(z), within each group of channels."""

    def __init__(self, sizes: Mamba2Sizes) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(sizes.d_inner))
        self.groups, self.eps = sizes.n_groups, sizes.norm_eps

    def forward(self, y: Float[Tensor, "... d"], z: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        y = (y * F.silu(z.to(y.dtype))).unflatten(-1, (self.groups, -1))
        return F.rms_norm(y, y.shape[-1:], eps=self.eps).flatten(-2) * self.weight.to(y.dtype)


class Mamba2Mixer(Direction):
    """Projection in, scan in one or both directions, gated norm, projection out."""

    def __init__(self, sizes: Mamba2Sizes, engine: Engine, *, bidirectional: bool) -> None:
        super().__init__(sizes)
        self.engine = engine
        self.parts = (sizes.d_inner, sizes.conv_width, sizes.n_heads)
        self.in_proj = linear(sizes.d_model, sum(self.parts), bias=sizes.bias)
        self.norm = GatedNorm(sizes)
        self.out_proj = linear(sizes.d_inner, sizes.d_model, bias=sizes.bias)
        self.reverse = Direction(sizes) if bidirectional else None
        self.merge = Merge(sizes.d_inner) if bidirectional else None

    def forward(
        self, x: Float[Tensor, "B T D"], reading: Reading, memory: Memory | None = None
    ) -> Float[Tensor, "B T D"]:
        z, xBC, dt = self.in_proj(x).split(self.parts, dim=-1)
        y = self.read(xBC, dt, reading.segment, reading.valid, memory, self.engine)
        if reading.backward is not None and self.reverse is not None and self.merge is not None:
            back = reading.backward
            taken = self.merge.taken(xBC, back), self.merge.taken(dt, back)
            y = self.merge(y, self.reverse.read(*taken, back.segment, None, None, self.engine), back)
        return self.out_proj(self.norm(y, z).to(x.dtype))

    def step(self, x: Float[Tensor, "B D"], memory: Memory) -> Float[Tensor, "B D"]:
        """One position of every row."""
        z, xBC, dt = self.in_proj(x).split(self.parts, dim=-1)
        return self.out_proj(self.norm(self.advance(xBC, dt, memory), z).to(x.dtype))
