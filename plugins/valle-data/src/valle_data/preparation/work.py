"""Making parts: recordings are read and phonemes are found ahead of the encoder, and stored behind it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from jaxtyping import Integer
from torch import Tensor

from valle_core.data.record import IndexEntry
from valle_core.plugin import UserError
from valle_core.types import Phonemes
from valle_data.preparation.aligning import phoneme_times
from valle_data.preparation.components import PreparationComponents
from valle_data.preparation.encoding import encode_all, make_record
from valle_data.preparation.journal import Journal, Outcome
from valle_data.preparation.loading import Loaded, NotLoaded, load_recording
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.phonemes import Phonemizer
from valle_data.preparation.recordings import Recording, Rejection
from valle_data.storage.records import write_part
from valle_data.storage.rows import hash_of

Progress = Callable[[int, int, float], None]
"""Receives recordings done, recordings in all, and seconds of audio encoded by this run; first when work begins."""

_AHEAD = 2  # groups that are being read while one is encoded


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """A recording that waits for the encoder.

    Attributes:
        loaded: its audio.
        phonemes: of its text.
        times: [P + 1] milliseconds at which each begins and the last one ends; empty where not known.
    """

    loaded: Loaded
    phonemes: Phonemes
    times: tuple[int, ...] = ()


@dataclass(kw_only=True, slots=True)
class Made:
    """What a run has made.

    Attributes:
        utterances: how many.
        rejected: recordings that were left out.
        seconds: of audio that was encoded.
    """

    utterances: int = 0
    rejected: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """The same with its codes."""

    ready: Ready
    codes: Integer[Tensor, "F Q"]


class Worker:
    """Makes parts of a plan.

    Args:
        journal: of the plan.
        recordings: by id; ids of the plan that are missing here are gone, and get no outcome.
    """

    def __init__(
        self,
        journal: Journal,
        recordings: Mapping[str, Recording],
        options: PrepareOptions,
        components: PreparationComponents,
        phonemizer: Phonemizer,
    ) -> None:
        self._journal, self._recordings = journal, recordings
        self._options, self._components, self._phonemizer = options, components, phonemizer

    def make(self, numbers: Sequence[int], progress: Callable[[int, float], None]) -> Made:
        """Load, phonemize, encode and store these parts; `progress` receives recordings and seconds, a group at once.

        Raises:
            UserError: the disk is full, the codec broke its promise, or the recordings vanished. Parts that were done
                before stay done.
        """
        plan, made = self._journal.plan, Made()
        sizes = [[len(group) for group in plan.groups(number)] for number in numbers]
        ahead = self._groups_ahead(group for number in numbers for group in plan.groups(number))
        with closing(ahead) as groups, ThreadPoolExecutor(1, thread_name_prefix="store") as store:
            storing: Future[None] | None = None
            for number, lengths in zip(numbers, sizes, strict=True):
                outcomes: list[Outcome] = []
                encoded: list[Encoded] = []
                for length, group in zip(lengths, groups, strict=False):
                    ready = [item for item in group if isinstance(item, Ready)]
                    outcomes += [item for item in group if isinstance(item, Outcome)]
                    encoded += self._encode(ready)
                    seconds = sum(len(item.loaded.wav) for item in ready) / self._components.codec.sample_rate
                    made.seconds += seconds
                    progress(length, seconds)
                made.utterances += len(encoded)
                made.rejected += len(outcomes)
                if storing is not None:
                    storing.result()
                storing = store.submit(self._store, number, encoded, outcomes)
            if storing is not None:
                storing.result()
        return made

    def _encode(self, ready: Sequence[Ready]) -> list[Encoded]:
        wavs = [item.loaded.wav for item in ready]
        components = self._components
        codes = encode_all(components.codec, wavs, batch_seconds=self._options.batch_seconds, device=components.device)
        return [Encoded(ready=item, codes=rows) for item, rows in zip(ready, codes, strict=True)]

    def _groups_ahead(self, groups: Iterable[Sequence[str]]) -> Generator[list[Ready | Outcome]]:
        """The groups in order, each read and phonemized while those before it are encoded."""
        load = ThreadPoolExecutor(self._options.jobs, thread_name_prefix="load")
        speak = ThreadPoolExecutor(1, thread_name_prefix="phonemes")

        def submit(group: Sequence[str]) -> Future[list[Ready | Outcome]]:
            known = [self._recordings[id] for id in group if id in self._recordings]
            loading = [load.submit(self._load, recording) for recording in known]
            return speak.submit(self._speak, loading)

        waiting: deque[Future[list[Ready | Outcome]]] = deque()
        remaining = iter(groups)
        try:
            waiting.extend(submit(group) for group in islice(remaining, _AHEAD))
            while waiting:
                group = waiting.popleft().result()
                waiting.extend(submit(group) for group in islice(remaining, 1))
                yield group
        finally:
            load.shutdown(cancel_futures=True)
            speak.shutdown(cancel_futures=True)

    def _load(self, recording: Recording) -> Loaded | NotLoaded:
        item = load_recording(recording, self._options, self._components.codec.sample_rate)
        if isinstance(item, NotLoaded):
            self._check_source(recording)
        return item

    def _check_source(self, recording: Recording) -> None:
        """A file that is gone with all its neighbours was not deleted: the disk or the share is gone."""
        if recording.audio.exists():
            return
        for folder in (self._options.source, recording.audio.parent):
            if not folder.exists() or (folder.is_dir() and _is_bare(folder)):
                raise UserError(
                    f"the recordings in '{folder}' vanished while they were read. Bring them back and run the same "
                    "command again: what is done stays"
                )

    def _speak(self, loading: Sequence[Future[Loaded | NotLoaded]]) -> list[Ready | Outcome]:
        group: list[Ready | Outcome] = []
        for future in loading:
            item = future.result()
            ready = item.rejection if isinstance(item, NotLoaded) else self._spoken(item)
            if isinstance(ready, Rejection):
                group.append(Outcome(id=item.recording.id, stamp=item.stamp, rejection=ready))
            else:
                group.append(ready)
        self._phonemizer.flush()
        return group

    def _spoken(self, loaded: Loaded) -> Ready | Rejection:
        """With its phonemes and their times."""
        phonemes = self._phonemizer(loaded)
        if isinstance(phonemes, Rejection):
            return phonemes
        components = self._components
        times = phoneme_times(loaded, phonemes, self._options, components.aligner, components.codec.sample_rate)
        return times if isinstance(times, Rejection) else Ready(loaded=loaded, phonemes=phonemes, times=times)

    def _store(self, number: int, encoded: Sequence[Encoded], outcomes: Sequence[Outcome]) -> None:
        """Write the records, and only then that they are there."""
        codec, options = self._components.codec, self._options
        records = [
            make_record(codec, item.ready.loaded.recording.id, item.codes, item.ready.phonemes, item.ready.times)
            for item in encoded
        ]
        locations = write_part(options.storage, options.out, number, records)
        rows = [
            IndexEntry(
                id=record.id,
                speaker=item.ready.loaded.recording.speaker,
                language=item.ready.loaded.language,
                text=item.ready.loaded.text,
                seconds=round(len(record.codes) * codec.hop / codec.sample_rate, 6),
                frames=len(record.codes),
                location=location,
                hash=hash_of(record),
                tone=item.ready.loaded.tone,
                symbols=len(record.phonemes),
            )
            for item, record, location in zip(encoded, records, locations, strict=True)
        ]
        made = [
            Outcome(id=row.id, stamp=item.ready.loaded.stamp, row=row, treatment=item.ready.loaded.treatment)
            for item, row in zip(encoded, rows, strict=True)
        ]
        self._journal.commit(number, [*outcomes, *made], (symbol for one in records for symbol in one.phonemes))


def _is_bare(folder: Path) -> bool:
    return not any(folder.iterdir())
