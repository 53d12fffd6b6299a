"""Export a checkpoint beside the run, in a process of its own, so that training goes on meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from valle_controls.words import Answer, Reply

FOLDER = "exports"
_LAUNCHED = ("RANK", "LOCAL_", "WORLD_SIZE", "MASTER_", "GROUP_", "ROLE_", "TORCHELASTIC_", "ACCELERATE_")
"""How variables begin that say that a process is one of several."""


def begin(checkpoint: Path, reply: Reply) -> threading.Thread:
    """Start it; the thread that is returned answers when it is done."""
    out = checkpoint.parent.parent / FOLDER / checkpoint.name
    thread = threading.Thread(target=_export, args=(checkpoint, out, reply), daemon=True)
    thread.start()
    return thread


def _export(checkpoint: Path, out: Path, reply: Reply) -> None:
    if out.exists():
        reply(Answer(text=f"{out} is there already", facts={"out": str(out)}))
        return
    words = [sys.executable, "-m", "valle_cli", "export", str(checkpoint), "--out", str(out)]
    env = {name: value for name, value in os.environ.items() if not name.startswith(_LAUNCHED)}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, start_new_session=True, check=False,
            env={**env, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    except OSError as error:
        reply(Answer(text=f"nothing was exported: {error.strerror}", ok=False))
        return
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason was given"]
        reply(Answer(text=f"nothing was exported: {lines[-1].removeprefix('error: ')}", ok=False))
    else:
        reply(Answer(text=f"exported {checkpoint.name} to {out}", facts={"out": str(out)}))
