"""Writing files so that a reader sees the old content or the new one, never half of either."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from valle_core.plugin import UserError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LONGEST = 200  # bytes of a file's name in its temporary one; most file systems allow 255 in all


def machine() -> str:
    """Equal for processes that can see whether each other is alive: host, boot and process namespace."""
    marks = [platform.node()]
    with suppress(OSError):
        marks.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
    with suppress(OSError):
        marks.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(marks)


def process_start(pid: int) -> str:
    """When a process of this machine began, so that a number that was given again is noticed; "" if unknown."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def writer() -> str:
    """Names this process among all that may write to a shared folder: eight hex digits."""
    pid = os.getpid()
    return hashlib.sha256(f"{machine()} {pid} {process_start(pid)}".encode()).hexdigest()[:8]


@contextmanager
def replacing(path: Path, place: Callable[[Path, Path], object] | None = None) -> Iterator[Path]:
    """Give a temporary name beside `path` to write to; on success it becomes `path`, on any failure it is removed.

    `place` is what renames (default: `os.replace`). The content is on disk before, so that a crash of the machine
    leaves the old file or the new one.

    Raises:
        UserError: the disk is full or the place cannot be written to.
    """
    name = path.name
    if len(name.encode()) > _LONGEST:
        name = hashlib.sha256(name.encode()).hexdigest()[:32]
    temporary = path.with_name(f".{name}.{writer()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        (place or os.replace)(temporary, path)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise UserError(
                f"no space left while writing '{path}'; what was there before is unharmed. Free some and run again"
            ) from error
        if error.filename in map(str, (temporary, *path.parents)):  # another file's trouble is told by who reads it
            raise UserError(f"cannot write '{path}': {error.strerror}. Choose another place") from error
        raise
    finally:
        with suppress(OSError):  # what cannot be removed (its folder is a file) must not hide the reason
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replace `path` by `text` in UTF-8; a file that says so already is left alone."""
    if path.is_file() and path.read_bytes() == text.encode():
        return
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replace `path` by readable JSON."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
