"""`valle bench codec`: every codec, beside the package it replaces, equal codes and sound first."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from valle_bench.commands.measured import BenchOptions, answer, facts_of, numbers, own_options
from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError

if TYPE_CHECKING:
    from valle_bench.codec.settings import Settings

PACKAGES = ("torch", "transformers", "encodec", "vocos", "descript-audio-codec", "pesq", "pystoi")
QUICK: dict[str, Any] = {
    "seconds": (1.0,), "batch": 2, "stream_seconds": 1.5, "push_seconds": (0.2,), "memory_seconds": 0.0, "repeats": 2,
    "cell_seconds": 10.0, "clips": 2,
}  # fmt: skip
"""Settings of `--quick`: a second of sound, two recordings and no peak memory."""

CORPUS = (
    "--voices", "1", "--utterances", "1", "--held-out-voices", "6", "--held-out-utterances", "2",
    "--languages", "en,en,en,fr,de,es", "--sample-rate", "24000",
)  # fmt: skip
"""The synthetic held-out set that is made where `--speech` names none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options(BenchOptions):
    """What is measured.

    Attributes:
        codec: codec to measure; may be repeated; left out: all
        quick: short audio and no peak memory, for a first look
        seconds: durations of the timed audio in seconds, separated by commas, e.g. 2,10
        batch: batch size to measure besides single rows; 1: single rows only
        long_seconds: duration of the long file in seconds; 0: no long file
        set: option of one codec, CODEC.OPTION=VALUE; may be repeated
        speech: folder of recordings to compute PESQ and STOI on, e.g. CORPUS/held-out; left out: synthesized speech
        clips: number of recordings to compute PESQ and STOI on; 0: skip both
        out: folder to write codec.json, codec.md and codec.png to
    """

    codec: tuple[str, ...] = ()
    seconds: str | None = None
    batch: int | None = None
    long_seconds: float | None = None
    speech: Path | None = None
    clips: int | None = None

    def __post_init__(self) -> None:
        BenchOptions.__post_init__(self)
        for name, least in (("batch", 1), ("long_seconds", 0), ("clips", 0)):
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise UserError(f"{name} must be at least {least}, got {value}")
        if self.speech is not None and not self.speech.is_dir():
            raise UserError(f"--speech {self.speech} is not a folder. Name one with recordings, e.g. CORPUS/held-out")


SCHEMA = Schema(sections=(Section("codec", Options, flat=True, help="Options"),))


def codec(context: CommandContext) -> CommandResult:
    """Measure encoding, decoding, streaming, memory and quality of every codec, and of the package it replaces.

    A ratio is shown only where Match says yes: on the same weights the reference gives the same codes, or the same
    sound. A codec whose weights are not here runs on random ones and says so. What would take too long is left out
    and named.
    """
    from valle_bench.candidates import candidates_of
    from valle_bench.codec.plot import draw
    from valle_bench.codec.run import run
    from valle_bench.codec.settings import Candidate
    from valle_bench.codec.tables import TITLE, CodecReport
    from valle_core.assemble.device import choose_device

    own: Options = context.options("codec")
    place = choose_device(own.device)
    chosen = settings(own, str(place), safe=context.registry.safe)
    codecs, left_out = candidates_of(context.registry, "codec", own.codec, place.type)
    extra = own_options(own.set, codecs, "codec")
    facts = facts_of(own, place, PACKAGES, left_out)
    for name, text in ((one, text) for one in codecs for text in context.registry.select("codec", one).spec.advisories):
        context.note(f"codec '{name}': {text}")
    with held_out(own.speech, context, wanted=chosen.clips > 0) as (folder, facts["quality"]):
        chosen = replace(chosen, speech=str(folder) if folder else "")
        with context.progress("measured") as bar:
            measured = run([Candidate(codec=name, options=extra.get(name, {})) for name in codecs], chosen, bar.move)
    report = CodecReport(measured=measured, settings=replace(chosen, speech=facts["quality"]), facts=facts)
    return answer(report, facts, own.out and own.out / "codec.png", lambda picture: draw(picture, TITLE, measured))


def settings(own: Options, device: str, *, safe: bool) -> Settings:
    """Sizes and limits. Raises `UserError` for `--seconds` that is no list of them."""
    from valle_bench.codec.settings import Settings

    given = {name: getattr(own, name) for name in ("batch", "long_seconds", "clips", "cell_seconds")}
    if own.seconds is not None:
        expected = "--seconds: expected seconds from 0.1 to 3600 with commas between, e.g. --seconds 2,10"
        given["seconds"] = numbers(own.seconds, 0.1, 3600, expected, float)
    chosen = Settings(device=device, safe=safe, **(QUICK if own.quick else {}))
    return replace(chosen, **{name: value for name, value in given.items() if value is not None})


@contextmanager
def held_out(speech: Path | None, context: CommandContext, *, wanted: bool) -> Iterator[tuple[Path | None, str]]:
    """The folder of recordings and what it holds; a synthetic held-out set is made where none is named."""
    missing = [package for package in ("pesq", "pystoi") if find_spec(package) is None]
    if not wanted:
        yield None, "not measured"
    elif missing:
        yield None, f"not measured: {' and '.join(missing)} missing. Install with: pip install pystoi pesq"
    elif speech is not None:
        yield speech, f"recordings under {speech}"
    elif not any(entry.name == "corpus" and entry.status == "ok" for entry in context.registry.entries("command")):
        hint = "no speech to measure on: give --speech, or valle plugins install 'valle-corpus[espeak]'"
        yield None, f"not measured: {hint}"
    else:
        with tempfile.TemporaryDirectory() as folder:
            if context.command("corpus", "--out", Path(folder) / "corpus", *CORPUS):
                raise UserError("the speech for PESQ and STOI could not be made. Give --speech FOLDER, or --clips 0")
            yield Path(folder) / "corpus" / "held-out", f"held-out voices of: valle corpus {' '.join(CORPUS)}"
