"""What is particular about the folders of one backbone: the names in config.json and of the tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
CONFIG = "config.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderLayout:
    """How a backbone's sizes and tensors are called in a folder.

    Attributes:
        arch: registry name of the backbone.
        model: the class of transformers that writes such folders.
        keys: name of an option → key of config.json.
        model_type: what config.json calls the model; as `arch` when empty.
        known: key of config.json → the values the backbone can do; the first is meant where the key is absent or null.
        prefixes: what is taken off the front of a tensor's name, one after the other, where it is there.
        around: beginnings of the names of tensors that belong to the model around a backbone.
        embedding: the tensor that transformers wants and a backbone does not have.
        norm: the final norm's weight; the embedding is written in its type.
        infinities: whether config.json may hold `Infinity`.
    """

    arch: str
    model: str
    keys: Mapping[str, str] = field(default_factory=dict)
    model_type: str = ""
    known: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    prefixes: tuple[str, ...] = ("model.",)
    around: tuple[str, ...] = ("embed_tokens.", "lm_head.")
    embedding: str = "embed_tokens.weight"
    norm: str = "norm.weight"
    infinities: bool = False

    def name(self, stored: str) -> str | None:
        """What a backbone calls a stored tensor, or None where it has no use for it."""
        for prefix in self.prefixes:
            stored = stored.removeprefix(prefix)
        constant = stored.endswith("rotary_emb.inv_freq")  # transformers kept it until 4.31
        return None if constant or stored.startswith(self.around) else stored
