"""Softmax attention written out, and comparisons that say what differs, where and by how much."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_testing.suites.attention.cases import Case, Inputs, each, visible

TOLERANCE = {torch.float32: (2e-5, 1e-4), torch.float16: (4e-3, 2e-2), torch.bfloat16: (3e-2, 1e-1)}
"""Largest difference of outputs and of gradients of order one, by dtype."""


def by_the_rule(
    q: Float[Tensor, "B H Tq Dh"],
    k: Float[Tensor, "B Hk Tk Dh"],
    v: Float[Tensor, "B Hk Tk Dh"],
    seen: Bool[Tensor, "B Tq Tk"],
    *,
    scale: float | None,
) -> Float[Tensor, "B H Tq Dh"]:
    """The definition, in the dtype of what is given."""
    k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], dim=1) for x in (k, v))
    scores = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    some = seen.any(-1)[:, None, :, None]
    weights = scores.masked_fill(~seen[:, None] & some, -torch.inf).softmax(-1)
    return torch.where(some, weights @ v, 0.0)


def compare(
    kernel: AttentionKernel, case: Case, inputs: Inputs, *, scale: float | None = None, gradients: bool = True
) -> None:
    """Output and gradients beside those of the rule in float64; output alone where the kernel has no gradients."""
    what = described(case, inputs, scale)
    q, k, v = lent = each(inputs, lambda x: x.detach().requires_grad_(gradients))
    try:
        found = kernel(q, k, v, case.mask, scale=scale)
    except UserError as error:
        if not gradients or not cannot_learn(error):
            raise
        compare(kernel, case, inputs, scale=scale, gradients=False)
        return
    exact = each(inputs, lambda x: x.detach().double().requires_grad_(gradients))
    wanted = by_the_rule(*exact, visible(case), scale=scale)
    out, grad = TOLERANCE[q.dtype]
    close(found, wanted, out, f"{what}: output")
    if not gradients:
        return
    weights = torch.linspace(-1, 1, found.numel(), device=found.device).view_as(found)
    backward(found, weights)
    backward(wanted, weights.double())
    for name, x, y in zip("qkv", lent, exact, strict=True):
        close(x.grad, y.grad, grad, f"{what}: gradient of {name}")


def cannot_learn(error: UserError) -> bool:
    """Whether a kernel refused because it has no gradients on this device, which it says in these words."""
    return "has no backward pass" in str(error)


def described(case: Case, inputs: Inputs, scale: float | None) -> str:
    """A case for a message: its mask, heads, head width, dtype and scale."""
    q, k, _ = inputs
    heads = f"{q.shape[1]} query heads on {k.shape[1]} key heads of width {q.shape[-1]}"
    return f"{case.name} ({heads}, {str(q.dtype).removeprefix('torch.')}, scale {scale})"


def backward(out: Tensor, weights: Tensor) -> None:
    """Gradients of a weighed sum."""
    if out.requires_grad:
        (out * weights.to(out.dtype)).sum().backward()


def close(found: Tensor | None, wanted: Tensor | None, tolerance: float, what: str) -> None:
    """Raises `AssertionError` with the largest difference, where it is, and the range that is allowed there."""
    if found is None or wanted is None:
        raise AssertionError(f"{what} is missing")
    assert found.shape == wanted.shape, f"{what} has shape {tuple(found.shape)}, expected {tuple(wanted.shape)}"
    if not found.numel():
        return
    odd = ~found.isfinite() & wanted.isfinite()
    if bool(odd.any()):
        first = tuple(odd.nonzero()[0].tolist())
        raise AssertionError(f"{what} is {found[first].item()} in {int(odd.sum())} places, first at {place(first)}")
    allowed = tolerance * wanted.double().abs().clamp(min=1.0)
    difference = (found.double() - wanted.double()).abs()
    worst = int((difference / allowed).argmax())
    at = tuple(int(x) for x in torch.unravel_index(torch.tensor(worst), difference.shape))
    bound, right = allowed[at].item(), wanted[at].item()
    assert difference[at].item() <= bound, (
        f"{what} differs by {difference[at].item():.2g} at {place(at)}: it is {found[at].item():.6g}, "
        f"allowed is {right - bound:.6g} … {right + bound:.6g}"
    )


def place(at: tuple[int, ...]) -> str:
    """`row 0, head 1, position 5, entry 3`."""
    names = ("row", "head", "position", "entry")
    return ", ".join(f"{name} {index}" for name, index in zip(names, at, strict=False))
