"""From a name the user typed to the one plugin that is meant, or one line that says what is wrong."""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass

from valle_core.plugin import Kind, PluginSpec, UserError
from valle_core.registry.catalog import Entry
from valle_core.registry.loading import LoadError, load


@dataclass(frozen=True, kw_only=True, slots=True)
class Selected:
    """A plugin that can be built.

    Attributes:
        name: as the user wrote it (`"retnet"` or `"valle-retnet:retnet"`); selecting it again gives the same.
        entry: where it comes from.
        spec: what it says about itself.
    """

    name: str
    entry: Entry
    spec: PluginSpec

    @property
    def kind(self) -> str:
        """Name of its kind."""
        return self.entry.kind.name

    def options_type(self) -> type:
        """The frozen dataclass of its options. Raises `UserError` when the plugin names something else."""
        who = f"{self.kind} '{self.name}' ({self.entry.owner})"
        try:
            options = load(self.spec.options)
        except LoadError as error:
            raise UserError(f"{who} is broken: its options {self.spec.options} cannot be loaded: {error}") from error
        if not (isinstance(options, type) and dataclasses.is_dataclass(options)):
            raise UserError(f"{who} is broken: its options {self.spec.options} are not a dataclass")
        if not options.__dataclass_params__.frozen:  # type: ignore[attr-defined]
            raise UserError(f"{who} is broken: its options {self.spec.options} are not a frozen dataclass")
        if "name" in {field.name for field in dataclasses.fields(options)}:
            raise UserError(f"{who} is broken: an option cannot be called 'name', which picks the plugin in YAML")
        return options


def check_usable(entry: Entry, name: str) -> Selected:
    """The selection, if the entry's status allows it. Raises `UserError` with reason and hint."""
    kind = entry.kind.name
    if entry.status == "not-installed":
        raise UserError(f"{kind} '{name}' is not installed. Install it with: {entry.hint}")
    if entry.status == "ok":
        if isinstance(entry.spec, PluginSpec):
            return Selected(name=name, entry=entry, spec=entry.spec)
        raise UserError(f"{kind} '{name}' ({entry.owner}) cannot be selected: it is not a plugin with a factory")
    hint = f" Fix it with: {entry.hint}" if entry.hint else ""
    raise UserError(f"{kind} '{name}' ({entry.owner}) is {entry.status}: {entry.why}.{hint}")


def refuse_conflict(kind: Kind, name: str, owners: list[Entry]) -> UserError:
    """The error for a name that several distributions provide."""
    count = {2: "two", 3: "three"}.get(len(owners), str(len(owners)))
    who = " and ".join(entry.owner for entry in owners)
    pick = kind.pick(owners[0].distribution, name)
    return UserError(f"{count} plugins provide {kind.name} '{name}': {who}. Choose one: {pick}")


def refuse_unknown(kind: str, name: str, names: list[str]) -> UserError:
    """The error for a name nobody provides, with the nearest there is."""
    near = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    there = f" There are: {', '.join(names)}." if names else f" No plugin of kind {kind} is installed."
    return UserError(f"there is no {kind} '{name}'.{hint}{there}")
