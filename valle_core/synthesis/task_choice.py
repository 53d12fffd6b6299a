"""The task a model speaks with: that it was trained for, unless another is named."""

from __future__ import annotations

from valle_core.checkpoint.load import LoadedModel
from valle_core.config.resolve import resolve
from valle_core.config.schema import Part, Resolved, Schema, Slot
from valle_core.registry.identity import warn
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry
from valle_core.registry.select import Selected

USUAL = "tts"
"""For checkpoints that name no task."""


def task_of(resolved: Resolved, registry: Registry, *halves: LoadedModel) -> tuple[Selected, Part]:
    """The task named in `resolved`, with a warning where a half was not trained for it; else the first of the model's.

    Raises:
        UserError: the model's task is gone.
    """
    if resolved.parts.get("task"):
        part = resolved.part("task")
    else:
        name = next(iter(halves[0].manifest.tasks), USUAL)
        part = resolve(Schema(slots=(Slot("task", "task", name),)), registry).part("task")
    for half in {half.path: half for half in halves}.values():
        trained = half.manifest.tasks
        if trained and _bare(part.name) not in map(_bare, trained):
            warn(f"{half.path} was trained for --task {', '.join(trained)}, and speaks with --task {part.name}")
    (selected,) = preflight(registry, {"task": ("task", (part.name,))})["task"]
    return selected, part


def _bare(name: str) -> str:
    return name.rpartition(":")[2]
