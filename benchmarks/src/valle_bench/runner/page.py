"""What a run measured as tables for a terminal, one page and one JSON document."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from valle_bench.report import Report, listed
from valle_core.files import write_json, write_text


@dataclass(frozen=True, kw_only=True)
class Page(ABC):
    """All about one run of a benchmark; a subclass says which tables its rows make.

    Attributes:
        facts: machine, versions, load, commit, date, command, and what was left out.
        stem: of the files it is saved as.
        title: of the page.
        missing, why: what the notes are called on a terminal and on the page.
    """

    facts: Mapping[str, Any]
    stem: ClassVar[str]
    title: ClassVar[str]
    missing: ClassVar[str] = "Missing:"
    why: ClassVar[str] = "What is missing, and why"

    @abstractmethod
    def sections(self) -> list[Report]:
        """The tables that have rows."""

    @abstractmethod
    def notes(self) -> list[str]:
        """Every figure that is missing or special and why, once."""

    @abstractmethod
    def document(self) -> dict[str, Any]:
        """What JSON holds beside title and facts."""

    def text(self) -> str:
        """For a terminal."""
        parts = [f"{section.title}\n\n{section.text()}" for section in self.sections()]
        return "\n\n".join([*parts, *(["\n".join([self.missing, *self.notes()])] if self.notes() else [])])

    def markdown(self) -> str:
        """One page."""
        parts = [f"## {section.title}\n\n{section.table()}" for section in self.sections()]
        if self.notes():
            parts.append(f"## {self.why}\n\n" + "\n".join(f"* {note}" for note in self.notes()))
        return "\n\n".join([f"# {self.title}", *parts, listed(self.facts)]) + "\n"

    def to_json(self) -> dict[str, Any]:
        """All that was measured."""
        return {"title": self.title, "facts": dict(self.facts), **self.document()}

    def save(self, folder: Path) -> list[Path]:
        """Write STEM.json and STEM.md. Returns their paths.

        Raises:
            UserError: the folder cannot be written to.
        """
        paths = [folder / f"{self.stem}.json", folder / f"{self.stem}.md"]
        write_json(paths[0], self.to_json())
        write_text(paths[1], self.markdown())
        return paths


def finite(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as strict JSON takes it: None for infinities and NaN."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()
    }
