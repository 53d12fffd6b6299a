"""Short first: the longest utterance grows, ranks stay disjoint, and a resumed run reads what it would have read."""

from __future__ import annotations

import json
from random import Random

import numpy as np
import pytest

from valle_core.data.options import BatchOptions
from valle_core.plugin import UserError
from valle_data.batching.batches import Batches
from valle_data.batching.curriculum import described


class Listed:
    """A dataset that is only its durations."""

    def __init__(self, count: int = 300, longest: float = 9.5) -> None:
        rng = Random(0)
        self.ids = tuple(f"{number:04d}" for number in range(count))
        self.durations = np.array([round(rng.uniform(0.5, longest), 2) for _ in self.ids])
        self.speaker_numbers = np.arange(count) % 7

    def seconds(self, batch):
        return [self.durations[int(id)] for id in batch]


OPTIONS = BatchOptions(seconds=30.0, curriculum=100, curriculum_seconds=2.0)


def read(batches, count):
    """(epoch, batch) of so many batches."""
    found = []
    while len(found) < count:
        for ids in batches:
            found.append((batches.epoch, ids))
            if len(found) == count:
                break
    return found


def limit(batches, longest=9.5):
    return min(2.0 + (longest - 2.0) * batches / 100, longest)


def test_the_longest_utterance_grows_from_the_first_to_the_last():
    dataset = Listed()
    batches = Batches(dataset, OPTIONS)
    before, epoch = 0, 0
    longest = []
    for number, (now, ids) in enumerate(read(batches, 130)):
        if now != epoch:
            before, epoch = number, now
        assert max(dataset.seconds(ids)) <= limit(before, dataset.durations.max()) + 1e-9
        longest.append(max(dataset.seconds(ids)))
    assert max(longest[:2]) <= 2.0
    assert max(longest[100:]) > 9.0
    assert np.mean(longest[:25]) < np.mean(longest[25:50]) < np.mean(longest[50:75]) < np.mean(longest[75:100])


def test_the_limit_grows_at_least_ten_times_where_an_epoch_is_long():
    dataset = Listed(20_000)
    epochs = {epoch for epoch, _ in read(Batches(dataset, OPTIONS), 100)}
    assert len(epochs) == 10


def test_after_the_curriculum_epochs_are_whole():
    dataset = Listed()
    batches = Batches(dataset, OPTIONS)
    epoch = read(batches, 100)[-1][0]
    while batches.epoch <= epoch + 1:
        last = list(batches)
    assert sorted(id for batch in last for id in batch) == list(dataset.ids)
    assert batches.waiting == 0


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("order", ["random", "interleaved", "by-speaker"])
def test_ranks_are_disjoint_and_equally_long_in_every_epoch(world, order):
    dataset = Listed()
    options = BatchOptions(seconds=30.0, curriculum=40, curriculum_seconds=2.0, order=order)
    ranks = [Batches(dataset, options, rank=rank, world=world) for rank in range(world)]
    for _ in range(12):
        parts = [list(rank) for rank in ranks]
        assert len({len(part) for part in parts}) == 1
        ids = [id for part in parts for batch in part for id in batch]
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize("stop", [1, 4, 17, 63, 99, 100, 140])
def test_a_resumed_run_reads_what_an_uninterrupted_one_reads(stop):
    dataset = Listed()
    expected = read(Batches(dataset, OPTIONS, rank=1, world=2), 170)
    first = Batches(dataset, OPTIONS, rank=1, world=2)
    assert read(first, stop) == expected[:stop]
    resumed = Batches(dataset, OPTIONS, rank=1, world=2)
    resumed.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert read(resumed, 170 - stop) == expected[stop:]


def test_what_waits_is_counted_and_told(caplog):
    dataset = Listed()
    batches = Batches(dataset, OPTIONS)
    first = list(batches)
    batches.start_epoch(0)
    short = int((dataset.durations <= 2.0).sum())
    assert sum(map(len, first)) == short
    assert f"curriculum: {short} of 300 utterances are in epoch 0, up to" in caplog.text
    assert f"; {300 - short} wait" in caplog.text
    assert Batches(dataset, BatchOptions(seconds=30.0)).waiting == 0


def test_a_curriculum_that_begins_with_nothing_is_refused():
    options = BatchOptions(seconds=30.0, curriculum=10, curriculum_seconds=0.4)
    with pytest.raises(UserError, match=r"0 of 300 utterances, 2 or more .*the shortest lasts 0\.5"):
        Batches(Listed(), options, world=2)
    for wrong in ({"curriculum": -1}, {"curriculum": 5, "curriculum_seconds": 1.0, "min_seconds": 1.0}):
        with pytest.raises(UserError):
            BatchOptions(**wrong)


def test_a_curriculum_over_utterances_that_are_all_short_changes_nothing():
    dataset = Listed(longest=1.9)
    plain = BatchOptions(seconds=30.0)
    assert read(Batches(dataset, OPTIONS), 10)[:3] == read(Batches(dataset, plain), 10)[:3]


def test_runs_from_before_there_was_a_curriculum_can_go_on():
    old = "BatchOptions(seconds=60.0, buckets=8, min_seconds=0.0, max_seconds=None, order='random', seed=0)"
    assert described(BatchOptions(seconds=60.0)) == old
    assert "curriculum=5" in described(BatchOptions(curriculum=5))
    batches = Batches(Listed(), BatchOptions())
    state = {name: value for name, value in batches.state_dict().items() if name != "before"}
    batches.load_state_dict(state)
    with pytest.raises(UserError, match="not those"):
        Batches(Listed(), OPTIONS).load_state_dict(batches.state_dict())
