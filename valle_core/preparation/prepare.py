"""`prepare`: a folder of recordings becomes a dataset; it may be killed at any moment and run again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from valle_core.assemble.portable import options_hash
from valle_core.codes import identity
from valle_core.data.columns import COLUMNS
from valle_core.data.index import INDEX, hash_index, write_index
from valle_core.data.manifest import FORMAT_VERSION, MANIFEST, Manifest, read_manifest, write_manifest
from valle_core.data.record import Row
from valle_core.data.split import held_out_ids
from valle_core.data.storage import write_part
from valle_core.files import sweep, write_json
from valle_core.interfaces import Codec, Frontend
from valle_core.plugin import UserError
from valle_core.preparation.encoding import Phonemizer, encode_all, make_record
from valle_core.preparation.finding import find_recordings
from valle_core.preparation.journal import Journal, Outcome
from valle_core.preparation.languages import with_languages
from valle_core.preparation.loading import Loaded, NotLoaded, load_groups
from valle_core.preparation.options import PrepareOptions
from valle_core.preparation.packing import forget_packed, pack_rows
from valle_core.preparation.recordings import Recording, Rejection
from valle_core.preparation.report import PrepareReport, nothing_usable
from valle_core.preparation.treatment import summed
from valle_core.registry.identity import PluginIdentity
from valle_core.text.detection import is_auto
from valle_core.text.symbols import PAD, UNKNOWN, SymbolMap
from valle_core.types import Phonemes

Progress = Callable[[int, int, float], None]
"""Receives recordings done, recordings in all, and seconds of audio encoded by this run."""

_GROUP = 32  # recordings held in memory at once; twice that while the next ones are being read
_SETTINGS = "prepare.json"


def prepare(
    options: PrepareOptions,
    *,
    codec: Codec,
    frontend: Frontend,
    frontend_name: str,
    plugins: tuple[PluginIdentity, ...] = (),
    frontend_options: Mapping[str, Any] | None = None,
    device: torch.device | None = None,
    progress: Progress | None = None,
) -> PrepareReport:
    """Make `options.out` the dataset of `options.source`, doing only what is not done yet.

    `frontend_options` are stored for those who build the frontend again (see `valle_core.assemble.portable`).
    An interrupted run leaves a folder that this call completes to what an uninterrupted run would have made.
    `plugins` says who provided codec and frontend; it is written down for those who use the dataset.

    Raises:
        UserError: nothing usable was found, the folder belongs to another codec or other options, or the disk is
            full; what was finished before stays.
    """
    for name in ("source", "out"):
        if getattr(options, name) == Path():
            raise UserError(f"no {name} folder given. Name it: valle prepare RECORDINGS --out DATA")
    found = find_recordings(options)
    recordings, misplaced = with_languages(found, options, frontend), found.rejected
    _claim(options, codec, frontend_name, frontend_options or {})
    journal = Journal(options.out)
    removed, changed = _forget_stale(journal, recordings)
    if changed:
        _reopen(options.out)
    todo = [recording for recording in recordings if recording.id not in journal.outcomes]
    kept = sum(outcome.row is not None for outcome in journal.outcomes.values())
    if todo or journal.pending:
        sweep(options.out)
        _work(todo, journal, options, codec=codec, frontend=frontend, device=device, progress=progress)
    rejected = [outcome.rejection for outcome in journal.outcomes.values() if outcome.rejection] + misplaced
    rows = [outcome.row for _, outcome in sorted(journal.outcomes.items()) if outcome.row]
    held_out = held_out_ids(((row.id, row.speaker) for row in rows), options.split)
    report = PrepareReport(
        out=options.out,
        found=len(recordings) + len(misplaced),
        prepared=len(rows) - kept,
        kept=kept,
        removed=removed,
        rejected=sorted(rejected, key=lambda rejection: rejection.id),
        seconds=round(sum(row.seconds for row in rows), 6),
        speakers=len({row.speaker for row in rows}),
        held_out=len(held_out),
        languages=dict(sorted(Counter(row.language for row in rows).items())),
        detected=options.language is not None and is_auto(options.language),
        layout=found.layout,
        notes=tuple(found.notes),
        treatment=summed(outcome.treatment for outcome in journal.outcomes.values() if outcome.row),
    )
    report.write()
    if not rows:
        raise UserError(nothing_usable(report, options))
    if todo or removed or journal.pending or not _is_current(options.out, held_out):
        _finish(
            options,
            journal,
            rows,
            held_out,
            report,
            codec=codec,
            frontend=frontend,
            name=frontend_name,
            plugins=plugins,
            frontend_options=frontend_options or {},
        )
    if options.storage == "hdf5":
        forget_packed(options.out)
    return report


def _settings(
    options: PrepareOptions, codec: Codec, frontend_name: str, frontend_options: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "codec": identity.to_dict(codec.identity),
        "frontend": frontend_name,
        "frontend_options": options_hash(frontend_options),
        "language": options.language,
        "storage": options.storage,
        "shard_size": options.shard_size if options.storage != "files" else None,
        "min_seconds": options.min_seconds,
        "max_seconds": options.max_seconds,
        "batch_seconds": options.batch_seconds,
        **options.filters(),
    }


def _claim(options: PrepareOptions, codec: Codec, frontend_name: str, frontend_options: Mapping[str, Any]) -> None:
    """Make the folder ours, or refuse one that holds something else."""
    wanted = _settings(options, codec, frontend_name, frontend_options)
    path = options.out / _SETTINGS
    if not path.exists():
        if options.out.exists() and not _is_empty(options.out):
            raise UserError(f"'{options.out}' holds something else than a dataset. Choose another --out")
        write_json(path, wanted)
        return
    try:
        found = {**PrepareOptions().filters(), **json.loads(path.read_text(encoding="utf-8"))}
        stored = identity.from_dict(found["codec"], str(path))
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"'{path}' cannot be read ({error!r}). Choose another --out") from error
    identity.require_same(stored, codec.identity, f"dataset '{options.out}' holds codes of")
    for name, value in wanted.items():
        if name == "frontend_options" and found.get(name, value) != value:
            raise UserError(
                f"dataset '{options.out}' was prepared with other options of frontend '{frontend_name}' "
                f"(or another tokenizer). Use the same, or choose another --out"
            )
        if found.get(name, value if name == "frontend_options" else None) != value:
            raise UserError(
                f"dataset '{options.out}' was prepared with {name} {found.get(name)!r}, asked for {value!r}. "
                f"Use the same, or choose another --out"
            )


def _is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing but what a killed writer left."""
    return folder.is_dir() and all(path.name.startswith(".") and path.suffix == ".tmp" for path in folder.iterdir())


def _forget_stale(journal: Journal, recordings: Sequence[Recording]) -> tuple[int, bool]:
    """Drop outcomes whose files are gone or changed; utterances gone, and whether any changed."""
    present = {recording.id: recording for recording in recordings}
    removed, changed = 0, False
    for id, outcome in list(journal.outcomes.items()):
        if id not in present:
            del journal.outcomes[id]
            removed += outcome.row is not None
        elif outcome.stamp != present[id].stamp():
            del journal.outcomes[id]
            changed = changed or outcome.row is not None
    return removed, changed


def _reopen(out: Path) -> None:
    """Mark a finished dataset as half-written before its utterances are replaced."""
    if (out / MANIFEST).exists():
        stored = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        write_json(out / MANIFEST, {**stored, "complete": False})


def _work(
    todo: Sequence[Recording],
    journal: Journal,
    options: PrepareOptions,
    *,
    codec: Codec,
    frontend: Frontend,
    device: torch.device | None,
    progress: Progress | None,
) -> None:
    """Load, phonemize, encode and store, one part after another in the order of the ids."""
    part_size = options.shard_size if options.storage != "files" else _GROUP
    parts = [todo[start : start + part_size] for start in range(0, len(todo), part_size)]
    groups = [part[start : start + _GROUP] for part in parts for start in range(0, len(part), _GROUP)]
    loaded_groups = load_groups(groups, options, codec.sample_rate)
    phonemizer = Phonemizer(frontend)
    done, seconds = len(journal.outcomes), 0.0
    total = done + len(todo)
    for part in parts:
        usable: list[tuple[Loaded, Phonemes, torch.Tensor]] = []
        outcomes: list[Outcome] = []
        for _ in range(0, len(part), _GROUP):
            batch = next(loaded_groups)
            speakable = []
            for item in batch:
                phonemes = item.rejection if isinstance(item, NotLoaded) else phonemizer(item)
                if isinstance(phonemes, Rejection):
                    outcomes.append(Outcome(id=item.recording.id, stamp=item.stamp, rejection=phonemes))
                elif isinstance(item, Loaded):
                    speakable.append((item, phonemes))
            codes = encode_all(
                codec,
                [item.wav for item, _ in speakable],
                batch_seconds=options.batch_seconds,
                device=device or torch.device("cpu"),
            )
            usable.extend((item, phonemes, row) for (item, phonemes), row in zip(speakable, codes, strict=True))
            seconds += sum(len(item.wav) for item, _ in speakable) / codec.sample_rate
            done += len(batch)
            if progress:
                progress(done, total, seconds)
        records = [make_record(codec, item.recording.id, row, phonemes) for item, phonemes, row in usable]
        locations = write_part(options.storage, options.out, journal.next_part, records)
        for (item, _, _), record, location in zip(usable, records, locations, strict=True):
            row = Row(
                id=record.id,
                speaker=item.recording.speaker,
                language=item.language,
                text=item.text,
                seconds=round(len(record.codes) * codec.hop / codec.sample_rate, 6),
                frames=len(record.codes),
                location=location,
                hash=record.hash(),
                tone=item.tone,
            )
            outcomes.append(Outcome(id=record.id, stamp=item.stamp, row=row, treatment=item.treatment))
        journal.commit(sorted(outcomes, key=lambda outcome: outcome.id), (s for r in records for s in r.phonemes))


def _is_current(out: Path, held_out: Sequence[str]) -> bool:
    """Whether `dataset.json` fits the index beside it and the split asked for."""
    if not all((out / name).exists() for name in (MANIFEST, INDEX, COLUMNS)):
        return False
    manifest = read_manifest(out)
    fits = hash_index(out) == manifest.index_hash
    return manifest.complete and fits and manifest.held_out == tuple(held_out)


def _finish(
    options: PrepareOptions,
    journal: Journal,
    rows: Sequence[Row],
    held_out: tuple[str, ...],
    report: PrepareReport,
    *,
    codec: Codec,
    frontend: Frontend,
    name: str,
    plugins: tuple[PluginIdentity, ...],
    frontend_options: Mapping[str, Any],
) -> None:
    """Write the files that make it a dataset, `dataset.json` last; then the parts have served."""
    known = set(frontend.symbols()) | journal.symbols
    if (options.out / MANIFEST).exists():
        known |= set(read_manifest(options.out).symbols.symbols)
    if options.storage == "hdf5":
        rows = pack_rows(options.out, rows)
    journal.write_sources()
    manifest = Manifest(
        storage=options.storage,
        codec=codec.identity,
        symbols=SymbolMap.from_observed(known - {PAD, UNKNOWN}),
        languages=tuple(sorted({row.language for row in rows})),
        frontend=name,
        frontend_options=frontend_options,
        held_out=held_out,
        utterances=len(rows),
        seconds=report.seconds,
        speakers=report.speakers,
        index_hash=write_index(options.out, rows),
        plugins=plugins,
    )
    write_manifest(options.out, manifest)
    journal.forget_parts()
