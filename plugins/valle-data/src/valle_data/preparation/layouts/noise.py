"""`noise`: recordings without text in folders of any depth, whose folder is their label; long ones in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from valle_core.audio.wav import opened
from valle_core.plugin import UserError
from valle_data.preparation.layouts.layout import Found
from valle_data.preparation.layouts.walking import walk
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.recordings import Recording

LOOKS_FOR = "recordings in folders of any depth"
NO_LANGUAGE = "und"
"""Language tag of recordings that say nothing (ISO 639: undetermined)."""

UNLABELLED = "noise"
"""Label of recordings that lie in no folder."""


def matches(source: Path) -> bool:
    """Any folder."""
    return source.is_dir()


def find(source: Path, options: PrepareOptions) -> Found:
    """A piece is an utterance, a label a speaker; a piece has at most `options.max_seconds`."""
    found = Found()
    for folder in walk(source, found):
        for stem, name in folder.audio:
            path, id = folder.path / name, folder.id(stem)
            for start, end in _pieces(path, options.min_seconds, options.max_seconds):
                found.recordings.append(
                    Recording(
                        id=id if start is None else f"{id}-{round(1000 * start):08d}",
                        speaker=folder.relative or UNLABELLED,
                        audio=path,
                        wordless=True,
                        language=NO_LANGUAGE,
                        start=start,
                        end=end,
                    )
                )
    return found


def _pieces(path: Path, shortest: float, longest: float) -> Iterator[tuple[float | None, float | None]]:
    """Start and end of each piece in seconds, by the header; of a file in one piece, or of none, (None, None)."""
    try:
        with opened(path) as file:
            seconds = file.frames / file.samplerate
    except UserError:  # whoever reads it says why
        seconds = 0.0
    if not longest < seconds < 1e7:  # more is promised by who did not know
        yield None, None
        return
    cuts = [longest * number for number in range(int(seconds / longest) + 1)]
    if seconds - cuts[-1] < shortest:
        cuts[-1] = seconds - 1.01 * shortest
    yield from zip(cuts, [*cuts[1:], seconds], strict=True)
