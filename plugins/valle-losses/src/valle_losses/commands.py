"""`valle drop-layers`: a checkpoint with fewer layers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valle_core.api import CommandContext, CommandResult, Schema, Section
from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class DropOptions:
    """Which layers stay.

    Attributes:
        model: run or checkpoint
        layers: number of layers to keep, evenly spaced from the first to the last
        out: new folder for the smaller checkpoint
    """

    model: Path
    out: Path
    layers: int = 6

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise UserError(f"layers must be at least 1, got {self.layers}")


SCHEMA = Schema(sections=(Section("drop", DropOptions, flat=True, help="Options", positional=("model",)),))


def drop_layers(context: CommandContext) -> CommandResult:
    """Copy a checkpoint with some of its layers, evenly spaced, the first and the last among them.

    What is left speaks badly until it is trained again: `valle train --init-from OUT --loss distill --loss.teacher
    MODEL`.
    """
    from valle_losses.layers import kept_layers, with_layers

    own: DropOptions = context.options("drop")
    if own.out.exists() and any(own.out.iterdir()):
        raise UserError(f"{own.out} is not empty; choose another --out")
    path, before = with_layers(own.model, own.out, own.layers)
    kept = kept_layers(before, own.layers)
    text = f"{path}: layers {', '.join(map(str, kept))} of {before}"
    return CommandResult(text=text, facts={"out": str(path), "layers": list(kept), "before": before})
