"""The names of a new plugin: what it is called everywhere, and which names are refused and why."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from dataclasses import dataclass

from valle_core.plugin import Kind, UserError
from valle_core.registry.directory import distribution_of, known_plugins
from valle_core.registry.scan import Scan, normalise, scan

PLUGIN = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
DISTRIBUTION = re.compile(r"[a-z][a-z0-9]*([-_.][a-z0-9]+)*", re.IGNORECASE)
LONGEST = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """What a plugin is called.

    Attributes:
        name: what the user types, e.g. `"my-arch"`.
        distribution: what pip installs, and the name of the folder, e.g. `"valle-my-arch-plugin"`.
    """

    name: str
    distribution: str

    @property
    def package(self) -> str:
        """What Python imports, e.g. `valle_my_arch_plugin`."""
        return re.sub(r"[-.]", "_", self.distribution).lower()

    @property
    def identifier(self) -> str:
        """The name as part of a Python name, e.g. `my_arch`."""
        return self.name.replace("-", "_")

    @property
    def camel(self) -> str:
        """The name as the beginning of a class's name, e.g. `MyArch`."""
        return "".join(part.capitalize() for part in self.identifier.split("_"))


def names_of(row: Kind, name: str, distribution: str | None = None) -> Names:
    """Checked names; the distribution is `valle-NAME-plugin` where none is given.

    A name that somebody has is refused, not warned about: two plugins of one name are a conflict, and then neither can
    be picked by its name alone. Names of hooks may repeat, because all hooks are called.

    Raises:
        UserError: naming the name, why it cannot be, and one that can.
    """
    if not PLUGIN.fullmatch(name) or len(name) > LONGEST:
        raise UserError(
            f"'{name}' cannot be the name of a plugin: it needs lower-case letters and digits, joined by single "
            f"'-' or '_', a letter first, {LONGEST} characters at most.{_suggestion(name)}"
        )
    default = f"valle-{name.replace('_', '-')}-plugin"
    names = Names(name=name, distribution=distribution or default)
    _refuse_distribution(names, default)
    there = scan()
    _refuse_taken_name(row, names, there)
    _refuse_taken_package(names, there)
    return names


def _suggestion(name: str) -> str:
    near = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")[:LONGEST].strip("-")
    return f" Try: {near}" if PLUGIN.fullmatch(near) else ""


def _refuse_distribution(names: Names, default: str) -> None:
    if not DISTRIBUTION.fullmatch(names.distribution) or len(names.distribution) > 2 * LONGEST:
        raise UserError(
            f"'{names.distribution}' cannot be the name of a distribution: it needs letters and digits, joined by "
            f"single '-', '_' or '.', a letter first. Try: --distribution {default}"
        )
    if keyword.iskeyword(names.package) or names.package in sys.stdlib_module_names:
        raise UserError(
            f"--distribution {names.distribution} makes a package '{names.package}', which is Python's own name. "
            f"Try: --distribution {default}"
        )


def _refuse_taken_name(row: Kind, names: Names, there: Scan) -> None:
    other = f"Choose another, e.g. my-{names.name}"
    if not row.usage:
        return
    words = {found.name.partition(" ")[0] for found in there.found if found.group == row.group and " " in found.name}
    if names.name in words:
        raise UserError(f"'{row.usage.format(kind=row.name, name=names.name)}' begins other commands. {other}")
    if home := distribution_of(known_plugins(there), row.name, names.name):
        raise UserError(f"{row.name} '{names.name}' is the name of a first-party plugin ({home}). {other}")
    owners = {found.distribution for found in there.found if (found.group, found.name) == (row.group, names.name)}
    if owners:
        raise UserError(f"{row.name} '{names.name}' is installed already (by {', '.join(sorted(owners))}). {other}")


def _refuse_taken_package(names: Names, there: Scan) -> None:
    wanted = normalise(names.distribution)
    if wanted in there.distributions or wanted in known_plugins(there):
        what = "installed already" if wanted in there.distributions else "first-party"
        raise UserError(
            f"the distribution '{names.distribution}' is {what}. Choose another with --distribution, or another NAME"
        )
    if importlib.util.find_spec(names.package) is not None:
        raise UserError(
            f"a package '{names.package}' can be imported already, and the new one would hide it or be hidden. "
            "Choose another name with --distribution"
        )
