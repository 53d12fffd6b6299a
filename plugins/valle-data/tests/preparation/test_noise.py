"""A folder of noise becomes a set of noise, however long its files are and however often it is interrupted."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from valle_core.audio.wav import write
from valle_core.codes.identity import require_same
from valle_core.data.dataset import open_dataset
from valle_core.data.options import STORAGES
from valle_core.plugin import UserError
from valle_data.mixing.noise_set import open_noise
from valle_data.preparation.locks import LOCKS, Locks
from valle_data.preparation.noise import noise_equipment, prepare_noise
from valle_data.preparation.noise_options import NoiseOptions
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.plan import Plan
from valle_data.preparation.prepare import prepare, prepare_share
from valle_data.preparation.ranks import Ranks, ShareReport
from valle_data.storage.facts import row_json
from valle_data.validation import problems
from valle_testing.fakes.audio import FakeCodec, FakeFrontend, tone_corpus, tone_speech

RATE = 16_000


def hiss(path, seconds, *, rate=RATE, seed=0):
    wav = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate))
    write(path, wav.astype(np.float32), rate)


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "noises"
    hiss(folder / "street" / "tram.wav", 2.0)
    hiss(folder / "street" / "deep" / "rain.flac", 1.0, rate=22_050)
    hiss(folder / "hum.wav", 7.3)
    write(folder / "street" / "silence.wav", np.zeros(RATE, np.float32), RATE)
    write(folder / "click.wav", np.full(100, 0.5, np.float32), RATE)
    (folder / "street" / "text.wav").write_text("no audio")
    return folder


def make(source, out, codec=None, **changes):
    options = NoiseOptions(source=source, out=out, chunk_seconds=3.0, **changes)
    return prepare_noise(options, codec=codec or FakeCodec())


@pytest.mark.parametrize("storage", STORAGES)
def test_pieces_labels_and_what_was_left_out(source, tmp_path, storage):
    report = make(source, tmp_path / "noise", storage=storage, shard_size=2)
    dataset = open_dataset(tmp_path / "noise")
    assert [*dataset.ids] == ["hum-00000000", "hum-00003000", "hum-00006000", "street/deep/rain", "street/tram"]
    assert dataset.durations.tolist() == pytest.approx([3.0, 3.0, 1.3, 1.0, 2.0], abs=0.021)
    assert dataset.speakers() == ("noise", "street", "street/deep")
    assert report.reasons == {"bad-audio": 1, "silent": 1, "too-short": 1}
    assert "5 pieces of noise with 3 labels, 0.2 minutes (5 new, 0 kept, 0 removed)" in report.summary()
    assert "left out 3 recordings (1 bad-audio, 1 silent, 1 too-short)" in report.summary()
    assert json.loads((tmp_path / "noise" / "report.json").read_text())["rejected"] == report.reasons
    assert dataset.manifest.storage == storage
    assert [*problems(dataset)] == []
    require_same(dataset.codec, FakeCodec().identity, "")


def test_the_codes_are_those_of_the_codec(source, tmp_path):
    make(source, tmp_path / "noise")
    from valle_data.audio.reading import load

    wav = torch.from_numpy(load(source / "hum.wav", RATE))
    codes, _ = FakeCodec().encode(wav[None, 3 * RATE : 6 * RATE], torch.tensor([3 * RATE]))
    assert torch.equal(open_dataset(tmp_path / "noise").codes("hum-00003000"), codes[0])


def test_a_piece_longer_than_a_window_is_the_whole(tmp_path):
    hiss(tmp_path / "noises" / "long.wav", 47.0)
    prepare_noise(NoiseOptions(source=tmp_path / "noises", out=tmp_path / "noise"), codec=FakeCodec())
    from valle_data.audio.reading import load

    wav = torch.from_numpy(load(tmp_path / "noises" / "long.wav", RATE))
    codes, _ = FakeCodec().encode(wav[None], torch.tensor([len(wav)]))
    assert torch.equal(open_dataset(tmp_path / "noise").codes("long"), codes[0])


def test_a_second_run_does_nothing_and_a_third_what_is_new(source, tmp_path):
    class Counting(FakeCodec):
        rows = 0

        def encode(self, wav, lengths):
            self.rows += len(wav)
            return super().encode(wav, lengths)

    make(source, tmp_path / "noise")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "noise").rglob("*") if path.is_file()}
    codec = Counting()
    assert make(source, tmp_path / "noise", codec).prepared == 0
    assert codec.rows == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    hiss(source / "fan.wav", 1.0)
    (source / "street" / "tram.wav").unlink()
    report = make(source, tmp_path / "noise", codec)
    assert (report.prepared, codec.rows) == (1, 1)
    assert "fan" in open_dataset(tmp_path / "noise").ids
    assert "street/tram" not in open_dataset(tmp_path / "noise").ids


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("stop", [1, 2])
def test_interrupted_it_goes_on_and_ends_as_if_nothing_had_happened(source, tmp_path, storage, stop):
    class Stop(Exception):
        pass

    def interrupt(done, total, seconds):
        if done >= stop:
            raise Stop

    options = NoiseOptions(source=source, out=tmp_path / "noise", chunk_seconds=3.0, storage=storage, shard_size=1)
    with pytest.raises(Stop):
        prepare_noise(options, codec=FakeCodec(), progress=interrupt)
    with pytest.raises(UserError, match="half-written"):
        open_dataset(tmp_path / "noise")
    (tmp_path / "noise" / ".x.1.tmp").touch()
    prepare_noise(options, codec=FakeCodec())
    prepare_noise(NoiseOptions(**{**_fields(options), "out": tmp_path / "whole"}), codec=FakeCodec())
    one, other = open_dataset(tmp_path / "noise"), open_dataset(tmp_path / "whole")
    assert [row_json(row) for row in one.rows()] == [row_json(row) for row in other.rows()]
    assert all(torch.equal(one.codes(id), other.codes(id)) for id in one.ids)
    assert not [*(tmp_path / "noise").rglob("*.tmp")]
    assert (tmp_path / "noise" / "report.json").read_text() == (tmp_path / "whole" / "report.json").read_text()


def _fields(options):
    import dataclasses

    return {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}


def test_a_changed_recording_is_read_again(source, tmp_path):
    make(source, tmp_path / "noise")
    before = open_dataset(tmp_path / "noise").codes("street/tram")
    hiss(source / "street" / "tram.wav", 1.5, seed=9)
    assert make(source, tmp_path / "noise").prepared == 1
    assert len(open_dataset(tmp_path / "noise").codes("street/tram")) == 75 != len(before)


def test_a_place_inside_the_recordings_is_refused(source):
    with pytest.raises(UserError, match=r"--out '.*/out' lies inside the recordings .*Choose a place outside"):
        make(source, source / "out")
    assert not (source / "out").exists()


def test_folders_of_others_are_refused(source, tmp_path):
    make(source, tmp_path / "noise")
    with pytest.raises(UserError, match="differ in name"):
        make(source, tmp_path / "noise", FakeCodec(name="other"))
    with pytest.raises(UserError, match=r"min_seconds 0\.1, asked for 0\.5"):
        make(source, tmp_path / "noise", min_seconds=0.5)
    tone_corpus(tmp_path / "speech")
    options = PrepareOptions(source=tmp_path / "speech", out=tmp_path / "data")
    prepare(options, codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake")
    with pytest.raises(UserError, match="prepared with frontend 'fake', asked for 'none'"):
        make(source, tmp_path / "data")
    with pytest.raises(UserError, match=r"was prepared with|differ"):
        prepare(
            PrepareOptions(source=tmp_path / "speech", out=tmp_path / "noise"),
            codec=FakeCodec(),
            frontend=FakeFrontend(),
            frontend_name="fake",
        )
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(UserError, match="holds something else"):
        make(source, tmp_path / "full")


def test_a_folder_without_usable_noise_says_why(tmp_path):
    with pytest.raises(UserError, match="do not exist"):
        make(tmp_path / "none", tmp_path / "noise")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no recordings in .* Looked for recordings in folders of any depth$"):
        make(tmp_path / "empty", tmp_path / "noise")
    (tmp_path / "empty" / "a.wav").write_text("x")
    with pytest.raises(UserError, match="1 bad-audio"):
        make(tmp_path / "empty", tmp_path / "noise")


def test_of_two_files_of_one_name_the_first_counts(tmp_path):
    for ending in (".wav", ".flac"):
        write(tmp_path / "noises" / f"a{ending}", tone_speech("abcdefgh"), RATE)
    report = make(tmp_path / "noises", tmp_path / "noise")
    assert (report.utterances, report.reasons) == (1, {"same-name": 1})


@pytest.mark.parametrize(
    "wrong", [{"storage": "tape"}, {"shard_size": 0}, {"min_seconds": 5.0}, {"min_seconds": 0.0}, {"batch_seconds": 0}]
)
def test_options_that_make_no_sense_are_refused(wrong):
    with pytest.raises(UserError):
        NoiseOptions(**{"chunk_seconds": 3.0, **wrong})


def test_two_runs_on_one_folder_at_once_are_refused(source, tmp_path):
    with Locks(tmp_path / "noise").held(Ranks().lock):
        (tmp_path / "noise" / ".being-written.00000000.tmp").touch()
        with pytest.raises(UserError, match=r"noise' is being prepared by process \d+ on .*Wait for it"):
            make(source, tmp_path / "noise")
        assert (tmp_path / "noise" / ".being-written.00000000.tmp").exists(), "another's file was swept away"
    make(source, tmp_path / "noise")
    assert not (tmp_path / "noise" / LOCKS).exists()


def test_names_links_and_endings_are_treated_as_those_of_speech(tmp_path):
    folder = tmp_path / "noises"
    hiss(folder / "fan" / "a.wav", 0.5)
    os.symlink(folder, folder / "fan" / "back")
    shutil.copyfile(folder / "fan" / "a.wav", os.fsencode(folder) + b"/fan/caf\xe9.wav")
    (folder / "fan" / "b.m4a").write_text("x")
    report = make(folder, tmp_path / "noise")
    assert [*open_dataset(tmp_path / "noise").ids] == ["fan/a", "fan/caf\\udce9"]
    assert report.reasons == {"link-loop": 1, "unsupported": 1}
    assert report.found == 4


def test_pieces_that_last_long_are_not_held_in_memory_by_the_dozen(tmp_path):
    speech, noise = PrepareOptions(), NoiseOptions().preparation()
    ids = [str(number) for number in range(40)]
    assert Plan.of(ids, speech, first=0).group == 32
    group = Plan.of(ids, noise, first=0).group
    assert 1 <= group * noise.max_seconds <= 960


def test_no_piece_is_shorter_than_asked_for_and_they_make_up_the_whole(tmp_path):
    hiss(tmp_path / "noises" / "long.wav", 6.03)
    make(tmp_path / "noises", tmp_path / "noise")
    assert sorted(open_dataset(tmp_path / "noise").durations) == pytest.approx([0.1, 2.93, 3.0], abs=0.021)


def test_ranks_share_the_recordings_and_make_the_same_set(source, tmp_path):
    make(source, tmp_path / "alone", storage="shards", shard_size=2)
    options = NoiseOptions(source=source, out=tmp_path / "shared", chunk_seconds=3.0, storage="shards", shard_size=2)
    components = noise_equipment(FakeCodec())
    first = prepare_share(options.preparation(), components, Ranks(rank=1, world_size=2))
    assert isinstance(first, ShareReport)
    prepare_share(options.preparation(), components, Ranks(rank=0, world_size=2))
    for name in ("index.jsonl", "dataset.json"):
        assert (tmp_path / "shared" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_a_damaged_set_is_repaired(source, tmp_path):
    make(source, tmp_path / "noise")
    before = open_dataset(tmp_path / "noise").codes("street/tram")
    place = open_dataset(tmp_path / "noise").row("street/tram").location
    (tmp_path / "noise" / place).write_bytes(b"")
    make(source, tmp_path / "noise", repair=True)
    assert torch.equal(open_dataset(tmp_path / "noise").codes("street/tram"), before)


def test_a_set_of_an_older_valle_loads_and_is_not_added_to(source, tmp_path):
    golden = Path(__file__).parents[4] / "tests" / "golden" / "noise"
    shutil.copytree(golden, tmp_path / "noise")
    noise = open_noise(tmp_path / "noise", FakeCodec().identity, tmp_path)
    assert noise.labels == ("fan",)
    assert noise.noise(12, Random(0)).shape == (12, FakeCodec().num_levels)
    with pytest.raises(UserError, match="prepared by an older valle: it can be trained with"):
        make(source, tmp_path / "noise")


def test_the_layout_goes_with_the_command(source, tmp_path):
    options = PrepareOptions(source=source, out=tmp_path / "data", layout="noise")
    with pytest.raises(UserError, match=r"has no text: use valle prepare-noise .*noises --out .*data"):
        prepare(options, codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake")
