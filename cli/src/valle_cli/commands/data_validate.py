"""`valle data validate`: everything that is wrong with a dataset, one line each."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from valle_cli.compose import epilog
from valle_cli.progress import StepBar

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(epilog=epilog(["valle data validate data", "valle data validate data --json"]))
def validate(
    data: Annotated[Path, typer.Argument(help="folder that `valle prepare` made", show_default=False)],
    *,
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress bar")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the problems as JSON")] = False,
) -> None:
    """Read all of a dataset and check every code range, length, hash and count.

    Exit code 0: nothing is wrong. 1: each problem is a line that begins with the utterance's id. 2: it is no dataset,
    or half-written.
    """
    from valle_core.data.dataset import open_dataset
    from valle_data.validation import problems

    dataset = open_dataset(data)
    with StepBar(0, shown=not (quiet or as_json), unit="utterance") as bar:
        found = list(problems(dataset, bar.move))
    if as_json:
        facts = {"utterances": len(dataset), "problems": [dataclasses.asdict(problem) for problem in found]}
        typer.echo(json.dumps(facts, ensure_ascii=False))
    else:
        for problem in found:
            typer.echo(problem)
        typer.echo(
            f"{len(dataset)} utterances, {len(found)} problems" if found else f"{len(dataset)} utterances, all well"
        )
    if found:
        raise typer.Exit(1)
