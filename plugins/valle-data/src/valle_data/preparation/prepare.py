"""`prepare`: a folder of recordings becomes a dataset; it may be killed at any moment, run again, and be shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from valle_core.data.manifest import NO_TEXT
from valle_core.interfaces import Codec, Frontend
from valle_core.plugin import UserError
from valle_core.registry.identity import PluginIdentity
from valle_data.preparation.aligning import Aligner
from valle_data.preparation.components import PreparationComponents
from valle_data.preparation.finding import find_recordings
from valle_data.preparation.finished import SOURCES, Finished, is_current, next_shard, read_finished, reopen
from valle_data.preparation.finishing import Listing, NothingUsable, finish, report_of
from valle_data.preparation.journal import Journal
from valle_data.preparation.languages import with_languages
from valle_data.preparation.layouts.layout import Found
from valle_data.preparation.locks import Locks
from valle_data.preparation.noise_options import LAYOUT
from valle_data.preparation.options import NOT_GIVEN, PrepareOptions
from valle_data.preparation.packing import forget_packed, left_over
from valle_data.preparation.phonemes import Phonemizer, open_cache
from valle_data.preparation.plan import PARTS, Plan, forget_plan, read_plan
from valle_data.preparation.ranks import Ranks, ShareReport
from valle_data.preparation.repair import forget_unnamed, what_is_whole
from valle_data.preparation.report import PrepareReport
from valle_data.preparation.settings import check_settings, in_vain, write_settings
from valle_data.preparation.shared import sweep
from valle_data.preparation.sources import Shares, name_of, refuse_losses, share_out
from valle_data.preparation.work import Progress, Worker

_DATASET = "dataset"  # the lock of whoever begins or finishes one


def prepare(
    options: PrepareOptions,
    *,
    codec: Codec,
    frontend: Frontend,
    frontend_name: str,
    plugins: tuple[PluginIdentity, ...] = (),
    frontend_options: Mapping[str, Any] | None = None,
    codec_options: Mapping[str, Any] | None = None,
    device: torch.device | None = None,
    aligner: Aligner | None = None,
    progress: Progress | None = None,
) -> PrepareReport:
    """Make `options.out` the dataset of `options.source`, doing only what is not done yet.

    `frontend_options` and `codec_options` are stored for those who build the two again (see
    `valle_core.assemble.portable`).
    An interrupted run leaves a folder that this call completes to what an uninterrupted run would have made.
    `plugins` says who provided codec and frontend; it is written down for those who use the dataset. `aligner` times
    the phonemes of recordings whose table does not.

    Raises:
        UserError: nothing usable was found, the folder belongs to another codec or other options, another process is
            at work on it, or the disk is full; what was finished before stays.
    """
    components = PreparationComponents(
        codec=codec,
        frontend=frontend,
        frontend_name=frontend_name,
        frontend_options=frontend_options or {},
        codec_options=codec_options or {},
        plugins=plugins,
        device=device or torch.device("cpu"),
        aligner=aligner,
    )
    report = prepare_share(options, components, Ranks(), progress=progress)
    assert isinstance(report, PrepareReport), "the only process has all parts"
    return report


def prepare_share(
    options: PrepareOptions, components: PreparationComponents, ranks: Ranks, *, progress: Progress | None = None
) -> PrepareReport | ShareReport:
    """One rank's share of `prepare`. Ranks speak to each other by files only; whoever sees all parts done finishes.

    The dataset has the bytes that one process would have made.

    Raises:
        UserError: as `prepare`.
    """
    for name in ("source", "out"):
        if getattr(options, name) is NOT_GIVEN:
            raise UserError(f"no {name} folder given. Name it: valle prepare RECORDINGS --out DATA")
    if (options.layout == LAYOUT) != (components.frontend_name == NO_TEXT):
        raise UserError(f"layout {LAYOUT} has no text: use valle prepare-noise {options.source} --out {options.out}")
    found = find_recordings(options)
    found.recordings = with_languages(found, options, components.frontend)
    check_settings(options, components)
    if options.source.is_dir() and options.out.resolve().is_relative_to(options.source.resolve()):
        raise UserError(f"--out '{options.out}' lies inside the recordings '{options.source}'. Choose a place outside")
    locks = Locks(options.out)
    shares = Shares(source=name_of(options), recordings=found.recordings)
    run = _Run(options, components, ranks, locks, found, progress, shares)
    if report := run.unchanged():
        return report
    with locks.held(ranks.lock) as other:
        names = {ranks.lock: other} if other else locks.holders()
        for name, holder in names.items():
            if name.startswith("rank-") and (other or not name.endswith(f"-of-{ranks.world_size}")):
                raise UserError(
                    f"'{options.out}' is being prepared by {holder} ({name}). Wait for it, or end it; "
                    f"if it is gone, remove '{locks.path(name)}'"
                )
        write_settings(options, components)
        return run.run()


@dataclass(slots=True)
class _Run:
    """One call of `prepare_share`, from the look at the recordings on."""

    options: PrepareOptions
    components: PreparationComponents
    ranks: Ranks
    locks: Locks
    found: Found
    progress: Progress | None
    shares: Shares
    prepared: int = 0
    left_out: int = 0
    removed: int = 0
    seconds: float = 0.0

    def unchanged(self) -> PrepareReport | None:
        """The report where there is nothing to do at all, found without a lock; else None."""
        out = self.options.out
        if self.options.repair:
            return None
        if not (out / SOURCES).exists() or (out / PARTS).exists() or left_over(out):
            return None
        finished = read_finished(out)
        self._look(finished)
        return None if finished.lacking(self.shares.recordings) else self._current(finished)

    def run(self) -> PrepareReport | ShareReport:
        """Complete what was begun; then, where it was begun by an earlier run, do what is new since."""
        while True:
            with self.locks.waited_for(_DATASET):
                finished = self._finished()
                self._look(finished)
                plan = self._plan_of_this_source()
                inherited = plan is not None
                self._refuse_losses(finished, plan)
                plan = plan or self._begin(finished)
                if plan is None:
                    forget_plan(self.options.out)  # what a killed removal left
                    return self._settled(finished)
                journal = Journal(self.options.out, plan)
                mine = journal.missing(plan.share(self.ranks.rank, self.ranks.world_size))
            if mine or inherited:
                self._sweep()
            if mine:
                self._work(journal, mine)
            with self.locks.waited_for(_DATASET):
                if read_plan(self.options.out) != plan:  # another rank saw the last part, too, and was quicker
                    return self._settled(read_finished(self.options.out))
                if missing := journal.missing(plan.numbers):
                    return self._share(plan, len(missing))
                try:
                    report = self._finish(finished, journal)
                except NothingUsable:
                    if not (inherited and self._changed(journal)):
                        raise
                    forget_plan(self.options.out)
                    continue
            if not inherited or self.ranks.world_size > 1:
                return report

    def _finished(self) -> Finished:
        """What the dataset has, of which everything is read where it is to be repaired."""
        out = self.options.out
        if not self.options.repair:
            return read_finished(out)
        if self.ranks.world_size > 1:
            raise UserError("a dataset is repaired by one process. Leave out --rank and --world-size")
        return what_is_whole(out, self.components.codec.identity)

    def _look(self, finished: Finished) -> None:
        """Tell what is this source's from what others brought."""
        self.shares = share_out(self.found, finished, self.options)

    def _plan_of_this_source(self) -> Plan | None:
        """The plan that was begun, unless all of it was in vain, or another source's that is given up."""
        out, plan = self.options.out, read_plan(self.options.out)
        if plan is None or plan.source in ("", self.shares.source):
            return plan
        if {*plan.ids} <= {one.id for one in self.shares.recordings}:
            return plan  # the same recordings under another path, e.g. of another machine
        if not in_vain(out) and not self.options.replace:
            raise UserError(
                f"'{out}' was begun with the recordings of '{plan.source}' and is not finished. Finish it first: valle "
                f"prepare {plan.source} --out {out}; or give up what was begun: --replace"
            )
        forget_plan(out)
        return None

    def _refuse_losses(self, finished: Finished, plan: Plan | None) -> None:
        """Stop before utterances are dropped whose folder only seems to be gone."""
        if self.found.lost:
            ids = self._listing().ids
            made = Journal(self.options.out, plan).outcomes_made() if plan is not None else ()
            known = [*finished.utterances(()), *(outcome.id for outcome in made if outcome.row)]
            refuse_losses(self.found.lost, (id for id in known if id not in ids))

    def _begin(self, finished: Finished) -> Plan | None:
        """The plan for what the dataset lacks, written down; None where it lacks nothing."""
        lacking, out = finished.lacking(self.shares.recordings), self.options.out
        if not lacking:
            return None
        if finished.index is None or any(id in finished.stamps and id not in finished.rejections for id in lacking):
            reopen(out)
        forget_plan(out)  # what an older valle, or a killed removal, left
        first = 0 if self.options.storage == "files" else next_shard(finished)
        plan = Plan.of(lacking, self.options, first=first, source=self.shares.source)
        plan.write(out)
        return plan

    def _sweep(self) -> None:
        """Remove what killed writers left, not what the ranks beside this one are writing."""
        sweep(self.options.out, lambda: [holder.writer for holder in self.locks.holders().values()])

    def _work(self, journal: Journal, mine: Sequence[int]) -> None:
        """Make these parts."""
        plan, ranks = journal.plan, self.ranks
        todo = sum(len(plan.part(number)) for number in mine)
        share = plan.share(ranks.rank, ranks.world_size)
        total = (
            len(self.shares.recordings) if ranks.world_size == 1 else sum(len(plan.part(number)) for number in share)
        )
        done, seconds = total - todo, self.seconds

        def moved(recordings: int, more: float) -> None:
            nonlocal done, seconds
            done, seconds = done + recordings, seconds + more
            if self.progress:
                self.progress(done, total, seconds)

        moved(0, 0.0)
        recordings = {recording.id: recording for recording in self.shares.recordings}
        phonemizer = Phonemizer(self.components.frontend, cache=open_cache(self.options.phoneme_cache, self.components))
        made = Worker(journal, recordings, self.options, self.components, phonemizer).make(mine, moved)
        self.prepared += made.utterances
        self.left_out += made.rejected
        self.seconds += made.seconds

    def _share(self, plan: Plan, missing: int) -> ShareReport:
        return ShareReport(
            out=self.options.out,
            ranks=self.ranks,
            parts=len(plan),
            missing=missing,
            prepared=self.prepared,
            rejected=self.left_out,
        )

    def _changed(self, journal: Journal) -> bool:
        """Whether a recording is new or another since the parts were made."""
        stamps = {outcome.id: outcome.stamp for outcome in journal.outcomes()}
        return Finished(stamps=stamps).lacking(self.shares.recordings) != []

    def _finish(self, finished: Finished, journal: Journal | None) -> PrepareReport:
        listing = self._listing()
        self.removed += sum(id not in listing.ids for id in finished.utterances(()))
        report = finish(
            self.options, self.components, finished, journal, listing, prepared=self.prepared, removed=self.removed
        )
        if self.options.repair and self.options.storage == "shards":
            forget_unnamed(self.options.out)
        return report

    def _settled(self, finished: Finished) -> PrepareReport:
        """The report of a dataset that lacks nothing; its files are fixed where they do not fit."""
        report = self._current(finished)
        if report is None:
            self._sweep()
            report = self._finish(finished, None)
        elif self.options.storage == "hdf5" and finished.index is not None:
            forget_packed(self.options.out, finished.index)
        return report

    def _current(self, finished: Finished) -> PrepareReport | None:
        """The report, if the files of the dataset fit each other, the recordings and the split."""
        listing = self._listing()
        gone = any(id not in listing.ids for id in finished.stamps)
        if gone or finished.index is None:
            return None
        report, held_out = report_of(
            self.options,
            finished.index,
            list(finished.rejections.values()),
            finished.treatments.values(),
            listing,
            prepared=self.prepared,
            removed=self.removed,
        )
        if not is_current(self.options.out, held_out):
            return None
        report.write()
        return report

    def _listing(self) -> Listing:
        return Listing(
            ids={recording.id for recording in self.shares.recordings} | self.shares.others.keys(),
            misplaced=[*self.found.rejected, *self.shares.rejected],
            owner=self.shares.owner,
            layout=self.found.layout,
            notes=[*self.found.notes, *self.shares.notes],
        )
