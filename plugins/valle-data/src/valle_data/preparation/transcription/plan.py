"""Which recordings are to be transcribed, which have a text to align, and which can be neither."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from valle_data.preparation.recordings import Recording, Rejection
from valle_data.preparation.transcription.languages import Languages
from valle_data.preparation.transcription.source import audio_stamp, span_of, text_of
from valle_data.preparation.transcription.work import Job

ALIGNED = "#aligned"
"""Behind the id of an entry that holds the times of a known text."""


@dataclass(kw_only=True, slots=True)
class Plan:
    """What is to be done.

    Attributes:
        found: audio files looked at.
        jobs: recordings to transcribe, and to align.
        texts: of recordings that have a transcript, with their language if it is known.
        rejected: what nothing can be done with.
    """

    found: int = 0
    jobs: list[Job] = field(default_factory=list)
    texts: list[tuple[Recording, str, str | None]] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)


def make_plan(
    found: Sequence[Recording], misplaced: Sequence[Rejection], languages: Languages, *, align: bool, beside: bool
) -> Plan:
    """Of each recording whether to transcribe it, to align its text, to take it as it is, or to leave it out."""
    plan = Plan(found=len(found) + len(misplaced), rejected=[*misplaced])
    for recording in found:
        text, tag = text_of(recording), languages.of(recording)
        if beside and span_of(recording) != (None, None):
            detail = (
                f"'{recording.id}' is a part of '{recording.audio}', beside which its text has no place. Give --out"
            )
            text = Rejection(id=recording.id, reason="part-of-a-file", detail=detail)
        if isinstance(text, Rejection):
            plan.rejected.append(text)
            continue
        if text:
            plan.texts.append((recording, text, None if isinstance(tag, Rejection) else tag))
        if text and not align:
            continue
        if isinstance(tag, Rejection) or (text and tag is None):
            detail = f"the language of '{recording.audio}' is not known. Give --language TAG"
            no = tag if isinstance(tag, Rejection) else Rejection(id=recording.id, reason="no-language", detail=detail)
            plan.rejected.append(no)
            continue
        own = None if tag is None else languages.tag_for(tag)
        job = Job(recording=recording, stamp=_stamp(recording, text), asked=tag, language=own)
        if text:
            job = replace(job, text=text, recording=replace(recording, id=recording.id + ALIGNED))
        plan.jobs.append(job)
    return plan


def _stamp(recording: Recording, text: str) -> str:
    """Changes with the audio, and with the text that is aligned."""
    audio = audio_stamp(recording)
    return f"{audio} {hashlib.sha256(text.encode()).hexdigest()[:16]}" if text else audio
