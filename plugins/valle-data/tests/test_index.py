"""Opening a dataset maps its columns and makes no objects; what they cannot say, `index.jsonl` does."""

from __future__ import annotations

import random
from multiprocessing.reduction import ForkingPickler  # how a process gets what a worker is given

import numpy as np
import pytest
import torch

from valle_core.data.dataset import open_dataset
from valle_core.data.options import BatchOptions
from valle_core.data.record import IndexEntry
from valle_core.plugin import UserError
from valle_data.batching.batches import Batches
from valle_data.made_dataset import made_records, made_row, write_dataset, write_facts
from valle_data.storage import index as module
from valle_data.storage.columns import COLUMNS, ColumnWriter, Strings
from valle_data.storage.index import INDEX, Index, read_rows

MANY = 20_000


def rows_of(count):
    return [
        made_row(f"g{number % 7}/{number:06d}", number, 50 + number % 300, ("shards/000000.safetensors", number),
                 f"{number:016x}", speakers=50, texts=("the boat", "ʃɪp \u2028 ✓", ""))
        for number in range(count)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """An index of many rows whose records are never read; stored in another order than that of the ids."""
    folder = tmp_path_factory.mktemp("large")
    rows = rows_of(MANY)
    held_out = tuple(sorted(row.id for row in rows[::50]))
    write_facts(folder, rows, storage="shards", held_out=held_out, phonemes=set("ab"))
    return folder


@pytest.fixture
def made(monkeypatch):
    """Counts the `IndexEntry` objects that reading makes."""
    counted = []

    def counting(**facts):
        counted.append(facts["id"])
        return IndexEntry(**facts)

    monkeypatch.setattr(module, "IndexEntry", counting)
    return counted


def test_opening_and_planning_make_no_row_objects(large, made):
    dataset = open_dataset(large, part="train")
    batches = Batches(dataset, BatchOptions(seconds=60.0))
    first = next(iter(batches))
    assert (len(dataset), made) == (MANY - MANY // 50, [])
    assert set(first) < set(dataset.ids)
    assert dataset.other("s1", first[0])
    assert made == []
    assert dataset.row(first[0]).id == first[0]
    assert made == [first[0]]


def test_a_dataset_without_columns_opens_to_the_same_rows(large, tmp_path):
    import shutil

    old = shutil.copytree(large, tmp_path / "old")
    (old / COLUMNS).unlink()
    with_columns, without = open_dataset(large), open_dataset(old)
    assert list(with_columns.rows()) == list(without.rows())
    assert list(with_columns.stored_rows()) == list(without.stored_rows()) == rows_of(MANY)
    assert with_columns.ids == without.ids == sorted(row.id for row in rows_of(MANY))
    assert with_columns.speakers() == without.speakers()
    assert Batches(with_columns, BatchOptions()).state_dict() == Batches(without, BatchOptions()).state_dict()


@pytest.mark.parametrize("damage", ["another index", "truncated", "no columns"])
def test_columns_that_do_not_fit_are_not_used(tmp_path, damage, caplog):
    write_dataset(tmp_path / "a", list(made_records(5)))
    write_dataset(tmp_path / "b", list(made_records(5, seed=1)))
    path = tmp_path / "a" / COLUMNS
    content = {
        "another index": (tmp_path / "b" / COLUMNS).read_bytes(),
        "truncated": path.read_bytes()[:-9],
        "no columns": b"",
    }
    path.write_bytes(content[damage])
    dataset = open_dataset(tmp_path / "a")
    assert list(dataset.rows()) == list(read_rows(tmp_path / "a"))
    assert "does not fit index.jsonl" in caplog.text


def test_a_changed_index_is_noticed_although_the_columns_are_whole(tmp_path):
    write_dataset(tmp_path, list(made_records(5)))
    path = tmp_path / INDEX
    path.write_bytes(path.read_bytes().replace(b"a text", b"A text", 1))
    with pytest.raises(UserError, match="half-written"):
        open_dataset(tmp_path)


def test_an_open_dataset_travels_by_name_and_notices_that_it_was_replaced(large, tmp_path):
    import shutil

    folder = shutil.copytree(large, tmp_path / "data")
    dataset = open_dataset(folder, part="train")
    _ = dataset.speakers()
    carried = ForkingPickler.dumps(dataset)
    assert len(carried) < 12 * MANY  # a place and a bit for each, no strings
    assert ForkingPickler.loads(carried).ids == dataset.ids
    write_facts(folder, rows_of(10), storage="shards", held_out=(), phonemes=set("ab"))
    with pytest.raises(UserError, match="was changed while it was open"):
        ForkingPickler.loads(carried)


def test_ids_are_found_by_search_and_only_those(large):
    dataset = open_dataset(large, part="held-out")
    for row in rows_of(MANY)[::501]:
        if row.id in dataset.manifest.held_out:
            assert dataset.row(row.id) == row
        else:
            with pytest.raises(UserError, match="is not in dataset"):
                dataset.row(row.id)
    for id in ("", "g0", "g9/000001", "zzz"):
        with pytest.raises(UserError, match="is not in dataset"):
            dataset.row(id)


def test_ids_behave_like_a_tuple(large):
    ids = open_dataset(large, part="held-out").ids
    listed = list(ids)
    assert (len(ids), ids[0], ids[-1], list(ids[3:9])) == (len(listed), listed[0], listed[-1], listed[3:9])
    assert listed[5] in ids
    assert ids == tuple(listed)
    assert ids != listed[1:]
    assert random.Random(0).sample(ids, 3) == random.Random(0).sample(listed, 3)
    with pytest.raises(IndexError):
        ids[len(ids)]


def test_an_empty_index_and_strange_strings_survive():
    assert len(Index(ColumnWriter().columns())) == 0
    writer = ColumnWriter()
    rows = [
        made_row(id, 0, 3, "a", "h", speakers=1, texts=(text,)) for id, text in (("ß", "\n"), ("a", ""), ("𝛼", "é"))
    ]
    for row in rows:
        writer.add(row)
    index = Index(writer.columns())
    assert [index.row(place) for place in range(3)] == rows
    assert [index.ids[int(place)] for place in index.order] == sorted(row.id for row in rows)
    assert [index.place(row.id) for row in rows] == [0, 1, 2]


def test_strings_far_apart_are_read_one_by_one_and_close_ones_together():
    texts = [str(number) * 3 for number in range(1000)]
    encoded = [text.encode() for text in texts]
    strings = Strings(np.frombuffer(b"".join(encoded), np.uint8), np.cumsum([0, *map(len, encoded)]))
    for places in (np.array([7, 990, 3]), np.arange(0, 1000, 2), np.arange(0)):
        assert list(strings.at(places)) == [texts[place] for place in places]


def test_a_subset_of_nothing_and_of_some_keeps_the_order(large):
    dataset = open_dataset(large)
    some = [dataset.ids[9], dataset.ids[2]]
    assert dataset.subset(some).ids == sorted(some)
    assert len(dataset.subset([])) == 0
    assert torch.equal(torch.from_numpy(dataset.subset(some).durations),
                       torch.tensor([dataset.seconds(id) for id in sorted(some)], dtype=torch.float64))  # fmt: skip
