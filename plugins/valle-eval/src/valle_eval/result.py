"""What an evaluation found: figures of each system, each sentence's, and who judged; as JSON and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from valle_core.plugin import UserError
from valle_core.reading import json_text
from valle_eval.statistics import Mean, mean_of
from valle_language.measuring import Figure, Score

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One sentence of one system.

    Attributes:
        system: name.
        id, text, group: of the sentence.
        audio: file, relative to the result's folder where it lies in it.
        scores: by figure.
        transcript: words that were found.
        phones, expected: phonemes that were found, and that should be there.
    """

    system: str
    id: str
    text: str
    group: str
    audio: str
    scores: Mapping[str, Score]
    transcript: str = ""
    phones: str = ""
    expected: str = ""

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        facts = {name: getattr(self, name) for name in self.__slots__ if name != "scores"}
        return {**facts, "scores": {name: [score.amount, score.of] for name, score in self.scores.items()}}


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """An evaluation.

    Attributes:
        name: of the run, for the page.
        about: how it was made: command, date, machine, model.
        sentences: `count`, `hash` of ids and texts, `source`.
        systems: name → what it is.
        figures: in order.
        judges: figure → what its numbers depend on.
        rows: of all systems.
        folder: it lies in, and paths of audio are relative to.
    """

    name: str
    about: Mapping[str, Any]
    sentences: Mapping[str, Any]
    systems: Mapping[str, str]
    figures: Sequence[Figure]
    judges: Mapping[str, Mapping[str, str]]
    rows: Sequence[Row] = field(repr=False)
    folder: Path = Path()

    def of(self, system: str, group: str | None = None) -> list[Row]:
        """Rows of a system, of all groups or one."""
        return [row for row in self.rows if row.system == system and group in (None, row.group)]

    def groups(self) -> list[str]:
        """Names of groups, in order of appearance."""
        return [name for name in dict.fromkeys(row.group for row in self.rows) if name]

    def mean(self, system: str, figure: str, group: str | None = None) -> Mean | None:
        """None where no sentence of it has the figure."""
        return mean_of([row.scores[figure] for row in self.of(system, group) if figure in row.scores])

    def to_json(self) -> dict[str, Any]:
        """All of it, and the means for who reads it."""
        return {
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "about": dict(self.about),
            "sentences": dict(self.sentences),
            "systems": dict(self.systems),
            "figures": [{name: getattr(one, name) for name in one.__slots__} for one in self.figures],
            "judges": {name: dict(identity) for name, identity in self.judges.items()},
            "means": {system: dict(self._means(system)) for system in self.systems},
            "groups": {
                group: {system: dict(self._means(system, group)) for system in self.systems} for group in self.groups()
            },
            "rows": [row.to_json() for row in self.rows],
        }

    def _means(self, system: str, group: str | None = None) -> Iterator[tuple[str, Any]]:
        for figure in self.figures:
            found = self.mean(system, figure.name, group)
            if found is not None:
                yield figure.name, found.to_json()


def read_result(path: Path) -> Result:
    """The result of an earlier run: `result.json`, or the folder that holds it.

    Raises:
        UserError: it is not there, or is not a result of `valle eval`.
    """
    path = path / "result.json" if path.is_dir() else path
    try:
        stored = json_text.read_json(path)
    except OSError as error:
        raise UserError(f"'{path}' cannot be read: {error.strerror}. Name the result.json of `valle eval`") from error
    except ValueError as error:
        raise UserError(f"'{path}' is not a result of valle eval: {error}") from error
    if not isinstance(stored, dict) or stored.get("format_version") != FORMAT_VERSION:
        raise UserError(f"'{path}' is not a result of valle eval (format_version {FORMAT_VERSION})")
    try:
        return Result(
            name=str(stored["name"]),
            about=dict(stored["about"]),
            sentences=dict(stored["sentences"]),
            systems=dict(stored["systems"]),
            figures=tuple(Figure(**figure) for figure in stored["figures"]),
            judges={str(name): dict(identity) for name, identity in stored["judges"].items()},
            rows=tuple(_row(row) for row in stored["rows"]),
            folder=path.parent,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"'{path}' is damaged: {error!r:.100}. Run the evaluation again") from error


def _row(stored: Mapping[str, Any]) -> Row:
    scores = {str(name): Score(amount=float(a), of=float(b)) for name, (a, b) in stored["scores"].items()}
    return Row(**{**stored, "scores": scores})
