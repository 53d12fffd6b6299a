"""Talks with the process that measures: one line of JSON in, lines of JSON out, and how it ended before its time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from typing import Any


def converse(
    module: str, job: str, *, patience: float, begin: Callable[[int], None]
) -> tuple[list[dict[str, Any]], str]:
    """The lines a worker said, and "" or how it ended before its time.

    Args:
        module: run with `python -m`; it reads the job from stdin.
        job: one line.
        patience: seconds without a line after which it is stopped.
        begin: told the number of every `{"begin": …}`.
    """
    answers: list[dict[str, Any]] = []
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        worker = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        assert worker.stdin is not None
        assert worker.stdout is not None
        silent = False

        def stop() -> None:
            nonlocal silent
            silent = True
            worker.kill()

        watch = threading.Timer(patience, stop)
        try:
            watch.start()
            worker.stdin.write(job + "\n")
            worker.stdin.close()
            for text in worker.stdout:
                watch.cancel()
                watch = threading.Timer(patience, stop)
                watch.start()
                answers.append(json.loads(text))
                if "begin" in answers[-1]:
                    begin(answers[-1]["begin"])
            code = worker.wait()
        except BrokenPipeError:
            code = worker.wait()
        finally:
            watch.cancel()
            worker.kill()
            worker.wait()
            worker.stdout.close()
        errors.seek(0)
        return answers, "" if code == 0 else _how_it_ended(code, errors.read(), patience if silent else 0.0)


Say = Callable[[dict[str, Any]], None]
"""Gives the parent one line."""


def answer(work: Callable[[str, Say], None]) -> None:
    """The worker's side: does the job on stdin and answers on the real stdout; what plugins print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(line: dict[str, Any]) -> None:
        answers.write(json.dumps(line) + "\n")
        answers.flush()

    work(sys.stdin.readline(), say)


def with_tuples(given: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a dataclass that went through JSON: lists were tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


def _how_it_ended(code: int, errors: str, silent: float) -> str:
    if silent:
        return f"stopped: no answer for {silent:.0f} s"
    if code < 0:
        return f"failed: the process was killed by signal {-code}" + (", probably out of memory" if code == -9 else "")
    last = [line.strip() for line in errors.splitlines() if line.strip()][-1:]
    return f"failed: {last[0] if last else f'exit code {code}'}"[:300]
