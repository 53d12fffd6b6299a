"""Mixes that were made before, on disk and in memory: bounded, shared by processes, and never trusted blindly."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import torch
from jaxtyping import Integer
from safetensors.torch import save
from torch import Tensor

from valle_core.codes.checks import check_codes
from valle_core.codes.identity import hash_tensors, to_dict
from valle_core.files import replacing
from valle_core.plugin import UserError
from valle_core.reading.place import inside
from valle_core.reading.tensors import map_tensors
from valle_core.types import CodecIdentity
from valle_data.preparation.encoding import storage_dtype

MIXING = 1
"""Changes whenever equal codes and decibels give another mix, so that older entries are not used."""

_IN_MEMORY = 1024
_OURS = re.compile(r"[0-9a-f]{2}/(?:[0-9a-f]{32}\.safetensors|\.[0-9a-f]{32}\.safetensors\.[0-9a-f]{8}\.tmp)")
"""A mix, or what a killed writer left of one."""

_ROOM = 0.9  # part of the limit that is filled after a clean-up


def mix_key(codec: CodecIdentity, a: Integer[Tensor, "F Q"], b: Integer[Tensor, "G Q"], db: float) -> str:
    """Equal for equal codes (of any integer type), codec and decibels."""
    hashes = [hash_tensors({"codes": codes.to(torch.int32)}) for codes in (a, b)]
    return hashlib.sha256(json.dumps([MIXING, to_dict(codec), *hashes, repr(float(db))]).encode()).hexdigest()[:32]


class MixCache:
    """Codes by key. What is on disk is checked by its hash when it is read; a damaged file counts as missing.

    Several processes may use one folder: files appear whole, and whoever passes the limit removes those that were
    not used for longest. Between two clean-ups a process writes at most a 16th of the limit.
    """

    def __init__(self, folder: Path | None, limit: int, codec: CodecIdentity) -> None:
        """`folder` None or a `limit` of 0 bytes keeps nothing on disk."""
        self._folder = folder if limit > 0 else None
        self._limit, self._codec = limit, codec
        self._memory: OrderedDict[str, Tensor] = OrderedDict()
        self._since = limit  # bytes written since the last clean-up; the first writing looks at what is there

    def get(self, key: str) -> Integer[Tensor, "F Q"] | None:
        """The codes, or None."""
        codes = self._memory.get(key)
        if codes is None and self._folder is not None:
            codes = self._read(self._path(key))
        if codes is None:
            return None
        self._remember(key, codes)
        return codes.long()

    def put(self, key: str, codes: Integer[Tensor, "F Q"]) -> None:
        """Keep them. A disk that is full or not writable ends the keeping on disk, not the training."""
        kept = codes.to(storage_dtype(self._codec.codebook_size)).contiguous()
        self._remember(key, kept)
        if self._folder is None:
            return
        content = save({"codes": kept}, {"hash": hash_tensors({"codes": kept})})
        try:
            with replacing(self._path(key)) as temporary:
                temporary.write_bytes(content)
            self._since += len(content)
            if self._since > self._limit // 16:
                self._clean_up(self._folder)
        except (UserError, OSError) as error:
            logging.getLogger(__name__).warning("mixes are no longer kept in %s: %s", self._folder, error)
            self._folder = None

    def _remember(self, key: str, codes: Tensor) -> None:
        self._memory[key] = codes
        self._memory.move_to_end(key)
        if len(self._memory) > _IN_MEMORY:
            self._memory.popitem(last=False)

    def _path(self, key: str) -> Path:
        assert self._folder is not None
        return self._folder / key[:2] / f"{key}.safetensors"

    def _read(self, path: Path) -> Tensor | None:
        try:
            tensors, text = map_tensors(inside(path.parent.parent, f"{path.parent.name}/{path.name}"))
            codes = tensors["codes"].clone()
            if text.get("hash") != hash_tensors({"codes": codes}):
                return None
            size = self._codec.codebook_size
            check_codes(codes, num_levels=self._codec.num_levels, codebook_size=size, what=f"mix '{path}'")
        except (OSError, ValueError, KeyError):
            return None
        with suppress(OSError):
            path.touch()
        return codes

    def _clean_up(self, folder: Path) -> None:
        """Remove the files that were not used for longest until there is room; others may be doing the same."""
        found: list[tuple[float, str, int, Path]] = []
        for path in folder.glob("??/*.safetensors*"):
            with suppress(OSError):
                if not _OURS.fullmatch(f"{path.parent.name}/{path.name}"):
                    continue  # the folder was named by the user, and may hold a model
                state = path.stat()
                found.append((state.st_mtime, path.name, state.st_size, path))
        total = sum(size for _, _, size, _ in found)
        if total > self._limit:
            for _, _, size, path in sorted(found):
                path.unlink(missing_ok=True)
                total -= size
                if total <= _ROOM * self._limit:
                    break
        self._since = 0
