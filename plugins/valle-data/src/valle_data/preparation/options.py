"""What `valle prepare` is asked to do, as plain options (imports nothing heavy)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from valle_core.data.options import STORAGES, StorageName
from valle_core.plugin import UserError
from valle_data.preparation.split import SplitOptions

NOT_GIVEN = Path()
"""Default of a folder that has to be named; told by identity, for the current folder (`.`) is equal to it."""

FILTERS = (
    *("min_speech", "silence_db", "trim_silence", "keep_silence", "loudness"),
    *("max_peak", "max_clipped", "min_letters", "max_letters"),
    *("duration_unit", "alignment_shift", "min_match"),
)
"""Options that change which audio is encoded, or its times; a dataset from before one of them has its default."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PrepareOptions:
    """From a folder of recordings to a dataset.

    Attributes:
        source: folder or table of recordings, as FOLDER.
        out: folder of the dataset.
        replace: replace the dataset's utterances of other sources, instead of adding to them.
        layout: layout of the recordings: folders, ljspeech, libritts, vctk, commonvoice, table or lhotse; auto detects
            it.
        recipe: lhotse recipe to read the recordings with, in place of a layout.
        recipe_options: options of the lhotse recipe, e.g. `{mic_id: mic1}`.
        microphone: microphone of VCTK to use.
        tables: tables of Common Voice to read, without `.tsv`; left out: validated.
        language: language tag of transcripts that have none; `auto` detects each speaker's (`auto:en-gb,fr`: among
            these); none: read from the `.json` beside each recording.
        speaker_languages: CSV file of language tags by speaker, one `speaker,language` per line.
        storage: storage format: files (one per utterance), shards (for sequential reading) or hdf5 (one file).
        shard_size: utterances per shard; with hdf5: utterances between two saves.
        min_seconds: leave out recordings shorter than this.
        max_seconds: leave out recordings longer than this.
        min_speech: leave out recordings with fewer seconds of sound that is not silence than this, as `silent`.
        silence_db: silence threshold in dB below the loud parts of a recording, in [5, 90]; below -70 dBFS all is
            silence.
        trim_silence: trim the silence at both ends of a recording.
        keep_silence: seconds of silence to keep when trimming.
        loudness: loudness to normalise recordings to, in LUFS (ITU-R BS.1770-4), without clipping; none: leave it as it
            is.
        max_peak: leave out recordings with a sample above this (full scale is 1), as `out-of-scale`.
        max_clipped: leave out recordings with a larger fraction of clipped samples than this, as `clipped`.
        min_letters: leave out recordings with fewer letters of text per second than this, as `too-slow`.
        max_letters: leave out recordings with more letters of text per second of sound than this, as `too-fast`.
        voice_factors: make more voices: prepare each recording once more, as a speaker of its own, read at one of these
            factors in [0.5, 2], which moves pitch and formants.
        batch_seconds: seconds of audio to encode at once, padding included.
        jobs: number of threads that read and resample.
        phoneme_cache: file to cache phonemes in, shared by datasets and ranks; created if it does not exist.
        held_out_fraction: fraction of each speaker's utterances to hold out from training.
        held_out_groups: groups to hold out from training.
        duration_unit: unit of the durations in a table, in seconds, e.g. 0.025.
        alignment_shift: seconds to add to the phoneme times of a table, in [-1, 1], for a synthesizer whose times lag
            (Kokoro: -0.06).
        min_match: leave out recordings in which --align finds a smaller fraction of the phonemes, as `other-text`.
        repair: check a finished dataset, and repair what is missing or damaged.
    """

    source: Path = NOT_GIVEN
    out: Path = NOT_GIVEN
    replace: bool = False
    layout: str = "auto"
    recipe: str | None = None
    recipe_options: Mapping[str, Any] = field(default_factory=dict)
    microphone: Literal["mic1", "mic2", "all"] = "mic1"
    tables: tuple[str, ...] = ()
    language: str | None = None
    speaker_languages: Path | None = None
    storage: StorageName = "files"
    shard_size: int = 512
    min_seconds: float = 0.3
    max_seconds: float = 30.0
    min_speech: float = 0.1
    silence_db: float = 40.0
    trim_silence: bool = False
    keep_silence: float = 0.1
    loudness: float | None = None
    max_peak: float = 4.0
    max_clipped: float = 0.2
    min_letters: float = 0.3
    max_letters: float = 35.0
    voice_factors: tuple[float, ...] = ()
    batch_seconds: float = 60.0
    jobs: int = 2
    phoneme_cache: Path | None = None
    held_out_fraction: float = 0.02
    held_out_groups: tuple[str, ...] = ("held-out",)
    duration_unit: float = 1.0
    alignment_shift: float = 0.0
    min_match: float = 0.5
    repair: bool = False

    def __post_init__(self) -> None:
        if self.storage not in STORAGES:
            raise UserError(f"storage '{self.storage}' is unknown. Choose one of {', '.join(STORAGES)}")
        for name in ("shard_size", "jobs"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.min_seconds < self.max_seconds:
            raise UserError(f"min_seconds must be in [0, max_seconds), got {self.min_seconds} and {self.max_seconds}")
        if self.batch_seconds <= 0:
            raise UserError(f"batch_seconds must be above 0, got {self.batch_seconds}")
        if not 0 <= self.min_speech <= self.max_seconds:
            raise UserError(f"min_speech must be in [0, max_seconds], got {self.min_speech}")
        if self.keep_silence < 0:
            raise UserError(f"keep_silence must be at least 0, got {self.keep_silence}")
        if not 5 <= self.silence_db <= 90:
            raise UserError(f"silence_db must be in [5, 90], got {self.silence_db}")
        if self.loudness is not None and not -70 < self.loudness <= 0:
            raise UserError(f"loudness must be in (-70, 0] LUFS, got {self.loudness}")
        if self.max_peak < 1:
            raise UserError(f"max_peak must be at least 1, got {self.max_peak}")
        if not 0 < self.max_clipped <= 1:
            raise UserError(f"max_clipped must be in (0, 1], got {self.max_clipped}")
        if not 0 <= self.min_letters < self.max_letters:
            raise UserError(f"min_letters must be in [0, max_letters), got {self.min_letters} and {self.max_letters}")
        if not 0 < self.duration_unit <= 60:
            raise UserError(f"duration_unit must be in (0, 60] seconds, got {self.duration_unit}")
        if not -1 <= self.alignment_shift <= 1:
            raise UserError(f"alignment_shift must be in [-1, 1] seconds, got {self.alignment_shift}")
        if wrong := [factor for factor in self.voice_factors if not 0.5 <= factor <= 2 or factor == 1]:
            raise UserError(f"voice_factors must be in [0.5, 2] and not 1, got {wrong[0]:g}")
        if not 0 <= self.min_match <= 1:
            raise UserError(f"min_match must be in [0, 1], got {self.min_match}")
        _ = self.split

    def filters(self) -> dict[str, Any]:
        """What is done to the audio, for `prepare.json`; a folder from before that was kept has the defaults."""
        return {name: getattr(self, name) for name in FILTERS}

    @property
    def split(self) -> SplitOptions:
        """What is held out."""
        return SplitOptions(fraction=self.held_out_fraction, groups=self.held_out_groups)
