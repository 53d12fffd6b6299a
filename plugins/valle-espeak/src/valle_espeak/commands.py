"""`valle corpus`: the synthetic corpus as a command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from valle_espeak.corpus import CorpusPlan, write_corpus

app = typer.Typer(add_completion=False)


@app.command()
def corpus(
    out: Annotated[Path, typer.Option(help="Empty or new folder.")],
    voices: Annotated[int, typer.Option(min=1, help="Training speakers.")] = 20,
    utterances: Annotated[int, typer.Option(min=1, help="Sentences of each training speaker.")] = 20,
    held_out_voices: Annotated[int, typer.Option(min=0, help="Speakers training never hears.")] = 4,
    held_out_utterances: Annotated[int, typer.Option(min=0, help="Sentences of each of them.")] = 5,
    languages: Annotated[str, typer.Option(help="Comma-separated, of en, fr, de, es.")] = "en",
    minutes: Annotated[float, typer.Option(min=0, help="Stop a group after about so much audio; 0: no bound.")] = 0.0,
    sample_rate: Annotated[int, typer.Option(min=8000, max=48000)] = 22050,
    seed: Annotated[int, typer.Option(help="Equal options and seed give equal bytes.")] = 0,
    workers: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    """Speak a corpus of many voices with espeak-ng: OUT/{train,held-out}/SPEAKER/*.wav, .txt and .json with times."""
    plan = CorpusPlan(
        voices=voices,
        utterances=utterances,
        held_out_voices=held_out_voices,
        held_out_utterances=held_out_utterances,
        languages=tuple(tag.strip() for tag in languages.split(",") if tag.strip()),
        minutes=minutes,
        sample_rate=sample_rate,
        seed=seed,
    )
    with Progress() as bar:
        tasks: dict[str, object] = {}

        def show(group: str, done: int, total: int, seconds: float) -> None:
            if group not in tasks:
                tasks[group] = bar.add_task(group, total=total)
            bar.update(tasks[group], completed=done, description=f"{group} {seconds / 60:.1f} min")  # type: ignore[arg-type]

        seconds = write_corpus(out, plan, workers=workers, progress=show)
    spoken = ", ".join(f"{group} {value / 60:.1f} min" for group, value in seconds.items())
    typer.echo(f"wrote {out}: {spoken}")


if __name__ == "__main__":
    app()
