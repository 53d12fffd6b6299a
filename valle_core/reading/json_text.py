"""JSON that may be damaged or made to harm: whatever is wrong with it is a `ValueError` of one line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from valle_core.reading.place import regular

LARGEST = 1 << 28
"""Bytes of a file that is read as a whole."""

_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def loads(text: str | bytes, *, infinities: bool = False) -> Any:
    """What a JSON text says.

    Args:
        text: UTF-8 where it is bytes.
        infinities: take `Infinity` and `-Infinity`, as Hugging Face's older configurations have them.

    Raises:
        ValueError: it is no JSON or not UTF-8, nests too deep, names a key twice, or holds NaN, infinity or half of a
            character, which cannot be written down again.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    try:
        found = (_WITH_INFINITIES if infinities else _DECODER).decode(text)
    except RecursionError:
        raise ValueError("it nests too deep") from None
    if _HALF.search(text):
        json.dumps(found, ensure_ascii=False).encode()  # UnicodeEncodeError is a ValueError
    return found


def read_json(path: Path, *, infinities: bool = False) -> Any:
    """What a JSON file says. Raises `OSError`, or `ValueError` as `loads`, and for what is no file or larger than
    `LARGEST`."""
    return loads(read_bytes(path), infinities=infinities)


def read_bytes(path: Path) -> bytes:
    """The content of a file that is small by nature.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no file, or larger than `LARGEST`.
    """
    if (size := regular(path).stat().st_size) > LARGEST:
        raise ValueError(f"it has {size} bytes, more than the {LARGEST} that are read")
    return path.read_bytes()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"it names {next(name for name in names if names.count(name) > 1)!r:.80} twice")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"it holds {constant}, which is not a number")


def _infinite(constant: str) -> float:
    return _refuse(constant) if constant == "NaN" else float(constant)


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse)
_WITH_INFINITIES = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_infinite)
