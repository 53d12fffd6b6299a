"""The task a model is asked for: one it was trained for, and a request that fits it."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from valle_core.checkpoint.load import StoredModel
from valle_core.config.resolve import stored_part
from valle_core.config.schema import Part, Resolved, SelectedPlugin
from valle_core.plugin import UserError
from valle_core.registry.identity import warn
from valle_core.registry.registry import Registry
from valle_core.synthesis.request import Request

USUAL = "tts"
"""For checkpoints that name no task."""


def task_of(resolved: Resolved, registry: Registry, *halves: StoredModel) -> Part:
    """The task named in `resolved`; else the first of the model's.

    Raises:
        UserError: the model's task is gone, or a half was not trained for it and one of the two has a token; where
            neither has, that is a warning.
    """
    named = resolved.part("task") if resolved.parts.get("task") else None
    name = named.name if named else next(iter(halves[0].manifest.tasks), USUAL)
    plugin = (named and named.plugin) or registry.select("task", name)
    part = named or stored_part(plugin, "task", {}, "stored")
    with suppress(UserError, TypeError):  # options that are not taken any more, or have no defaults
        if part.options == type(part.options)():  # what shapes a row is that of training, unless it is asked for
            part = as_trained(halves[0], plugin) or part
    marked = "token" in plugin.spec.capabilities
    for half in {half.path: half for half in halves}.values():
        trained = half.manifest.tasks
        if not trained or _bare(part.name) in map(_bare, trained):
            continue
        if marked or {*map(_bare, trained)} <= {*half.manifest.task_tokens}:
            raise UserError(f"{half.path} was trained for --task {', '.join(trained)}, not for --task {part.name}")
        warn(f"{half.path} was trained for --task {', '.join(trained)}, and speaks with --task {part.name}")
    return part


def as_trained(stored: StoredModel, task: SelectedPlugin) -> Part | None:
    """The task with the options it trained the model with; None where they are not known.

    Raises:
        UserError: it does not take them.
    """
    kept = {_bare(key): options for key, options in stored.manifest.task_options.items()}
    if _bare(task.name) not in kept:
        return None
    return stored_part(task, "task", kept[_bare(task.name)], str(stored.path), stored=True)


def refuse_misfit(request: Request, task: str, takes: Collection[str]) -> None:
    """Raises `UserError` for an input that a task cannot do without, or does not take.

    Args:
        request: what is asked.
        task: its name.
        takes: the words of its spec.
    """
    works, edits, reads = "source" in takes, "edit" in takes, bool({"written", "letters"} & {*takes})
    says, prompted = not works or edits, "prompt" in takes
    given = {
        "recording to work on (--input)": (request.source is not None, works, works),
        "part to replace (--replace, or --span with the new text)": (request.span is not None, edits, edits),
        "prompt (--prompt)": (request.prompt is not None, prompted, prompted or not (works or reads)),
        "text": (bool(request.text.strip()), says, says or "text" in takes),
    }
    for what, (there, needed, taken) in given.items():
        if needed and not there:
            empty = what == "text" and not works
            raise UserError("the text is empty; give a text with words" if empty else f"task '{task}' needs a {what}")
        if there and not taken:
            raise UserError(f"task '{task}' takes no {what}; leave it out")


def _bare(name: str) -> str:
    return name.rpartition(":")[2]
