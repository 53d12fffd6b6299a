"""`valle data convert`: the same dataset in another storage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section
from valle_core.data.options import StorageName
from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What and where to.

    Attributes:
        data: dataset made by `valle prepare`
        out: folder for the new dataset
        storage: storage format of the new dataset
        shard_size: utterances per shard
    """

    data: Path
    out: Path
    storage: StorageName
    shard_size: int = 512

    def __post_init__(self) -> None:
        if self.shard_size < 1:
            raise UserError(f"shard_size must be at least 1, got {self.shard_size}")


SCHEMA = Schema(sections=(Section("convert", Options, flat=True, help="Options", positional=("data",)),))


def convert(context: CommandContext) -> CommandResult:
    """Convert a dataset to another storage format: equal codes, texts, order, split, symbols and codec identity.

    Every record is checked on the way. The new folder appears when it is complete; an interrupted command leaves none.
    """
    from valle_data.preparation.convert import convert as convert_dataset

    own: Options = context.options("convert")
    with context.progress("utterance") as bar:
        made = convert_dataset(own.data, own.out, storage=own.storage, shard_size=own.shard_size, progress=bar.move)
    facts = {"out": str(own.out), "storage": made.storage, "utterances": made.utterances, "seconds": made.seconds}
    return CommandResult(text=f"{own.out}: {made.utterances} utterances as {made.storage}", facts=facts)
