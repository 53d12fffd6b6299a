"""Retention in its parallel, chunkwise and recurrent forms (Sun et al. 2023, arXiv 2307.08621, eq. 5–7).

All forms give the same unnormalised sums  r_n = Σ_{m ≤ n} γ^(n−m) (q_n · k_m) v_m  and may start from a state
S = Σ_m γ^(start−1−m) k_mᵀ v_m  of what came before. Decays appear only as powers of non-negative distances, so nothing
overflows, and what underflows is forgotten. A key of zeros is not there: that is how padding stays out.

Dk width of keys · Dv width of values
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F


class Decay:
    """Powers of each head's γ, of which the square ones are kept for the layers that follow.

    Attributes:
        log: [H] log γ.
    """

    log: Float[Tensor, "H"]

    def __init__(self, log: Float[Tensor, "H"]) -> None:
        self.log = log
        self._within: dict[int, Tensor] = {}

    def power(self, exponents: Int[Tensor, "*rows T"]) -> Float[Tensor, "*rows H T"]:
        """γ to these non-negative exponents."""
        return (self.log[:, None] * exponents[..., None, :]).exp()

    def within(self, T: int) -> Float[Tensor, "H T T"]:
        """γ^(n−m) for m ≤ n, else 0: the matrix D of eq. 5."""
        if T not in self._within:
            place = torch.arange(T, device=self.log.device)
            distance = (place[:, None] - place).clamp(min=0)
            self._within[T] = (self.log[:, None, None] * distance).exp_().tril_()
        return self._within[T]


Form = Callable[[Tensor, Tensor, Tensor, Decay, Tensor | None], Tensor]
"""(q [B, H, T, Dk], k [B, H, T, Dk], v [B, H, T, Dv], decay, state [B, H, Dk, Dv] or None) → sums [B, H, T, Dv]."""


def parallel(
    q: Float[Tensor, "B H T Dk"],
    k: Float[Tensor, "B H T Dk"],
    v: Float[Tensor, "B H T Dv"],
    decay: Decay,
    state: Float[Tensor, "B H Dk Dv"] | None = None,
) -> Float[Tensor, "B H T Dv"]:
    """Eq. 5: all pairs at once."""
    T = q.shape[2]
    sums = (q @ k.mT).mul_(decay.within(T)) @ v
    if state is not None:
        sums = sums + (q * decay.power(torch.arange(1, T + 1, device=q.device))[..., None]) @ state
    return sums


def recurrent(
    q: Float[Tensor, "B H T Dk"],
    k: Float[Tensor, "B H T Dk"],
    v: Float[Tensor, "B H T Dv"],
    decay: Decay,
    state: Float[Tensor, "B H Dk Dv"] | None = None,
) -> Float[Tensor, "B H T Dv"]:
    """Eq. 6: one position after the other."""
    gamma = decay.log.exp()[:, None, None]
    held = torch.zeros((), dtype=v.dtype, device=v.device) if state is None else state
    sums = []
    for n in range(q.shape[2]):
        held = gamma * held + k[:, :, n, :, None] * v[:, :, n, None, :]
        sums.append(q[:, :, n : n + 1] @ held)
    return torch.cat(sums, dim=2) if sums else torch.zeros_like(v)


def chunkwise(chunk: int) -> Form:
    """Eq. 7 in chunks of this many positions."""

    def form(q: Tensor, k: Tensor, v: Tensor, decay: Decay, state: Tensor | None = None) -> Tensor:
        T = q.shape[2]
        if chunk >= T:
            return parallel(q, k, v, decay, state)
        n = -(-T // chunk)
        if n * chunk > T:
            q, k, v = (F.pad(part, (0, 0, 0, n * chunk - T)) for part in (q, k, v))
        q, k, v = (part.unflatten(2, (n, chunk)) for part in (q, k, v))
        place = torch.arange(chunk, device=q.device)
        sums = (q @ k.mT).mul_(decay.within(chunk)[:, None]) @ v  # [B, H, n, chunk, Dv]
        added = (k * decay.power(chunk - 1 - place)[:, None, :, None]).mT @ v  # [B, H, n, Dk, Dv]
        states = _states_before(added, decay, chunk, state)
        sums = torch.add(sums, (q * decay.power(place + 1)[:, None, :, None]) @ states)
        return sums.flatten(2, 3)[:, :, :T]

    return form


def _states_before(
    added: Float[Tensor, "B H n Dk Dv"], decay: Decay, chunk: int, state: Float[Tensor, "B H Dk Dv"] | None
) -> Float[Tensor, "B H n Dk Dv"]:
    """State before each chunk, from what each chunk adds to the state at its own end.

    Again a retention, whose positions are chunks and whose decay is γ^chunk; one product instead of a loop.
    """
    n = added.shape[2]
    order = torch.arange(n, device=added.device)
    since = (order[:, None] - 1 - order).clamp(min=0) * chunk
    across = (decay.log[:, None, None] * since).exp().tril(-1)  # [H, n, n]
    states = (across @ added.flatten(3)).view_as(added)
    if state is not None:
        states = states + decay.power(order * chunk)[..., None, None] * state[:, :, None]
    return states


def state_after(
    k: Float[Tensor, "B H T Dk"],
    v: Float[Tensor, "B H T Dv"],
    decay: Decay,
    new: Int[Tensor, "B"] | None,
    state: Float[Tensor, "B H Dk Dv"],
) -> Float[Tensor, "B H Dk Dv"]:
    """The state after the first `new` positions of each row, all of them for None."""
    T = k.shape[2]
    left = torch.full((1, 1), T, device=k.device) if new is None else new[:, None]
    ahead = left - 1 - torch.arange(T, device=k.device)  # [B, T]
    weights = decay.power(ahead.clamp(min=0)) * (ahead >= 0)[:, None]  # [B, H, T]
    return (k * weights[..., None]).mT @ v + decay.power(left)[..., None] * state


def form_named(name: str, chunk: int) -> Form:
    """The form of the option `form`; "auto" is the chunkwise one, which is the parallel one for short rows."""
    return {"parallel": parallel, "recurrent": recurrent}.get(name) or chunkwise(chunk)
