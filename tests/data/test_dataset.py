"""A dataset reads the same from any storage and refuses what is not whole."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from multiprocessing.reduction import ForkingPickler  # how a process gets what a worker is given
from types import SimpleNamespace

import pytest
import torch

from valle_core.data.dataset import open_dataset
from valle_core.data.options import STORAGES
from valle_core.data.record import Record
from valle_core.data.storage import open_store
from valle_core.interfaces import Pool
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_core.registry.scan import Scan
from valle_core.text.symbols import SymbolMap
from valle_core.training.config import DataOptions
from valle_core.training.recipe import RowRecipe
from valle_core.types import Utterance
from valle_data.made_dataset import made_records, write_dataset
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.prepare import prepare
from valle_data.storage.records import write_part
from valle_data.storage.rows import hash_of
from valle_testing.fakes.audio import FakeCodec, FakeFrontend, tone_corpus


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The same corpus prepared in every storage."""
    root = tmp_path_factory.mktemp("data")
    tone_corpus(root / "corpus", speakers=2, utterances=4)
    tone_corpus(root / "corpus", speakers=1, utterances=2, seed=1, group="held-out")
    for storage in STORAGES:
        options = PrepareOptions(source=root / "corpus", out=root / storage, storage=storage, shard_size=4)
        prepare(options, codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake")
    return root


@pytest.fixture(params=STORAGES)
def folder(folders, request, tmp_path):
    """A private copy that a test may damage."""
    import shutil

    return shutil.copytree(folders / request.param, tmp_path / "data")


def same(a: Utterance, b: Utterance) -> bool:
    facts = (a.id, a.speaker, a.language) == (b.id, b.speaker, b.language)
    return facts and torch.equal(a.symbols, b.symbols) and torch.equal(a.codes, b.codes)


def test_all_storages_hold_the_same_utterances(folders):
    files, others = open_dataset(folders / "files"), [open_dataset(folders / name) for name in ("shards", "hdf5")]
    assert len(files) == 10
    assert len(list((folders / "shards" / "shards").iterdir())) == 3
    assert len(list((folders / "hdf5").glob("*.h5"))) == 1
    assert not (folders / "hdf5" / "shards").exists()
    for other in others:
        assert files.ids == other.ids
        for id in files.ids:
            assert same(files.utterance(id), other.utterance(id))
            assert files.record(id).words == other.record(id).words
            assert files.row(id).hash == hash_of(files.record(id)) == hash_of(other.record(id))


def test_an_utterance_is_what_the_codec_and_the_frontend_said(folder, folders):
    from valle_core.audio.wav import load

    dataset = open_dataset(folder)
    id = "train/s1/002"
    wav = torch.from_numpy(load(folders / "corpus" / f"{id}.wav", 16_000))
    codes, _ = FakeCodec().encode(wav[None], torch.tensor([len(wav)]))
    text = (folders / "corpus" / f"{id}.txt").read_text().strip()
    utterance = dataset.utterance(id)
    assert torch.equal(utterance.codes, codes[0])
    assert [dataset.symbols.symbols[index] for index in utterance.symbols] == list(text)
    assert (utterance.speaker, dataset.languages[utterance.language]) == ("train/s1", "xx")
    assert dataset.row(id).text == text
    assert dataset.seconds(id) == pytest.approx(len(codes[0]) / 50)


def test_a_dataset_is_a_pool_and_gives_other_utterances_of_a_speaker(folder):
    dataset = open_dataset(folder)
    pool: Pool = dataset
    assert pool.other("train/s0", "train/s0/001") == ["train/s0/000", "train/s0/002", "train/s0/003"]
    assert pool.other("nobody", "x") == []
    assert torch.equal(pool.codes("train/s0/000"), dataset.utterance("train/s0/000").codes)
    assert dataset.codes("train/s0/000").dtype == torch.long
    assert dataset.speakers() == ("held-out/s0", "train/s0", "train/s1")


def test_the_parts_are_disjoint_and_complete_and_never_lend_to_each_other(folder):
    whole, train, held_out = (open_dataset(folder, part=part) for part in ("all", "train", "held-out"))
    assert sorted([*train.ids, *held_out.ids]) == list(whole.ids)
    assert {"held-out/s0/000", "held-out/s0/001"} < set(held_out.ids)
    assert {whole.row(id).speaker for id in held_out.ids} == set(whole.speakers())
    for id in train.ids:
        assert not set(train.other(train.row(id).speaker, id)) & set(held_out.ids)
    with pytest.raises(UserError, match="Choose all, train or held-out"):
        whole.part("test")


def test_reading_all_in_disk_order_gives_every_utterance_once(folder):
    dataset = open_dataset(folder, part="train")
    read = {utterance.id: utterance for utterance in dataset.utterances()}
    assert set(read) == set(dataset.ids)
    assert all(same(read[id], dataset.utterance(id)) for id in dataset.ids)


def test_a_dataset_travels_into_a_worker_process(folder):
    dataset = open_dataset(folder, part="train")
    dataset.utterance(dataset.ids[0])
    copy = ForkingPickler.loads(ForkingPickler.dumps(dataset))
    assert same(copy.utterance(copy.ids[1]), dataset.utterance(dataset.ids[1]))
    assert copy.speakers() == dataset.speakers()


def test_a_checkpoint_s_numbering_replaces_the_dataset_s_and_what_it_lacks_is_counted(folder):
    symbols = SymbolMap.from_observed("abcdef ")
    dataset = open_dataset(folder, symbols=symbols, languages=("de", "xx"))
    unknown = sum((symbols.unknown(record.phonemes) for record in dataset.records()), Counter())
    assert set(unknown) <= set("gh")
    assert sum(int((dataset.utterance(id).symbols == 1).sum()) for id in dataset.ids) == sum(unknown.values()) > 0
    assert dataset.utterance(dataset.ids[0]).language == 1
    with pytest.raises(UserError, match="language 'xx' is unknown"):
        open_dataset(folder, languages=("de",))


def test_an_unknown_id_is_named(folder):
    with pytest.raises(UserError, match="'nobody/1' is not in dataset"):
        open_dataset(folder).utterance("nobody/1")


def change(folder, **facts):
    path = folder / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder: (folder / "dataset.json").unlink(), "half-written"),
        (lambda folder: (folder / "dataset.json").write_text("{"), "missing or damaged .*--repair"),
        (lambda folder: (folder / "dataset.json").write_text("[]"), "not as valle writes it"),
        (lambda folder: change(folder, format_version=99), "format_version 99, this valle reads 1. Update valle"),
        (lambda folder: change(folder, format_version=0), "--repair"),
        (lambda folder: change(folder, complete=False), "half-written"),
        (lambda folder: change(folder, storage="tape"), "storage 'tape'"),
        (lambda folder: change(folder, codec={"name": "x"}), "does not name a codec"),
        (lambda folder: change(folder, symbols=[]), "symbol map"),
        (lambda folder: (folder / "index.jsonl").unlink(), "missing or damaged"),
        (lambda folder: (folder / "index.jsonl").open("a").write("{"), "half-written"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused_with_one_line(folder, damage, reason):
    damage(folder)
    with pytest.raises(UserError, match=reason) as caught:
        open_dataset(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_no_dataset_is_refused(tmp_path):
    with pytest.raises(UserError, match="is not a valle dataset"):
        open_dataset(tmp_path)
    with pytest.raises(UserError, match="is not a folder"):
        open_dataset(tmp_path / "missing")


def test_a_damaged_record_is_named(folder):
    dataset = open_dataset(folder)
    for path in folder.rglob("*"):
        if path.suffix in (".safetensors", ".h5") and path.name != "index.safetensors":
            path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(UserError, match=r"\.(safetensors|h5)' is missing or damaged") as caught:
        dataset.utterance(dataset.ids[0])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("storage", ["files", "shards"])
def test_records_without_frames_or_words_survive(storage, tmp_path):
    records = [
        Record(id="a/0", codes=torch.zeros(0, 2, dtype=torch.uint8), phonemes=(), words=()),
        Record(id="a/1", codes=torch.full((3, 2), 255, dtype=torch.uint8), phonemes=("ʃ", '"'), words=((0, 2),)),
    ]
    locations = write_part(storage, tmp_path, 0, records)
    store = open_store(storage, tmp_path)
    for record, location in zip(records, locations, strict=True):
        read = store.read(record.id, location)
        assert torch.equal(read.codes, record.codes)
        assert (read.phonemes, read.words) == (record.phonemes, record.words)


def test_a_storage_that_nobody_here_reads_is_named_with_what_installs_it(tmp_path, monkeypatch):
    monkeypatch.setattr("valle_core.registry.directory.scan", lambda: Scan((), frozenset()))
    with pytest.raises(UserError, match=r"stored as hdf5.*pip install --requirement requirements\.txt"):
        open_store("hdf5", tmp_path)


def test_mixing_and_noise_without_valle_data_name_what_installs_it(tmp_path, monkeypatch):
    write_dataset(tmp_path / "data", list(made_records(2, seconds=(0.1, 0.2))))
    dataset = open_dataset(tmp_path / "data")
    codes = dataset.codes(dataset.ids[0])
    monkeypatch.setattr("valle_core.registry.directory.scan", lambda: Scan((), frozenset()))
    settings = SimpleNamespace(frame_rate=10.0)
    recipe = RowRecipe(data=DataOptions(path=str(tmp_path / "data")), tasks=(), codec=None, settings=settings)
    pool = recipe.open(Registry.open(), dataset).source
    with pytest.raises(UserError, match=r"^a task mixes sounds\. .*pip install --requirement requirements\.txt"):
        pool.mix(codes, codes, 0.0)
    with_noise = replace(recipe, data=replace(recipe.data, noise="hum"))
    with pytest.raises(UserError, match=r"^--data\.noise 'hum' .*pip install --requirement requirements\.txt"):
        with_noise.open(Registry.open(), dataset)
