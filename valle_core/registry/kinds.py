"""The kinds of the core: what a user can pick by name; others are announced in the group `valle.kinds`."""

from __future__ import annotations

from typing import Any

from valle_core.plugin import CommandSpec, HookSpec, Kind, UserError


def _picked(name: str, interface: str, floor: int, **more: Any) -> Kind:
    """A kind of the core that is picked by name: its group, suite and template are called after it."""
    return Kind(
        name=name,
        group=f"valle.{name}",
        interface=interface,
        api=1,
        suite=f"valle_testing.suites.{name}.checks",
        floor=floor,
        template=f"valle_testing:templates/{name}",
        **more,
    )


KINDS: tuple[Kind, ...] = (
    _picked(
        "arch",
        "valle_core.interfaces:Backbone",
        36,
        on_device=True,
        in_dtype=True,
        owed=frozenset({"causal", "full", "mixed", "cache", "select"}),
        words=frozenset({"packed", "prefix", "window", "tree"})
        | {"rewind", "positions", "checkpointing", "compile", "rounds"},
        usual="llama",
    ),
    _picked(
        "attention",
        "valle_core.interfaces:AttentionKernel",
        18,
        on_device=True,
        in_dtype=True,
        owed=frozenset({"causal", "full", "lengths"}),
        words=frozenset({"mixed", "prefix", "packed", "window", "tree"}),
        usual="sdpa",
    ),
    _picked(
        "codec",
        "valle_core.interfaces:Codec",
        21,
        on_device=True,
        words=frozenset({"streaming", "codebooks"}),
        usual="tiny",
    ),
    _picked(
        "sampler",
        "valle_core.interfaces:Sampler",
        13,
        on_device=True,
        words=frozenset({"processor", "chooser", "search", "filler"}),
    ),
    _picked(
        "task",
        "valle_core.interfaces:Task",
        15,
        words=frozenset(
            {"codes", "symbols", "length", "letters", "times", "token"}
            | {"source", "prompt", "text", "edit", "written"}  # what a request brings
        ),
        usual="tts",
    ),
    _picked("frontend", "valle_core.interfaces:Frontend", 17, usual="espeak"),
    _picked(
        "rewrite",
        "valle_core.interfaces:Rewrite",
        21,
        on_device=True,
        in_dtype=True,
        words=frozenset({"trainable"}),
        usual="bitlinear",
    ),
    _picked(
        "alignment",
        "valle_core.sequence.alignment:Alignment",
        9,
        on_device=True,
        in_dtype=True,
        words=frozenset({"branching"}),
        usual="pointer",
    ),
)

COMMAND = Kind(
    name="command",
    group="valle.commands",
    interface="",
    api=2,
    suite="valle_testing.suites.command.checks",
    floor=3,
    template="valle_testing:templates/command",
    spec=CommandSpec,
    usage="valle {name}",
)
HOOK = Kind(
    name="hook",
    group="valle.hooks",
    interface="",
    api=1,
    suite="valle_testing.suites.hook.checks",
    floor=4,
    template="valle_testing:templates/hook",
    spec=HookSpec,
    usage="",
)
"""Commands and hooks are not picked by name for a slot, yet are found and guarded the same way."""

ROWS: tuple[Kind, ...] = (*KINDS, COMMAND, HOOK)


def kind_named(name: str, rows: tuple[Kind, ...] = ROWS) -> Kind:
    """The row called `name`. Raises `UserError` naming the kinds there are."""
    for row in rows:
        if row.name == name:
            return row
    raise UserError(f"there is no kind '{name}'. Kinds: {', '.join(row.name for row in rows)}")
