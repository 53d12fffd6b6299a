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
    """Something the user can mend: one line that names the offender, the reason and the mend.

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
    advisories: tuple[str, ...] = ()
    expected_failures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandSpec:
    """An extra command of `valle`. Root help shows name and summary without importing the app.

    Attributes:
        name: word after `valle`, e.g. `"corpus"`.
        api: API number of the command contract.
        summary: one line for `valle --help`.
        app: `"module:attribute"` of a `typer.Typer` (never a click group: Typer carries its own click).
    """

    name: str
    api: int
    summary: str
    app: str


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
class PeerSpec:
    """A library that `valle bench arch` or `bench codec` puts beside one of ours; given by the hook `bench_cases`.

    Attributes:
        bench: `"arch"` or `"codec"`.
        name: how the peer is called in the table.
        loads: `"module:attribute"` of what makes the peer, a `PeerModel` or `CodecPeer` of `valle_bench.peer`, on the
            weights of ours, its only argument.
        arch, codec: name of the backbone or the codec it stands beside.
        requires: modules the peer needs.
    """

    bench: str
    name: str
    loads: str
    arch: str = ""
    codec: str = ""
    requires: tuple[Requirement, ...] = ()

    def load(self, ours: Any) -> Any:
        """The peer. Raises `UserError` where a module is missing, naming what installs it."""
        for needed in self.requires:
            if find_spec(needed.module) is None:
                raise UserError(f"{self.name} needs {needed.module}. Install it with: {needed.hint}")
        module, _, attribute = self.loads.partition(":")
        return getattr(import_module(module), attribute)(ours)
