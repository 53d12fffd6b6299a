"""`valle data list`: the utterances of a dataset, one line each."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from valle_cli.compose import epilog
from valle_core.plugin import UserError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(epilog=epilog(["valle data list data --limit 20", "valle data list data --speaker anna --json"]))
def list_utterances(
    data: Annotated[Path, typer.Argument(help="folder that `valle prepare` made", show_default=False)],
    *,
    speaker: Annotated[str | None, typer.Option(help="only this speaker's")] = None,
    language: Annotated[str | None, typer.Option(help="only those in this language")] = None,
    tone: Annotated[str | None, typer.Option(help="only those with this tone label")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="at most so many")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the index lines as a JSON list")] = False,
) -> None:
    """List utterances in the order of their ids: id, speaker, language, seconds, text, with tabs between.

    Where the dataset has tone labels, the tone stands before the text. Line ends in ids are written `\\n`.
    """
    from valle_core.data.dataset import open_dataset

    dataset = open_dataset(data)
    if speaker is not None and speaker not in dataset.speakers():
        raise UserError(f"nobody in '{data}' is called '{speaker}'. See the names: valle data stats {data}")
    if language is not None and language not in dataset.languages:
        raise UserError(f"nothing in '{data}' is in '{language}'. It has {', '.join(dataset.languages)}")
    tones, _ = dataset.toned()
    if tone is not None and tone not in tones:
        raise UserError(f"nothing in '{data}' has the tone '{tone}'. It has {', '.join(tones) or 'no tones'}")
    rows = (
        row
        for row in dataset.rows()
        if speaker in (None, row.speaker) and language in (None, row.language) and tone in (None, row.tone)
    )
    chosen = islice(rows, limit)
    if as_json:
        typer.echo(json.dumps([row.to_json() for row in chosen], ensure_ascii=False))
        return
    for row in chosen:
        fields = [
            row.id,
            row.speaker,
            row.language,
            f"{row.seconds:.2f}",
            *([row.tone or ""] if tones else []),
            row.text,
        ]
        typer.echo("\t".join(_one_line(field) for field in fields))


def _one_line(field: str) -> str:
    return field.replace("\t", "\\t").replace("\r", "\\r").replace("\n", "\\n")
