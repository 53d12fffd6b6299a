"""What a batch that memory does not hold is taken as: its rows in two, those in two again, down to one utterance."""

from __future__ import annotations

import torch

from valle_core.plugin import UserError
from valle_core.registry.identity import warn
from valle_core.training.meter import Meter
from valle_core.training.processes import Processes
from valle_core.training.rows import Example, RowMaker


def halves(maker: RowMaker, processes: Processes, meter: Meter, example: Example) -> list[Example]:
    """The same rows as two batches, or as one of fewer utterances; nothing for a single utterance, which is left out.

    Both are counted in the meter. The first halving is a warning, and so is each utterance.

    Raises:
        UserError: weights are split over the processes, which must then take the same number of batches.
    """
    if not processes.keeps_all:
        raise UserError(
            "out of memory, and with --shard or --zero the processes cannot take a batch in parts; lower "
            "--batching.seconds and start anew from the weights (--init-from)"
        )
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    middle = len(example.ids) // 2
    if not middle:
        warn(f"out of memory with one utterance, {', '.join(example.ids)}: it is left out")
        meter.skipped["out of memory"] += 1
        return []
    if not meter.halved_in_all:
        warn(
            f"out of memory with {len(example.ids)} utterances: they are taken in two halves. Further ones are "
            "counted as halved_batches; a lower --batching.seconds avoids them"
        )
    meter.halved += 1
    meter.halved_in_all += 1
    made = [maker.example(example.epoch, ids, example.share) for ids in (example.ids[:middle], example.ids[middle:])]
    return [one for one in made if isinstance(one, Example)]
