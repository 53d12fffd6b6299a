"""`valle data validate`: everything that is wrong with a dataset, one line each."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What is read.

    Attributes:
        data: dataset made by `valle prepare`
    """

    data: Path


SCHEMA = Schema(sections=(Section("validate", Options, flat=True, help="Options", positional=("data",)),))


def validate(context: CommandContext) -> CommandResult:
    """Read all of a dataset and check every code range, length, hash and count.

    Exit code 0: nothing is wrong. 1: problems, one line each, which begins with the utterance's id. 2: not a dataset,
    or one that is not finished.
    """
    from valle_core.data.dataset import open_dataset
    from valle_data.validation import problems

    dataset = open_dataset(context.options("validate").data)
    with context.progress("utterance") as bar:
        found = list(problems(dataset, bar.move))
    verdict = f"{len(found)} problems" if found else "all well"
    lines = [*map(str, found), f"{len(dataset)} utterances, {verdict}"]
    facts = {"utterances": len(dataset), "problems": [dataclasses.asdict(problem) for problem in found]}
    return CommandResult(text="\n".join(lines), facts=facts, code=1 if found else 0)
