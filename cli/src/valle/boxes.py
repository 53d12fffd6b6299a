"""Voice boxes: a model of two halves with named voices, announced as folders in the group `valle.voices`.

FOLDER/{voice.json, voices.safetensors, ar/, nar/}: what it is, the saved prompts, and two checkpoints. A folder without
`voice.json` is a build that holds no weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from valle_core.config.resolve import resolve
from valle_core.config.schema import Resolved
from valle_core.config.yaml_file import read_file
from valle_core.plugin import UserError
from valle_core.reading.json_text import read_json
from valle_core.reading.kinds import Kind, check_kinds
from valle_core.reading.place import inside
from valle_core.registry.loading import LoadError, load_spec
from valle_core.registry.registry import Registry
from valle_core.registry.scan import VOICES, Found, scan
from valle_core.synthesis.options import SynthesisOptions

Durations = Literal["drawn", "usual"]

if TYPE_CHECKING:
    from jaxtyping import Int
    from torch import Tensor

_ABOUT = "voice.json"
_KINDS: dict[str, Kind] = {"format_version": int, "samplers": (dict,), "voices": (dict,)}
_VOICE: dict[str, Kind] = {"name": str, "sounds": str, "seconds": float}


@dataclass(frozen=True, kw_only=True, slots=True)
class VoiceBox:
    """What a box says of itself.

    Attributes:
        folder: where it lies.
        samplers: of level 0, as a chain is written in YAML.
        durations: `drawn` or `usual`, see `SynthesisOptions`.
        voices: name → how it sounds; the first is the one that speaks where none is named.
    """

    folder: Path
    samplers: tuple[dict[str, Any], ...]
    voices: dict[str, str]
    durations: Durations = "drawn"

    def prompt(self, name: str = "") -> Int[Tensor, "F Q"]:
        """Codes of a named voice, by default the first. Raises `UserError` where there is none of this name."""
        from valle_core.reading.tensors import read_tensors

        wanted = name or next(iter(self.voices))
        if wanted not in self.voices:
            raise UserError(f"there is no voice '{name}'. Choose one of: {', '.join(self.voices)}")
        try:
            return read_tensors(inside(self.folder, "voices.safetensors"))[wanted].long()
        except (OSError, ValueError, KeyError) as error:
            why = getattr(error, "strerror", None) or error
            raise UserError(f"{self.folder}: the voice '{wanted}' cannot be read ({why}); install it again") from None

    def configured(
        self,
        resolved: Resolved,
        registry: Registry,
        *,
        own_samplers: bool,
        own_durations: bool = False,
        config: Path | None = None,
    ) -> Resolved:
        """A configuration that has a section `synthesis`, with the box's halves.

        Args:
            resolved: as it was asked for.
            registry: where samplers are found.
            own_samplers: the box's samplers are taken, unless `config` names others.
            own_durations: the same of its durations.
            config: YAML file that `resolved` was made with.
        """
        options = replace(
            resolved.sections["synthesis"], model=str(self.folder / "ar"), nar_model=str(self.folder / "nar")
        )
        if own_durations and (config is None or "durations" not in read_file(config).value):
            options = replace(options, durations=self.durations)
        parts = dict(resolved.parts)
        if own_samplers:
            slots = [
                replace(slot, default=self.samplers) if slot.name == "sampler" else slot
                for slot in resolved.schema.slots
            ]
            schema = replace(resolved.schema, slots=tuple(slots))
            parts["sampler"] = resolve(schema, registry, yaml_file=config).parts["sampler"]
        return replace(resolved, parts=parts, sections={**resolved.sections, "synthesis": options})


def is_box(folder: Path) -> bool:
    """Whether a folder holds a box rather than a run or a checkpoint."""
    return (folder / _ABOUT).is_file()


def read_box(folder: Path) -> VoiceBox:
    """The box in a folder. Raises `UserError` where it is damaged."""
    try:
        found = read_json(inside(folder, _ABOUT))
        check_kinds(found, _KINDS)
        if found["format_version"] != 1:
            raise ValueError(f"format_version must be 1, got {found['format_version']}")
        for voice in found["voices"]:
            check_kinds(voice, _VOICE)
        if not found["voices"]:
            raise ValueError("it names no voice")
        if found.get("durations", "drawn") not in get_args(Durations):
            raise ValueError(f"durations must be drawn or usual, got {found['durations']!r}")
    except (OSError, ValueError) as error:
        raise UserError(
            f"{folder / _ABOUT}: not a voice box ({getattr(error, 'strerror', None) or error}); install it again"
        ) from None
    voices = {voice["name"]: voice["sounds"] for voice in found["voices"]}
    return VoiceBox(
        folder=folder, samplers=tuple(found["samplers"]), voices=voices, durations=found.get("durations", "drawn")
    )


def installed_box(announced: Sequence[Found] | None = None) -> VoiceBox:
    """The box that speaks where no model is named: the first by name that holds weights.

    Raises:
        UserError: none is installed, or each is empty; saying what to do.
    """
    found = scan().found if announced is None else announced
    entries = sorted((entry for entry in found if entry.group == VOICES), key=lambda entry: entry.name)
    broken = ""
    for entry in entries:
        try:
            folder = load_spec(entry.value)
        except LoadError as error:
            broken = f"voice box '{entry.name}' ({entry.distribution}) is broken: {error}"
            continue
        if isinstance(folder, Path) and is_box(folder):
            return read_box(folder)
    train = "Name a model of your own with --model RUN (`valle train` makes one)"
    if broken:
        raise UserError(f"no model is named, and {broken}. {train}")
    if entries:
        raise UserError(
            f"no model is named, and this build holds no weights ({entries[0].distribution} is installed and its "
            f"box is empty). {train}, or fill the box by the recipe in docs/voice.md"
        )
    raise UserError(
        f"no model is named, and no voice is installed. Install it with: valle plugins install valle-voice. {train}"
    )


def box_of(options: SynthesisOptions) -> VoiceBox | None:
    """The box that is meant by `model` and `nar_model`; None where they name runs.

    Raises:
        UserError: no model is named and none is installed, or a half is named beside a box or without the other.
    """
    if options.model and not is_box(Path(options.model)):
        return None
    if options.nar_model and options.model:
        raise UserError(f"{options.model} is a voice box, which has all levels; leave --nar-model out")
    if options.nar_model:
        raise UserError(f"the other levels are given ({options.nar_model}) without a level 0; add --model RUN")
    return read_box(Path(options.model)) if options.model else installed_box()
