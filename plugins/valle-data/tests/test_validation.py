"""Everything that can be wrong with a dataset is found and named by its utterance."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from valle_core.data.dataset import open_dataset
from valle_core.data.options import STORAGES
from valle_core.data.record import Record
from valle_data.made_dataset import made_records, write_dataset
from valle_data.statistics import Share, statistics
from valle_data.storage.columns import COLUMNS, map_columns
from valle_data.storage.facts import write_columns, write_index
from valle_data.storage.index import read_rows
from valle_data.storage.records import write_part
from valle_data.storage.rows import hash_of
from valle_data.validation import problems


@pytest.fixture
def folder(tmp_path):
    write_dataset(tmp_path / "data", list(made_records(6, seconds=(0.1, 0.3))), held_out=("0000004",))
    return tmp_path / "data"


def change(folder, **facts):
    path = folder / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))


def change_row(folder, **facts):
    """Change the index line of utterance 2, its columns and its hash with it."""
    rows = [dataclasses.replace(row, **facts) if row.id == "0000002" else row for row in read_rows(folder)]
    change(folder, index_hash=write_index(folder, rows))


def change_record(folder, **facts):
    record = dataclasses.replace(open_dataset(folder).record("0000002"), **facts)
    write_part("files", folder, 0, [record])
    change_row(folder, hash=hash_of(record), frames=len(record.codes), seconds=len(record.codes) / 50)
    change(folder, seconds=round(sum(row.seconds for row in read_rows(folder)), 6))


@pytest.mark.parametrize("storage", STORAGES)
def test_a_whole_dataset_has_no_problems(tmp_path, storage):
    write_dataset(tmp_path, list(made_records(600, seconds=(0.1, 0.3))), storage=storage, held_out=("0000004",))
    seen = []
    assert list(problems(open_dataset(tmp_path), lambda *at: seen.append(at))) == []
    assert seen[-1] == (600, 600)


def test_a_silent_change_of_a_record_is_found_by_its_hash(folder):
    record = open_dataset(folder).record("0000002")
    write_part("files", folder, 0, [dataclasses.replace(record, codes=record.codes.flip(0))])
    (problem,) = problems(open_dataset(folder))
    assert str(problem).startswith("0000002: has hash ")


@pytest.mark.parametrize(
    ("damage", "id", "what"),
    [
        (lambda f: (f / "utterances/0000002.safetensors").unlink(), "0000002", "missing or damaged"),
        (lambda f: (f / "utterances/0000002.safetensors").write_bytes(b"x" * 30), "0000002", "missing or damaged"),
        (lambda f: change_record(f, codes=torch.full((5, 8), 256, dtype=torch.int16)), "0000002", r"be in \[0, 255\]"),
        (lambda f: change_record(f, codes=torch.zeros(5, 3, dtype=torch.uint8)), "0000002", r"must be \[frames, 8\]"),
        (lambda f: change_record(f, words=((0, 99),)), "0000002", r"word \[0, 99\] outside"),
        (lambda f: change_record(f, phonemes=("Ω",), words=()), "0000002", "symbol map lacks: Ω"),
        (lambda f: change_row(f, frames=99), "0000002", "frames, the index says 99"),
        (lambda f: change_row(f, language="zz"), "0000002", "language 'zz'"),
        (lambda f: change_row(f, id="0000001"), "0000001", "occurs twice"),
        (lambda f: change_row(f, seconds=7.0), "0000002", "lasts 7.0 s by the index"),
        (lambda f: change(f, seconds=1.0), "dataset.json", "says 1.000 seconds"),
        (lambda f: change(f, utterances=7), "dataset.json", "says 7 utterances, the index has 6"),
        (lambda f: change(f, speakers=1), "dataset.json", "says 1 speakers, the index has 3"),
        (lambda f: change(f, held_out=["nobody"]), "nobody", "is held out in dataset.json, but is not in index.jsonl"),
    ],
)
def test_what_is_wrong_is_said_with_the_utterance(folder, damage, id, what):
    import re

    damage(folder)
    found = list(problems(open_dataset(folder)))
    assert [one for one in found if one.id == id and re.search(what, one.what)], list(map(str, found))
    assert not [one for one in found if "\n" in str(one)]
    assert {one.id for one in found} <= {id, "dataset.json"}


def test_a_shard_cut_short_names_every_utterance_in_it(tmp_path):
    write_dataset(tmp_path, list(made_records(6, seconds=(0.1, 0.3))), storage="shards")
    (path,) = (tmp_path / "shards").iterdir()
    path.write_bytes(path.read_bytes()[:-3])
    found = list(problems(open_dataset(tmp_path)))
    assert [one.id for one in found] == [f"{number:07d}" for number in range(6)]
    assert all("000000.safetensors' is missing or damaged" in one.what for one in found)


def test_columns_that_say_something_else_than_the_index_are_found(folder):
    index_hash = open_dataset(folder).manifest.index_hash
    columns = {name: column.copy() for name, column in (map_columns(folder, index_hash) or {}).items()}
    columns["speakers"][3] = (columns["speakers"][3] + 1) % 3
    write_columns(folder, columns, index_hash)
    (problem,) = [one for one in problems(open_dataset(folder)) if one.id != "dataset.json"]
    assert (problem.id, COLUMNS in problem.what) == ("0000003", True)


def test_statistics_count_what_is_there(tmp_path):
    records = [
        Record(id=str(number), codes=torch.zeros(50 * (number + 1), 8, dtype=torch.uint8), phonemes=phonemes, words=())
        for number, phonemes in enumerate([("a", "b"), ("a",), ("a", "c")])
    ]
    write_dataset(tmp_path, records, speakers=2, held_out=("1",))
    found = statistics(open_dataset(tmp_path))
    assert (found.utterances, found.held_out, found.seconds) == (3, 1, 6.0)
    assert found.speakers == {"s0": Share(utterances=2, seconds=4.0), "s1": Share(utterances=1, seconds=2.0)}
    assert found.languages == {"yy": Share(utterances=2, seconds=4.0), "xx": Share(utterances=1, seconds=2.0)}
    assert list(found.phonemes.items()) == [("a", 3), ("b", 1), ("c", 1)]
    assert found.quantiles() == {"shortest": 1, "quarter": 1.5, "median": 2, "three_quarters": 2.5, "longest": 3}
    assert json.loads(json.dumps(found.to_json()))["hours"] == pytest.approx(6 / 3600, abs=1e-4)
    part = statistics(open_dataset(tmp_path, part="held-out"))
    assert (part.utterances, part.held_out, dict(part.phonemes)) == (1, 1, {"a": 1})
