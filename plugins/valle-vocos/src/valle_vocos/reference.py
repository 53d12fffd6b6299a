"""The other side of `valle bench codec`, on the weights of a codec: `vocos.Vocos` with the package encodec before it.

The encoder has plain weights in the place of weight norm: its best setting, and the very same weights as ours.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from valle_core.plugin import UserError
from valle_vocos.codec import VocosCodec
from valle_vocos.originals import encodec_parts, vocos_parts


class VocosReference:
    """A `valle_bench.reference.ReferenceCodec`."""

    def __init__(self, codec: VocosCodec) -> None:
        try:
            from encodec import EncodecModel  # pyright: ignore[reportMissingImports]
            from vocos import Vocos  # pyright: ignore[reportMissingImports]
        except (ImportError, OSError) as error:
            raise UserError(
                f"the package vocos cannot be used ({str(error).splitlines()[0][:100]}). "
                "Install it with: pip install vocos"
            ) from error
        parts = encodec_parts(codec.half)
        width = codec.num_levels * codec.half.config.frame_rate * codec.half.config.codebook_nbits / 1000 + 0.1
        self._half = EncodecModel(
            parts.encoder, nn.Identity(), parts.quantizer, [width], sample_rate=codec.sample_rate, channels=1
        ).eval()
        self._half.set_target_bandwidth(width)
        backbone, head = vocos_parts(codec.sizes, _tensors(codec))
        features = nn.Module()  # without the constructor of EncodecFeatures, which downloads
        features.encodec = self._half
        features.codebook_weights = nn.Parameter(codec.codebooks.flatten(0, 1), requires_grad=False)
        self._vocos = Vocos(features, backbone, head).to(codec.device).eval()
        self._condition = torch.tensor([codec.bandwidth_id(codec.num_levels)], device=codec.device)

    @torch.inference_mode()
    def encode(self, wav: Float[Tensor, "B N"]) -> Int[Tensor, "B F Q"]:
        """See `ReferenceCodec`."""
        return self._half.encode(wav[:, None])[0][0].transpose(1, 2)

    @torch.inference_mode()
    def decode(self, codes: Int[Tensor, "B F Q"]) -> Float[Tensor, "B N"]:
        """See `ReferenceCodec`."""
        weights = self._vocos.feature_extractor.codebook_weights
        offsets = torch.arange(codes.shape[2], device=codes.device) * self._half.quantizer.bins
        features = nn.functional.embedding(codes + offsets, weights).sum(2).transpose(1, 2)
        return self._vocos.decode(features, bandwidth_id=self._condition)


def original(codec: VocosCodec) -> VocosReference:
    """The package vocos. Raises `UserError` where it or encodec is missing."""
    return VocosReference(codec)


def _tensors(codec: VocosCodec) -> dict[str, Tensor]:
    """Vocos's weights, whichever engine holds them."""
    return {name: value for name, value in codec.network.state_dict().items() if name != "head.istft.window"}
