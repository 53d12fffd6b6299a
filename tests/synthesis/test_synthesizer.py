"""A trained model says what it learnt, the same in every batch, and all audio leaves through one exit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from valle_core.audio.wav import read, write
from valle_core.config.resolve import resolve
from valle_core.plugin import UserError
from valle_core.registry.hooks import Observers, hookimpl
from valle_core.registry.registry import Registry
from valle_core.synthesis.open import open_synthesizer
from valle_core.synthesis.options import SYNTHESIS_SCHEMA
from valle_core.synthesis.request import Request
from valle_core.synthesis.synthesizer import Synthesizer
from valle_language.phonemic import symbols_of
from valle_testing.fakes.speaking import part, synthesizer_of


def make(model, *samplers: tuple[str, dict], observers: Observers | None = None) -> Synthesizer:
    return synthesizer_of(
        model.model, symbols=model.manifest.symbols, languages=model.manifest.languages, task=part("task", "tts"),
        chain=[part("sampler", name, options) for name, options in samplers or [("greedy", {})]],
        observers=observers or Observers(),
    )  # fmt: skip


def text_of(tones, id: str) -> str:
    return (tones.wav / f"{id}.txt").read_text().strip()


def prompts_for(tones, id: str):
    """The codes of the speaker's other utterances, as in training."""
    others = tones.dataset.other(tones.dataset.row(id).speaker, id)
    return torch.cat([tones.dataset.codes(other) for other in others])


def match_of(wav: torch.Tensor, text: str, reference: np.ndarray) -> float:
    """Share of the reference's tone frames whose strongest frequency is in the answer at the same place."""
    n = 480
    frames = min(len(wav), len(reference)) // n
    peaks = [np.abs(np.fft.rfft(x[: frames * n].reshape(frames, n), 4096)).argmax(1) for x in (wav.numpy(), reference)]
    return float((np.abs(peaks[0] - peaks[1]) <= 3).mean())


def test_it_sings_the_letters_it_learnt_in_the_voice_of_the_prompt(tones, tone_model):
    synthesizer = make(tone_model)
    ids = tones.dataset.ids[:6]
    requests = [Request(text=text_of(tones, id), prompt=prompts_for(tones, id), max_seconds=3) for id in ids]
    scores = []
    for id, speech in zip(ids, synthesizer(requests), strict=True):
        reference, _ = read(tones.wav / f"{id}.wav")
        assert speech.stopped
        assert abs(speech.seconds - len(reference) / 16000) < 0.2
        scores.append(match_of(speech.wav, text_of(tones, id), reference))
    assert np.mean(scores) > 0.7, scores
    swapped = synthesizer([Request(text=text_of(tones, ids[1]), prompt=prompts_for(tones, ids[0]), max_seconds=3)])[0]
    reference, _ = read(tones.wav / f"{ids[0]}.wav")
    assert match_of(swapped.wav, "", reference) < 0.5, "another text must not sound like the reference"


def test_a_request_gives_the_same_codes_alone_and_in_a_batch(tones, tone_model):
    synthesizer = make(tone_model, ("temperature", {"t": 3.0}), ("sample", {}))
    ids = tones.dataset.ids[:4]
    requests = [
        Request(text=text_of(tones, id), prompt=prompts_for(tones, id), seed=7 + i, max_seconds=2)
        for i, id in enumerate(ids)
    ]
    together = synthesizer(requests)
    for request, speech in zip(requests, together, strict=True):
        (alone,) = synthesizer([request])
        assert torch.equal(alone.codes, speech.codes)
    other = synthesizer([Request(**{f: getattr(requests[0], f) for f in ("text", "prompt", "max_seconds")}, seed=99)])
    assert not torch.equal(other[0].codes, together[0].codes)


def test_the_bound_is_kept_and_reported(tones, tone_model):
    (speech,) = make(tone_model)([Request(text="abc def", prompt=None, max_seconds=0.06)])
    assert speech.codes.shape == (3, 4)
    assert not speech.stopped


def test_every_route_passes_the_after_audio_hook_once(tones, tone_model):
    class Halve:
        @hookimpl
        def after_audio(self, wav, sample_rate, facts):
            seen.append((sample_rate, facts["text"]))
            return wav * 0.5

    seen: list = []
    observers = Observers()
    observers.add("halve", Halve())
    requests = [Request(text="abc", max_seconds=0.5), Request(text="bcd", max_seconds=0.5)]
    plain, halved = make(tone_model)(requests), make(tone_model, observers=observers)(requests)
    assert seen == [(16000, "abc"), (16000, "bcd")]
    for a, b in zip(plain, halved, strict=True):
        torch.testing.assert_close(a.wav * 0.5, b.wav)


def test_timing_and_unknown_phonemes_are_reported(tones, tone_model):
    synthesizer = make(tone_model)
    (speech,) = synthesizer([Request(text="abz", max_seconds=0.5)])
    assert speech.unknown == {"z": 1}
    assert synthesizer.timing.tokens == speech.codes.shape[0]
    assert synthesizer.timing.real_time_factor > 0


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request(text="  "), "text is empty"),
        (Request(text="?!"), "has no words"),
        (Request(text="zzz"), "knows none of the phonemes"),
        (Request(text="abc", language="tlh"), "language 'tlh'"),
        (Request(text="abc", max_seconds=0), "max_duration"),
        (Request(text="abc", prompt=torch.full((3, 4), 32)), r"must be in \[0, 31\]"),
        (Request(text="abc", prompt=torch.zeros(3, 9, dtype=torch.long)), r"\[frames, 4\]"),
    ],
)
def test_bad_requests_are_refused_in_one_line(tone_model, request_, message):
    with pytest.raises(UserError, match=message) as caught:
        make(tone_model)([request_])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("seconds", "message"), [(0.0, "empty|no samples|holds no"), (0.05, "less than"), (300.0, "more than")]
)
def test_prompts_of_impossible_length_are_refused(tone_model, tmp_path, seconds, message):
    path = tmp_path / "prompt.wav"
    wav = 0.1 * np.sin(np.arange(int(8000 * seconds)) / 5, dtype=np.float32)
    write(path, wav, 8000)
    with pytest.raises(UserError, match=message):
        make(tone_model)([Request(text="abc", prompt=path)])


def test_a_silent_prompt_and_a_text_file_are_refused(tone_model, tmp_path):
    write(tmp_path / "silent.wav", np.zeros(16000, dtype=np.float32), 16000)
    with pytest.raises(UserError, match="silent"):
        make(tone_model)([Request(text="abc", prompt=tmp_path / "silent.wav")])
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(UserError, match=r"text\.wav"):
        make(tone_model)([Request(text="abc", prompt=tmp_path / "text.wav")])


def resolved(**settings):
    return resolve(SYNTHESIS_SCHEMA, Registry.open(), flags=list(settings.items()))


def test_opening_a_model_of_another_codec_is_refused(tones):
    with pytest.raises(UserError, match="fake"):
        open_synthesizer(
            resolved(model=str(tones.run), codec="mel-gl", frontend="espeak"), Registry.open(), Observers()
        )


def test_opening_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(UserError, match="not a run"):
        open_synthesizer(resolved(model=str(tmp_path)), Registry.open(), Observers())
    with pytest.raises(UserError, match="--model"):
        open_synthesizer(resolved(), Registry.open(), Observers())


def test_phonemes_are_read_by_who_can(tone_model):
    plain = make(tone_model)
    with pytest.raises(UserError, match=r"read_text=valle_language\.phonemic\.symbols_of"):
        plain([Request(text="a [[b]] c", max_seconds=0.2)])
    reading = Synthesizer(replace(plain.components, read_text=symbols_of))
    (speech,) = reading([Request(text="a [[b]] c", max_seconds=0.2)])
    assert "b" in speech.symbols
