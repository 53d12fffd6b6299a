"""What a command can be configured with, and what comes out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Slot:
    """A place where a plugin of a kind is used.

    Attributes:
        name: key in YAML and flag, e.g. `"nar_sampler"` for `--nar-sampler`.
        kind: kind of the plugins that fit.
        default: as YAML would have it: a name, `{name: …, option: …}`, for a chain a sequence of those, or None.
        many: holds a chain instead of one plugin.
        serves: slot whose plugin receives this one, "" for none. Where that plugin's spec does not need the kind, a
            default stays away and a plugin that was asked for is refused.
        open: word in place of a name that leaves the choice to the command, "" for none. It gives a `Part` of this
            name without options, which no preflight looks at.
    """

    name: str
    kind: str
    default: Any
    many: bool = False
    serves: str = ""
    open: str = ""


@dataclass(frozen=True)
class Section:
    """Options that belong to the core, not to a plugin.

    Attributes:
        name: key in YAML and first word of its flags.
        options_type: frozen dataclass with defaults.
        flat: its options stand at the top level: `--steps`, `steps: 100`.
        help: title of its help panel.
        main: option that the section's own key sets where it has a value instead of options: `--data X`, `data: X`
            and `data: {path: X}` are one. "" for none.
        positional: of its options, those given without a flag, in order; the last may be a list. The section is flat.
        rest: of its options, the list that takes the words behind a bare `--`; "" where those are positional, too.
    """

    name: str
    options_type: type
    flat: bool = False
    help: str = ""
    main: str = ""
    positional: tuple[str, ...] = ()
    rest: str = ""


@dataclass(frozen=True)
class Schema:
    """All slots and sections of a command. Raises `ValueError` when two of them claim one top-level key."""

    slots: tuple[Slot, ...] = ()
    sections: tuple[Section, ...] = ()

    def __post_init__(self) -> None:
        keys = self.keys()
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise ValueError(f"top-level keys given twice: {', '.join(sorted(twice))}")

    def keys(self) -> list[str]:
        """The top-level keys of its YAML."""
        names = [slot.name for slot in self.slots]
        for section in self.sections:
            names += self.flat_fields(section) if section.flat else [section.name]
        return names

    def slot(self, key: str) -> Slot | None:
        """The slot of this name, if any."""
        return next((slot for slot in self.slots if slot.name == key), None)

    def kind_of(self, slot: str) -> str:
        """The kind of plugin a slot holds."""
        return next(one.kind for one in self.slots if one.name == slot)

    def section(self, key: str) -> Section | None:
        """The section that owns a top-level key: by its own name, or by a field's when it is flat."""
        for section in self.sections:
            if key in self.flat_fields(section) if section.flat else key == section.name:
                return section
        return None

    @staticmethod
    def flat_fields(section: Section) -> list[str]:
        """Names of a section's options."""
        return [field.name for field in dataclasses.fields(section.options_type)]


@dataclass(frozen=True)
class Part:
    """A selected plugin and its options.

    Attributes:
        name: as selected, `"llama"` or `"valle-llama:llama"`.
        options: instance of the plugin's options dataclass.
        plugin: what the registry gave for the name, so that it is asked once; None where it is to be asked again, as
            in another process.
    """

    name: str
    options: Any
    plugin: SelectedPlugin | None = field(default=None, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, "options": self.options, "plugin": None}


@dataclass(frozen=True)
class Resolved:
    """The outcome: everything a command needs to know.

    Attributes:
        parts: slot → its plugins, one for a plain slot, any number for a chain.
        sections: section → instance of its dataclass.
        schema: what it was resolved against.
    """

    parts: dict[str, tuple[Part, ...]]
    sections: dict[str, Any]
    schema: Schema = field(default_factory=Schema, repr=False, compare=False)

    def choices(self) -> dict[str, tuple[str, tuple[Any, ...]]]:
        """Slot → (kind, plugins, or names where they are not known), as the registry's preflight takes it."""
        return {
            slot.name: (
                slot.kind,
                tuple(part.plugin or part.name for part in self.parts[slot.name] if part.options is not None),
            )
            for slot in self.schema.slots
        }

    def part(self, slot: str) -> Part:
        """The one plugin of a slot. Raises `ValueError` when the slot is empty or a chain of several."""
        (part,) = self.parts[slot]
        return part


class SelectedPlugin(Protocol):
    """What the registry gives for a name."""

    @property
    def name(self) -> str: ...

    @property
    def spec(self) -> Any: ...

    def options_type(self) -> type: ...


class PluginSelector(Protocol):
    """The registry, as far as configuration is concerned."""

    def select(self, kind: str, name: str) -> SelectedPlugin: ...


@dataclass(frozen=True, slots=True)
class Located:
    """A value and where it stands.

    Attributes:
        value: a scalar, a list of `Located`, or a dict from keys to `Located`.
        origin: `"file:line"`.
    """

    value: Any
    origin: str

    def plain(self) -> Any:
        """The value without locations."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        return [item.plain() for item in self.value] if isinstance(self.value, list) else self.value


@dataclass(frozen=True)
class Setting:
    """One assignment of one layer.

    Attributes:
        path: `("arch",)` selects a plugin (None empties the slot), `("arch", "d_model")` and `("steps",)` set options.
        value: what was written.
        origin: where, e.g. `"run.yaml:7"` or `"--arch.d-model"`.
        text: the value is text from the command line, to be read as the option's type.
    """

    path: tuple[str, ...]
    value: Any
    origin: str
    text: bool = False

    @property
    def key(self) -> str:
        """The path as written in messages and in `--set`."""
        return ".".join(self.path)

    @property
    def where(self) -> str:
        """Beginning of a message: the option as it was typed, or line and path in a file."""
        return self.origin if self.origin.startswith("--") else f"{self.origin}: {self.key}"


Layers = list[list[Setting]]
"""Settings by precedence, weakest layer first; order inside a layer is the order written."""
