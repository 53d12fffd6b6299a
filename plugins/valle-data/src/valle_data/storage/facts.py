"""Writes what a dataset is beside its records: the index, its columns and `dataset.json`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from valle_core.codes import identity
from valle_core.data.manifest import Manifest
from valle_core.data.record import IndexEntry
from valle_core.files import replacing, write_json
from valle_data.storage.columns import COLUMNS, VERSION, Columns, ColumnWriter, digest_of
from valle_data.storage.index import INDEX
from valle_data.storage.manifest import FORMAT_VERSION, MANIFEST
from valle_data.storage.rows import row_digest


def row_json(row: IndexEntry) -> dict[str, Any]:
    """A row as its line of `index.jsonl` says it."""
    return {
        "id": row.id,
        "speaker": row.speaker,
        "language": row.language,
        "text": row.text,
        "seconds": row.seconds,
        "frames": row.frames,
        "location": row.location,
        "hash": row.hash,
        **({"tone": row.tone} if row.tone is not None else {}),
        **({"symbols": row.symbols} if row.symbols is not None else {}),
        "digest": row_digest(row),
    }


def write_index(folder: Path, rows: Iterable[IndexEntry]) -> str:
    """Replace `index.jsonl` and its columns by these rows, which may be made on the way; the hash of `index.jsonl`."""
    columns, digest = ColumnWriter(), hashlib.sha256()
    with replacing(folder / INDEX) as temporary, temporary.open("wb") as file:
        for row in rows:
            line = (json.dumps(row_json(row), ensure_ascii=False) + "\n").encode()
            digest.update(line)
            file.write(line)
            columns.add(row)
    write_columns(folder, columns.columns(), digest.hexdigest())
    return digest.hexdigest()


def write_columns(folder: Path, columns: Columns, index_hash: str) -> None:
    """Replace `index.safetensors`; it belongs to the `index.jsonl` of this hash."""
    tensors = {name: torch.from_numpy(np.array(column)) for name, column in columns.items()}
    facts = {"version": VERSION, "index_hash": index_hash, "digest": digest_of(columns)}
    with replacing(folder / COLUMNS) as temporary:
        temporary.write_bytes(save(tensors, {"valle": json.dumps(facts)}))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace `dataset.json`."""
    write_json(folder / MANIFEST, _stored(manifest))


def _stored(manifest: Manifest) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "complete": manifest.complete,
        "storage": manifest.storage,
        "codec": identity.to_dict(manifest.codec),
        "frontend": manifest.frontend,
        "plugins": [asdict(plugin) for plugin in manifest.plugins],
        "frontend_options": dict(manifest.frontend_options),
        "codec_options": dict(manifest.codec_options),
        "languages": list(manifest.languages),
        "utterances": manifest.utterances,
        "speakers": manifest.speakers,
        "seconds": manifest.seconds,
        "index_hash": manifest.index_hash,
        "symbols": manifest.symbols.to_json(),
        "held_out": list(manifest.held_out),
    }
