"""How long an answer is, as the model itself says it in its task `len`: for a masked level 0 without an alignment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from valle_core.assemble.part import build
from valle_core.checkpoint.load import read_model
from valle_core.config.schema import Resolved
from valle_core.interfaces import SamplerView
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry
from valle_core.synthesis.request import Request
from valle_core.synthesis.sampling.chain import SamplerChain
from valle_core.synthesis.synthesizer import Synthesizer
from valle_core.synthesis.task_choice import as_trained
from valle_kit.masked import fill_level0
from valle_kit.written_answers import write

TASK = "len"
LONGEST = 3600.0
"""Seconds; digits may say anything, and the bound of the request counts in the end."""


class Likeliest:
    """Digits are not drawn."""

    def choose(self, logits: Float[Tensor, "B V"], view: SamplerView) -> Int[Tensor, "B"]:
        """See `valle_core.interfaces.Chooser`."""
        return logits.argmax(-1)


def with_lengths(synthesizer: Synthesizer, resolved: Resolved, registry: Registry) -> Synthesizer:
    """The synthesizer, able to fill level 0, with the lengths of its answers where its model alone can say it.

    Args:
        synthesizer: as it was opened.
        resolved: the configuration it was opened with.
        registry: where the task is found.
    """
    components = replace(synthesizer.components, fill=fill_level0)
    if not components.ar.masked or components.ar.alignment is not None:
        return Synthesizer(components)
    stored = read_model(Path(resolved.sections["synthesis"].model), registry, report=lambda _: None)
    if TASK not in {name.rpartition(":")[2] for name in stored.manifest.tasks}:
        return Synthesizer(components)
    plugin = registry.select("task", TASK)
    part = as_trained(stored, plugin)
    assert part is not None, "a run of today keeps the options of its tasks"
    changed: dict[str, Any] = {
        "task": build(plugin, part.options),
        "task_name": TASK,
        "takes": plugin.spec.capabilities,
    }
    telling = Synthesizer(replace(components, **changed, chain=SamplerChain([Likeliest()]), safeguards=None))

    def lengths(requests: Sequence[Request]) -> list[float]:
        answers = write(telling, requests)
        for answer in answers:
            if not answer.seconds:
                raise UserError("the model says that the answer has no frames; give its seconds with --duration")
        return [min(answer.seconds, LONGEST) for answer in answers]

    return Synthesizer(replace(components, lengths=lengths))
