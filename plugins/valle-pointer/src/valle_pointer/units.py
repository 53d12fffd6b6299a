"""Symbols → units: what a pointer points at, a phoneme with its marks.

A text of N units has N + 2 of them here: one for the silence before it and one for that behind it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

OWN, FORWARD, BACK = 0, 1, 2
"""Takes frames of its own; belongs to the next symbol that does (stress); belongs to the last one (space, length)."""

_STRESS = frozenset("ˈˌ'ˊˋ")
_BACK = frozenset("ːˑʰʱʲʷˠˤⁿˡ˞")


class Units(NamedTuple):
    """The units of a batch of texts; unit 0 is the silence before, unit N + 1 the silence behind.

    Attributes:
        of: [B, P] unit of each symbol; of padding, unit N + 1.
        first: [B, P] whether the symbol is the first of its unit.
        carrier: [B, P] whether the symbol is the one of its unit that names it.
        counts: [B] N.
    """

    of: Int[Tensor, "B P"]
    first: Bool[Tensor, "B P"]
    carrier: Bool[Tensor, "B P"]
    counts: Int[Tensor, "B"]


def kinds_of(symbols: Sequence[str]) -> Int[Tensor, "n"]:
    """`OWN`, `FORWARD` or `BACK` of each symbol of a map."""
    return torch.tensor([_kind(symbol) for symbol in symbols], dtype=torch.long)


def units_of(kinds: Int[Tensor, "B P"], lengths: Int[Tensor, "B"]) -> Units:
    """Groups the symbols of each row.

    A mark without a phoneme to belong to (a space at the very start, a stress at the very end) is a unit of its own.

    Args:
        kinds: of the symbols, right-padded with anything.
        lengths: symbols of each row.
    """
    P = kinds.shape[1]
    valid = torch.arange(P, device=kinds.device) < lengths[:, None]
    before = torch.roll(kinds, 1, dims=1)
    first = (kinds != BACK) & (before != FORWARD)
    first[:, :1] = True
    first = first & valid
    of = first.cumsum(1)
    counts = of[:, -1] if P else lengths
    of = torch.where(valid, of, counts[:, None] + 1)
    own = (kinds == OWN) & valid
    carrier = own | (first & ~own & ~_has_own(own, of))
    return Units(of=of, first=first, carrier=carrier, counts=counts)


def symbol_begins(units: Units, begins: Shaped[Tensor, "B U"]) -> Shaped[Tensor, "B P_plus_1"]:
    """Where each symbol begins and, last, the text ends, by where units begin; of padding, the same as the last.

    A mark behind its phoneme begins where that ends, so that the unit is read back whole.
    """
    seen = units.carrier.long().cumsum(1)  # carriers so far: one per unit, so a unit's symbols behind it count it
    behind = units.of + (~units.first & ~units.carrier & (seen >= units.of)).long()
    return torch.cat([begins.gather(1, behind), begins.gather(1, units.counts[:, None] + 1)], 1)


def _has_own(own: Bool[Tensor, "B P"], of: Int[Tensor, "B P"]) -> Bool[Tensor, "B P"]:
    """Whether the unit of each symbol holds one that takes frames of its own."""
    found = torch.zeros(of.shape[0], of.shape[1] + 2, dtype=torch.long, device=of.device)
    return found.scatter_add(1, of, own.long()).gather(1, of) > 0


def _kind(symbol: str) -> int:
    if symbol in _STRESS:
        return FORWARD
    marks = symbol != "" and all(one in _BACK or unicodedata.combining(one) for one in symbol)
    return BACK if symbol.isspace() or marks else OWN
