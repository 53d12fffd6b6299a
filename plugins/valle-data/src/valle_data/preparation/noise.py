"""`prepare_noise`: a folder of recordings becomes a set of noise; it may be killed at any moment and run again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from valle_core.codes import identity
from valle_core.data.columns import COLUMNS, ColumnWriter
from valle_core.data.index import INDEX, Index, hash_index, open_index
from valle_core.data.manifest import FORMAT_VERSION, MANIFEST, NO_TEXT, Manifest, read_manifest
from valle_core.data.record import Row
from valle_core.files import write_json
from valle_core.interfaces import Codec
from valle_core.plugin import UserError
from valle_core.reading.json_text import read_json
from valle_core.registry.identity import PluginIdentity
from valle_core.text.symbols import SymbolMap
from valle_core.types import Phonemes
from valle_data.preparation.encoding import make_record
from valle_data.preparation.locks import Locks
from valle_data.preparation.noise_journal import NoiseJournal, NoiseOutcome
from valle_data.preparation.noise_options import NoiseOptions
from valle_data.preparation.noise_recordings import NoiseRecording, encode_noise, find_noise
from valle_data.preparation.options import NOT_GIVEN
from valle_data.preparation.packing import forget_packed, pack_rows
from valle_data.preparation.recordings import Rejection
from valle_data.preparation.report import REPORT, reasons_text
from valle_data.preparation.settings import SETTINGS, is_empty, read_settings
from valle_data.preparation.shared import sweep
from valle_data.storage.facts import write_index, write_manifest
from valle_data.storage.records import write_part

Progress = Callable[[int, int, float], None]
"""Receives recordings done, recordings in all, and seconds of audio encoded by this run."""

NO_LANGUAGE = "und"
"""Language tag of recordings that say nothing (ISO 639: undetermined)."""

_NOTHING_SAID = Phonemes(symbols=(), words=(), language=NO_LANGUAGE)


@dataclass(frozen=True, kw_only=True, slots=True)
class NoiseReport:
    """The result of `prepare_noise`.

    Attributes:
        out: folder of the noise set.
        found: audio files looked at.
        pieces: that the set holds.
        new: of these, made by this run.
        seconds: of audio in the set.
        labels: seconds of each label.
        rejected: what was left out, sorted by id.
    """

    out: Path
    found: int
    pieces: int
    new: int
    seconds: float
    labels: dict[str, float]
    rejected: Sequence[Rejection]

    def summary(self) -> str:
        """A few lines for a person."""
        lines = [
            f"{self.pieces} pieces of noise with {len(self.labels)} labels, {self.seconds / 60:.1f} minutes "
            f"({self.new} new)"
        ]
        if self.rejected:
            lines.append(f"left out {reasons_text(self.reasons)}; see '{self.out / REPORT}'")
        return "\n".join(lines)

    @property
    def reasons(self) -> dict[str, int]:
        """How many recordings or pieces were left out for each reason."""
        return dict(sorted(Counter(one.reason for one in self.rejected).items()))

    def to_json(self) -> dict[str, Any]:
        """The lasting part: the same however often the preparation was interrupted."""
        return {
            "found": self.found,
            "pieces": self.pieces,
            "seconds": self.seconds,
            "labels": self.labels,
            "rejected": self.reasons,
            "details": [{"id": one.id, "reason": one.reason, "detail": one.detail} for one in self.rejected],
        }


def prepare_noise(
    options: NoiseOptions,
    *,
    codec: Codec,
    plugins: tuple[PluginIdentity, ...] = (),
    codec_options: Mapping[str, Any] | None = None,
    device: torch.device | None = None,
    progress: Progress | None = None,
) -> NoiseReport:
    """Make `options.out` the noise set of `options.source`, doing only what is not done yet.

    It is a dataset without text: a piece is an utterance, a label a speaker. `codec_options` are stored for those who
    build the codec again.

    Raises:
        UserError: nothing usable was found, the folder belongs to something else or another codec, another
            process is at work on it, or the disk is full; what was finished before stays.
    """
    for name in ("source", "out"):
        if getattr(options, name) is NOT_GIVEN:
            raise UserError(f"no {name} folder given. Name it: valle prepare-noise RECORDINGS --out NOISE")
    recordings, unusable = find_noise(options.source)
    if options.out.resolve().is_relative_to(options.source.resolve()):
        raise UserError(f"--out '{options.out}' lies inside the recordings '{options.source}'. Choose a place outside")
    with Locks(options.out).alone("noise", f"'{options.out}' is being prepared"):
        _claim(options, codec)
        return _prepare(
            options, recordings, unusable, codec, plugins, codec_options or {}, device or torch.device("cpu"), progress
        )


def _prepare(
    options: NoiseOptions,
    recordings: Sequence[NoiseRecording],
    unusable: Sequence[Rejection],
    codec: Codec,
    plugins: tuple[PluginIdentity, ...],
    codec_options: Mapping[str, Any],
    device: torch.device,
    progress: Progress | None,
) -> NoiseReport:
    journal = NoiseJournal(options.out)
    gone = _forget_stale(options.out, journal, recordings)
    todo = [recording for recording in recordings if recording.id not in journal.outcomes]
    kept = sum(len(outcome.rows) for outcome in journal.outcomes.values())
    if todo or journal.pending:
        sweep(options.out)
        _work(todo, journal, options, codec, device, progress or (lambda *_: None))
    rows = sorted((row for outcome in journal.outcomes.values() for row in outcome.rows), key=lambda row: row.id)
    report = _report(options.out, len(recordings) + len(unusable), rows, len(rows) - kept, journal, unusable)
    write_json(options.out / REPORT, report.to_json())
    if not rows:
        raise UserError(
            f"nothing in '{options.source}' can be used: {reasons_text(report.reasons)}, "
            f"e.g. {report.rejected[0].detail}. All reasons are in '{options.out / REPORT}'"
        )
    if todo or gone or journal.pending or not _is_current(options.out):
        _finish(options, journal, rows, report, codec, plugins, codec_options)
    if options.storage == "hdf5":
        forget_packed(options.out, open_index(options.out, read_manifest(options.out).index_hash))
    return report


def _claim(options: NoiseOptions, codec: Codec) -> None:
    """Make the folder ours, or refuse one that holds something else."""
    wanted = {
        "format_version": FORMAT_VERSION,
        "codec": identity.to_dict(codec.identity),
        "frontend": NO_TEXT,
        "storage": options.storage,
        "shard_size": options.shard_size if options.storage != "files" else None,
        "min_seconds": options.min_seconds,
        "piece_seconds": options.piece_seconds,
    }
    path = options.out / SETTINGS
    if not path.exists():
        if options.out.exists() and not is_empty(options.out):
            raise UserError(f"'{options.out}' holds something else than noise. Choose another --out")
        write_json(path, wanted)
        return
    found, stored = read_settings(options.out)
    if found.get("frontend") != NO_TEXT:
        raise UserError(f"'{options.out}' holds speech, not noise. Choose another --out")
    identity.require_same(stored, codec.identity, f"noise '{options.out}' holds codes of")
    for name, value in wanted.items():
        if found.get(name) != value:
            raise UserError(
                f"noise '{options.out}' was prepared with {name} {found.get(name)!r}, asked for {value!r}. "
                f"Use the same, or choose another --out"
            )


def _forget_stale(out: Path, journal: NoiseJournal, recordings: Sequence[NoiseRecording]) -> bool:
    """Drop outcomes whose files are gone or changed; whether there were any. A changed set is half-written until
    it is finished again."""
    present = {recording.id: recording.stamp() for recording in recordings}
    stale = [id for id, outcome in journal.outcomes.items() if present.get(id) != outcome.stamp]
    changed = any(journal.outcomes[id].rows and id in present for id in stale)
    for id in stale:
        del journal.outcomes[id]
    if changed and (out / MANIFEST).exists():
        stored = read_json(out / MANIFEST)
        write_json(out / MANIFEST, {**stored, "complete": False})
    return bool(stale)


def _work(
    todo: Sequence[NoiseRecording],
    journal: NoiseJournal,
    options: NoiseOptions,
    codec: Codec,
    device: torch.device,
    progress: Progress,
) -> None:
    """Read, encode and store, one part after another in the order of the ids."""
    done, seconds = len(journal.outcomes), 0.0
    total = done + len(todo)
    for first in range(0, len(todo), options.shard_size):
        part = todo[first : first + options.shard_size]
        stamps = [recording.stamp() for recording in part]
        results = encode_noise(part, options, codec, device)
        records = [make_record(codec, id, made, _NOTHING_SAID) for _, codes, _ in results for id, made in codes.items()]
        locations = iter(write_part(options.storage, options.out, journal.next_part, records))
        outcomes = []
        by_id = {record.id: record for record in records}
        for (recording, codes, rejections), stamp in zip(results, stamps, strict=True):
            rows = []
            for id in codes:
                record = by_id[id]
                rows.append(
                    Row(
                        id=id,
                        speaker=recording.label,
                        language=NO_LANGUAGE,
                        text="",
                        seconds=round(len(record.codes) * codec.hop / codec.sample_rate, 6),
                        frames=len(record.codes),
                        location=next(locations),
                        hash=record.hash(),
                    )
                )
            seconds += sum(row.seconds for row in rows)
            outcomes.append(NoiseOutcome(id=recording.id, stamp=stamp, rows=tuple(rows), rejections=tuple(rejections)))
        journal.commit(outcomes)
        done += len(part)
        progress(done, total, seconds)


def _report(
    out: Path, found: int, rows: Sequence[Row], new: int, journal: NoiseJournal, unusable: Sequence[Rejection]
) -> NoiseReport:
    labels: Counter[str] = Counter()
    for row in rows:
        labels[row.speaker] += row.seconds  # pyright: ignore[reportArgumentType]
    rejected = [one for outcome in journal.outcomes.values() for one in outcome.rejections] + [*unusable]
    return NoiseReport(
        out=out,
        found=found,
        pieces=len(rows),
        new=new,
        seconds=round(sum(row.seconds for row in rows), 6),
        labels={label: round(labels[label], 6) for label in sorted(labels)},
        rejected=sorted(rejected, key=lambda one: one.id),
    )


def _is_current(out: Path) -> bool:
    if not all((out / name).exists() for name in (MANIFEST, INDEX, COLUMNS)):
        return False
    manifest = read_manifest(out)
    return manifest.complete and hash_index(out) == manifest.index_hash


def _finish(
    options: NoiseOptions,
    journal: NoiseJournal,
    rows: Sequence[Row],
    report: NoiseReport,
    codec: Codec,
    plugins: tuple[PluginIdentity, ...],
    codec_options: Mapping[str, Any],
) -> None:
    """Write the files that make it a dataset, `dataset.json` last; then the parts have served."""
    indexed: Iterable[Row] = rows
    if options.storage == "hdf5":
        columns = ColumnWriter()
        for row in rows:
            columns.add(row)
        indexed = pack_rows(options.out, Index(columns.columns()))
    journal.write_sources()
    manifest = Manifest(
        storage=options.storage,
        codec=codec.identity,
        symbols=SymbolMap.from_observed(()),
        languages=(NO_LANGUAGE,),
        frontend=NO_TEXT,
        held_out=(),
        utterances=len(rows),
        seconds=report.seconds,
        speakers=len(report.labels),
        index_hash=write_index(options.out, indexed),
        plugins=plugins,
        codec_options=codec_options,
    )
    write_manifest(options.out, manifest)
    journal.forget_parts()
