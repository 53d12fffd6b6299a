"""The process that measures one subject: `python -m valle_bench.runner.worker`, a job on stdin, lines on stdout.

A process of its own so that one that runs out of memory or crashes takes nothing else with it, and so that peak
memory is that of one subject. Names and options come in, numbers go out; it finds plugins where its parent does.
"""

from __future__ import annotations

from dataclasses import asdict

from valle_bench.conversation import Say, answer
from valle_bench.runner.measurement import Job
from valle_core.registry.registry import Registry


def work(job: Job, registry: Registry, say: Say) -> None:
    """Load the sides and measure the cells. A side that cannot be loaded is named with the reason and left out.

    `say` takes `{"sides": {name: note}, "facts": {…}}`, then for each cell `{"begin": i}`, `{"alone": side}` where a
    side begins by itself, and `{"cell": i, "figures": {side: {…}}}`.
    """
    opened = job.measurement.opens(registry, job)
    say({"sides": dict(opened.notes), "facts": dict(opened.facts)})
    if opened.measure is None:
        return
    for index, cell in enumerate(job.cells):
        say({"begin": index})
        found = opened.measure(cell, job.without.get(index, ()), lambda side: say({"alone": side}))
        say({"cell": index, "figures": {side: asdict(figure) for side, figure in found.items()}})


def main() -> None:
    """Read the job, answer it."""

    def do(text: str, say: Say) -> None:
        job = Job.read(text)
        work(job, Registry.open(safe=job.settings.safe), say)

    answer(do)


if __name__ == "__main__":
    main()
