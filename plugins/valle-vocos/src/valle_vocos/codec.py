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
from valle_kit.codes.codec import StackCodec
from valle_kit.codes.convolutions import Layer
from valle_vocos import encoder, weights
from valle_vocos.engines import ENGINES
from valle_vocos.network import Sizes
from valle_vocos.options import BANDWIDTHS, EngineName, VocosOptions

CHUNK_SECONDS = 20
"""What is longer is decoded in chunks, whose layers remember what they need (engine `original`: in windows; each gets
the frames beside it that it depends on)."""


class VocosCodec(StackCodec):
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
        self.half, self.levels = half, levels
        identity = CodecIdentity(
            name="vocos",
            sample_rate=half.config.sampling_rate,
            hop=half.hop,
            num_levels=levels[bandwidth_id],
            codebook_size=half.config.codebook_size,
            weights_hash=weights_hash,
        )
        self.sizes = sizes = weights.sizes_of(tensors, half.hop)
        if len(levels) > sizes.bandwidths:
            raise UserError(f"these weights of Vocos know {sizes.bandwidths} bandwidths, {len(levels)} are needed")
        own = {name: value for name, value in tensors.items() if name != weights.CODEBOOKS}
        self.network = ENGINES[engine](sizes, own).to(device)
        books = tensors[weights.CODEBOOKS].unflatten(0, (-1, identity.codebook_size))
        if len(books) < identity.num_levels:
            raise UserError(f"these weights of Vocos have {len(books)} levels, {identity.num_levels} are needed")
        chunk = round(CHUNK_SECONDS * identity.sample_rate / identity.hop)
        super().__init__(identity, books[: identity.num_levels].to(device), device=device, chunk=chunk)

    def encode_one(self, wav: Float[Tensor, "n"]) -> Int[Tensor, "f Q"]:
        """EnCodec's codes of a sound."""
        return self.half.encode(wav, self.num_levels)

    def latents(self, codes: Int[Tensor, "B f L"]) -> Float[Tensor, "B d f"]:
        """See `StackCodec`."""
        B, f, L = codes.shape
        rows = codes + torch.arange(L, device=codes.device) * self.codebook_size  # of all books, one below the other
        sums = F.embedding_bag(rows.view(B * f, L), self.codebooks[:L].flatten(0, 1), mode="sum")
        return sums.view(B, f, -1).transpose(1, 2)

    def layers(self, levels: int) -> tuple[Layer, ...]:
        """See `StackCodec`."""
        return self.network.layers(self.bandwidth_id(levels))

    def bandwidth_id(self, levels: int) -> int:
        """The lowest one with so many levels."""
        return next(index for index, count in enumerate(self.levels) if count >= levels)


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
