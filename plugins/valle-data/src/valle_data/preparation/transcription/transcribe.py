"""`transcribe`: recordings without transcripts become utterances with text, times and language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from valle_core.plugin import UserError
from valle_data.preparation.finding import check_source
from valle_data.preparation.locks import Locks
from valle_data.preparation.options import NOT_GIVEN
from valle_data.preparation.transcription.journal import Entry, Journal
from valle_data.preparation.transcription.languages import Languages, of_speakers, unsettled
from valle_data.preparation.transcription.options import TranscribeOptions
from valle_data.preparation.transcription.plan import ALIGNED, Plan, make_plan
from valle_data.preparation.transcription.report import TranscribeReport
from valle_data.preparation.transcription.results import cut_files, make_result, write_result
from valle_data.preparation.transcription.source import find_all
from valle_data.preparation.transcription.transcriber import Transcriber
from valle_data.preparation.transcription.work import Job, Progress, work
from valle_data.preparation.transcription.writing import Line


def transcribe(
    options: TranscribeOptions,
    transcriber: Transcriber,
    *,
    name: str,
    recognizer_options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> TranscribeReport:
    """Make the table `options.out` of `options.source`, or the files beside it; what is transcribed is kept.

    Args:
        options: what is asked for.
        transcriber: the recognizer.
        name: of the recognizer; results of another, or with other `recognizer_options`, are not reused.
        recognizer_options: as they are stored (see `valle_core.assemble.portable`).
        progress: told after every few recordings.

    Raises:
        UserError: nothing was found or transcribed, `align` is asked of a recognizer that does not declare it, or the
            results cannot be written; what was transcribed before stays.
    """
    check_places(options)
    if options.align and "align" not in transcriber.capabilities:
        raise UserError("--align: this recognizer cannot time the words of a known text. Choose another --recognizer")
    found, misplaced = find_all(options.source)
    languages = Languages(transcriber, options.language)
    settings = {"recognizer": name, "options": dict(recognizer_options or {})}
    journal_path, report_path = _places(options)
    plan = make_plan(found, misplaced, languages, align=options.align, beside=options.beside)
    with Locks(journal_path.parent).alone(journal_path.stem, f"'{journal_path}' is being written"):
        report = _transcribe(
            plan, languages, transcriber, Journal(journal_path, settings), options, report_path, progress
        )
    if not report.utterances and not plan.texts:
        first = f", e.g. {report.rejected[0].detail}" if report.rejected else ""
        counts = ", ".join(f"{count} {reason}" for reason, count in report.reasons.items())
        raise UserError(f"no utterance was found in '{options.source}': {counts}{first}. See '{report.path}'")
    return report


def _transcribe(
    plan: Plan,
    languages: Languages,
    transcriber: Transcriber,
    journal: Journal,
    options: TranscribeOptions,
    report_path: Path,
    progress: Progress | None,
) -> TranscribeReport:
    """Do what the journal lacks, and write the results and the report."""
    todo = [job for job in plan.jobs if not _is_done(journal.entries.get(job.recording.id), job)]
    total = len(plan.jobs)
    kept = total - len(todo)

    def tell(done: int, seconds: float) -> None:
        if progress:
            progress(min(kept + done, total), total, seconds)

    work(todo, transcriber, journal, threads=options.jobs, tell=tell)
    _settle(plan, languages, transcriber, journal, threads=options.jobs)
    result = make_result(plan, journal, options)
    cut = 0 if options.cut is None else cut_files(options.cut, result)
    write_result(options, result)
    rejected = [*plan.rejected, *result.rejected]
    lengths = [_seconds(line, journal) for line in result.lines]
    report = TranscribeReport(
        out=options.source if options.beside else options.out,
        path=report_path,
        found=plan.found,
        transcribed=len(todo),
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
    return report


def check_places(options: TranscribeOptions) -> None:
    """Raises `UserError` for recordings that are not there, and results that go nowhere or among the recordings."""
    if options.source is NOT_GIVEN:
        raise UserError("no recordings given. Name their folder: valle transcribe RECORDINGS --out TRANSCRIPTS.jsonl")
    check_source(options.source)
    if options.out is NOT_GIVEN and not options.beside and options.cut is None:
        raise UserError("nothing to write to. Name a table (--out TRANSCRIPTS.jsonl), --beside, or --cut FOLDER")
    source, cut = options.source.resolve(), options.cut
    if cut is not None and source.is_dir() and cut.resolve().is_relative_to(source):
        raise UserError(f"--cut '{cut}' lies inside the recordings '{options.source}'. Choose a place outside")


def _places(options: TranscribeOptions) -> tuple[Path, Path]:
    """Where it is remembered what was transcribed, and where the report goes."""
    if options.beside:
        folder = options.source if options.source.is_dir() else options.source.parent
        return folder / ".transcribe.journal.jsonl", folder / ".transcribe.report.json"
    if options.out is NOT_GIVEN:
        assert options.cut is not None
        return options.cut / "journal.jsonl", options.cut / "report.json"
    return options.out.with_suffix(".journal.jsonl"), options.out.with_suffix(".report.json")


def _is_done(entry: Entry | None, job: Job) -> bool:
    return entry is not None and entry.stamp == job.stamp and entry.asked == job.asked


def _settle(plan: Plan, languages: Languages, transcriber: Transcriber, journal: Journal, *, threads: int) -> None:
    """Hear again, in the language of the speaker, what was taken for another language."""
    jobs = {job.recording.id: job for job in plan.jobs}
    transcribed = [(job.recording.speaker, journal.entries[id]) for id, job in jobs.items() if id in journal.entries]
    speakers = of_speakers(transcribed)
    again = []
    for id in unsettled([job.recording for job in plan.jobs], journal.entries, speakers):
        tag = speakers[jobs[id].recording.speaker]
        votes = dict(journal.entries[id].votes)
        again.append(replace(jobs[id], asked=tag, language=languages.tag_for(tag), votes=votes))
    work(again, transcriber, journal, threads=threads, tell=lambda done, seconds: None)


def _seconds(line: Line, journal: Journal) -> float:
    """Of audio; of a recording with a transcript of its own only where it was aligned, else it was not read."""
    if line.start is not None and line.end is not None:
        return line.end - line.start
    entry = journal.entries.get(line.recording.id) or journal.entries.get(line.recording.id + ALIGNED)
    return entry.seconds if entry else 0.0
