"""A corpus goes on where it stopped, deals sentences once, and its table is what `valle prepare` takes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from valle_corpus import plan as plans
from valle_corpus import writing
from valle_corpus.commands import SCHEMA, corpus
from valle_corpus.engines.engine import Speaker, Spoken, spans_of
from valle_corpus.plan import CorpusPlan, items
from valle_corpus.sentences.wordnet import examples
from valle_corpus.writing import write_corpus

from valle_core.plugin import UserError
from valle_testing.command import context_of

TEXTS = tuple(f"Number {chr(97 + i)}{chr(97 + j)} is said." for i in range(10) for j in range(6))
PLAN = CorpusPlan(
    engine="flite", voices=2, utterances=3, held_out_voices=1, held_out_utterances=2, sample_rate=0, texts=TEXTS
)


class FakeEngine:
    """A tone per letter, 0.1 s each; it cannot say `x`."""

    sample_rate = 8000
    languages = ("en",)
    spoken: tuple[str, ...] = ()

    def speakers(self, count, *, languages, seed, held_out):
        return [self.speaker(f"{'held' if held_out else 'voice'}{number}") for number in range(count)]

    def speaker(self, name):
        return Speaker(name=name, language="en-us", settings={"name": name})

    def speak(self, text, speaker, *, seed):
        type(self).spoken = (*self.spoken, text)
        if "x" in text:
            raise UserError(f"cannot say {text!r}")
        ends = [0.1 * (place + 1) for place in range(len(text) + 2)]
        audio = np.full(round(ends[-1] * 8000), 1000, np.int16)
        return Spoken(audio=audio, phonemes=spans_of(["", *text, ""], ends), symbols=tuple(text))


@pytest.fixture(autouse=True)
def engine(monkeypatch):
    """Every engine is the fake one."""
    monkeypatch.setattr(FakeEngine, "spoken", ())
    monkeypatch.setattr(writing, "open_engine", lambda name, options: FakeEngine())
    writing._engine.cache_clear()
    yield FakeEngine
    writing._engine.cache_clear()


def _rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_table_names_audio_text_speaker_phones_and_durations(tmp_path):
    write_corpus(tmp_path / "c", PLAN, workers=1)
    rows = _rows(tmp_path / "c" / "train.jsonl")
    assert len(rows) == 6
    assert all((tmp_path / "c" / row["audio"]).is_file() for row in rows)
    assert {row["speaker"] for row in rows} == {"train/voice0", "train/voice1"}
    assert all(row["phones"] == list(row["text"]) for row in rows)
    assert all(len(row["durations"]) == len(row["phones"]) + 2 for row in rows)
    assert all(row["durations"] == pytest.approx([0.1] * len(row["durations"])) for row in rows)
    assert len(_rows(tmp_path / "c" / "held-out.jsonl")) == 2


def test_dealt_sentences_are_said_once_and_none_is_on_both_sides(tmp_path, engine):
    write_corpus(tmp_path / "c", PLAN, workers=1)
    assert len(engine.spoken) == len(set(engine.spoken)) == 8
    train, held_out = ({row["text"] for row in _rows(tmp_path / "c" / f"{name}.jsonl")} for name in plans.GROUPS)
    assert not train & held_out


def test_too_few_sentences_are_named():
    with pytest.raises(UserError, match=r"300 training utterances were asked for, the sentences give \d+ "):
        items(CorpusPlan(texts=TEXTS, voices=30, utterances=10), FakeEngine(), "train")


def test_interrupted_the_same_plan_goes_on_and_ends_the_same(tmp_path, engine, monkeypatch):
    write_corpus(tmp_path / "whole", PLAN, workers=1)
    speak, calls = FakeEngine.speak, []

    def die(self, text, speaker, *, seed):
        calls.append(text)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return speak(self, text, speaker, seed=seed)

    monkeypatch.setattr(FakeEngine, "speak", die)
    with pytest.raises(KeyboardInterrupt):
        write_corpus(tmp_path / "cut", PLAN, workers=1)
    assert not (tmp_path / "cut" / "train.jsonl").exists()
    write_corpus(tmp_path / "cut", PLAN, workers=1)
    assert len(calls) == 9  # the one it died in is said again
    for path in sorted((tmp_path / "whole").rglob("*")):
        if path.is_file():
            assert (tmp_path / "cut" / path.relative_to(tmp_path / "whole")).read_bytes() == path.read_bytes()


def test_another_plan_is_not_mixed_in(tmp_path):
    write_corpus(tmp_path / "c", PLAN, workers=1)
    with pytest.raises(UserError, match="holds a corpus of another plan"):
        write_corpus(tmp_path / "c", replace(PLAN, seed=1), workers=1)


def test_what_the_engine_cannot_say_is_kept_as_such_and_left_out_of_the_table(tmp_path, engine):
    plan = CorpusPlan(engine="flite", speakers=("a",), script=("one", "x", "two"), sample_rate=0)
    for _ in range(2):
        write_corpus(tmp_path / "c", plan, workers=1)
    assert engine.spoken == ("one", "x", "two")
    assert [row["text"] for row in _rows(tmp_path / "c" / "train.jsonl")] == ["one", "two"]
    assert json.loads((tmp_path / "c" / "train" / "a" / "0001.json").read_text())["refused"] == "cannot say 'x'"
    assert not (tmp_path / "c" / "train" / "a" / "0001.wav").exists()


def test_the_folder_says_what_it_is_made_of(tmp_path):
    write_corpus(tmp_path / "c", PLAN, workers=1)
    facts = json.loads((tmp_path / "c" / "corpus.json").read_text(encoding="utf-8"))
    assert "CMU" in facts["source"]
    assert facts["plan"]["texts"]["number"] == 60
    assert facts["seconds"]["train"] > 0


def test_a_language_the_engine_does_not_read_is_named():
    with pytest.raises(UserError, match=r"engine 'flite' does not read de\. Choose from: en"):
        plans.check_plan(CorpusPlan(engine="flite", languages=("en", "de")), FakeEngine())


@pytest.mark.parametrize(
    ("options", "spoken"),
    [
        ({"engine": "nobody"}, "there is no engine 'nobody'. Choose from: espeak"),
        ({"styles": Path("x")}, "engine 'espeak' takes no --styles"),
        ({"sample_rate": 4000}, "--sample-rate must be 0 or in [8000, 48000], got 4000"),
        ({"texts": Path("a"), "wordnet": Path("b")}, "give --texts or --wordnet, not both"),
        ({"wordnet": Path("nowhere")}, "'nowhere' holds no examples of WordNet"),
    ],
)
def test_options_that_do_not_fit_are_one_line(options, spoken, tmp_path):
    with pytest.raises(UserError, match=re.escape(spoken)):
        corpus(context_of(SCHEMA, out=tmp_path / "c", **options))
    assert not (tmp_path / "c").exists()


def test_examples_are_plain_sentences(tmp_path):
    (tmp_path / "data.verb").write_text(
        '  1 a licence line "with a quotation of several words inside it"\n'
        '00001 | breathe; "the patient must breathe with great care;"; "too short"; "3 of these are not plain"\n'
        '00002 | hit; "they wanted to kill the old sick dog"\n'
    )
    assert examples(tmp_path) == ["The patient must breathe with great care."]
