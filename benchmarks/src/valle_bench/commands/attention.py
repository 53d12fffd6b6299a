"""`valle bench attention`: every attention kernel beside `eager` and each other, held to float64 first."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from valle_bench.attention.presets import Preset, Shapes, shapes_of
from valle_bench.attention.settings import Candidate, Cell, Direction, Form, Settings
from valle_bench.commands.measured import BenchOptions, facts_of
from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError

PACKAGES = ("torch", "triton", "numba", "xformers", "flash-attn")
DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What is measured.

    Attributes:
        preset: set of shapes: as in training (valle), long sequences (long), FlashAttention's benchmark (fa), decoding
            (decode) or packed rows (packed)
        kernel: kernel to compare with eager; may be repeated; left out: all that are installed
        quick: two lengths, one mask and few repeats, for a first look
        lengths: sequence lengths T, separated by commas, e.g. 256,1024
        form: mask forms, separated by commas, e.g. causal,full,prefix,mixed,window,packed
        direction: passes to time, e.g. forward,backward
        dtype: data types, e.g. float32,bfloat16; left out: by device
        head_width: head widths Dh, e.g. 64,128
        heads: number of query heads H
        kv_heads: numbers of key/value heads Hk, e.g. 8,2; divisors of the number of heads
        batch: batch sizes, e.g. 1,8
        window: window width in positions, for the mask form window
        against: kernel to compare the times of all others with
        compare: attention.json of an earlier run to compare with
        repeats: minimum number of timed runs of each kernel
        cell_seconds: skip measurements expected to take longer than this many seconds
        max_seconds: time budget in seconds; shapes that would begin later are skipped; 0: no limit
        seed: random seed of the inputs
        device: torch device to measure on
        force: measure although other processes use the machine
        out: folder to write attention.json, .md, .csv, .png and -dark.png to
    """

    preset: Preset = "valle"
    kernel: tuple[str, ...] = ()
    quick: bool = False
    lengths: str = ""
    form: str = ""
    direction: str = ""
    dtype: str = ""
    head_width: str = ""
    heads: int | None = None
    kv_heads: str = ""
    batch: str = ""
    window: int | None = None
    against: str = ""
    compare: Path | None = None
    repeats: int | None = None
    cell_seconds: float | None = None
    max_seconds: float = 0.0
    seed: int = 0
    device: str = "auto"
    force: bool = False
    out: Path | None = None

    def __post_init__(self) -> None:
        for name, least in (("heads", 1), ("window", 1), ("repeats", 1), ("cell_seconds", 0.1), ("max_seconds", 0)):
            if (value := getattr(self, name)) is not None and value < least:
                raise UserError(f"{name} must be at least {least}, got {value}")
        for name in ("lengths", "head_width", "kv_heads", "batch"):
            numbers(name, getattr(self, name))
        words("form", self.form, get_args(Form))
        words("direction", self.direction, get_args(Direction))
        words("dtype", self.dtype, tuple(DTYPES) + tuple(DTYPES.values()))


SCHEMA = Schema(sections=(Section("attention", Options, flat=True, help="Options"),))


def attention(context: CommandContext) -> CommandResult:
    """Measure every installed attention kernel: time, TFLOP/s, GB/s, peak memory, forward, backward and decoding.

    A ratio is shown only where Match says yes: the results, gradients included, are those of float64 within the
    dtype's tolerance. The mask is a new one at each call, so what a kernel prepares for it is timed. A kernel that
    cannot run is named with its reason.
    """
    from valle_bench.attention.kernels import names_of
    from valle_bench.attention.older import read_older
    from valle_bench.attention.run import run
    from valle_bench.attention.tables import AttentionReport
    from valle_core.assemble.device import choose_device

    own: Options = context.options("attention")
    if own.out is not None and own.out.exists() and not own.out.is_dir():
        raise UserError(f"--out {own.out} is a file. Name a folder")
    before = {} if own.compare is None else read_older(own.compare)
    place = choose_device(own.device)
    cells = cells_of(own, large=place.type != "cpu")
    wanted = (*own.kernel, *([own.against] if own.against and own.kernel else []))
    kernels, left = names_of(context.registry, wanted, place.type)
    if own.against and own.against not in kernels:
        raise UserError(f"--against {own.against}: {left.get(own.against, 'there is no such kernel')}. "
                        f"Choose one of {', '.join(kernels)}")  # fmt: skip
    facts = facts_of(BenchOptions(force=own.force, quick=own.quick), place, PACKAGES, left) | {"preset": own.preset}
    settings = Settings(device=str(place), safe=context.registry.safe, seed=own.seed, **limits(own))
    candidate = Candidate(kernels=tuple(kernels), dtypes=tuple(dict.fromkeys(cell.dtype for cell in cells)))
    with context.progress("measured") as bar:
        found = run(candidate, left, cells, settings, bar.move, against=own.against, before=before)
    page = AttentionReport(
        rows=found.rows, settings=settings, peaks=found.peaks, against=own.against, facts=facts | listed(found.peaks)
    )
    if own.out is not None:
        save(page, own.out)
    used = f"{facts['cores']} cores, {facts['cores_in_use_by_others']} in use by others"
    return CommandResult(text=f"{page.text()}\n\n{used}; {in_words(found.peaks)}", facts=page.to_json())


def save(page: Any, out: Path) -> None:
    """Write tables and pictures, and name them."""
    from valle_bench.attention.plot import draw

    written = page.save(out)
    for dark, name in ((False, "attention.png"), (True, "attention-dark.png")):
        draw(out / name, f"{page.title}: {page.facts['preset']}", page.rows, dark=dark)
        written.append(out / name)
    for path in written:
        sys.stderr.write(f"wrote {path}\n")


def cells_of(own: Options, *, large: bool) -> list[Cell]:
    """The preset's cells with what the user changed. Raises `UserError` where heads do not fit."""
    shapes = shapes_of(own.preset, large=large, quick=own.quick)
    given: dict[str, Any] = {
        "lengths": numbers("lengths", own.lengths),
        "head_widths": numbers("head_width", own.head_width),
        "kv_heads": numbers("kv_heads", own.kv_heads),
        "batches": numbers("batch", own.batch),
        "forms": words("form", own.form, get_args(Form)),
        "directions": words("direction", own.direction, get_args(Direction)),
        "dtypes": tuple(DTYPES.get(word, word) for word in own.dtype.split(",") if word),
        "heads": own.heads,
        "window": own.window,
    }
    shapes: Shapes = replace(shapes, **{name: value for name, value in given.items() if value})
    cells = list(shapes.cells())
    for cell in cells:
        if cell.heads % cell.kv_heads:
            raise UserError(f"kv_heads must divide heads, got {cell.kv_heads} and {cell.heads}")
        if cell.direction == "decode" and cell.form != "causal":
            raise UserError(f"direction decode takes the form causal only, got {cell.form}")
    return cells


def limits(own: Options) -> dict[str, Any]:
    """Settings of how long it measures."""
    repeats = own.repeats or (2 if own.quick else None)
    given = {"repeats": repeats, "cell_seconds": own.cell_seconds, "max_seconds": own.max_seconds}
    return {name: value for name, value in given.items() if value is not None}


def numbers(name: str, text: str) -> tuple[int, ...]:
    """`"256,1024"` ascending. Raises `UserError` for anything but whole numbers from 1 on."""
    try:
        found = sorted({int(word) for word in text.split(",")}) if text else []
    except ValueError:
        found = [0]
    if found and found[0] < 1:
        raise UserError(f"{name} must be whole numbers from 1 on with commas between, e.g. 256,1024, got {text}")
    return tuple(found)


def words(name: str, text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """`"causal,full"` in the order written. Raises `UserError` for another word than the known ones."""
    found = tuple(dict.fromkeys(word.strip() for word in text.split(","))) if text else ()
    for word in found:
        if word not in known:
            raise UserError(f"{name} must be some of {', '.join(known)}, got {word or 'nothing'}")
    return found


def listed(peaks: Any) -> dict[str, object]:
    """The machine's peaks as facts of the page."""
    return {"peaks, measured beside the kernels": in_words(peaks)} if peaks else {}


def in_words(peaks: Any) -> str:
    """One line."""
    if not peaks:
        return "no peaks were measured"
    products = ", ".join(f"{rate / 1e12:.3g} TFLOP/s in {dtype}" for dtype, rate in peaks["flops"].items())
    return f"peak of a matrix product {products}; of a copy {peaks['bandwidth'] / 1e9:.3g} GB/s"
