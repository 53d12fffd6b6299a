"""`valle bench decode`: our autoregressive decoding beside the library it replaces, equal tokens first."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from valle_bench.machine import describe, provenance
from valle_bench.report import Column, Report
from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError

TITLE = "Autoregressive decoding beside generate: batch 1, float32, CPU, greedy"
QUICK = {"new_tokens": 24, "prompt_tokens": 32, "repeats": 2, "compiled": False}
"""Settings of `--quick`: a look in about a minute; shorter, without generate compiling itself."""

COLUMNS = [
    Column(key="case", title="case"),
    Column(key="size", title="size"),
    Column(key="setting", title="setting"),
    Column(key="compiled", title="compiled by"),
    Column(key="match", title="Match"),
    Column(key="tokens_per_s", title="tokens/s", form=".1f"),
    Column(key="ratio", title="ratio", form=".2f"),
    Column(key="roofline", title="roofline", form=".0f"),
    Column(key="share", title="share", form=".2f"),
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How long it measures.

    Attributes:
        quick: few tokens and nothing compiled, for a first look
        force: measure although other processes use the machine
        out: folder to write decode.json, decode.md and decode.png to
    """

    quick: bool = False
    force: bool = False
    out: Path | None = None


SCHEMA = Schema(sections=(Section("decode", Options, flat=True, help="Options"),))


def decode(context: CommandContext) -> CommandResult:
    """Compare greedy decoding with `generate` on the same weights and prompt, in one process, in turns.

    A ratio counts only where Match says yes: the tokens are those of `generate`. The roofline is what reading every
    weight once per token would take at the best read rate measured here.
    """
    from valle_bench.bars import draw_ratios
    from valle_bench.decode.measurement import Settings, run
    from valle_bench.reference import references_of

    own: Options = context.options("decode")
    if own.out is not None and own.out.exists() and not own.out.is_dir():
        raise UserError(f"--out {own.out} is a file. Name a folder")
    cases = references_of(context.registry, "decode")
    if not cases:
        raise UserError("no installed plugin brings a decoding benchmark. See: valle list-plugins --kind reference")
    facts = {**describe(force=own.force), **provenance(["torch", "transformers", "numba"]), "quick": own.quick}
    with context.progress("case") as bar:
        rows, missing = run(cases, Settings(given=QUICK if own.quick else {}, safe=context.registry.safe), bar.move)
    if not rows:
        raise UserError("; ".join(missing))
    report = Report(title=TITLE, facts=facts, rows=rows, columns=COLUMNS)
    if own.out is not None:
        for path in report.save(own.out, "decode"):
            sys.stderr.write(f"wrote {path}\n")
        draw_ratios(own.out / "decode.png", TITLE, rows)
    used = f"{facts['cores']} cores, {facts['cores_in_use_by_others']} in use by others"
    text = "\n".join([report.text(), *missing, f"{used}; ratio to generate's best"])
    return CommandResult(text=text, facts=report.to_json())
