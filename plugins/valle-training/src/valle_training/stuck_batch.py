"""The hook `stuck-batch`: a run that takes no step any more leaves its last batch beside it, to be looked at."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from valle_core.api import hookimpl, write_text

FOLDER = "bad-steps"


class StuckBatch:
    """Keeps tensors as safetensors, everything else as JSON."""

    def __init__(self) -> None:
        self._run = Path()

    @hookimpl
    def train_start(self, facts: Mapping[str, Any]) -> None:
        """Remember where the run is."""
        self._run = Path(facts["run"])

    @hookimpl
    def train_stuck(self, step: int, batches: Sequence[Any]) -> str | None:
        """Write the batches of a step."""
        rank = int(os.environ.get("RANK", "0"))
        name = f"step-{step:08d}" + (f"-rank-{rank}" if rank else "")
        folder = self._run / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        found = dict(parts({str(place): example.batch for place, example in enumerate(batches)}))
        tensors = {key: value.detach().cpu().clone() for key, value in found.items() if isinstance(value, Tensor)}
        facts = {
            "step": step,
            "batches": [
                {"epoch": one.epoch, "utterances": list(one.ids), "prompts": one.share, "tasks": list(one.batch.tasks)}
                for one in batches
            ],
        }
        save_file(tensors, folder / f"{name}.safetensors")
        write_text(folder / f"{name}.json", json.dumps(facts, ensure_ascii=False, indent=1))
        return f"the batch and the names of its utterances are in {folder}/{name}.*"


def parts(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """What stands at the ends of nested objects, by a name with dots."""
    if is_dataclass(value):
        value = {item.name: getattr(value, item.name) for item in fields(value) if item.name != "host"}
    if not isinstance(value, Mapping):
        yield name, value
        return
    for key, item in value.items():
        yield from parts(item, f"{name}.{key}" if name else str(key))


HOOK = StuckBatch()
