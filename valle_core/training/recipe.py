"""The names and options from which any process builds the same rows: this a data worker receives, nothing live."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from valle_core.assemble.part import build
from valle_core.assemble.schema import CODEC_SCHEMA
from valle_core.assemble.stored_codec import open_stored_codec
from valle_core.config.schema import Part, Resolved
from valle_core.data.dataset import Dataset, open_dataset
from valle_core.data.pool import TrainingPool
from valle_core.data.storage import Mixes, Noise
from valle_core.interfaces import Codec
from valle_core.registry.directory import service
from valle_core.registry.registry import Registry
from valle_core.training.config import DataOptions
from valle_core.training.rows import RowMaker, RowSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class RowRecipe:
    """What rows are made of.

    Attributes:
        data: the dataset and what was given beside it.
        tasks: drawn from as the settings weigh them.
        codec: the one named for the run, or None for the dataset's as it was built then.
        settings: how rows are sampled and laid out.
        safe: whether only first-party plugins are on.
    """

    data: DataOptions
    tasks: tuple[Part, ...]
    codec: Part | None
    settings: RowSettings
    safe: bool = False

    def open(self, registry: Registry | None = None, dataset: Dataset | None = None) -> RowMaker:
        """Build it all, but the codec only when a task first mixes sounds; it runs on the CPU.

        Args:
            registry: where names are looked up; this machine's unless given.
            dataset: already opened.

        Raises:
            UserError: anything of it is missing, or does not fit.
        """
        registry = registry or Registry.open(safe=self.safe)
        tasks = [build(registry.select("task", part.name), part.options) for part in self.tasks]
        dataset = dataset or open_dataset(Path(self.data.path), part="train")
        return RowMaker(self._pool(registry, dataset), tasks, self.settings)

    def _pool(self, registry: Registry, dataset: Dataset) -> TrainingPool:
        noise: Noise | None = None
        if self.data.noise:
            open_noise = service("noise", f"--data.noise '{self.data.noise}' names a set of noise")
            noise = open_noise(Path(self.data.noise), dataset.codec, dataset.path)

        def open_codec() -> Codec:
            named = Resolved(parts={"codec": (self.codec,) if self.codec else ()}, sections={}, schema=CODEC_SCHEMA)
            return open_stored_codec(
                named,
                registry,
                dataset.codec,
                dataset.manifest.codec_options,
                device=torch.device("cpu"),
                what=f"dataset '{dataset.path}' holds codes of",
            )

        def open_mixer() -> Mixes:
            folder = Path(self.data.mixes) if self.data.mixes else dataset.path / "mixes"
            mixer = service("mixer", "a task mixes sounds")
            return mixer(dataset.codec, open_codec, folder, int(self.data.mixes_gb * 1e9))

        return TrainingPool(dataset, noise=noise, open_mixer=open_mixer)
