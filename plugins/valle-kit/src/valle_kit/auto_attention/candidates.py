"""The kernels among which `auto` chooses, in the order in which it prefers them, and why others are out."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from valle_core.assemble.part import build
from valle_core.interfaces import AttentionKernel
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_core.types import PackedMask, SequenceMask
from valle_kit.mixed_rows import MixedRows

KIND = "attention"
PREFERRED = {"cpu": ("cpu", "sdpa"), "cuda": ("sdpa",)}
"""By device: what was measured to be the fastest of those at hand, first. The rest follow by name, `eager` last."""

NOT_PREFERRED = ("auto", "default")
"""Itself, and another name of `eager`."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A kernel as a model would wrap it."""

    name: str
    kernel: AttentionKernel


def candidates(device: str, dtype: torch.dtype) -> tuple[list[Candidate], dict[str, str]]:
    """Those that declare device and dtype, the preferred first; and name → why not, of the others."""
    registry = Registry.open()
    found, out = [], {}
    made: dict[tuple[str, str], str] = {}
    kind = str(dtype).removeprefix("torch.")
    for entry in registry.entries(KIND):
        name, spec = entry.name, entry.spec
        if name in NOT_PREFERRED:
            continue
        if entry.status != "ok" or spec is None:
            out[name] = f"is {entry.status}"
        elif spec.devices and device not in spec.devices:
            out[name] = f"does not run on {device}"
        elif spec.dtypes and kind not in spec.dtypes:
            out[name] = f"does not run in {kind}"
        elif same := made.get((spec.factory, spec.options)):
            out[name] = f"is another name of {same}"
        else:
            try:
                selected = registry.select(KIND, name)
                kernel = build(selected, selected.options_type()())
            except UserError as error:
                out[name] = str(error).partition(". Try:")[0]
                continue
            made[spec.factory, spec.options] = name
            found.append(Candidate(name, MixedRows(kernel, spec.capabilities)))
    first = PREFERRED.get(device, ())
    order = {name: place for place, name in enumerate(first)}
    found.sort(key=lambda one: (order.get(one.name, len(order)), one.name == "eager", one.name))
    return found, out


def form_of(mask: SequenceMask | PackedMask) -> str:
    """What of a mask decides: its form, a window, a tree."""
    if isinstance(mask, PackedMask):
        return "packed"
    return mask.form + (" window" if mask.window is not None else "") + (" tree" if mask.tree is not None else "")
