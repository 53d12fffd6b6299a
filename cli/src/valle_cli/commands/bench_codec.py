"""`valle bench codec`: every codec, beside the package it replaces, equal codes and sound first."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from valle_bench.machine import describe, provenance
from valle_cli.bench_options import hardware, own_options
from valle_cli.help_page import epilog
from valle_cli.interpreter import notes
from valle_core.plugin import UserError

PACKAGES = ("torch", "transformers", "encodec", "vocos", "descript-audio-codec", "pesq", "pystoi")
QUICK: dict[str, Any] = {
    "seconds": (1.0,), "batch": 2, "stream_seconds": 1.5, "push_seconds": (0.2,), "memory_seconds": 0.0, "repeats": 2,
    "cell_seconds": 10.0, "clips": 2,
}  # fmt: skip
"""Settings of `--quick`: a second of sound, two recordings and no peak memory."""

SPEAKERS, SENTENCES = 6, 2
"""Of the synthetic held-out set that is made where `--speech` names none."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(
    epilog=epilog(["valle bench codec --quick --codec tiny", "valle bench codec --out benchmarks/results"]),
)
def codec(
    context: typer.Context,
    *,
    codec: Annotated[
        list[str] | None, typer.Option(help="codec to measure; may be repeated; all when left out")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="short sounds, no peak memory: a look only")] = False,
    seconds: Annotated[str | None, typer.Option(help="lengths of the timed sounds, e.g. 2,10")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="rows of the batches beside single rows; 1: none")] = None,
    long_seconds: Annotated[float | None, typer.Option(min=0, help="length of the long file; 0: none")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="CODEC.OPTION=VALUE", help="an option of one codec")
    ] = None,
    speech: Annotated[
        Path | None, typer.Option(help="recordings for PESQ and STOI, e.g. a corpus's held-out; made when left out")
    ] = None,
    clips: Annotated[int | None, typer.Option(min=0, help="how many of them; 0: no quality figures")] = None,
    cell_seconds: Annotated[
        float | None, typer.Option(min=0.1, help="leave out runs that are foreseen to take longer")
    ] = None,
    device: Annotated[str, typer.Option(help="torch device")] = "cpu",
    force: Annotated[bool, typer.Option("--force", help="measure although others use the machine")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    out: Annotated[Path | None, typer.Option(help="folder for codec.json, codec.md and codec.png")] = None,
) -> None:
    """Measure encoding, decoding, streaming, memory and quality of every codec, and of the package it replaces.

    A ratio is shown only where Match says yes: on the same weights the reference gives the same codes, or the same
    sound. A codec whose weights are not here runs on random ones and says so. What would take too long is left out
    and named.
    """
    from valle_bench.candidates import candidates_of
    from valle_bench.codec.plot import draw
    from valle_bench.codec.run import run
    from valle_bench.codec.settings import Candidate, Settings
    from valle_bench.codec.tables import TITLE, CodecReport
    from valle_cli.progress import StepBar
    from valle_core.assemble.device import choose_device
    from valle_core.registry.registry import Registry

    if out is not None and out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file. Name a folder")
    place = choose_device(device)
    given = {"batch": batch, "long_seconds": long_seconds, "clips": clips, "cell_seconds": cell_seconds}
    chosen = Settings(device=str(place), safe=context.obj.safe, **(QUICK if quick else {}))
    chosen = replace(chosen, **{name: value for name, value in given.items() if value is not None})
    if seconds is not None:
        chosen = replace(chosen, seconds=lengths(seconds))
    registry = Registry.open(safe=context.obj.safe)
    codecs, left_out = candidates_of(registry, "codec", codec or [], place.type)
    extra = own_options(settings or [], codecs, "codec")
    facts = {**describe(force=force), **provenance(PACKAGES), **hardware(place), "quick": quick}
    facts |= {"left_out": "; ".join(f"{name} ({why})" for name, why in left_out.items()) or "nothing"}
    for line in notes(registry, {"codec": tuple(registry.select("codec", name) for name in codecs)}):
        print(line, file=sys.stderr)
    with held_out(speech, registry, safe=context.obj.safe, wanted=chosen.clips > 0) as (folder, what):
        facts["quality"] = what
        chosen = replace(chosen, speech=str(folder) if folder else "")
        with StepBar(1, shown=not as_json, unit="measured") as bar:
            measured = run([Candidate(codec=name, options=extra.get(name, {})) for name in codecs], chosen, bar.move)
    report = CodecReport(measured=measured, settings=replace(chosen, speech=what), facts=facts)
    if out is not None:
        picture = out / "codec.png"
        draw(picture, TITLE, measured)
        for path in (*report.save(out), picture):
            print(f"wrote {path}", file=sys.stderr)
    if as_json:
        typer.echo(json.dumps(report.to_json()))
        return
    typer.echo(report.text())
    typer.echo(f"\n{facts['cores']} cores, {facts['cores_in_use_by_others']} in use by others")


@contextmanager
def held_out(speech: Path | None, registry: Any, *, safe: bool, wanted: bool) -> Iterator[tuple[Path | None, str]]:
    """The folder of recordings and what it holds; a synthetic held-out set is made where none is named.

    Raises:
        UserError: the named folder is none.
    """
    from importlib.util import find_spec

    if speech is not None and not speech.is_dir():
        raise UserError(
            f"--speech {speech} is no folder. Name one with recordings, e.g. CORPUS/held-out of valle corpus"
        )
    missing = [package for package in ("pesq", "pystoi") if find_spec(package) is None]
    if not wanted:
        yield None, "not measured"
    elif missing:
        yield None, f"not measured: {' and '.join(missing)} missing. pip install 'valle-bench[quality,pesq]'"
    elif speech is not None:
        yield speech, f"recordings under {speech}"
    elif not any(entry.name == "corpus" and entry.status == "ok" for entry in registry.entries("command")):
        missing = "no `valle corpus` to make speech with. pip install 'valle-corpus[espeak]', or give --speech"
        yield None, f"not measured: {missing}"
    else:
        with tempfile.TemporaryDirectory() as folder:
            words = ["--voices", "1", "--utterances", "1", "--held-out-voices", str(SPEAKERS), "--held-out-utterances",
                     str(SENTENCES), "--languages", "en,en,en,fr,de,es", "--sample-rate", "24000"]  # fmt: skip
            make_corpus(Path(folder) / "corpus", words, safe=safe)
            yield Path(folder) / "corpus" / "held-out", f"held-out voices of: valle corpus {' '.join(words)}"


def make_corpus(out: Path, words: list[str], *, safe: bool) -> None:
    """Run `valle corpus`; what it says goes to stderr."""
    from valle_cli.main import run

    with redirect_stdout(sys.stderr):
        code = run([*(["--safe"] if safe else []), "corpus", "--out", str(out), *words])
    if code:
        raise UserError("the speech for PESQ and STOI could not be made. Give --speech FOLDER, or --clips 0")


def lengths(text: str) -> tuple[float, ...]:
    """`"2,10"` as seconds, ascending. Raises `UserError` for anything else."""
    try:
        found = sorted({float(word) for word in text.split(",")})
    except ValueError:
        found = [0.0]
    if not 0.1 <= found[0] <= found[-1] <= 3600:
        raise UserError(f"--seconds {text}: expected seconds from 0.1 to 3600 with commas between, e.g. --seconds 2,10")
    return tuple(found)
