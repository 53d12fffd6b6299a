"""A plugin in one file: after `pip install examples/one_file_plugin`, `--sampler cooling` is there for everyone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from valle_core.plugin import PluginSpec, UserError

if TYPE_CHECKING:  # the spec is read without torch
    from torch import Tensor

    from valle_core.interfaces import SamplerView

SPEC = PluginSpec(kind="sampler", name="cooling", api=1, summary="Begins bold and grows calm",
                  factory="acme_cooling:build", options="acme_cooling:Cooling",
                  capabilities=frozenset({"processor"}))  # fmt: skip


@dataclass(frozen=True)
class Cooling:
    """The temperature falls from `first` to `last`, by half every `frames` tokens."""

    first: float = 1.2
    last: float = 0.7
    frames: float = 50

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0.01 <= value <= 1000:
                raise UserError(f"cooling's {name} must be in [0.01, 1000], got {value}")

    def process(self, logits: Tensor, view: SamplerView) -> Tensor:  # [B, V]
        left = 0.5 ** (view.lengths[:, None] / self.frames)  # [B, 1]
        return logits / (self.last + (self.first - self.last) * left).to(logits)


def build(options: Cooling) -> Cooling:
    return options  # the options are the sampler
