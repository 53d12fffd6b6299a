"""The options of a frontend as datasets and checkpoints carry them, so that it can be built again anywhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol, runtime_checkable

from valle_core.interfaces import Frontend


@runtime_checkable
class Portable(Protocol):
    """A frontend whose options name a file: it says them again with the file's content instead."""

    def portable_options(self) -> Mapping[str, Any]:
        """Options (JSON values) that build an equal frontend where the file is missing."""
        ...


def portable_options(frontend: Frontend, options: Any) -> dict[str, Any]:
    """What is stored beside the frontend's name: its own word for it, else the options it was built with."""
    values = frontend.portable_options() if isinstance(frontend, Portable) else asdict(options)
    return json.loads(json.dumps(dict(values), default=str))


def options_hash(options: Mapping[str, Any]) -> str:
    """Short and equal for equal options, to compare what may be as long as a tokenizer."""
    return hashlib.sha256(json.dumps(dict(options), sort_keys=True).encode()).hexdigest()[:16]
