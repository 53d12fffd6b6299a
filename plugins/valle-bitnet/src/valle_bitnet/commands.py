"""`valle pack-bitnet`: a checkpoint with two bits per ternary weight."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valle_core.api import CommandContext, CommandResult, Schema, Section
from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class PackOptions:
    """What is packed.

    Attributes:
        model: run or checkpoint trained with --rewrite bitlinear or --arch bitnet
        out: new folder for the packed checkpoint
    """

    model: Path
    out: Path


SCHEMA = Schema(sections=(Section("pack", PackOptions, flat=True, help="Options", positional=("model",)),))


def pack_bitnet(context: CommandContext) -> CommandResult:
    """Copy a checkpoint with its ternary weights packed into two bits each.

    It gives the same output, and is for synthesis. Other weights (embeddings, heads, norms) stay as they are.
    """
    from valle_bitnet.packing import pack_checkpoint

    own: PackOptions = context.options("pack")
    if own.out.exists() and any(own.out.iterdir()):
        raise UserError(f"{own.out} is not empty; choose another --out")
    done = pack_checkpoint(own.model, own.out)
    text = (
        f"{done.path}: {done.layers} linear layers packed; backbone {_size(done.before)} → {_size(done.after)}, "
        f"of these layers {_size(done.linear_before)} → {_size(done.linear_after)}"
    )
    facts = {"out": str(done.path), "layers": done.layers, "bytes_before": done.before, "bytes_after": done.after}
    return CommandResult(text=text, facts=facts)


def _size(nbytes: int) -> str:
    return f"{nbytes / 1e6:.2f} MB"
