"""A dataset converted to any storage and back is the same; a conversion that is killed or refused leaves nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from valle_core.data.dataset import open_dataset
from valle_core.data.options import STORAGES
from valle_core.data.record import Record
from valle_core.plugin import UserError
from valle_data.made_dataset import made_records, write_dataset
from valle_data.preparation.convert import convert
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.prepare import prepare
from valle_data.storage.columns import map_columns
from valle_data.storage.facts import write_columns
from valle_data.storage.index import hash_index
from valle_data.validation import problems
from valle_testing.fakes.audio import FakeCodec, FakeFrontend, tone_corpus


def assert_same(a: Path, b: Path) -> None:
    """Codes, texts, order, split, symbols and identity are equal."""
    one, other = open_dataset(a), open_dataset(b)
    for name in ("codec", "symbols", "languages", "frontend", "held_out", "utterances", "seconds", "speakers"):
        assert getattr(one.manifest, name) == getattr(other.manifest, name), name
    stored = [[dataclasses.replace(row, location="") for row in dataset.stored_rows()] for dataset in (one, other)]
    assert stored[0] == stored[1]
    for id in one.ids:
        left, right = one.record(id), other.record(id)
        assert (left.phonemes, left.words) == (right.phonemes, right.words)
        assert left.codes.dtype == right.codes.dtype
        assert torch.equal(left.codes, right.codes)


symbols = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=2)
one_record = st.tuples(
    st.integers(0, 6),
    st.lists(symbols, max_size=4),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=3),
)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(one_record, min_size=1, max_size=7),
    st.permutations(STORAGES),
    st.integers(1, 4),
    st.lists(symbols, min_size=1, max_size=3),
)
def test_any_dataset_survives_every_storage_and_the_way_back(facts, storages, shard_size, texts):
    records = [
        Record(
            id=f"g/{(number * 5) % 7}",  # not in the order of the ids
            codes=torch.randint(256, (frames, 8), dtype=torch.uint8),
            phonemes=tuple(phonemes),
            words=tuple(tuple(sorted(min(place, len(phonemes)) for place in word)) for word in words),
        )
        for number, (frames, phonemes, words) in enumerate(facts)
    ]
    with tempfile.TemporaryDirectory() as root:
        folders = [Path(root) / str(number) for number in range(4)]
        first, *rest = storages
        write_dataset(folders[0], records, storage=first, texts=tuple(texts), held_out=(records[0].id,))
        for source, out, storage in zip(folders, folders[1:], [*rest, first], strict=False):
            convert(source, out, storage=storage, shard_size=shard_size)
            assert open_dataset(out).manifest.storage == storage
            assert_same(folders[0], out)


@pytest.fixture
def source(tmp_path):
    write_dataset(
        tmp_path / "source", list(made_records(30, seconds=(0.1, 0.3))), storage="files", held_out=("0000003",)
    )
    return tmp_path / "source"


def test_the_progress_counts_every_utterance(source, tmp_path):
    seen = []
    made = convert(source, tmp_path / "out", storage="shards", shard_size=7, progress=lambda *at: seen.append(at))
    assert seen == [(number, 30) for number in range(1, 31)]
    assert (made.storage, made.utterances) == ("shards", 30)
    assert len(list((tmp_path / "out" / "shards").iterdir())) == 5


KILLED = """
import os, signal, sys
from pathlib import Path
from valle_data.preparation.convert import convert

left, rename = int(sys.argv[4]), os.replace

def replace(*paths):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    rename(*paths)

os.replace = replace
convert(Path(sys.argv[1]), Path(sys.argv[2]), storage=sys.argv[3], shard_size=7)
"""


@pytest.mark.parametrize(("storage", "renames"), [("shards", 3), pytest.param("hdf5", 3, marks=pytest.mark.slow)])
def test_a_killed_conversion_leaves_no_dataset_and_runs_again(source, tmp_path, storage, renames):
    out = tmp_path / "out"
    command = [sys.executable, "-c", KILLED, str(source), str(out), storage, str(renames)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert not out.exists()
    with pytest.raises(UserError, match="is not a folder"):
        open_dataset(out)
    convert(source, out, storage=storage, shard_size=7)
    assert_same(source, out)
    assert sorted(os.listdir(tmp_path)) == ["out", "source"]


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("at", range(6))
def test_a_conversion_that_fails_at_any_write_leaves_nothing(source, tmp_path, monkeypatch, storage, at):
    rename, left = os.replace, [at if storage != "files" else at * 7]

    def replace(*paths):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        rename(*paths)

    monkeypatch.setattr(os, "replace", replace)
    try:
        convert(source, tmp_path / "out", storage=storage)
    except KeyboardInterrupt:
        assert os.listdir(tmp_path) == ["source"]
    else:
        assert_same(source, tmp_path / "out")
        assert at > 4


def test_a_damaged_record_stops_it_by_name(source, tmp_path):
    from safetensors.torch import load_file, save_file

    path = source / "utterances" / "0000007.safetensors"
    tensors = load_file(path)
    tensors["codes"][0, 0] ^= 1
    save_file(tensors, path)
    with pytest.raises(UserError, match=r"utterance '0000007' of .* is damaged .* valle data validate"):
        convert(source, tmp_path / "out", storage="hdf5")
    path.unlink()
    with pytest.raises(UserError, match=r"0000007\.safetensors' is missing or damaged"):
        convert(source, tmp_path / "out", storage="shards")
    assert os.listdir(tmp_path) == ["source"]


def test_what_is_there_is_not_replaced(source, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").write_text("x")
    with pytest.raises(UserError, match=r"exists already\. Choose another --out"):
        convert(source, tmp_path / "out", storage="shards")
    with pytest.raises(UserError, match="exists already"):
        convert(source, source, storage="shards")
    (tmp_path / "empty").mkdir()
    convert(source, tmp_path / "empty", storage="shards")
    assert_same(source, tmp_path / "empty")


def test_a_second_conversion_to_the_same_place_is_refused_while_the_first_is_at_work(source, tmp_path):
    """Without the lock the second clears away what the first has written: exit 0, and a dataset without records."""
    refused = []

    def second(done, total):
        if done == 5:
            with pytest.raises(
                UserError, match=rf"out' is being written by process {os.getpid()} on .*Wait for it"
            ) as e:
                convert(source, tmp_path / "out", storage="hdf5")
            refused.append(e)

    convert(source, tmp_path / "out", storage="files", progress=second)
    assert len(refused) == 1
    assert_same(source, tmp_path / "out")
    assert sorted(os.listdir(tmp_path)) == ["out", "source"]


def test_wrong_choices_are_refused(source, tmp_path):
    with pytest.raises(UserError, match=r"storage 'tape' is unknown\. Choose one of files, shards, hdf5"):
        convert(source, tmp_path / "out", storage="tape")
    with pytest.raises(UserError, match="shard_size must be at least 1"):
        convert(source, tmp_path / "out", storage="shards", shard_size=0)
    with pytest.raises(UserError, match="is not a valle dataset"):
        convert(tmp_path, tmp_path / "out", storage="shards")


@pytest.mark.parametrize("storage", STORAGES)
def test_a_preparation_goes_on_with_the_converted_dataset(tmp_path, storage):
    tone_corpus(tmp_path / "corpus", speakers=2, utterances=3)

    def run(out, kind):
        options = PrepareOptions(source=tmp_path / "corpus", out=out, storage=kind)
        return prepare(options, codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake")

    run(tmp_path / "a", "shards" if storage == "hdf5" else "hdf5")
    convert(tmp_path / "a", tmp_path / "b", storage=storage)
    assert (run(tmp_path / "b", storage).kept, open_dataset(tmp_path / "b").manifest.storage) == (6, storage)
    tone_corpus(tmp_path / "corpus", speakers=1, utterances=2, group="more", seed=3)
    report = run(tmp_path / "b", storage)
    assert (report.kept, report.prepared) == (6, 2)
    assert list(problems(open_dataset(tmp_path / "b"))) == []
    assert len(list((tmp_path / "b").glob("*.h5"))) == (storage == "hdf5"), "the file before is gone"
    run(tmp_path / "whole", storage)
    assert_same(tmp_path / "b", tmp_path / "whole")


def forge_columns(folder: Path) -> None:
    """Let the columns give every utterance another speaker and length, with a digest that agrees."""
    index_hash = open_dataset(folder).manifest.index_hash
    columns = {name: column.copy() for name, column in (map_columns(folder, index_hash) or {}).items()}
    columns["speakers"] = columns["speakers"][::-1].copy()
    write_columns(folder, columns, index_hash)


def change_line(folder: Path, **facts) -> None:
    """Change the first line of the index, with a hash that agrees and the digest as it was."""
    first, *rest = (folder / "index.jsonl").read_text().splitlines(keepends=True)
    (folder / "index.jsonl").write_text("".join([json.dumps({**json.loads(first), **facts}) + "\n", *rest]))
    stored = json.loads((folder / "dataset.json").read_text())
    stored["index_hash"] = hash_index(folder)
    (folder / "dataset.json").write_text(json.dumps(stored))


def flip_column(folder: Path) -> None:
    content = bytearray((folder / "index.safetensors").read_bytes())
    content[-3] ^= 1
    (folder / "index.safetensors").write_bytes(content)


def test_damaged_columns_are_not_what_is_converted(tmp_path):
    for name in ("a", "b"):
        write_dataset(tmp_path / name, list(made_records(4, seconds=(0.1, 0.2))))
    flip_column(tmp_path / "b")
    convert(tmp_path / "b", tmp_path / "c", storage="shards")
    assert_same(tmp_path / "a", tmp_path / "c")


def test_columns_that_lie_are_refused_until_they_are_removed_as_the_message_says(tmp_path):
    write_dataset(tmp_path / "a", list(made_records(4, seconds=(0.1, 0.2))))
    forge_columns(tmp_path / "a")
    with pytest.raises(UserError, match=r"index\.safetensors differs from index\.jsonl; remove it"):
        convert(tmp_path / "a", tmp_path / "b", storage="shards")
    assert not (tmp_path / "b").exists()
    (tmp_path / "a" / "index.safetensors").unlink()
    convert(tmp_path / "a", tmp_path / "b", storage="shards")
    assert not list(problems(open_dataset(tmp_path / "b")))


@pytest.mark.parametrize(
    "facts",
    [{"text": "another"}, {"speaker": "s9"}, {"language": "xx"}, {"seconds": 9.0}, {"id": "x"}, {"tone": "sad"}],
)
def test_a_line_that_is_not_what_was_written_is_not_laundered(tmp_path, facts):
    write_dataset(tmp_path / "a", list(made_records(3, seconds=(0.1, 0.2))))
    change_line(tmp_path / "a", **facts)
    with pytest.raises(UserError, match=r"is not as it was written.*--repair"):
        convert(tmp_path / "a", tmp_path / "b", storage="shards")
    assert not (tmp_path / "b").exists()


def test_facts_that_disagree_with_the_index_are_not_carried_on(tmp_path):
    write_dataset(tmp_path / "a", list(made_records(3, seconds=(0.1, 0.2))))
    path = tmp_path / "a" / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "utterances": 7}))
    with pytest.raises(UserError, match="says 7 utterances, the index has 3"):
        convert(tmp_path / "a", tmp_path / "b", storage="shards")
