"""Processes that train one run together: how they find each other, what they tell each other, how weights lie."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from accelerate.utils import InitProcessGroupKwargs, patch_environment
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from valle_core.api import Processes, TrainOptions, UserError
from valle_training.sharding import split, split_with_optimizer

PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others, at the start and at every step."""
BUCKET = 8_000_000


_CONNECTION = ("connection", "gloo", "nccl", "socket", "broken pipe", "timed out", "timeout")


@contextmanager
def alive(*, computes: bool = False) -> Iterator[None]:
    """What the processes do together. Raises `UserError` where one of them is gone.

    What also `computes` may fail for other reasons, which stay what they are.
    """
    try:
        yield
    except (dist.DistError, RuntimeError) as error:
        told = isinstance(error, dist.DistError) or any(word in str(error).lower() for word in _CONNECTION)
        if "memory" in str(error) or (computes and not told):  # this one is short of it, or wrong
            raise
        why = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UserError(
            f"another process of the run is gone, or does not answer ({why}). Start them all again with --resume"
        ) from error


class DistributedProcesses(Processes):
    """Whole weights in every process, or FSDP2 with `--shard` (or `accelerate launch --use_fsdp`), on any device."""

    def __init__(self, options: TrainOptions) -> None:
        """Raises `UserError` where the processes do not find each other."""
        self.shards = options.shard or os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"
        self.keeps_all = not self.shards
        if self.shards and options.precision == "fp16":
            raise UserError("--shard cannot scale the loss of --precision fp16; use bf16 or fp32")
        # What processes tell each other stays on the CPU, so that nobody waits for a GPU.
        backend = {} if options.device == "cpu" or not torch.cuda.is_available() else {"backend": "cpu:gloo,cuda:nccl"}
        handlers = [InitProcessGroupKwargs(timeout=PATIENCE, **backend)]
        try:
            # `split` does it, on every device, and so does `zero`.
            with patch_environment(ACCELERATE_USE_FSDP="false", ACCELERATE_USE_DEEPSPEED="false"):
                super().__init__(options, kwargs_handlers=handlers)
        except (dist.DistError, ValueError) as error:
            if isinstance(error, UserError):
                raise
            raise UserError(
                f"the processes of the run did not find each other: {str(error).splitlines()[0]}. Start as many as "
                "WORLD_SIZE says, each of them able to reach MASTER_ADDR and MASTER_PORT"
            ) from error

    @alive()
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
            with alive():
                for weight in model.state_dict().values():
                    dist.broadcast(weight, src=0)  # drawn alike already, as long as all machines draw alike
            return self.accelerator.prepare_model(model, evaluation_mode=True), self.accelerator.prepare(optimizer)
        split_with_optimizer(model, optimizer, self.accelerator.device)
        if average.averaged is not None:
            split(average.averaged.module, self.accelerator.device)
        # As if it were for evaluation: no DDP around what is split.
        return self.accelerator.prepare_model(model, evaluation_mode=True), self.accelerator.prepare(optimizer)

    def average_gradients(self, model: nn.Module) -> None:
        """After the passes, not during them: a process that is short of memory takes its batch in parts, and the others
        need not know."""
        if self.shards:
            return
        with torch.no_grad():
            found = [weight.grad for weight in model.parameters() if weight.grad is not None]
            buckets = _buckets(found)
            sums = [torch.cat([one.flatten() for one in bucket]) for bucket in buckets]  # may be short of memory
            with alive():
                for wait in [dist.all_reduce(one, async_op=True) for one in sums]:
                    assert wait is not None
                    wait.wait()
            for bucket, one in zip(buckets, sums, strict=True):
                for gradient, mean in zip(bucket, one.split([each.numel() for each in bucket]), strict=True):
                    gradient.copy_(mean.view_as(gradient)).div_(self.world)

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


def _buckets(gradients: list[Tensor]) -> list[list[Tensor]]:
    """Gradients of one type and about `BUCKET` numbers each, in their order, which is that of every process."""
    buckets: list[list[Tensor]] = []
    for gradient in gradients:
        last = buckets[-1] if buckets else []
        if last and last[0].dtype == gradient.dtype and sum(one.numel() for one in last) < BUCKET:
            last.append(gradient)
        else:
            buckets.append([gradient])
    return buckets


def _name(device: str, rank: int) -> str:
    """Under which a checkpoint keeps a process's random state."""
    return f"{device}.{rank}" if rank else device
