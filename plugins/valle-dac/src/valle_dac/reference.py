"""The other sides of `valle bench codec`, on the weights of a codec: the original's `DAC` and transformers' `DacModel`.

The original has plain weights in the place of weight norm, as transformers' has anyway: its best setting, and the very
same weights as ours.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from valle_dac import keys
from valle_dac.codec import DacCodec
from valle_dac.engines import hugging_face_model, original_model


class DacReference:
    """A `valle_bench.reference.ReferenceCodec` of two functions; fills sounds to whole frames, as the original does."""

    def __init__(
        self,
        hop: int,
        encode: Callable[[Float[Tensor, "B 1 N"]], Int[Tensor, "B Q F"]],
        decode: Callable[[Int[Tensor, "B Q F"]], Float[Tensor, "B N"]],
    ) -> None:
        self._hop, self._encode, self._decode = hop, encode, decode

    @torch.inference_mode()
    def encode(self, wav: Float[Tensor, "B N"]) -> Int[Tensor, "B F Q"]:
        """See `ReferenceCodec`."""
        return self._encode(F.pad(wav, (0, -wav.shape[1] % self._hop))[:, None]).transpose(1, 2)

    @torch.inference_mode()
    def decode(self, codes: Int[Tensor, "B F Q"]) -> Float[Tensor, "B N"]:
        """See `ReferenceCodec`."""
        return self._decode(codes.transpose(1, 2))


def original(codec: DacCodec) -> DacReference:
    """The package descript-audio-codec. Raises `UserError` where it is missing."""
    model = original_model(codec.config, _tensors(codec), codec.device)
    return DacReference(
        codec.hop,
        lambda wav: model.encode(wav, n_quantizers=codec.num_levels)[1],
        lambda codes: model.decode(model.quantizer.from_codes(codes)[0])[:, 0],
    )


def hugging_face(codec: DacCodec) -> DacReference:
    """transformers."""
    model = hugging_face_model(codec.config, _tensors(codec), codec.device)
    return DacReference(
        codec.hop,
        lambda wav: model.encode(wav, n_quantizers=codec.num_levels).audio_codes,  # pyright: ignore
        lambda codes: model.decode(audio_codes=codes).audio_values,  # pyright: ignore
    )


def _tensors(codec: DacCodec) -> dict[str, Tensor]:
    """The codec's weights in our names, whichever engine holds them."""
    return keys.ours(codec.engine.model.state_dict())
