"""`valle data stats`: what a dataset holds, in numbers and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section

if TYPE_CHECKING:
    from valle_data.statistics import Statistics

_SHOWN = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What is counted.

    Attributes:
        data: dataset made by `valle prepare`
        out: folder for plots (PNG) of the statistics
    """

    data: Path
    out: Path | None = None


SCHEMA = Schema(sections=(Section("stats", Options, flat=True, help="Options", positional=("data",)),))


def stats(context: CommandContext) -> CommandResult:
    """Show hours, speakers, durations, languages and phoneme counts of a dataset."""
    from valle_core.data.dataset import open_dataset
    from valle_data.statistics import statistics

    own: Options = context.options("stats")
    dataset = open_dataset(own.data)
    with context.progress("utterance") as bar:
        found = statistics(dataset, bar.move)
    figures: list[Path] = []
    if own.out is not None:
        from valle_data.dataset_figures import draw_statistics

        figures = draw_statistics(found, own.out)
    lines = [*shown(found), *(f"figure      {path}" for path in figures)]
    facts = {**found.to_json(), "figures": [str(path) for path in figures]}
    return CommandResult(text="\n".join(lines), facts=facts)


def shown(found: Statistics) -> Iterator[str]:
    """The numbers for a person, the largest shares first."""
    quantiles = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in found.quantiles().items())
    yield f"storage     {found.storage}"
    yield f"codec       {found.codec}"
    yield f"utterances  {found.utterances}, {found.held_out} of them held out"
    yield f"audio       {found.seconds / 3600:.3f} h ({found.seconds:.1f} s)"
    yield f"seconds     {quantiles}"
    for title, shares in (("speakers", found.speakers), ("languages", found.languages), ("tones", found.tones)):
        if title == "tones" and not shares:
            continue
        named = [f"{name} ({share.utterances}, {share.seconds / 60:.1f} min)" for name, share in shares.items()]
        yield f"{title:<12}{len(shares)}: {_some(named)}"
    counted = [f"{one if one.strip() else repr(one)} {count}" for one, count in found.phonemes.items()]
    yield f"phonemes    {len(counted)}: {_some(counted)}"


def _some(words: list[str]) -> str:
    rest = f", … ({len(words) - _SHOWN} more; --json has all)" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + rest
