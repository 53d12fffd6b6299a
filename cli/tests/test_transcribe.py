"""`valle transcribe` from the command line, with pocketsphinx and a list of what may be said."""

from __future__ import annotations

import json

import pytest

from valle_core.audio.wav import write
from valle_testing.suites.recognizer.speech import SPOKEN, built_in


@pytest.fixture
def recordings(tmp_path):
    for number, clip in enumerate(built_in()[:2]):
        write(tmp_path / "recordings" / f"s{number}" / "a.wav", clip.wav, clip.sample_rate)
    (tmp_path / "lines.txt").write_text("\n".join(SPOKEN.values()))
    return tmp_path


def test_recordings_become_a_table_and_a_second_run_transcribes_nothing(valle, recordings):
    table = recordings / "t.jsonl"
    argv = ["transcribe", str(recordings / "recordings"), "--out", str(table), "--language", "en-us"]
    argv += ["--recognizer", "pocketsphinx", "--recognizer.sentences", str(recordings / "lines.txt")]
    code, out, err = valle(*argv, "--quiet")
    assert code == 0, err
    assert out.startswith("2 utterances of 2 speakers, 0.1 minutes (2 recordings transcribed, 0 kept, 0 with")
    assert "note: recognizer 'pocketsphinx': Dictation is poor" in err
    rows = [json.loads(line) for line in table.read_text().splitlines()]
    assert [row["text"] for row in rows] == list(SPOKEN.values())
    assert [row["language"] for row in rows] == ["en-us", "en-us"]
    code, out, err = valle(*argv, "--json")
    assert code == 0, err
    assert (code, json.loads(out)["utterances"]) == (0, 2)
    assert "(0 recordings transcribed, 2 kept, " in valle(*argv, "--quiet")[1]
    (recordings / "lines.txt").write_text("please close the window")
    code, _, err = valle(*argv)
    assert code == 2
    assert "t.journal.jsonl' was made with options" in err


def test_the_current_folder_may_be_named(valle, recordings, monkeypatch):
    monkeypatch.chdir(recordings / "recordings")
    words = ["--recognizer", "pocketsphinx", "--recognizer.sentences", str(recordings / "lines.txt"), "--quiet"]
    code, out, err = valle("transcribe", ".", "--out", "../t.jsonl", "--language", "en-us", *words)
    assert code == 0, err
    assert out.startswith("2 utterances of 2 speakers")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "no folder of recordings given; name it: valle transcribe FOLDER --out TRANSCRIPTS.jsonl"),
        (["FOLDER"], "nothing to write to. Name a table (--out TRANSCRIPTS.jsonl), --beside, or --cut FOLDER"),
        (["missing", "--out", "t.jsonl"], "recordings 'missing' do not exist"),
        (["missing"], "recordings 'missing' do not exist"),
        (["FOLDER", "--out", "t.csv"], "let its name end in .jsonl"),
        (["FOLDER", "--out", "."], "--out .: the table is JSON lines; let its name end in .jsonl"),
        (["--set", "source=.", "--beside", "--out", "."], "both --beside and --out are given"),
        (["FOLDER", "--out", "t.jsonl", "--language", "de"], "the recognizer does not know it. Choose from en-us, en"),
        (["FOLDER", "--out", "t.jsonl", "--recognizer", "pocketsphnx"], "pocketsphnx"),
        (["FOLDER", "--out", "t.jsonl", "--recognizer.sentence", "x"], "there is no option --recognizer.sentence of"),
        (["FOLDER", "--out", "t.jsonl", "--recognizer.sentences", "none.txt"], "'none.txt' cannot be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line_and_code_2_and_nothing_is_written(valle, recordings, monkeypatch, argv, message):
    monkeypatch.chdir(recordings)
    code, out, err = valle(
        "transcribe", *[str(recordings / "recordings") if word == "FOLDER" else word for word in argv]
    )
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert (code, out, len(errors)) == (2, "", 1)
    assert message in errors[0]
    assert not list(recordings.glob("t.*"))
