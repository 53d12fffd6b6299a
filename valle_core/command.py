"""What a command of `valle` receives from the command line, and what it gives back to be printed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from valle_core.config.schema import Resolved
from valle_core.registry.registry import Registry


class Progress(Protocol):
    """A progress bar."""

    def move(self, done: int, total: int, figures: str = "") -> None:
        """Show `done` of `total` and a few figures behind."""
        ...


class Outcome(Protocol):
    """What a command returns: printed as text, or as JSON under `--json`. An attribute `code` is the exit code."""

    def summary(self) -> str: ...

    def to_json(self) -> Any: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandResult:
    """An outcome that is ready.

    Attributes:
        text: for people; "" prints nothing.
        facts: for scripts, as `json.dumps` takes it.
        code: exit code: 0 done, 1 the answer is no.
    """

    text: str
    facts: Any
    code: int = 0

    def summary(self) -> str:
        return self.text

    def to_json(self) -> Any:
        return self.facts


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandContext:
    """What a command runs with.

    Attributes:
        resolved: parts and sections, validated; `resolved.choices()` goes to the preflight.
        registry: where the parts' names were found.
        progress: `with context.progress("recording") as bar:` shows one on stderr, unless `--quiet` or `--json`.
        command: runs another one, `context.command("corpus", "--out", folder)`, and returns its exit code; under
            `--json` what that prints goes to stderr.
        config: the YAML file given with `--config`, or None.
        given: top-level keys that were set on the command line.
        json: `--json` was given.
    """

    resolved: Resolved
    registry: Registry
    progress: Callable[[str], AbstractContextManager[Progress]]
    command: Callable[..., int]
    config: Path | None = None
    given: frozenset[str] = frozenset()
    json: bool = False

    def options(self, section: str) -> Any:
        """The options of a section of the schema."""
        return self.resolved.sections[section]

    def note(self, text: str) -> None:
        """Tell the user on stderr."""
        sys.stderr.write(f"note: {text}\n")

    def warn(self, text: str) -> None:
        """Warn the user on stderr."""
        sys.stderr.write(f"warning: {text}\n")
