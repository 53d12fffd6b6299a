"""`valle bench arch`: every backbone, beside the library it replaces and at an equal parameter count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from valle_bench.commands.measured import BenchOptions, answer, facts_of, numbers, own_options
from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError

if TYPE_CHECKING:
    from valle_bench.arch.settings import Settings

PACKAGES = ("torch", "transformers", "torchscale", "mamba-ssm", "fla-core", "numba")
QUICK: dict[str, Any] = {
    "lengths": (256, 512, 1024), "train_length": 256, "positions": (256, 1024), "memory_length": 0, "repeats": 2,
    "steps": 16, "cell_seconds": 10.0,
}  # fmt: skip
"""Settings of `--quick`: short rows and no peak memory."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options(BenchOptions):
    """What is measured.

    Attributes:
        arch: backbone to measure; may be repeated; left out: all
        quick: short rows and no peak memory, for a first look
        T: sequence lengths of the forward passes, separated by commas, e.g. 256,1024,4096
        d_model: model width of every backbone, before parameter counts are matched
        layers: number of layers of every backbone, before parameter counts are matched
        set: option of one backbone, ARCH.OPTION=VALUE; may be repeated
        attention: attention kernel for the backbones that need one
        out: folder to write arch.json, arch.md and arch.png to
    """

    arch: tuple[str, ...] = ()
    T: str | None = None
    d_model: int = 512
    layers: int = 4
    attention: str = "sdpa"

    def __post_init__(self) -> None:
        BenchOptions.__post_init__(self)
        for name, least in (("d_model", 2), ("layers", 1)):
            if getattr(self, name) < least:
                raise UserError(f"{name} must be at least {least}, got {getattr(self, name)}")


SCHEMA = Schema(sections=(Section("arch", Options, flat=True, help="Options"),))


def arch(context: CommandContext) -> CommandResult:
    """Measure forward passes, training steps, decoding and memory of every backbone, and of the library it replaces.

    A ratio is shown only where Match says yes: on the same weights the reference gives the same states. What would take
    longer than the limit, or more memory than is free, is left out and named.
    """
    from valle_bench.arch.plot import draw
    from valle_bench.arch.run import plan, run
    from valle_bench.arch.tables import TITLE, ArchReport
    from valle_bench.candidates import candidates_of
    from valle_core.assemble.device import choose_device

    own: Options = context.options("arch")
    place = choose_device(own.device)
    chosen = settings(own, str(place), safe=context.registry.safe)
    archs, left_out = candidates_of(context.registry, "arch", own.arch, place.type)
    extra = own_options(own.set, archs, "arch")
    facts = facts_of(own, place, PACKAGES, left_out)
    facts |= {"peak_memory": "resident memory above the loaded model, one run in a fresh process for each"}
    with context.progress("measured") as bar:
        rows = run(plan(context.registry, archs, chosen, extra), bar.move)
    title = f"{TITLE}: d_model {own.d_model}, {own.layers} layers"
    report = ArchReport(rows=rows, settings=chosen, facts=facts)
    return answer(report, facts, own.out and own.out / "arch.png", lambda picture: draw(picture, title, rows))


def settings(own: Options, device: str, *, safe: bool) -> Settings:
    """Sizes and limits. Raises `UserError` for `--T` that is no list of lengths."""
    from valle_bench.arch.settings import Settings

    chosen = Settings(
        d_model=own.d_model,
        n_layers=own.layers,
        attention=own.attention,
        device=device,
        safe=safe,
        **(QUICK if own.quick else {}),
    )
    if own.T is not None:
        expected = "--T: expected numbers of positions from 1 on with commas between, e.g. --T 256,1024"
        lengths = numbers(own.T, 1, float("inf"), expected, int)
        chosen = replace(chosen, lengths=lengths, memory_length=min(chosen.memory_length, lengths[-1]))
    return chosen if own.cell_seconds is None else replace(chosen, cell_seconds=own.cell_seconds)
