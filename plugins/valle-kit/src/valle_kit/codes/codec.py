"""What codecs over stacks share: their facts, rows of unequal lengths, and the streaming decoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_core.types import CodecIdentity
from valle_kit.codes.convolutions import Layer
from valle_kit.codes.rows import check_levels, check_wav, decode_rows, encode_rows
from valle_kit.codes.stack import lookahead
from valle_kit.codes.stream import StackStream, decoded
from valle_kit.graphs.pure import PureGraphs


class StackCodec(ABC):
    """A `valle_core.interfaces.Codec` whose decoder is a stack. Rows are encoded one by one at their own length.

    A codec has its networks, says the three things below, then calls `__init__`.

    Args:
        chunk: frames that pass the networks at once; what is longer goes in chunks, in bounded memory.
    """

    def __init__(
        self, identity: CodecIdentity, codebooks: Float[Tensor, "Q V d"], *, device: torch.device, chunk: int
    ) -> None:
        self.identity, self.codebooks, self.device, self.chunk = identity, codebooks, device, chunk
        self.sample_rate, self.hop = identity.sample_rate, identity.hop
        self.num_levels, self.codebook_size = identity.num_levels, identity.codebook_size
        self.frame_rate = self.sample_rate / self.hop
        self.graphs = PureGraphs(f"codec '{identity.name}' streams") if device.type == "cuda" else None
        self.lookahead_frames = lookahead(self.layers(1), self.hop)

    @abstractmethod
    def encode_one(self, wav: Float[Tensor, "n"]) -> Int[Tensor, "f Q"]:
        """Codes of n ≥ 1 samples, ⌈n / hop⌉ frames."""

    @abstractmethod
    def latents(self, codes: Int[Tensor, "B f L"]) -> Float[Tensor, "B d f"]:
        """What f ≥ 1 frames of codes stand for, in fresh memory."""

    @abstractmethod
    def layers(self, levels: int) -> Sequence[Layer]:
        """From latents of so many levels to sound [B, 1, N]."""

    @torch.inference_mode()
    def encode(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"]
    ) -> tuple[Int[Tensor, "B F Q"], Int[Tensor, "B"]]:
        """Codes of each row, those of the whole also where it goes in chunks."""
        wav = check_wav(wav, lengths).to(self.device)
        return encode_rows(wav, lengths, self.encode_one, hop=self.hop, num_levels=self.num_levels)

    @torch.inference_mode()
    def decode(
        self, codes: Int[Tensor, "B F L"], frames: Int[Tensor, "B"]
    ) -> tuple[Float[Tensor, "B N"], Int[Tensor, "B"]]:
        """Waveforms, zero past each row's end."""
        return decode_rows(self.check(codes), frames, self._decode, hop=self.hop)

    def stream(self, batch: int = 1) -> StackStream:
        """A fresh streaming decoder."""
        return StackStream(
            self.latents,
            self.check,
            self.layers,
            hop=self.hop,
            lookahead=self.lookahead_frames,
            batch=batch,
            device=self.device,
            frames=self.chunk,
            graphs=self.graphs,
        )

    def check(self, codes: Tensor) -> Int[Tensor, "B F L"]:
        """The codes on the codec's device. Raises `UserError` for what is not codes of it."""
        return check_levels(codes, num_levels=self.num_levels, codebook_size=self.codebook_size).to(self.device)

    def _decode(self, codes: Int[Tensor, "B f L"]) -> Float[Tensor, "B n"]:
        return decoded(self.layers(codes.shape[2]), self.latents, codes, hop=self.hop, frames=self.chunk)
