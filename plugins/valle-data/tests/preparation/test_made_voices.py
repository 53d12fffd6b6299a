"""`--voice-factors`: each recording once more as another voice, with everything that depends on its time scaled."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from valle_core.audio.wav import write
from valle_core.data.dataset import open_dataset
from valle_core.plugin import UserError
from valle_data.preparation.loading import load_recording
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.recordings import Recording
from valle_data.preparation.voices import made_voice, source_of, with_made_voices
from valle_data.testing import run

RATE, UNIT = 16_000, 0.025
SAID = {"phones": "hˈO jˌɛs.", "durations": [4, 1, 1, 3, 1, 2, 0, 2, 2, 1, 5]}


def tone(seconds, hertz):
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def pitch(wav):
    return np.abs(np.fft.rfft(wav)).argmax() * RATE / len(wav)


@pytest.fixture
def table(tmp_path):
    rows = []
    for number in range(12):
        write(tmp_path / f"{number}.wav", tone(1.1, 400), RATE)
        rows.append({"audio": f"{number}.wav", "text": "ho yes", "language": "xx", "speaker": "train/anna", **SAID})
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_each_recording_is_there_once_more_as_another_speaker(table, tmp_path):
    run(table, tmp_path / "out", duration_unit=UNIT, voice_factors=(0.8, 1.25))
    rows = {row.id: row for row in open_dataset(tmp_path / "out").rows()}
    made = {id: row for id, row in rows.items() if "@" in id}
    assert len(rows) == 24
    assert {id.split("@")[0] for id in made} == rows.keys() - made.keys()
    counts = Counter(row.speaker for row in rows.values())
    assert counts.keys() == {"train/anna", "train/anna@0.8", "train/anna@1.25"}
    assert counts["train/anna"] == 12
    for id, row in made.items():
        factor = float(id.split("@")[1])
        assert row.speaker == f"train/anna@{factor:g}"
        assert row.seconds == pytest.approx(1.1 / factor, abs=0.03)


def test_what_is_made_of_a_recording_is_held_out_with_it_and_no_other(table, tmp_path):
    given = {"duration_unit": UNIT, "held_out_fraction": 0.3}
    run(table, tmp_path / "own", **given)
    run(table, tmp_path / "out", **given, voice_factors=(0.8, 1.25))
    own, held = (set(open_dataset(tmp_path / name, part="held-out").ids) for name in ("own", "out"))
    made = {id for id in held if "@" in id}
    assert len(own) == len(made) == 4
    assert held - made == own == {id.split("@")[0] for id in made}


def test_an_id_with_an_at_is_a_made_voice_only_where_its_speaker_has_it_too():
    assert source_of("a/1@0.9", "a@0.9") == "a/1"
    assert source_of("a/1@0.9", "a") == source_of("a/1", "a@0.9") == source_of("a/1@0.9", "a@0.8") == ""


def test_times_are_those_of_the_recording_divided_by_the_factor(table, tmp_path):
    run(table, tmp_path / "out", duration_unit=UNIT, alignment_shift=-0.05, voice_factors=(0.8,))
    dataset = open_dataset(tmp_path / "out")
    own, made = (dataset.record(id).times for id in ("0", "0@0.8"))
    assert own[:3] == (50, 75, 100)
    assert made == tuple(pytest.approx(one / 0.8, abs=1) for one in own)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_pitch_and_length_move_by_the_factor(tmp_path, factor):
    write(tmp_path / "a.wav", tone(1.0, 400), RATE)
    own = Recording(id="a", speaker="s", audio=tmp_path / "a.wav", text="ho yes", language="xx")
    loaded = load_recording(made_voice(own, factor), PrepareOptions(), RATE)
    assert pitch(loaded.wav) == pytest.approx(400 * factor, rel=0.01)
    assert len(loaded.wav) == pytest.approx(RATE / factor, rel=0.01)


def test_another_run_finds_nothing_to_do_and_one_with_another_factor_makes_that(table, tmp_path):
    given = {"duration_unit": UNIT, "voice_factors": (0.8, 1.25)}
    run(table, tmp_path / "out", **given)
    assert run(table, tmp_path / "out", **given).prepared == 0
    other = run(table, tmp_path / "out", duration_unit=UNIT, voice_factors=(0.9,))
    assert (other.prepared, other.removed) == (12, 12)


def test_the_factor_of_a_recording_depends_on_nothing_but_its_id():
    rows = [Recording(id=str(number), speaker="s", audio=Path("a.wav")) for number in range(40)]
    every = [one.id for one in with_made_voices(rows, (0.8, 0.9)) if one.factor != 1]
    assert every[20:] == [one.id for one in with_made_voices(rows[20:], (0.8, 0.9)) if one.factor != 1]
    assert [*with_made_voices(rows, ())] == rows


def test_a_made_voice_has_another_stamp(tmp_path):
    own = Recording(id="a", speaker="s", audio=tmp_path / "a.wav")
    assert len({own.stamp(), made_voice(own, 0.9).stamp(), made_voice(own, 1.1).stamp()}) == 3


@pytest.mark.parametrize("factor", [0.0, 0.49, 1.0, 2.1, float("nan")])
def test_a_factor_that_makes_no_other_voice_is_refused(factor):
    with pytest.raises(UserError, match=rf"voice_factors must be in \[0.5, 2\] and not 1, got {factor:g}"):
        PrepareOptions(voice_factors=(0.9, factor))
