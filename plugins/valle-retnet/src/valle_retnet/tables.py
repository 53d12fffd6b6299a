"""What depends on the places of a forward and on no weight: rotations, decays, and the scale of the sums.

torchscale divides the sums r of `valle_retnet.retention` by √M · max(1, |z| / √M) before the heads' RMS norm, where
M_n = Σ_{m ≤ n} γ^(n−m) and z_n = Σ_{m ≤ n} γ^(n−m) q_n · k_m without gradient. The norm undoes that division but for
its epsilon, so all of it is  r / √(mean r² + ε · max(M, z²)),  which every form can compute: M is known from the
place, and z is what the sums give for a value that is always 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_retnet.options import RetNetSizes
from valle_retnet.retention import Decay
from valle_retnet.rows import Rows


def angles(sizes: RetNetSizes, device: torch.device) -> Float[Tensor, "half"]:
    """Rotation per step of each pair of a head, 10000^(−i / (Dk/2 − 1)), in float32 as in the original."""
    return 1.0 / (10000 ** torch.linspace(0, 1, sizes.key_width // 2, device=device))


def log_decays(sizes: RetNetSizes, device: torch.device) -> Float[Tensor, "H"]:
    """log γ_h with γ_h = 1 − 2^−e_h, in float32 as in the original.

    e_h is 5 + h (eq. 8) without `sizes.decays`, else spread evenly over them; a single head takes their middle.
    """
    heads = torch.arange(sizes.n_heads, dtype=torch.float, device=device)
    if not sizes.decays:
        exponents = 5 + heads
    elif sizes.n_heads == 1:
        exponents = heads + sum(sizes.decays) / 2
    else:
        first, last = sizes.decays
        exponents = first + heads * ((last - first) / (sizes.n_heads - 1))
    return torch.log(1 - 2**-exponents)


def mass(log: Float[Tensor, "H"], count: Int[Tensor, "*rows T"]) -> Float[Tensor, "*rows H T"]:
    """Σ γ^j over j < count, for counts of at least 1."""
    log = log.double()[:, None]
    return torch.expm1(log * count[..., None, :]) / torch.expm1(log)


def working(dtype: torch.dtype) -> torch.dtype:
    """Sums run in float32 at least: in half precision they overflow and lose what is small."""
    return dtype if dtype in (torch.float32, torch.float64) else torch.float32


@dataclass(frozen=True, kw_only=True, slots=True)
class Tables:
    """Shared by all layers of one forward; b is B, or 1 where every row begins at place 0.

    Attributes:
        dtype: of the sums.
        decay: powers of γ.
        turn: [b, T, 1, Dk/2, 2] cosine and sine of the queries' rotation.
        key_turn: the same times Dk^(−1/2), for keys.
        mass: [b, H, T, 1] Σ_{m ≤ n} γ^(n−m).
        backward_mass: [R, H, width, 1] Σ_{n ≤ m < front} γ^(m−n), where rows are read both ways.
    """

    dtype: torch.dtype
    decay: Decay
    turn: Float[Tensor, "b T 1 half 2"]
    key_turn: Float[Tensor, "b T 1 half 2"]
    mass: Float[Tensor, "b H T 1"]
    backward_mass: Float[Tensor, "R H width 1"] | None


@torch.no_grad()
def tables_of(sizes: RetNetSizes, rows: Rows, dtype: torch.dtype, device: torch.device) -> Tables:
    """The tables of these rows."""
    wide = working(dtype)
    log = log_decays(sizes, device)
    place = torch.arange(rows.width, device=device)[None]
    if rows.start is not None:
        place = place + rows.start[:, None]
    turn, key_turn = turns_at(sizes, place, wide)
    backward = None
    if rows.two_way is not None:
        left = rows.two_way.front[:, None] - torch.arange(rows.two_way.width, device=device)
        backward = mass(log, left.clamp(min=1)).to(wide)[..., None]
    return Tables(
        dtype=wide,
        decay=Decay(log.to(wide)),
        turn=turn[:, :, None],
        key_turn=key_turn[:, :, None],
        mass=mass(log, place + 1).to(wide)[..., None],
        backward_mass=backward,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class StepTables:
    """The same for one new position of each row.

    Attributes:
        dtype: of the sums.
        gamma: [H, 1, 1].
        turns: [B, 2, 1, Dk/2, 2] rotation of the query and of the key.
        mass: [B, H, 1].
    """

    dtype: torch.dtype
    gamma: Float[Tensor, "H 1 1"]
    turns: Float[Tensor, "B 2 1 half 2"]
    mass: Float[Tensor, "B H 1"]


@torch.no_grad()
def step_tables_of(sizes: RetNetSizes, lengths: Int[Tensor, "B"], dtype: torch.dtype) -> StepTables:
    """The tables of a step after rows of these lengths."""
    log = log_decays(sizes, lengths.device)
    turns = turns_at(sizes, lengths[:, None], working(dtype))
    return StepTables(
        dtype=working(dtype),
        gamma=log.to(working(dtype)).exp()[:, None, None],
        turns=torch.stack(turns, dim=1),
        mass=mass(log, lengths[:, None] + 1).to(working(dtype)),
    )


def turns_at(sizes: RetNetSizes, place: Int[Tensor, "*places"], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Rotations [*places, Dk/2, 2] of queries and keys."""
    phase = place[..., None].to(dtype) * angles(sizes, place.device).to(dtype)
    turn = torch.stack((phase.cos(), phase.sin()), dim=-1)
    return turn, turn * sizes.key_width**-0.5


def rotated(x: Float[Tensor, "*rows Dk"], turn: Float[Tensor, "*tables half 2"]) -> Float[Tensor, "*rows Dk"]:
    """Neighbouring pairs (x[2i], x[2i + 1]) rotated by their place (eq. 3; xPos without its scale)."""
    pairs = x.unflatten(-1, (-1, 2))
    if torch.compiler.is_compiling():  # the compiler fuses this and has no code for complex numbers
        (a, b), (cos, sin) = pairs.unbind(-1), turn.unbind(-1)
        return torch.stack((a * cos - b * sin, b * cos + a * sin), dim=-1).flatten(-2)
    return torch.view_as_real(torch.view_as_complex(pairs) * torch.view_as_complex(turn)).flatten(-2)


def normalised(
    sums: Float[Tensor, "*rows Dv_plus_1"], mass: Float[Tensor, "*#rows 1"], eps: float
) -> Float[Tensor, "*rows Dv"]:
    """Scaled sums of a head; the last column of `sums` is z."""
    r = sums[..., :-1]
    z = sums[..., -1:].detach()
    square = torch.linalg.vector_norm(r, dim=-1, keepdim=True).square()
    floor = torch.maximum(mass, z.square())
    return r * torch.rsqrt(torch.add(square / r.shape[-1], floor, alpha=eps))
