"""`valle bench decode`: our autoregressive decoding beside the library it replaces, equal tokens first."""

from __future__ import annotations

import json
import sys
from dataclasses import is_dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from valle_bench.machine import describe, provenance
from valle_cli.help_page import epilog
from valle_core.plugin import UserError

TITLE = "Autoregressive decoding beside generate: batch 1, float32, CPU, greedy"
QUICK = {"new_tokens": 24, "prompt_tokens": 32, "repeats": 2, "compiled": False}
"""Settings of `--quick`: a look in about a minute; shorter, without generate compiling itself."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(epilog=epilog(["valle bench decode --quick", "valle bench decode --out benchmarks/results"]))
def decode(
    context: typer.Context,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="short answers, nothing compiled: a look only")] = False,
    force: Annotated[bool, typer.Option("--force", help="measure although others use the machine")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    out: Annotated[Path | None, typer.Option(help="folder for decode.json, decode.md and decode.png")] = None,
) -> None:
    """Compare greedy decoding with `generate` on the same weights and prompt, in one process, in turns.

    A ratio counts only where Match says yes: the tokens are those of `generate`. The roofline is what reading every
    weight once per token would take at the best read rate measured here.
    """
    from valle_bench.bars import draw_ratios
    from valle_bench.reference import references_of
    from valle_bench.report import Column, Report, as_mappings
    from valle_core.registry.registry import Registry

    if out is not None and out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file. Name a folder")
    cases = references_of(Registry.open(safe=context.obj.safe), "decode")
    if not cases:
        raise UserError("no installed plugin brings a decoding benchmark. See: valle list-plugins --kind reference")
    facts = {**describe(force=force), **provenance(["torch", "transformers", "numba"]), "quick": quick}
    rows: list[dict[str, Any]] = []
    for case in cases:
        print(f"measuring {case.title} …", file=sys.stderr)
        measured = list(case.load(**(QUICK if quick else {})))
        if not all(is_dataclass(row) for row in measured):
            raise UserError(f"reference '{case.name}' gave rows that are not dataclasses. Tell its author")
        rows += [{"case": case.title, **row} for row in as_mappings(measured)]
    columns = [
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
    report = Report(title=TITLE, facts=facts, rows=rows, columns=columns)
    if out is not None:
        for path in report.save(out, "decode"):
            print(f"wrote {path}", file=sys.stderr)
        draw_ratios(out / "decode.png", TITLE, rows)
    if as_json:
        typer.echo(json.dumps(report.to_json()))
        return
    typer.echo(report.text())
    typer.echo(f"{facts['cores']} cores, {facts['cores_in_use_by_others']} in use by others; ratio to generate's best")
