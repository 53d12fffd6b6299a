"""`valle acme roundtrip`: what a codec makes of recordings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from valle_core.api import CommandContext, CommandResult, Schema, Section, Slot, UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What is read and written.

    Attributes:
        files: recordings: wav, flac, ogg or mp3
        out: folder for what the codec makes of them
        levels: how many levels of the codes are decoded; 0: all
    """

    files: tuple[Path, ...]
    out: Path = Path("roundtrip")
    levels: int = 0

    def __post_init__(self) -> None:
        if self.levels < 0:
            raise UserError(f"levels must be at least 0, got {self.levels}")


SCHEMA = Schema(
    slots=(Slot("codec", "codec", "tiny"),),
    sections=(Section("roundtrip", Options, flat=True, help="Options", positional=("files",)),),
)


def roundtrip(context: CommandContext) -> CommandResult:
    """Encode recordings with a codec, decode them again and write them, to listen to what is lost."""
    import torch

    from valle_core.api import build, choose_device, preflight, read_audio, write_audio

    own: Options = context.options("roundtrip")
    device = choose_device("cpu")
    (selected,) = preflight(context.registry, context.resolved.choices(), device=device.type)["codec"]
    codec = build(selected, context.resolved.part("codec").options, device=device)
    own.out.mkdir(parents=True, exist_ok=True)
    rows = []
    with context.progress("recording") as bar, torch.inference_mode():
        for done, path in enumerate(own.files, 1):
            wav = torch.from_numpy(read_audio(path, codec.sample_rate))
            codes, frames = codec.encode(wav[None], torch.tensor([len(wav)]))
            (copy,), _ = codec.decode(codes[:, :, : own.levels or None], frames)
            write_audio(own.out / f"{path.stem}.wav", copy.numpy(), codec.sample_rate)
            rows.append({"file": str(path), "frames": int(frames[0]), "out": str(own.out / f"{path.stem}.wav")})
            bar.move(done, len(own.files))
    text = "\n".join(f"{row['file']}: {row['frames']} frames -> {row['out']}" for row in rows)
    return CommandResult(text=text, facts=rows)
