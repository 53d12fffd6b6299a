"""Finding noise recordings and turning one into pieces of codes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from valle_core.audio.wav import SUFFIXES
from valle_core.interfaces import Codec
from valle_core.plugin import UserError
from valle_data.audio.long_audio import encode_long
from valle_data.audio.pieces import read_pieces
from valle_data.preparation.encoding import encode_all
from valle_data.preparation.layouts.layout import Found
from valle_data.preparation.layouts.walking import walk
from valle_data.preparation.noise_options import NoiseOptions
from valle_data.preparation.recordings import Rejection

UNLABELLED = "noise"
"""Label of recordings that lie in no folder."""

_SILENT = 1e-4  # -80 dB of full scale: nothing that a ratio could be made with
_SHORT_SECONDS = 20.0  # up to here several are encoded at once
_HELD = 4  # times `batch_seconds` of short ones are held, so that batches of like lengths can be made of them


@dataclass(frozen=True, kw_only=True, slots=True)
class NoiseRecording:
    """One audio file.

    Attributes:
        id: its path without the ending, e.g. `street/tram`.
        label: its folder, e.g. `street`.
        audio: the file.
    """

    id: str
    label: str
    audio: Path

    def stamp(self) -> str:
        """Changes when the file does."""
        try:
            state = self.audio.stat()
        except OSError:
            return "-"
        return f"{state.st_size}:{state.st_mtime_ns}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A stretch of a recording.

    Attributes:
        id: the recording's, with `-{start in ms, 8 digits}` where it has several.
        wav: samples at the codec's rate.
    """

    id: str
    wav: np.ndarray


def find_noise(source: Path) -> tuple[list[NoiseRecording], list[Rejection]]:
    """Recordings sorted by id, and what cannot be one: audio of other endings, files whose name another one has, ….

    Raises:
        UserError: the folder does not exist or holds no audio.
    """
    if not source.is_dir():
        raise UserError(f"noise '{source}' is not a folder. Name the folder that holds the recordings")
    recordings: dict[str, NoiseRecording] = {}
    found = Found()
    for folder in walk(source, found):
        for stem, name in folder.audio:
            id, path = folder.id(stem), folder.path / name
            label = folder.relative or UNLABELLED
            first = recordings.setdefault(id, NoiseRecording(id=id, label=label, audio=path))
            if first.audio != path:
                detail = f"'{path}' has the name of '{first.audio}'. Rename one of them"
                found.reject(f"{id}{path.suffix}", "same-name", detail)
    if not recordings:
        raise UserError(f"no recordings in '{source}'. Expected {', '.join(SUFFIXES)} in folders of any depth")
    return [recordings[id] for id in sorted(recordings)], found.rejected


def encode_noise(
    recordings: Sequence[NoiseRecording], options: NoiseOptions, codec: Codec, device: torch.device
) -> list[tuple[NoiseRecording, dict[str, Int[Tensor, "F Q"]], list[Rejection]]]:
    """Of each recording the codes of its pieces by id, and what was left out of it."""
    results = []
    short: list[tuple[dict[str, Tensor], Piece]] = []

    def encode_short() -> None:
        wavs = [piece.wav for _, piece in short]
        encoded = encode_all(codec, wavs, batch_seconds=options.batch_seconds, device=device)
        for (codes, piece), made in zip(short, encoded, strict=True):
            if piece.id in codes:
                codes[piece.id] = made
        short.clear()

    held = 0
    for recording in recordings:
        codes: dict[str, Tensor] = {}
        rejections: list[Rejection] = []
        results.append((recording, codes, rejections))
        try:
            for piece in _pieces(recording, options, codec, rejections):
                if len(piece.wav) > _SHORT_SECONDS * codec.sample_rate:
                    codes[piece.id] = encode_long(codec, torch.from_numpy(piece.wav).to(device)).cpu()
                    continue
                codes[piece.id] = torch.empty(0)  # keeps its place
                if held + len(piece.wav) > _HELD * options.batch_seconds * codec.sample_rate:
                    encode_short()
                    held = 0
                short.append((codes, piece))
                held += len(piece.wav)
        except UserError as error:
            codes.clear()
            rejections[:] = [Rejection(id=recording.id, reason="bad-audio", detail=str(error))]
    encode_short()
    return results


def _pieces(
    recording: NoiseRecording, options: NoiseOptions, codec: Codec, rejections: list[Rejection]
) -> Iterator[Piece]:
    """Its pieces in order; what is too short or silent is noted in `rejections` instead."""
    rate = codec.sample_rate
    size = max(int(options.piece_seconds * codec.frame_rate), 1) * codec.hop
    pieces = read_pieces(recording.audio, rate, piece=size, shortest=int(options.min_seconds * rate))
    begin = [*islice(pieces, 2)]
    for start, wav in chain(begin, pieces):
        id, what = recording.id, f"'{recording.audio}'"
        if len(begin) > 1:
            id, what = f"{id}-{round(1000 * start / rate):08d}", f"{what} from {start / rate:.1f} s on"
        if len(wav) < options.min_seconds * rate:
            detail = f"{what} lasts {len(wav) / rate:.2f} s, less than {options.min_seconds:g} s"
            rejections.append(Rejection(id=id, reason="too-short", detail=detail))
        elif float(np.abs(wav).max()) < _SILENT:
            rejections.append(Rejection(id=id, reason="silent", detail=f"{what} is silent"))
        else:
            yield Piece(id=id, wav=np.ascontiguousarray(wav, np.float32))
