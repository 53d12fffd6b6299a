"""`valle corpus`: the synthetic corpus as a command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from valle_core.plugin import UserError
from valle_corpus.engines.known import ENGINES, engine_row
from valle_corpus.plan import CorpusPlan
from valle_corpus.sentences.wordnet import examples
from valle_corpus.writing import write_corpus

app = typer.Typer(add_completion=False)


@app.command()
def corpus(
    out: Annotated[Path, typer.Option(help="Empty or new folder, or one that the same command began.")],
    engine: Annotated[str, typer.Option(help=f"Who speaks: {', '.join(row.name for row in ENGINES)}.")] = "espeak",
    voices: Annotated[int, typer.Option(min=1, help="Training speakers.")] = 20,
    utterances: Annotated[int, typer.Option(min=1, help="Sentences of each training speaker.")] = 20,
    held_out_voices: Annotated[int, typer.Option(min=0, help="Speakers training never hears.")] = 4,
    held_out_utterances: Annotated[int, typer.Option(min=0, help="Sentences of each of them.")] = 5,
    languages: Annotated[str, typer.Option(help="Comma-separated, of en, fr, de, es.")] = "en",
    minutes: Annotated[float, typer.Option(min=0, help="Stop a group after about so much audio; 0: no bound.")] = 0.0,
    sample_rate: Annotated[int, typer.Option(min=0, max=48000, help="Hz; 0: the engine's own.")] = 0,
    seed: Annotated[int, typer.Option(help="Equal options and seed give equal bytes.")] = 0,
    workers: Annotated[int, typer.Option(min=1)] = 2,
    speaker: Annotated[
        list[str] | None, typer.Option(help="A voice of the engine, e.g. en-us+f2; repeatable, with --script.")
    ] = None,
    script: Annotated[Path | None, typer.Option(help="Say each line of this file, every speaker.")] = None,
    held_out_script: Annotated[Path | None, typer.Option(help="The same for the group held-out.")] = None,
    texts: Annotated[Path | None, typer.Option(help="Deal the lines of this file to the speakers, each once.")] = None,
    wordnet: Annotated[Path | None, typer.Option(help="Deal the examples of WordNet: the folder of data.*.")] = None,
    styles: Annotated[Path | None, typer.Option(help="kokoro: folder of its style files *.bin.")] = None,
) -> None:
    """Speak a corpus of many voices: OUT/{train,held-out}/SPEAKER/*.wav, .txt and .json with times, and tables.

    Voices and sentences are drawn from built-in lists, or named with --speaker and --script. Interrupted, the same
    command goes on.
    """
    if sample_rate and sample_rate < 8000:
        raise UserError(f"--sample-rate must be 0 or in [8000, 48000], got {sample_rate}")
    if texts and wordnet:
        raise UserError("give --texts or --wordnet, not both")
    row = engine_row(engine)
    given = {name: str(value) for name, value in {"styles": styles}.items() if value is not None}
    if strange := [name for name in given if name not in row.options]:
        raise UserError(f"engine '{engine}' takes no --{strange[0]}")
    plan = CorpusPlan(
        engine=engine,
        options=given or None,
        texts=tuple(examples(wordnet)) if wordnet else read_script(texts),
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
