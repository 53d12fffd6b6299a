"""What the suite of hooks calls an observer with: arguments of every hook, and sounds."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from valle_core.plugin import HOOK_PROJECT
from valle_core.registry.hooks import Specifications
from valle_core.training.options import TrainOptions

Build = Callable[[], object]
"""Gives the object that a `HookSpec` names."""

HOOKS = tuple(name for name in vars(Specifications) if not name.startswith("_"))


def implemented(plugin: object) -> dict[str, Callable[..., Any]]:
    """Its hooks by name, those that there are."""
    found = {name: getattr(plugin, name, None) for name in HOOKS}
    return {name: function for name, function in found.items() if hasattr(function, f"{HOOK_PROJECT}_impl")}  # type: ignore[misc]


@contextmanager
def run_folder() -> Iterator[Path]:
    """A folder as a run leaves it, as far as a hook is told of it."""
    with TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        (run / "checkpoints" / "10").mkdir(parents=True)
        (run / "metrics.jsonl").write_text('{"step": 10, "loss": 3.25}\n', encoding="utf-8")
        yield run


def calls(hook: str, run: Path) -> list[dict[str, Any]]:
    """Arguments to try; none for what is not told of here (audio)."""
    metrics = {"step": 10, "loss": 3.25, "learning_rate": 1e-3, "seconds": 0.5}
    return {
        "train_processes": [{"options": TrainOptions(device="cpu")}],
        "train_start": [
            {"facts": {"step": 0, "steps": 10, "run": run}},
            {"facts": {"step": 10, "steps": 20, "run": run}},
        ],
        "train_figures": [
            {"step": 10, "last": False, "asked": False},
            {"step": 11, "last": True, "asked": False},
            {"step": 12, "last": False, "asked": True},
        ],
        "train_requests": [{"step": 10}],
        "train_step_end": [
            {"step": 10, "metrics": metrics, "figures": {"text_gain": 0.5}},
            {"step": 11, "metrics": {}, "figures": {}},
        ],
        "checkpoint_saved": [{"step": 10, "path": run / "checkpoints" / "10"}],
        "train_stuck": [{"step": 10, "batches": []}],
        "train_failed": [{"step": 10}],
        "train_end": [{"step": 10, "metrics": metrics}, {"step": 0, "metrics": {}}],
        "doctor_checks": [{}],
    }.get(hook, [])


def called(function: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    """The call of a hook with the arguments it names."""
    names = [name for name in inspect.signature(function).parameters if name in given]
    return function(*(given[name] for name in names))


def kept(value: Any) -> Any:
    """A copy to compare with later."""
    return value.clone() if isinstance(value, Tensor) else deepcopy(value)


def equal(one: Any, other: Any) -> bool:
    """Whether an argument is what it was."""
    return torch.equal(one, other) if isinstance(one, Tensor) else bool(one == other)


SOUNDS = ("nothing", "one sample", "ten samples", "silence", "a voice", "full scale")
"""Names of the sounds in `sounds`."""


def sounds(sample_rate: int) -> Iterator[tuple[str, Float[Tensor, "N"]]]:
    """Nothing, next to nothing, silence, something like a voice for a second, and full scale."""
    time = torch.arange(sample_rate) / sample_rate
    voice = sum(torch.sin(2 * torch.pi * 140 * n * time) / n for n in range(1, 9)) * 0.2 * (1 + torch.sin(time * 20))
    made = (voice[:0], voice[500:501], voice[500:510], torch.zeros(sample_rate // 4), voice, voice.sign())
    yield from zip(SOUNDS, (sound.clone() for sound in made), strict=True)
