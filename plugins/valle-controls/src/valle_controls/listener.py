"""The thread that reads words from standard input and from connections, and never holds up a step."""

from __future__ import annotations

import errno
import json
import os
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field

from valle_controls.address import Door
from valle_controls.terminal import in_foreground
from valle_controls.words import LONGEST, Answer, Reply

AGAIN = 0.5
"""Seconds until a terminal that is another's is looked at again."""
_CONNECTIONS = 16
Take = Callable[[str, Reply], None]
"""Is given each line, and where its answer goes."""


@dataclass(slots=True)
class Lines:
    """Bytes that came, by line; what a line has too much is dropped, so that it is refused, not kept."""

    rest: bytes = b""

    def add(self, more: bytes) -> list[str]:
        """The lines that are whole now."""
        *whole, rest = (self.rest + more).split(b"\n")
        self.rest = rest[: LONGEST + 1]
        return [text for line in whole if (text := line[: 4 * LONGEST].decode("utf-8", "replace").strip())]


@dataclass(eq=False, slots=True)
class Connection:
    """One that somebody opened; its answers are lines of JSON."""

    socket: socket.socket
    lines: Lines = field(default_factory=Lines)

    def reply(self, answer: Answer) -> None:
        """Send it; whoever does not read it does not hold the run up."""
        with suppress(OSError):
            self.socket.sendall(json.dumps(asdict(answer)).encode() + b"\n")


class Listener:
    """Reads until it is closed.

    Args:
        take: called in the thread with each line.
        standard: file descriptor of standard input, or None.
        door: where connections come in, or None. It is closed with the listener.
    """

    def __init__(self, take: Take, standard: int | None, door: Door | None) -> None:
        self._take, self._standard, self._door = take, _own(standard), door
        self._typed, self._connections = Lines(), list[Connection]()
        self._woken, self._wakes = os.pipe()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="valle-controls", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and take the socket away."""
        if self._ends.is_set():
            return
        self._ends.set()
        os.write(self._wakes, b"x")
        self._thread.join(timeout=5)
        for connection in self._connections:
            connection.socket.close()
        if self._door is not None:
            self._door.close()
        if not self._thread.is_alive():
            self._leave_standard()
            os.close(self._wakes)
            os.close(self._woken)

    def _run(self) -> None:
        # A read from the background then fails instead of stopping the whole run.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTIN, signal.SIGTTOU})
        while not self._ends.is_set():
            with selectors.PollSelector() as ready:
                timeout = self._register(ready)
                found = [key for key, _ in ready.select(timeout)]
            for key in found:
                self._serve(key.data)

    def _register(self, ready: selectors.BaseSelector) -> float | None:
        """What may be read now; the seconds after which that is to be asked again."""
        ready.register(self._woken, selectors.EVENT_READ, "woken")
        if self._door is not None and len(self._connections) < _CONNECTIONS:
            ready.register(self._door.socket, selectors.EVENT_READ, "door")
        for connection in self._connections:
            ready.register(connection.socket, selectors.EVENT_READ, connection)
        if self._standard is None:
            return None
        terminal = os.isatty(self._standard)
        if not terminal or in_foreground(self._standard):
            ready.register(self._standard, selectors.EVENT_READ, "standard")
        return AGAIN if terminal else None

    def _serve(self, source: object) -> None:
        if source == "door":
            assert self._door is not None
            with suppress(OSError):
                taken = self._door.socket.accept()[0]
                taken.settimeout(1)
                self._connections.append(Connection(taken))
        elif source == "standard":
            self._read_standard()
        elif isinstance(source, Connection):
            self._read(source)

    def _read(self, connection: Connection) -> None:
        try:
            more = connection.socket.recv(4096)
        except OSError:
            more = b""
        if not more:
            self._connections.remove(connection)
            connection.socket.close()
        for line in connection.lines.add(more or b"\n"):
            self._take(line, connection.reply)

    def _read_standard(self) -> None:
        assert self._standard is not None
        try:
            more = os.read(self._standard, 4096)
        except OSError as error:
            if error.errno == errno.EIO and os.isatty(self._standard):  # in the background by now
                self._ends.wait(AGAIN)
                return
            more = b""
        if not more:  # the pipe or file ends, Ctrl-D, or it was closed
            self._leave_standard()
        for line in self._typed.add(more or b"\n"):
            self._take(line, written)

    def _leave_standard(self) -> None:
        if self._standard is not None:
            os.close(self._standard)
        self._standard = None


def _own(standard: int | None) -> int | None:
    """A descriptor that nobody else closes, or puts another file under, meanwhile."""
    try:
        return None if standard is None else os.dup(standard)
    except OSError:
        return None


def written(answer: Answer) -> None:
    """The answer to what was typed."""
    for line in answer.text.splitlines():
        sys.stderr.write(f"control: {line}\n")
