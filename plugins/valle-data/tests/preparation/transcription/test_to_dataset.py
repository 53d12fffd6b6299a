"""The table goes to `prepare`: segments become utterances; and tables of parts without texts are transcribed."""

from __future__ import annotations

import json

import pytest

from valle_core.data.dataset import open_dataset
from valle_data.preparation.options import PrepareOptions
from valle_data.preparation.prepare import prepare
from valle_testing.fakes.audio import FakeCodec, FakeFrontend


def test_what_was_heard_becomes_a_dataset(record, run, tmp_path):
    record("train/anna/a", 0.5, "abba dace", 1.2, "fed", 0.3)
    record("train/bert/b", 0.2, "cab", 0.2, language="yy")
    record("train/bert/c", 0.2, "bag", 0.2).with_suffix(".txt").write_text("as it was")
    run()
    options = PrepareOptions(source=tmp_path / "table.jsonl", out=tmp_path / "data", min_seconds=0.1, language="xx")
    report = prepare(options, codec=FakeCodec(), frontend=FakeFrontend(), frontend_name="fake")
    assert (report.utterances, report.rejected) == (4, [])
    dataset = open_dataset(tmp_path / "data")
    assert [dataset.row(id).text for id in sorted(dataset.ids)] == ["abba dace", "fed", "cab", "as it was"]
    assert [dataset.row(id).language for id in sorted(dataset.ids)][:3] == ["xx", "xx", "yy"]
    row = dataset.row("train/anna/a-00000400")
    assert (row.speaker, row.seconds) == ("train/anna", pytest.approx(0.74, abs=0.02))


def test_parts_of_a_file_are_heard_as_parts_and_keep_their_place(record, run, tmp_path):
    record("long", 0.5, "abba", 1.0, "dace", 0.5)
    (tmp_path / "recordings").rename(tmp_path / "audio")
    rows = [{"audio": "audio/long.wav", "start": 0.0, "end": 1.2}, {"audio": "audio/long.wav", "start": 1.3}]
    (tmp_path / "parts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    report, _ = run(source=tmp_path / "parts.jsonl")
    first, second = (json.loads(line) for line in (tmp_path / "table.jsonl").read_text().splitlines())
    assert (first["text"], first["start"]) == ("abba", pytest.approx(0.4, abs=0.01))
    assert (second["text"], second["start"]) == ("dace", pytest.approx(1.64, abs=0.01))
    assert second["words"][0][1] == pytest.approx(0.1, abs=0.01)
    assert run(source=tmp_path / "parts.jsonl")[1] == 0
    assert report.utterances == 2
