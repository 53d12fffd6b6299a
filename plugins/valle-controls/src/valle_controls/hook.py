"""The hook `controls`: opens what `--control` names when a run begins, and hands the loop what was asked."""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from valle_controls.address import Door
from valle_controls.listener import Listener
from valle_controls.session import Session
from valle_controls.terminal import standard_input
from valle_core.api import UserError, hookimpl, warn


class Controls:
    """Of one run at a time."""

    def __init__(self) -> None:
        self._session: Session | None = None
        self._listener: Listener | None = None

    @hookimpl
    def train_start(self, facts: Mapping[str, Any]) -> None:
        """Open the sources; one that cannot be opened is told in one line, and the run goes on without it."""
        self._close("another run begins")
        sources = getattr(getattr(facts.get("live"), "options", None), "control", ())
        run, standard, door = Path(facts["run"]), standard_input(sources), None
        if "socket" in sources:
            try:
                door = Door(run)
            except UserError as error:
                warn(str(error))
        if standard is None and door is None:
            return
        self._session = Session(run, facts["step"], facts["steps"])
        self._listener = Listener(self._session.take, standard, door)
        atexit.register(self._listener.close)

    @hookimpl
    def train_requests(self, step: int) -> Mapping[str, Any] | None:
        """What was asked since the last step."""
        return self._session and self._session.requests(step)

    @hookimpl
    def train_step_end(self, step: int, metrics: Mapping[str, float], figures: Mapping[str, float]) -> None:
        """Answer `eval`."""
        if self._session:
            self._session.logged(step, metrics, figures)

    @hookimpl
    def checkpoint_saved(self, step: int, path: Path) -> None:
        """Answer `save` and `quit`, begin an export."""
        if self._session:
            self._session.saved(step, path)

    @hookimpl
    def train_failed(self, step: int) -> None:
        """Close the sources."""
        self._close(f"the run ended with an error in step {step}", wait=False)

    @hookimpl
    def train_end(self, step: int) -> None:
        """Close the sources."""
        self._close(f"the run is over, at step {step}")

    def _close(self, text: str, *, wait: bool = True) -> None:
        session, listener, self._session, self._listener = self._session, self._listener, None, None
        if session:
            session.end(text, wait=wait)
        if listener:
            listener.close()
            atexit.unregister(listener.close)


HOOK = Controls()
