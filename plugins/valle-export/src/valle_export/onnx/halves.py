"""What the format `onnx` exports: a run, two halves that were trained apart, or a voice box."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor

from valle_core.api import LoadedModel, Registry, UserError
from valle_core.reading.place import inside
from valle_core.reading.tensors import read_tensors
from valle_export.folder import loaded_model
from valle_export.options import ExportOptions

BOX = "voice.json"
"""A folder that holds it is a voice box, with its halves in `ar` and `nar`."""
NAME = re.compile(r"\w[\w .-]*")
"""Of a voice: it becomes the name of a file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Halves:
    """Loaded models that speak together.

    Attributes:
        first: answers level 0.
        second: answers the others; may be the same object.
        voices: name → codes of a prompt.
    """

    first: LoadedModel
    second: LoadedModel
    voices: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def has_levels(self) -> bool:
        """Whether there is an answer to levels ≥ 1."""
        model = self.second.model
        return model.parts != "ar" and model.vocabulary.num_levels > 1


def opened(options: ExportOptions, registry: Registry) -> Halves:
    """The models that the options name.

    Raises:
        UserError: no run, or halves that do not belong together.
    """
    if not (options.run / BOX).is_file():
        return joined(options, registry)
    if options.nar_model is not None:
        raise UserError(f"{options.run} is a voice box, which has all levels; leave --nar-model out")
    box = replace(options, run=options.run / "ar", nar_model=options.run / "nar")
    try:
        voices = read_tensors(inside(options.run, "voices.safetensors"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"{options.run}: its voices cannot be read ({why}); install it again") from None
    for name, codes in voices.items():
        if not NAME.fullmatch(name) or codes.dim() != 2 or codes.is_floating_point():
            raise UserError(f"{options.run}: '{name}' of voices.safetensors is not a voice's codes [frames, levels]")
    return replace(joined(box, registry), voices=voices)


def joined(options: ExportOptions, registry: Registry) -> Halves:
    """A run, or two of them."""
    first = loaded_model(options, registry)
    if options.nar_model is None:
        return Halves(first=first, second=first)
    second = loaded_model(replace(options, run=options.nar_model, nar_model=None), registry)
    if first.model.parts == "nar" or second.model.parts == "ar":
        wrong, holds = (options.run, "levels ≥ 1") if first.model.parts == "nar" else (options.nar_model, "level 0")
        raise UserError(f"{wrong} holds {holds} only; name the run of level 0, and the other one with --nar-model")
    if second.model.alignment is not None and first.model.alignment is None:
        raise UserError(f"{options.nar_model} needs an alignment, which {options.run} has none of")
    for name in ("codec", "symbols", "languages"):
        if getattr(first.manifest, name) != getattr(second.manifest, name):
            raise UserError(
                f"{options.run} and {options.nar_model} have different {name}; join halves trained on the same dataset"
            )
    return Halves(first=first, second=second)
