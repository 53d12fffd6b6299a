"""What a benchmark adds to the runner: the dataclasses that travel to its worker, and who measures there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from typing import Any

from valle_bench.conversation import with_tuples
from valle_core.registry.registry import Registry

OWN = "valle"
"""Name of our implementation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """One benchmark that measures in a worker process.

    Attributes:
        home: `"module:attribute"` of this very object; the worker imports it there.
        candidate: dataclass of what one process loads.
        settings: dataclass of the run; has `cell_seconds` and `safe`.
        cell: dataclass of one piece of measuring; hashable.
        figure: dataclass of what one implementation did in one cell; has a `note`.
        opens: loads the implementations of a job, in the worker.
    """

    home: str
    candidate: type
    settings: type
    cell: type
    figure: type
    opens: Callable[[Registry, Job], Opened]


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What a worker is asked for.

    Attributes:
        measurement: of the benchmark.
        candidate: of its `candidate`.
        settings: of its `settings`.
        cells: to be measured, in this order.
        references: whether reference implementations stand beside ours.
        only: name of the one implementation that is wanted (for peak memory); "" for all.
        without: implementations left out of a cell because they ended a worker in it, by the cell's place in `cells`.
    """

    measurement: Measurement
    candidate: Any
    settings: Any
    cells: tuple[Any, ...]
    references: bool = True
    only: str = ""
    without: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    def text(self) -> str:
        """As one line of JSON."""
        return json.dumps(
            {
                "measurement": self.measurement.home,
                "candidate": asdict(self.candidate),
                "settings": asdict(self.settings),
                "cells": [asdict(cell) for cell in self.cells],
                "references": self.references,
                "only": self.only,
                "without": [[index, list(implementations)] for index, implementations in self.without.items()],
            }
        )

    @classmethod
    def read(cls, text: str) -> Job:
        """The job of `text()`."""
        given = json.loads(text)
        module, _, attribute = given["measurement"].partition(":")
        measurement: Measurement = getattr(import_module(module), attribute)
        return cls(
            measurement=measurement,
            candidate=measurement.candidate(**with_tuples(given["candidate"])),
            settings=measurement.settings(**with_tuples(given["settings"])),
            cells=tuple(measurement.cell(**with_tuples(cell)) for cell in given["cells"]),
            references=given["references"],
            only=given["only"],
            without={index: tuple(implementations) for index, implementations in given["without"]},
        )

    def behind(self, index: int) -> Job:
        """What is left after a cell."""
        return replace(self, cells=self.cells[index + 1 :], without={})


Figures = dict[str, Any]
"""A figure of each implementation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A candidate that is ready in the worker.

    Attributes:
        notes: for each implementation "" or why it takes no part, ours first.
        facts: what the candidate says about itself.
        measure: gives the figures of a cell; None where nothing can be measured. It is told which to leave out,
            and calls its third argument with the name of one that begins alone, so that a death is laid to it.
    """

    notes: Mapping[str, str]
    facts: Mapping[str, Any]
    measure: Callable[[Any, tuple[str, ...], Callable[[str], None]], Figures] | None
