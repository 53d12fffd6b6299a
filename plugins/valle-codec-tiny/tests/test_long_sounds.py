"""Sounds of any length pass the codec `tiny` in chunks: the same codes and sound, in bounded memory."""

from __future__ import annotations

import pytest
import soundfile
import torch
from valle_codec_tiny.codec import build
from valle_codec_tiny.features import HOP, features
from valle_codec_tiny.options import TinyOptions

from valle_testing.suites.codec.long_sound import takes_half_an_hour

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def speech(request):
    """Some seconds of held-out speech, not a whole number of frames."""
    paths = sorted((request.path.parent / "held_out").glob("*.wav"))
    return torch.cat([torch.from_numpy(soundfile.read(path, dtype="float32")[0]) for path in paths])[:-7]


def test_pieces_give_the_codes_and_the_sound_of_the_whole(speech):
    whole, chunks = build(TinyOptions(), device=CPU), build(TinyOptions(), device=CPU)
    chunks.chunk = 60
    lengths = torch.tensor([len(speech), 100_000])
    batch = torch.stack([speech, speech.flip(0)])
    codes, frames = whole.encode(batch, lengths)
    in_chunks, _ = chunks.encode(batch, lengths)
    assert torch.equal(codes, in_chunks)
    sound, samples = whole.decode(codes, frames)
    joined, same = chunks.decode(codes, frames)
    assert torch.equal(samples, same)
    torch.testing.assert_close(joined, sound, rtol=0, atol=1e-4)
    assert not chunks.decode(codes, torch.tensor([0, 3]))[0][0].any()


def test_the_context_covers_what_decides_a_frame(speech):
    """A click in one frame changes latents no further away than the context says; past the convolutions' 12."""
    codec = build(TinyOptions(), device=CPU)
    encoder, context = codec.network.encoder, codec.context
    sound = speech[None, : 200 * HOP]
    clicked = sound.clone()
    clicked[0, 100 * HOP : 101 * HOP] = 0.5 * torch.randn(HOP, generator=torch.Generator().manual_seed(0))
    before, after = (encoder(features(wav), None)[0] for wav in (sound, clicked))
    changed = ((before - after).abs().amax(-1) > 1e-6).nonzero()[:, 0] - 100
    assert -context <= int(changed.min()) <= -13
    assert 13 <= int(changed.max()) <= context


@pytest.mark.slow
def test_half_an_hour_passes_in_bounded_memory(speech):
    wav = speech.repeat(-(-30 * 60 * 16000 // len(speech)))[None, : 30 * 60 * 16000]
    takes_half_an_hour(build(TinyOptions(), device=CPU), wav)
