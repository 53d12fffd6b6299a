"""What a plugin says about itself before anything heavy is imported (standard library only)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

HOOK_PROJECT = "valle"
"""Name under which pluggy finds hook specifications and implementations."""

BEFORE = "before"
"""Key in the metadata of an option's dataclass field: its value in checkpoints from before there was such an option.

An option that changes what a model computes, and whose default is not what was computed until then, says so with it:
`field(default="spread", metadata={BEFORE: "paper"})`.
"""


class UserError(ValueError):
    """Something the user can fix: one line that names the offender, the reason and the hint.

    The command line prints it as `error: …` and exits with code 2; a traceback appears only under `--debug`.
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirement:
    """A module the plugin needs at run time and how to get it.

    Attributes:
        module: importable name that is looked for (never imported), e.g. `"xformers"`.
        hint: what to run when it is missing, e.g. `"pip install xformers"`.
    """

    module: str
    hint: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginSpec:
    """One registry entry. Lives in a module that imports neither torch nor the plugin's own heavy parts.

    Building and using what it names leaves the process as it was: settings of torch, numpy and Python, global random
    states, environment, working directory, warnings, signals.

    Attributes:
        kind: row of the table in `valle_core.registry.kinds`, e.g. `"arch"`.
        name: what the user types, e.g. `--arch llama`.
        api: API number of the kind this plugin was written for.
        summary: one line for `valle list-plugins`.
        factory: `"module:attribute"` of the callable that builds the object; its signature is the kind's.
        options: `"module:attribute"` of a frozen dataclass with the plugin's options (defaults everywhere).
        devices: torch device types it runs on.
        dtypes: torch dtype names it runs in.
        capabilities: words of the kind's contract it declares, e.g. `{"mixed", "packed"}`; tests hold it to them.
        requires: modules beyond the distribution's hard dependencies.
        needs: other kinds whose object the factory receives, with the capabilities they must declare.
        licence: of code, and of weights where that differs.
        paper: where it is from, e.g. `"arXiv 2307.08621"`; this and the next two stand in tables of plugins.
        memory: how it grows, in a few words.
        weights: that it can load, and from where.
        advisories: what a user should know when choosing it, one sentence each.
        expected_failures: conformance check → reason it cannot hold.
    """

    kind: str
    name: str
    api: int
    summary: str
    factory: str
    options: str
    devices: tuple[str, ...] = ("cpu", "cuda")
    dtypes: tuple[str, ...] = ("float32", "bfloat16", "float16")
    capabilities: frozenset[str] = frozenset()
    requires: tuple[Requirement, ...] = ()
    needs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    licence: str = "Apache-2.0"
    paper: str = ""
    memory: str = ""
    weights: str = ""
    advisories: tuple[str, ...] = ()
    expected_failures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandSpec:
    """A command of `valle`. Root help shows name and summary without importing what it names.

    `--help` explains it; an option it does not know is refused with exit code 2 and one line; with `--json` standard
    output is JSON alone. Examples in the help are taken as they stand.

    Attributes:
        name: one or two words after `valle`, e.g. `"corpus"` or `"data stats"`.
        api: API number of the command contract.
        summary: one line for `valle --help`.
        run: `"module:function"`; takes a `valle_core.command.CommandContext`, returns what is to be printed. Its
            docstring is the help.
        schema: `"module:SCHEMA"` of a `valle_core.config.schema.Schema`: slots for plugins, and its own options.
        examples: command lines shown at the end of the help.
        progress: it shows a progress bar, so it has `--quiet`.
        group: what commands with the same first word are for, shown above their list; one of them says it.
    """

    name: str
    api: int
    summary: str
    run: str
    schema: str = ""
    examples: tuple[str, ...] = ()
    progress: bool = False
    group: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class HookSpec:
    """A set of observers (see `valle_core.registry.hooks`), loaded when a run starts.

    Attributes:
        name: how it is named in messages and in `VALLE_DISABLE_PLUGINS`.
        api: API number of the hook contract.
        summary: one line.
        plugin: `"module:attribute"` of an object with `valle` hook implementations (`valle_core.api.hookimpl`).
        critical: a failure stops the run instead of dropping the observer.
        observes: names of the hooks it implements; it is loaded only where one of them is called. () for any.
    """

    name: str
    api: int
    summary: str
    plugin: str
    critical: bool = False
    observes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ReferenceSpec:
    """A library that a benchmark runs beside a part of ours, or a benchmark of a plugin's own.

    Attributes:
        name: of the entry point, e.g. `"transformers-llama"`.
        api: API number of the kind `reference`.
        summary: one line for `valle list-plugins`.
        bench: word after `valle bench` whose table it appears in: `"arch"`, `"codec"`, `"attention"` …
        part: name of the part of ours it is compared with, e.g. `"llama"`; "" where it brings both itself.
        title: how it is called in the table.
        loads: `"module:attribute"` of a callable. With `part`: takes the part and gives a reference on its weights
            (see `valle_bench.reference`). Without: takes settings and gives rows; for `"attention"` gives a kernel.
        requires: modules it needs.
    """

    name: str
    api: int
    summary: str
    bench: str
    loads: str
    part: str = ""
    title: str = ""
    requires: tuple[Requirement, ...] = ()

    def load(self, *given: Any, **settings: Any) -> Any:
        """What `loads` gives. Raises `UserError` where a module is missing, naming what installs it."""
        for needed in self.requires:
            if find_spec(needed.module) is None:
                raise UserError(f"{self.title or self.name} needs {needed.module}. Install it with: {needed.hint}")
        module, _, attribute = self.loads.partition(":")
        return getattr(import_module(module), attribute)(*given, **settings)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """Something that is picked by name: one row of the table of kinds, announced in the group `valle.kinds`.

    Attributes:
        name: word used in flags, YAML and messages.
        group: entry-point group its plugins announce themselves in, `valle.` and the name.
        interface: `"module:attribute"` of the Protocol that what the factory builds must satisfy.
        api: API number of the contract; a plugin one number older still works, with a warning.
        suite: `"module"` of the conformance suite.
        floor: checks of the suite that must pass, whatever is skipped or expected to fail.
        template: `"package:folder"` of the files that `valle new-plugin` writes.
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
    floor: int = 0
    template: str = ""
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
