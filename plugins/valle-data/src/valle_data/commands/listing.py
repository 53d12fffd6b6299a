"""`valle data list`: the utterances of a dataset, one line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError

if TYPE_CHECKING:
    from valle_core.data.dataset import Dataset
    from valle_core.data.record import IndexEntry


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Which utterances.

    Attributes:
        data: dataset made by `valle prepare`
        speaker: list utterances of this speaker only
        language: list utterances in this language only
        tone: list utterances with this tone label only
        limit: maximum number of utterances to list
    """

    data: Path
    speaker: str | None = None
    language: str | None = None
    tone: str | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise UserError(f"limit must be at least 1, got {self.limit}")

    def wants(self, row: IndexEntry) -> bool:
        """Whether an utterance is one of them."""
        pairs = ((self.speaker, row.speaker), (self.language, row.language), (self.tone, row.tone))
        return all(wanted in (None, found) for wanted, found in pairs)


SCHEMA = Schema(sections=(Section("list", Options, flat=True, help="Options", positional=("data",)),))


def list_utterances(context: CommandContext) -> CommandResult:
    """List utterances in the order of their ids: id, speaker, language, seconds, text, with tabs between.

    Where the dataset has tone labels, the tone stands before the text. Line ends in ids are written `\\n`.
    """
    from valle_core.data.dataset import open_dataset
    from valle_data.storage.facts import row_json

    own: Options = context.options("list")
    dataset = open_dataset(own.data)
    tones = known(own, dataset)
    chosen = list(islice((row for row in dataset.rows() if own.wants(row)), own.limit))
    lines = []
    for row in chosen:
        tone = [row.tone or ""] if tones else []
        fields = [row.id, row.speaker, row.language, f"{row.seconds:.2f}", *tone, row.text]
        lines.append("\t".join(_one_line(field) for field in fields))
    return CommandResult(text="\n".join(lines), facts=[row_json(row) for row in chosen])


def known(own: Options, dataset: Dataset) -> Sequence[str]:
    """The dataset's tones. Raises `UserError` for a speaker, a language or a tone that nobody has."""
    if own.speaker is not None and own.speaker not in dataset.speakers():
        raise UserError(f"no speaker in '{own.data}' is called '{own.speaker}'. See: valle data stats {own.data}")
    if own.language is not None and own.language not in dataset.languages:
        raise UserError(f"no utterance in '{own.data}' is in '{own.language}'. It has {', '.join(dataset.languages)}")
    tones, _ = dataset.toned()
    if own.tone is not None and own.tone not in tones:
        raise UserError(f"'{own.data}' has no tone '{own.tone}'. It has {', '.join(tones) or 'no tones'}")
    return tones


def _one_line(field: str) -> str:
    return field.replace("\t", "\\t").replace("\r", "\\r").replace("\n", "\\n")
