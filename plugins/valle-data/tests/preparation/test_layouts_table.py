"""A table of recordings: the fields of every form, parts of long files, and each row that cannot be used."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import soundfile

from valle_core.audio.wav import write
from valle_core.data.dataset import open_dataset
from valle_core.plugin import UserError
from valle_data.audio.reading import read
from valle_data.preparation.recordings import Rejection, transcript
from valle_data.testing import find, reasons, run
from valle_testing.fakes.audio import tone_speech

ROWS = [
    {
        "audio": "train/anna/1.wav",
        "text": 'say "a, b"',
        "speaker": "anna",
        "id": "x/1",
        "language": "xx",
        "tone": "calm",
    },
    {"audio": "train/otto/2.wav", "text": "c\td", "language": "YY"},
]


def write_table(path, rows, names=("audio", "text", "speaker", "id", "language", "tone")):
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        return path
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, delimiter="," if path.suffix == ".csv" else "\t")
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl"])
def test_the_same_rows_say_the_same_in_every_form(ending, tmp_path):
    for row in ROWS:
        (tmp_path / row["audio"]).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / row["audio"], tone_speech("abcdefgh"), 16_000)
    run(write_table(tmp_path / f"t.{ending}", ROWS), tmp_path / "out")
    rows = {row.id: row for row in open_dataset(tmp_path / "out").rows()}
    assert {id: (row.speaker, row.language, row.text, row.tone) for id, row in rows.items()} == {
        "x/1": ("anna", "xx", 'say "a, b"', "calm"),
        "train/otto/2": ("train/otto", "yy", "c d", None),
    }


def test_a_part_of_a_long_file_has_its_start_in_the_id_and_only_it_is_read(tmp_path, monkeypatch):
    wav = tone_speech("abcdefgh" * 40)
    write(tmp_path / "talk.wav", wav, 16_000)
    rows = [
        {"audio": "talk.wav", "text": "a", "start": 0, "end": 0.48},
        {"audio": "talk.wav", "text": "b", "start": 1.5, "end": 2.1},
    ]
    blocks = []

    real = soundfile.SoundFile.read

    def counted(self, frames=-1, **facts):
        block = real(self, frames, **facts)
        blocks.append(len(block))
        return block

    monkeypatch.setattr(soundfile.SoundFile, "read", counted)
    run(write_table(tmp_path / "t.jsonl", rows), tmp_path / "out", language="xx", max_seconds=5.0)
    dataset = open_dataset(tmp_path / "out")
    assert list(dataset.ids) == ["talk-00000000", "talk-00001500"]
    assert [round(float(seconds), 2) for seconds in dataset.durations] == [0.48, 0.6]
    assert sum(blocks) == round(0.48 * 16_000) + round(0.6 * 16_000)
    part, _ = read(tmp_path / "talk.wav", start=1.5, end=2.1)
    assert np.abs(part - wav[24_000:33_600]).max() < 1e-4


def test_every_row_that_cannot_be_used_is_counted(tmp_path):
    write(tmp_path / "a.wav", tone_speech("abcdefgh"), 16_000)
    rows = [
        '{"audio": "a.wav", "text": "good"}',
        '{"audio": "a.wav", "text": 7, "id": "n"}',
        '{"text": "a"}',
        "[1]",
        "{",
        '{"audio": "a.wav", "text": "a", "id": "p", "start": -1}',
        '{"audio": "a.wav", "text": "a", "id": "q", "start": 2, "end": 1}',
        '{"audio": "a.wav", "text": "a", "id": "r", "start": "soon"}',
        '{"audio": "a.wav", "text": "a", "id": "s", "end": NaN}',
        '{"audio": "a.wav", "text": "half of a letter \\ud800", "id": "t"}',
        '{"audio": "a.wav", "text": "a", "id": "u", "start": 9, "end": 10}',
        '{"audio": "a.wav", "text": "a", "id": "v", "start": 0.1, "end": 9}',
        '{"audio": "gone.wav", "text": "a"}',
        '{"audio": "a.wav", "text": " ", "id": "w"}',
        '{"audio": "a.wav", "id": "x"}',
        '{"audio": "a.wav", "id": "y", "start": 0.0, "end": 0.4, "loud": true}',
        '{"audio": "a.wav", "text": "good", "id": "a"}',
        "",
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(rows))
    (tmp_path / "a.txt").write_text("beside")
    report = run(tmp_path / "t.jsonl", tmp_path / "out", language="xx")
    assert report.reasons == {
        "bad-line": 4,
        "bad-times": 6,
        "empty-transcript": 1,
        "no-audio": 2,
        "no-transcript": 1,
        "same-name": 1,
    }
    assert {row.id: row.text for row in open_dataset(tmp_path / "out").rows()} == {"a": "good", "x": "beside"}
    assert list(report.notes) == ["columns not used: loud"]
    assert report.found == len(rows) - 1


def test_paths_outside_of_the_tables_folder_make_ids_inside_of_the_dataset(tmp_path):
    (tmp_path / "tables").mkdir()
    for name in ("far/away.wav", "near.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, tone_speech("abcdefgh"), 16_000)
    rows = [{"audio": str(tmp_path / "far" / "away.wav"), "text": "a"}, {"audio": "../near.wav", "text": "b"}]
    run(write_table(tmp_path / "tables" / "t.csv", rows), tmp_path / "out", language="xx")
    base = str(tmp_path).lstrip("/")
    assert sorted(open_dataset(tmp_path / "out").ids) == [f"{base}/far/away", f"{base}/near"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"file,text\na,b\n", "has no column audio. Found file, text"),
        ("t.csv", b"", "is empty"),
        ("t.tsv", b"audio\ttext\na.wav\t\xff\n", "is not UTF-8"),
        ("t.jsonl", b'{"text": "a"}\n', "has no column audio"),
    ],
)
def test_a_table_without_what_it_needs_is_refused_in_one_line(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        find(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_row_with_a_field_too_many_or_too_few_is_counted_and_a_long_text_is_not_cut(tmp_path):
    (tmp_path / "c.wav").touch()
    (tmp_path / "t.csv").write_text(f"audio,text\na.wav,b,c\nb.wav\nc.wav,{'word ' * 40_000}\n")
    found = find(tmp_path / "t.csv")
    assert reasons(found) == {"bad-line": 2}
    assert len(found.recordings[0].text) == len("word " * 40_000) - 1
    assert [one.id for one in found.rejected] == ["t.csv:2", "t.csv:3"]


def test_a_text_that_changes_is_followed_by_a_second_run(tmp_path):
    write(tmp_path / "a.wav", tone_speech("abcdefgh"), 16_000)
    write_table(tmp_path / "t.csv", [{"audio": "a.wav", "text": "a"}])
    run(tmp_path / "t.csv", tmp_path / "out", language="xx")
    write_table(tmp_path / "t.csv", [{"audio": "a.wav", "text": "b", "tone": "glad"}])
    report = run(tmp_path / "t.csv", tmp_path / "out", language="xx")
    row = open_dataset(tmp_path / "out").row("a")
    assert (report.prepared, row.text, row.tone) == (1, "b", "glad")


def test_a_text_may_stand_beside_the_audio_but_not_for_a_part_of_it(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"audio": "a.wav"}\n{"audio": "a.wav", "start": 0.5}\n')
    (tmp_path / "a.txt").write_text("beside")
    (tmp_path / "a.wav").touch()
    whole, part = find(tmp_path / "t.jsonl").recordings
    assert transcript(whole) == "beside"
    assert isinstance(transcript(part), Rejection)
