"""Speech on standard output while it is made: a wav file whose length nobody knows yet."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from valle.streaming import SpeechChunk
from valle_core.command import CommandContext, CommandResult
from valle_core.plugin import UserError
from valle_core.synthesis.request import Request

if TYPE_CHECKING:
    from valle_cli.commands.synth import Options

_UNKNOWN = 0xFFFFFFFF
"""The length players take for "until the end" (RIFF has no other way to say it)."""

UNFOLLOWED = ("text_file", "input", "replace", "input_text", "span", "out", "spectrogram", "duration")
"""Options of `valle synth` that need the whole speech, another sound to work on, or a file."""
_LEAVE_OUT = "--stream writes the speech of one text to standard output; leave --{} out"


def piped(context: CommandContext, own: Options) -> CommandResult:
    """`valle synth --stream`. Raises `UserError` for a terminal, and for options that need the whole speech."""
    from valle_cli.commands.synth import opened

    refuse_the_rest(own, json=context.json)
    if sys.stdout.isatty():
        raise UserError("--stream writes sound to standard output; send it to a player, as in: valle synth … | aplay")
    followed = own.prompt or (Path(own.voice) if own.voice else None)
    speaker = opened(context, own, [Request(text=own.text, prompt=followed)])
    chunks = speaker.stream(
        own.text,
        prompt=own.prompt,
        voice=own.voice,
        prompt_text=own.prompt_text,
        language=own.language,
        seed=own.seed,
        phonemes=own.phonemes,
        split=own.split,
        pause=own.pause,
        max_letters=own.max_letters,
        max_seconds=own.max_duration,
    )
    with half_the_threads():
        seconds = write_stream(chunks, speaker.sample_rate, sys.stdout.buffer)
    context.note(f"{seconds:.2f} s of speech")
    return CommandResult(text="", facts={})


@contextmanager
def half_the_threads() -> Iterator[None]:
    """PyTorch works with half its threads, since level 0 and the windows go on at once.

    On two cores the first chunk came after 0.14 to 0.18 s so, and after 0.20 to 0.33 s with two threads for each.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before // 2))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def refuse_the_rest(own: Options, *, json: bool) -> None:
    """Raises `UserError` for the first option that a stream would not follow."""
    for name in UNFOLLOWED:
        if getattr(own, name) != getattr(type(own)(), name):
            raise UserError(_LEAVE_OUT.format(name.replace("_", "-")))
    if json:
        raise UserError(_LEAVE_OUT.format("json"))


def write_stream(chunks: Iterable[SpeechChunk], rate: int, out: BinaryIO) -> float:
    """Seconds of speech that were written, as 16-bit mono."""
    out.write(header(rate))
    samples = 0
    for chunk in chunks:
        out.write((chunk.samples.clip(-1, 1) * 32767).round().astype("<i2").tobytes())
        out.flush()
        samples += len(chunk.samples)
    return samples / rate


def header(rate: int) -> bytes:
    """The 44 bytes before the samples."""
    about = struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)
    return b"RIFF" + struct.pack("<I", _UNKNOWN) + b"WAVEfmt " + about + b"data" + struct.pack("<I", _UNKNOWN)
