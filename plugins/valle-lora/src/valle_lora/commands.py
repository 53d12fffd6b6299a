"""`valle adapter new`, `save` and `apply`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valle_core.api import CommandContext, CommandResult, Schema, Section
from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class NewOptions:
    """What the adapter is of.

    Attributes:
        model: run or checkpoint to begin from
        out: new folder for the model with the adapter
        rank: rank of the update that is added to a matrix
        alpha: what is added counts alpha / rank
        targets: name patterns of the linear layers that get an adapter; all by default
        levels: codebook levels at which the adapter acts, e.g. `0`, `1-7` or `0,2-3`; all by default
        seed: random seed of the first weights
    """

    model: Path
    out: Path
    rank: int = 8
    alpha: float = 16.0
    targets: tuple[str, ...] = ("*",)
    levels: str = ""
    seed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class SaveOptions:
    """What is saved.

    Attributes:
        model: run or checkpoint that was trained
        base: run or checkpoint that it was begun from
        out: folder for the adapter
    """

    model: Path
    base: Path
    out: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplyOptions:
    """What is put together.

    Attributes:
        model: run or checkpoint that the adapters were trained on
        adapter: folder that `valle adapter save` wrote; may be repeated
        scale: how much each adapter counts, in their order; 1 by default
        merge: add them to the weights; without an adapter, those that the model has
        out: new folder for the model
    """

    model: Path
    out: Path
    adapter: tuple[Path, ...] = ()
    scale: tuple[float, ...] = ()
    merge: bool = False

    def __post_init__(self) -> None:
        if self.scale and len(self.scale) != len(self.adapter):
            raise UserError(f"scale must be given once for each adapter ({len(self.adapter)}), got {len(self.scale)}")
        if not (self.adapter or self.merge):
            raise UserError("there is nothing to do: name an adapter with --adapter, or give --merge")


def _schema(options: type) -> Schema:
    return Schema(sections=(Section("adapter_options", options, flat=True, help="Options", positional=("model",)),))


NEW, SAVE, APPLY = _schema(NewOptions), _schema(SaveOptions), _schema(ApplyOptions)


def new(context: CommandContext) -> CommandResult:
    """Copy a trained model with a fresh adapter, which changes nothing until it is trained.

    Train it with `valle train --config OUT/checkpoints/STEP/model.yaml --init-from OUT --train-only '*.lora_*'`.
    """
    from valle_lora.adapters import begin
    from valle_lora.options import LoraOptions

    own: NewOptions = context.options("adapter_options")
    options = LoraOptions(rank=own.rank, alpha=own.alpha, targets=own.targets, levels=own.levels)
    path = begin(own.model, options, own.out, own.seed)
    return CommandResult(
        text=f"{path}: rank {own.rank}, alpha {own.alpha:g}, levels {own.levels or 'all'}", facts={"out": str(path)}
    )


def save(context: CommandContext) -> CommandResult:
    """Save the adapter of a trained model by itself, with other weights that are no longer those of its base."""
    from valle_lora.adapters import save as write

    own: SaveOptions = context.options("adapter_options")
    layers, changed = write(own.model, own.base, own.out)
    size = sum(file.stat().st_size for file in own.out.iterdir())
    text = f"{own.out}: adapters of {layers} layers, {changed} other tensors, {size / 1e6:.2f} MB"
    return CommandResult(text=text, facts={"out": str(own.out), "layers": layers, "changed": changed, "bytes": size})


def apply(context: CommandContext) -> CommandResult:
    """Put saved adapters on the model they were trained on: one or several, each as much as you like, merged or not."""
    from valle_lora.adapters import put_on

    own: ApplyOptions = context.options("adapter_options")
    scales = own.scale or (1.0,) * len(own.adapter)
    path = put_on(own.model, own.adapter, scales, own.out, merge=own.merge)
    what = f"{len(own.adapter)} adapters{', merged' if own.merge else ''}"
    return CommandResult(text=f"{path}: {what}", facts={"out": str(path), "adapters": len(own.adapter)})
