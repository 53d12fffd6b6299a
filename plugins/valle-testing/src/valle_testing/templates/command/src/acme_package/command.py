"""`valle acme-name`: its options, and what it does."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from valle_core.api import CommandContext, CommandResult, Schema, Section, UserError, read_audio


@dataclass(frozen=True, kw_only=True, slots=True)
class AcmeNameOptions:
    """What is read.

    Attributes:
        files: recordings: wav, flac, ogg or mp3
        sample_rate: rate in Hz that they are brought to first
    """

    files: tuple[Path, ...]
    sample_rate: int = 16_000

    def __post_init__(self) -> None:
        if not 1000 <= self.sample_rate <= 192_000:
            raise UserError(f"sample_rate must be in [1000, 192000], got {self.sample_rate}")


SCHEMA = Schema(
    sections=(Section("options", AcmeNameOptions, flat=True, help="Options", positional=("files",)),),
)


def main(context: CommandContext) -> CommandResult:
    """Tell how loud recordings are (dB below full scale) and which share of their samples is clipped."""
    from acme_package.levels import measure

    own: AcmeNameOptions = context.options("options")
    with context.progress("recording") as bar:
        found = []
        for done, path in enumerate(own.files, 1):
            found.append((path, measure(read_audio(path, own.sample_rate), own.sample_rate)))
            bar.move(done, len(own.files))
    lines = [
        f"{path}: {levels.seconds:.2f} s, peak {levels.peak:.1f} dB, rms {levels.rms:.1f} dB, "
        f"clipped {100 * levels.clipped:.2f} %"
        for path, levels in found
    ]
    facts = [{"file": str(path)} | asdict(levels) for path, levels in found]
    return CommandResult(text="\n".join(lines), facts=facts)
