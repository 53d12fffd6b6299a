"""The last step of a preparation: the files that make the parts and the dataset before them one dataset."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from valle_core.data.manifest import Manifest
from valle_core.data.record import IndexEntry
from valle_core.files import replacing
from valle_core.plugin import UserError
from valle_core.text.symbols import PAD, UNKNOWN, SymbolMap
from valle_data.preparation.components import PreparationComponents
from valle_data.preparation.finished import SOURCES, Finished
from valle_data.preparation.journal import Journal, Outcome
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.packing import forget_packed, pack_rows
from valle_data.preparation.plan import forget_plan
from valle_data.preparation.recordings import Rejection
from valle_data.preparation.report import PrepareReport, nothing_usable
from valle_data.preparation.split import held_out_ids
from valle_data.preparation.treatment import Treatment, summed
from valle_data.storage.columns import ColumnWriter
from valle_data.storage.facts import write_index, write_manifest
from valle_data.storage.index import Index, open_index
from valle_data.storage.manifest import MANIFEST, read_manifest
from valle_language.detection import is_auto


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """What a look at the recordings found.

    Attributes:
        ids: of all recordings.
        misplaced: audio files that are no recording.
        owner: source that brought the recording of an id.
        layout: how they lie.
        notes: what else the user should know.
    """

    ids: Collection[str]
    misplaced: Sequence[Rejection]
    owner: Callable[[str], str]
    layout: str = ""
    notes: Sequence[str] = ()


def all_outcomes(finished: Finished, journal: Journal | None, listing: Listing) -> Iterator[Outcome]:
    """What became of every recording that is there still, sorted by id: the dataset before, and the parts over it."""
    if journal is None:
        return finished.outcomes(listing.ids, ())
    fresh = (outcome for outcome in journal.outcomes() if outcome.id in listing.ids)
    before = finished.outcomes(listing.ids, set(journal.plan.ids))
    return heapq.merge(before, fresh, key=lambda outcome: outcome.id)


def report_of(
    options: PrepareOptions,
    index: Index,
    rejections: Sequence[Rejection],
    treatments: Iterable[Treatment],
    listing: Listing,
    *,
    prepared: int,
    removed: int,
) -> tuple[PrepareReport, tuple[str, ...]]:
    """The report of a dataset of these rows, and what is held out."""
    speakers = index.speaker_names
    pairs = zip(index.ids, (speakers[number] for number in index.speakers.tolist()), strict=True)
    held_out = held_out_ids(pairs, options.split)
    counts = Counter(index.languages.tolist())
    rejected = [*rejections, *listing.misplaced]
    report = PrepareReport(
        out=options.out,
        found=len(listing.ids) + len(listing.misplaced),
        prepared=prepared,
        kept=len(index) - prepared,
        removed=removed,
        rejected=sorted(rejected, key=lambda rejection: rejection.id),
        seconds=round(sum(index.seconds.tolist()), 6),
        speakers=len(np.unique(index.speakers)),
        held_out=len(held_out),
        languages=dict(sorted((index.language_names[number], count) for number, count in counts.items())),
        detected=options.language is not None and is_auto(options.language),
        layout=listing.layout,
        notes=tuple(listing.notes),
        treatment=summed(treatments),
    )
    return report, held_out


class NothingUsable(UserError):
    """All recordings were left out."""


def refuse_nothing(options: PrepareOptions, report: PrepareReport) -> None:
    """A dataset without utterances is none."""
    if not report.utterances:
        raise NothingUsable(nothing_usable(report, options))


def finish(
    options: PrepareOptions,
    components: PreparationComponents,
    finished: Finished,
    journal: Journal | None,
    listing: Listing,
    *,
    prepared: int,
    removed: int,
) -> PrepareReport:
    """Write index, sources and, last, `dataset.json`; then the parts have served. Killed in between, it is repeated.

    Raises:
        UserError: a part is damaged, nothing can be used, or the disk is full.
    """
    columns, rejections, treatments = ColumnWriter(), list[Rejection](), list[Treatment]()
    with replacing(options.out / SOURCES) as temporary:
        with temporary.open("w", encoding="utf-8") as file:
            for outcome in all_outcomes(finished, journal, listing):
                line = replace(outcome, owner=listing.owner(outcome.id)).source()
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                if outcome.rejection:
                    rejections.append(outcome.rejection)
                elif outcome.row:
                    columns.add(outcome.row)
                    treatments += [outcome.treatment] if outcome.treatment else []
        index = Index(columns.columns())
        report, held_out = report_of(
            options, index, rejections, treatments, listing, prepared=min(prepared, len(index)), removed=removed
        )
        report.write()
        refuse_nothing(options, report)
        rows: Iterator[IndexEntry] = map(index.row, range(len(index)))
        if options.storage == "hdf5":
            rows = pack_rows(options.out, index)
        index_hash = write_index(options.out, rows)
    symbols = finished.symbols | (journal.symbols() if journal else set())
    _write_manifest(options, components, symbols, index, report, held_out, index_hash)
    forget_plan(options.out)
    if options.storage == "hdf5":
        forget_packed(options.out, open_index(options.out, index_hash))
    return report


def _write_manifest(
    options: PrepareOptions,
    components: PreparationComponents,
    symbols: Collection[str],
    index: Index,
    report: PrepareReport,
    held_out: tuple[str, ...],
    index_hash: str,
) -> None:
    known = {*components.frontend.symbols(), *symbols}
    if (options.out / MANIFEST).exists():
        known |= set(read_manifest(options.out).symbols.symbols)
    manifest = Manifest(
        storage=options.storage,
        codec=components.codec.identity,
        symbols=SymbolMap.from_observed(known - {PAD, UNKNOWN}),
        languages=tuple(report.languages),
        frontend=components.frontend_name,
        frontend_options=components.frontend_options,
        codec_options=components.codec_options,
        held_out=held_out,
        utterances=len(index),
        seconds=report.seconds,
        speakers=report.speakers,
        index_hash=index_hash,
        plugins=components.plugins,
    )
    write_manifest(options.out, manifest)
