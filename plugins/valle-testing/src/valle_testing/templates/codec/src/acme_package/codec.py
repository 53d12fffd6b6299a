"""The codec and its stream."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor
from valle_core.codes.checks import check_codes
from valle_core.codes.identity import hash_tensors
from valle_core.plugin import UserError
from valle_core.types import CodecIdentity

from acme_package.options import HOP, AcmeNameOptions
from acme_package.quantizer import codebooks, dequantize, quantize
from acme_package.transform import Transform


def build(options: AcmeNameOptions, *, device: torch.device) -> AcmeNameCodec:
    """Factory of the entry point."""
    return AcmeNameCodec(options, device)


class AcmeNameCodec:
    """See `valle_core.interfaces.Codec`."""

    sample_rate = 16_000
    hop = HOP
    frame_rate = sample_rate / hop
    lookahead_frames = 0

    def __init__(self, options: AcmeNameOptions, device: torch.device) -> None:
        self.num_levels = options.num_levels
        self.codebook_size = options.codebook_size
        books = codebooks(options.num_levels, options.codebook_size, options.bands, options.seed)
        self.identity = CodecIdentity(
            name="acme-name",
            sample_rate=self.sample_rate,
            hop=self.hop,
            num_levels=self.num_levels,
            codebook_size=self.codebook_size,
            weights_hash=hash_tensors({"codebooks": books}),
        )
        self._books = books.to(device)
        self._transform = Transform(self.hop, options.bands, device)

    @property
    def codebooks(self) -> Float[Tensor, "Q V d"]:
        return self._books.float()

    @torch.no_grad()
    def encode(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"]
    ) -> tuple[Int[Tensor, "B F Q"], Int[Tensor, "B"]]:
        """What lies past a row's length counts as silence; louder than full scale is clipped."""
        wav, lengths = wav.to(self._books), lengths.to(self._books.device).long()
        frames = -(-lengths // self.hop)
        F = int(frames.max()) if len(frames) else 0
        place = torch.arange(wav.shape[1], device=wav.device)
        wav = wav.clamp(-1.0, 1.0).masked_fill(place >= lengths[:, None], 0.0)[:, : F * self.hop]
        wav = torch.nn.functional.pad(wav, (0, F * self.hop - wav.shape[1]))
        if F == 0:
            return torch.zeros(len(wav), 0, self.num_levels, dtype=torch.long, device=wav.device), frames
        return quantize(self._transform.bands(wav), self._books), frames

    @torch.no_grad()
    def decode(
        self, codes: Int[Tensor, "B F L"], frames: Int[Tensor, "B"]
    ) -> tuple[Float[Tensor, "B N"], Int[Tensor, "B"]]:
        """Codes past a row's frames must be codes too; their sound lies past its length."""
        stream = self.stream(codes.shape[0])
        return stream.push(codes), frames.to(self._books.device).long() * self.hop

    def stream(self, batch: int = 1) -> AcmeNameStream:
        return AcmeNameStream(self._transform, self._books, batch)


class AcmeNameStream:
    """See `valle_core.interfaces.CodecStream`. Of what was said it carries one number a row: the last sample."""

    def __init__(self, transform: Transform, books: Float[Tensor, "Q V K"], batch: int) -> None:
        self._transform = transform
        self._books = books
        self._last = books.new_zeros(batch)

    @torch.no_grad()
    def push(self, codes: Int[Tensor, "B F L"]) -> Float[Tensor, "B N"]:
        """Raises `UserError` for codes out of range, and for more or fewer levels than there are codebooks."""
        Q, V, _ = self._books.shape
        levels = codes.shape[-1]
        if not 1 <= levels <= Q:
            raise UserError(f"codec 'acme-name' has {Q} levels and was given {levels}. Give 1 … {Q}")
        check_codes(codes, num_levels=levels, codebook_size=V, what="a sound to decode")
        bands = dequantize(codes.to(self._books.device), self._books)
        wav, self._last = self._transform.sound(bands, self._last)
        return wav.clamp(-1.0, 1.0).float()

    def flush(self) -> Float[Tensor, "B N"]:
        """Nothing: each frame is final when it is pushed."""
        return self._last.new_zeros(len(self._last), 0).float()
