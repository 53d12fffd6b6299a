"""The codecs `tiny` and `small`: 16 kHz speech ↔ 50 frames/s of 8 × 8 or 8 × 10 bits, weights in the package."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_codec_tiny.checkpoint import load_network, tensors_hash
from valle_codec_tiny.features import HOP, SAMPLE_RATE, features
from valle_codec_tiny.network import SIZES, TinyNetwork
from valle_codec_tiny.options import SmallOptions, TinyOptions
from valle_codec_tiny.streaming import layers_of
from valle_core.plugin import UserError
from valle_core.types import CodecIdentity
from valle_kit.codes.codec import StackCodec
from valle_kit.codes.convolutions import Convolution, Layer
from valle_kit.codes.rows import whole_frames
from valle_kit.codes.stack import Windowed
from valle_kit.codes.stream import StackStream, encoded

CHUNK = 3000
"""Frames (60 s) that pass the network at once; what is longer goes in chunks, so that memory is bounded."""
FEATURE_CONTEXT = 6
"""Frames beside a frame that decide its features and their pitch."""

SHIPPED = Path(__file__).parent / "weights" / "tiny.safetensors"
SHIPPED_SMALL = SHIPPED.with_name("small.safetensors")


class TinyCodec(StackCodec):
    """A `valle_core.interfaces.Codec` of either size. Trained on synthetic speech."""

    def __init__(self, network: TinyNetwork, weights_hash: str, device: torch.device, name: str = "tiny") -> None:
        self.network = network.to(device).eval().requires_grad_(False)
        self.network.decoder.pitch.double()  # see Pitch
        self.context = network.size.context + FEATURE_CONTEXT
        identity = CodecIdentity(
            name=name,
            sample_rate=SAMPLE_RATE,
            hop=HOP,
            num_levels=network.size.levels,
            codebook_size=network.size.codes,
            weights_hash=weights_hash,
        )
        super().__init__(identity, network.quantizer.books.detach(), device=device, chunk=CHUNK)

    def encode_one(self, wav: Float[Tensor, "n"]) -> Int[Tensor, "f Q"]:
        """Codes of a sound, clipped to ±1, in windows where it is long."""
        layers = (Convolution(_cut, HOP, HOP, HOP), Windowed(self._window, self.num_levels, self.context))
        parts = encoded(layers, whole_frames(wav.clamp(-1, 1), HOP), hop=HOP, frames=self.chunk)
        return torch.cat(list(parts), dim=2)[0].T

    def latents(self, codes: Int[Tensor, "B f L"]) -> Float[Tensor, "B d f"]:
        """See `StackCodec`."""
        return self.network.quantizer.lookup(codes).transpose(1, 2)

    def layers(self, levels: int) -> tuple[Layer, ...]:
        """See `StackCodec`."""
        return layers_of(self.network.decoder)

    def graph(self) -> nn.Module:
        """The decoder alone, of rows that fill all frames, to be exported: codes [1, F, L] → sound [1, F · hop]."""
        return _Decoding(self.network)

    def _window(self, cut: Float[Tensor, "1 hop f"]) -> Int[Tensor, "1 Q f"]:
        found = features(cut.transpose(1, 2).flatten(1))
        return self.network.quantizer.encode(self.network.encoder(found, None)[0]).T[None]

    @torch.inference_mode()
    def decode(
        self, codes: Int[Tensor, "B F L"], frames: Int[Tensor, "B"]
    ) -> tuple[Float[Tensor, "B N"], Int[Tensor, "B"]]:
        """Waveforms, zero past each row's end; short rows together in one pass."""
        if codes.ndim == 3 and codes.shape[1] > self.chunk + 2 * self.context:
            return super().decode(codes, frames)
        return self.decode_vectors(self.network.quantizer.lookup(self.check(codes)), frames)

    @torch.inference_mode()
    def decode_vectors(
        self, vectors: Float[Tensor, "B F d"], frames: Int[Tensor, "B"]
    ) -> tuple[Float[Tensor, "B N"], Int[Tensor, "B"]]:
        """Waveforms of sums of codebook vectors, in one pass; zero past each row's end."""
        vectors, frames = vectors.to(self.device), frames.to(self.device)
        if not vectors.shape[0] or not vectors.shape[1]:
            return torch.zeros(len(vectors), 0, device=self.device), frames * HOP
        inside = torch.arange(vectors.shape[1], device=self.device) < frames[:, None]
        mask = None if bool(inside.all()) else inside[..., None].float()
        wav = self.network.decode_vectors(vectors, mask).clamp(-1, 1)
        return wav * inside.repeat_interleave(HOP, dim=1), frames * HOP

    def stream_vectors(self, batch: int = 1) -> StackStream:
        """A fresh streaming decoder of sums of codebook vectors [B, F, d] in place of codes."""
        return StackStream(
            lambda vectors: vectors.transpose(1, 2),
            lambda vectors: vectors.to(self.device),
            self.layers,
            hop=self.hop,
            lookahead=self.lookahead_frames,
            batch=batch,
            device=self.device,
            frames=self.chunk,
            graphs=self.graphs,
        )


class _Decoding(nn.Module):
    """In float32 throughout: runtimes have no error function in float64. The running phase stays in float64."""

    def __init__(self, network: TinyNetwork) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).float()

    def forward(self, codes: Int[Tensor, "1 F L"]) -> Float[Tensor, "1 N"]:
        return self.network.decode(codes).clamp(-1, 1)


def _cut(wav: Float[Tensor, "1 1 n"]) -> Float[Tensor, "1 hop f"]:
    return wav.view(1, -1, HOP).transpose(1, 2)


def build(options: TinyOptions, *, device: torch.device) -> TinyCodec:
    """Factory of the registry entry `tiny`."""
    return _open(options, "tiny", SHIPPED, device)


def build_small(options: SmallOptions, *, device: torch.device) -> TinyCodec:
    """Factory of the registry entry `small`."""
    return _open(options, "small", SHIPPED_SMALL, device)


def _open(options: TinyOptions | SmallOptions, name: str, shipped: Path, device: torch.device) -> TinyCodec:
    if options.weights == "random":
        generator = torch.Generator().manual_seed(0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = TinyNetwork(SIZES[name])
        network.quantizer.books.copy_(torch.randn(network.quantizer.books.shape, generator=generator))
        return TinyCodec(network, tensors_hash(network.state_dict()), device, name)
    path = Path(options.weights).expanduser() if options.weights else shipped
    if path.is_dir():
        raise UserError(f"codec weights '{path}' is a folder. Give the .safetensors file in it")
    network, weights_hash, facts = load_network(path)
    return TinyCodec(network, weights_hash, device, facts["codec"])
