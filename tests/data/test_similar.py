"""Similar utterances: found exactly, in an order that repeats, and refused when the dataset has changed."""

from __future__ import annotations

import dataclasses
import json
from random import Random

import numpy as np
import pytest
import torch
from safetensors import safe_open
from valle_tasks.options import TextToSpeechOptions
from valle_tasks.tts import TextToSpeech

from valle_core.data.dataset import open_dataset
from valle_core.data.pool import TrainingPool
from valle_core.data.record import Record
from valle_core.plugin import UserError
from valle_data import neighbours
from valle_data.embeddings import codebook_statistics, embed
from valle_data.made_dataset import MADE, write_dataset
from valle_data.neighbours import mean_cosine, nearest, normalised
from valle_data.similar import make_similar
from valle_data.similar_index import FILES, open_similar
from valle_data.storage.facts import write_manifest
from valle_data.storage.manifest import read_manifest

CLUSTERS = 4


class MadeCodec:
    """Codebooks alone: a code of level 0 lies on a circle, by its number."""

    codebooks = torch.zeros(8, 256, 3)
    codebooks[0, :, 0] = torch.cos(torch.arange(256) * (2 * torch.pi / 240))
    codebooks[0, :, 1] = torch.sin(torch.arange(256) * (2 * torch.pi / 240))
    identity = MADE


def brute(vectors, group, count):
    rows = []
    for i in group:
        order = sorted((j for j in group if j != i), key=lambda j: (-round(float(vectors[i] @ vectors[j]), 6), j))
        rows.append([*order[:count], *[-1] * (count - len(order[:count]))])
    return rows


@pytest.fixture
def vectors():
    return normalised(np.random.default_rng(0).standard_normal((60, 5)))


def test_neighbours_are_the_nearest_of_the_group_and_never_itself(vectors, monkeypatch):
    groups = [np.arange(0, 60, 2), np.array([1, 3, 5]), np.array([7])]
    for cells in (1, 100, 1 << 22):  # blocks of one row, of a few, of all
        monkeypatch.setattr(neighbours, "_CELLS", cells)
        places, cosines = nearest(vectors, groups, 6)
        for group in groups:
            assert places[group].tolist() == brute(vectors, group.tolist(), 6)
        assert (places[9] == -1).all()
        shown = places[0] >= 0
        np.testing.assert_allclose(cosines[0][shown], vectors[places[0][shown]] @ vectors[0], atol=1e-6)
        assert (np.diff(cosines[0]) <= 1e-6).all()


def test_equal_vectors_come_in_the_order_of_their_places(monkeypatch):
    vectors = normalised(np.repeat(np.random.default_rng(1).standard_normal((3, 4)), 20, axis=0))
    for cells in (60, 1 << 22):
        monkeypatch.setattr(neighbours, "_CELLS", cells)
        places, _ = nearest(vectors, [np.arange(60)], 5)
        assert places[7].tolist() == [0, 1, 2, 3, 4]
        assert places[0].tolist() == [1, 2, 3, 4, 5]
        assert places[59].tolist() == [40, 41, 42, 43, 44]


def test_normalised_vectors_have_length_one_and_dead_dimensions_do_nothing():
    table = np.random.default_rng(2).standard_normal((50, 4)) * [1, 100, 0, 1] + [0, 5, 3, 0]
    found = normalised(table)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert (found[:, 2] == 0).all()
    assert (normalised(np.ones((5, 3))) == 0).all()


def test_the_mean_cosine_is_that_of_all_pairs(vectors):
    groups = [np.arange(10), np.arange(10, 13)]
    pairs = [vectors[i] @ vectors[j] for group in groups for i in group for j in group if i != j]
    assert mean_cosine(vectors, groups) == pytest.approx(np.mean(pairs), abs=1e-6)
    assert np.isnan(mean_cosine(vectors, [np.array([1])]))


def clustered(count=120, seed=0):
    """Records of `count` utterances; number n lies in cluster n // 3 % CLUSTERS (its speaker is n % 3)."""
    generator = torch.Generator().manual_seed(seed)
    for number in range(count):
        codes = torch.randint(256, (20 + number % 7, 8), dtype=torch.uint8, generator=generator)
        codes[:, 0] = 60 * (number // 3 % CLUSTERS) + number % 20
        yield Record(id=f"{number:04d}", codes=codes, phonemes=("a",), words=((0, 1),))


def cluster(id: str) -> int:
    return int(id) // 3 % CLUSTERS


@pytest.fixture
def data(tmp_path):
    write_dataset(tmp_path / "data", list(clustered()), held_out=("0000", "0012", "0024"))
    return tmp_path / "data"


def test_similar_utterances_are_of_the_speaker_and_of_the_cluster(data):
    report = make_similar(open_dataset(data), MadeCodec(), neighbours=5)
    assert (report.utterances, report.alone, report.neighbours) == (120, 0, 5)
    assert report.similar > report.random + 0.5
    pool = TrainingPool(open_dataset(data, part="train"))
    for id in pool.dataset.ids:
        found = [*pool.similar(id, 5)]
        assert len(set(found)) == 5
        assert id not in found
        assert {int(one) % 3 for one in found} == {int(id) % 3}
        assert {cluster(one) for one in found} == {cluster(id)}
        assert not {"0000", "0012", "0024"} & {*found}
        assert found[:2] == [*pool.similar(id, 2)]


def test_prompts_of_similar_utterances_are_more_alike_than_random_ones(data):
    """By the embedding itself, over the prompts that `tts` draws."""
    make_similar(open_dataset(data), MadeCodec(), neighbours=8)
    pool = TrainingPool(open_dataset(data, part="train"))
    alike = {}
    for prompt in ("random", "similar"):
        options = TextToSpeechOptions(prompt=prompt, min_seconds=0.2, max_seconds=0.4, no_prompt=0.0)
        cosines = []
        for id in pool.dataset.ids:
            inputs = TextToSpeech(options).draw(pool.utterance(id), pool, Random(id), frame_rate=50.0)
            levels = [float(codes[:, 0].float().mean()) for codes in (inputs.prompt, inputs.response)]
            cosines.append(abs(levels[0] - levels[1]))
        alike[prompt] = np.mean(cosines)
    assert alike["similar"] < 10 < 50 < alike["random"]


def test_across_speakers_is_an_index_of_its_own(data):
    pool = TrainingPool(open_dataset(data, part="train"))
    with pytest.raises(UserError, match=f"Make it: valle data similar {data} --across"):
        pool.similar("0001", 3, across=True)
    make_similar(open_dataset(data), MadeCodec(), neighbours=40, across=True)
    speakers = {int(one) % 3 for one in pool.similar("0001", 40, across=True)}
    assert speakers == {0, 1, 2}
    with pytest.raises(UserError, match=f"Make it: valle data similar {data}$"):
        pool.similar("0001", 3)


def test_equal_datasets_give_equal_indexes(data, tmp_path):
    make_similar(open_dataset(data), MadeCodec())
    first = (data / FILES[False]).read_bytes()
    make_similar(open_dataset(data), MadeCodec())
    assert (data / FILES[False]).read_bytes() == first


def test_an_index_of_another_state_of_the_dataset_is_refused_with_the_command(data):
    make_similar(open_dataset(data), MadeCodec())
    manifest = read_manifest(data)
    open_similar(data, manifest)
    again = f"Make it again: valle data similar {data} --by codec"
    for changed in (
        dataclasses.replace(manifest, held_out=()),
        dataclasses.replace(manifest, index_hash="f" * 64),
        dataclasses.replace(manifest, utterances=3),
    ):
        with pytest.raises(UserError, match=again):
            open_similar(data, changed)
    write_manifest(data, dataclasses.replace(manifest, held_out=()))
    with pytest.raises(UserError, match=again):
        TrainingPool(open_dataset(data)).similar("0001", 3)


@pytest.mark.parametrize("damage", ["cut", "words", "version"])
def test_a_damaged_index_is_refused_with_the_command(data, damage):
    path = data / FILES[False]
    make_similar(open_dataset(data), MadeCodec())
    content = path.read_bytes()
    if damage == "version":
        content = content.replace(b'\\"version\\": 1', b'\\"version\\": 9')
    path.write_bytes({"cut": content[:-9], "words": b"hello", "version": content}[damage])
    with pytest.raises(UserError, match=f"valle data similar {data}"):
        TrainingPool(open_dataset(data)).similar("0001", 3)


def test_more_neighbours_than_are_kept_are_refused(data):
    make_similar(open_dataset(data), MadeCodec(), neighbours=4)
    pool = TrainingPool(open_dataset(data))
    with pytest.raises(UserError, match=r"5 similar .* has up to 4\. .*--neighbours 5"):
        pool.similar("0001", 5)
    with pytest.raises(UserError, match="0 similar"):
        pool.similar("0001", 0)
    with pytest.raises(UserError, match="is not in dataset"):
        pool.similar("9999", 1)


def test_a_speaker_of_one_utterance_has_nobody(tmp_path):
    write_dataset(tmp_path / "data", list(clustered(4)), speakers=4)
    report = make_similar(open_dataset(tmp_path / "data"), MadeCodec())
    assert (report.utterances, report.alone) == (0, 4)
    assert "nan" not in report.summary()
    assert "no utterance has another one to be compared with" in report.summary()
    assert json.loads(json.dumps(report.to_json()))["similar"] is None
    assert [*TrainingPool(open_dataset(tmp_path / "data")).similar("0001", 3)] == []


def test_the_codebook_embedding_is_mean_and_deviation_of_the_summed_vectors():
    codes = torch.tensor([[2, 100, 0, 0, 0, 0, 0, 0], [4, 44, 7, 0, 0, 0, 0, 0]])
    books = torch.zeros(8, 256, 3)
    books[0, :, 0], books[1, :, 1], books[2, :, 2] = torch.arange(256), torch.arange(256) / 100, torch.arange(256) / 100
    expected = [3.0, (1.0 + 0.44) / 2, 0.035, 1.0, 0.28, 0.035]
    np.testing.assert_allclose(codebook_statistics(codes, books), expected, atol=1e-6)


def test_without_codebooks_and_by_speaker_the_sound_is_compared(tmp_path):
    from valle_data.preparation.options import PrepareOptions
    from valle_data.preparation.prepare import prepare
    from valle_testing.fakes.audio import FakeCodec, FakeFrontend, tone_corpus

    class Plain:
        """The same codec without its codebooks."""

        codebooks, sample_rate, identity = None, FakeCodec.sample_rate, FakeCodec().identity
        decode = FakeCodec().decode

    tone_corpus(tmp_path / "wav", speakers=2, utterances=4)
    options = PrepareOptions(source=tmp_path / "wav", out=tmp_path / "data")
    prepare(options, codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake")
    dataset = open_dataset(tmp_path / "data")
    assert embed(dataset, FakeCodec(), "codec").shape == (8, 4)
    assert embed(dataset, Plain(), "codec").shape == (8, 80)
    assert embed(dataset, FakeCodec(), "speaker").shape == (8, 38)
    for codec, by in ((Plain(), "codec"), (FakeCodec(), "speaker")):
        report = make_similar(dataset, codec, by=by, neighbours=2)
        assert report.similar > report.random
    with safe_open(report.path, framework="pt") as file:
        assert json.loads(file.metadata()["valle"])["by"] == "speaker"
    with pytest.raises(UserError, match="Choose one of codec, speaker"):
        make_similar(dataset, FakeCodec(), by="taste")
    with pytest.raises(UserError, match="at least 1"):
        make_similar(dataset, FakeCodec(), neighbours=0)
