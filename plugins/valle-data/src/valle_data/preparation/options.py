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
        source: folder or table of recordings; see `layout`.
        out: the dataset's folder.
        replace: remove what other sources brought before; without it, this source is added to the dataset.
        layout: how they lie: `folders`, `ljspeech`, `libritts`, `vctk`, `commonvoice`, `table` or `lhotse`; `auto`
            looks what is there.
        recipe: lhotse's recipe that reads the source, in place of a layout.
        recipe_options: what the recipe is given beside the folder, e.g. `{mic_id: mic1}`.
        microphone: which of the two microphones of VCTK.
        tables: tables of Common Voice, without `.tsv`; empty takes `validated`.
        language: tag of transcripts that name none; `auto` detects each speaker's (`auto:en-gb,fr` among these); None
            reads it from the `.json` beside each recording.
        speaker_languages: CSV with lines `speaker,language`.
        storage: `files` (one per utterance), `shards` (for sequential reading) or `hdf5` (one file).
        shard_size: utterances of a shard; of `hdf5`, of a part that is kept when the preparation is interrupted.
        min_seconds: shorter recordings are left out, and reported.
        max_seconds: longer recordings are left out, and reported.
        min_speech: seconds that must not be silence; recordings with less are left out as `silent`.
        silence_db: silence is this much below the loud parts of a recording, or below -70 dB of full scale.
        trim_silence: cut the silence at both ends.
        keep_silence: seconds of it that stay.
        loudness: LUFS (ITU-R BS.1770-4) that every recording is brought to, as far as nothing clips; None for as it is.
        max_peak: recordings with a sample above it are left out as `out-of-scale`, where 1 is full scale.
        max_clipped: recordings of which a larger share is cut flat at the peak are left out as `clipped`.
        min_letters: letters of text per second; recordings with fewer are left out as `too-slow`.
        max_letters: letters of text per second that is not silence; recordings with more are left out as `too-fast`.
        batch_seconds: seconds of audio encoded at once, padding included.
        jobs: threads that read and resample.
        phoneme_cache: file of phonemes that other datasets and ranks share; it is made where it does not exist.
        held_out_fraction: fraction of each speaker's utterances that training never sees.
        held_out_groups: groups that training never sees.
        duration_unit: seconds of a table's durations, e.g. 0.025.
        alignment_shift: seconds added to the times of its phonemes; a synthesizer's own lag behind its sound
            (Kokoro: -0.06).
        min_match: share of the phonemes that `align` must find; recordings with fewer are left out as `other-text`.
        repair: read all of a finished dataset first, and make anew what is missing or damaged.
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
