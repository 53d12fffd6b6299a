"""Files in and out of `valle synth`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from valle.speech import Speech
from valle_core.audio.wav import WRITABLE
from valle_core.plugin import UserError
from valle_data.audio.reading import load
from valle_data.audio.spectrogram import draw


def read_lines(text: str, text_file: Path | None) -> dict[int, str]:
    """Number of a line, from 1 → what to say; lines without text are counted and left out.

    Raises `UserError` when none or both are given, or the file cannot be read.
    """
    if text and text_file:
        raise UserError("both a text and --text-file are given; give one")
    if text_file is None:
        return {1: text}
    try:
        lines = text_file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"--text-file {text_file} cannot be read ({why}); give an existing UTF-8 text file") from None
    texts = {number: line.strip() for number, line in enumerate(lines, 1) if line.strip()}
    if not texts:
        raise UserError(f"--text-file {text_file} holds no text; write one line per sentence")
    return texts


def targets(out: Path, count: int, picture: Path | None = None) -> list[Path]:
    """One path per text; refused before any work when nothing can be written there or to `picture`."""
    if out.suffix.lower() not in WRITABLE:
        raise UserError(f"--out {out}: cannot write audio with this ending; choose one of {', '.join(WRITABLE)}")
    if picture is not None and picture.suffix.lower() != ".png":
        raise UserError(f"--spectrogram {picture}: the picture is a PNG; let its name end in .png")
    for option, path in (("--out", out), ("--spectrogram", picture)):
        if path is None:
            continue
        if not path.parent.is_dir():
            raise UserError(f"{option} {path}: there is no folder {path.parent}; make it first")
        if path.is_dir():
            raise UserError(f"{option} {path}: is a folder; name a file in it")
        if not os.access(path.parent, os.W_OK):
            raise UserError(f"{option} {path}: the folder {path.parent} cannot be written to; choose another")
    if count == 1:
        return [out]
    return [out.with_name(f"{out.stem}-{index + 1}{out.suffix}") for index in range(count)]


def write_all(paths: Sequence[Path], speeches: Sequence[Speech], prompt: Path | None, picture: Path | None) -> None:
    """Write every answer and, if asked for, the picture of prompt and answers."""
    for path, speech in zip(paths, speeches, strict=True):
        speech.save(path)
    if picture is None:
        return
    rate = speeches[0].sample_rate
    shown = {} if prompt is None else {f"prompt: {prompt.name}": load(prompt, rate)}
    shown |= {path.name: speech.samples for path, speech in zip(paths, speeches, strict=True)}
    draw(picture, shown, rate)
