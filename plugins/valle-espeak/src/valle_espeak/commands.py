"""`valle corpus`: the synthetic corpus as a command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from valle_core.plugin import UserError
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
    speaker: Annotated[
        list[str] | None, typer.Option(help="LANGUAGE+VARIANT, e.g. en-us+f2; repeatable, with --script.")
    ] = None,
    script: Annotated[Path | None, typer.Option(help="Say each line of this file, every speaker.")] = None,
    held_out_script: Annotated[Path | None, typer.Option(help="The same for the group held-out.")] = None,
) -> None:
    """Speak a corpus of many voices with espeak-ng: OUT/{train,held-out}/SPEAKER/*.wav, .txt and .json with times.

    Voices and sentences are drawn from built-in lists, or named with --speaker and --script.
    """
    plan = CorpusPlan(
        voices=voices,
        utterances=utterances,
        held_out_voices=held_out_voices,
        held_out_utterances=held_out_utterances,
        languages=tuple(tag.strip() for tag in languages.split(",") if tag.strip()),
        minutes=minutes,
        sample_rate=sample_rate,
        seed=seed,
        speakers=tuple(speaker or ()),
        script=read_script(script),
        held_out_script=read_script(held_out_script),
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


def read_script(path: Path | None) -> tuple[str, ...]:
    """The non-empty lines of a text file. Raises `UserError` when it cannot be read or holds none."""
    if path is None:
        return ()
    try:
        lines = tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"script '{path}' cannot be read ({error}). Give a UTF-8 text file") from error
    if not lines:
        raise UserError(f"script '{path}' holds no sentence. Write one per line")
    return lines


if __name__ == "__main__":
    app()
