"""`dataset.json`: what a dataset is, written last, so that its presence means complete."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from valle_core.codes import identity
from valle_core.data.manifest import Manifest
from valle_core.data.options import STORAGES, StorageName
from valle_core.plugin import UserError
from valle_core.reading.json_text import read_json
from valle_core.reading.kinds import Kind, check_kinds
from valle_core.reading.place import inside
from valle_core.registry.identity import PluginIdentity
from valle_core.text.symbols import SymbolMap
from valle_data.storage.damage import REPAIR, damaged

FORMAT_VERSION = 1
MANIFEST = "dataset.json"


class Newer(UserError):
    """Written by a newer valle."""


def read_manifest(folder: Path) -> Manifest:
    """Raises `UserError` where there is no complete dataset of a format this version reads."""
    path = folder / MANIFEST
    if not folder.is_dir():
        raise UserError(f"dataset '{folder}' is not a folder. Make one with: valle prepare")
    if not path.exists():
        if (folder / "prepare.json").exists():
            raise UserError(f"dataset '{folder}' is half-written. Finish it: run the same `valle prepare` again")
        raise UserError(f"'{folder}' is not a valle dataset (it has no {MANIFEST}). Make one with: valle prepare")
    try:
        inside(folder, MANIFEST)
        stored = read_json(path)
    except (ValueError, OSError) as error:
        raise damaged(path, error) from error
    version = stored.get("format_version") if isinstance(stored, Mapping) else None
    if version is None:
        raise damaged(path, ValueError("it is not as valle writes it"))
    if version != FORMAT_VERSION or isinstance(version, bool):
        newer = type(version) is int and version > FORMAT_VERSION
        refusal, fix = (Newer, "Update valle") if newer else (UserError, REPAIR)
        raise refusal(f"'{path}' has format_version {version!r:.20}, this valle reads {FORMAT_VERSION}. {fix}")
    try:
        return _manifest(stored, path)
    except Newer:
        raise
    except ValueError as error:
        raise damaged(path, ValueError(str(error).removesuffix(". Make it again"))) from error


_KINDS: Mapping[str, Kind] = {
    "languages": (str,),
    "frontend": str,
    "held_out": (str,),
    "utterances": int,
    "seconds": float,
    "speakers": int,
    "index_hash": str,
    "complete": bool,
    "plugins": (dict,),
    "frontend_options": dict,
    "codec_options": dict,
}
_OLDER = ("plugins", "frontend_options", "codec_options")


def _manifest(stored: Mapping[str, Any], path: Path) -> Manifest:
    check_kinds(stored, {**_KINDS, "storage": str}, _OLDER)
    return Manifest(
        storage=_storage(stored["storage"], path),
        codec=identity.from_dict(stored.get("codec"), str(path)),
        symbols=SymbolMap.from_json(stored.get("symbols"), str(path)),
        languages=tuple(stored["languages"]),
        frontend=stored["frontend"],
        held_out=tuple(stored["held_out"]),
        utterances=stored["utterances"],
        seconds=stored["seconds"],
        speakers=stored["speakers"],
        index_hash=stored["index_hash"],
        complete=stored["complete"],
        plugins=tuple(map(PluginIdentity.from_dict, stored.get("plugins", ()))),
        frontend_options=stored.get("frontend_options", {}),
        codec_options=stored.get("codec_options", {}),
    )


def _storage(name: Any, path: Path) -> StorageName:
    if name not in STORAGES:
        raise Newer(f"'{path}' names storage {name!r}; known are {', '.join(STORAGES)}. Update valle")
    return name
