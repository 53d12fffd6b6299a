"""The part of `valle transcribe` that asks a model with the task `stt`."""

from __future__ import annotations

from pathlib import Path

from valle_core.audio.wav import SUFFIXES
from valle_core.command import CommandContext, CommandResult
from valle_core.config.resolve import resolve
from valle_core.plugin import UserError
from valle_core.registry.hooks import Observers
from valle_core.synthesis.open import open_synthesizer
from valle_core.synthesis.options import SYNTHESIS_SCHEMA
from valle_core.synthesis.request import Request
from valle_data.audio.reading import load
from valle_kit.written_answers import write

TASK = "stt"
_AT_ONCE = 8


def phonemes_of(context: CommandContext, place: str, model: str, device: str) -> CommandResult:
    """The phonemes of a recording, or of all in a folder, one line each.

    Raises:
        UserError: no recording, or a model that was not trained for it.
    """
    recordings = recordings_in(place)
    flags = [("model", model), ("task", TASK), ("device", device), ("sampler", "greedy")]
    requests = [Request(text="", source=path) for path in recordings]
    synthesizer = open_synthesizer(
        resolve(SYNTHESIS_SCHEMA, context.registry, flags=flags),
        context.registry,
        Observers(),
        load_prompt=load,
        asked=requests,
    )
    answers = []
    with context.progress("recording") as bar:
        for start in range(0, len(requests), _AT_ONCE):
            answers += write(synthesizer, requests[start : start + _AT_ONCE])
            bar.move(len(answers), len(requests))
    facts = [
        {"recording": str(path), "phonemes": list(answer.tokens), "stopped": answer.stopped}
        for path, answer in zip(recordings, answers, strict=True)
    ]
    lines = [f"{path}: {answer.text}" for path, answer in zip(recordings, answers, strict=True)]
    return CommandResult(text="\n".join(lines), facts=facts)


def recordings_in(place: str) -> list[Path]:
    """The audio file, or those of a folder, sorted. Raises `UserError` where there is none."""
    if not place:
        raise UserError("no recordings given; name a file or a folder: valle transcribe recordings/ --model RUN")
    path = Path(place)
    if path.is_file():
        return [path]
    found = sorted(one for one in path.rglob("*") if one.suffix.lower() in SUFFIXES)
    if not found:
        raise UserError(f"'{place}' holds no recordings ({', '.join(SUFFIXES)}); name a file or a folder of them")
    return found
