"""The codec that a dataset was made with."""

from __future__ import annotations

import torch

from valle_core.assemble.stored_codec import open_stored_codec
from valle_core.config.schema import Resolved
from valle_core.data.dataset import Dataset
from valle_core.interfaces import Codec
from valle_core.registry.registry import Registry


def codec_of(dataset: Dataset, resolved: Resolved, registry: Registry, device: torch.device) -> Codec:
    """The codec named in `resolved`, else the dataset's; refused unless its identity is the dataset's."""
    return open_stored_codec(
        resolved,
        registry,
        dataset.codec,
        dataset.manifest.codec_options,
        device=device,
        what=f"dataset '{dataset.path}' holds codes of",
    )
