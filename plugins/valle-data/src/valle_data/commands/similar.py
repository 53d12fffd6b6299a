"""`valle data similar`: the index of each utterance's most similar ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from valle_core.assemble.schema import CODEC_SCHEMA
from valle_core.command import CommandContext, Outcome
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How utterances are compared.

    Attributes:
        data: dataset made by `valle prepare`
        by: similarity measure: quantised codec frames, or speaker embeddings of the decoded audio
        neighbours: number of similar utterances to keep for each utterance
        across: compare utterances of different speakers, too (kept as a separate index)
        device: torch device to run the codec on: auto, cpu or cuda
    """

    data: Path
    by: Literal["codec", "speaker"] = "codec"
    neighbours: int = 16
    across: bool = False
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.neighbours < 1:
            raise UserError(f"neighbours must be at least 1, got {self.neighbours}")


SCHEMA = Schema(CODEC_SCHEMA.slots, (Section("similar", Options, flat=True, help="Options", positional=("data",)),))


def similar(context: CommandContext) -> Outcome:
    """Index the most similar utterances of each, for prompts: `valle train --task tts --task.prompt similar`.

    The index lies inside the dataset. Make it again after `valle prepare` has changed the dataset.
    The codec is the dataset's, unless --codec is given.
    """
    from valle_core.assemble.device import choose_device
    from valle_core.data.dataset import open_dataset
    from valle_data.similar import make_similar
    from valle_data.stored_codec import codec_of

    own: Options = context.options("similar")
    dataset = open_dataset(own.data)
    codec = codec_of(dataset, context.resolved, context.registry, choose_device(own.device))
    with context.progress("utterance") as bar:
        return make_similar(dataset, codec, by=own.by, neighbours=own.neighbours, across=own.across, progress=bar.move)
