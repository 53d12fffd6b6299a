"""The process that measures one subject: `python -m valle_bench.arch.worker`, a job on stdin, lines on stdout.

A process of its own so that one backbone that runs out of memory or crashes takes nothing else with it, and so that
peak memory is that of one model. Names and options come in, numbers go out; it finds plugins where its parent does.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from valle_bench.arch.cells import Bench, measure
from valle_bench.arch.limits import Forecast
from valle_bench.arch.settings import OWN, Cell, Settings, Subject
from valle_bench.arch.sides import OwnModel
from valle_bench.arch.sizes import build_subject
from valle_bench.conversation import Say, answer, with_tuples
from valle_bench.reference import ReferenceModel, references_of
from valle_core.plugin import UserError
from valle_core.registry.loading import one_line
from valle_core.registry.registry import Registry


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What a worker is asked for.

    Attributes:
        subject: the backbone.
        settings: of the run.
        cells: to be measured, in this order.
        peers: whether its peers stand beside it.
        only: name of the one side that is wanted (for peak memory), or "".
    """

    subject: Subject
    settings: Settings
    cells: tuple[Cell, ...]
    peers: bool
    only: str = ""

    def text(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Job:
        """The job of `text()`."""
        given = json.loads(text)
        return cls(
            subject=Subject(**given["subject"]),
            settings=Settings(**with_tuples(given["settings"])),
            cells=tuple(Cell(**cell) for cell in given["cells"]),
            peers=given["peers"],
            only=given["only"],
        )


def work(job: Job, registry: Registry, say: Say) -> None:
    """Load the sides and measure the cells. A side that cannot be loaded is named with the reason and left out.

    `say` takes `{"sides": {name: note}}`, then for each cell `{"begin": i}` and `{"cell": i, "figures": {side: {…}}}`.
    """
    sides, notes = load_sides(job, registry)
    say({"sides": notes})
    if not sides:
        return
    d_model = int(next(iter(sides.values())).d_model)
    models = {side: loaded.model for side, loaded in sides.items()}
    bench = Bench(models, d_model, job.settings, Forecast(job.settings.cell_seconds))
    for index, cell in enumerate(job.cells):
        say({"begin": index})
        say({"cell": index, "figures": {side: asdict(figure) for side, figure in measure(bench, cell).items()}})


@dataclass(frozen=True, slots=True)
class Side:
    """A model that is ready."""

    model: ReferenceModel
    d_model: int


def load_sides(job: Job, registry: Registry) -> tuple[dict[str, Side], dict[str, str]]:
    """The sides by name, ours first, and for each name "" or why it is not among them."""
    sides: dict[str, Side] = {}
    notes: dict[str, str] = {}
    try:
        backbone = build_subject(registry, job.subject, job.settings)
    except UserError as error:
        return {}, {OWN: str(error)}
    if job.only in ("", OWN):
        sides[OWN], notes[OWN] = Side(OwnModel(backbone), backbone.d_model), ""
    found = references_of(registry, "arch", job.subject.arch) if job.peers else []
    for one in found:
        if job.only not in ("", one.title):
            continue
        try:
            sides[one.title] = Side(one.load(backbone), backbone.d_model)
            notes[one.title] = ""
        except UserError as error:
            notes[one.title] = str(error)
        except Exception as error:  # another's code must not end the run
            notes[one.title] = f"cannot be loaded: {one_line(error)}"
    return sides, notes


def main() -> None:
    """Read the job, answer it."""

    def do(text: str, say: Say) -> None:
        job = Job.read(text)
        work(job, Registry.open(safe=job.settings.safe), say)

    answer(do)


if __name__ == "__main__":
    main()
