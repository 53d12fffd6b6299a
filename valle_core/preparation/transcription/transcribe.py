"""`transcribe`: recordings without transcripts become utterances with text, times and language."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from valle_core.plugin import UserError
from valle_core.preparation.recordings import Recording, Rejection
from valle_core.preparation.transcription.hearing import Ear
from valle_core.preparation.transcription.journal import Entry, Journal
from valle_core.preparation.transcription.languages import Languages, of_speakers, unsettled
from valle_core.preparation.transcription.options import TranscribeOptions
from valle_core.preparation.transcription.report import TranscribeReport
from valle_core.preparation.transcription.slicing import slice_up
from valle_core.preparation.transcription.source import audio_stamp, find_all, span_of, text_of
from valle_core.preparation.transcription.work import Job, Progress, work
from valle_core.preparation.transcription.writing import Line, cut_out, write_beside, write_table

ALIGNED = "#aligned"
"""Behind the id of an entry that holds the times of a known text."""


def transcribe(
    options: TranscribeOptions,
    ear: Ear,
    *,
    name: str,
    recognizer_options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> TranscribeReport:
    """Make the table `options.out` of `options.source`, or the files beside it, hearing only what is not heard yet.

    Args:
        options: what is asked for.
        ear: the recognizer.
        name: of the recognizer; what was heard by another, or with other `recognizer_options`, is not gone on with.
        recognizer_options: as they are stored (see `valle_core.assemble.portable`).
        progress: told after every few recordings.

    Raises:
        UserError: nothing was found or heard, `align` is asked of a recognizer that does not declare it, or the
            results cannot be written; what was heard before stays.
    """
    _check(options, ear)
    found, misplaced = find_all(options.source)
    languages = Languages(ear, options.language)
    settings = {"recognizer": name, "options": dict(recognizer_options or {})}
    heard_path, report_path = _places(options)
    plan = _plan(found, languages, align=options.align, beside=options.beside)
    journal = Journal(heard_path, settings)
    todo = [job for job in plan.jobs if not _is_done(journal.entries.get(job.recording.id), job)]
    total = len(plan.jobs)
    kept = total - len(todo)

    def tell(done: int, seconds: float) -> None:
        if progress:
            progress(min(kept + done, total), total, seconds)

    work(todo, ear, journal, threads=options.jobs, tell=tell)
    _settle(plan, languages, ear, journal, threads=options.jobs)
    result = _lines(plan, journal, options)
    _write(options, result)
    cut = 0 if options.cut is None else cut_out(options.cut, result.lines)
    rejected = [*plan.rejected, *misplaced, *result.rejected]
    lengths = [_seconds(line, journal) for line in result.lines]
    report = TranscribeReport(
        out=options.source if options.beside else options.out,
        path=report_path,
        found=len(found) + len(misplaced),
        heard=len(todo),
        kept=kept,
        existing=len(plan.texts),
        aligned=result.aligned,
        utterances=len(result.lines),
        seconds=round(sum(lengths), 3),
        speakers=len({line.recording.speaker for line in result.lines}),
        too_short=result.too_short,
        too_long=result.too_long,
        rejected=sorted(rejected, key=lambda rejection: rejection.id),
        languages=dict(sorted(Counter(line.language or "" for line in result.lines).items())),
        files=cut + (len(result.beside) if options.beside else 0),
    )
    report.write()
    if not result.lines and not plan.texts:
        first = f", e.g. {report.rejected[0].detail}" if report.rejected else ""
        counts = ", ".join(f"{count} {reason}" for reason, count in report.reasons.items())
        raise UserError(f"nothing in '{options.source}' gave an utterance: {counts}{first}. See '{report.path}'")
    return report


def _check(options: TranscribeOptions, ear: Ear) -> None:
    if options.source == Path():
        raise UserError("no recordings given. Name their folder: valle transcribe RECORDINGS --out TRANSCRIPTS.jsonl")
    if options.out == Path() and not options.beside and options.cut is None:
        raise UserError("nothing to write to. Name a table (--out TRANSCRIPTS.jsonl), --beside, or --cut FOLDER")
    if options.cut and options.source.is_dir() and options.cut.resolve().is_relative_to(options.source.resolve()):
        raise UserError(f"--cut '{options.cut}' lies inside the recordings '{options.source}'. Choose a place outside")
    if options.align and "align" not in ear.capabilities:
        raise UserError("--align: this recognizer cannot time the words of a known text. Choose another --recognizer")


def _places(options: TranscribeOptions) -> tuple[Path, Path]:
    """Where it is remembered what was heard, and where the report goes."""
    if options.beside:
        folder = options.source if options.source.is_dir() else options.source.parent
        return folder / ".transcribe.heard.jsonl", folder / ".transcribe.report.json"
    if options.out == Path():
        assert options.cut is not None
        return options.cut / "heard.jsonl", options.cut / "report.json"
    return options.out.with_suffix(".heard.jsonl"), options.out.with_suffix(".report.json")


@dataclass(kw_only=True, slots=True)
class Plan:
    """What is to be done.

    Attributes:
        jobs: recordings to hear, and to align.
        texts: of recordings that have a transcript, with their language if it is known.
        rejected: recordings that nothing can be done with.
    """

    jobs: list[Job] = field(default_factory=list)
    texts: list[tuple[Recording, str, str | None]] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)


def _plan(found: Sequence[Recording], languages: Languages, *, align: bool, beside: bool) -> Plan:
    plan = Plan()
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


def _is_done(entry: Entry | None, job: Job) -> bool:
    return entry is not None and entry.stamp == job.stamp and entry.asked == job.asked


def _settle(plan: Plan, languages: Languages, ear: Ear, journal: Journal, *, threads: int) -> None:
    """Hear again, in the language of the speaker, what was taken for another language."""
    jobs = {job.recording.id: job for job in plan.jobs}
    heard = [(job.recording.speaker, journal.entries[id]) for id, job in jobs.items() if id in journal.entries]
    speakers = of_speakers(heard)
    again = []
    for id in unsettled([job.recording for job in plan.jobs], journal.entries, speakers):
        tag = speakers[jobs[id].recording.speaker]
        votes = dict(journal.entries[id].votes)
        again.append(replace(jobs[id], asked=tag, language=languages.tag_for(tag), votes=votes))
    work(again, ear, journal, threads=threads, tell=lambda done, seconds: None)


@dataclass(kw_only=True, slots=True)
class Result:
    """What goes out: lines of the table, whole recordings for beside them, and what could not be used."""

    lines: list[Line] = field(default_factory=list)
    beside: list[Line] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    aligned: int = 0
    too_short: int = 0
    too_long: int = 0


def _lines(plan: Plan, journal: Journal, options: TranscribeOptions) -> Result:
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
    """The utterances of a recording that was heard."""
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


def _write(options: TranscribeOptions, result: Result) -> None:
    if options.beside:
        for line in result.beside:
            write_beside(line)
    elif options.out != Path() and result.lines:
        write_table(options.out, result.lines)


def _seconds(line: Line, journal: Journal) -> float:
    """Of audio; of a recording with a transcript of its own only where it was aligned, else it was not read."""
    if line.start is not None and line.end is not None:
        return line.end - line.start
    entry = journal.entries.get(line.recording.id) or journal.entries.get(line.recording.id + ALIGNED)
    return entry.seconds if entry else 0.0
