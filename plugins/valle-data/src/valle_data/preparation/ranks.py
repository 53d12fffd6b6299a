"""Which share of the work is this process's, and what it says when the others are not done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valle_core.plugin import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranks:
    """Process `rank` of `world_size` that prepare one dataset through a shared folder.

    Attributes:
        rank: 0 … world_size − 1; it makes the parts k with k mod world_size = rank.
        world_size: how many there are.
        source: who said so, for messages; "" for nobody.
    """

    rank: int = 0
    world_size: int = 1
    source: str = ""

    def __post_init__(self) -> None:
        if self.world_size < 1:
            raise UserError(f"world size must be at least 1, got {self.world_size} ({self.source})")
        if not 0 <= self.rank < self.world_size:
            raise UserError(
                f"rank must be in [0, {self.world_size - 1}] (world size {self.world_size}), "
                f"got {self.rank} ({self.source})"
            )

    @property
    def lock(self) -> str:
        """Name of the lock that it holds while at work."""
        return f"rank-{self.rank}-of-{self.world_size}"

    def __str__(self) -> str:
        return f"rank {self.rank} of {self.world_size}" if self.world_size > 1 else "`valle prepare` without ranks"


def find_ranks(rank: int | None, world_size: int | None, environment: Mapping[str, str]) -> Ranks:
    """From the flags, else from the environment (torchrun's names first, then SLURM's), else the only process.

    Raises:
        UserError: one without the other, no number, or a rank outside the world.
    """
    if rank is not None or world_size is not None:
        if rank is None or world_size is None:
            raise UserError("--rank and --world-size belong together. Give both: --rank 0 --world-size 4")
        return Ranks(rank=rank, world_size=world_size, source="--rank, --world-size")
    pair = [name for name in ("RANK", "WORLD_SIZE") if environment.get(name)]
    if len(pair) == 1:
        missing = "WORLD_SIZE" if pair == ["RANK"] else "RANK"
        raise UserError(
            f"the environment has {pair[0]} but not {missing}. Set both, unset both, or give --rank and --world-size"
        )
    if not pair:  # SLURM sets one of its pair also where there is only one task, or none yet (salloc)
        size = "SLURM_STEP_NUM_TASKS" if environment.get("SLURM_STEP_NUM_TASKS") else "SLURM_NTASKS"
        pair = [name for name in ("SLURM_PROCID", size) if environment.get(name)]
    if len(pair) < 2:
        return Ranks()
    rank, world_size = (_number(name, environment) for name in pair)
    return Ranks(rank=rank, world_size=world_size, source=", ".join(pair))


def _number(name: str, environment: Mapping[str, str]) -> int:
    text = environment[name]
    if not text.isdecimal():
        raise UserError(
            f"{name}={text!r} in the environment is not a whole number. Set it, or give --rank and --world-size"
        )
    return int(text)


def find_device(device: str, environment: Mapping[str, str]) -> str:
    """The CUDA device of this process where none is named by number: `LOCAL_RANK` (or `SLURM_LOCALID`) picks it."""
    import torch

    local = environment.get("LOCAL_RANK") or environment.get("SLURM_LOCALID") or ""
    count = torch.cuda.device_count()
    if device not in ("auto", "cuda") or not count or not local.isdecimal():
        return device
    return f"cuda:{int(local) % count}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ShareReport:
    """What a rank did when the dataset is not finished yet.

    Attributes:
        out: the dataset's folder.
        ranks: who reports.
        parts: of the whole work.
        missing: parts that others have not made yet.
        prepared: utterances made by this run.
        rejected: recordings left out by this run.
    """

    out: Path
    ranks: Ranks
    parts: int
    missing: int
    prepared: int
    rejected: int

    def summary(self) -> str:
        """Two lines for a person."""
        are = "is others' work" if self.missing == 1 else "are others' work"
        return (
            f"{self.ranks}: {self.prepared} utterances made, {self.rejected} recordings left out\n"
            f"{self.missing} of {self.parts} parts {are}; whoever makes the last finishes '{self.out}'. "
            "If a rank died, run its command again, or the command without ranks"
        )

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "finished": False,
            "rank": self.ranks.rank,
            "world_size": self.ranks.world_size,
            "parts": self.parts,
            "missing": self.missing,
            "prepared": self.prepared,
            "left_out": self.rejected,
        }
