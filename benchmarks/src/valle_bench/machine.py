"""What stands beside every measured number: the machine and how busy others keep it."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from valle_core.plugin import UserError

BUSY = 0.3
"""Cores in use by others above which a measurement is refused."""


def cores_in_use(seconds: float = 0.5) -> float:
    """Cores that other processes keep busy while this one sleeps; the one-minute load where /proc is missing."""
    before = _ticks()
    if before is None:
        return os.getloadavg()[0]
    time.sleep(seconds)
    after = _ticks() or before
    busy, total = after[0] - before[0], after[1] - before[1]
    return (os.cpu_count() or 1) * busy / total if total > 0 else 0.0


def _ticks() -> tuple[int, int] | None:
    """(busy, all) clock ticks of all cores since start."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    except (OSError, IndexError):
        return None
    numbers = [int(word) for word in first.split()[1:9]]
    idle = numbers[3] + numbers[4]
    return sum(numbers) - idle, sum(numbers)


def describe(*, force: bool) -> dict[str, object]:
    """The machine and its load. Raises `UserError` when others keep more than `BUSY` of a core and not `force`."""
    load = cores_in_use()
    if load > BUSY and not force:
        raise UserError(
            f"other processes keep {load:.2f} of a core busy (limit {BUSY}), so times would be wrong. "
            "Wait for them, or give --force to measure anyway"
        )
    return {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "cores_in_use_by_others": round(load, 2),
        "forced": force and load > BUSY,
    }


def provenance(packages: Sequence[str]) -> dict[str, object]:
    """Commit, date, command and the versions of `packages`, as every committed result carries them."""
    return {
        "commit": commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "command": shlex.join(["valle", *sys.argv[1:]]),
        "processor": _processor(),
        **{package: _version(package) for package in packages},
    }


def commit() -> str:
    """The commit of the source tree this runs from, with a + when files differ from it; "unknown" outside one."""
    here = Path(__file__).parent
    done = subprocess.run(["git", "describe", "--always", "--dirty=+"], cwd=here, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """The processor's name as Linux says it, else as Python does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
