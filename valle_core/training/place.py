"""The folder of a run while it is trained: held by one process, whole as long as it lasts, gone where nothing came of
it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import SoftFileLock, Timeout

from valle_core.checkpoint.folder import RunFolder
from valle_core.files import write_text
from valle_core.plugin import UserError
from valle_core.registry.identity import warn
from valle_core.training.meter import append_line, cut_after

LOCK = ".train.lock"


class Place:
    """Where a run writes.

    Args:
        run: its folder.
        config: YAML of its configuration.
        resume: the checkpoint it goes on from, or None for a new run.
        writes: whether this is the process that does; the others leave the folder alone.
    """

    def __init__(self, run: RunFolder, config: str, *, resume: Path | None, writes: bool = True) -> None:
        self.run, self.resume, self._config, self._writes = run, resume, config, writes
        self._began = self._logged = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else trains here. A new run that ends before its first metrics leaves no folder behind.

        Raises:
            UserError: another process trains here.
        """
        if not self._writes:
            yield
            return
        made = [folder for folder in (self.run.path, *self.run.path.parents) if not folder.exists()]
        try:
            with self._alone():
                try:
                    yield
                except BaseException:
                    if self._began and not self._logged and self.resume is None:
                        self._undo()
                    raise
        finally:
            for folder in made:
                with suppress(OSError):  # something is in it
                    folder.rmdir()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """By a file that names this process; one whose process is gone from this machine is taken over."""
        lock = SoftFileLock(self.run.path / LOCK)
        try:
            self.run.path.mkdir(parents=True, exist_ok=True)
            lock.acquire(blocking=False)
        except Timeout as error:
            whose = f"process {lock.pid}" if lock.pid else "another process"
            raise UserError(
                f"'{self.run.path}' is being trained by {whose}. Wait for it, or end it; if it is gone, remove "
                f"'{lock.lock_file}'"
            ) from error
        except OSError as error:
            raise UserError(f"cannot write to {self.run.path}: {error.strerror}; choose another --out") from error
        try:
            yield
        finally:
            lock.release()

    def begin(self) -> None:
        """Write the configuration; what an older attempt left is cleared, checkpoints past the one chosen set aside."""
        if not self._writes:
            return
        self._began = True
        try:
            self.run.checkpoints.mkdir(parents=True, exist_ok=True)
            if self.resume is None:
                self.run.metrics.unlink(missing_ok=True)  # of a run that never reached a checkpoint
            else:
                self._set_aside(self.resume)
                cut_after(self.run.metrics, int(self.resume.name.removeprefix("step-")))
            write_text(self.run.config, self._config)
        except OSError as error:
            raise UserError(f"cannot write to {self.run.path}: {error.strerror}; choose another --out") from error

    def append(self, line: Mapping[str, Any]) -> None:
        """Add a line of the metrics; what was removed meanwhile is made again, and said to be."""
        if not self._writes:
            return
        lost = not self.run.path.is_dir()
        if lost or not self.run.config.is_file():
            what = f"{self.run.path} was" if lost else f"{self.run.config} was"
            gone = "; its earlier metrics and checkpoints are gone" if lost else ""
            warn(f"{what} removed while the run was training, and is written again{gone}")
            self.run.path.mkdir(parents=True, exist_ok=True)
            write_text(self.run.config, self._config)
        elif self._logged and not self.run.metrics.exists():
            warn(f"{self.run.metrics} was removed while the run was training; it goes on from step {line['step']}")
        append_line(self.run.metrics, line)
        self._logged = True

    def _set_aside(self, chosen: Path) -> None:
        """Checkpoints newer than the chosen one would be taken for the newest. The last keeps the metrics up to it."""
        newer = [self.run.checkpoint(step) for step in self.run.steps() if self.run.checkpoint(step).name > chosen.name]
        for checkpoint in newer:
            aside = checkpoint.with_name(f"set-aside-{checkpoint.name}")
            number = 1
            while aside.exists():
                number += 1
                aside = checkpoint.with_name(f"set-aside-{number}-{checkpoint.name}")
            os.rename(checkpoint, aside)
            if checkpoint == newer[-1] and self.run.metrics.exists():
                shutil.copyfile(self.run.metrics, aside / self.run.metrics.name)
            warn(f"{checkpoint} is newer than {chosen.name}, which the run goes on from: it is now {aside.name}")

    def _undo(self) -> None:
        with suppress(OSError):
            self.run.config.unlink(missing_ok=True)
            self.run.checkpoints.rmdir()
