"""Runs a command of a plugin in a test, without a command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from valle_core.command import CommandContext
from valle_core.config.resolve import resolve
from valle_core.config.schema import Schema
from valle_core.registry.registry import Registry
from valle_testing.suites.command.ran import valle


class Silent:
    """A progress bar that nobody sees."""

    def move(self, done: int, total: int, figures: str = "") -> None:
        """See `valle_core.command.Progress`."""


@contextmanager
def no_progress(unit: str) -> Iterator[Silent]:
    """A bar that nobody sees, as `CommandContext.progress` gives one."""
    yield Silent()


def context_of(schema: Schema, **options: Any) -> CommandContext:
    """What a command receives for `--option value …`; a plugin's option is written `**{"codec.weights": "random"}`.

    Raises:
        UserError: as on the command line.
    """
    registry = Registry.open()
    given = {key: list(value) if isinstance(value, tuple) else value for key, value in options.items()}
    return CommandContext(
        resolved=resolve(schema, registry, flags=given.items()),
        registry=registry,
        progress=no_progress,
        command=lambda *words: valle(*words[:1])(list(map(str, words[1:]))),
        given=frozenset(key.partition(".")[0] for key in given),
    )
