"""Files in a folder that several processes write to: made by one of them only, swept after those that were killed."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection
from pathlib import Path

from valle_core.files import replacing

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def create(path: Path, content: str) -> bool:
    """Write a file that does not exist yet, whole or not at all; False where it does, or another was quicker.

    It is linked to its name, which network file systems do in one step; where there are no links, it is renamed.

    Raises:
        UserError: as `valle_core.files.replacing`.
    """
    if path.exists():
        return False
    try:
        with replacing(path, _link) as temporary:
            temporary.write_text(content, encoding="utf-8")
    except _Taken:
        return False
    return True


class _Taken(Exception):
    """Another was quicker."""


def _link(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        if temporary.stat().st_nlink != 2:  # 2: it was linked, and the answer was lost on the network
            raise _Taken from error
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.replace(temporary, path)


def sweep(folder: Path, alive: Callable[[], Collection[str]] = tuple) -> None:
    """Remove the temporary files that killed writers left below `folder`; not those of the writers that are alive
    after the look (a writer must be known as alive before it writes)."""
    found = list(folder.rglob(".*.tmp"))
    living = set(alive())
    for stale in found:
        if stale.name.split(".")[-2] not in living:
            stale.unlink(missing_ok=True)
