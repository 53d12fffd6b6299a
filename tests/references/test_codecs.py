"""Codecs beside the original packages: randomly filled models, saved in their own format and loaded by our plugins."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

CPU = torch.device("cpu")


def voice(seconds: float, sample_rate: int) -> Tensor:
    """[n] harmonics of a gliding pitch with a little noise; no whole number of frames."""
    time = torch.arange(round(seconds * sample_rate) - 7) / sample_rate
    turns = (110 * (1 + 0.2 * (5 * time).sin())).cumsum(0) / sample_rate
    tones = sum((2 * math.pi * n * turns).sin() / n for n in range(1, 9))
    return (0.15 * tones + 0.02 * torch.randn(len(time))) * (0.6 + 0.4 * (9 * time).sin())


def fill(model: nn.Module) -> None:
    """Random values for all weights, such that sounds neither fade nor explode on their way."""
    for module in model.modules():
        if hasattr(module, "weight_g"):
            module.weight_v.data.normal_()
            size = module.weight_v[0].numel()
            module.weight_g.data.uniform_(0.5, 1.5)
            module.weight_g.data *= math.sqrt(module.weight_v.shape[0] / size if size < 8 else 1.0)
            module.bias.data.normal_(std=0.02)
        elif isinstance(getattr(module, "alpha", None), nn.Parameter):  # Snake, not ELU
            module.alpha.data.uniform_(0.5, 1.5)


def fill_codebooks(quantizer, latents: Tensor) -> None:
    """Codebooks of an original EnCodec: latents with noise, level after level."""
    for level in quantizer.vq.layers:
        book = level._codebook
        drawn = latents[0].T[torch.randint(latents.shape[-1], (book.embed.shape[0],))]
        book.embed.copy_(drawn + 0.3 * latents.std(-1) * torch.randn(drawn.shape))
        book.inited.fill_(1)
        latents = latents - level.decode(level.encode(latents))


@pytest.fixture(scope="module")
def encodec_model():
    model = pytest.importorskip("encodec").EncodecModel._get_model(
        [1.5, 3.0, 6.0, 12.0, 24.0], sample_rate=24000, channels=1, causal=True, model_norm="weight_norm",
        audio_normalize=False, name="random",
    ).eval()  # fmt: skip
    torch.manual_seed(3)
    with torch.no_grad():
        fill(model)
        fill_codebooks(model.quantizer, model.encoder(voice(4, 24000)[None, None]))
    return model


def farther(codec, wav: Tensor, codes: Tensor, theirs: Tensor) -> Tensor:
    """How much farther than theirs our codes lie from what they stand for, where they differ, relative; the largest.

    Two entries may be equally near but for the last place; what follows such a code in its frame may be anything.
    """
    worst = torch.zeros(())
    latents = codec.engine.encoder(wav[None])[0].T.double()
    for frame in (codes != theirs).any(-1)[0].nonzero()[:, 0].tolist():
        level = int((codes != theirs)[0, frame].nonzero()[0])
        left = latents[frame] - sum(codec.codebooks[q, codes[0, frame, q]].double() for q in range(level))
        own, other = ((codec.codebooks[level, code[0, frame, level]] - left).square().sum() for code in (codes, theirs))
        worst = torch.maximum(worst, ((own - other) / other).abs().float())
    return worst


@pytest.mark.parametrize("engine", ["transformers", "original"])
def test_encodec_from_its_own_checkpoint(encodec_model, engine, tmp_path, parity):
    from valle_encodec.codec import build
    from valle_encodec.options import EncodecOptions

    path = tmp_path / "encodec_24khz.th"
    torch.save(encodec_model.state_dict(), path)
    wav = voice(1.3, 24000)[None]
    for bandwidth, levels in ((1.5, 2), (6.0, 8), (24.0, 32)):
        codec = build(EncodecOptions(bandwidth=bandwidth, weights=str(path), engine=engine), device=CPU)
        encodec_model.set_target_bandwidth(bandwidth)
        with torch.no_grad():
            theirs = encodec_model.encode(wav[None])[0][0]  # [1, Q, F]
            sound = encodec_model.decode([(theirs, None)])[0]
        codes, frames = codec.encode(wav, torch.tensor([wav.shape[1]]))
        assert codes.shape[2] == levels
        assert len(codes.unique()) > 10
        theirs = theirs.transpose(1, 2)
        assert (codes != theirs).float().mean() < 0.02
        apart = farther(codec, wav, codes, theirs)
        what = f"nearness of other codes, {levels} levels, engine {engine}"
        parity("encodec", what, apart, torch.zeros(()), within=1e-5)
        wav_back, _ = codec.decode(theirs, frames)
        what = f"waveform, {levels} levels, engine {engine}"
        parity("encodec", what, wav_back, sound.clamp(-1, 1), within=1e-4)


def test_encodec_in_pieces_beside_the_original_whole(encodec_model, tmp_path, parity):
    from valle_encodec.codec import build
    from valle_encodec.options import EncodecOptions

    path = tmp_path / "encodec_24khz.th"
    torch.save(encodec_model.state_dict(), path)
    codec = build(EncodecOptions(weights=str(path)), device=CPU)
    codec.chunk = 20
    wav = voice(1.7, 24000)[None]
    encodec_model.set_target_bandwidth(6.0)
    with torch.no_grad():
        theirs = encodec_model.encode(wav[None])[0][0]
        sound = encodec_model.decode([(theirs, None)])[0]
    codes, frames = codec.encode(wav, torch.tensor([wav.shape[1]]))
    parity("encodec", "codes in pieces of 20 frames", codes, theirs.transpose(1, 2), within=0)
    back, _ = codec.decode(codes, frames)
    parity("encodec", "waveform in pieces of 20 frames", back, sound.clamp(-1, 1), within=1e-4)


DAC_SIZES = {
    "16khz": {"sample_rate": 16000, "encoder_rates": [2, 4, 5, 8], "decoder_rates": [8, 5, 4, 2], "n_codebooks": 12},
    "24khz": {"sample_rate": 24000, "encoder_rates": [2, 4, 5, 8], "decoder_rates": [8, 5, 4, 2], "n_codebooks": 32},
    "44khz": {"sample_rate": 44100, "encoder_rates": [2, 4, 8, 8], "decoder_rates": [8, 8, 4, 2], "n_codebooks": 9},
}


@pytest.mark.parametrize("variant", DAC_SIZES)
def test_dac_from_its_own_checkpoint(variant, tmp_path, parity):
    from dac.model.dac import DAC
    from valle_dac.codec import build
    from valle_dac.options import DacOptions

    torch.manual_seed(4)
    model = DAC(**DAC_SIZES[variant], encoder_dim=16, decoder_dim=96).eval()
    fill(model)
    for name, module in model.named_modules():
        if name.endswith("block.3") and hasattr(module, "weight_g") and module.kernel_size == (1,):
            module.weight_g.data *= 0.2  # residual units: a sum of twelve
    path = tmp_path / "weights.pth"
    model.save(str(path), package=False)
    wav = voice(1.1, model.sample_rate)[None]
    with torch.no_grad():
        latents, theirs, *_ = model.encode(model.preprocess(wav[None], model.sample_rate))
        sound = model.decode(latents)[:, 0]
    assert sound.std() > 1e-3
    for engine in ("transformers", "original"):
        codec = build(DacOptions(variant=variant, weights=str(path), engine=engine), device=CPU)
        codes, frames = codec.encode(wav, torch.tensor([wav.shape[1]]))
        assert len(codes.unique()) > 100
        parity("descript-audio-codec", f"codes, {variant}, engine {engine}", codes, theirs.transpose(1, 2), within=0)
        back, _ = codec.decode(codes, frames)
        assert back.shape[1] - sound.shape[1] in (0, 8)
        what = f"waveform, {variant}, engine {engine}"
        parity("descript-audio-codec", what, back[:, : sound.shape[1]], sound, within=1e-4)
    codec.chunk = 9
    parity("descript-audio-codec", f"codes in pieces, {variant}", codec.encode(wav, torch.tensor([wav.shape[1]]))[0],
           theirs.transpose(1, 2), within=0)  # fmt: skip


@pytest.mark.parametrize("sample_rate", [16000, 44100, 48000])
def test_loudness_is_nearly_that_of_audiotools(sample_rate, parity):
    """Its filters are an approximation of the recommendation's: 0.1 LU of 20 apart at most."""
    from audiotools import AudioSignal

    from valle_kit.loudness import integrated_loudness

    for scale in (1.0, 0.1):
        wav = scale * voice(3.2, sample_rate)
        wav[: sample_rate // 2] *= 0.01
        theirs = AudioSignal(wav[None, None], sample_rate).loudness()
        ours = torch.tensor([integrated_loudness(wav.numpy(), sample_rate)])
        parity("descript-audiotools", f"LUFS at {sample_rate} Hz, scale {scale}", ours, theirs, within=5e-3)


def test_vocos_from_its_own_checkpoint(encodec_model, tmp_path, monkeypatch, parity):
    import encodec
    from transformers import EncodecConfig
    from valle_vocos.codec import build
    from valle_vocos.options import VocosOptions
    from vocos.feature_extractors import EncodecFeatures
    from vocos.heads import ISTFTHead
    from vocos.models import VocosBackbone
    from vocos.pretrained import Vocos

    from valle_kit.codes.encodec import names, weights

    monkeypatch.setattr(encodec.EncodecModel, "encodec_model_24khz", lambda pretrained: encodec_model)
    torch.manual_seed(5)
    backbone = VocosBackbone(128, 64, 192, 3, adanorm_num_embeddings=4)
    model = Vocos(EncodecFeatures(), backbone, ISTFTHead(64, 1280, 320)).eval()
    with torch.no_grad():
        for module in model.backbone.modules():
            if isinstance(module, nn.Embedding):
                module.weight.add_(0.2 * torch.randn(module.weight.shape))
            elif isinstance(module, nn.Conv1d | nn.Linear):
                module.weight.normal_(std=module.weight[0].numel() ** -0.5)
        model.head.out.weight.normal_(std=0.1)
        model.head.out.bias[:641].add_(2)
    own = {name: value for name, value in model.state_dict().items() if ".encodec." not in name}
    torch.save(own, tmp_path / "pytorch_model.bin")
    half = weights.plain_model(EncodecConfig())
    half.load_state_dict(names.ours(encodec_model.state_dict()), strict=False)
    half.save_pretrained(tmp_path / "encodec")
    wav = voice(1.3, 24000)[None]
    for index, bandwidth in enumerate((1.5, 3.0, 6.0, 12.0)):
        options = VocosOptions(
            bandwidth=bandwidth,
            weights=str(tmp_path / "pytorch_model.bin"),
            encodec_weights=str(tmp_path / "encodec"),
        )
        codec = build(options, device=CPU)
        codes, frames = codec.encode(wav, torch.tensor([wav.shape[1]]))
        condition = torch.tensor([index])
        encodec_model.set_target_bandwidth(bandwidth)
        with torch.no_grad():
            theirs = encodec_model.encode(wav[None])[0][0]
            sound = model(wav, bandwidth_id=condition)
        theirs = theirs.transpose(1, 2)
        # Two entries may be equally near but for the last place, which the number of threads decides.
        apart = (codes != theirs).float().mean()
        parity("vocos", f"share of other codes, bandwidth id {index}", apart, torch.zeros(()), within=2e-3)
        back, _ = codec.decode(theirs, frames)
        assert sound.std() > 0.01
        parity("vocos", f"waveform, bandwidth id {index}", back, sound.clamp(-1, 1), within=1e-4)
