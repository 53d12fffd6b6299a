from __future__ import annotations

import pytest
import torch
from valle_codec_tiny import codec, mel_gl
from valle_codec_tiny.checkpoint import read
from valle_codec_tiny.features import HOP
from valle_codec_tiny.quality import has_pesq, score


def _reconstruct(the_codec):
    def through(clip: torch.Tensor, levels: int) -> torch.Tensor:
        codes, frames = the_codec.encode(clip[None], torch.tensor([len(clip)]))
        return the_codec.decode(codes[..., :levels], frames)[0][0]

    return through


@pytest.fixture(scope="module")
def tiny() -> codec.TinyCodec:
    return codec.build(codec.TinyOptions(), device=torch.device("cpu"))


def test_the_weights_are_small_and_say_how_they_were_made():
    assert codec.SHIPPED.stat().st_size <= 8e6
    assert mel_gl.SHIPPED.stat().st_size <= 8e6
    tensors, facts = read(codec.SHIPPED)
    assert all(tensor.dtype == torch.float16 for tensor in tensors.values())
    assert {"seed", "minutes", "batch"} <= set(facts["options"])
    assert facts["progress"]["step"] > 1000


def test_held_out_speech_stays_intelligible_and_gains_with_every_level(tiny, clips):
    table = score(clips, _reconstruct(tiny), levels=(1, 4, 8))
    assert table[1]["stoi"] > 0.82
    assert table[4]["stoi"] > 0.93
    assert table[8]["stoi"] > 0.945
    assert table[8]["stoi"] > table[4]["stoi"] > table[1]["stoi"]
    if has_pesq():
        assert table[8]["pesq"] > table[4]["pesq"] > table[1]["pesq"]
        assert table[8]["pesq"] > 2.4


def test_it_beats_the_baseline_on_held_out_speech(tiny, clips):
    baseline = mel_gl.build(mel_gl.MelGriffinLimOptions(), device=torch.device("cpu"))
    ours, theirs = (score(clips[:2], _reconstruct(one), levels=(1, 8)) for one in (tiny, baseline))
    assert ours[8]["stoi"] > theirs[8]["stoi"]
    assert ours[1]["stoi"] > theirs[1]["stoi"] + 0.05


@pytest.fixture(scope="module")
def small() -> codec.TinyCodec:
    return codec.build_small(codec.SmallOptions(), device=torch.device("cpu"))


def test_the_weights_of_small_are_small_and_say_how_they_were_made(small):
    assert codec.SHIPPED_SMALL.stat().st_size <= 12e6
    tensors, facts = read(codec.SHIPPED_SMALL)
    assert all(tensor.dtype == torch.float16 for tensor in tensors.values())
    assert facts["codec"] == small.identity.name == "small"
    assert {"seed", "adversarial", "average"} <= set(facts["options"])


def test_small_keeps_speech_intelligible_with_every_level_and_its_loudness(small, clips):
    """espeak's voices are the least of what it learnt from: natural speech is measured in the results."""
    table = score(clips, _reconstruct(small), levels=(1, 4, 8))
    assert table[8]["stoi"] > table[4]["stoi"] > table[1]["stoi"] > 0.74
    assert table[8]["stoi"] > 0.93
    through = [_reconstruct(small)(clip, 8)[: len(clip)] for clip in clips]
    powers = [(answer.square().mean() / clip.square().mean()) for answer, clip in zip(through, clips, strict=True)]
    assert abs(10 * float(torch.stack(powers).log10().mean())) < 2.5


def test_small_uses_many_of_its_codes(small, clips):
    codes = torch.cat([small.encode(clip[None], torch.tensor([len(clip)]))[0][0] for clip in clips])
    used = [len(codes[:, level].unique()) for level in range(small.num_levels)]
    assert min(used) > 150, used


def test_untrained_weights_fail_the_same_measure(clips):
    untrained = codec.build(codec.TinyOptions(weights="random"), device=torch.device("cpu"))
    assert score(clips[:2], _reconstruct(untrained), levels=(8,))[8]["stoi"] < 0.6


def test_every_level_uses_many_of_its_codes(tiny, clips):
    codes = torch.cat([tiny.encode(clip[None], torch.tensor([len(clip)]))[0][0] for clip in clips])
    used = [len(codes[:, level].unique()) for level in range(tiny.num_levels)]
    assert min(used) > 100, used


def test_half_as_loud_speech_comes_back_half_as_loud(tiny, clips):
    def loudness(wav: torch.Tensor) -> float:
        codes, frames = tiny.encode(wav[None], torch.tensor([len(wav)]))
        return float(tiny.decode(codes, frames)[0].square().mean().sqrt())

    ratio = loudness(clips[0] * 0.5) / loudness(clips[0])
    assert 0.4 < ratio < 0.6


def test_silence_comes_back_as_near_silence(tiny):
    codes, frames = tiny.encode(torch.zeros(1, 50 * HOP), torch.tensor([50 * HOP]))
    assert float(tiny.decode(codes, frames)[0].abs().max()) < 0.01
