"""The HDF5 file: read by several processes at once, never half-written, and damage is named."""

from __future__ import annotations

import multiprocessing
import resource
import shutil
from multiprocessing.reduction import ForkingPickler  # how a process gets what a worker is given

import pytest
import torch

from valle_core.data.dataset import open_dataset
from valle_core.data.record import Record
from valle_core.plugin import UserError
from valle_data.made_dataset import made_records, write_dataset
from valle_data.storage import hdf5 as module
from valle_data.storage.hdf5 import Hdf5Store, file_name, pack
from valle_data.storage.rows import hash_of


@pytest.fixture
def records():
    return list(made_records(600))  # more than are written at once


@pytest.fixture
def packed(tmp_path, records):
    write_dataset(tmp_path / "data", records, storage="hdf5")
    return tmp_path / "data"


def same(a: Record, b: Record) -> bool:
    return (a.id, a.phonemes, a.words) == (b.id, b.phonemes, b.words) and torch.equal(a.codes, b.codes)


def hashes(dataset, ids, answers):
    answers.put([hash_of(dataset.record(id)) for id in ids])


def test_rows_are_read_one_by_one_and_together(packed, records):
    dataset = open_dataset(packed)
    assert all(same(dataset.record(record.id), record) for record in records[::37])
    assert all(same(read, record) for read, record in zip(dataset.records(), records, strict=True))
    some = dataset.subset([dataset.ids[place] for place in (0, 1, 5, 300, 599)])
    assert all(same(read, records[int(read.id)]) for read in some.records())


@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_workers_open_the_file_for_themselves(packed, records, method):
    dataset = open_dataset(packed)
    dataset.record(dataset.ids[0])  # the parent's handle is open when the workers begin
    context = multiprocessing.get_context(method)
    answers = context.Queue()
    parts = [list(dataset.ids[start:60:2]) for start in range(2)]
    workers = [context.Process(target=hashes, args=(dataset, part, answers)) for part in parts]
    for worker in workers:
        worker.start()
    mine = [hash_of(dataset.record(id)) for id in dataset.ids]
    found = [answers.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert mine == [hash_of(record) for record in records]
    assert sorted(found) == sorted([mine[start:60:2] for start in range(2)])


def test_a_handle_that_came_through_a_fork_is_not_used(packed, monkeypatch):
    opened = []
    real = module._Opened
    monkeypatch.setattr(module, "_Opened", lambda file: opened.append(file) or real(file))
    dataset = open_dataset(packed)
    dataset.record("0000001")
    dataset.record("0000002")
    assert len(opened) == 1
    monkeypatch.setattr(module.os, "getpid", lambda: 1)
    dataset.record("0000001")
    assert len(opened) == 2


def test_a_store_travels_without_its_handle(packed):
    dataset = open_dataset(packed)
    first = dataset.record(dataset.ids[0])
    assert same(ForkingPickler.loads(ForkingPickler.dumps(dataset)).record(first.id), first)


def test_equal_records_make_equal_bytes_and_others_another_name(tmp_path, records):
    names = []
    for folder, some in ((tmp_path / "a", records), (tmp_path / "b", records), (tmp_path / "c", records[1:])):
        name = file_name((record.id, hash_of(record)) for record in some)
        assert list(pack(folder, name, iter(some))) == [(name, row) for row in range(len(some))]
        names.append(name)
    assert names[0] == names[1] != names[2]
    assert (tmp_path / "a" / names[0]).read_bytes() == (tmp_path / "b" / names[0]).read_bytes()


def test_a_file_that_is_packed_only_in_part_does_not_appear(tmp_path, records):
    locations = pack(tmp_path, "records-0.h5", iter(records))
    assert next(locations) == ("records-0.h5", 0)
    assert not (tmp_path / "records-0.h5").exists()
    locations.close()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(tmp_path, records):
    """The kernel's own limit on file sizes stands for the full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(UserError, match="no space left while writing") as caught:
            list(pack(tmp_path, "records-0.h5", iter(records)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("keep", [0, 10, 1000, -1000])
def test_a_truncated_file_is_named_in_one_line(packed, keep):
    (path,) = packed.glob("*.h5")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"records-\w+\.h5' is missing or damaged") as caught:
        open_dataset(packed).utterance("0000599")
    assert "\n" not in str(caught.value)


def test_a_row_behind_the_end_and_a_missing_part_are_named(packed, tmp_path):
    import h5py

    (path,) = packed.glob("*.h5")
    damaged = shutil.copytree(packed, tmp_path / "damaged")
    with h5py.File(damaged / path.name, "a") as file:
        del file["words"]
    with pytest.raises(UserError, match="fewer rows than the index says"):
        Hdf5Store(packed).read("x", (path.name, 600))
    with pytest.raises(UserError, match="missing or damaged"):
        Hdf5Store(damaged).read("x", (path.name, 0))


def test_records_without_frames_or_words_survive(tmp_path):
    records = [
        Record(id="a/0", codes=torch.zeros(0, 2, dtype=torch.int16), phonemes=(), words=()),
        Record(id="a/1", codes=torch.full((3, 2), 1023, dtype=torch.int16), phonemes=("ʃ", '"'), words=((0, 2),)),
    ]
    locations = list(pack(tmp_path, "records-0.h5", iter(records)))
    store = Hdf5Store(tmp_path)
    assert all(same(store.read(one.id, at), one) for one, at in zip(records, locations, strict=True))
    assert store.read("a/1", locations[1]).codes.dtype == torch.int16
