"""The hook `processes`: what launchers say in the environment, and which way to train together that asks for."""

from __future__ import annotations

import os
from collections.abc import Mapping

from valle_core.api import TrainOptions, UserError, hookimpl, warn
from valle_training.together import DistributedProcesses
from valle_training.zero import ZeroProcesses, stage_of

COUNTS = frozenset({"WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE"})
"""Where launchers, those of MPI included, say how many processes they started."""


class ProcessesHook:
    """Joins them where a launcher started several."""

    @hookimpl
    def train_processes(self, options: TrainOptions) -> DistributedProcesses | None:
        if options.zero and options.shard:
            raise UserError("--shard and --zero both split a run over its processes; give one of them")
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            stage = stage_of(options, os.environ)
            return ZeroProcesses(options, stage) if stage else DistributedProcesses(options)
        if started_alone(os.environ):
            warn(
                "accelerate launch was asked for several processes and started one, as it does with --cpu or without "
                "--multi-gpu; this one trains alone. For several: accelerate launch --multi-gpu --num-processes N"
            )
        elif options.zero or options.shard:
            warn(
                f"--{'zero' if options.zero else 'shard'} splits a run over several processes; this one trains alone "
                "and keeps all. For several: torchrun --nproc-per-node N -m valle_cli train …"
            )
        return None


HOOK = ProcessesHook()


def started_alone(environment: Mapping[str, str]) -> bool:
    """Whether `accelerate launch` was asked for several processes and started a single one: it then says where they are
    to meet, as it does for several only, but not how many they are."""
    return {
        "ACCELERATE_USE_CPU",
        "MASTER_ADDR",
        "MASTER_PORT",
    } <= environment.keys() and not COUNTS & environment.keys()
