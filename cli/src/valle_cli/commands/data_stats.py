"""`valle data stats`: what a dataset holds, in numbers and pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from valle_cli.compose import epilog
from valle_cli.progress import StepBar

if TYPE_CHECKING:
    from valle_data.statistics import Statistics

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_SHOWN = 10


@app.command(epilog=epilog(["valle data stats data", "valle data stats data --out figures --json"]))
def stats(
    data: Annotated[Path, typer.Argument(help="folder that `valle prepare` made", show_default=False)],
    *,
    out: Annotated[Path | None, typer.Option(help="folder for pictures (PNG) of each figure")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress bar")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print all numbers as JSON")] = False,
) -> None:
    """Show hours, speakers, durations, languages and phoneme counts of a dataset."""
    from valle_core.data.dataset import open_dataset
    from valle_data.statistics import statistics

    dataset = open_dataset(data)
    with StepBar(0, shown=not (quiet or as_json), unit="utterance") as bar:
        found = statistics(dataset, bar.move)
    figures: list[Path] = []
    if out is not None:
        from valle_data.dataset_figures import draw_statistics

        figures = draw_statistics(found, out)
    if as_json:
        typer.echo(json.dumps({**found.to_json(), "figures": [str(path) for path in figures]}, ensure_ascii=False))
        return
    show(found)
    for path in figures:
        typer.echo(f"figure      {path}")


def show(found: Statistics) -> None:
    """The numbers for a person, the largest shares first."""
    quantiles = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in found.quantiles().items())
    typer.echo(f"storage     {found.storage}")
    typer.echo(f"codec       {found.codec}")
    typer.echo(f"utterances  {found.utterances}, {found.held_out} of them held out")
    typer.echo(f"audio       {found.seconds / 3600:.3f} h ({found.seconds:.1f} s)")
    typer.echo(f"seconds     {quantiles}")
    for title, shares in (("speakers", found.speakers), ("languages", found.languages), ("tones", found.tones)):
        if title == "tones" and not shares:
            continue
        named = [f"{name} ({share.utterances}, {share.seconds / 60:.1f} min)" for name, share in shares.items()]
        typer.echo(f"{title:<12}{len(shares)}: {_some(named)}")
    counted = [f"{one if one.strip() else repr(one)} {count}" for one, count in found.phonemes.items()]
    typer.echo(f"phonemes    {len(counted)}: {_some(counted)}")


def _some(words: list[str]) -> str:
    rest = f", … ({len(words) - _SHOWN} more; --json has all)" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + rest
