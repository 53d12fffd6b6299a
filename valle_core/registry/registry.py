"""The registry: every plugin on this machine by kind and name, loaded no further than asked."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from valle_core.plugin import Kind
from valle_core.registry.announced import GROUP, NOT_OF_KINDS, with_announced
from valle_core.registry.catalog import Entry, entry_of, examine
from valle_core.registry.directory import distribution_of, how_to_install, known_plugins
from valle_core.registry.disabling import Disabling
from valle_core.registry.kinds import ROWS, kind_named
from valle_core.registry.scan import Found, Scan, normalise, scan
from valle_core.registry.select import Selected, check_usable, refuse_conflict, refuse_unknown


class Registry:
    """Finds plugins; reads metadata when made, and imports a spec only when that plugin is asked for.

    Attributes:
        announced: every entry point of those kinds, those that are switched off included.
        warnings: lines for the user, e.g. about unknown names in VALLE_DISABLE_PLUGINS.
    """

    def __init__(self, found: Scan, disabling: Disabling | None = None, rows: tuple[Kind, ...] = ROWS) -> None:
        self._disabling, self._core = disabling or Disabling(), rows
        self._kinds = [one for one in found.found if one.group == GROUP and self._disabling.reason(one) is None]
        self._distributions = found.distributions
        self._known = known_plugins(found)
        groups = {f"valle.{kind.name}": kind.name for kind in self._kinds} | {row.group: row.name for row in rows}
        self._found: dict[str, list[Found]] = {name: [] for name in groups.values()}
        self.announced = tuple(dict.fromkeys(entry for entry in found.found if entry.group in groups))
        for entry in self.announced:
            self._found[groups[entry.group]].append(entry)
        served = [*NOT_OF_KINDS, *groups]
        misplaced = dict.fromkeys(entry for entry in found.found if entry.group not in served)
        self.warnings = (
            *self._disabling.unknown([*self.announced, *self._kinds]),
            *(_misplaced(entry, served) for entry in misplaced),
        )
        self._examined: dict[tuple[str, Found], Entry] = {}

    @classmethod
    def open(
        cls,
        *,
        path: Sequence[str] | None = None,
        environ: Mapping[str, str] | None = None,
        safe: bool = False,
        rows: tuple[Kind, ...] = ROWS,
    ) -> Registry:
        """The registry of this machine: `sys.path`, the environment's wishes, the table of kinds."""
        found = scan(path)
        wish = Disabling.read(os.environ if environ is None else environ, safe=safe, first_party=known_plugins(found))
        return cls(found, wish, rows)

    @cached_property
    def rows(self) -> tuple[Kind, ...]:
        """The table of kinds: the core's, and what is announced in `valle.kinds`, which is imported here."""
        return with_announced(self._core, self._kinds)[0]

    @cached_property
    def complaints(self) -> list[str]:
        """Lines for the user about announced kinds that cannot be used."""
        return with_announced(self._core, self._kinds)[1]

    def kind(self, name: str) -> Kind:
        """The row of a kind; imports its announcement only where it is not the core's."""
        if core := next((row for row in self._core if row.name == name), None):
            return core
        named = with_announced(self._core, [one for one in self._kinds if one.name == name])[0][len(self._core) :]
        return named[0] if named else kind_named(name, self.rows)

    @property
    def safe(self) -> bool:
        """Whether only first-party distributions are on."""
        return self._disabling.safe

    def names(self, kind: str) -> list[str]:
        """Names that are announced for a kind and not switched off, sorted; imports nothing."""
        return sorted({found.name for found in self._on(kind)})

    def entries(self, kind: str | None = None) -> list[Entry]:
        """Every plugin of a kind (or of all), usable or not, known first-party ones that are missing included."""
        rows = self.rows if kind is None else (self.kind(kind),)
        return [entry for row in rows for entry in sorted(self._listed(row), key=lambda e: (e.name, e.distribution))]

    def select(self, kind: str, name: str) -> Selected:
        """The plugin meant by `name` or `distribution:name`. Raises `UserError` with reason and hint."""
        return check_usable(self.find(kind, name), name)

    def find(self, kind: str, name: str) -> Entry:
        """The entry meant by a name, whatever its status. Raises `UserError` for unknown and ambiguous names."""
        row = self.kind(kind)
        owner, colon, bare = name.rpartition(":")
        candidates = [found for found in self._found[kind] if found.name == bare]
        if colon:
            candidates = [found for found in candidates if normalise(found.distribution) == normalise(owner)]
        enabled = [found for found in candidates if self._disabling.reason(found) is None]
        if len(enabled) > 1 and row.usage:
            raise refuse_conflict(row, bare, [self._status(row, found) for found in enabled])
        if enabled or candidates:
            return self._status(row, (enabled or candidates)[0])
        home = distribution_of(self._known, kind, bare)
        if home and (not colon or normalise(owner) == home):
            return self._missing(row, bare, home)
        raise refuse_unknown(kind, name, self.names(kind))

    def _on(self, kind: str) -> list[Found]:
        return [found for found in self._found[self.kind(kind).name] if self._disabling.reason(found) is None]

    def _status(self, row: Kind, found: Found) -> Entry:
        key = (row.name, found)
        if key not in self._examined:
            self._examined[key] = self._examine(row, found)
        return self._examined[key]

    def _examine(self, row: Kind, found: Found) -> Entry:
        if off := self._disabling.reason(found):
            return entry_of(row, found, "disabled", *off)
        return examine(row, found, how_to_install(self._known, found.distribution, upgrade=True))

    def _listed(self, row: Kind) -> list[Entry]:
        entries = [self._status(row, found) for found in self._found[row.name]]
        on = self._on(row.name)
        for position, entry in enumerate(entries):
            rivals = [found for found in on if found.name == entry.name and found.distribution != entry.distribution]
            if entry.status == "ok" and rivals and row.usage:
                others = ", ".join(f"{found.distribution} {found.version}" for found in rivals)
                hint = f"choose one: {row.pick(entry.distribution, entry.name)}"
                entries[position] = replace(entry, status="conflict", why=f"{others} provides it too", hint=hint)
        there = {found.name for found in self._found[row.name]}
        for home, kinds in self._known.items():
            entries += [self._missing(row, name, home) for name in kinds.get(row.name, ()) if name not in there]
        return entries

    def how_to_install(self, distribution: str, version: str = "") -> str:
        """The command that installs a distribution."""
        return how_to_install(self._known, distribution, version)

    def _missing(self, row: Kind, name: str, home: str) -> Entry:
        why = f"{home} is {'installed but does not announce it' if home in self._distributions else 'not installed'}"
        hint = self.how_to_install(home)
        return Entry(kind=row, name=name, distribution=home, version="", status="not-installed", why=why, hint=hint)


def _misplaced(found: Found, groups: list[str]) -> str:
    """About an entry point in a group that nobody reads: most often a typo."""
    near = difflib.get_close_matches(found.group, groups, n=1)
    hint = f" did its authors mean '{near[0]}'?" if near else f" there are: {', '.join(groups)}"
    return (
        f"{found.distribution} {found.version} announces '{found.name}' in '{found.group}', which is not a group;{hint}"
    )
