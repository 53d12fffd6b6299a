"""From a trained checkpoint to one whose ternary weights take two bits each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import yaml

from valle_bitnet.bitlinear import BitLinear
from valle_bitnet.packed import PackedBitLinear, weights_nbytes
from valle_bitnet.plugin import PACKED
from valle_bitnet.rewrite_options import BitLinearOptions
from valle_bitnet.rewrites import build_packed
from valle_core.api import PluginIdentity, Registry, RunFolder, UserError, load_model, save_checkpoint


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """What was done.

    Attributes:
        path: the new checkpoint.
        layers: linear layers that were packed.
        before, after: bytes of the backbone's weights.
        linear_before, linear_after: bytes of those layers alone.
    """

    path: Path
    layers: int
    before: int
    after: int
    linear_before: int
    linear_after: int


def pack_checkpoint(model: Path, out: Path) -> Packed:
    """Write the packed checkpoint under `out`, a run folder of one checkpoint that equals the other in what it says.

    Raises:
        UserError: no checkpoint, a plugin it needs is missing, or it has no ternary layer.
    """
    loaded = load_model(model, Registry.open(), device=torch.device("cpu"))
    backbone: Any = loaded.model.backbone
    ternary = [part for part in backbone.modules() if type(part) is BitLinear]
    if not ternary:
        raise UserError(
            f"{model} has no ternary layer to pack. Train with --arch bitnet, or with --rewrite bitlinear on any other"
        )
    before, linear_before = weights_nbytes(backbone), sum(weights_nbytes(part) for part in ternary)
    # Only what is ternary already: whatever else is linear was left out on purpose.
    packed = build_packed(BitLinearOptions(skip=("*",))).apply(backbone)
    loaded.model.backbone = packed
    config = yaml.safe_load((loaded.path / "model.yaml").read_text(encoding="utf-8"))
    config["rewrite"] = chain(config.get("rewrite") or [])
    ours = PluginIdentity(
        kind="rewrite",
        name=PACKED.name,
        distribution="valle-bitnet",
        version=version("valle-bitnet"),
        api=PACKED.api,
    )
    manifest = replace(loaded.manifest, plugins=(*loaded.manifest.plugins, ours))
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=120)
    path = save_checkpoint(RunFolder(out), manifest, text, {"model": loaded.model.state_dict()}, keep=0)
    layers = [part for part in packed.modules() if isinstance(part, PackedBitLinear)]
    return Packed(
        path=path,
        layers=len(layers),
        before=before,
        after=weights_nbytes(packed),
        linear_before=linear_before,
        linear_after=sum(weights_nbytes(part) for part in layers),
    )


def chain(rewrites: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The checkpoint's rewrites, and behind them the packing of what is ternary by then."""
    return [*rewrites, {"name": PACKED.name, "skip": ["*"]}]
