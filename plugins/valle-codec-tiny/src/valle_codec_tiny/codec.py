"""The codecs `tiny` and `small`: 16 kHz speech ↔ 50 frames/s of 8 × 8 or 8 × 10 bits, weights in the package."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_codec_tiny.checkpoint import load_network, tensors_hash
from valle_codec_tiny.features import HOP, SAMPLE_RATE, features
from valle_codec_tiny.network import SIZES, TinyNetwork
from valle_codec_tiny.options import SmallOptions, TinyOptions
from valle_codec_tiny.streaming import layers_of
from valle_core.plugin import UserError
from valle_core.types import CodecIdentity
from valle_kit.codes.convolutions import Convolution
from valle_kit.codes.rows import check_levels, check_wav, decode_rows, encode_rows, whole_frames
from valle_kit.codes.stack import Windowed, lookahead
from valle_kit.codes.stream import StackStream, decoded, encoded

CHUNK = 3000
"""Frames (60 s) that pass the network at once; what is longer goes in chunks, so that memory is bounded."""
FEATURE_CONTEXT = 6
"""Frames beside a frame that decide its features and their pitch."""

SHIPPED = Path(__file__).parent / "weights" / "tiny.safetensors"
SHIPPED_SMALL = SHIPPED.with_name("small.safetensors")


class TinyCodec:
    """A `valle_core.interfaces.Codec` of either size. Trained on synthetic speech."""

    sample_rate = SAMPLE_RATE
    hop = HOP
    frame_rate = SAMPLE_RATE / HOP

    def __init__(self, network: TinyNetwork, weights_hash: str, device: torch.device, name: str = "tiny") -> None:
        self.network = network.to(device).eval().requires_grad_(False)
        self.network.decoder.pitch.double()  # see Pitch
        self.device = device
        self.chunk = CHUNK
        self.context = network.size.context + FEATURE_CONTEXT
        self.num_levels = network.size.levels
        self.codebook_size = network.size.codes
        self.layers = layers_of(self.network.decoder)
        self.lookahead_frames = lookahead(self.layers, HOP)
        self.codebooks: Float[Tensor, "Q V d"] = network.quantizer.books.detach()
        self.identity = CodecIdentity(
            name=name,
            sample_rate=SAMPLE_RATE,
            hop=HOP,
            num_levels=self.num_levels,
            codebook_size=self.codebook_size,
            weights_hash=weights_hash,
        )

    @torch.inference_mode()
    def encode(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"]
    ) -> tuple[Int[Tensor, "B F Q"], Int[Tensor, "B"]]:
        """Codes of each row at its own length; what is louder than ±1 is clipped."""
        wav = check_wav(wav, lengths).to(self.device).clamp(-1, 1)
        return encode_rows(wav, lengths, self._encode, hop=HOP, num_levels=self.num_levels)

    def _encode(self, wav: Float[Tensor, "n"]) -> Int[Tensor, "F Q"]:
        """Codes of a sound, in windows where it is long."""
        layers = (Convolution(_cut, HOP, HOP, HOP), Windowed(self._window, self.num_levels, self.context))
        parts = encoded(layers, whole_frames(wav, HOP), hop=HOP, frames=self.chunk)
        return torch.cat(list(parts), dim=2)[0].T

    def _window(self, cut: Float[Tensor, "1 hop f"]) -> Int[Tensor, "1 Q f"]:
        found = features(cut.transpose(1, 2).flatten(1))
        return self.network.quantizer.encode(self.network.encoder(found, None)[0]).T[None]

    @torch.inference_mode()
    def decode(
        self, codes: Int[Tensor, "B F L"], frames: Int[Tensor, "B"]
    ) -> tuple[Float[Tensor, "B N"], Int[Tensor, "B"]]:
        """Waveforms, zero past each row's end."""
        codes = self._check(codes)
        if codes.shape[1] > self.chunk + 2 * self.context:
            return decode_rows(codes, frames, self._decode_long, hop=HOP)
        return self.decode_vectors(self.network.quantizer.lookup(codes), frames)

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

    def _decode_long(self, codes: Int[Tensor, "B f L"]) -> Float[Tensor, "B n"]:
        return decoded(self.layers, self._latents, codes, hop=HOP, frames=self.chunk)

    def stream(self, batch: int = 1) -> StackStream:
        """A fresh streaming decoder."""
        return StackStream(
            self._latents,
            self._check,
            lambda _: self.layers,
            hop=HOP,
            lookahead=self.lookahead_frames,
            batch=batch,
            device=self.device,
            frames=self.chunk,
        )

    def _latents(self, codes: Int[Tensor, "B f L"]) -> Float[Tensor, "B d f"]:
        return self.network.quantizer.lookup(codes).transpose(1, 2)

    def _check(self, codes: Tensor) -> Int[Tensor, "B F L"]:
        return check_levels(codes, num_levels=self.num_levels, codebook_size=self.codebook_size).to(self.device)


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
