"""Which run `valle train --config FILE --resume` goes on with."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from pathlib import Path

from valle_core.config.schema import Resolved
from valle_core.training.config import RunOptions


def continued(resolved: Resolved, config: Path | None, given: Collection[str]) -> tuple[Resolved, str]:
    """With `--resume`, the run whose folder holds `config` is meant, wherever it was copied or moved to.

    Args:
        resolved: the configuration.
        config: the YAML file it was read from, or None.
        given: top-level keys that were set on the command line; `out` among them counts.

    Returns:
        The configuration with that `out`, and a note where the file names another one, or "".
    """
    run: RunOptions = resolved.sections["run"]
    if not run.resume or config is None or "out" in given:
        return resolved, ""
    holder = next((file.parent for file in (config, config.resolve()) if _is_run(file.parent)), None)
    if holder is None or (run.out and Path(run.out).resolve() == holder.resolve()):
        return resolved, ""
    named = run.out and _is_run(Path(run.out))
    note = (
        f"the run in '{holder}' goes on, which holds the config; --out {run.out} would mean that one" if named else ""
    )
    changed = dataclasses.replace(run, out=str(holder))
    return dataclasses.replace(resolved, sections={**resolved.sections, "run": changed}), note


def _is_run(folder: Path) -> bool:
    return (folder / "checkpoints").is_dir() or (folder / "metrics.jsonl").is_file()
