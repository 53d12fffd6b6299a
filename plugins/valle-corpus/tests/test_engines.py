"""Engines: what each needs is named, voices are those it has, and times fit the sound."""

from __future__ import annotations

import importlib.util
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from valle_corpus.engines import known
from valle_corpus.engines.engine import Spoken, moved, spans_of, to_int16, trimmed
from valle_corpus.engines.espeak import Espeak
from valle_corpus.engines.flite import Flite
from valle_corpus.engines.hibari import BINS, OWN, HibariEngine, _coloured, _sung
from valle_corpus.engines.known import ENGINES, build_engine
from valle_corpus.engines.kokoro import HELD_OUT, MEN, WOMEN, Kokoro
from valle_corpus.engines.mixtures import Mixtures

from valle_core.plugin import UserError

RATE = 16000


@pytest.fixture
def styles(tmp_path) -> Path:
    for name in (*WOMEN, *MEN, *HELD_OUT):
        (tmp_path / f"{name}.bin").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize("row", ENGINES, ids=lambda row: row.name)
def test_an_engine_that_is_not_there_is_one_line_with_the_way_to_it(row, monkeypatch):
    monkeypatch.setattr(known, "find_spec", lambda name: None)
    monkeypatch.setattr(known.shutil, "which", lambda name: None)
    with pytest.raises(UserError, match=f"engine '{row.name}' needs .*{row.install.split()[0]} ") as caught:
        build_engine(row.name, {})
    assert str(caught.value).endswith(row.install)


def test_an_unknown_engine_names_those_there_are():
    with pytest.raises(UserError, match=r"no engine 'festival'. Choose from: espeak, kokoro, kokoro-mixtures, hib"):
        build_engine("festival", {})


def test_trimming_keeps_the_sound_and_its_times():
    audio = np.zeros(RATE, np.int16)
    audio[4000:8000] = 9000
    spoken = Spoken(audio=audio, phonemes=spans_of(["", "a", ""], [0.25, 0.5, 1.0]))
    cut = trimmed(spoken, RATE, keep=0.05)
    assert len(cut.audio) == 4000 + 2 * 800
    assert [(span.label, round(span.start, 3), round(span.end, 3)) for span in cut.phonemes] == [
        ("", 0.0, 0.05),
        ("a", 0.05, 0.3),
        ("", 0.3, 0.35),
    ]
    assert np.array_equal(cut.audio[800:4800], audio[4000:8000])
    silence = Spoken(audio=np.zeros(100, np.int16))
    assert trimmed(silence, RATE) is silence


def test_moved_times_stay_inside_the_sound():
    spans = moved(spans_of(["", "a", ""], [0.04, 0.5, 1.0]), -0.06, 1.0)
    assert [(round(span.start, 2), round(span.end, 2)) for span in spans] == [(0, 0), (0, 0.44), (0.44, 0.94)]


def test_float_samples_are_stored_without_wrapping():
    assert to_int16(np.array([-2.0, -1.0, 0.0, 1.0, 2.0])).tolist() == [-32767, -32767, 0, 32767, 32767]


def test_kokoro_uses_every_style_before_blends_and_shares_none_with_those_held_out(styles):
    engine = Kokoro(styles)
    train = engine.speakers(40, languages=("en",), seed=1, held_out=False)
    held_out = engine.speakers(8, languages=("en",), seed=1, held_out=True)
    assert {speaker.name for speaker in train[:24]} == {*WOMEN, *MEN}
    assert all(len(speaker.settings["mix"]) == 2 for speaker in train[24:])
    assert {speaker.name for speaker in held_out[:3]} == set(HELD_OUT)
    assert not any(style in HELD_OUT for speaker in train for style in speaker.settings["mix"])
    assert all(any(style in HELD_OUT for style in speaker.settings["mix"]) for speaker in held_out)
    assert len({speaker.name for speaker in (*train, *held_out)}) == 48
    assert all(sum(speaker.settings["mix"].values()) == pytest.approx(1) for speaker in train)
    assert [one.name for one in engine.speakers(40, languages=("en",), seed=1, held_out=False)] == [
        one.name for one in train
    ]


def test_kokoro_names_missing_styles_and_strange_voices(styles, tmp_path):
    with pytest.raises(UserError, match=r"no style files in ''\. Give --styles FOLDER"):
        Kokoro()
    engine = Kokoro(styles)
    with pytest.raises(UserError, match="no style 'af_nobody'"):
        engine.speaker("af_nobody-af_sky-35")
    for name in ("a-b", "af_sky-af_bella-x", "af_sky-af_bella-0"):
        with pytest.raises(UserError, match="is not a voice of engine 'kokoro'"):
            engine.speaker(name)


def test_mixtures_are_voices_without_end_and_keep_the_held_out_ones_out(styles):
    engine = Mixtures(styles)
    train = engine.speakers(300, languages=("en",), seed=1, held_out=False)
    held_out = engine.speakers(30, languages=("en",), seed=1, held_out=True)
    mixes = [speaker.settings["mix"] for speaker in (*train, *held_out)]
    assert all(sum(mix.values()) == pytest.approx(1) for mix in mixes)
    assert len({tuple(sorted(mix.items())) for mix in mixes}) == len({one.name for one in (*train, *held_out)}) == 330
    assert not any(style in mix for mix in mixes[:300] for style in (*HELD_OUT, "af_nicole"))
    assert all(sum(mix.get(style, 0.0) for style in HELD_OUT) >= 0.47 for mix in mixes[300:])
    assert min(min(mix.values()) for mix in mixes) < 0, "moved away from the mean"
    assert engine.speaker(train[7].name) == train[7]
    assert train[0].name != engine.speakers(1, languages=("en",), seed=2, held_out=False)[0].name
    for name in ("mixture-", "mixture-12345678", "af_sky"):
        with pytest.raises(UserError, match=r"is not a voice of engine 'kokoro-mixtures'\. Name one such as mixture-7"):
            engine.speaker(name)


@pytest.mark.parametrize("names", [("x", "test"), ("af_sky", "am_adam"), ("bf_isabella", "af_sky"), ("af_nicole",)])
def test_mixtures_of_styles_that_are_not_all_there_are_refused(names, tmp_path):
    for name in names:
        (tmp_path / f"{name}.bin").write_bytes(b"")
    message = "engine 'kokoro-mixtures' mixes styles of women and of men, .* bf_isabella, .* does not have them. Give"
    with pytest.raises(UserError, match=message):
        Mixtures(tmp_path)
    with pytest.raises(UserError, match="engine 'kokoro-mixtures' finds no style files"):
        Mixtures(tmp_path / "nowhere")


def test_files_that_are_no_styles_are_not_mixed(styles):
    (styles / "notes.bin").write_bytes(b"")
    (styles / "x.bin").write_bytes(b"")
    mixes = [one.settings["mix"] for one in Mixtures(styles).speakers(50, languages=("en",), seed=1, held_out=False)]
    assert not {"notes", "x"} & {name for mix in mixes for name in mix}


def test_hibari_makes_pseudo_voices_of_one():
    engine = HibariEngine()
    train = engine.speakers(9, languages=("en",), seed=1, held_out=False)
    assert train[0].settings == OWN
    assert len({tuple(speaker.settings.values()) for speaker in train}) == 9
    held_out = engine.speakers(9, languages=("en",), seed=1, held_out=True)
    assert not {speaker.name for speaker in train} & {speaker.name for speaker in held_out}
    assert engine.speaker("hibari:pitch=0.6,tilt=-0.1").settings == {**OWN, "pitch": 0.6, "tilt": -0.1}
    for name in ("someone", "hibari:pitch=x", "hibari:height=2", "hibari:pitch=nan"):
        with pytest.raises(UserError, match="is not a voice of engine 'hibari'"):
            engine.speaker(name)


def test_the_own_voice_is_left_as_it_is_and_others_are_scaled():
    envelope = np.random.default_rng(0).standard_normal((BINS, 4)).astype(np.float32)
    assert np.allclose(_coloured(envelope, OWN), envelope)
    peak = np.full((BINS, 1), -9.0, np.float32)
    peak[200] = 0.0
    assert int(_coloured(peak, {**OWN, "formants": 0.9}).argmax()) == 180
    pitch = np.array([0.0, 100.0, 200.0])
    assert np.allclose(_sung(pitch, OWN), pitch)
    assert np.allclose(_sung(pitch, {**OWN, "pitch": 0.5}), pitch / 2)
    flat = _sung(pitch, {**OWN, "range": 0.0})
    assert flat[1] == pytest.approx(flat[2])


@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("hibari", "onnx", "onnxruntime", "scipy")),
    reason="hibari-tts is missing: pip install hibari-tts",
)
def test_hibari_speaks_the_same_for_a_seed_with_a_time_for_each_symbol():
    engine = HibariEngine()
    low = engine.speaker("hibari:pitch=0.6")
    one, two = (engine.speak("The red fox ran.", low, seed=3) for _ in range(2))
    other = engine.speak("The red fox ran.", low, seed=4)
    assert np.array_equal(one.audio, two.audio)
    assert not np.array_equal(one.audio, other.audio)
    assert "".join(one.symbols).startswith("ðə ɹˈɛd")
    assert len(one.phonemes) == len(one.symbols) + 2
    assert one.phonemes[-1].end <= len(one.audio) / engine.sample_rate
    with pytest.raises(UserError, match="engine 'hibari' takes 1"):
        engine.speak("No. " * 200, low, seed=0)


@pytest.fixture
def fake_flite(tmp_path, monkeypatch):
    """A program that writes half a second of sound and says when each phone ends, as flite does."""
    program = tmp_path / "flite"
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys, wave\n"
        "out = wave.open(sys.argv[sys.argv.index('-o') + 1], 'wb')\n"
        "out.setnchannels(1); out.setsampwidth(2); out.setframerate(16000)\n"
        "out.writeframes(b'\\0\\1' * 8000); out.close()\n"
        "print('pau:0.100 hh:0.200 ow:0.400 pau:0.501 ')\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return program


def test_flite_gives_the_times_it_prints_inside_the_sound(fake_flite):
    engine = build_engine("flite", {"styles": Path("x")})
    spoken = engine.speak("Ho", engine.speaker("slt"), seed=0)
    assert [(span.label, span.end) for span in spoken.phonemes] == [("", 0.1), ("hh", 0.2), ("ow", 0.4), ("", 0.5)]
    assert len(spoken.audio) == 8000
    fake_flite.write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    with pytest.raises(UserError, match="flite makes no sound of 'Ho': broken"):
        engine.speak("Ho", engine.speaker("slt"), seed=0)


def test_flite_has_few_voices():
    engine = Flite()
    with pytest.raises(UserError, match="engine 'flite' has 1 such voices"):
        engine.speakers(2, languages=("en",), seed=0, held_out=True)
    with pytest.raises(UserError, match=r"no voice 'kal'\. Choose from: slt, rms"):
        engine.speaker("kal")


def test_espeak_says_its_own_phonemes_and_gives_no_symbols_of_a_frontend():
    engine = Espeak()
    spoken = engine.speak("Ho ho", engine.speaker("en-us+f2"), seed=0)
    assert spoken.symbols == ()
    assert any(span.label for span in spoken.phonemes)
