"""Processes that train one run together: how they find each other, what they tell each other, how weights lie."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from accelerate.utils import DistributedDataParallelKwargs, InitProcessGroupKwargs, patch_environment
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from valle_core.api import Processes, TrainOptions, UserError, hookimpl
from valle_training.sharding import split, split_with_optimizer

PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others, at the start and at every step."""


class DistributedProcesses(Processes):
    """DDP, or FSDP2 with `--shard` (or `accelerate launch --use_fsdp`), on any device."""

    def __init__(self, options: TrainOptions) -> None:
        """Raises `UserError` where the processes do not find each other."""
        self.shards = options.shard or os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"
        self.keeps_all = not self.shards
        if self.shards and options.precision == "fp16":
            raise UserError("--shard cannot scale the loss of --precision fp16; use bf16 or fp32")
        # What processes tell each other stays on the CPU, so that nobody waits for a GPU.
        backend = {} if options.device == "cpu" or not torch.cuda.is_available() else {"backend": "cpu:gloo,cuda:nccl"}
        handlers = [
            InitProcessGroupKwargs(timeout=PATIENCE, **backend),
            # Not every batch reaches every weight: a level, an expert or the alignment may be missing.
            DistributedDataParallelKwargs(find_unused_parameters=True),
        ]
        try:
            with patch_environment(ACCELERATE_USE_FSDP="false"):  # `split` does it, on every device
                super().__init__(options, kwargs_handlers=handlers)
        except (dist.DistError, ValueError) as error:
            if isinstance(error, UserError):
                raise
            raise UserError(
                f"the processes of the run did not find each other: {str(error).splitlines()[0]}. Start as many as "
                "WORLD_SIZE says, each of them able to reach MASTER_ADDR and MASTER_PORT"
            ) from error

    def exchange(self, said: Any) -> list[Any]:
        text = torch.frombuffer(bytearray(json.dumps(said).encode()), dtype=torch.uint8)
        sizes = [torch.zeros(1, dtype=torch.long) for _ in range(self.world)]
        dist.all_gather(sizes, torch.tensor([len(text)]))
        longest = int(max(sizes))
        texts = [torch.zeros(longest, dtype=torch.uint8) for _ in sizes]
        dist.all_gather(texts, torch.cat([text, torch.zeros(longest - len(text), dtype=torch.uint8)]))
        return [json.loads(bytes(one[: int(size)].tolist())) for one, size in zip(texts, sizes, strict=True)]

    def prepare(self, model: nn.Module, optimizer: Any, average: Any) -> tuple[Any, Any]:
        if not self.shards:
            return super().prepare(model, optimizer, average)
        split_with_optimizer(model, optimizer, self.accelerator.device)
        if average.averaged is not None:
            split(average.averaged.module, self.accelerator.device)
        # As if it were for evaluation: no DDP around what is split.
        return self.accelerator.prepare_model(model, evaluation_mode=True), self.accelerator.prepare(optimizer)

    def full_tensor(self, tensor: Tensor) -> Tensor:
        return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor

    def random(self) -> dict[str, Tensor]:
        every = self.exchange({name: state.tolist() for name, state in super().random().items()})
        return {
            _name(device, rank): torch.tensor(state, dtype=torch.uint8)
            for rank, said in enumerate(every)
            for device, state in said.items()
        }

    def own_random(self, states: dict[str, Tensor]) -> dict[str, Tensor]:
        found = {name: states[_name(name, self.rank)] for name in super().random() if _name(name, self.rank) in states}
        if "cpu" not in found and "cpu" in states:  # this process was not among those that saved
            seed = int(states["cpu"].long().sum()) + self.rank
            found["cpu"] = torch.Generator().manual_seed(seed).get_state()
        return found


class ProcessesHook:
    """Joins them where a launcher started several."""

    @hookimpl
    def train_processes(self, options: TrainOptions) -> DistributedProcesses | None:
        return DistributedProcesses(options) if int(os.environ.get("WORLD_SIZE", "1")) > 1 else None


HOOK = ProcessesHook()


def _name(device: str, rank: int) -> str:
    """Under which a checkpoint keeps a process's random state."""
    return f"{device}.{rank}" if rank else device
