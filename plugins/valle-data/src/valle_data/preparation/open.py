"""From a configuration to a preparation that is ready to run, of speech or of noise."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from valle_core.assemble.device import choose_device
from valle_core.config.schema import Resolved
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_data.preparation.components import PreparationComponents, open_codec, open_components
from valle_data.preparation.noise import noise_equipment
from valle_data.preparation.noise_options import NoiseOptions
from valle_data.preparation.options import NOT_GIVEN, PrepareOptions
from valle_data.preparation.prepare import prepare_share
from valle_data.preparation.ranks import Ranks, ShareReport, find_device, find_ranks
from valle_data.preparation.report import PrepareReport
from valle_data.preparation.share import Share
from valle_data.preparation.work import Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class Preparation:
    """Everything a preparation needs.

    Attributes:
        options: what is prepared, and how.
        equipment: codec and frontend.
        ranks: which part of the work is this process's.
    """

    options: PrepareOptions
    components: PreparationComponents
    ranks: Ranks

    def run(self, progress: Progress | None = None) -> PrepareReport | ShareReport:
        """Do this process's share; whoever does the last one finishes the dataset."""
        return prepare_share(self.options, self.components, self.ranks, progress=progress)


def open_preparation(
    resolved: Resolved, registry: Registry, share: Share, environment: Mapping[str, str]
) -> Preparation:
    """What `PREPARE_SCHEMA` or `NOISE_SCHEMA` describes.

    Raises:
        UserError: no recordings or no folder for the result are named, a plugin is missing or does not run on the
            device, or the ranks do not fit.
    """
    options: PrepareOptions | NoiseOptions = resolved.sections["prepare"]
    noise = isinstance(options, NoiseOptions)
    command, what = ("prepare-noise", "noise") if noise else ("prepare", "dataset")
    out = "noise" if noise else "data"
    if not share.folder and options.source is NOT_GIVEN:
        raise UserError(f"no folder of recordings given; name it: valle {command} FOLDER --out {out}")
    if options.out is NOT_GIVEN:
        raise UserError(f"no folder for the {what} given; name it: --out {out}")
    options = dataclasses.replace(options, source=Path(share.folder) if share.folder else options.source)
    ranks = find_ranks(share.rank, share.world_size, environment)
    device = choose_device(find_device(share.device, environment))
    if isinstance(options, PrepareOptions):
        return Preparation(options=options, components=open_components(resolved, registry, device), ranks=ranks)
    codec, plugin, stored = open_codec(resolved, registry, device)
    components = noise_equipment(codec, plugins=(plugin,), codec_options=stored, device=device)
    return Preparation(options=options.preparation(), components=components, ranks=ranks)
