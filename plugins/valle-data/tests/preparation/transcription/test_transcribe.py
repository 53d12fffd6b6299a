"""Recordings without transcripts become a table, files beside them, or utterances as files."""

from __future__ import annotations

import json

import numpy as np
import pytest

from valle_core.plugin import UserError
from valle_data.audio.reading import read
from valle_data.preparation.locks import Locks
from valle_data.preparation.transcription.options import TranscribeOptions
from valle_testing.fakes.recognizer import sing


def rows(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_the_table_has_an_utterance_per_line_with_times_and_words(record, run, tmp_path):
    audio = record("train/anna/a", 0.5, "abba dace", 1.0, "fed", 0.3)
    record("train/bert/b", 0.2, "cab", language="yy")
    report, calls = run()
    assert (report.utterances, report.speakers, calls) == (3, 2, 2)
    assert report.languages == {"xx": 2, "yy": 1}
    first, second, third = rows(tmp_path / "table.jsonl")
    start = first["start"]
    assert first.pop("words") == [["abba", 0.1, 0.34], ["dace", 0.4, 0.64]]
    assert first == {
        "id": "train/anna/a-00000400",
        "audio": "recordings/train/anna/a.wav",
        "speaker": "train/anna",
        "text": "abba dace",
        "language": "xx",
        "start": 0.4,
        "end": 1.14,
    }
    assert (second["text"], third["text"], third["language"]) == ("fed", "cab", "yy")
    wav, rate = read(audio)
    words = wav[round((start + 0.1) * rate) : round((start + 0.34) * rate)]
    np.testing.assert_allclose(words, sing("abba"), atol=1e-3)


def test_a_second_run_transcribes_nothing_and_only_what_changed_again(record, run, tmp_path):
    for name, text in (("a/1", "abba"), ("a/2", "dace"), ("b/1", "fed")):
        record(name, 0.2, text, 0.2)
    report, calls = run()
    before = (tmp_path / "table.jsonl").read_bytes(), (tmp_path / "table.report.json").read_bytes()
    assert (report.transcribed, report.kept, calls) == (3, 0, 3)
    report, calls = run()
    assert (report.transcribed, report.kept, calls) == (0, 3, 0)
    assert ((tmp_path / "table.jsonl").read_bytes(), (tmp_path / "table.report.json").read_bytes()) == before
    record("a/2", 0.2, "decade", 0.2)
    record("c/1", 0.2, "bag", 0.2)
    (tmp_path / "recordings/b/1.wav").unlink()
    report, calls = run()
    assert (report.transcribed, report.kept, calls) == (2, 1, 2)
    assert [row["text"] for row in rows(tmp_path / "table.jsonl")] == ["abba", "decade", "bag"]


def test_other_bounds_are_cut_without_hearing_again(record, run, tmp_path):
    record("a/1", 0.2, "abba", 1.2, "dace fed", 0.2)
    run()
    report, calls = run(min_seconds=0.4, pad=0.0)
    assert (calls, report.too_short) == (0, 1)
    assert [row["text"] for row in rows(tmp_path / "table.jsonl")] == ["dace fed"]


def test_nothing_heard_and_bad_audio_are_counted_with_their_reason(record, run, tmp_path):
    record("a/1", 0.2, "abba")
    record("a/2", 2.0)
    (tmp_path / "recordings/a/3.wav").write_bytes(b"RIFF nonsense")
    (tmp_path / "recordings/4.wav").write_bytes((tmp_path / "recordings/a/1.wav").read_bytes())
    report, _ = run()
    assert report.reasons == {"bad-audio": 1, "no-speaker": 1, "no-speech": 1}
    stored = json.loads((tmp_path / "table.report.json").read_text())
    assert [one["id"] for one in stored["details"]] == ["4", "a/2", "a/3"]
    assert "1 bad-audio, 1 no-speaker, 1 no-speech" in report.summary()
    assert run()[1] == 0


def test_nothing_at_all_is_an_error_that_says_what_was_found(record, run):
    record("a/1", 1.0)
    found = r"^no utterance was found in '.*': 1 no-speech, e\.g\. no speech was recognized in"
    with pytest.raises(UserError, match=found):
        run()


def test_a_speaker_has_the_language_of_most_of_all_their_recordings(record, run, tmp_path):
    record("anna/1", 0.2, "abba dace fed")
    record("anna/2", 0.2, "cab", language="yy")
    record("anna/3", 0.2, "decade bag")
    record("bert/1", 0.2, "cafe", language="yy")
    report, calls = run()
    assert report.languages == {"xx": 3, "yy": 1}
    assert calls == 5  # anna/2 again, as xx
    assert [row["language"] for row in rows(tmp_path / "table.jsonl")] == ["xx", "xx", "xx", "yy"]
    assert run()[1] == 0


def test_a_language_that_is_given_or_stated_beside_is_used(record, run, tmp_path):
    record("anna/1", 0.2, "abba", language="yy").with_suffix(".json").write_text('{"language": "yy-north"}')
    record("anna/2", 0.2, "dace")
    report, _ = run()
    assert report.languages == {"xx": 1, "yy-north": 1}
    assert rows(tmp_path / "table.jsonl")[0]["text"] == "abba"
    assert run(language="xx-south", out=tmp_path / "t.jsonl")[0].languages == {"xx-south": 2}


@pytest.mark.parametrize(
    ("language", "capabilities", "message"),
    [
        ("de", {"words", "detect"}, r"--language de: the recognizer does not know it. Choose from xx, yy"),
        (
            "auto",
            {"words"},
            r"--language auto: this recognizer detects no language. Name it: --language TAG, of xx, yy",
        ),
    ],
)
def test_a_language_that_cannot_be_is_refused(record, run, tmp_path, language, capabilities, message):
    record("a/1", 0.2, "abba")
    with pytest.raises(UserError, match=message):
        run(language=language, capabilities=frozenset(capabilities))
    assert not (tmp_path / "table.journal.jsonl").exists()


def test_without_detection_a_recording_needs_a_language(record, run):
    record("a/1", 0.2, "abba").with_suffix(".json").write_text('{"language": "xx"}')
    record("a/2", 0.2, "dace")
    report, _ = run(capabilities=frozenset({"words"}))
    assert (report.utterances, report.reasons) == (1, {"no-language": 1})


def test_recordings_with_a_transcript_stand_in_the_table_with_their_own(record, run, tmp_path):
    record("a/1", 0.2, "abba").with_suffix(".txt").write_text("Abba!\n")
    record("a/2", 0.2, "dace")
    report, calls = run()
    assert (report.existing, report.utterances, calls) == (1, 2, 1)
    assert rows(tmp_path / "table.jsonl")[0] == {
        "id": "a/1", "audio": "recordings/a/1.wav", "speaker": "a", "text": "Abba!"}  # fmt: skip
    report, calls = run(skip_existing=True)
    assert (report.existing, report.utterances, calls) == (1, 1, 0)


def test_known_texts_get_the_times_of_their_words_and_failures_are_counted(record, run, tmp_path):
    record("a/1", 0.5, "abba dace").with_suffix(".txt").write_text("Abba dace")
    record("a/2", 0.5, "abba").with_suffix(".txt").write_text("cab")
    record("a/3", 0.5, "fed")
    report, _ = run(align=True, language="xx")
    assert (report.aligned, report.reasons, report.utterances) == (1, {"not-aligned": 1}, 3)
    first, second, third = rows(tmp_path / "table.jsonl")
    assert first["words"] == [["Abba", 0.5, 0.74], ["dace", 0.8, 1.04]]
    assert "words" not in second
    assert third["words"]
    assert run(align=True, language="xx")[1] == 0
    (tmp_path / "recordings/a/2.txt").write_text("abba")
    assert run(align=True, language="xx")[0].aligned == 2


def test_aligning_needs_a_recognizer_that_does(record, run):
    record("a/1", 0.5, "abba")
    with pytest.raises(UserError, match="--align: this recognizer cannot time the words of a known text"):
        run(align=True, capabilities=frozenset({"words", "detect"}))


def test_texts_may_be_written_beside_the_recordings(record, run, tmp_path):
    audio = record("a/1", 0.2, "abba", 0.8, "dace")
    written = record("a/2", 0.2, "fed")
    written.with_suffix(".txt").write_text("as it was\n")
    written.with_suffix(".json").write_text('{"language": "xx", "take": 3}')
    report, _ = run(beside=True, align=False)
    assert audio.with_suffix(".txt").read_text() == "abba dace\n"
    facts = json.loads(audio.with_suffix(".json").read_text())
    assert facts["language"] == "xx"
    assert [word for word, _, _ in facts["words"]] == ["abba", "dace"]
    assert written.with_suffix(".txt").read_text() == "as it was\n"
    assert json.loads(written.with_suffix(".json").read_text()) == {"language": "xx", "take": 3}
    assert (report.files, report.utterances) == (1, 1)
    assert run(beside=True)[1] == 0


def test_utterances_may_be_cut_into_files_of_their_own(record, run, tmp_path):
    record("train/anna/a", 0.5, "abba dace", 1.0, "fed", 0.3, rate=16_000)
    report, _ = run(cut=tmp_path / "cut")
    wav, rate = read(tmp_path / "cut/train/anna/a-00000400.wav")
    assert (rate, len(wav) / rate) == (16_000, pytest.approx(0.74))
    assert (tmp_path / "cut/train/anna/a-00000400.txt").read_text() == "abba dace\n"
    facts = json.loads((tmp_path / "cut/train/anna/a-00000400.json").read_text())
    assert (facts["language"], facts["words"][1][0], facts["start"]) == ("xx", "dace", 0.4)
    assert report.files == 2
    assert run(cut=tmp_path / "cut")[0].files == 0
    (tmp_path / "cut/train/anna/a-00000400.txt").unlink()
    assert run(cut=tmp_path / "cut")[0].files == 1


def test_utterances_are_not_cut_into_the_recordings(record, run, tmp_path):
    record("a/1", 0.2, "abba")
    with pytest.raises(UserError, match=r"--cut '.*/cut' lies inside the recordings .*Choose a place outside"):
        run(cut=tmp_path / "recordings" / "cut")
    assert not (tmp_path / "recordings" / "cut").exists()


def test_long_recordings_are_cut_to_what_the_recognizer_takes_and_to_the_longest_utterance(record, run, tmp_path):
    words = ["abba", "dace", "fed", "bag", "cab", "decade"] * 6
    record("a/1", 0.2, " ".join(words), 0.2)
    _, calls = run(longest=3.0, max_seconds=2.0)
    table = rows(tmp_path / "table.jsonl")
    assert calls > 3
    assert " ".join(row["text"] for row in table).split() == words
    assert all(row["end"] - row["start"] <= 2 for row in table)


def test_what_was_heard_by_another_recognizer_is_not_gone_on_with(record, run, tmp_path):
    record("a/1", 0.2, "abba")
    run()
    path = tmp_path / "table.journal.jsonl"
    path.write_text(path.read_text().replace('"fake"', '"other"'))
    with pytest.raises(UserError, match=r"was made with recognizer 'other', asked for 'fake'. Use the same, choose"):
        run()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_seconds": 3, "max_seconds": 2}, "min_seconds must be in"),
        ({"pad": -1}, r"pad must be in \[0, 5\] seconds, got -1"),
        ({"beside": True, "out": "x.jsonl"}, "both --beside and --out"),
        ({"out": "x.csv"}, "let its name end in .jsonl"),
        ({"batch_seconds": 0}, "batch_seconds must be above 0"),
        ({"jobs": 0}, "jobs must be at least 1"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message, tmp_path):
    if "out" in options:
        options = {**options, "out": tmp_path / options["out"]}
    with pytest.raises(UserError, match=message):
        TranscribeOptions(**options)


def test_nowhere_to_write_is_refused(record, run):
    record("a/1", 0.2, "abba")
    with pytest.raises(UserError, match=r"nothing to write to. Name a table"):
        run(cut=None)


def test_a_damaged_recording_that_has_a_transcript_does_not_end_the_cutting(record, run, tmp_path):
    record("anna/good", 0.2, "abba", 0.2)
    record("anna/bad").with_suffix(".txt").write_text("cab")
    (tmp_path / "recordings/anna/bad.wav").write_text("no audio")
    report, _ = run(cut=tmp_path / "cut")
    assert (report.utterances, report.files, report.reasons) == (1, 1, {"bad-audio": 1})
    assert [path.stem for path in (tmp_path / "cut").rglob("*.wav")] == ["good-00000100"]


@pytest.mark.parametrize("layout", ["recordings/cut", "recordings"])
def test_utterances_are_not_cut_into_the_recordings_they_would_be_taken_for(record, run, tmp_path, layout):
    record("anna/a", 0.2, "abba", 0.2)
    with pytest.raises(UserError, match=r"--cut '.*' lies inside the recordings '.*recordings'"):
        run(cut=tmp_path / layout)
    assert not list((tmp_path / "recordings").rglob("*.jsonl"))


def test_a_second_run_at_the_same_time_is_refused(record, run, tmp_path):
    record("anna/a", 0.2, "abba", 0.2)
    with Locks(tmp_path).held("table.journal"), pytest.raises(UserError, match=r"is being written by process \d+ on "):
        run()
    assert run()[0].utterances == 1


def test_a_memory_of_what_was_heard_that_is_something_else_is_refused(record, run, tmp_path):
    record("anna/a", 0.2, "abba", 0.2)
    (tmp_path / "table.journal.jsonl").write_text("[]\n")
    with pytest.raises(UserError, match=r"table\.journal\.jsonl' is damaged"):
        run()
