"""The fakes have the facts that other tests rely on."""

from __future__ import annotations

import math

import pytest
import torch

from valle_core.audio.wav import read
from valle_core.interfaces import Codec, Frontend
from valle_core.plugin import UserError
from valle_core.types import SequenceMask
from valle_testing.fakes.audio import FakeCodec, FakeFrontend, tone_corpus
from valle_testing.fakes.rule_kernel import RuleKernel


def tone(hertz: float, loudness: float, samples: int) -> torch.Tensor:
    return loudness * (torch.arange(samples) * (2 * math.pi * hertz / 16_000)).sin()


def test_the_fakes_satisfy_their_protocols():
    assert isinstance(FakeCodec(), Codec)
    assert isinstance(FakeFrontend(), Frontend)


@pytest.mark.parametrize("hertz", [80.0, 440.0, 1234.5, 3700.0])
def test_a_tone_keeps_pitch_and_loudness_through_the_codec(hertz):
    codec = FakeCodec()
    codes, frames = codec.encode(tone(hertz, 0.4, 16_000)[None], torch.tensor([16_000]))
    wav, lengths = codec.decode(codes, frames)
    assert codes.shape == (1, 50, 4)
    assert lengths.tolist() == [16_000]
    spectrum = torch.fft.rfft(wav[0] * torch.hann_window(16_000)).abs()
    assert abs(int(spectrum.argmax()) - hertz) <= 0.01 * hertz + 1
    assert wav.square().mean().sqrt().item() * math.sqrt(2) == pytest.approx(0.4, rel=0.06)


def test_padding_never_changes_a_row():
    codec = FakeCodec()
    wav = torch.randn(2, 5000).clamp(-1, 1)
    both, frames = codec.encode(wav, torch.tensor([5000, 3333]))
    alone, _ = codec.encode(wav[1:, :3333], torch.tensor([3333]))
    assert frames.tolist() == [16, 11]
    assert torch.equal(both[1, :11], alone[0])


def test_codebooks_sum_to_loudness_and_pitch():
    codec = FakeCodec()
    codes, _ = codec.encode(tone(440, 0.5, 320 * 4)[None], torch.tensor([320 * 4]))
    summed = sum(codec.codebooks[q][codes[0, :, q]] for q in range(4))
    assert summed[1, 0].item() == pytest.approx(20 * math.log10(0.5), abs=0.5)
    assert 2 ** summed[1, 1].item() == pytest.approx(440, rel=0.01)


def test_streamed_pieces_equal_the_whole():
    codec = FakeCodec()
    codes = torch.randint(0, 32, (2, 9, 4))
    whole, _ = codec.decode(codes, torch.tensor([9, 9]))
    stream = codec.stream(2)
    pieces = [stream.push(codes[:, a:b]) for a, b in ((0, 1), (1, 5), (5, 9))]
    assert torch.allclose(torch.cat([*pieces, stream.flush()], dim=1), whole, atol=1e-5)


def test_first_levels_alone_decode():
    codes = torch.randint(1, 32, (1, 5, 4))
    for levels in (1, 2, 3, 4):
        wav, _ = FakeCodec().decode(codes[..., :levels], torch.tensor([5]))
        assert wav.shape == (1, 1600)
        assert wav.abs().max() > 0


def test_codes_out_of_range_are_refused():
    with pytest.raises(UserError, match=r"codes of codec 'fake' must be in \[0, 31\], got 32"):
        FakeCodec().decode(torch.full((1, 2, 4), 32), torch.tensor([2]))


def test_the_frontend_marks_words_and_refuses_nothing_to_say():
    phonemes = FakeFrontend().phonemize("Ab, c!", "xx")
    assert phonemes.symbols == ("a", "b", " ", "c")
    assert phonemes.words == ((0, 2), (3, 4))
    with pytest.raises(UserError, match="has no words"):
        FakeFrontend().phonemize("?!", "xx")
    with pytest.raises(UserError, match="'zz' is unknown"):
        FakeFrontend().phonemize("a", "zz")


def test_a_tone_corpus_is_reproducible_and_different_letters_get_different_codes(tmp_path):
    ids = tone_corpus(tmp_path / "a")
    tone_corpus(tmp_path / "b")
    assert ids == sorted(ids)
    assert len(ids) == 6
    for id in ids:
        assert (tmp_path / "a" / f"{id}.wav").read_bytes() == (tmp_path / "b" / f"{id}.wav").read_bytes()
    wav, rate = read(tmp_path / "a" / f"{ids[0]}.wav")
    codes, _ = FakeCodec().encode(torch.from_numpy(wav)[None], torch.tensor([len(wav)]))
    assert rate == 16_000
    assert len(codes[0, :, 0].unique()) > 3


def test_the_rule_kernel_runs_under_autocast_which_halves_its_scores():
    q = torch.randn(2, 2, 5, 4)
    mask = SequenceMask.causal(torch.tensor([5, 3]))
    with torch.autocast("cpu", torch.bfloat16):
        halved = RuleKernel()(q, q, q, mask)
    torch.testing.assert_close(halved, RuleKernel()(q, q, q, mask), atol=0.05, rtol=0)
