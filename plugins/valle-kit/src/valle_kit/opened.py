"""What is done with an opened synthesizer before it speaks, wherever it is opened."""

from __future__ import annotations

from valle_core.config.schema import Resolved
from valle_core.registry.registry import Registry
from valle_core.synthesis.synthesizer import Synthesizer
from valle_kit.lengths import with_lengths
from valle_kit.onednn import quicken
from valle_kit.quantized import quantize


def ready(synthesizer: Synthesizer, resolved: Resolved, registry: Registry) -> Synthesizer:
    """The synthesizer with the weights that `--quantize` names, else the faster linear layers of this machine, and able
    to do what `with_lengths` says.

    Args:
        synthesizer: as it was opened; the layers of its models change in place.
        resolved: the configuration it was opened with.
        registry: where plugins are found.

    Raises:
        UserError: weights that the model cannot have.
    """
    quantize(synthesizer.components.ar.backbone, resolved.sections["synthesis"].quantize)
    for half in (synthesizer.components.ar, synthesizer.components.nar):
        quicken(half)
    return with_lengths(synthesizer, resolved, registry)
