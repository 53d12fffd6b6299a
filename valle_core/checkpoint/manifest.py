"""What a checkpoint says about itself, beside its tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from valle_core.plugin import UserError
from valle_core.registry.identity import PluginIdentity
from valle_core.types import CodecIdentity

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """Everything but tensors that is needed to load a model anywhere.

    Attributes:
        step: optimizer steps taken.
        codec: identity of the codec whose codes the model speaks.
        frontend: name of the frontend that made the phonemes.
        frontend_options: what it is built with again; empty for checkpoints from before they were kept.
        codec_options: the same of the codec.
        symbols: the symbol map, index = position.
        languages: language tags, index = position.
        tasks: names of the tasks it was trained on.
        plugins: who provided the parts, and the codec and the frontend of the data where its dataset tells.
        progress: where the data stood, for an exact resume.
        format_version: of this file.
    """

    step: int
    codec: CodecIdentity
    frontend: str
    symbols: tuple[str, ...]
    languages: tuple[str, ...]
    tasks: tuple[str, ...]
    plugins: tuple[PluginIdentity, ...]
    progress: Mapping[str, Any] = field(default_factory=dict)
    frontend_options: Mapping[str, Any] = field(default_factory=dict)
    codec_options: Mapping[str, Any] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str, source: str) -> Manifest:
        """Raises `UserError` naming `source` for a broken file or another format version."""
        try:
            found = json.loads(text)
            version = found["format_version"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise UserError(f"{source}: not a checkpoint manifest ({error}); resume from another checkpoint") from None
        if version != FORMAT_VERSION:
            raise UserError(
                f"{source}: checkpoint format {version}, this valle reads {FORMAT_VERSION}; install a matching valle"
            )
        try:
            found["codec"] = CodecIdentity(**found["codec"])
            found["plugins"] = tuple(PluginIdentity(**plugin) for plugin in found["plugins"])
            for name in ("symbols", "languages", "tasks"):
                found[name] = tuple(found[name])
            return cls(**found)
        except (KeyError, TypeError) as error:
            raise UserError(f"{source}: the manifest is damaged ({error}); resume from another checkpoint") from None
