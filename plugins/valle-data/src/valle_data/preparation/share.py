"""What a process that prepares is told beside the dataset's own options (imports nothing heavy)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """Whose recordings, and which process of how many.

    Attributes:
        folder: folder or table of recordings, in a layout that --layout knows
        device: torch device to run the codec on: auto, cpu or cuda
        rank: rank of this process, from 0; left out: that of torchrun or SLURM, if any
        world_size: number of processes that share the work; with --rank
    """

    folder: str = ""
    device: str = "auto"
    rank: int | None = None
    world_size: int | None = None
