"""Imports every spec in a process of its own, so that one that ends or stalls it is named and survived."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from valle_core.plugin import UserError
from valle_core.registry.loading import LoadError, load_spec
from valle_core.registry.scan import Found

READY = "ready"
PATIENCE_S = 60.0
"""How long one process may take for all it has been given."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probed:
    """How the import of one spec went.

    Attributes:
        found: its entry point.
        ms: wall time of the import; 0 where its module was there already.
        deadly: what it did to the process, or "".
    """

    found: Found
    ms: float
    deadly: str = ""


def probe(announced: Sequence[Found]) -> list[Probed]:
    """Import the specs in order in a fresh interpreter; in another one from there on where it did not survive."""
    probed: list[Probed] = []
    while len(probed) < len(announced):
        rest = announced[len(probed) :]
        times, end = _import_apart([found.value for found in rest])
        probed += [Probed(found=found, ms=ms) for found, ms in zip(rest, times, strict=False)]
        if len(times) < len(rest):
            probed.append(Probed(found=rest[len(times)], ms=0.0, deadly=end))
    return probed


def _import_apart(values: list[str]) -> tuple[list[float], str]:
    """Milliseconds of those that were imported, and how the process ended."""
    task = json.dumps({"path": sys.path, "values": values})
    command = [sys.executable, "-c", f"from {__name__} import main; main()"]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(
            command, input=task, capture_output=True, text=True, env=environ, timeout=PATIENCE_S, check=False
        )
        out, end = done.stdout, f"ends the interpreter when imported (exit code {done.returncode})"
    except subprocess.TimeoutExpired as error:
        out = error.stdout.decode(errors="replace") if isinstance(error.stdout, bytes) else error.stdout or ""
        end = "does not come to an end when imported"
    ready, *times = out.split() or [""]
    if ready != READY:
        raise UserError(f"{sys.executable} cannot import valle_core in a process of its own")
    return [float(time) for time in times], end


def main() -> None:
    """In the process apart: read the task from stdin, write one time for each import that came back."""
    task = json.loads(sys.stdin.read())
    sys.path[:] = task["path"]
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # a spec that prints must not reach the answers, whatever it prints with
        os.dup2(nowhere, descriptor)
    answers.write(f"{READY}\n")
    answers.flush()
    for value in task["values"]:
        start = time.perf_counter()
        with contextlib.suppress(LoadError):  # the listing says why
            load_spec(value)
        answers.write(f"{(time.perf_counter() - start) * 1000:.3f}\n")
        answers.flush()
    os._exit(0)
