"""Small batches for the suite of backbones, and what each of their rows gives when it is alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_core.interfaces import Backbone
from valle_core.types import SequenceMask
from valle_testing.watch import seeded

Build = Callable[..., Backbone]
"""Makes a small backbone (rows of 24 positions must fit) on the device to test; may use dropout. It is float32, or
float64 where states are rounded inside: there a difference in the last place may become a whole step.
Keywords are options to change, for checks of what an option does:
`lambda **changes: build(Options(**SMALL | changes), attention=RuleKernel())`.
"""

TOLERANCE = 1e-5
"""Largest difference of finished float32 states."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Right-padded rows; what lies behind a row's length is noise.

    Attributes:
        x: [B, T, D].
        lengths: [B].
        prefix: [B], 0 for causal rows, the length for full ones.
        positions: [B, T].
        condition: [B, D].
    """

    x: Float[Tensor, "B T D"]
    lengths: Int[Tensor, "B"]
    prefix: Int[Tensor, "B"]
    positions: Int[Tensor, "B T"]
    condition: Float[Tensor, "B D"]

    @property
    def mask(self) -> SequenceMask:
        """The mask without any promise."""
        return SequenceMask(lengths=self.lengths, prefix=self.prefix, query_start=torch.zeros_like(self.lengths))


def ready(build: Build, *, training: bool = False) -> Backbone:
    """A fresh backbone with reproducible weights."""
    with seeded(0):
        backbone = build()
    assert isinstance(backbone, nn.Module), "a backbone is also a torch.nn.Module"
    return backbone.train(training)


def device_of(backbone: Backbone) -> torch.device:
    """Where its parameters are."""
    assert isinstance(backbone, nn.Module)
    return next(backbone.parameters()).device


def dtype_of(backbone: Backbone) -> torch.dtype:
    """What its parameters are in."""
    assert isinstance(backbone, nn.Module)
    return next(backbone.parameters()).dtype


def batch(backbone: Backbone, lengths: list[int], prefix: list[int] | None = None, *, T: int | None = None) -> Batch:
    """Noise of these lengths in the backbone's dtype; causal rows unless `prefix` says otherwise."""
    B, T = len(lengths), max(lengths) if T is None else T
    device, dtype = device_of(backbone), dtype_of(backbone)
    random = torch.Generator().manual_seed(B * 101 + T)
    return Batch(
        x=torch.randn(B, T, backbone.d_model, generator=random).to(device, dtype),
        lengths=torch.tensor(lengths, device=device),
        prefix=torch.tensor(prefix or [0] * B, device=device),
        positions=torch.arange(T, device=device).expand(B, T),
        condition=torch.randn(B, backbone.d_model, generator=random).to(device, dtype),
    )


def finished(backbone: Backbone, rows: Batch, mask: SequenceMask | None = None, **how) -> Float[Tensor, "B T D"]:
    """Finished states of a batch."""
    out = backbone(rows.x, rows.mask if mask is None else mask, rows.positions, condition=rows.condition, **how)
    return backbone.finish(out.h)


def alone(backbone: Backbone, rows: Batch, b: int, length: int | None = None) -> Float[Tensor, "T D"]:
    """Finished states of row b cut to its length, run by itself without padding or cache."""
    n = int(rows.lengths[b]) if length is None else length
    prefix = min(int(rows.prefix[b]), n)
    size, front = rows.lengths.new_tensor([n]), rows.lengths.new_tensor([prefix])
    mask = SequenceMask(
        lengths=size,
        prefix=front,
        query_start=torch.zeros_like(size),
        form="causal" if prefix == 0 else "full" if prefix == n else "mixed",
        padded=False,
    )
    out = backbone(rows.x[b : b + 1, :n], mask, rows.positions[b : b + 1, :n], condition=rows.condition[b : b + 1])
    return backbone.finish(out.h)[0]


def weighed(states: Float[Tensor, "*B T D"]) -> Float[Tensor, ""]:
    """A loss whose gradient is of order one everywhere; the sum of squares of normed states has hardly any."""
    T, D = states.shape[-2:]
    place = torch.arange(T, device=states.device)[:, None] * 1.3 + torch.arange(D, device=states.device) * 2.1
    return (states * place.cos().to(states.dtype)).sum()


def close(found: Tensor, wanted: Tensor, what: str, tolerance: float = TOLERANCE) -> None:
    """Raises `AssertionError` with the largest difference."""
    assert found.shape == wanted.shape, f"{what}: shape {tuple(found.shape)}, expected {tuple(wanted.shape)}"
    if found.numel():
        worst = (found - wanted).abs().max().item()
        assert worst <= tolerance, f"{what}: differs by {worst:.2g}, allowed is {tolerance:.0e}"
