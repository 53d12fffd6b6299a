"""Writing files so that a reader sees the old content or the new one, never half of either."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from valle_core.plugin import UserError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path` to write to; on success it becomes `path`, on any failure it is removed.

    The content is on disk before the rename, so that a crash of the machine leaves the old file or the new one.

    Raises:
        UserError: the disk is full or the place cannot be written to.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise UserError(
                f"no space left while writing '{path}'; what was there before is unharmed. Free some and run again"
            ) from error
        if error.filename in (str(temporary), str(path.parent)):  # another file's trouble is told by who reads it
            raise UserError(f"cannot write '{path}': {error.strerror}. Choose another place") from error
        raise
    finally:
        with suppress(OSError):  # what cannot be removed (its folder is a file) must not hide the reason
            temporary.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove the temporary files that killed writers left below `folder`."""
    for stale in folder.rglob(".*.tmp"):
        stale.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replace `path` by `text` in UTF-8; a file that says so already is left alone."""
    if path.is_file() and path.read_bytes() == text.encode():
        return
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replace `path` by readable JSON."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
