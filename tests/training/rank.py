"""One process of several: trains each run of a JSON list in turn, and writes down which utterances it read."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from valle_core.config.resolve import resolve
from valle_core.registry.hooks import open_observers
from valle_core.registry.registry import Registry
from valle_core.training.config import TRAIN_SCHEMA
from valle_core.training.rows import RowMaker
from valle_core.training.run import run_training


def main(runs: Path) -> None:
    registry, rank, example = Registry.open(), os.environ["RANK"], RowMaker.example
    for settings in json.loads(runs.read_text()):
        read = runs.with_name(f"{Path(settings['out']).name}-read-{rank}.jsonl")

        def written(maker, epoch, ids, read=read):
            with read.open("a") as file:
                file.write(json.dumps([epoch, ids]) + "\n")
            return example(maker, epoch, ids)

        RowMaker.example = written
        resolved = resolve(TRAIN_SCHEMA, registry, flags=list(settings.items()))
        run_training(resolved, registry, open_observers(registry))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
