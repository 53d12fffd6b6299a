"""The kinds of the core: what a user can pick by name; others are announced in the group `valle.kinds`."""

from __future__ import annotations

from valle_core.plugin import CommandSpec, HookSpec, Kind, UserError

KINDS: tuple[Kind, ...] = (
    Kind(
        name="arch",
        group="valle.arch",
        interface="valle_core.interfaces:Backbone",
        api=1,
        suite="valle_testing.suites.arch.checks",
        floor=36,
        template="valle_testing:templates/arch",
        on_device=True,
        in_dtype=True,
        owed=frozenset({"causal", "full", "mixed", "cache", "select"}),
        words=frozenset({"packed", "prefix", "window", "tree"})
        | {"rewind", "positions", "checkpointing", "compile", "rounds"},
        usual="llama",
    ),
    Kind(
        name="attention",
        group="valle.attention",
        interface="valle_core.interfaces:AttentionKernel",
        api=1,
        suite="valle_testing.suites.attention.checks",
        floor=18,
        template="valle_testing:templates/attention",
        on_device=True,
        in_dtype=True,
        owed=frozenset({"causal", "full", "lengths"}),
        words=frozenset({"mixed", "prefix", "packed", "window", "tree"}),
        usual="sdpa",
    ),
    Kind(
        name="codec",
        group="valle.codec",
        interface="valle_core.interfaces:Codec",
        api=1,
        suite="valle_testing.suites.codec.checks",
        floor=21,
        template="valle_testing:templates/codec",
        on_device=True,
        words=frozenset({"streaming", "codebooks"}),
        usual="tiny",
    ),
    Kind(
        name="sampler",
        group="valle.sampler",
        interface="valle_core.interfaces:Sampler",
        api=1,
        suite="valle_testing.suites.sampler.checks",
        floor=13,
        template="valle_testing:templates/sampler",
        on_device=True,
        words=frozenset({"processor", "chooser", "search"}),
    ),
    Kind(
        name="task",
        group="valle.task",
        interface="valle_core.interfaces:Task",
        api=1,
        suite="valle_testing.suites.task.checks",
        floor=15,
        template="valle_testing:templates/task",
        words=frozenset({"codes", "symbols", "length", "times"}),
        usual="tts",
    ),
    Kind(
        name="frontend",
        group="valle.frontend",
        interface="valle_core.interfaces:Frontend",
        api=1,
        suite="valle_testing.suites.frontend.checks",
        floor=17,
        template="valle_testing:templates/frontend",
        usual="espeak",
    ),
    Kind(
        name="rewrite",
        group="valle.rewrite",
        interface="valle_core.interfaces:Rewrite",
        api=1,
        suite="valle_testing.suites.rewrite.checks",
        floor=21,
        template="valle_testing:templates/rewrite",
        on_device=True,
        in_dtype=True,
        words=frozenset({"trainable"}),
        usual="bitlinear",
    ),
    Kind(
        name="alignment",
        group="valle.alignment",
        interface="valle_core.sequence.alignment:Alignment",
        api=1,
        suite="valle_testing.suites.alignment.checks",
        floor=8,
        template="valle_testing:templates/alignment",
        on_device=True,
        in_dtype=True,
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
