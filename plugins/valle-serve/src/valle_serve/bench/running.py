"""The server that is measured: one that runs elsewhere, or one that is started for it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from valle_core.api import UserError

START_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is reached.

    Attributes:
        url: without `/v1`.
        key: that is sent, or "".
        pid: of the process, or 0 for one elsewhere.
    """

    url: str
    key: str = ""
    pid: int = 0

    def headers(self) -> dict[str, str]:
        """That let a request in."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def megabytes(self) -> float:
        """Resident memory; 0 where the process is not known."""
        with suppress(OSError):
            found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text(encoding="ascii"))
            if self.pid and found:
                return int(found[1]) / 1024
        return 0.0

    def machine(self) -> dict[str, object]:
        """What the figures depend on."""
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        return {"cores": os.cpu_count(), "load": round(load, 2), "url": "started here" if self.pid else self.url}


@contextmanager
def started(model: str) -> Iterator[Server]:
    """A server on a free port of this machine. Raises `UserError` with its last line where it does not start."""
    command = [sys.executable, "-m", "valle_cli", "serve", "--port", "0", "--speaking", "32", "--waiting", "64"]
    command += ["--wait-seconds", "600", "--timeout", "600", "--no-uploads"] + (["--model", model] if model else [])
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, stdin=subprocess.DEVNULL)
        try:
            yield Server(_address(process, errors.fileno()), pid=process.pid)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[bytes], errors: int) -> str:
    """What the process says on stderr that it serves at."""
    for _ in range(round(START_SECONDS / 0.1)):
        lines = os.pread(errors, 1 << 16, 0).decode("utf-8", "replace")
        if found := re.search(r"^note: serving at (\S+);", lines, re.M):
            return found[1]
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
            last = (lines.strip().splitlines() or ["it gave no reason"])[-1]
            raise UserError(f"the server did not start: {last.removeprefix('error: ')}")
    raise UserError(f"the server did not start within {START_SECONDS:g} s")
