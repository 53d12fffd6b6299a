"""The table of kinds: what a user can pick by name. A new kind is one row here."""

from __future__ import annotations

from dataclasses import dataclass

from valle_core.plugin import CommandSpec, HookSpec, PluginSpec, UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One row of the table.

    Attributes:
        name: word used in flags, YAML and messages.
        group: entry-point group its plugins announce themselves in.
        interface: `"module:attribute"` of the Protocol that what the factory builds must satisfy.
        api: API number of the contract; a plugin one number older still works, with a warning.
        suite: `"module"` of the conformance suite.
        spec: class of the object an entry point of the group names.
        on_device: objects live on the run's device, so preflight compares it with the declared devices.
        in_dtype: objects compute in the run's dtype, so preflight compares that too.
        owed: capabilities every plugin of the kind has without declaring them.
        words: capabilities a plugin may declare beside those; empty where the kind has none.
        usual: name to suggest first when another cannot run.
        usage: how the user picks one of them, for messages; "" where all are used and names may repeat.
    """

    name: str
    group: str
    interface: str
    api: int
    suite: str
    spec: type = PluginSpec
    on_device: bool = False
    in_dtype: bool = False
    owed: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    usual: str = ""
    usage: str = "--{kind} {name}"

    def pick(self, distribution: str, name: str) -> str:
        """What to type to get this very plugin where several share a name."""
        return self.usage.format(kind=self.name, name=f"{distribution}:{name}")


KINDS: tuple[Kind, ...] = (
    Kind(
        name="arch",
        group="valle.arch",
        interface="valle_core.interfaces:Backbone",
        api=1,
        suite="valle_testing.suites.arch.checks",
        on_device=True,
        in_dtype=True,
        owed=frozenset({"causal", "full", "mixed", "packed", "cache", "select"}),
        words=frozenset(
            {"prefix", "window", "tree", "rewind", "positions", "recall", "checkpointing", "compile", "rounds"}
        ),
        usual="llama",
    ),
    Kind(
        name="attention",
        group="valle.attention",
        interface="valle_core.interfaces:AttentionKernel",
        api=1,
        suite="valle_testing.suites.attention.checks",
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
        on_device=True,
        words=frozenset({"processor", "chooser"}),
    ),
    Kind(
        name="task",
        group="valle.task",
        interface="valle_core.interfaces:Task",
        api=1,
        suite="valle_testing.suites.task.checks",
        words=frozenset({"codes", "symbols", "length"}),
        usual="tts",
    ),
    Kind(
        name="frontend",
        group="valle.frontend",
        interface="valle_core.interfaces:Frontend",
        api=1,
        suite="valle_testing.suites.frontend.checks",
        usual="espeak",
    ),
    Kind(
        name="rewrite",
        group="valle.rewrite",
        interface="valle_core.interfaces:Rewrite",
        api=1,
        suite="valle_testing.suites.rewrite.checks",
        on_device=True,
        in_dtype=True,
        words=frozenset({"trainable"}),
        usual="bitlinear",
    ),
    Kind(
        name="recognizer",
        group="valle.recognizer",
        interface="valle_core.interfaces:Recognizer",
        api=1,
        suite="valle_testing.suites.recognizer.checks",
        on_device=True,
        words=frozenset({"words", "detect", "align"}),
        usual="pocketsphinx",
    ),
)

COMMAND = Kind(
    name="command",
    group="valle.commands",
    interface="typer:Typer",
    api=1,
    suite="",
    spec=CommandSpec,
    usage="valle {name}",
)
HOOK = Kind(name="hook", group="valle.hooks", interface="", api=1, suite="", spec=HookSpec, usage="")
"""Commands and hooks are not picked by name for a slot, yet are found and guarded the same way."""

ROWS: tuple[Kind, ...] = (*KINDS, COMMAND, HOOK)


def kind_named(name: str, rows: tuple[Kind, ...] = ROWS) -> Kind:
    """The row called `name`. Raises `UserError` naming the kinds there are."""
    for row in rows:
        if row.name == name:
            return row
    raise UserError(f"there is no kind '{name}'. Kinds: {', '.join(row.name for row in rows)}")


def announced_as(group: str, name: str) -> str:
    """An entry point as messages write it: `arch 'retnet'`."""
    word = next((row.name for row in ROWS if row.group == group), group)
    return f"{word} '{name}'"
