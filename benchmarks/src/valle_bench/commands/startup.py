"""`valle bench startup`: how long the commands that must feel instant take, beside a bare interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from valle_bench.broken_plugins import write_broken
from valle_bench.machine import describe, provenance
from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError

LIMIT_MS = 150.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How it measures.

    Attributes:
        runs: number of runs of each command; the shortest time counts
        force: measure although other processes use the machine
    """

    runs: int = 15
    force: bool = False

    def __post_init__(self) -> None:
        if self.runs < 1:
            raise UserError(f"runs must be at least 1, got {self.runs}")


SCHEMA = Schema(sections=(Section("startup", Options, flat=True, help="Options"),))


def startup(context: CommandContext) -> CommandResult:
    """Measure the wall time of `valle --help` and `valle list-plugins` beside `python -c pass`, in one run."""
    own: Options = context.options("startup")
    machine = {**describe(force=own.force), **provenance(())}
    with tempfile.TemporaryDirectory() as folder:
        times = measure({**commands(), **commands_beside_broken(Path(folder))}, own.runs)
    bare = min(times["python -c pass"])
    rows = [
        {
            "command": name,
            "best_ms": round(min(values) * 1000, 1),
            "median_ms": round(sorted(values)[len(values) // 2] * 1000, 1),
            "ratio_to_bare": round(min(values) / bare, 2),
            "within_limit": min(values) * 1000 < LIMIT_MS,
        }
        for name, values in times.items()
    ]
    lines = [f"{'command':<40}{'best':>9}{'median':>9}{'x bare':>8}  under {LIMIT_MS:.0f} ms"]
    for row in rows:
        verdict = "yes" if row["within_limit"] else "NO"
        best, median = f"{row['best_ms']:.1f} ms", f"{row['median_ms']:.1f} ms"
        lines.append(f"{row['command']:<40}{best:>9}{median:>9}{row['ratio_to_bare']:>8.2f}  {verdict}")
    lines.append(f"best of {own.runs}; {machine['cores']} cores, {machine['cores_in_use_by_others']} in use by others")
    facts = {"machine": machine, "runs": own.runs, "limit_ms": LIMIT_MS, "rows": rows}
    return CommandResult(text="\n".join(lines), facts=facts)


def commands() -> dict[str, list[str]]:
    """What is measured, by the name it is reported under."""
    script = Path(sysconfig.get_path("scripts")) / "valle"
    if not script.exists():
        raise UserError(
            f"there is no {script}. Install the command line with: "
            "pip install --requirement requirements.txt (in a checkout of valle)"
        )
    return {
        "python -c pass": [sys.executable, "-c", "pass"],
        "valle --help": [str(script), "--help"],
        "valle list-plugins": [str(script), "list-plugins"],
        "valle list-plugins --json": [str(script), "list-plugins", "--json"],
    }


def commands_beside_broken(folder: Path) -> dict[str, list[str]]:
    """The same with plugins on the path that are broken on purpose, but for the one that is slow on purpose."""
    count = write_broken(folder, slow=False)
    script = Path(sysconfig.get_path("scripts")) / "valle"
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    return {
        f"{command} ({count} broken plugins)": ["env", f"PYTHONPATH={path}", str(script), command.split()[1]]
        for command in ("valle --help", "valle list-plugins")
    }


def measure(named: dict[str, list[str]], runs: int) -> dict[str, list[float]]:
    """Seconds of each run; the commands take turns, so that a slow moment hits all of them."""
    times: dict[str, list[float]] = {name: [] for name in named}
    for _ in range(runs):
        for name, command in named.items():
            start = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True)
            times[name].append(time.perf_counter() - start)
            if done.returncode != 0:
                raise UserError(f"`{name}` failed: {done.stderr.strip().splitlines()[-1:] or done.returncode}")
    return times
