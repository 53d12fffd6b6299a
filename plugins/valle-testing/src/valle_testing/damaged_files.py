"""Files that are damaged on purpose: a seeded mutator, and hashes that agree with what was damaged."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path


def hash_again(checkpoint: Path) -> None:
    """Make a checkpoint's manifest agree with the files beside it, as somebody who means harm would."""
    path = checkpoint / "manifest.json"
    stored = json.loads(path.read_text(encoding="utf-8"))
    files = {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in checkpoint.iterdir() if one != path}
    path.write_text(json.dumps({**stored, "format_version": 2, "files": files}), encoding="utf-8")
