"""A table's phonemes and durations are stored as they are, in place of the frontend's, as times that fit the audio."""

from __future__ import annotations

import json

import pytest

from valle_core.audio.wav import write
from valle_core.data.dataset import open_dataset
from valle_core.plugin import UserError
from valle_data.preparation.alignments import Aligned, aligned, phonemes_of, times_of
from valle_data.preparation.options import PrepareOptions
from valle_data.testing import run
from valle_testing.fakes.audio import FakeFrontend, tone_speech

SAID = {"phones": "hˈO jˌɛs.", "durations": [4, 1, 1, 3, 1, 2, 0, 2, 2, 1, 5]}
UNIT = 0.025


@pytest.fixture
def table(tmp_path):
    wav = tone_speech("abcdefghij")
    write(tmp_path / "1.wav", wav, 16_000)
    write(tmp_path / "2.wav", wav, 16_000)
    rows = [
        {"audio": "1.wav", "text": "ho yes", "language": "xx", **SAID},
        {"audio": "2.wav", "text": "ho yes", "language": "xx"},
    ]
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _records(folder):
    dataset = open_dataset(folder)
    return {id: dataset.record(id) for id in dataset.ids}


@pytest.mark.parametrize("storage", ["files", "shards", "hdf5"])
def test_phonemes_and_times_of_a_row_are_stored_beside_rows_without(table, tmp_path, storage):
    frontend = FakeFrontend()
    report = run(table, tmp_path / "out", frontend=frontend, storage=storage, duration_unit=UNIT)
    one, two = _records(tmp_path / "out").values()
    assert "".join(one.phonemes) == SAID["phones"]
    assert ["".join(one.phonemes[a:b]) for a, b in one.words] == ["hˈO", "jˌɛs"]
    assert one.times == (100, 125, 150, 225, 250, 300, 300, 350, 400, 425)
    assert (two.times, "".join(two.phonemes)) == ((), "ho yes")
    assert frontend.calls == 1
    assert list(report.notes) == []


def test_times_move_by_the_shift_and_stay_inside_the_audio(table, tmp_path):
    run(table, tmp_path / "out", duration_unit=UNIT, alignment_shift=-0.12)
    times = next(iter(_records(tmp_path / "out").values())).times
    assert times[:4] == (0, 5, 30, 105)
    given = Aligned(("a", "b"), (1.0, 1.0))
    assert times_of(given, unit=1.0, shift=0.5, seconds=1.2) == (500, 1200, 1200)


def test_silence_cut_from_the_start_is_subtracted(table, tmp_path):
    wav = tone_speech("abcdefghij")
    silence = wav[:8000] * 0
    write(table.parent / "1.wav", [*silence, *wav], 16_000)
    run(table, tmp_path / "out", duration_unit=UNIT, alignment_shift=0.5, trim_silence=True, keep_silence=0.0)
    assert next(iter(_records(tmp_path / "out").values())).times[0] == pytest.approx(100, abs=15)


def test_another_alignment_makes_a_row_anew_and_another_unit_is_refused(table, tmp_path):
    run(table, tmp_path / "out", duration_unit=UNIT)
    table.write_text(table.read_text(encoding="utf-8").replace("[4, 1", "[5, 1"), encoding="utf-8")
    run(table, tmp_path / "out", duration_unit=UNIT)
    assert next(iter(_records(tmp_path / "out").values())).times[0] == 125
    with pytest.raises(UserError, match=r"prepared with duration_unit 0\.025, asked for 1\.0"):
        run(table, tmp_path / "out")


@pytest.mark.parametrize(
    ("phones", "durations", "message"),
    [
        (None, [1, 2], "durations without phones"),
        ("ab", [1, 2, 3], "3 durations for 2 phones: there should be 2, or 4"),
        ("ab", [1, -2], r"durations must be numbers that are not negative, got \[1, -2\]"),
        ("ab", [1, True], r"durations must be numbers that are not negative, got \[1, True\]"),
        ("ab", "1 x", "durations must be numbers that are not negative, got '1 x'"),
        ("ab", 3, "durations must be numbers that are not negative, got 3"),
        (7, None, "phones must be text or a list of symbols, got 7"),
        (["a", ""], None, "phones must be text or a list of symbols"),
        ([["a"]], None, "phones must be text or a list of symbols"),
        (" .", None, "phones without a sound"),
    ],
)
def test_what_does_not_fit_is_named(phones, durations, message):
    with pytest.raises(ValueError, match=message):
        aligned(phones, durations)


def test_a_bad_row_is_left_out_by_name_and_the_rest_is_prepared(table, tmp_path):
    table.write_text(table.read_text(encoding="utf-8").replace("[4, 1, ", "[5, "), encoding="utf-8")
    report = run(table, tmp_path / "out")
    assert report.reasons == {"bad-alignment": 1}
    assert report.prepared == 1


def test_a_csv_says_lists_as_json_or_with_spaces():
    assert aligned('["HH", "OW1"]', "1 2.5") == Aligned(("HH", "OW1"), (1.0, 2.5))
    assert aligned("ho", "[1, 2.5]") == Aligned(("h", "o"), (1.0, 2.5))
    assert aligned(None, None) is None


def test_marks_at_the_ends_are_no_part_of_a_word():
    found = phonemes_of(tuple("“ˈa b?” —"), "xx")
    assert ["".join(found.symbols[a:b]) for a, b in found.words] == ["ˈa", "b"]


@pytest.mark.parametrize(
    ("name", "value", "bound"),
    [
        ("duration_unit", 0, r"\(0, 60\]"),
        ("duration_unit", -1, r"\(0, 60\]"),
        ("alignment_shift", 2, r"\[-1, 1\]"),
    ],
)
def test_options_out_of_range_are_named(name, value, bound):
    with pytest.raises(UserError, match=rf"^{name} must be in {bound} seconds, got {value}$"):
        PrepareOptions(**{name: value})
