"""What a dataset says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from valle_core.data.options import StorageName
from valle_core.registry.identity import PluginIdentity
from valle_core.text.symbols import SymbolMap
from valle_core.types import CodecIdentity

NO_TEXT = "none"
"""In the place of the frontend's name, in `dataset.json` of a noise set."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """The facts of a dataset.

    Attributes:
        storage: how records lie on disk.
        codec: whose codes they are.
        symbols: numbering of the phonemes.
        languages: tags; `Utterance.language` is an index in it.
        frontend: name of what made the phonemes.
        frontend_options: what it is built with again; empty for datasets from before they were kept.
        codec_options: the same of the codec.
        held_out: ids that training never sees, sorted.
        utterances: rows of the index.
        seconds: of audio in all.
        speakers: how many.
        plugins: who provided the codec and the frontend; empty in datasets made before that was written down.
        index_hash: SHA-256 of `index.jsonl`, so that a half-replaced pair is noticed.
        complete: False while a changed corpus is being prepared again.
    """

    storage: StorageName
    codec: CodecIdentity
    symbols: SymbolMap
    languages: tuple[str, ...]
    frontend: str
    held_out: tuple[str, ...]
    utterances: int
    seconds: float
    speakers: int
    index_hash: str
    complete: bool = True
    plugins: tuple[PluginIdentity, ...] = ()
    frontend_options: Mapping[str, Any] = field(default_factory=dict)
    codec_options: Mapping[str, Any] = field(default_factory=dict)
