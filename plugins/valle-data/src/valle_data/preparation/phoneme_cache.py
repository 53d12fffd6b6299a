"""Phonemes in a file that datasets, ranks and machines share: one line per text, only ever appended to.

Each line carries a checksum, and a block of lines begins on a line of its own, so that what a killed or careless writer
left is skipped, never believed. Losing a line (two machines that append to a network file at once) costs a question
to the frontend, no more.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from valle_core.plugin import UserError
from valle_core.registry.identity import PluginIdentity
from valle_core.types import Phonemes
from valle_data.preparation.shared import create

VERSION = 1
_KIND = "phonemes of valle"
_KEY, _SUM = 32, 8  # hex digits
_HEX = re.compile(rb"[0-9a-f]{%d} " % _KEY)


def cache_key(
    frontend: str, plugins: Sequence[PluginIdentity], options: Mapping[str, Any], versions: Sequence[str]
) -> str:
    """What a frontend's answers depend on besides text and language: its name, distribution, version and options."""
    who = [f"{one.distribution} {one.version}" for one in plugins if one.kind == "frontend"]
    return json.dumps([frontend.rpartition(":")[2], *who, *versions, options_hash(options)])


class PhonemeCache:
    """The answers of one frontend in a file that may hold those of others. Only the lines' places are in memory.

    Args:
        path: of the file; it is made where it does not exist.
        key: of `cache_key`.

    Raises:
        UserError: the file is something else, of a newer valle, or cannot be written to.
    """

    def __init__(self, path: Path, key: str) -> None:
        self._path, self._key = Path(path), key
        self._places: dict[bytes, tuple[int, int]] = {}
        self._new: list[str] = []
        self._added: dict[bytes, Phonemes] = {}
        self._end = 0
        self._open()
        self._read_on()

    def find(self, text: str, language: str) -> Phonemes | None:
        """The phonemes, if the file has them."""
        digest = self._digest(text, language)
        if digest in self._added:
            return self._added[digest]
        if digest not in self._places:
            return None
        start, length = self._places[digest]
        try:
            with self._path.open("rb") as file:
                file.seek(start)
                return _phonemes(file.read(length), digest)
        except OSError:
            return None

    def add(self, text: str, language: str, phonemes: Phonemes) -> None:
        """Remember an answer; it is in the file after `flush`."""
        digest = self._digest(text, language)
        content = [phonemes.language, phonemes.symbols, phonemes.words]
        body = f"{digest.hex()} {json.dumps(content, ensure_ascii=False)}"
        self._new.append(f"{_checksum(body.encode())} {body}\n")
        self._added[digest] = phonemes

    def flush(self) -> None:
        """Append what was added in one write, and take up what others appended.

        Raises:
            UserError: the disk is full, or the file cannot be written to.
        """
        if self._new:
            block = ("\n" + "".join(self._new)).encode()  # the line before may be torn
            try:
                place = os.open(self._path, os.O_WRONLY | os.O_APPEND)
                try:
                    while block:
                        block = block[os.write(place, block) :]
                finally:
                    os.close(place)
            except OSError as error:
                raise UserError(
                    f"cannot write '{self._path}': {error.strerror}. Fix that, or leave --phoneme-cache out"
                ) from error
            self._new = []
        self._read_on()
        self._added.clear()

    def _open(self) -> None:
        header = json.dumps({"what": _KIND, "format_version": VERSION}) + "\n"
        create(self._path, header)
        try:
            with self._path.open("rb") as file:
                facts = json.loads(file.readline(1000))
            what, version = facts["what"], facts["format_version"]
        except OSError as error:
            raise UserError(f"phoneme cache '{self._path}' cannot be read: {error.strerror}. Name another") from error
        except (ValueError, KeyError, TypeError):
            what, version = None, None
        if what != _KIND:
            raise UserError(f"'{self._path}' is not a phoneme cache of valle. Name another file; it is made if need be")
        if version != VERSION:
            raise UserError(
                f"phoneme cache '{self._path}' has format_version {version!r}, this valle reads {VERSION}. "
                "Update valle, or name another file"
            )

    def _read_on(self) -> None:
        """Learn the places of the whole lines behind those that are known."""
        bad = 0
        with self._path.open("rb") as file:
            file.seek(self._end)
            for line in file:
                start, self._end = self._end, self._end + len(line)
                if not line.endswith(b"\n"):
                    self._end = start  # somebody is writing it
                    break
                if start == 0 or not line.strip():
                    continue
                body = line[_SUM + 1 : -1]
                if line[:_SUM].decode("ascii", "replace") == _checksum(body) and _HEX.match(body):
                    self._places[bytes.fromhex(body[:_KEY].decode("ascii"))] = (start, len(line))
                else:
                    bad += 1
        if bad:
            logging.getLogger(__name__).warning(
                "damaged lines of phoneme cache '%s' are skipped: %d; the frontend is asked again", self._path, bad
            )

    def _digest(self, text: str, language: str) -> bytes:
        asked = json.dumps([self._key, language, text])
        return hashlib.sha256(asked.encode()).digest()[: _KEY // 2]


def _checksum(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:_SUM]


def _phonemes(line: bytes, digest: bytes) -> Phonemes | None:
    """What a line says, or None where it is not what it was when its place was learnt."""
    body = line[_SUM + 1 : -1]
    if line[:_SUM].decode("ascii", "replace") != _checksum(body) or body[:_KEY].decode("ascii") != digest.hex():
        return None
    try:
        language, symbols, words = json.loads(body[_KEY + 1 :])
        words = tuple((int(first), int(last)) for first, last in words)
    except (ValueError, TypeError):
        return None
    whole = isinstance(language, str) and isinstance(symbols, list) and all(isinstance(one, str) for one in symbols)
    if not whole or any(not 0 <= first <= last <= len(symbols) for first, last in words):
        return None
    return Phonemes(symbols=tuple(symbols), words=words, language=language)


def options_hash(options: Mapping[str, Any]) -> str:
    """Short and equal for equal options, to compare what may be as long as a tokenizer."""
    return hashlib.sha256(json.dumps(dict(options), sort_keys=True).encode()).hexdigest()[:16]
