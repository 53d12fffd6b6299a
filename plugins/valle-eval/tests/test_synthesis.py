"""A model speaks in the same command: what is kept, what is spoken anew, the ceiling, controls and the page."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from valle_eval import synthesis
from valle_eval.command import SCHEMA, evaluate

from valle_core.api import SYNTHESIS_SCHEMA, Registry
from valle_core.config.resolve import resolve
from valle_core.plugin import UserError
from valle_core.synthesis.request import Speech, Timing
from valle_core.types import CodecIdentity
from valle_kit.engine import Together
from valle_testing.command import context_of


class FakeCodec:
    """Two levels; the first alone gives half of the sound."""

    sample_rate, num_levels = 16_000, 2
    identity = CodecIdentity(
        name="fake", sample_rate=16_000, hop=160, num_levels=2, codebook_size=8, weights_hash="0" * 16
    )

    def encode(self, wav, lengths):
        self.wav = wav
        return torch.zeros(1, 10, 2, dtype=torch.long), torch.tensor([10])

    def decode(self, codes, frames):
        return self.wav * codes.shape[2] / 2, torch.tensor([self.wav.shape[1]])


class FakeSpeaker:
    """Says a tone for each letter; a text with `!` runs into its bound."""

    sample_rate = 16_000
    timing = None

    def __init__(self, scale=1.0):
        half = torch.nn.Linear(4, 4)
        torch.nn.init.constant_(half.weight, scale)
        task = SimpleNamespace(continues=False)
        self.components = SimpleNamespace(ar=half, nar=half, codec=FakeCodec(), task=task, languages=("en",))
        self.asked = []

    def __call__(self, requests):
        self.asked += [request.text for request in requests]
        wavs = [0.1 * torch.ones(1600 * len(request.text)) * (1 + request.seed / 100) for request in requests]
        seconds = sum(len(wav) for wav in wavs) / 16_000
        self.timing = Timing(
            prompt=0.0, autoregressive=seconds / 2, nonautoregressive=0.0, codec=0.0, tokens=1, audio_seconds=seconds
        )
        return [
            Speech(
                wav=wav,
                sample_rate=16_000,
                codes=torch.zeros(1, 1, dtype=torch.long),
                symbols=(),
                stopped="!" not in request.text,
                unknown={},
            )
            for request, wav in zip(requests, wavs, strict=True)
        ]


@pytest.fixture
def table(tmp_path):
    """Four texts with recordings and two voices."""
    rows = []
    for number, text in enumerate(("one", "four", "seven!", "a b")):
        wav = 0.2 * np.sin(np.arange(1600 * len(text)) / (3 + number))
        soundfile.write(tmp_path / f"{number}.wav", wav, 16_000)
        rows.append({"id": f"s/{number}", "audio": f"{number}.wav", "text": text, "voice": f"{number % 2}.wav"})
    path = tmp_path / "table.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def speaker(monkeypatch):
    made = FakeSpeaker()
    monkeypatch.setattr(synthesis, "open_speaker", lambda context: made)
    return made


def run(out, *, metric=("pace", "rtf", "ending"), **options):
    context = context_of(SCHEMA)
    given = {"model": "a-run", "out": str(out), **options}
    flags = [(name, list(value) if isinstance(value, tuple) else value) for name, value in given.items()]
    flags += [("metric", name) for name in metric]
    return evaluate(replace(context, resolved=resolve(SCHEMA, context.registry, flags=flags)))


def rows_of(out, system):
    result = json.loads((out / "result.json").read_text())
    return [row for row in result["rows"] if row["system"] == system]


def test_a_model_says_the_sentences_and_is_judged_beside_its_ceiling(table, tmp_path, speaker):
    out = tmp_path / "out"
    done = run(out, table=str(table), ceiling=True, levels=1)
    assert list(done.facts["systems"]) == ["speech", "codec", "recording"]
    assert done.facts["means"]["speech"]["rtf"]["mean"] == pytest.approx(0.5)
    assert done.facts["means"]["speech"]["unended"]["mean"] == 0.25
    assert done.facts["about"]["weights"].keys() == {"level 0"}
    assert "unended" not in done.facts["means"]["codec"]
    (first, *_) = rows_of(out, "codec")
    resynthesised, _ = soundfile.read(out / first["audio"])
    assert np.abs(resynthesised).max() == pytest.approx(0.1, abs=0.01)


def test_a_stopped_run_says_only_what_is_left(table, tmp_path, speaker):
    out = tmp_path / "out"
    run(out, table=str(table), limit=2)
    assert speaker.asked == ["one", "four"]
    run(out, table=str(table), batch=3)
    assert speaker.asked == ["one", "four", "seven!", "a b"]
    (out / rows_of(out, "speech")[1]["audio"]).unlink()
    run(out, table=str(table))
    assert speaker.asked[4:] == ["four"]
    run(out, table=str(table), seed=1)
    assert speaker.asked[5:] == ["one", "four", "seven!", "a b"]


def test_what_speaks_gives_a_sentence_in_a_batch_the_codes_it_has_alone(monkeypatch):
    monkeypatch.setattr(synthesis, "open_synthesizer", lambda *given, **more: "opened")
    monkeypatch.setattr(synthesis, "ready", lambda opened, *given: opened)
    monkeypatch.setattr(synthesis, "Resolved", lambda **given: None)
    resolved = SimpleNamespace(
        parts=dict.fromkeys(slot.name for slot in SYNTHESIS_SCHEMA.slots), sections={"synthesis": 0}
    )
    context = SimpleNamespace(resolved=resolved, registry=Registry.open())
    speaker = synthesis.open_speaker(context)
    assert isinstance(speaker, Together)
    assert speaker.synthesizer == "opened"


def test_other_weights_speak_anew(table, tmp_path, monkeypatch):
    for scale in (1.0, 2.0):
        made = FakeSpeaker(scale)
        monkeypatch.setattr(synthesis, "open_speaker", lambda context, made=made: made)
        run(tmp_path / "out", table=str(table))
        assert len(made.asked) == 4


def test_an_untrained_model_is_the_same_network_with_other_weights(table, tmp_path, speaker):
    before = speaker.components.ar.weight.clone()
    bias = speaker.components.ar.bias.clone()
    done = run(tmp_path / "out", table=str(table), control=("untrained",))
    assert "untrained" in done.facts["means"]
    assert not torch.equal(speaker.components.ar.weight, before)
    assert torch.equal(speaker.components.ar.bias, bias)


def test_box_is_said_in_the_voices_that_are_given(table, tmp_path, speaker):
    done = run(tmp_path / "out", preset="box", voices=str(tmp_path), limit=3, split="none")
    assert done.facts["sentences"]["source"] == "preset box"
    assert len(speaker.asked) == 3
    exported = run(tmp_path / "out", preset="box", full=True, export=str(tmp_path / "texts.txt"))
    assert exported.facts == {"sentences": 1000}
    assert len((tmp_path / "texts.txt").read_text().splitlines()) == 1000


def test_speech_of_another_system_is_found_by_the_ids_of_a_preset(table, tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir()
    (tmp_path / "0.wav").rename(folder / "everyday-005.wav")
    done = run(tmp_path / "out", model="", preset="box", audio=str(folder), metric=("pace",))
    assert done.facts["sentences"]["count"] == 1
    (folder / "everyday-005.wav").rename(folder / "x.wav")
    with pytest.raises(UserError, match=r"must be called ID\.wav, e\.g\. "):
        run(tmp_path / "out", model="", preset="box", audio=str(folder), metric=("pace",))
    with pytest.raises(UserError, match="preset box has no audio"):
        run(tmp_path / "out", model="", preset="box")


def test_what_does_not_fit_is_refused(table, tmp_path, speaker):
    with pytest.raises(UserError, match=r"levels must be in \[0, 2\], got 3"):
        run(tmp_path / "out", table=str(table), ceiling=True, levels=3)
    with pytest.raises(UserError, match="--ceiling needs recordings"):
        run(tmp_path / "out", preset="box", voices=str(tmp_path), limit=2, ceiling=True)
    with pytest.raises(UserError, match="--ceiling needs a codec"):
        run(tmp_path / "out", model="", table=str(table), ceiling=True, metric=("pace",))
    with pytest.raises(UserError, match="control 'untrained' needs a model"):
        run(tmp_path / "out", model="", table=str(table), control=("untrained",), metric=("pace",))
    for wrong, message in (
        ({"batch": 0}, "--batch must be at least 1, got 0"),
        ({"max_duration": 0.0}, r"--max-duration must be in \(0, 3600\], got 0"),
        ({"full": True}, "--full belongs to --preset box"),
        ({"preset": "box"}, "--preset box has its own sentences"),
    ):
        with pytest.raises(UserError, match=message):
            run(tmp_path / "out", table=str(table), **wrong)
    with pytest.raises(UserError, match="needs the folder of that set"):
        run(tmp_path / "out", preset="seed-tts")


def test_the_page_holds_players_and_pictures_of_this_and_earlier_runs(table, tmp_path, speaker):
    table.write_text(table.read_text().replace('"text": "one"', '"text": "one & two", "group": "x"'))
    run(tmp_path / "a", table=str(table))
    run(tmp_path / "b", table=str(table), against=(str(tmp_path / "a"),), listen=2, name="<b>second</b>")
    page = (tmp_path / "b" / "index.html").read_text()
    assert page.count("<audio") == page.count("data:image/png;base64,") == 2 * 3
    assert "speech of a" in page
    assert "one &amp; two" in page
    assert "&lt;b&gt;second&lt;/b&gt;" in page
    assert "<b>second</b>" not in page
    (tmp_path / "a" / "audio" / "speech").rename(tmp_path / "gone")
    run(tmp_path / "b", table=str(table), against=(str(tmp_path / "a"),), listen=4)
    assert "does not exist" in (tmp_path / "b" / "index.html").read_text()
