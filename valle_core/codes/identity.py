"""Which codec made a sequence of codes: compared before anything is mixed, stored with datasets and checkpoints."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import torch
from torch import Tensor

from valle_core.plugin import UserError
from valle_core.types import CodecIdentity

_LARGEST = 1 << 24
"""Of any number of an identity: ample, and small enough that a table of that many rows is no attack."""


def hash_tensors(tensors: Mapping[str, Tensor]) -> str:
    """First 16 hex digits of the SHA-256 over names (sorted), dtypes, shapes and bytes."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


def describe(identity: CodecIdentity) -> str:
    """One phrase for messages."""
    return (
        f"'{identity.name}' ({identity.sample_rate} Hz, hop {identity.hop}, {identity.num_levels} × "
        f"{identity.codebook_size} codes, weights {identity.weights_hash})"
    )


def require_same(found: CodecIdentity, wanted: CodecIdentity, what: str) -> None:
    """Raises `UserError` naming both codecs unless the codes mean the same.

    `what` is the sentence's beginning, e.g. `"dataset 'data/x' holds codes of"`.
    """
    if found == wanted:
        return
    differing = ", ".join(
        field.name for field in fields(CodecIdentity) if getattr(found, field.name) != getattr(wanted, field.name)
    )
    raise UserError(
        f"{what} codec {describe(found)}, not {describe(wanted)}; they differ in {differing}. "
        f"Choose the same codec and weights for both"
    )


def to_dict(identity: CodecIdentity) -> dict[str, str | int]:
    """As it is stored in JSON."""
    return asdict(identity)


def from_dict(stored: Any, where: str) -> CodecIdentity:
    """The inverse of `to_dict`; `where` names the file in the `UserError` for anything else."""
    kinds = {field.name: str if field.name in ("name", "weights_hash") else int for field in fields(CodecIdentity)}
    if not isinstance(stored, Mapping) or set(stored) != set(kinds):
        raise UserError(f"'{where}' does not name a codec completely (needs {', '.join(kinds)}). Make it again")
    for name, kind in kinds.items():
        if type(stored[name]) is not kind:
            raise UserError(f"'{where}': codec field '{name}' must be {kind.__name__}, got {stored[name]!r}")
        if kind is int and not 1 <= stored[name] <= _LARGEST:
            raise UserError(f"'{where}': codec field '{name}' must be in [1, {_LARGEST}], got {stored[name]!r:.80}")
    return CodecIdentity(**stored)
