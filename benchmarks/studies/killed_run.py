"""Kills a training run again and again, by SIGKILL or SIGTERM at random moments, and compares it with one left alone.

    python benchmarks/studies/killed_run.py --data data --out killed --steps 300 --kills 10

Both take every step of `valle train` with the same small model. The killed one is started again with `--resume` after
each kill (without, as long as it has no checkpoint). Compared are the losses of the last steps, all lines of the
metrics but their speeds, and every tensor of the last checkpoint, the optimizer's and the random states included.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch

from valle_core.api import RunFolder, read_checkpoint_tensors

SMALL = (
    "--arch transformer --arch.d-model 32 --arch.n-layers 2 --arch.n-heads 2 --arch.dropout 0.1 --batching.seconds 8 "
    "--warmup 20 --log-every 1 --checkpoint-every 20 --text-gain-every 50 --average 0.99 --device cpu --quiet"
)
STEMS = ("model", "current", "optimizer", "random")
LAST = 20
"""Steps whose losses are told one by one."""


def training(data: Path, out: Path, steps: int, *, resume: bool) -> subprocess.Popen[bytes]:
    """The process of a run."""
    words = ["train", "--data", str(data), "--out", str(out), "--steps", str(steps), *SMALL.split()]
    return subprocess.Popen(
        [sys.executable, "-m", "valle_cli", *words, *(["--resume"] if resume else [])],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def lines_of(run: Path) -> list[dict[str, Any]]:
    """The lines of the metrics that are whole."""
    found = []
    for text in RunFolder(run).metrics.read_text().splitlines() if RunFolder(run).metrics.exists() else ():
        try:
            found.append(json.loads(text))
        except ValueError:
            continue
    return found


def killed(data: Path, out: Path, steps: int, kills: int, rng: Random) -> list[dict[str, Any]]:
    """A run that is killed so often; what was done to it, in order."""
    done: list[dict[str, Any]] = []
    moments = sorted(rng.sample(range(1, steps), kills))
    for moment in moments:
        number = rng.choice((signal.SIGKILL, signal.SIGTERM))
        process = training(data, out, steps, resume=bool(RunFolder(out).steps()))
        begun = max((line["step"] for line in lines_of(out)), default=0)
        while process.poll() is None and max((line["step"] for line in lines_of(out)), default=0) < moment:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.1))  # anywhere in a step, or while a checkpoint is saved
        process.send_signal(number)
        process.communicate()
        done.append(
            {
                "signal": number.name,
                "wanted at step": moment,
                "started with": begun,
                "last line": max((line["step"] for line in lines_of(out)), default=0),
                "newest checkpoint": max(RunFolder(out).steps(), default=0),
                "exit": process.returncode,
            }
        )
    _, err = (process := training(data, out, steps, resume=bool(RunFolder(out).steps()))).communicate()
    assert process.returncode == 0, err.decode()
    return done


def compared(one: Path, other: Path) -> dict[str, Any]:
    """Where two runs differ, and the losses of their last steps."""
    metrics = [
        [{k: v for k, v in line.items() if "per_second" not in k} for line in lines_of(run)] for run in (one, other)
    ]
    tensors = [
        {f"{stem}/{name}": tensor for stem in STEMS for name, tensor in read_checkpoint_tensors(newest, stem).items()}
        for newest in (RunFolder(one).latest(), RunFolder(other).latest())
    ]
    different = [name for name, tensor in tensors[0].items() if not torch.equal(tensor, tensors[1][name])]
    return {
        "lines": len(metrics[0]),
        "different lines": sum(a != b for a, b in zip(*metrics, strict=True)),
        "tensors": len(tensors[0]),
        "different tensors": different,
        "last losses": [[line["loss"] for line in found[-LAST:]] for found in metrics],
    }


def report(kills: Sequence[dict[str, Any]], result: dict[str, Any]) -> str:
    """Both as tables."""
    columns = list(kills[0])
    rows = [" | ".join(["#", *columns]), " | ".join(["---"] * (len(columns) + 1))]
    rows += [" | ".join([str(number), *map(str, kill.values())]) for number, kill in enumerate(kills, 1)]
    whole, other = result["last losses"]
    losses = ["| | " + " | ".join(f"{loss:.6f}" for loss in found[-5:]) + " |" for found in (whole, other)]
    return "\n".join(
        [
            *(f"| {row} |" for row in rows), "",
            "| run | " + " | ".join(f"loss, last − {back}" for back in range(4, -1, -1)) + " |", "|---" * 6 + "|",
            losses[0].replace("| |", "| left alone |"), losses[1].replace("| |", "| killed |"), "",
            f"{result['different lines']} of {result['lines']} lines of the metrics differ (speeds apart), "
            f"{len(result['different tensors'])} of {result['tensors']} tensors of the last checkpoint.",
        ]
    )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """See the top of the file; exit code 1 if the runs differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(argv)
    whole = training(given.data, given.out / "whole", given.steps, resume=False)
    _, err = whole.communicate()
    assert whole.returncode == 0, err.decode()
    kills = killed(given.data, given.out / "killed", given.steps, given.kills, Random(given.seed))
    result = compared(given.out / "whole", given.out / "killed")
    (given.out / "result.json").write_text(json.dumps({"kills": kills, **result}, indent=1))
    print(report(kills, result))
    return int(bool(result["different lines"] or result["different tensors"]))


if __name__ == "__main__":
    raise SystemExit(main())
