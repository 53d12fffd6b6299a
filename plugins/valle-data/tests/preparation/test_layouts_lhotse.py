"""Manifests as lhotse itself writes them, and its recipes, become utterances with parts as groups."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
import soundfile

from valle_core.audio.wav import write
from valle_core.data.dataset import open_dataset
from valle_core.plugin import UserError
from valle_data.testing import find, reasons, run
from valle_testing.fakes.audio import FakeCodec, tone_speech


def recording(path, id="r", **facts):
    info = soundfile.info(path)
    made = {
        "id": id,
        "sources": [{"type": "file", "channels": list(range(info.channels)), "source": str(path)}],
        "sampling_rate": info.samplerate,
        "num_samples": info.frames,
        "duration": info.duration,
    }
    return {**made, **facts}


def supervision(id, start=0.0, duration=0.48, **facts):
    return {"id": id, "recording_id": "r", "start": start, "duration": duration, "channel": 0, "text": "a", **facts}


def jsonl(path, rows):
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt") as file:
        file.writelines((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


@pytest.fixture
def talk(tmp_path):
    (tmp_path / "m").mkdir()
    write(tmp_path / "talk.wav", tone_speech("abcdefgh" * 4), 16_000)
    return tmp_path / "talk.wav"


def test_supervisions_of_a_recording_are_parts_of_it_and_parts_of_the_corpus_are_groups(talk, tmp_path):
    supervisions = [
        supervision("u1", speaker="anna", language="xx", custom={"tone": "calm"}),
        supervision("u2", 0.6, 0.72, speaker="otto", language="yy"),
    ]
    for part in ("train", "test"):
        jsonl(tmp_path / "m" / f"c_recordings_{part}.jsonl.gz", [recording(talk)])
        jsonl(tmp_path / "m" / f"c_supervisions_{part}.jsonl.gz", supervisions)
    run(tmp_path / "m", tmp_path / "out", held_out_groups=("test",), held_out_fraction=0.0)
    dataset = open_dataset(tmp_path / "out")
    rows = {row.id: (row.speaker, row.language, row.tone, round(row.seconds, 2)) for row in dataset.rows()}
    assert rows == {
        f"{part}/{id}": facts
        for part in ("train", "test")
        for id, facts in (("u1", ("anna", "xx", "calm", 0.48)), ("u2", ("otto", "yy", None, 0.72)))
    }
    assert dataset.manifest.held_out == ("test/u1", "test/u2")


def test_cuts_count_from_their_own_start_and_a_channel_is_chosen(tmp_path):
    (tmp_path / "m").mkdir()
    left, right = tone_speech("abcdefgh" * 4), tone_speech("hhhhhhhh" * 4)
    soundfile.write(tmp_path / "talk.wav", np.stack([left, right], 1), 16_000)
    cut = {
        "id": "c",
        "start": 0.5,
        "duration": 1.0,
        "channel": 1,
        "type": "MonoCut",
        "recording": recording(tmp_path / "talk.wav"),
    }
    inner = {**supervision("u", 0.25, 0.5, speaker="s", channel=1)}
    mixed = {"id": "mix", "type": "MixedCut", "tracks": []}
    jsonl(
        tmp_path / "m" / "cuts.jsonl", [{**cut, "supervisions": [inner]}, mixed, {**cut, "id": "d", "supervisions": []}]
    )
    found = find(tmp_path / "m")
    (one,) = found.recordings
    assert (one.id, one.start, one.end, one.channels) == ("u", 0.75, 1.25, (1,))
    assert reasons(found) == {"unsupported-cut": 1, "no-transcript": 1}
    run(tmp_path / "m", tmp_path / "out", language="xx")
    codes = open_dataset(tmp_path / "out").utterance("u").codes
    hertz = FakeCodec().encode(np_tensor(right[12_000:20_000]), length(8000))[0][0]
    assert (codes[:, 0] == hertz[: len(codes), 0]).all()


def np_tensor(wav):
    import torch

    return torch.from_numpy(np.asarray(wav, np.float32))[None]


def length(samples):
    import torch

    return torch.tensor([samples])


def test_what_manifests_cannot_give_is_counted(talk, tmp_path):
    stereo = tmp_path / "talk.wav"
    jsonl(
        tmp_path / "m" / "recordings.jsonl",
        [
            recording(stereo),
            recording(stereo, "silent one"),
            recording(stereo, "web", sources=[{"type": "url", "channels": [0], "source": "https://x"}]),
            recording(stereo, "fast", transforms=[{"name": "Speed", "kwargs": {"factor": 1.1}}]),
            recording(stereo, "fine", transforms=[{"name": "Resample", "kwargs": {}}]),
            "{",
            {"id": "incomplete", "sources": [{"type": "file"}], "duration": 1},
        ],
    )
    jsonl(
        tmp_path / "m" / "supervisions.jsonl",
        [
            supervision("good", speaker="s"),
            supervision("speakerless"),
            supervision("lost", recording_id="nowhere", speaker="s"),
            supervision("web", recording_id="web", speaker="s"),
            supervision("fast", recording_id="fast", speaker="s"),
            supervision("fine", recording_id="fine", speaker="s"),
            supervision("early", -0.5, speaker="s"),
            supervision("textless", speaker="s", text=None),
            supervision("good", 0.6, speaker="s"),
            {"id": "timeless", "recording_id": "r"},
        ],
    )
    (tmp_path / "m" / "features.jsonl").write_text("")
    jsonl(tmp_path / "m" / "x_recordings_dev.jsonl", [])
    found = find(tmp_path / "m")
    assert [one.id for one in found.recordings] == ["fine", "good", "textless"]
    assert reasons(found) == {
        "bad-line": 3,
        "bad-times": 1,
        "no-audio": 1,
        "no-speaker": 1,
        "no-transcript": 1,
        "same-name": 1,
        "unsupported-source": 2,
    }
    assert any("x_recordings_dev.jsonl' is not used: the supervisions" in note for note in found.notes)
    report = run(tmp_path / "m", tmp_path / "out", language="xx")
    assert report.reasons["empty-transcript"] == 1


def test_paths_are_looked_for_beside_the_manifests_and_a_damaged_file_is_named(talk, tmp_path):
    (tmp_path / "m" / "audio").mkdir()
    talk.rename(tmp_path / "m" / "audio" / "talk.wav")
    made = recording(tmp_path / "m" / "audio" / "talk.wav")
    made["sources"][0]["source"] = "audio/talk.wav"
    jsonl(tmp_path / "m" / "recordings.jsonl.gz", [made])
    jsonl(tmp_path / "m" / "supervisions.jsonl.gz", [supervision("u", speaker="s")])
    assert find(tmp_path / "m").recordings[0].audio == tmp_path / "m" / "audio" / "talk.wav"
    path = tmp_path / "m" / "recordings.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(UserError, match=r"recordings\.jsonl\.gz' cannot be read .* Write it again with lhotse"):
        find(tmp_path / "m")


@pytest.fixture
def lj(tmp_path):
    source = tmp_path / "LJ"
    (source / "wavs").mkdir(parents=True)
    (source / "metadata.csv").write_text("LJ-1|A 1|a one\nLJ-2|b|b\n")
    for name in ("LJ-1", "LJ-2"):
        write(source / "wavs" / f"{name}.wav", tone_speech("abcdefgh"), 16_000)
    return source


def test_a_recipe_and_manifests_that_lhotse_wrote_give_the_same(lj, tmp_path):
    """The only test here that imports lhotse, which takes a second or two."""
    from lhotse.recipes import prepare_ljspeech

    prepare_ljspeech(lj, tmp_path / "manifests")
    by_hand, by_recipe, by_layout = find(tmp_path / "manifests"), find(lj, recipe="LJSpeech"), find(lj)
    texts = {"LJ-1": "a one", "LJ-2": "b"}
    for found in (by_hand, by_recipe, by_layout):
        assert {one.id: one.text for one in found.recordings} == texts
    assert {one.speaker for one in by_recipe.recordings} == {"LJ"}
    assert {one.language for one in by_recipe.recordings} == {"en"}
    assert "all are taken as one, 'LJ'" in by_recipe.notes[0]
    audio = [[one.audio for one in found.recordings] for found in (by_hand, by_recipe, by_layout)]
    assert audio[0] == audio[1] == audio[2]
    with pytest.raises(UserError, match=r"lhotse has no recipe 'ljspech'. Nearest: ljspeech"):
        find(lj, recipe="ljspech")
    with pytest.raises(UserError, match=r"recipe 'ljspeech' cannot use .*: No such file: .*valle downloads nothing"):
        find(tmp_path / "manifests", recipe="ljspeech")
    with pytest.raises(UserError, match=r"recipe 'vctk' has no option mic. It has .*mic_id"):
        find(lj, recipe="vctk", recipe_options={"mic": "mic1"})
    with pytest.raises(UserError, match=r"needs rttm_dir|needs transcript_dir|needs audio_dir"):
        find(lj, recipe="callhome_egyptian")
    with pytest.raises(UserError, match="exclude each other"):
        find(lj, recipe="ljspeech", layout="ljspeech")


def test_parts_of_a_recipe_are_told_by_their_types_however_they_are_nested(monkeypatch, lj, tmp_path):
    from lhotse import recipes
    from lhotse.recipes import prepare_ljspeech

    made = prepare_ljspeech(lj)
    swapped = {"recordings": made["supervisions"], "supervisions": made["recordings"]}
    results = {
        "prepare_nested": lambda corpus_dir, output_dir, num_jobs=1: {"xx": {"test": made, "train": swapped}},
        "prepare_pair": lambda corpus_dir: (made["recordings"], made["supervisions"]),
        "prepare_broken": lambda corpus_dir: {}["key"],
        "prepare_nothing": lambda corpus_dir: {},
        "prepare_choosy": lambda corpus_dir, part="a": {part: made},
    }
    for name, recipe in results.items():
        monkeypatch.setattr(recipes, name, recipe, raising=False)
    ids = [one.id for one in find(lj, recipe="nested").recordings]
    assert ids == ["xx-test/LJ-1", "xx-test/LJ-2", "xx-train/LJ-1", "xx-train/LJ-2"]
    assert [one.id for one in find(lj, recipe="pair").recordings] == ["LJ-1", "LJ-2"]
    chosen = find(lj, recipe="choosy", recipe_options={"part": "b"})
    assert [one.id for one in chosen.recordings] == ["b/LJ-1", "b/LJ-2"]
    with pytest.raises(UserError, match=r"recipe 'broken' cannot use .*'key'"):
        find(lj, recipe="broken")
    with pytest.raises(UserError, match="it returned no utterances"):
        find(lj, recipe="nothing")
