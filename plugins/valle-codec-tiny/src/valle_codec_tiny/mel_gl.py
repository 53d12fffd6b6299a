"""The baseline codec `mel-gl`: residual k-means codes of log-mel frames, back to sound by Griffin-Lim."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from valle_codec_tiny.checkpoint import read, tensors_hash, write
from valle_codec_tiny.features import HOP, SAMPLE_RATE, mel_matrix
from valle_codec_tiny.options import MelGriffinLimOptions
from valle_codec_tiny.quantizer import kmeans, nearest
from valle_codec_tiny.speech import Crops
from valle_core.plugin import UserError
from valle_core.types import CodecIdentity
from valle_kit.codes.rows import check_levels, check_wav, decode_rows, encode_rows, whole_frames

SHIPPED = Path(__file__).parent / "weights" / "mel-gl.safetensors"
BANDS = 80
WINDOW = 640
STEP = HOP // 2
LEVELS, CODES = 8, 256


def log_mel(wav: Float[Tensor, "1 N"]) -> Float[Tensor, "F 160"]:
    """[1, F · HOP] → log-mel energies at 100 Hz, two per frame."""
    padded = F.pad(wav, ((WINDOW - STEP) // 2, WINDOW))
    count = wav.shape[1] // STEP
    windowed = padded[:, : (count - 1) * STEP + WINDOW].unfold(1, WINDOW, STEP)
    magnitude = torch.fft.rfft(windowed * torch.hann_window(WINDOW, device=wav.device)).abs()
    mel = magnitude @ mel_matrix(WINDOW // 2 + 1, BANDS).to(wav)
    return mel.clamp(min=1e-3).log().reshape(count // 2, 2 * BANDS)


def _istft(spectrum: Tensor, count: int) -> Float[Tensor, "N"]:
    window = torch.hann_window(WINDOW, device=spectrum.device)
    windowed = torch.fft.irfft(spectrum, n=WINDOW) * window
    size = (count - 1) * STEP + WINDOW
    total, norm = (
        F.fold(part.T[None], (1, size), (1, WINDOW), stride=(1, STEP)).flatten()
        for part in (windowed, window.square().expand_as(windowed))
    )
    return total / norm.clamp(min=1e-3)


def griffin_lim(magnitude: Float[Tensor, "T bins"], iterations: int) -> Float[Tensor, "N"]:
    """Griffin and Lim 1984 with the momentum of Perraudin et al. 2013, from zero phase; T · STEP samples."""
    count = len(magnitude)
    window = torch.hann_window(WINDOW, device=magnitude.device)
    angles = torch.ones_like(magnitude, dtype=torch.complex64)
    before = torch.zeros_like(angles)
    for _ in range(iterations):
        wav = _istft(magnitude * angles, count)
        rebuilt = torch.fft.rfft(wav.unfold(0, WINDOW, STEP) * window)
        angles = rebuilt - before * (0.99 / 1.99)
        angles = angles / angles.abs().clamp(min=1e-9)
        before = rebuilt
    start = (WINDOW - STEP) // 2
    return _istft(magnitude * angles, count)[start : start + count * STEP]


class MelGriffinLimCodec:
    """A `valle_core.interfaces.Codec`. Its stream gives everything at `flush`: Griffin-Lim needs the whole."""

    sample_rate = SAMPLE_RATE
    hop = HOP
    frame_rate = SAMPLE_RATE / HOP
    num_levels = LEVELS
    codebook_size = CODES
    lookahead_frames = 1 << 30

    def __init__(self, books: Float[Tensor, "Q V d"], weights_hash: str, iterations: int, device: torch.device) -> None:
        self.codebooks = books.to(device)
        self.device = device
        self.iterations = iterations
        self._to_bins = torch.linalg.pinv(mel_matrix(WINDOW // 2 + 1, BANDS).double()).float().to(device)
        self.identity = CodecIdentity(
            name="mel-gl",
            sample_rate=SAMPLE_RATE,
            hop=HOP,
            num_levels=LEVELS,
            codebook_size=CODES,
            weights_hash=weights_hash,
        )

    @torch.inference_mode()
    def encode(
        self, wav: Float[Tensor, "B N"], lengths: Int[Tensor, "B"]
    ) -> tuple[Int[Tensor, "B F Q"], Int[Tensor, "B"]]:
        """Codes of each row at its own length."""
        wav = check_wav(wav, lengths).to(self.device).clamp(-1, 1)
        return encode_rows(wav, lengths, self._encode, hop=HOP, num_levels=LEVELS)

    def _encode(self, wav: Float[Tensor, "n"]) -> Int[Tensor, "f Q"]:
        residual, codes = log_mel(whole_frames(wav, HOP)[None]), []
        for book in self.codebooks:
            codes.append(nearest(residual, book))
            residual = residual - book[codes[-1]]
        return torch.stack(codes, dim=-1)

    @torch.inference_mode()
    def decode(
        self, codes: Int[Tensor, "B F L"], frames: Int[Tensor, "B"]
    ) -> tuple[Float[Tensor, "B N"], Int[Tensor, "B"]]:
        """Waveforms, zero past each row's end."""
        return decode_rows(self.check(codes), frames, self._decode, hop=HOP)

    def _decode(self, codes: Int[Tensor, "b f L"]) -> Float[Tensor, "b n"]:
        rows = []
        for row in codes:
            picked = [book[row[:, level]] for level, book in enumerate(self.codebooks[: row.shape[1]])]
            mel = torch.stack(picked).sum(0).reshape(-1, BANDS).exp()
            rows.append(griffin_lim((mel @ self._to_bins).clamp(min=1e-5), self.iterations))
        return torch.stack(rows)

    def check(self, codes: Tensor) -> Int[Tensor, "B F L"]:
        """The codes on the codec's device, or `UserError`."""
        return check_levels(codes, num_levels=LEVELS, codebook_size=CODES).to(self.device)

    def stream(self, batch: int = 1) -> _WholeStream:
        """A stream that holds everything back."""
        return _WholeStream(self, batch)


class _WholeStream:
    """Collects the codes; the sound comes at `flush`."""

    def __init__(self, codec: MelGriffinLimCodec, batch: int) -> None:
        self._codec, self._batch = codec, batch
        self._codes: list[Tensor] = []

    def push(self, codes: Int[Tensor, "B F L"]) -> Float[Tensor, "B N"]:
        if codes.shape[1]:
            self._codes.append(self._codec.check(codes))
        return torch.zeros(self._batch, 0, device=self._codec.device)

    def flush(self) -> Float[Tensor, "B N"]:
        if not self._codes:
            return torch.zeros(self._batch, 0, device=self._codec.device)
        codes = torch.cat(self._codes, dim=1)
        self._codes = []
        return self._codec.decode(codes, torch.full((self._batch,), codes.shape[1]))[0]


def train_codebooks(corpus: Path, path: Path, *, seed: int, vectors: int) -> None:
    """k-means, level by level, over `vectors` frames of the training group, written to `path`."""
    generator = torch.Generator().manual_seed(seed)
    crops = Crops(corpus, 100 * HOP)
    residual = torch.cat([log_mel(crops.draw(1, generator)) for _ in range(-(-vectors // 100))])
    books = []
    for _ in range(LEVELS):
        book = kmeans(residual, CODES, generator, rounds=25).half()
        residual = residual - book.float()[nearest(residual, book.float())]
        books.append(book)
    write(path, {"books": torch.stack(books)}, {"codec": "mel-gl", "seed": seed, "vectors": vectors})


def build(options: MelGriffinLimOptions, *, device: torch.device) -> MelGriffinLimCodec:
    """Factory of the registry entry `mel-gl`."""
    path = Path(options.weights).expanduser() if options.weights else SHIPPED
    if path.is_dir():
        raise UserError(f"codec weights '{path}' is a folder. Give the .safetensors file in it")
    tensors, facts = read(path)
    if facts.get("codec") != "mel-gl":
        raise UserError(f"'{path}' holds codec '{facts.get('codec')}', not 'mel-gl'. Give weights of --codec mel-gl")
    return MelGriffinLimCodec(tensors["books"].float(), tensors_hash(tensors), options.iterations, device)
