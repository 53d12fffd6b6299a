"""`valle bench decode`: our autoregressive decoding beside the library it replaces, equal tokens first."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from valle_bench.machine import describe, provenance
from valle_bench.report import Column, Report
from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError

TITLE = "Autoregressive decoding beside generate: CPU, greedy"
QUICK = {"new_tokens": 24, "prompt_tokens": 32, "repeats": 2}
"""Settings of `--quick`: a look in about two minutes."""

COLUMNS = [
    Column(key="case", title="case"),
    Column(key="size", title="size"),
    Column(key="setting", title="setting"),
    Column(key="batch", title="batch"),
    Column(key="compiled", title="compiled by"),
    Column(key="match", title="Match"),
    Column(key="logits", title="logits off", form=".0e"),
    Column(key="invariant", title="invariant"),
    Column(key="per_step", title="tokens/step", form=".2f"),
    Column(key="tokens_per_s", title="tokens/s", form=".1f"),
    Column(key="ratio", title="ratio", form=".2f"),
    Column(key="gain", title="x alone", form=".2f"),
    Column(key="roofline", title="roofline", form=".0f"),
    Column(key="share", title="share", form=".2f"),
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How long it measures.

    Attributes:
        quick: few tokens, for a first look
        compiled: also let generate compile itself by torch.compile, where there is a C++ compiler (minutes)
        force: measure although other processes use the machine
        out: folder to write decode.json, decode.md and decode.png to
    """

    quick: bool = False
    compiled: bool = False
    force: bool = False
    out: Path | None = None


SCHEMA = Schema(sections=(Section("decode", Options, flat=True, help="Options"),))


def decode(context: CommandContext) -> CommandResult:
    """Compare greedy decoding with `generate` on the same weights and prompt, in one process, in turns.

    A ratio counts only where Match says yes: the tokens are those of `generate`. The roofline is what reading every
    weight once per step would take at the best read rate measured here. A setting is invariant where a row has the same
    bits alone and in a batch. What is compiled is compiled before it is timed.
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
        given = (QUICK if own.quick else {}) | ({"compiled": True} if own.compiled else {})
        rows, missing = run(cases, Settings(given=given, safe=context.registry.safe), bar.move)
    if not rows:
        raise UserError("; ".join(missing))
    report = Report(title=TITLE, facts=facts, rows=rows, columns=COLUMNS)
    if own.out is not None:
        for path in report.save(own.out, "decode"):
            sys.stderr.write(f"wrote {path}\n")
        draw_ratios(own.out / "decode.png", TITLE, rows)
    missing += costs(rows)
    used = f"{facts['cores']} cores, {facts['cores_in_use_by_others']} in use by others"
    text = "\n".join([report.text(), *missing, f"{used}; ratio to the reference's best"])
    return CommandResult(text=text, facts=report.to_json())


def costs(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What it costs that a row has the same bits alone and in a batch: beside the fastest way of ours without that."""
    found = []
    for size in dict.fromkeys((row["case"], row["size"], row["batch"]) for row in rows if row.get("batch", 1) > 1):
        mine = [row for row in rows if (row["case"], row["size"], row.get("batch")) == size]
        ways = [
            max((row for row in mine if row["invariant"] is wanted and row["match"]), key=rate_of, default=None)
            for wanted in (True, False)
        ]
        if ways[0] and ways[1]:
            times = rate_of(ways[0]) / rate_of(ways[1])
            found.append(
                f"{size[0]} {size[1]}, batch {size[2]}: the same bits in any batch at {times:.2f} x the tokens/s of "
                f"'{ways[1]['setting']}', whose bits depend on the batch"
            )
    return found


def rate_of(row: Mapping[str, Any]) -> float:
    """Tokens a second."""
    return row["tokens_per_s"]
