"""What a checkpoint says about itself, beside its tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from valle_core.assemble.model import ModelFacts
from valle_core.codes import identity
from valle_core.plugin import UserError
from valle_core.reading.json_text import loads
from valle_core.reading.kinds import Kind, check_kinds
from valle_core.registry.identity import PluginIdentity

FORMAT_VERSION = 2
READABLE = (1, 2)
"""Version 1 kept no hashes of the files, nor the optimizer's state of parameters that had no gradient yet."""

_KINDS: Mapping[str, Kind] = {
    "step": int,
    "frontend": str,
    "symbols": (str,),
    "languages": (str,),
    "tasks": (str,),
    "task_tokens": (str,),
    "writes": bool,
    "plugins": (dict,),
    "progress": dict,
    "frontend_options": dict,
    "codec_options": dict,
    "task_options": dict,
    "files": dict,
}
_OLDER = ("progress", "frontend_options", "codec_options", "task_options", "task_tokens", "writes", "files")


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest(ModelFacts):
    """Everything but tensors that is needed to load a model anywhere: its sizes, and what made it.

    Attributes:
        step: optimizer steps taken.
        frontend: name of the frontend that made the phonemes.
        frontend_options: what it is built with again; empty for checkpoints from before they were kept.
        codec_options: the same of the codec.
        tasks: names of the tasks it was trained on.
        task_options: name of a task → its options; empty for checkpoints from before they were kept.
        plugins: who provided the parts, and the codec and the frontend of the data where its dataset tells.
        progress: where the data stood, for an exact resume.
        files: SHA-256 of each file beside the manifest, by name; filled in when it is saved.
        format_version: of this file.
    """

    step: int
    frontend: str
    tasks: tuple[str, ...]
    plugins: tuple[PluginIdentity, ...]
    progress: Mapping[str, Any] = field(default_factory=dict)
    frontend_options: Mapping[str, Any] = field(default_factory=dict)
    codec_options: Mapping[str, Any] = field(default_factory=dict)
    task_options: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict, compare=False)
    format_version: int = FORMAT_VERSION

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str, source: str) -> Manifest:
        """Raises `UserError` naming `source` for a broken file or another format version."""
        try:
            found = loads(text)
            version = found["format_version"]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{source}: not a checkpoint manifest ({error}); use another checkpoint") from None
        if version not in READABLE or isinstance(version, bool):
            raise UserError(
                f"{source}: checkpoint format {version!r:.20}, this valle reads {' and '.join(map(str, READABLE))}; "
                "install a matching valle"
            )
        try:
            check_kinds(found, _KINDS, _OLDER)
            if unknown := sorted(found.keys() - {one.name for one in fields(cls)}):
                raise ValueError(f"{unknown[0]!r:.80} is unknown")
            if found["step"] < 0:
                raise ValueError(f"step must be at least 0, got {found['step']}")
            found["codec"] = identity.from_dict(found.get("codec"), source)
            found["plugins"] = tuple(map(PluginIdentity.from_dict, found["plugins"]))
            for name in ("symbols", "languages", "tasks", "task_tokens"):
                found[name] = tuple(found.get(name, ()))
        except ValueError as error:
            raise UserError(f"{source}: the manifest is damaged ({error}); use another checkpoint") from None
        return cls(**found)
