"""`valle train-tokenizer`: a tokenizer from transcripts, as a command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from valle_text.options import TextOptions
from valle_text.training import texts_of, train_tokenizer, write_tokenizer

app = typer.Typer(add_completion=False)


@app.command()
def train(
    source: Annotated[Path, typer.Argument(help="dataset, folder of recordings with .txt, LJSpeech, or a text file")],
    out: Annotated[Path, typer.Option(help="tokenizer file to write")],
    size: Annotated[int, typer.Option(min=2, help="most tokens, the letters included")] = 500,
    language: Annotated[str, typer.Option(help="of texts that do not say theirs; for numbers")] = "en",
    lowercase: Annotated[bool, typer.Option(help="as the frontend will be told")] = True,
    normalise: Annotated[bool, typer.Option(help="as the frontend will be told")] = True,
) -> None:
    """Train a byte-pair tokenizer on transcripts: valle prepare … --frontend text --frontend.tokenizer FILE."""
    options = TextOptions(lowercase=lowercase, normalise=normalise)
    content, count = train_tokenizer(texts_of(source, language), size=size, options=options)
    write_tokenizer(out, content)
    typer.echo(f"wrote {out}: {count} tokens")


if __name__ == "__main__":
    app()
