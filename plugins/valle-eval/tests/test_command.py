"""The command over made audio: tables, controls, comparison, going on, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import soundfile
from valle_eval.command import SCHEMA, evaluate
from valle_eval.metrics import facts
from valle_eval.systems import Shelf, control, speech
from valle_eval.tables import read_table

from valle_core.config.resolve import resolve
from valle_core.plugin import UserError
from valle_testing.command import context_of

TEXTS = ("one two three", "four five six", "seven eight")


@pytest.fixture
def table(tmp_path):
    """Three tones with texts, a voice for each, and what their making took."""
    rows = []
    for number, text in enumerate(TEXTS):
        for name, hertz in ((f"{number}.wav", 200 + 50 * number), (f"voice-{number}.wav", 300 + 50 * number)):
            wav = 0.3 * np.sin(2 * np.pi * hertz * np.arange(8000) / 16_000)
            soundfile.write(tmp_path / name, wav, 16_000)
        rows.append({"audio": f"{number}.wav", "text": text, "voice": f"voice-{number}.wav", "making": 0.05})
    path = tmp_path / "table.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(table, out, *, metric=(), **options):
    context = context_of(SCHEMA)
    given = {"table": str(table), "out": str(out), **options}
    flags = [(name, list(value) if isinstance(value, tuple) else value) for name, value in given.items()]
    flags += [("metric", name) for name in metric]
    return evaluate(replace(context, resolved=resolve(SCHEMA, context.registry, flags=flags)))


def test_a_table_is_judged_and_every_figure_names_its_judge(table, tmp_path):
    done = run(table, tmp_path / "out", metric=("pace", "rtf"))
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["means"]["speech"]["rtf"]["mean"] == pytest.approx(0.1)
    assert result["means"]["speech"]["pace"]["corpus"] == pytest.approx(60 * 8 / 1.5)
    assert set(result["judges"]) == {figure["name"] for figure in result["figures"]}
    assert result["judges"]["pace"]["normaliser"] == "words 1"
    assert result["judges"]["pace"]["plugin"].startswith("pace (valle-eval ")
    assert [row["id"] for row in result["rows"]] == ["0", "1", "2"]
    assert "rtf ↓" in done.text
    assert "rows" not in done.facts


def test_a_second_run_asks_no_judge_again(table, tmp_path, monkeypatch):
    run(table, tmp_path / "out", metric=("pace",))
    first = (tmp_path / "out" / "judged.jsonl").read_text()
    monkeypatch.setattr(facts.Pace, "measure", lambda self, clip: pytest.fail("it is asked again"))
    run(table, tmp_path / "out", metric=("pace",))
    assert (tmp_path / "out" / "judged.jsonl").read_text() == first


def test_what_was_cut_off_or_changed_is_judged_anew(table, tmp_path):
    run(table, tmp_path / "out", metric=("pace",))
    journal = tmp_path / "out" / "judged.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text(lines[0] + lines[1] + lines[2][:20])
    soundfile.write(tmp_path / "0.wav", np.ones(16_000) * 0.1, 16_000)
    run(table, tmp_path / "out", metric=("pace",))
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["means"]["speech"]["seconds"]["mean"] == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert len(journal.read_text().splitlines()) == 5


def test_an_earlier_run_is_compared_by_sentence_and_only_with_like_judges(table, tmp_path):
    run(table, tmp_path / "a", metric=("pace", "rtf"))
    path = tmp_path / "a" / "result.json"
    stored = json.loads(path.read_text())
    stored["judges"]["pace"]["normaliser"] = "words 0"
    path.write_text(json.dumps(stored))
    text = table.read_text().replace('"making": 0.05', '"making": 0.1')
    table.write_text(text)
    done = run(table, tmp_path / "b", metric=("pace", "rtf"), against=(str(path),))
    (compared,) = done.facts["against"]
    assert compared["differences"]["rtf"]["mean"] == pytest.approx(0.1)
    assert "rtf +0.100 [+0.100, +0.100] worse" in done.text
    assert compared["not_compared"] == {"pace": "normaliser is 'words 1', there it was 'words 0'"}
    table.write_text(text.replace("one two", "eins zwei").replace("four", "vier").replace("seven", "sieben"))
    with pytest.raises(UserError, match="has no sentence of this run"):
        run(table, tmp_path / "c", metric=("rtf",), against=(str(path),))


def test_what_lacks_is_said_or_refused(table, tmp_path, capsys):
    table.write_text(table.read_text().replace(', "making": 0.05', ""))
    run(table, tmp_path / "out")
    lines = capsys.readouterr().err.splitlines()
    assert "note: metric 'rtf' is left out: no sentence brings `making`" in lines
    if find_spec("ctranslate2") is None:  # then nobody knows words: pocketsphinx is not taken in its place
        assert any(
            line.startswith("note: metric 'wer' is left out: recognizer 'whisper-tiny' cannot") for line in lines
        )
    with pytest.raises(UserError, match="metric 'rtf' needs making: no sentence brings `making`"):
        run(table, tmp_path / "out", metric=("rtf",))


def test_controls_turn_texts_and_voices(table, tmp_path):
    spoken = speech(read_table(table, "en"), Shelf())
    shuffled, other = control("shuffled-text", spoken), control("other-voice", spoken)
    assert [case.text for _, case in shuffled.cases] == [*TEXTS[1:], TEXTS[0]]
    assert [case.voice.path.name for _, case in other.cases] == ["voice-1.wav", "voice-2.wav", "voice-0.wav"]
    assert [case.sound for _, case in other.cases] == [case.sound for _, case in spoken.cases]
    run(table, tmp_path / "out", metric=("pace",), control=("shuffled-text", "other-voice"))
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["means"]["shuffled-text"] == result["means"]["other-voice"] == {}  # a pace tells nothing there
    with pytest.raises(UserError, match="there is no control 'silence'"):
        run(table, tmp_path / "out", control=("silence",))
    with pytest.raises(UserError, match="needs at least 2 sentences, got 1"):
        run(table, tmp_path / "out", metric=("pace",), control=("shuffled-text",), limit=1)
    with pytest.raises(UserError, match="at least 2 voices, got 1"):
        run(table, tmp_path / "out", metric=("pace",), control=("other-voice",), limit=1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no sentence"),
        ("{", "line 1 is not JSON"),
        ("[1]", "line 1 must be an object"),
        ('{"audio": "0.wav"}', "line 1 has no text"),
        ('{"audio": 3, "text": "a"}', "audio must be text, got 3"),
        ('{"audio": "none.wav", "text": "a"}', "none.wav', which does not exist"),
        ('{"audio": "0.wav", "text": "a"}\n{"audio": "0.wav", "text": "b"}', "two sentences have the id '0'"),
        ('{"audio": "0.wav", "text": "a", "making": -1}', r"making must be in \[0, inf\), got -1"),
        ('{"audio": "0.wav", "text": "a", "ended": "perhaps"}', "ended must be true or false"),
        ('{"text": "a"}', "'1' has no audio"),
    ],
)
def test_a_table_that_cannot_be_judged_is_refused_in_one_line(table, tmp_path, content, message):
    table.write_text(content)
    with pytest.raises(UserError, match=message) as caught:
        run(table, tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_other_tables_and_folders_are_read(table, tmp_path):
    csv = tmp_path / "t.csv"
    csv.write_text('path,sentence,prompt,ended\n0.wav,"one, two",voice-0.wav,false\n1.wav,three,voice-1.wav,\n')
    run(csv, tmp_path / "out", metric=("pace", "ending"))
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert [row["text"] for row in result["rows"]] == ["one, two", "three"]
    assert result["means"]["speech"]["unended"] == {"count": 1} | dict.fromkeys(
        ("mean", "low", "high", "corpus", "corpus_low", "corpus_high"), 1.0
    )
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "0.wav").rename(folder / "x.wav")
    with pytest.raises(UserError, match="has no text beside it"):
        run(folder, tmp_path / "out")
    (folder / "x.txt").write_text("hello there\n")
    assert run(folder, tmp_path / "out", metric=("pace",)).facts["sentences"]["count"] == 1
    with pytest.raises(
        UserError, match=r"none.jsonl' cannot be read \(No such file or directory\)\. Give an existing UTF-8 text"
    ):
        read_table(tmp_path / "none.jsonl", "en")
    with pytest.raises(UserError, match="nothing to evaluate"):
        evaluate(context_of(SCHEMA))
