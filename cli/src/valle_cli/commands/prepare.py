"""`valle prepare`: a folder of recordings becomes a dataset of phonemes and codes."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from valle_cli.compose import Composed, Setup
from valle_cli.progress import StepBar
from valle_core.plugin import UserError
from valle_data.preparation.config import PREPARE_SCHEMA
from valle_data.preparation.options import NOT_GIVEN

EXAMPLES = (
    "valle prepare recordings/ --out data/",
    "valle prepare LJSpeech-1.1/ --out data/ --language en-us --storage shards",
    "valle prepare recordings/ --out data/ --codec mel-gl --device cpu",
    "valle prepare recordings/ --out data/ --rank 0 --world-size 4",
    "torchrun --nproc-per-node 2 --no-python valle prepare recordings/ --out data/ --phoneme-cache phonemes.jsonl",
    "valle prepare LibriTTS/ --out data/ --held-out-groups test-clean --language en-us",
    "valle prepare interviews.csv --out data/ --trim-silence --loudness -23",
    "valle prepare ljspeech/ --recipe ljspeech --out data/",
)


def prepare(
    setup: Setup,
    *,
    folder: Annotated[
        str, typer.Argument(help="folder or table of recordings; --layout says which are known", show_default=False)
    ] = "",
    device: Annotated[str, typer.Option(help="torch device of the codec: auto, cpu, cuda")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress bar")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as JSON")] = False,
    rank: Annotated[
        int | None, typer.Option(help="of this process, from 0; default: of torchrun or SLURM, if any")
    ] = None,
    world_size: Annotated[int | None, typer.Option(help="processes that share the work; with --rank")] = None,
) -> None:
    """Turn recordings with transcripts into a dataset of phonemes and codec codes.

    May be interrupted at any moment and run again; a second run does no work. What cannot be used is
    reported with its reason and left out. Under torchrun or srun, or with --rank and --world-size, each process
    makes its share in the same --out; whoever makes the last part finishes the dataset.
    """
    from valle_core.assemble.device import choose_device
    from valle_core.assemble.part import build
    from valle_core.assemble.portable import codec_options, portable_options
    from valle_core.registry.identity import identity_of
    from valle_core.registry.preflight import preflight
    from valle_data.preparation.equipment import Equipment
    from valle_data.preparation.prepare import prepare_share
    from valle_data.preparation.ranks import ShareReport, find_device, find_ranks

    options = setup.resolved.sections["prepare"]
    if not folder and options.source is NOT_GIVEN:
        raise UserError("no folder of recordings given; name it: valle prepare FOLDER --out data")
    if options.out is NOT_GIVEN:
        raise UserError("no folder for the dataset given; name it: --out data")
    options = dataclasses.replace(options, source=Path(folder) if folder else options.source)
    ranks = find_ranks(rank, world_size, os.environ)
    target = choose_device(find_device(device, os.environ))
    selected = preflight(setup.registry, setup.resolved.choices(), device=target.type)
    with StepBar(0, shown=not (quiet or as_json), unit="recording") as bar:
        codec = build(selected["codec"][0], setup.resolved.part("codec").options, device=target)
        frontend = build(selected["frontend"][0], setup.resolved.part("frontend").options)
        equipment = Equipment(
            codec=codec,
            frontend=frontend,
            frontend_name=setup.resolved.part("frontend").name,
            plugins=tuple(identity_of(selected[slot][0]) for slot in ("codec", "frontend")),
            frontend_options=portable_options(frontend, setup.resolved.part("frontend").options),
            codec_options=codec_options(setup.resolved.part("codec").options),
            device=target,
        )
        report = prepare_share(options, equipment, ranks, progress=Speed(bar))
    if isinstance(report, ShareReport):
        typer.echo(json.dumps(report.to_json()) if as_json else report.summary())
        return
    if report.detected:
        print(f"note: {report.languages_text()}", file=sys.stderr)
    for note in report.notes:
        print(f"note: {note}", file=sys.stderr)
    facts = {"finished": True, **report.to_json()}
    typer.echo(json.dumps(facts, ensure_ascii=False) if as_json else report.summary())


class Speed:
    """Shows how many recordings, and how many seconds of audio, this run does in a second."""

    def __init__(self, bar: StepBar) -> None:
        self._bar = bar
        self._begin: tuple[float, int] | None = None

    def __call__(self, done: int, total: int, seconds: float) -> None:
        """See `valle_data.preparation.work.Progress`; the first call comes before the first recording is done."""
        now = time.monotonic()
        start, first = self._begin = self._begin or (now, done)
        elapsed = max(now - start, 1e-3)
        rate = f"{(done - first) / elapsed:.1f} recordings/s · {seconds / elapsed:.0f} s audio/s"
        self._bar.move(done, total, f"{seconds:.0f} s of audio · {rate}")


app = Composed(PREPARE_SCHEMA, prepare, examples=EXAMPLES)
