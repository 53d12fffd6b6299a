"""Files in and out of `valle synth`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from valle_core.audio.spectrogram import draw
from valle_core.audio.wav import load, write
from valle_core.plugin import UserError
from valle_core.synthesis.request import Speech


def read_lines(text: str, text_file: Path | None) -> list[str]:
    """The texts to say. Raises `UserError` when none or both are given, or the file cannot be read."""
    if text and text_file:
        raise UserError("both a text and --text-file are given; give one")
    if text_file is None:
        return [text]
    try:
        lines = [line.strip() for line in text_file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--text-file {text_file} cannot be read ({error}); give a UTF-8 text file") from None
    if not lines:
        raise UserError(f"--text-file {text_file} holds no text; write one line per sentence")
    return lines


def targets(out: Path, count: int) -> list[Path]:
    """One path per text; refused before any work when nothing can be written there."""
    if not out.parent.is_dir():
        raise UserError(f"--out {out}: there is no folder {out.parent}; make it first")
    if count == 1:
        return [out]
    return [out.with_name(f"{out.stem}-{index + 1}{out.suffix}") for index in range(count)]


def write_all(paths: Sequence[Path], speeches: Sequence[Speech], prompt: Path | None, picture: Path | None) -> None:
    """Write every answer and, if asked for, the picture of prompt and answers."""
    for path, speech in zip(paths, speeches, strict=True):
        write(path, speech.wav.numpy(), speech.sample_rate)
    if picture is None:
        return
    rate = speeches[0].sample_rate
    shown = {} if prompt is None else {f"prompt: {prompt.name}": load(prompt, rate)}
    shown |= {path.name: speech.wav.numpy() for path, speech in zip(paths, speeches, strict=True)}
    draw(picture, shown, rate)
