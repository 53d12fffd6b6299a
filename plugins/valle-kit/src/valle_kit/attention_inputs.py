"""What every attention kernel refuses, with one wording: the part "does not fit together" of `AttentionKernel`."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.types import PackedMask, SequenceMask


def check_inputs(
    name: str,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: SequenceMask | PackedMask,
    *,
    takes: frozenset[str] | None = None,
    dtypes: Collection[torch.dtype] = (),
    widest: int | None = None,
) -> None:
    """Raises `UserError` for what the kernel cannot take. Reads no values, so a GPU waits for nothing.

    Args:
        name: of the kernel, for the messages.
        q: queries [B, H, Tq, Dh].
        k: keys [B, Hk, Tk, Dh].
        v: values [B, Hk, Tk, Dh].
        mask: who sees whom.
        takes: capabilities that the kernel declares; None for one that takes every form.
        dtypes: those it computes in; empty for any.
        widest: largest Dh, or None for any.
    """
    check_fit(q, k, v, mask, name=name)
    if takes is not None and (lacks := forms_of(mask) - takes):
        raise UserError(f"attention '{name}' does not take {', '.join(sorted(lacks))} masks. Try: --attention eager")
    if dtypes and q.dtype not in dtypes:
        known = ", ".join(_name(dtype) for dtype in dtypes)
        raise UserError(f"attention '{name}' runs in {known}, got {_name(q.dtype)}. Try: --attention eager")
    if widest is not None and q.shape[3] > widest:
        raise UserError(f"attention '{name}': head width must be in [1, {widest}], got {q.shape[3]}")


def check_fit(q: Tensor, k: Tensor, v: Tensor, mask: SequenceMask | PackedMask, *, name: str = "") -> None:
    """Raises `UserError` for shapes, dtypes, devices and masks that do not fit together, whatever the kernel."""
    who = f"attention '{name}'" if name else "attention"
    if not q.ndim == k.ndim == v.ndim == 4:
        raise UserError(f"{who}: q, k and v must have 4 dimensions, got {q.ndim}, {k.ndim} and {v.ndim}")
    B, H, _, Dh = q.shape
    keys = k.shape
    if keys != v.shape or keys[0] != B or keys[3] != Dh:
        shapes = " and ".join(str(list(x.shape)) for x in (q, k, v))
        raise UserError(f"{who}: q [B, H, Tq, Dh], k and v [B, Hk, Tk, Dh] do not fit: {shapes}")
    if not Dh:
        raise UserError(f"{who}: head width must be at least 1, got 0")
    Hk = keys[1]
    if not Hk or H % Hk:
        raise UserError(f"{who}: {Hk} key heads do not divide {H} query heads; choose n_kv_heads accordingly")
    if not q.dtype == k.dtype == v.dtype:
        raise UserError(
            f"{who}: q, k and v must have one dtype, got {_name(q.dtype)}, {_name(k.dtype)}, {_name(v.dtype)}"
        )
    tensors = _check_packed(who, q, k, mask) if isinstance(mask, PackedMask) else _check_rows(who, q, mask)
    device = q.device
    for x in (k, v, *tensors):
        if x.device != device:
            raise UserError(f"{who}: q, k, v and the mask must be on one device, got {device} and {x.device}")


def forms_of(mask: SequenceMask | PackedMask) -> frozenset[str]:
    """Capabilities that a mask takes, beyond those every kernel owes; "prefix" is not seen without reading values."""
    if isinstance(mask, PackedMask):
        return frozenset({"packed"})
    if mask.form != "mixed" and mask.window is None and mask.tree is None:
        return frozenset()
    used = {"mixed": mask.form == "mixed", "window": mask.window is not None, "tree": mask.tree is not None}
    return frozenset(word for word, is_used in used.items() if is_used)


def _check_packed(who: str, q: Tensor, k: Tensor, mask: PackedMask) -> tuple[Tensor, ...]:
    """The mask's tensors."""
    if q.shape[0] != 1:
        raise UserError(f"{who}: the mask is of 1 rows, q of {q.shape[0]}")
    if q.shape[2] != k.shape[2]:
        raise UserError(f"{who}: packed queries and keys must be as many, got {q.shape[2]} and {k.shape[2]}")
    if mask.offsets.ndim != 1 or mask.prefix.shape != (mask.offsets.shape[0] - 1,):
        shapes = f"{list(mask.offsets.shape)} and {list(mask.prefix.shape)}"
        raise UserError(f"{who}: offsets [S + 1] and prefix [S] of a packed mask do not fit: {shapes}")
    return mask.offsets, mask.prefix


def _check_rows(who: str, q: Tensor, mask: SequenceMask) -> tuple[Tensor, ...]:
    """The mask's tensors."""
    tensors = mask.lengths, mask.prefix, mask.query_start
    B = q.shape[0]
    for x in tensors:
        if x.shape != (B,):
            rows = x.shape[0] if x.ndim == 1 else list(x.shape)
            raise UserError(f"{who}: the mask is of {rows} rows, q of {B}")
    if mask.window is not None and mask.window < 1:
        raise UserError(f"{who}: window must be at least 1, got {mask.window}")
    if mask.tree is not None and mask.tree.shape != (B, q.shape[2]):
        raise UserError(f"{who}: tree must be [B, Tq] = [{B}, {q.shape[2]}], got {list(mask.tree.shape)}")
    return tensors


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
