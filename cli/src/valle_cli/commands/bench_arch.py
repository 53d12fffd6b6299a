"""`valle bench arch`: every backbone, beside the library it replaces and at an equal parameter count."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from valle_bench.machine import describe, provenance
from valle_cli.bench_options import hardware, own_options
from valle_cli.help_page import epilog
from valle_core.plugin import UserError

PACKAGES = ("torch", "transformers", "torchscale", "mamba-ssm", "fla-core", "numba")
QUICK: dict[str, Any] = {
    "lengths": (256, 512, 1024), "train_length": 256, "positions": (256, 1024), "memory_length": 0, "repeats": 2,
    "steps": 16, "cell_seconds": 10.0,
}  # fmt: skip
"""Settings of `--quick`: short rows and no peak memory."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(
    epilog=epilog(["valle bench arch --quick --arch llama --arch retnet", "valle bench arch --out benchmarks/results"])
)
def arch(
    context: typer.Context,
    *,
    arch: Annotated[
        list[str] | None, typer.Option(help="backbone to measure; may be repeated; all when left out")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="short rows, no peak memory: a look only")] = False,
    lengths: Annotated[
        str | None, typer.Option("--T", help="positions of the forward passes, e.g. 256,1024,4096")
    ] = None,
    d_model: Annotated[int, typer.Option(min=2, help="width of every backbone before counts are made equal")] = 512,
    layers: Annotated[int, typer.Option(min=1, help="layers of every backbone before counts are made equal")] = 4,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="ARCH.OPTION=VALUE", help="an option of one backbone")
    ] = None,
    cell_seconds: Annotated[
        float | None, typer.Option(min=0.1, help="leave out runs that are foreseen to take longer")
    ] = None,
    attention: Annotated[str, typer.Option(help="kernel of the backbones that need one")] = "sdpa",
    device: Annotated[str, typer.Option(help="torch device")] = "cpu",
    force: Annotated[bool, typer.Option("--force", help="measure although others use the machine")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    out: Annotated[Path | None, typer.Option(help="folder for arch.json, arch.md and arch.png")] = None,
) -> None:
    """Measure forward passes, training steps, decoding and memory of every backbone, and of the library it replaces.

    A ratio is shown only where Match says yes: on the same weights the reference gives the same states. What would take
    longer than the limit, or more memory than is free, is left out and named.
    """
    from valle_bench.arch.plot import draw
    from valle_bench.arch.run import plan, run
    from valle_bench.arch.settings import Settings
    from valle_bench.arch.tables import TITLE, ArchReport
    from valle_bench.candidates import candidates_of
    from valle_cli.progress import StepBar
    from valle_core.assemble.device import choose_device
    from valle_core.registry.registry import Registry

    if out is not None and out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file. Name a folder")
    place = choose_device(device)
    chosen = Settings(
        d_model=d_model,
        n_layers=layers,
        attention=attention,
        device=str(place),
        safe=context.obj.safe,
        **(QUICK if quick else {}),
    )
    if lengths is not None:
        chosen = replace(chosen, lengths=positions(lengths))
        chosen = replace(chosen, memory_length=min(chosen.memory_length, chosen.lengths[-1]))
    if cell_seconds is not None:
        chosen = replace(chosen, cell_seconds=cell_seconds)
    registry = Registry.open(safe=context.obj.safe)
    archs, left_out = candidates_of(registry, "arch", arch or [], place.type)
    extra = own_options(settings or [], archs, "arch")
    facts = {**describe(force=force), **provenance(PACKAGES), **hardware(place), "quick": quick}
    facts |= {"left_out": "; ".join(f"{name} ({why})" for name, why in left_out.items()) or "nothing"}
    facts |= {"peak_memory": "resident memory above the loaded model, one run in a fresh process for each"}
    with StepBar(1, shown=not as_json, unit="measured") as bar:
        rows = run(plan(registry, archs, chosen, extra), bar.move)
    report = ArchReport(rows=rows, settings=chosen, facts=facts)
    if out is not None:
        picture = out / "arch.png"
        draw(picture, f"{TITLE}: d_model {d_model}, {layers} layers", rows)
        for path in (*report.save(out), picture):
            print(f"wrote {path}", file=sys.stderr)
    if as_json:
        typer.echo(json.dumps(report.to_json()))
        return
    typer.echo(report.text())
    typer.echo(f"\n{facts['cores']} cores, {facts['cores_in_use_by_others']} in use by others")


def positions(text: str) -> tuple[int, ...]:
    """`"256,1024"` as numbers, ascending. Raises `UserError` for anything else."""
    try:
        found = sorted({int(word) for word in text.split(",")})
    except ValueError:
        found = [0]
    if found[0] < 1:
        raise UserError(f"--T {text}: expected numbers of positions from 1 on with commas between, e.g. --T 256,1024")
    return tuple(found)
