"""Batches are bounded, complete, disjoint between ranks, and go on exactly where they stopped."""

from __future__ import annotations

import hashlib
import json
import os
from random import Random
from types import SimpleNamespace

import numpy as np
import pytest

from valle_core.data.options import BatchOptions
from valle_core.plugin import UserError
from valle_data.batching.batches import Batches
from valle_data.batching.epoch_batches import EpochBatches, batches_of_epoch, bucket_bounds, deal, permutation

ORDERS = ("random", "interleaved", "by-speaker")


class Listed:
    """A dataset that is only its durations."""

    def __init__(self, count: int = 300, speakers: int = 7, seed: int = 0) -> None:
        rng = Random(seed)
        self.rows = {
            f"s{index % speakers}/{index:04d}": SimpleNamespace(
                speaker=f"s{index % speakers}", seconds=round(rng.uniform(0.5, 9.5), 2)
            )
            for index in range(count)
        }
        self.ids = tuple(sorted(self.rows))

    @property
    def durations(self):
        return np.array([self.rows[id].seconds for id in self.ids])

    @property
    def speaker_numbers(self):
        return np.unique([self.rows[id].speaker for id in self.ids], return_inverse=True)[1]

    def padded(self, batch: tuple[str, ...]) -> float:
        return len(batch) * max(self.rows[id].seconds for id in batch)


def epoch_of_ranks(dataset, options, world, epochs=1):
    ranks = [Batches(dataset, options, rank=rank, world=world) for rank in range(world)]
    return [[list(rank) for rank in ranks] for _ in range(epochs)]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seconds", [10.0, 40.0])
def test_every_batch_stays_within_the_seconds_and_every_utterance_comes_once(order, seconds):
    dataset = Listed()
    batches = list(Batches(dataset, BatchOptions(seconds=seconds, order=order)))
    assert sorted(id for batch in batches for id in batch) == list(dataset.ids)
    assert max(dataset.padded(batch) for batch in batches) <= seconds + 1e-6
    fill = sum(dataset.padded(batch) for batch in batches) / (seconds * len(batches))
    assert fill > 0.5


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("world", [2, 3, 8])
def test_ranks_are_disjoint_equally_long_and_together_complete(order, world):
    dataset = Listed()
    for ranks in epoch_of_ranks(dataset, BatchOptions(seconds=40.0, order=order), world, epochs=2):
        assert len({len(batches) for batches in ranks}) == 1
        read = [id for batches in ranks for batch in batches for id in batch]
        assert sorted(read) == list(dataset.ids)
        assert all(dataset.padded(batch) <= 40.0 + 1e-6 for batches in ranks for batch in batches)


def test_the_launcher_s_environment_does_not_change_the_parts(monkeypatch):
    dataset, options = Listed(), BatchOptions(seconds=40.0)
    plain = list(Batches(dataset, options, rank=1, world=2))
    monkeypatch.setitem(os.environ, "WORLD_SIZE", "4")
    monkeypatch.setitem(os.environ, "RANK", "3")
    assert list(Batches(dataset, options, rank=1, world=2)) == plain


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("stop", [0, 1, 7, 20])
def test_a_resumed_run_reads_what_an_uninterrupted_one_reads(order, stop):
    dataset, options = Listed(), BatchOptions(seconds=30.0, order=order, seed=3)
    whole = Batches(dataset, options, rank=1, world=2)
    expected = [list(whole) for _ in range(3)]
    first = Batches(dataset, options, rank=1, world=2)
    list(first)
    for _, _batch in zip(range(stop), first, strict=False):
        pass
    state = json.loads(json.dumps(first.state_dict()))
    resumed = Batches(dataset, options, rank=1, world=2)
    resumed.load_state_dict(state)
    assert [list(resumed) for _ in range(2)] == [expected[1][stop:], expected[2]]


def test_a_state_taken_after_the_last_batch_goes_on_with_the_next_epoch():
    dataset, options = Listed(40), BatchOptions(seconds=30.0)
    whole = Batches(dataset, options)
    _, second = list(whole), list(whole)
    first = Batches(dataset, options)
    state = {**first.state_dict(), "batch": len(first)}
    resumed = Batches(dataset, options)
    resumed.load_state_dict(state)
    assert list(resumed) == []
    assert list(resumed) == second


def test_the_sizes_of_all_utterances_are_hashed_once_and_not_at_every_batch(monkeypatch):
    batches, hashed, sha256 = Batches(Listed(40), BatchOptions(seconds=30.0)), [], hashlib.sha256
    monkeypatch.setattr(hashlib, "sha256", lambda content: hashed.append(len(content)) or sha256(content))
    states = [batches.state_dict() for _ in batches]
    assert len(states) > 2
    assert hashed.count(40 * 8) == 1


def test_epochs_and_seeds_differ_and_repeat():
    dataset = Listed()
    runs = [Batches(dataset, BatchOptions(seconds=30.0, seed=seed)) for seed in (0, 0, 1)]
    epochs = [[list(run), list(run)] for run in runs]
    assert epochs[0] == epochs[1]
    assert epochs[0][0] != epochs[0][1]
    assert epochs[0] != epochs[2]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"world": 2, "batch": 10_000}, r"must be in \[0, \d+\], got 20000"),
        ({"world": 0}, "ranks and the batches they read must be pairs in"),
        ({"dealt": [[2]]}, "ranks and the batches they read must be pairs in"),
        ({"dealt": [[1, -1]]}, "ranks and the batches they read must be pairs in"),
        ({"dealt": 3}, "ranks and the batches they read must be pairs in"),
        ({"fingerprint": "0" * 16}, "is not that of"),
        ({"fingerprint": "0" * 16, "sketch": None}, "not those"),
        ({"fingerprint": "0" * 16, "utterances": 299, "sketch": ["0" * 16]}, "nor has it only grown"),
        ({"batch": 10_000}, r"must be in \[0, \d+\], got 10000"),
        ({"planner": 1}, "another version of valle"),
        ({"planner": None}, "another version of valle"),
    ],
)
def test_a_state_of_another_run_is_refused(change, reason):
    batches = Batches(Listed(), BatchOptions())
    with pytest.raises(UserError, match=reason):
        batches.load_state_dict({**batches.state_dict(), **change})


@pytest.mark.parametrize("options", [BatchOptions(seconds=30.0), BatchOptions(seconds=30.0, curriculum=40)])
def test_a_dataset_that_has_grown_goes_on_with_the_next_epoch(options, caplog):
    before = Batches(Listed(200), options)
    list(before)
    for _, _batch in zip(range(3), before, strict=False):
        pass
    state = json.loads(json.dumps(before.state_dict()))
    after = Batches(Listed(300), options)
    after.load_state_dict(state)
    assert (after.epoch, after.batch) == (2, 0)
    assert "has grown from 200 to 300 utterances" in caplog.text
    direct = Batches(Listed(300), options)
    direct.start_epoch(2)
    if not options.curriculum:
        assert list(after) == list(direct)


def test_a_dataset_that_has_shrunk_or_is_another_is_refused():
    state = Batches(Listed(200), BatchOptions(seconds=30.0)).state_dict()
    for other in (Listed(150), Listed(300, seed=1)):
        with pytest.raises(UserError, match="is not that of the interrupted run, nor has it only grown"):
            Batches(other, BatchOptions(seconds=30.0)).load_state_dict(state)


def test_other_options_are_another_run():
    state = Batches(Listed(), BatchOptions(seconds=30.0)).state_dict()
    with pytest.raises(UserError, match="not those"):
        Batches(Listed(), BatchOptions(seconds=31.0)).load_state_dict(state)


def test_filters_count_what_they_leave_out(caplog):
    dataset = Listed()
    short = sum(row.seconds < 2 for row in dataset.rows.values())
    long = sum(row.seconds > 6 for row in dataset.rows.values())
    batches = Batches(dataset, BatchOptions(seconds=30.0, min_seconds=2.0, max_seconds=6.0))
    assert batches.left_out == {"shorter than 2 s": short, "longer than 6 s": long}
    assert f"{short} shorter than 2 s" in caplog.text
    assert sum(len(batch) for batch in batches) == 300 - short - long


def test_an_utterance_longer_than_a_batch_is_counted_not_lost(caplog):
    batches = Batches(Listed(), BatchOptions(seconds=5.0, max_seconds=8.0))
    assert set(batches.left_out) == {"longer than 8 s", "longer than a batch of 5 s"}
    assert "longer than a batch of 5 s" in caplog.text


def test_a_filter_that_leaves_nothing_is_refused_with_its_counts():
    with pytest.raises(UserError, match=r"0 of 300 utterances are in batches \(300 shorter than 60 s\)"):
        Batches(Listed(), BatchOptions(seconds=90.0, min_seconds=60.0))


def ranks_of(world, state, options, dataset):
    ranks = [Batches(dataset, options, rank=rank, world=world) for rank in range(world)]
    for rank in ranks:
        rank.load_state_dict(json.loads(json.dumps(state)))
    return ranks


def read(ranks, count):
    """So many batches of each rank, in the order in which one process would read them; the state then."""
    iterators = [iter(rank) for rank in ranks]
    found = [next(each) for _ in range(count) for each in iterators]
    return found, ranks[0].state_dict()


@pytest.mark.parametrize("options", [BatchOptions(seconds=30.0), BatchOptions(seconds=30.0, curriculum=40)])
@pytest.mark.parametrize("worlds", [(2, 1), (1, 2), (2, 4, 1), (3, 2, 3)])
def test_another_number_of_processes_goes_on_with_what_is_left_of_the_epoch(worlds, options):
    dataset = Listed()
    every, state = [], Batches(dataset, options).state_dict()
    for world in worlds[:-1]:
        batches, state = read(ranks_of(world, state, options, dataset), 1 if options.curriculum else 3)
        every += batches
    ranks = ranks_of(worlds[-1], state, options, dataset)
    every += [batch for rank in ranks for batch in rank]
    ids = [id for batch in every for id in batch]
    assert len(ids) == len(set(ids))
    if not options.curriculum:
        assert len(ids) + ranks[0].left_over >= 300 - max(worlds)
    assert {rank.epoch for rank in ranks} == {1}
    assert "dealt" not in ranks[0].state_dict()


def test_processes_read_in_the_order_of_one_where_the_batches_divide(caplog):
    dataset, options = Listed(), BatchOptions(seconds=30.0)
    whole = list(Batches(dataset, options))
    assert len(whole) % 2 == 0
    first, state = read(ranks_of(2, Batches(dataset, options, world=2).state_dict(), options, dataset), 3)
    (one,) = ranks_of(1, state, options, dataset)
    second, state = read([one], 4)
    assert "saved by 2 processes and goes on with 1" in caplog.text
    assert "--accumulate × 2" in caplog.text
    assert first + second + read(ranks_of(2, state, options, dataset), 2)[0] == whole[:14]


def test_too_many_processes_are_refused_and_a_remainder_is_counted():
    with pytest.raises(UserError, match="3 utterances cannot feed 4 processes"):
        Batches(Listed(3), BatchOptions(), world=4)
    ranks = [Batches(Listed(5), BatchOptions(seconds=10.0), rank=rank, world=2) for rank in range(2)]
    read = [id for rank in ranks for batch in rank for id in batch]
    assert len(read) == len(set(read)) == 4
    assert ranks[0].left_over == 1


def test_interleaved_batches_mix_speakers_and_by_speaker_batches_do_not():
    dataset = Listed()

    def speakers(order):
        batches = list(Batches(dataset, BatchOptions(seconds=30.0, order=order)))
        return [len({id.split("/")[0] for id in batch}) / len(batch) for batch in batches if len(batch) > 2]

    assert all(share <= 0.5 for share in speakers("by-speaker"))
    interleaved = speakers("interleaved")
    assert sum(interleaved) / len(interleaved) > 0.8


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_a_handful_of_equal_utterances_is_batched(count):
    for order in ORDERS:
        options = BatchOptions(seconds=4.0, order=order)
        batches = batches_of_epoch(np.full(count, 2.0), np.zeros(count, np.int64), options, seed=0, epoch=0)
        assert sorted(batches.utterances) == list(range(count))
        assert max(batches.sizes()) <= 2


def test_bucket_bounds_rise_and_end_at_the_longest():
    seconds = np.array([Random(0).uniform(1, 10) for _ in range(100)])
    bounds = bucket_bounds(seconds, 5).tolist()
    assert bounds == sorted(set(bounds))
    assert len(bounds) <= 5
    assert bounds[-1] == seconds.max()


def test_each_bucket_holds_about_equally_much_audio():
    seconds = np.array([Random(index).uniform(1, 10) for index in range(2000)])
    bucket = np.searchsorted(bucket_bounds(seconds, 4), seconds)
    shares = [seconds[bucket == one].sum() / seconds.sum() for one in range(4)]
    assert max(shares) < 0.27


def test_dealing_halves_batches_rather_than_repeat_utterances():
    dealt = deal(EpochBatches(np.arange(7), np.array([0, 4, 5, 7])), 4)
    assert dealt.sizes().tolist() == [2, 2, 1, 2]
    assert dealt.utterances.tolist() == list(range(7))


def test_an_order_is_drawn_the_same_everywhere():
    """Written down, so that a change of the drawing (or of numpy) is noticed before a resumed run is wrong."""
    assert permutation(8, "a").tolist() == [5, 7, 3, 0, 2, 6, 1, 4]
    assert sorted(permutation(1000, "b")) == list(range(1000))
    places = np.mean([np.flatnonzero(permutation(100, str(key)) == 7)[0] for key in range(400)])
    assert 43 < places < 56
