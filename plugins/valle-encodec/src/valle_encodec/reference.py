"""The other sides of `valle bench codec`, on the weights of a codec: the original's and transformers' `EncodecModel`.

Both have plain weights in the place of weight norm, which neither has when it is loaded the usual way: it is their
best setting, and the very same weights as ours.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_encodec.codec import EncodecCodec
from valle_kit.codes.encodec import names
from valle_kit.codes.encodec.networks import original_model
from valle_kit.codes.encodec.weights import plain_model
from valle_kit.codes.pretrained import load_strictly


class EncodecReference:
    """A `valle_bench.reference.ReferenceCodec` of two functions."""

    def __init__(
        self,
        encode: Callable[[Float[Tensor, "B 1 N"]], Int[Tensor, "B Q F"]],
        decode: Callable[[Int[Tensor, "B Q F"]], Float[Tensor, "B 1 N"]],
    ) -> None:
        self._encode, self._decode = encode, decode

    @torch.inference_mode()
    def encode(self, wav: Float[Tensor, "B N"]) -> Int[Tensor, "B F Q"]:
        """See `ReferenceCodec`."""
        return self._encode(wav[:, None]).transpose(1, 2)

    @torch.inference_mode()
    def decode(self, codes: Int[Tensor, "B F Q"]) -> Float[Tensor, "B N"]:
        """See `ReferenceCodec`."""
        return self._decode(codes.transpose(1, 2))[:, 0]


def original(codec: EncodecCodec) -> EncodecReference:
    """The package encodec. Raises `UserError` where it is missing."""
    parts = original_model(codec.config, _tensors(codec), codec.device)
    from encodec import EncodecModel  # pyright: ignore[reportMissingImports]

    width = _bandwidth(codec)
    model = EncodecModel(
        parts.encoder, parts.decoder, parts.quantizer, [width], sample_rate=codec.sample_rate, channels=1
    )
    model.eval().set_target_bandwidth(width)
    return EncodecReference(lambda wav: model.encode(wav)[0][0], lambda codes: model.decode([(codes, None)]))


def hugging_face(codec: EncodecCodec) -> EncodecReference:
    """transformers."""
    model = plain_model(copy.deepcopy(codec.config))  # its bandwidths are set below
    load_strictly(model, _tensors(codec), "encodec", names.is_training_state)
    model.to(codec.device)  # pyright: ignore
    width = _bandwidth(codec)
    model.config.target_bandwidths = [width]
    return EncodecReference(
        lambda wav: model.encode(wav, bandwidth=width).audio_codes[0],  # pyright: ignore
        lambda codes: model.decode(codes[None], [None]).audio_values,  # pyright: ignore
    )


def _tensors(codec: EncodecCodec) -> dict[str, Tensor]:
    """The codec's weights in our names, whichever engine holds them."""
    return names.ours(codec.engine.model.state_dict())


def _bandwidth(codec: EncodecCodec) -> float:
    """kbit/s that give as many levels as the codec has; both references round down."""
    bits = codec.config.codebook_nbits * codec.config.frame_rate
    return (codec.num_levels + 0.5) * bits / 1000
