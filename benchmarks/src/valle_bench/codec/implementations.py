"""The codecs that take part: ours, on random weights where it has no others, and its references."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from valle_bench.codec.settings import OWN, Candidate
from valle_bench.reference import ReferenceCodec, load_references, references_of
from valle_core.assemble.part import build
from valle_core.assemble.schema import CODEC_SCHEMA
from valle_core.config.resolve import resolve
from valle_core.interfaces import Codec
from valle_core.plugin import UserError
from valle_core.registry.preflight import preflight
from valle_core.registry.registry import Registry

RANDOM = "random"
"""What the option `weights` of a codec says for untrained ones."""


class OwnCodec:
    """A `ReferenceCodec` over a codec of ours, driven as preparation and synthesis drive it."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec

    def encode(self, wav: Float[Tensor, "B N"]) -> Int[Tensor, "B F Q"]:
        """Rows of equal length."""
        return self.codec.encode(wav, torch.full((len(wav),), wav.shape[1], device=wav.device))[0]

    def decode(self, codes: Int[Tensor, "B F Q"]) -> Float[Tensor, "B N"]:
        """Rows of equal length."""
        return self.codec.decode(codes, torch.full((len(codes),), codes.shape[1], device=codes.device))[0]


@dataclass(frozen=True, slots=True)
class Implementations:
    """What takes part.

    Attributes:
        codec: ours.
        candidate: with the options it was built with.
        references: by name, ours first where it is wanted.
        notes: for each name "" or why it is not among them.
        why_random: why our weights are random; "" where they are not, or were asked to be.
    """

    codec: Codec
    candidate: Candidate
    references: dict[str, ReferenceCodec]
    notes: dict[str, str]
    why_random: str = ""

    def facts(self) -> dict[str, Any]:
        """What the codec says about itself."""
        return {
            "sample_rate": self.codec.sample_rate,
            "hop": self.codec.hop,
            "levels": self.codec.num_levels,
            "codebook_size": self.codec.codebook_size,
            "lookahead": self.codec.lookahead_frames,
            "weights_hash": self.codec.identity.weights_hash,
            "options": self.candidate.options,
            "random": self.candidate.options.get("weights") == RANDOM,
            "why_random": self.why_random,
        }


def load_implementations(
    registry: Registry, candidate: Candidate, device: torch.device, *, only: str = ""
) -> Implementations:
    """Our codec and its references, or the one that `only` names. A reference that cannot be loaded is left out.

    Raises:
        UserError: our codec cannot be built, with random weights neither.
    """
    codec, candidate, why = build_codec(registry, candidate, device)
    references: dict[str, ReferenceCodec] = {}
    notes: dict[str, str] = {}
    if only in ("", OWN):
        references[OWN], notes[OWN] = OwnCodec(codec), ""
    found = references_of(registry, "codec", candidate.codec)
    loaded, whys = load_references(found, codec, only=only)
    return Implementations(codec, candidate, references | loaded, notes | whys, why)


def build_codec(registry: Registry, candidate: Candidate, device: torch.device) -> tuple[Codec, Candidate, str]:
    """The codec, the options it was built with, and why its weights are random where that was not asked for.

    Raises:
        UserError: as the plugin says it.
    """
    try:
        return _built(registry, candidate, device), candidate, ""
    except UserError as error:
        options = registry.select("codec", candidate.codec).options_type()
        if "weights" in candidate.options or "weights" not in {field.name for field in dataclasses.fields(options)}:
            raise
        untrained = replace(candidate, options={**candidate.options, "weights": RANDOM})
        try:
            return _built(registry, untrained, device), untrained, str(error)
        except UserError:
            raise error from None  # it was not about weights


def _built(registry: Registry, candidate: Candidate, device: torch.device) -> Codec:
    flags = [("codec", candidate.codec), *((f"codec.{name}", value) for name, value in candidate.options.items())]
    resolved = resolve(CODEC_SCHEMA, registry, flags=flags)
    (selected,) = preflight(registry, resolved.choices(), device=device.type)["codec"]
    return build(selected, resolved.part("codec").options, device=device)
