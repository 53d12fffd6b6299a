"""Observers of a run: pluggy's specifications with our own guarded calls, so that none can hurt the run."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pluggy

from valle_core.plugin import HOOK_PROJECT, HookSpec, UserError
from valle_core.registry.identity import warn
from valle_core.registry.loading import LoadError, load, one_line
from valle_core.registry.registry import Registry

hookspec = pluggy.HookspecMarker(HOOK_PROJECT)
hookimpl = pluggy.HookimplMarker(HOOK_PROJECT)
"""Decorator of a plugin's hook implementations."""


class Specifications:
    """What can be observed. Implementations name the arguments they want, in any number.

    No argument is changed. A call that raises loses the observer its run.
    """

    @hookspec
    def train_processes(self, options: Any) -> Any:
        """What joins the processes that a launcher started to train one run (`TrainOptions`), or None for one alone.

        It extends `valle_core.training.processes.Processes`.
        """

    @hookspec
    def train_start(self, facts: Mapping[str, Any]) -> None:
        """A training run is about to take its first step.

        `facts` has `step`, `steps`, `run`, its folder, and `live`, a `valle_core.training.live_run.LiveRun`.
        """

    @hookspec
    def train_requests(self, step: int) -> Mapping[str, Any] | None:
        """An optimizer step is done: what somebody asked for meanwhile, or None. All processes obey after this step.

        `save`, `quit` and `eval` are true, `lr` is the new peak learning rate (`TrainOptions.lr`).
        """

    @hookspec
    def train_figures(self, step: int, last: bool, asked: bool) -> Mapping[str, float] | None:
        """An optimizer step is done: figures to add to its line of metrics.jsonl, or None.

        `last` if the run ends, `asked` if somebody wants them now.
        """

    @hookspec
    def train_step_end(self, step: int, metrics: Mapping[str, float], figures: Mapping[str, float]) -> None:
        """An optimizer step is done; `metrics` is the new line of metrics.jsonl, empty where none was written, and
        `figures` what `train_figures` gave of it."""

    @hookspec
    def checkpoint_saved(self, step: int, path: Path) -> None:
        """A checkpoint stands complete at `path`."""

    @hookspec
    def train_stuck(self, step: int, batches: Sequence[Any]) -> str | None:
        """Step after step had no finite gradient, and the run stops: the batches (`Example`) of this process in the
        last one. A phrase that is returned says where they are kept. Every process calls it."""

    @hookspec
    def train_failed(self, step: int) -> None:
        """The run ends with an error within or after this step; `train_end` is not called."""

    @hookspec
    def train_end(self, step: int, metrics: Mapping[str, float]) -> str | None:
        """Training is over after `step` steps; a sentence that is returned warns of the trained model."""

    @hookspec
    def doctor_checks(self) -> Sequence[tuple[str, Callable[[], str]]]:  # type: ignore[empty-body]
        """(name, check) pairs; a check returns "" or one line that names a problem and its hint."""

    @hookspec
    def after_audio(self, wav: Any, sample_rate: int, facts: Mapping[str, Any]) -> Any:
        """All audio passes here once before it leaves: `wav [N]` → a replacement, or None to leave it as it is.

        N may be 0. A replacement is finite, in [−1, 1], of the same type, dtype and length.
        """


class Observers:
    """The hooks of one run.

    A call that raises is reported once and its plugin dropped; a critical plugin's failure stops the run.

    Attributes:
        names: plugins that are still listening, in the order of loading.
    """

    def __init__(self, report: Callable[[str], None] | None = None) -> None:
        self._manager = pluggy.PluginManager(HOOK_PROJECT)
        self._manager.add_hookspecs(Specifications)
        self._critical: set[str] = set()
        self._report = report or warn

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self._manager.list_name_plugin()]

    def add(self, name: str, plugin: object, *, critical: bool = False) -> None:
        """Register an object or module with `hookimpl` functions.

        Raises:
            UserError: a critical plugin is not valid; another is reported and left out.
        """
        try:
            if odd := _strange_argument(plugin):
                raise UserError(odd)
            self._manager.register(plugin, name=name)
            self._check(plugin)
        except Exception as error:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            self._fail(name, critical, f"cannot be used: {one_line(error)}", error)
            return
        if critical:
            self._critical.add(name)

    def order(self, hook: str) -> list[str]:
        """Names of the plugins that implement a hook, in the order in which they are called."""
        return [implementation.plugin_name for implementation in self._implementations(hook)]

    def narrow(self, *hooks: str) -> None:
        """Leave out the plugins that implement none of these: of a run's processes, only the first tells them."""
        for name in set(self.names).difference(*map(self.order, hooks)):
            self._manager.unregister(name=name)

    def call(self, hook: str, **facts: Any) -> list[Any]:
        """Tell every plugin; returns what they returned, without None. Arguments must not be changed."""
        results = [self._guarded(hook, implementation, facts) for implementation in self._implementations(hook)]
        return [result for result in results if result is not None]

    def collect(self, hook: str) -> list[Any]:
        """The items of what every plugin returned; one that returns no series has failed."""
        return [
            item
            for implementation in self._implementations(hook)
            for item in self._guarded(hook, implementation, {}, lambda result: list(result or ())) or ()
        ]

    def chain(self, hook: str, value: str, accept: Callable[[Any], Any] = lambda result: result, **facts: Any) -> Any:
        """Each plugin's result replaces the argument called `value` for the next; returns the last.

        `accept` takes each result and gives it back; raising, it makes the plugin that gave it one that failed.
        """
        for implementation in self._implementations(hook):
            result = self._guarded(hook, implementation, facts, accept)
            if result is not None:
                facts[value] = result
        return facts[value]

    def after_audio(self, wav: Any, sample_rate: int, facts: Mapping[str, Any]) -> Any:
        """The single exit of all audio: what the chain of plugins makes of `wav [N]`, which stays of its type."""

        def accept(result: Any) -> Any:
            if result is not None and (type(result) is not type(wav) or getattr(result, "ndim", 1) != 1):
                raise TypeError(f"it gave a {type(result).__name__}, expected a {type(wav).__name__} [N]")
            return result

        return self.chain("after_audio", "wav", accept, wav=wav, sample_rate=sample_rate, facts=facts)

    def _implementations(self, hook: str) -> list[Any]:
        return list(reversed(getattr(self._manager.hook, hook).get_hookimpls()))

    def _guarded(
        self,
        hook: str,
        implementation: Any,
        facts: Mapping[str, Any],
        accept: Callable[[Any], Any] = lambda result: result,
    ) -> Any:
        name = implementation.plugin_name
        if not self._manager.has_plugin(name):  # dropped while this very call was under way
            return None
        try:
            return accept(implementation.function(*(facts[argument] for argument in implementation.argnames)))
        except (Exception, SystemExit) as error:
            critical = name in self._critical
            self._manager.unregister(name=name)
            if critical and isinstance(error, UserError):
                raise  # it says what the user can change
            self._fail(name, critical, f"failed in {hook}: {one_line(error)}", error)
            return None

    def _fail(self, name: str, critical: bool, what: str, error: BaseException) -> None:
        if critical:
            raise UserError(f"hook '{name}' {what}. It is critical, so the run stops") from error
        self._report(f"hook '{name}' {what}. It is left out from here on")

    def _check(self, plugin: object) -> None:
        """Refuse misspelt hook names and wrappers, which our loop does not run."""
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise UserError(_misspelt(plugin)) from error
        for caller in self._manager.get_hookcallers(plugin) or ():
            for implementation in caller.get_hookimpls():
                if implementation.plugin is plugin and (implementation.wrapper or implementation.hookwrapper):
                    raise ValueError(f"{caller.name} is a wrapper, which is not supported")


def _strange_argument(plugin: object) -> str:
    """The first argument of an implementation that its hook does not have, with those that it has, or ""."""
    for hook in _hook_names():
        function = getattr(plugin, hook, None)
        if not callable(function) or not hasattr(function, f"{HOOK_PROJECT}_impl"):
            continue
        known = [name for name in inspect.signature(getattr(Specifications, hook)).parameters if name != "self"]
        for name, parameter in inspect.signature(function).parameters.items():
            if name not in (*known, "self") and parameter.default is parameter.empty:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f" Did you mean '{near[0]}'?" if near else ""
                there = ", ".join(known) or "none"
                return f"{hook} has no argument '{name}'.{hint} Its arguments: {there}"
    return ""


def _misspelt(plugin: object) -> str:
    """What pluggy says names an address in memory; this names the hooks that there are."""
    names = _hook_names()
    unknown = [
        name for name in dir(plugin) if name not in names and hasattr(getattr(plugin, name), f"{HOOK_PROJECT}_impl")
    ]
    near = difflib.get_close_matches(unknown[0], names, n=1) if unknown else []
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"there is no hook {' and no hook '.join(map(repr, unknown))}.{hint} Hooks: {', '.join(names)}"


def _hook_names() -> list[str]:
    return [name for name in vars(Specifications) if not name.startswith("_")]


TRAINING = tuple(name for name in vars(Specifications) if name.startswith(("train_", "checkpoint_")))
"""Hooks that are called while a model is trained."""

SPEAKING = ("after_audio",)
"""Hooks that are called where audio leaves."""


def open_observers(
    registry: Registry, report: Callable[[str], None] | None = None, *, of: Sequence[str] = ()
) -> Observers:
    """The hooks of usable plugins, loaded; what cannot be loaded is reported and left out.

    Args:
        registry: where they are found.
        report: gets a line for each that is left out.
        of: only plugins that observe one of these hooks, or do not say which (`HookSpec.observes`); () takes all.

    Raises:
        UserError: a plugin that calls itself critical cannot be loaded.
    """
    observers = Observers(report)
    for entry in registry.entries("hook"):
        spec = entry.spec
        if entry.status in ("disabled", "not-installed"):
            continue
        if of and isinstance(spec, HookSpec) and spec.observes and not set(spec.observes) & set(of):
            continue
        if not isinstance(spec, HookSpec) or entry.status != "ok":
            (report or warn)(f"hook '{entry.name}' ({entry.owner}) is {entry.status}: {entry.why}")
            continue
        try:
            plugin = load(spec.plugin)
        except LoadError as error:
            observers._fail(entry.name, spec.critical, f"({entry.owner}) cannot be loaded: {error}", error)
            continue
        observers.add(_unique(entry.name, observers.names, entry.distribution), plugin, critical=spec.critical)
    return observers


def _unique(name: str, taken: Iterable[str], distribution: str) -> str:
    return f"{distribution}:{name}" if name in taken else name
