"""The process that measures one codec: `python -m valle_bench.codec.worker`, a job on stdin, lines on stdout.

A process of its own so that one that runs out of memory or crashes takes nothing else with it, and so that peak
memory is that of one side. Names and options come in, numbers go out; it finds plugins where its parent does.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from valle_bench.codec.cells import Bench, measure
from valle_bench.codec.memory import Memory
from valle_bench.codec.settings import OWN, Cell, Settings, Subject
from valle_bench.codec.sides import load_sides
from valle_bench.conversation import Say, answer, with_tuples
from valle_core.plugin import UserError
from valle_core.registry.registry import Registry


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What a worker is asked for.

    Attributes:
        subject: the codec.
        settings: of the run.
        cells: to be measured, in this order.
        only: name of the one side whose memory is taken; "" for all sides and their times.
    """

    subject: Subject
    settings: Settings
    cells: tuple[Cell, ...]
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
            only=given["only"],
        )


def work(job: Job, registry: Registry, say: Say) -> None:
    """Load the sides and measure the cells. A side that cannot be loaded is named with the reason and left out.

    `say` takes `{"sides": {name: note}, "facts": {…}}`, then for each cell `{"begin": i}` and
    `{"cell": i, "figures": …}`.
    """
    import torch

    device = torch.device(job.settings.device)
    try:
        sides = load_sides(registry, job.subject, device, only=job.only)
    except UserError as error:
        say({"sides": {OWN: str(error)}, "facts": {}})
        return
    say({"sides": sides.notes, "facts": sides.facts()})
    if not sides.peers:
        return
    random = bool(sides.facts()["random"])
    bench = Bench(sides.codec, sides.peers, job.settings, random)
    memory = Memory(bench, job.only) if job.only else None
    for index, cell in enumerate(job.cells):
        say({"begin": index})
        found = {job.only: memory.measure(cell)} if memory else measure(bench, cell)
        say({"cell": index, "figures": {side: asdict(figure) for side, figure in found.items()}})


def main() -> None:
    """Read the job, answer it."""

    def do(text: str, say: Say) -> None:
        job = Job.read(text)
        work(job, Registry.open(safe=job.settings.safe), say)

    answer(do)


if __name__ == "__main__":
    main()
