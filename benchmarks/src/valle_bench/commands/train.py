"""`valle bench train`: steps of `valle train` beside those of another library's trainer."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from valle_bench.machine import describe, provenance
from valle_bench.report import Column, Report
from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError

TITLE = "Training a Llama on codes: tokens that are not padding, losses of the first steps compared"
QUICK: dict[str, Any] = {
    "d_model": 64, "layers": 2, "heads": 2, "utterances": 80, "steps": 6, "first": 2, "equal": 2, "repeats": 1,
    "seconds": 24.0,
}  # fmt: skip
"""Settings of `--quick`: small, in about a minute."""

COLUMNS = [
    Column(key="what", title="trainer"),
    Column(key="setting", title="setting"),
    Column(key="processes", title="processes"),
    Column(key="threads", title="threads"),
    Column(key="match", title="Match"),
    Column(key="tokens_per_s", title="tokens/s", form=".0f"),
    Column(key="ratio", title="ratio", form=".2f"),
    Column(key="audio_per_s", title="audio s/s", form=".1f"),
    Column(key="padding", title="padding", form=".3f"),
    Column(key="waiting", title="waiting for data", form=".3f"),
    Column(key="peak_mib", title="peak MiB of the largest process", form=".0f"),
    Column(key="note", title="note"),
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What is trained, and how long.

    Attributes:
        quick: a small model and few steps, for a first look
        lengths: distribution of the utterances' durations: voice (of the corpus of the shipped voice) or equal
        attention: kernel that ours is measured with; may be repeated
        d_model: model width
        layers: number of layers
        steps: measured steps of each run
        repeats: runs of each setting; the fastest counts
        threads: threads of a process, but for the comparison of one process with two
        force: measure although other processes use the machine
        out: folder to write train.json and train.md to
    """

    quick: bool = False
    lengths: str = "voice"
    attention: tuple[str, ...] = ()
    d_model: int | None = None
    layers: int | None = None
    steps: int | None = None
    repeats: int | None = None
    threads: int = 2
    force: bool = False
    out: Path | None = None

    def __post_init__(self) -> None:
        for name, least in (("d_model", 8), ("layers", 1), ("steps", 2), ("repeats", 1), ("threads", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UserError(f"{name} must be at least {least}, got {value}")
        if self.lengths not in ("voice", "equal"):
            raise UserError(f"lengths must be voice or equal, got '{self.lengths}'")
        if self.out is not None and self.out.exists() and not self.out.is_dir():
            raise UserError(f"--out {self.out} is a file. Name a folder")


SCHEMA = Schema(sections=(Section("train", Options, flat=True, help="Options"),))


def train(context: CommandContext) -> CommandResult:
    """Measure steps of `valle train` beside transformers' Trainer, from the same weights on the same rows.

    A ratio is to the fastest setting of the other trainer, and counts only where Match says yes: over the same batches
    the losses of the first steps are equal. Both train level 0 of one codebook, so that each position is one token.
    """
    from valle_bench.reference import references_of
    from valle_bench.train.run import audio_of, refuse, run, scaling
    from valle_bench.train.settings import Settings

    own: Options = context.options("train")
    asked = {name: getattr(own, name) for name in ("d_model", "layers", "steps", "repeats")}
    given = {name: value for name, value in asked.items() if value is not None}
    settings = replace(Settings(), **{**(QUICK if own.quick else {}), **given, "lengths": own.lengths,
                                      "threads": own.threads})  # fmt: skip
    settings = replace(settings, attention=own.attention or settings.attention)
    titles = [one.title for one in references_of(context.registry, "train", "llama")]
    refuse(titles)
    facts = {**describe(force=own.force), **provenance(["torch", "transformers", "accelerate", "numba"])}
    facts |= {"quick": own.quick, **{name: str(value) for name, value in asdict(settings).items()}}
    with context.progress("run") as bar:
        rows = run(settings, titles, bar.move)
    facts |= {"one process to two": scaling(rows)}
    report = Report(title=TITLE, facts=facts, rows=[asdict(row) for row in rows], columns=COLUMNS)
    if own.out is not None:
        for path in report.save(own.out, "train"):
            sys.stderr.write(f"wrote {path}\n")
    used = f"{facts['cores']} cores, {facts['cores_in_use_by_others']} in use by others"
    lines = [report.text(), audio_of(rows, settings), f"one process to two: {facts['one process to two']}"]
    text = "\n".join([*lines, f"{used}; ratio to the other trainer's best"])
    return CommandResult(text=text, facts=report.to_json())
