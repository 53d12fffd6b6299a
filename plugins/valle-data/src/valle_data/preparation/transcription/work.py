"""Transcribes recordings: read in threads, transcribed in groups, each group written to the journal when it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from valle_core.plugin import UserError
from valle_data.preparation.recordings import Recording
from valle_data.preparation.transcription.journal import Entry, Journal
from valle_data.preparation.transcription.source import sound_of
from valle_data.preparation.transcription.transcriber import Transcriber
from valle_language.recognition import RecognizedSegment

Progress = Callable[[int, int, float], None]
"""Receives recordings done, recordings in all, and seconds of audio transcribed by this run."""

_GROUP = 8  # recordings held in memory at once; twice that while the next ones are being read


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A recording to transcribe or to align.

    Attributes:
        recording: where the audio is.
        stamp: state of its files.
        asked: tag of its utterances, None where the language is to be detected.
        language: the recognizer's own tag, None where it is to detect it.
        text: to align, or None where it is to be transcription.
        votes: of an earlier transcription in detected languages, which this one replaces.
    """

    recording: Recording
    stamp: str
    asked: str | None
    language: str | None
    text: str | None = None
    votes: dict[str, float] | None = None

    @property
    def remembered(self) -> str | None:
        """What was asked at first: None also where the language was detected before."""
        return self.asked if self.votes is None else None


def work(
    jobs: Sequence[Job], transcriber: Transcriber, journal: Journal, *, threads: int, tell: Callable[[int, float], None]
) -> None:
    """Do all of them; `tell` receives how many are done and seconds of audio after each group."""
    groups = [jobs[start : start + _GROUP] for start in range(0, len(jobs), _GROUP)]
    done, seconds = 0, 0.0
    for group, loaded in zip(groups, _ahead(groups, transcriber.recognizer.sample_rate, threads), strict=True):
        entries, usable = [], []
        for job, wav in zip(group, loaded, strict=True):
            if isinstance(wav, UserError):
                entries.append(_failed(job, "bad-audio", str(wav)))
            else:
                usable.append((job, wav))
        entries += _transcribed([one for one in usable if one[0].text is None], transcriber)
        entries += _aligned([one for one in usable if one[0].text is not None], transcriber)
        journal.add(sorted(entries, key=lambda entry: entry.id))
        done += len(group)
        seconds += sum(len(wav) for _, wav in usable) / transcriber.recognizer.sample_rate
        tell(done, seconds)


Loaded = tuple[Job, Float[np.ndarray, "N"]]


def _transcribed(loaded: Sequence[Loaded], transcriber: Transcriber) -> Iterator[Entry]:
    found = transcriber.transcribe([wav for _, wav in loaded], [job.language for job, _ in loaded])
    for (job, wav), transcription in zip(loaded, found, strict=True):
        if not transcription.segments:
            yield _failed(job, "no-speech", f"no speech was recognized in '{job.recording.audio}'")
            continue
        yield Entry(
            id=job.recording.id,
            stamp=job.stamp,
            asked=job.remembered,
            language=job.asked or transcription.language,
            seconds=len(wav) / transcriber.recognizer.sample_rate,
            segments=transcription.segments,
            votes=job.votes if job.votes is not None else transcription.votes,
            settled=job.votes is not None or len(transcription.votes) <= 1,
        )


def _aligned(loaded: Sequence[Loaded], transcriber: Transcriber) -> Iterator[Entry]:
    rate, longest = transcriber.recognizer.sample_rate, transcriber.recognizer.max_seconds
    fits = [one for one in loaded if longest is None or len(one[1]) <= longest * rate]
    texts, tags = [str(job.text) for job, _ in fits], [str(job.language) for job, _ in fits]
    found = dict(
        zip((job.recording.id for job, _ in fits), transcriber.align([w for _, w in fits], texts, tags), strict=True)
    )
    for job, wav in loaded:
        words = found.get(job.recording.id, f"'{job.recording.audio}' lasts longer than {longest} s")
        if isinstance(words, str):
            yield _failed(job, "not-aligned", words)
            continue
        one = RecognizedSegment(text=str(job.text), start=words[0].start, end=words[-1].end, words=tuple(words))
        yield Entry(
            id=job.recording.id,
            stamp=job.stamp,
            asked=job.asked,
            language=str(job.asked),
            seconds=len(wav) / rate,
            segments=(one,),
        )


def _failed(job: Job, reason: str, detail: str) -> Entry:
    return Entry(id=job.recording.id, stamp=job.stamp, asked=job.remembered, reason=reason, detail=detail)


def _ahead(
    groups: Sequence[Sequence[Job]], rate: int, threads: int
) -> Iterator[list[Float[np.ndarray, "N"] | UserError]]:
    """The audio of each group, read while the one before is transcribed; in place of bad audio what is wrong."""

    def read(job: Job) -> Float[np.ndarray, "N"] | UserError:
        try:
            return sound_of(job.recording, rate)
        except UserError as error:
            return error

    with ThreadPoolExecutor(threads, thread_name_prefix="load") as pool:

        def submit(group: Sequence[Job]) -> list[Future[Float[np.ndarray, "N"] | UserError]]:
            return [pool.submit(read, job) for job in group]

        try:
            ahead = submit(groups[0]) if groups else []
            for index in range(len(groups)):
                now, ahead = ahead, submit(groups[index + 1]) if index + 1 < len(groups) else []
                yield [future.result() for future in now]
        finally:
            pool.shutdown(cancel_futures=True)
