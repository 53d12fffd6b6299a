"""Who is at work on a folder that many processes and machines may see, told by files alone.

A lock is a file that is linked to its name (see `create`), so it needs no `flock`, which network file
systems may not have. It says machine and process; that process touches it while it lives. One whose process is gone
(looked up on this machine, told by its age on another) is taken away.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from valle_core.files import machine, process_start, writer
from valle_core.plugin import UserError
from valle_core.reading.json_text import loads
from valle_core.reading.kinds import check_kinds
from valle_data.preparation.shared import create

LOCKS = ".locks"
_TOUCH_SECONDS = 10.0
_STALE_SECONDS = 120.0  # a process of another machine that did not touch its lock for so long is taken for dead
_POLL_SECONDS = 0.2
_TRIES = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """Whose lock it is.

    Attributes:
        host: name of the machine, for people.
        machine: of `valle_core.files.machine`.
        pid: of the process.
        start: when it began, see `process_start`.
        writer: of `valle_core.files.writer`: in the names of its temporary files.
    """

    host: str
    machine: str
    pid: int
    start: str
    writer: str

    @classmethod
    def here(cls) -> Holder:
        """This process."""
        pid = os.getpid()
        return cls(host=platform.node(), machine=machine(), pid=pid, start=process_start(pid), writer=writer())

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


class Locks:
    """The locks of a folder that is written to."""

    def __init__(self, out: Path) -> None:
        self._folder = out / LOCKS

    def holders(self) -> dict[str, Holder]:
        """Name of each lock whose process lives; the others are taken away."""
        found = {}
        for path in sorted(self._folder.glob("*.json")):
            try:
                content = path.read_bytes()
            except OSError:  # given back just now
                continue
            holder = _holder(content)
            if holder is not None and self._lives(holder, path):
                found[path.stem] = holder
            else:
                self._take_away(path, content)
        return found

    def path(self, name: str) -> Path:
        """The file of a lock."""
        return self._folder / f"{name}.json"

    @contextmanager
    def held(self, name: str) -> Iterator[Holder | None]:
        """Hold a lock; yields None, or who else holds it (then it is not held).

        Raises:
            UserError: the folder cannot be written to.
        """
        content = json.dumps(asdict(Holder.here()), indent=2) + "\n"
        for _ in range(_TRIES):
            if self._create(name, content):
                break
            other = self.holders().get(name)
            if other is not None:
                yield other
                return
        else:
            raise UserError(f"'{self.path(name)}' was left by a process that is gone and cannot be replaced. Remove it")
        stop = threading.Event()
        toucher = threading.Thread(target=_touch, args=(self.path(name), stop), daemon=True)
        toucher.start()
        try:
            yield None
        finally:
            stop.set()
            toucher.join()
            with suppress(OSError):
                self.path(name).unlink(missing_ok=True)
                self._folder.rmdir()  # only where no other lock is left

    def _create(self, name: str, content: str) -> bool:
        try:
            return create(self.path(name), content)
        except UserError as error:
            gone = isinstance(error.__cause__, FileNotFoundError) and self._folder.parent.is_dir()
            if gone:  # another has just let go of the last lock, and the folder went with it
                return False
            raise

    @contextmanager
    def alone(self, name: str, what: str) -> Iterator[None]:
        """Hold a lock. `what` begins the refusal, e.g. `"'noise' is being prepared"`.

        Raises:
            UserError: somebody else holds it.
        """
        with self.held(name) as other:
            if other is not None:
                raise UserError(f"{what} by {other}. Wait for it, or end it; if it is gone, remove '{self.path(name)}'")
            yield

    @contextmanager
    def waited_for(self, name: str) -> Iterator[None]:
        """Hold a lock as soon as it is free."""
        while True:
            with self.held(name) as other:
                if other is None:
                    yield
                    return
            time.sleep(_POLL_SECONDS)

    def _lives(self, holder: Holder, path: Path) -> bool:
        if holder.machine == machine():
            return _exists(holder.pid) and process_start(holder.pid) == holder.start
        return self._age(path) < _STALE_SECONDS

    def _age(self, path: Path) -> float:
        """Seconds since a lock was touched, by the clock of whoever serves the folder."""
        probe = self._folder / f".now.{writer()}.tmp"
        try:
            probe.write_bytes(b"")
            return probe.stat().st_mtime - path.stat().st_mtime
        except OSError:
            return 0.0
        finally:
            with suppress(OSError):
                probe.unlink(missing_ok=True)

    def _take_away(self, path: Path, content: bytes) -> None:
        """Remove a dead process's lock, but never one that another has just put in its place."""
        with suppress(OSError):
            if path.read_bytes() != content:
                return
            aside = path.with_name(f".{path.name}.{writer()}.stale.tmp")
            os.rename(path, aside)
            if aside.read_bytes() != content:
                with suppress(FileExistsError):
                    os.link(aside, path)
            aside.unlink(missing_ok=True)


def _holder(content: bytes) -> Holder | None:
    """Who a lock says holds it; None where it is damaged."""
    try:
        stored = loads(content)
        check_kinds(stored, {"host": str, "machine": str, "pid": int, "start": str, "writer": str})
        return Holder(**stored) if stored["pid"] > 0 else None
    except (ValueError, TypeError):
        return None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _touch(path: Path, stop: threading.Event) -> None:
    while not stop.wait(_TOUCH_SECONDS):
        with suppress(OSError):
            os.utime(path)
