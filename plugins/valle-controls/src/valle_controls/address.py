"""The socket in the folder of a run."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from valle_core.plugin import UserError

NAME = "control.sock"
_LONGEST = 100
"""Bytes of a path that every system takes as the address of a socket."""


class Door:
    """A socket that takes connections at `RUN/control.sock`, for this user alone.

    The caller holds the run's lock, so what lies there is of a process that is gone, and is replaced.

    Raises:
        UserError: something else is called so, or the file system has no sockets.
    """

    def __init__(self, run: Path) -> None:
        self.path = run.absolute() / NAME
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if self.path.is_symlink() or (self.path.exists() and not stat.S_ISSOCK(self.path.lstat().st_mode)):
                raise UserError(f"'{self.path}' is in the way of the run's socket; remove it")
            self.path.unlink(missing_ok=True)
            with short(self.path) as address:
                self.socket.bind(address)
            self.path.chmod(0o600)
            self._inode = self.path.lstat().st_ino
            self.socket.listen(8)
        except OSError as error:
            self.socket.close()
            why = (error.strerror or str(error)).lower()
            raise UserError(f"no socket can be made at '{self.path}': {why}; give --control terminal") from error
        except UserError:
            self.socket.close()
            raise

    def close(self) -> None:
        """Take it away, unless it is another's by now."""
        self.socket.close()
        with suppress(OSError):
            if self.path.lstat().st_ino == self._inode:
                self.path.unlink()


def connect(run: Path, timeout: float) -> socket.socket:
    """A connection to the process that trains a run. Raises `UserError` where there is none."""
    path = run.absolute() / NAME
    if not (path.exists() or (run / "config.yaml").is_file()):
        what = f"'{run}' is not a run" if run.exists() else f"there is no run '{run}'"
        raise UserError(f"{what}. Name the folder that `valle train --out` names")
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    found.settimeout(timeout)
    try:
        with short(path) as address:
            found.connect(address)
    except OSError as error:
        found.close()
        raise UserError(_why_not(run, error)) from None
    return found


def _why_not(run: Path, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return f"{run} is not being trained, or takes no words from a socket (valle train --control socket)"
    if error.errno in (errno.ECONNREFUSED, errno.ENOTSOCK):
        config = run / "config.yaml"
        return f"the process that trained {run} is gone. Go on with: valle train --config {config} --resume"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{run / NAME} belongs to another user, who alone may control this run"
    return f"{run / NAME} cannot be reached: {(error.strerror or str(error)).lower()}"


@contextmanager
def short(path: Path) -> Iterator[str]:
    """An address of a path however long: by way of its open folder, where the system has such names.

    Raises:
        UserError: the path is too long here.
    """
    if len(os.fsencode(path)) <= _LONGEST:
        yield str(path)
        return
    if not os.path.isdir("/proc/self/fd"):
        raise UserError(f"'{path}' is too long for a socket; choose a shorter --out, or give --control terminal")
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
