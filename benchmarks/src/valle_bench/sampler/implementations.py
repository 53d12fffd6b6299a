"""The samplers that take part, each with the references that stand beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from valle_bench.reference import ReferenceSampler, load_references, references_of
from valle_bench.runner.measurement import OWN
from valle_bench.sampler.settings import USUAL, Candidate
from valle_core.assemble.part import build
from valle_core.config.resolve import stored_part
from valle_core.interfaces import Sampler
from valle_core.plugin import UserError
from valle_core.registry.loading import one_line
from valle_core.registry.registry import Registry


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a worker measures.

    Attributes:
        samplers: ours by name.
        references: by the sampler's name and their title.
        notes: for each that takes no part why, by its name; "" for ours as a whole.
    """

    samplers: Mapping[str, Sampler]
    references: Mapping[str, Mapping[str, ReferenceSampler]]
    notes: Mapping[str, str]


def load_samplers(registry: Registry, candidate: Candidate) -> Loaded:
    """Build them all; one that cannot be built or loaded is named with the reason."""
    samplers: dict[str, Sampler] = {}
    references: dict[str, dict[str, ReferenceSampler]] = {}
    notes = {OWN: ""}
    for name in candidate.samplers:
        try:
            selected = registry.select("sampler", name)
            options = {**USUAL.get(name, {}), **candidate.options.get(name, {})}
            samplers[name] = build(
                selected, stored_part(selected, "sampler", options, "the benchmark's options").options
            )
        except UserError as error:
            notes[name] = str(error)
        except Exception as error:  # another's code must not end the run
            notes[name] = f"cannot be built: {one_line(error)}"
        else:
            references[name], missing = load_references(references_of(registry, "sampler", name), samplers[name])
            notes |= {f"{title}, {name}": why for title, why in missing.items() if why}
    return Loaded(samplers, references, notes)
