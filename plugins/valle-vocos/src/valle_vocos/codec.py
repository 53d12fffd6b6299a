"""The codec `vocos`: codes of EnCodec 24 kHz, decoded by Vocos in chunks that join exactly."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F
from transformers import EncodecConfig

from valle_core.codes.identity import hash_tensors
from valle_core.plugin import UserError
from valle_core.types import CodecIdentity
from valle_kit.codes.convolutions import Layer
from valle_kit.codes.rows import check_levels, check_wav, decode_rows, encode_rows
from valle_kit.codes.stack import lookahead
from valle_kit.codes.stream import StackStream, decoded
from valle_vocos import encoder, weights
from valle_vocos.engines import ENGINES
from valle_vocos.network import Sizes
from valle_vocos.options import BANDWIDTHS, EngineName, VocosOptions

WINDOW_SECONDS = 20
"""What is longer is decoded in chunks, whose layers remember what they need (engine `original`: in windows; each gets
the frames beside it that it depends on)."""


class VocosCodec:
    """A `valle_core.interfaces.Codec`. Rows are encoded one by one at their own length.

    Args:
        half: EnCodec's encoder.
        tensors: Vocos's weights in the original's names.
        levels: of each bandwidth id, rising.
        bandwidth_id: that gives the codec's number of levels.
        engine: whose network decodes.
    """

    def __init__(
        self,
        half: encoder.Encoder,
        tensors: dict[str, Tensor],
        weights_hash: str,
        *,
        levels: tuple[int, ...],
        bandwidth_id: int,
        device: torch.device,
        engine: EngineName = "own",
    ) -> None:
        self.half, self.device, self.levels = half, device, levels
        self.sample_rate: int = half.config.sampling_rate
        self.hop: int = half.hop
        self.frame_rate = self.sample_rate / self.hop
        self.num_levels = levels[bandwidth_id]
        self.codebook_size: int = half.config.codebook_size
        self.sizes = sizes = weights.sizes_of(tensors, self.hop)
        if len(levels) > sizes.bandwidths:
            raise UserError(f"these weights of Vocos know {sizes.bandwidths} bandwidths, {len(levels)} are needed")
        own = {name: value for name, value in tensors.items() if name != weights.CODEBOOKS}
        self.network = ENGINES[engine](sizes, own).to(device)
        books = tensors[weights.CODEBOOKS].unflatten(0, (-1, self.codebook_size))
        if len(books) < self.num_levels:
            raise UserError(f"these weights of Vocos have {len(books)} levels, {self.num_levels} are needed")
        self.codebooks: Float[Tensor, "Q V d"] = books[: self.num_levels].to(device)
        self.lookahead_frames = lookahead(self.network.layers(0), self.hop)
        self.window = round(WINDOW_SECONDS * self.frame_rate)
        self.identity = CodecIdentity(
            name="vocos",
            sample_rate=self.sample_rate,
            hop=self.hop,
            num_levels=self.num_levels,
            codebook_size=self.codebook_size,
            weights_hash=weights_hash,
        )

    @torch.inference_mode()
    def encode(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"]
    ) -> tuple[Int[Tensor, "B F Q"], Int[Tensor, "B"]]:
        """EnCodec's codes of each row."""
        wav = check_wav(wav, lengths).to(self.device)
        return encode_rows(
            wav, lengths, lambda row: self.half.encode(row, self.num_levels), hop=self.hop, num_levels=self.num_levels
        )

    @torch.inference_mode()
    def decode(
        self, codes: Int[Tensor, "B F L"], frames: Int[Tensor, "B"]
    ) -> tuple[Float[Tensor, "B N"], Int[Tensor, "B"]]:
        """Waveforms, zero past each row's end, at the lowest bandwidth id that has L levels."""
        return decode_rows(self._check(codes), frames, self._decode, hop=self.hop)

    def stream(self, batch: int = 1) -> StackStream:
        """A fresh streaming decoder."""
        return StackStream(
            self._latents,
            self._check,
            self._layers,
            hop=self.hop,
            lookahead=self.lookahead_frames,
            batch=batch,
            device=self.device,
            frames=self.window,
        )

    def bandwidth_id(self, levels: int) -> int:
        """The lowest one with so many levels."""
        return next(index for index, count in enumerate(self.levels) if count >= levels)

    def _check(self, codes: Tensor) -> Int[Tensor, "B F L"]:
        return check_levels(codes, num_levels=self.num_levels, codebook_size=self.codebook_size).to(self.device)

    def _latents(self, codes: Int[Tensor, "B f L"]) -> Float[Tensor, "B d f"]:
        latents = sum(F.embedding(codes[..., level], self.codebooks[level]) for level in range(codes.shape[2]))
        assert isinstance(latents, Tensor)
        return latents.transpose(1, 2)

    def _layers(self, levels: int) -> tuple[Layer, ...]:
        return self.network.layers(self.bandwidth_id(levels))

    def _decode(self, codes: Int[Tensor, "B f L"]) -> Float[Tensor, "B n"]:
        return decoded(self._layers(codes.shape[2]), self._latents, codes, hop=self.hop, frames=self.window)


def with_weights(
    config: EncodecConfig,
    halves: dict[str, Tensor],
    tensors: dict[str, Tensor],
    *,
    levels: tuple[int, ...],
    bandwidth_id: int,
    device: torch.device,
    engine: EngineName = "own",
) -> VocosCodec:
    """The codec of EnCodec's configuration and weights (`halves`) and Vocos's (`tensors`)."""
    weights_hash = hash_tensors({**{f"encodec.{name}": value for name, value in halves.items()}, **tensors})
    half = encoder.Encoder(config, halves, device)
    return VocosCodec(
        half, tensors, weights_hash, levels=levels, bandwidth_id=bandwidth_id, device=device, engine=engine
    )


def build(options: VocosOptions, *, device: torch.device) -> VocosCodec:
    """Factory of the registry entry `vocos`; with `weights` random and no EnCodec given, both are random."""
    random = options.weights == "random"
    if options.encodec_weights == "random" or (random and not options.encodec_weights):
        config = EncodecConfig()
        halves = encoder.random(config, options.seed)
    else:
        config, halves = encoder.load(options.encodec_weights)
    levels = tuple(round(bandwidth * 1000 / (config.frame_rate * config.codebook_nbits)) for bandwidth in BANDWIDTHS)
    if random:
        books = encoder.codebooks(halves)[: levels[-1]]
        tensors = weights.random(Sizes(latent=books.shape[-1], hop=config.hop_length), books, options.seed)
    else:
        tensors = weights.load(options.weights)
    chosen = BANDWIDTHS.index(options.bandwidth)
    return with_weights(
        config, halves, tensors, levels=levels, bandwidth_id=chosen, device=device, engine=options.engine
    )
