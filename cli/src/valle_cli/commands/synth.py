"""`valle synth`: speaks a text in the voice of a prompt."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from valle_cli.compose import Composed, Setup
from valle_core.synthesis.options import SYNTHESIS_SCHEMA

EXAMPLES = (
    'valle synth "the boat sails tonight" --prompt voice.wav --model runs/first --out speech.wav',
    'valle synth "the boat sails tonight" --model runs/first --sampler top_k --sampler.k 20 --sampler sample --seed 3',
    "valle synth --text-file lines.txt --prompt voice.wav --model runs/first --out speech.wav --spectrogram speech.png",
)


def synth(
    setup: Setup,
    *,
    text: Annotated[str, typer.Argument(help="what to say", show_default=False)] = "",
    text_file: Annotated[
        Path | None, typer.Option(help="say each line of this file, as one batch; line k with seed + k - 1")
    ] = None,
    prompt: Annotated[Path | None, typer.Option(help="recording of the voice; none: the model chooses")] = None,
    prompt_text: Annotated[str, typer.Option(help="what the prompt says (for --task tts-c)")] = "",
    language: Annotated[str | None, typer.Option(help="tag, e.g. en-us, or auto; default: the model's first")] = None,
    phonemes: Annotated[bool, typer.Option("--phonemes", help="the text is phonemes (IPA), not words")] = False,
    out: Annotated[Path, typer.Option(help="wav, flac or ogg to write; several lines get -1, -2, …")] = Path("out.wav"),
    spectrogram: Annotated[Path | None, typer.Option(help="PNG of the prompt and the speech side by side")] = None,
    split: Annotated[
        Literal["sentences", "none"], typer.Option(help="long text: a sentence at a time, joined; or none")
    ] = "sentences",
    pause: Annotated[float, typer.Option(help="seconds between two sentences")] = 0.25,
    max_letters: Annotated[int, typer.Option(help="of a piece; longer sentences are cut at their clauses")] = 200,
    seed: Annotated[int, typer.Option(help="of every draw; equal seeds give equal speech")] = 0,
    max_duration: Annotated[float, typer.Option(help="seconds at which a sentence is cut off, and said to be")] = 20.0,
    as_json: Annotated[bool, typer.Option("--json", help="print what was written as JSON")] = False,
) -> None:
    """Speak a text in the voice of a prompt with a trained model."""
    from valle_cli.speech import read_lines, targets, write_all
    from valle_core.registry.hooks import SPEAKING, open_observers
    from valle_core.synthesis.open import open_synthesizer
    from valle_core.synthesis.request import Request
    from valle_data.audio.reading import load
    from valle_language.long_text import Splitting, speak_long, with_language
    from valle_language.phonemic import symbols_of

    splitting = Splitting(by=split, pause=pause, most=max_letters)
    texts = read_lines(text, text_file)
    paths = targets(out, len(texts), spectrogram)
    observers = open_observers(setup.registry, of=SPEAKING)
    synthesizer = open_synthesizer(setup.resolved, setup.registry, observers, read_text=symbols_of, load_prompt=load)
    requests = [
        Request(
            text=line,
            prompt=prompt,
            prompt_text=prompt_text,
            language=language,
            seed=seed + number - 1,
            max_seconds=max_duration,
            phonemes=phonemes,
        )
        for number, line in texts.items()
    ]
    languages = synthesizer.voice.languages
    tagged = [with_language(request, languages) for request in requests]
    requests = [request for request, _ in tagged]
    for note in dict.fromkeys(note for _, note in tagged if note):
        print(f"note: {note}", file=sys.stderr)
    speeches = speak_long(synthesizer, requests, splitting, languages)
    write_all(paths, speeches, prompt, spectrogram)
    timing = synthesizer.timing
    assert timing is not None
    for request, speech in zip(requests, speeches, strict=True):
        for line in speech.notes(request):
            print(f"warning: {line}", file=sys.stderr)
    if as_json:
        rows = [
            {
                "out": str(path),
                "language": request.language or languages[0],
                "line": number,
                "seed": request.seed,
                "seconds": speech.seconds,
                "stopped": speech.stopped,
                "unknown": speech.unknown,
            }
            for number, path, request, speech in zip(texts, paths, requests, speeches, strict=True)
        ]
        typer.echo(json.dumps({"speech": rows, "timing": asdict(timing), "rtf": timing.real_time_factor}))
        return
    for path, speech in zip(paths, speeches, strict=True):
        typer.echo(f"{path}: {speech.seconds:.2f} s")
    typer.echo(
        f"{timing.tokens_per_second:.0f} tokens/s at level 0, real-time factor {timing.real_time_factor:.2f} "
        f"(below 1 is faster than real time)"
    )


app = Composed(SYNTHESIS_SCHEMA, synth, examples=EXAMPLES)
