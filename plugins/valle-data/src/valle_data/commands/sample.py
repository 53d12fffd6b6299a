"""`valle data sample`: some utterances of a dataset to listen to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valle_core.assemble.schema import CODEC_SCHEMA
from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What is sampled.

    Attributes:
        data: dataset made by `valle prepare`
        out: folder for the audio files and the page
        number: number of utterances to decode
        seed: random seed of the choice of utterances
        device: torch device to run the codec on: auto, cpu or cuda
    """

    data: Path
    out: Path
    number: int = 8
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.number < 1:
            raise UserError(f"number must be at least 1, got {self.number}")


SCHEMA = Schema(CODEC_SCHEMA.slots, (Section("sample", Options, flat=True, help="Options", positional=("data",)),))


def sample(context: CommandContext) -> CommandResult:
    """Decode some utterances, and write a page with audio players, texts and spectrograms, all in one file.

    The codec is the dataset's, unless --codec is given.
    """
    from valle_core.assemble.device import choose_device
    from valle_core.data.dataset import open_dataset
    from valle_core.registry.hooks import SPEAKING, open_observers
    from valle_data.listening import choose, write_samples
    from valle_data.stored_codec import codec_of

    own: Options = context.options("sample")
    dataset = open_dataset(own.data)
    ids = choose(dataset, own.number, own.seed)
    device = choose_device(own.device)
    codec = codec_of(dataset, context.resolved, context.registry, device)
    observers = open_observers(context.registry, of=SPEAKING)
    page, samples = write_samples(dataset, ids, codec, own.out, device=device, observers=observers)
    lines = [*(f"{one.wav}: {one.row.id}" for one in samples), f"listen: {page}"]
    facts = {"page": str(page), "samples": [one.to_json() for one in samples]}
    return CommandResult(text="\n".join(lines), facts=facts)
