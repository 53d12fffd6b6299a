"""The task a model speaks with: that it was trained for, unless another is named."""

from __future__ import annotations

from valle_core.checkpoint.load import StoredModel
from valle_core.config.resolve import stored_part
from valle_core.config.schema import Part, Resolved
from valle_core.registry.identity import warn
from valle_core.registry.registry import Registry

USUAL = "tts"
"""For checkpoints that name no task."""


def task_of(resolved: Resolved, registry: Registry, *halves: StoredModel) -> Part:
    """The task named in `resolved`, with a warning where a half was not trained for it; else the first of the model's.

    Raises:
        UserError: the model's task is gone.
    """
    if resolved.parts.get("task"):
        part = resolved.part("task")
    else:
        name = next(iter(halves[0].manifest.tasks), USUAL)
        part = stored_part(registry.select("task", name), "task", {}, "stored")
    for half in {half.path: half for half in halves}.values():
        trained = half.manifest.tasks
        if trained and _bare(part.name) not in map(_bare, trained):
            warn(f"{half.path} was trained for --task {', '.join(trained)}, and speaks with --task {part.name}")
    return part


def _bare(name: str) -> str:
    return name.rpartition(":")[2]
