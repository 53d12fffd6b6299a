"""`valle bench sampler`: a step of every sampler, beside the reference it replaces and a decoding step."""

from __future__ import annotations

from dataclasses import dataclass, replace

from valle_bench.commands.measured import BenchOptions, answer, facts_of, numbers, own_options
from valle_core.command import CommandContext, CommandResult
from valle_core.config.schema import Schema, Section
from valle_core.plugin import UserError

PACKAGES = ("torch", "transformers")


@dataclass(frozen=True, kw_only=True, slots=True)
class Options(BenchOptions):
    """What is measured.

    Attributes:
        sampler: sampler to measure; may be repeated; left out: all
        quick: few repeats and no decoding step, for a first look
        batch: batch sizes, separated by commas, e.g. 1,16,64
        tokens: vocabulary size: codes and the stop token
        history: number of tokens that every row has chosen before
        set: option of one sampler, SAMPLER.OPTION=VALUE; may be repeated
        out: folder to write sampler.json, sampler.md and sampler.png to
    """

    sampler: tuple[str, ...] = ()
    batch: str = "1,16,64"
    tokens: int = 1025
    history: int = 400

    def __post_init__(self) -> None:
        BenchOptions.__post_init__(self)
        for name, least in (("tokens", 2), ("history", 1)):
            if getattr(self, name) < least:
                raise UserError(f"{name} must be at least {least}, got {getattr(self, name)}")


SCHEMA = Schema(sections=(Section("sampler", Options, flat=True, help="Options"),))


def sampler(context: CommandContext) -> CommandResult:
    """Measure a step of every sampler, of a full chain, and of a backbone of 35 M parameters beside them.

    A ratio is shown only where Match says yes: the reference gives the same logits, bit for bit, and a row gives alone
    what it gives in the batch. A sampler that cannot run is named with its reason.
    """
    from valle_bench.candidates import candidates_of
    from valle_bench.sampler.plot import draw
    from valle_bench.sampler.run import run
    from valle_bench.sampler.settings import Candidate, Settings
    from valle_bench.sampler.tables import TITLE, SamplerReport
    from valle_core.assemble.device import choose_device

    own: Options = context.options("sampler")
    place = choose_device(own.device)
    expected = "--batch: expected numbers of rows from 1 on with commas between, e.g. --batch 1,16,64"
    batches = numbers(own.batch, 1, 100_000, expected, int)
    names, left_out = candidates_of(context.registry, "sampler", own.sampler, place.type)
    facts = facts_of(own, place, PACKAGES, left_out)
    settings = Settings(
        tokens=own.tokens, history=own.history, device=str(place), safe=context.registry.safe,
        **({"repeats": 3, "layers": 0} if own.quick else {}),
    )  # fmt: skip
    settings = settings if own.cell_seconds is None else replace(settings, cell_seconds=own.cell_seconds)
    candidate = Candidate(samplers=tuple(names), options=own_options(own.set, names, "sampler"))
    with context.progress("measured") as bar:
        found = run(candidate, batches, settings, bar.move)
    report = SamplerReport(rows=found.rows, absent=found.notes, settings=settings, facts=facts)
    return answer(report, facts, own.out and own.out / "sampler.png", lambda png: draw(png, TITLE, found.rows))
