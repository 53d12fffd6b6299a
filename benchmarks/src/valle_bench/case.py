"""The cases of a benchmark, as plugins bring them through the hook `bench_cases`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from valle_core.plugin import UserError
from valle_core.registry.hooks import BenchCase, Observers


@runtime_checkable
class RunnableCase(BenchCase, Protocol):
    """A case that measures by itself; its rows are instances of one dataclass, whose fields are the columns.

    A row's field `match` says whether the measured side gave the result of what it is compared with.
    """

    def run(self, **settings: Any) -> Sequence[Any]:
        """Rows of both sides, measured in turns in this process. `settings` make it smaller or larger."""
        ...


def cases_of(observers: Observers, bench: str) -> list[RunnableCase]:
    """The cases that say `bench`, in the order of their plugins.

    Raises:
        UserError: no plugin brings one, or one has no `run`.
    """
    found = [case for case in observers.collect("bench_cases") if getattr(case, "bench", None) == bench]
    if not found:
        raise UserError(f"no installed plugin has a case for 'bench {bench}'. See: valle list-plugins --kind hook")
    for case in found:
        if not isinstance(case, RunnableCase):
            raise UserError(f"case '{case.name}' of 'bench {bench}' cannot be run: it has no method run()")
    return found
