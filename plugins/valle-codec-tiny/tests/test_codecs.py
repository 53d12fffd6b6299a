from __future__ import annotations

import pytest
import torch
from valle_codec_tiny import codec, mel_gl
from valle_codec_tiny.codec import build_small
from valle_codec_tiny.features import HOP
from valle_codec_tiny.options import SmallOptions

from valle_core.interfaces import Codec
from valle_core.plugin import UserError

CPU = torch.device("cpu")
CODECS = {
    "tiny": lambda: codec.build(codec.TinyOptions(), device=CPU),
    "random": lambda: codec.build(codec.TinyOptions(weights="random"), device=CPU),
    "mel-gl": lambda: mel_gl.build(mel_gl.MelGriffinLimOptions(iterations=4), device=CPU),
}


@pytest.fixture(scope="module", params=CODECS)
def any_codec(request) -> Codec:
    return CODECS[request.param]()


def _batch(clips: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = torch.tensor([len(clip) for clip in clips])
    return torch.nn.utils.rnn.pad_sequence(clips, batch_first=True), lengths


def _codes(the_codec: Codec, frames: int, rows: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(frames)
    shape = (rows, frames, the_codec.num_levels)
    return torch.randint(0, the_codec.codebook_size, shape, generator=generator)


def test_it_is_a_codec_and_states_its_facts(any_codec):
    assert isinstance(any_codec, Codec)
    assert any_codec.frame_rate == any_codec.sample_rate / any_codec.hop == 50
    assert any_codec.codebooks is not None
    assert any_codec.codebooks.shape[:2] == (any_codec.num_levels, any_codec.codebook_size) == (8, 256)
    assert any_codec.identity.num_levels == 8
    assert len(any_codec.identity.weights_hash) == 16


@pytest.mark.parametrize("samples", [1, HOP - 1, HOP, HOP + 1, 3 * HOP])
def test_frames_are_samples_over_hop_rounded_up_and_decode_gives_them_back_whole(any_codec, samples):
    codes, frames = any_codec.encode(torch.randn(1, samples) * 0.1, torch.tensor([samples]))
    wav, lengths = any_codec.decode(codes, frames)
    assert codes.shape == (1, -(-samples // HOP), 8)
    assert frames.tolist() == [-(-samples // HOP)]
    assert wav.shape == (1, frames[0] * HOP)
    assert lengths.tolist() == [wav.shape[1]]


def test_a_padded_batch_gives_the_codes_of_each_row_alone(any_codec, clips):
    wav, lengths = _batch(clips)
    wav = wav + 0.5 * (torch.arange(wav.shape[1]) >= lengths[:, None])  # what lies past the end is no one's business
    codes, frames = any_codec.encode(wav, lengths)
    for row, clip in enumerate(clips):
        alone, count = any_codec.encode(clip[None], torch.tensor([len(clip)]))
        assert count[0] == frames[row]
        assert torch.equal(codes[row, : frames[row]], alone[0])


def test_a_padded_batch_decodes_like_each_row_alone_and_is_silent_past_its_end(any_codec):
    frames = torch.tensor([5, 23, 14, 0])
    codes = _codes(any_codec, 23, rows=4)
    wav, lengths = any_codec.decode(codes, frames)
    assert lengths.tolist() == (frames * HOP).tolist()
    for row, count in enumerate(frames.tolist()):
        alone, _ = any_codec.decode(codes[row : row + 1, :count], frames[row : row + 1])
        assert (wav[row, : count * HOP] - alone[0]).abs().max().item() < 1e-5 if count else True
        assert not wav[row, count * HOP :].any()


@pytest.mark.parametrize("chunks", [(1, 1, 1, 1, 1), (40,), (3, 0, 20, 17), (2,), (1,)])
@pytest.mark.parametrize("levels", [1, 8])
def test_streamed_speech_equals_the_whole(any_codec, chunks, levels):
    codes = _codes(any_codec, sum(chunks), rows=2)[..., :levels]
    whole, _ = any_codec.decode(codes, torch.tensor([sum(chunks)] * 2))
    stream = any_codec.stream(2)
    decoded, given = [], 0
    for chunk in chunks:
        decoded.append(stream.push(codes[:, given : given + chunk]))
        given += chunk
        ready = sum(part.shape[1] for part in decoded)
        assert ready == max(given - any_codec.lookahead_frames, 0) * HOP
    decoded.append(stream.flush())
    joined = torch.cat(decoded, dim=1)
    assert joined.shape == whole.shape
    assert (joined - whole).abs().max().item() < 1e-4


@pytest.mark.parametrize(
    "wav", [torch.zeros(1, 4000), torch.full((1, 4000), 9.0), torch.zeros(1, 1), torch.zeros(1, 0)]
)
def test_silence_clipping_one_sample_and_none_at_all_work(any_codec, wav):
    codes, frames = any_codec.encode(wav, torch.tensor([wav.shape[1]]))
    back, _ = any_codec.decode(codes, frames)
    assert torch.isfinite(back).all()
    assert not back.numel() or float(back.abs().max()) <= 1


def test_the_sum_of_the_codebooks_is_what_fewer_levels_decode(any_codec):
    codes = _codes(any_codec, 12)
    few, _ = any_codec.decode(codes[..., :2], torch.tensor([12]))
    all_levels, _ = any_codec.decode(codes, torch.tensor([12]))
    assert few.shape == all_levels.shape
    assert not torch.allclose(few, all_levels)


@pytest.mark.parametrize("wrong", [-1, 256])
def test_codes_out_of_range_are_refused(any_codec, wrong):
    codes = _codes(any_codec, 4)
    codes[0, 2, 3] = wrong
    with pytest.raises(UserError, match=r"codes must be in \["):
        any_codec.decode(codes, torch.tensor([4]))
    with pytest.raises(UserError, match=r"codes must be in \["):
        any_codec.stream().push(codes)


def test_too_many_levels_and_not_a_number_are_refused(any_codec):
    with pytest.raises(UserError, match="do not fit"):
        any_codec.decode(torch.zeros(1, 4, 9, dtype=torch.long), torch.tensor([4]))
    with pytest.raises(UserError, match="NaN"):
        any_codec.encode(torch.tensor([[0.0, float("nan")]]), torch.tensor([2]))
    with pytest.raises(UserError, match="lengths"):
        any_codec.encode(torch.zeros(1, 5), torch.tensor([6]))


@pytest.mark.parametrize("build", [codec.build, mel_gl.build])
def test_missing_damaged_and_foreign_weights_are_refused(build, tmp_path):
    options, other = (
        (codec.TinyOptions, mel_gl.SHIPPED) if build is codec.build else (mel_gl.MelGriffinLimOptions, codec.SHIPPED)
    )
    with pytest.raises(UserError, match="no codec weights"):
        build(options(weights=str(tmp_path / "none.safetensors")), device=CPU)
    with pytest.raises(UserError, match="is a folder"):
        build(options(weights=str(tmp_path)), device=CPU)
    (tmp_path / "cut.safetensors").write_bytes(other.read_bytes()[:5000])
    with pytest.raises(UserError, match="damaged"):
        build(options(weights=str(tmp_path / "cut.safetensors")), device=CPU)
    with pytest.raises(UserError, match="holds codec"):
        build(options(weights=str(other)), device=CPU)


def test_random_weights_are_the_same_each_time_and_leave_the_callers_randomness_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, second = CODECS["random"](), CODECS["random"]()
    assert torch.equal(torch.rand(1), expected)
    assert first.identity == second.identity
    assert first.identity != CODECS["tiny"]().identity


def test_vectors_of_codes_give_what_the_codes_give():
    codec = build_small(SmallOptions(), device=torch.device("cpu"))
    codes = torch.randint(0, codec.codebook_size, (2, 20, 8), generator=torch.Generator().manual_seed(0))
    frames = torch.tensor([20, 13])
    vectors = torch.stack([codec.codebooks[level, codes[..., level]] for level in range(8)]).sum(0)
    wav, lengths = codec.decode_vectors(vectors, frames)
    expected, counts = codec.decode(codes, frames)
    torch.testing.assert_close(wav, expected, rtol=0, atol=1e-5)
    assert torch.equal(lengths, counts)
    assert codec.decode_vectors(vectors[:0], frames[:0])[0].shape == (0, 0)
