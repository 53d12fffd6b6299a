"""One process of several, or all of them: trains each run of a JSON list in turn, and writes down which utterances it
read."""

from __future__ import annotations

import json
import os
import sys
from functools import partial, partialmethod
from pathlib import Path

import torch
import torch._dynamo  # an optimizer loads it at its first step: here, once for all processes
import torch.distributed.fsdp

from valle_core.config.resolve import resolve
from valle_core.model.codec_lm import CodecLM
from valle_core.registry.hooks import open_observers
from valle_core.registry.registry import Registry
from valle_core.training import step as steps
from valle_core.training.config import TRAIN_SCHEMA
from valle_core.training.rows import RowMaker
from valle_core.training.run import run_training


def main(runs: Path) -> None:
    registry, rank, example = Registry.open(), os.environ["RANK"], RowMaker.example
    forward, token_loss = CodecLM.forward, steps.token_loss

    def bound(model, most, batch):
        if len(batch.levels) > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(model, batch)

    def spoilt(until, calls, *given):
        calls.append(1)
        loss, figures = token_loss(*given)
        return (loss * float("nan") if len(calls) <= until else loss), figures

    for settings in json.loads(runs.read_text()):
        read = runs.with_name(f"{Path(settings['out']).name}-read-{rank}.jsonl")

        def written(maker, epoch, ids, share=None, read=read):
            with read.open("a") as file:
                file.write(json.dumps([epoch, ids]) + "\n")
            return example(maker, epoch, ids, share)

        RowMaker.example = written
        most = settings.pop("most rows of the second", None)
        CodecLM.forward = forward if most is None or rank == "0" else partialmethod(bound, int(most))
        steps.token_loss = partial(spoilt, int(settings.pop("bad batches", 0)), [])
        resolved = resolve(TRAIN_SCHEMA, registry, flags=list(settings.items()))
        run_training(resolved, registry, open_observers(registry))


def forked(world: int) -> list[int]:
    """This process becomes the first of so many; the ids of the others. What is imported is so once for all."""
    started = []
    for rank in range(1, world):
        if not (process := os.fork()):
            os.environ["RANK"] = os.environ["LOCAL_RANK"] = str(rank)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # what is typed is typed to the first
            return []
        started.append(process)
    return started


if __name__ == "__main__":
    others = forked(int(os.environ["WORLD_SIZE"])) if "RANK" not in os.environ else []
    os.environ.setdefault("RANK", "0")
    os.environ.setdefault("LOCAL_RANK", "0")
    main(Path(sys.argv[1]))
    if any(os.waitpid(process, 0)[1] for process in others):
        raise SystemExit("error: another of the processes failed")
