"""From what was transcribed to what goes out: lines of the table, files beside the recordings, utterances as files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from valle_data.preparation.options import NOT_GIVEN
from valle_data.preparation.recordings import Recording, Rejection
from valle_data.preparation.transcription.journal import Entry, Journal
from valle_data.preparation.transcription.options import TranscribeOptions
from valle_data.preparation.transcription.plan import ALIGNED, Plan
from valle_data.preparation.transcription.slicing import slice_up
from valle_data.preparation.transcription.writing import Line, cut_out, write_beside, write_table


@dataclass(kw_only=True, slots=True)
class Result:
    """What goes out: lines of the table, whole recordings for beside them, and what could not be used."""

    lines: list[Line] = field(default_factory=list)
    beside: list[Line] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    aligned: int = 0
    too_short: int = 0
    too_long: int = 0


def make_result(plan: Plan, journal: Journal, options: TranscribeOptions) -> Result:
    """From what was transcribed and aligned to utterances of the lengths asked for."""
    result = Result()
    timed: dict[str, Entry] = {}
    for job in plan.jobs:
        entry = journal.entries[job.recording.id]
        id = job.recording.id.removesuffix(ALIGNED)
        if entry.reason:
            result.rejected.append(Rejection(id=id, reason=entry.reason, detail=entry.detail))
        elif job.text is not None:
            timed[id] = entry
        else:
            _add(result, job.recording, entry, options)
    for recording, text, tag in plan.texts:
        entry = timed.get(recording.id)
        words = entry.segments[0].words if entry else ()
        line = Line(recording=recording, text=text, language=tag, words=words)
        result.aligned += bool(words)
        if words:
            result.beside.append(line)
        if not options.skip_existing and not options.beside:
            result.lines.append(line)
    result.lines.sort(key=lambda line: line.id)
    return result


def _add(result: Result, recording: Recording, entry: Entry, options: TranscribeOptions) -> None:
    """The utterances of a recording that was transcribed."""
    whole = Line(
        recording=recording,
        text=" ".join(one.text for one in entry.segments),
        language=entry.language,
        words=tuple(word for one in entry.segments for word in one.words),
    )
    result.beside.append(whole)
    if options.beside and options.cut is None:
        result.lines.append(whole)
        return
    sliced = slice_up(
        entry.segments, entry.seconds, least=options.min_seconds, most=options.max_seconds, pad=options.pad
    )
    result.too_short += sliced.too_short
    result.too_long += sliced.too_long
    if not sliced.slices:
        detail = f"what is said in '{recording.audio}' has no length from --min-seconds to --max-seconds"
        result.rejected.append(Rejection(id=recording.id, reason="no-slice", detail=detail))
    for one in sliced.slices:
        result.lines.append(
            Line(
                recording=recording,
                text=one.text,
                language=entry.language,
                start=one.start,
                end=one.end,
                words=one.words,
            )
        )


def cut_files(folder: Path, result: Result) -> int:
    """Write the utterances as files; how many were written now. What cannot be read is no utterance after all."""
    written, unreadable = cut_out(folder, result.lines)
    known, gone = {one.id for one in result.rejected}, {one.id for one in unreadable}
    result.rejected += [one for one in unreadable if one.id not in known]
    result.lines = [line for line in result.lines if line.recording.id not in gone]
    return written


def write_result(options: TranscribeOptions, result: Result) -> None:
    """The table, or the files beside the recordings."""
    if options.beside:
        for line in result.beside:
            write_beside(line)
    elif options.out is not NOT_GIVEN and result.lines:
        write_table(options.out, result.lines)
