"""The process that measures one candidate: `python -m valle_bench.runner.worker`, a job on stdin, lines on stdout.

A process of its own so that one that runs out of memory or crashes takes nothing else with it, and so that peak
memory is that of one candidate. Names and options come in, numbers go out; it finds plugins where its parent does.
"""

from __future__ import annotations

from dataclasses import asdict

from valle_bench.conversation import Say, answer
from valle_bench.runner.measurement import Job
from valle_core.registry.registry import Registry


def work(job: Job, registry: Registry, say: Say) -> None:
    """Load the implementations and measure the cells; one that cannot be loaded is left out with its reason.

    `say` takes `{"implementations": {name: note}, "facts": {…}}`, then for each cell `{"begin": i}`,
    `{"alone": NAME}` where one begins by itself, and `{"cell": i, "figures": {NAME: {…}}}`.
    """
    opened = job.measurement.opens(registry, job)
    say({"implementations": dict(opened.notes), "facts": dict(opened.facts)})
    if opened.measure is None:
        return
    for index, cell in enumerate(job.cells):
        say({"begin": index})
        found = opened.measure(cell, job.without.get(index, ()), lambda implementation: say({"alone": implementation}))
        say({"cell": index, "figures": {implementation: asdict(figure) for implementation, figure in found.items()}})


def main() -> None:
    """Read the job, answer it."""

    def do(text: str, say: Say) -> None:
        job = Job.read(text)
        work(job, Registry.open(safe=job.settings.safe), say)

    answer(do)


if __name__ == "__main__":
    main()
