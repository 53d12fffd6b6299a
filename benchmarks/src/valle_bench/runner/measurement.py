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
"""Name of our side."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """One benchmark that measures in a worker process.

    Attributes:
        home: `"module:attribute"` of this very object; the worker imports it there.
        subject: dataclass of what one process loads.
        settings: dataclass of the run; has `cell_seconds` and `safe`.
        cell: dataclass of one piece of measuring; hashable.
        figure: dataclass of what one side did in one cell; has a `note`.
        opens: loads the sides of a job, in the worker.
    """

    home: str
    subject: type
    settings: type
    cell: type
    figure: type
    opens: Callable[[Registry, Job], Opened]


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What a worker is asked for.

    Attributes:
        measurement: of the benchmark.
        subject: of its `subject`.
        settings: of its `settings`.
        cells: to be measured, in this order.
        references: whether reference implementations stand beside ours.
        only: name of the one side that is wanted (for peak memory); "" for all.
        without: sides that are left out of a cell because they ended a worker in it, by the cell's place in `cells`.
    """

    measurement: Measurement
    subject: Any
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
                "subject": asdict(self.subject),
                "settings": asdict(self.settings),
                "cells": [asdict(cell) for cell in self.cells],
                "references": self.references,
                "only": self.only,
                "without": [[index, list(sides)] for index, sides in self.without.items()],
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
            subject=measurement.subject(**with_tuples(given["subject"])),
            settings=measurement.settings(**with_tuples(given["settings"])),
            cells=tuple(measurement.cell(**with_tuples(cell)) for cell in given["cells"]),
            references=given["references"],
            only=given["only"],
            without={index: tuple(sides) for index, sides in given["without"]},
        )

    def behind(self, index: int) -> Job:
        """What is left after a cell."""
        return replace(self, cells=self.cells[index + 1 :], without={})


Figures = dict[str, Any]
"""A figure of each side."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A subject that is ready in the worker.

    Attributes:
        notes: for each side "" or why it takes no part, ours first.
        facts: what the subject says about itself.
        measure: gives the figures of a cell; None where nothing can be measured. It is told which sides to leave out,
            and calls its third argument with the name of a side that begins alone, so that a death is laid to it.
    """

    notes: Mapping[str, str]
    facts: Mapping[str, Any]
    measure: Callable[[Any, tuple[str, ...], Callable[[str], None]], Figures] | None
